package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"rondo/internal/bench"
	"rondo/internal/bench/load"
	"rondo/internal/bench/loop"
	"rondo/internal/bench/workload"
	"rondo/internal/devbroker"
)

func newBench() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench [WORKLOAD…]",
		Short: "Measure what workflows cost on this machine",
		Long: `Measure throughput, latency, processor time, memory and bytes of some workloads,
on the embedded broker or with --brokers on a Kafka cluster
(docs/performance.md). Engine, load and broker are processes of their own.`,
		Example: `  rondo bench
  rondo bench call5 --rounds 1 --scale 0.2
  rondo bench --brokers localhost:9092`,
	}
	var cfg bench.Config
	var out string
	var all, asJSON bool
	flags := cmd.Flags()
	flags.StringSliceVar(&cfg.Brokers, "brokers", nil, "brokers of a Kafka cluster, host:port, instead of the embedded one")
	flags.IntVar(&cfg.Rounds, "rounds", 3, "how often everything is measured")
	flags.DurationVar(&cfg.WarmUp, "warm-up", 0, "most time for little transactions before anything is measured, until what they cost the broker is steady (default: 90s with --brokers, else 30s)")
	flags.Float64Var(&cfg.Scale, "scale", 1, "factor for the times of all measurements")
	flags.Int64Var(&cfg.Cases, "cases", 0, "let each measurement end after so many cases instead of its time")
	flags.IntVar(&cfg.BrokerPID, "broker-pid", 0, "process of a broker on this machine, whose processor time is measured")
	flags.BoolVar(&cfg.Loops, "loops", true, "measure the bare loops beside the engine")
	flags.Int64Var(&cfg.Sleepers, "sleepers", 10_000_000, "instances that wait in the store, for the workload of that name")
	flags.DurationVar(&cfg.Soak, "soak", 0, "put a steady load on for so long and see whether the engine's memory grows, instead")
	flags.StringVar(&cfg.Profiles, "cpuprofile", "", "folder for profiles of the engine at its limit: processor, heap, allocations, blocking, mutexes")
	flags.StringVar(&out, "out", "", "folder for result.json and plots (SVG)")
	flags.BoolVar(&all, "all", false, "run all workloads, sleepers included")
	flags.BoolVar(&asJSON, "json", false, "print the result as JSON")
	flags.BoolVar(&cfg.Keep, "keep", false, "leave the topics and the folder of the run")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var err error
		if cfg.Workloads, err = workloadsOf(args); err != nil {
			return err
		}
		if all {
			if len(args) > 0 {
				return usagef("--all and names of workloads do not go together")
			}
			cfg.Workloads = workload.All()
		}
		if err := cmp.Or(aboveZero(flags, "rounds"), notBelowZero(flags, "warm-up", "scale", "cases", "sleepers", "soak", "broker-pid")); err != nil {
			return err
		}
		if cfg.WarmUp == 0 {
			cfg.WarmUp = 30 * time.Second
			if len(cfg.Brokers) > 0 {
				cfg.WarmUp = 90 * time.Second
			}
		}
		cfg.Version, cfg.Progress = programVersion(), cmd.ErrOrStderr()
		ctx, stop := untilSignal(cmd.Context())
		defer stop()
		result, err := bench.Run(ctx, cfg)
		if ctx.Err() != nil {
			return &failure{exitInterrupted, errors.New("the benchmark was interrupted: there is no result")}
		}
		if err != nil {
			return err
		}
		if out != "" {
			if err := result.WriteFiles(out); err != nil {
				return err
			}
		}
		if asJSON {
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetIndent("", "  ")
			return enc.Encode(result)
		}
		return result.WriteText(cmd.OutOrStdout())
	}
	cmd.AddCommand(newBenchLoad(), newBenchLoop(), newBenchBroker(), newNodeChild("engine", "Run the engine of a benchmark"))
	return cmd
}

func workloadsOf(names []string) ([]*workload.Workload, error) {
	if len(names) == 0 {
		names = []string{"call5", "passthrough", "counter"}
	}
	var all []*workload.Workload
	for _, name := range names {
		var known []string
		var w *workload.Workload
		for _, one := range workload.All() {
			known = append(known, one.Name)
			if one.Name == name {
				w = one
			}
		}
		if w == nil {
			return nil, usagef("there is no workload %q: give some of %s", name, strings.Join(known, ", "))
		}
		all = append(all, w)
	}
	return all, nil
}

// whileHeld ends the context when a signal comes or standard input ends: then
// nobody holds the other side.
func whileHeld(ctx context.Context, stdin io.Reader) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		// An end and an error both mean that nobody holds the other side.
		_, _ = io.Copy(io.Discard, stdin)
		stop()
	}()
	return ctx, stop
}

// newBenchLoad is the load of a benchmark. What was measured goes to standard
// output.
func newBenchLoad() *cobra.Command {
	return newOrdered("load", "Put on the load of a benchmark", func(ctx context.Context, spec load.Spec, stdout io.Writer) error {
		enc := json.NewEncoder(stdout)
		return load.Run(ctx, spec, func(r load.Report) error { return enc.Encode(r) })
	})
}

// newBenchLoop is a bare loop in the engine's place.
func newBenchLoop() *cobra.Command {
	return newOrdered("loop", "Run a bare loop of a benchmark", loop.Run)
}

// newOrdered is a hidden command that is told what to do by a line of JSON on
// standard input, and ends when that ends.
func newOrdered[Spec any](use, short string, run func(context.Context, Spec, io.Writer) error) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: noArguments, Hidden: true}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		stdin := bufio.NewReader(cmd.InOrStdin())
		line, err := stdin.ReadBytes('\n')
		if err != nil {
			return usagef("read what to do from standard input: %w", err)
		}
		var spec Spec
		if err := json.Unmarshal(line, &spec); err != nil {
			return usagef("read what to do from standard input: %w", err)
		}
		ctx, stop := whileHeld(cmd.Context(), stdin)
		defer stop()
		return run(ctx, spec, cmd.OutOrStdout())
	}
	return cmd
}

// newBenchBroker is the embedded broker of a benchmark. It says where it is.
func newBenchBroker() *cobra.Command {
	cmd := &cobra.Command{Use: "broker", Short: "Run the broker of a benchmark", Args: noArguments, Hidden: true}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		broker, err := devbroker.Start(devbroker.Config{Log: cmd.ErrOrStderr()})
		if err != nil {
			return err
		}
		defer broker.Close()
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), strings.Join(broker.Addrs(), ",")); err != nil {
			return err
		}
		ctx, stop := whileHeld(cmd.Context(), os.Stdin)
		defer stop()
		<-ctx.Done()
		return nil
	}
	return cmd
}

// newNodeChild is a node that somebody else holds: rondo serve, but for one
// thing. It ends when its standard input does, so that it never outlives whoever
// started it.
func newNodeChild(use, short string) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: noArguments, Hidden: true}
	name := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		file, err := loadConfig(*name, cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		ctx, stop := whileHeld(cmd.Context(), cmd.InOrStdin())
		defer stop()
		log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
		return serve(ctx, file, log, cmd.ErrOrStderr())
	}
	return cmd
}
