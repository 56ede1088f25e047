// Command kafka runs real Apache Kafka on this machine, for trying things by
// hand until it is interrupted, or for as long as a command runs. Its data is
// gone afterwards.
//
//	go run ./internal/kafkatest/cmd/kafka            # at 127.0.0.1:9092, if that is free
//	go run ./internal/kafkatest/cmd/kafka --nodes 3
//	go run ./internal/kafkatest/cmd/kafka -- kcat -b {} -L
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"rondo/internal/kafkatest"
)

func main() {
	nodes := flag.Int("nodes", 1, "brokers: 1 or 3")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	err := run(ctx, *nodes, flag.Args())
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended):
		os.Exit(max(ended.ExitCode(), 1)) // the command has said why
	case err != nil:
		fmt.Fprintf(os.Stderr, "kafka: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, nodes int, command []string) error {
	if nodes != 1 && nodes != 3 {
		return fmt.Errorf("--nodes %d: give 1 or 3", nodes)
	}
	fmt.Fprintln(os.Stderr, "starting Apache Kafka (the first time it is downloaded, 54 MB)")
	options := kafkatest.Options{Nodes: nodes, Throughput: true}
	if len(command) == 0 {
		options.Port = usualPort(nodes)
	}
	kafka, err := kafkatest.Run(ctx, options)
	if err != nil {
		return err
	}
	address := strings.Join(kafka.Addrs(), ",")
	return errors.Join(use(ctx, address, command), kafka.Stop())
}

// usual is the port that `rondo init` writes into its files, as everybody does.
const usual = 9092

// usualPort is that port, or 0 if somebody has it, or one that follows it, already.
func usualPort(nodes int) int {
	taken := kafkatest.TakenPort(usual, nodes)
	if taken == 0 {
		return usual
	}
	fmt.Fprintf(os.Stderr, "port %d is taken, so the address is another than localhost:%d: give it to rondo with --brokers, or as brokers in the configuration\n", taken, usual)
	return 0
}

// use waits for the command, or without one for the interrupt.
func use(ctx context.Context, address string, command []string) error {
	if len(command) > 0 {
		return with(ctx, address, command)
	}
	fmt.Println(address)
	fmt.Fprintln(os.Stderr, "ready at the address above; Ctrl-C stops it")
	<-ctx.Done()
	return nil
}

// with runs the command; {} in its words is the address. An interrupt is passed
// on to it.
func with(ctx context.Context, address string, command []string) error {
	words := make([]string, len(command))
	for i, word := range command {
		words[i] = strings.ReplaceAll(word, "{}", address)
	}
	child := exec.CommandContext(ctx, words[0], words[1:]...)
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	child.Cancel = func() error { return child.Process.Signal(os.Interrupt) }
	child.WaitDelay = 30 * time.Second
	return child.Run()
}
