package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "benchcheck:", err)
		os.Exit(1)
	}
}

// settings are what the command line says.
type settings struct {
	baseline   string
	rounds     int
	again      int
	write      bool
	allocsOnly bool
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var s settings
	flags := flag.NewFlagSet("benchcheck", flag.ContinueOnError)
	flags.StringVar(&s.baseline, "baseline", "internal/benchcheck/baseline.txt", "file of what it cost before")
	flags.IntVar(&s.rounds, "rounds", 3, "rounds, of which the fastest counts")
	flags.IntVar(&s.again, "again", 4, "more rounds, if something looks slower")
	flags.BoolVar(&s.write, "write", false, "write the baseline instead of comparing with it")
	flags.BoolVar(&s.allocsOnly, "allocs", false, "compare allocations only, which no load disturbs, in one round")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if s.allocsOnly {
		s.rounds, s.again = 1, 0
	}
	dir, err := os.MkdirTemp("", "benchcheck")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{root: ".", dir: dir}
	if err := b.build(ctx); err != nil {
		return err
	}
	if s.write {
		return s.writeBaseline(ctx, b)
	}
	return s.check(ctx, b, out)
}

func (s settings) writeBaseline(ctx context.Context, b *bench) error {
	var text bytes.Buffer
	for range s.rounds + s.again {
		if err := b.round(ctx, &text); err != nil {
			return err
		}
	}
	return os.WriteFile(s.baseline, text.Bytes(), 0o644)
}

func (s settings) check(ctx context.Context, b *bench, out io.Writer) error {
	baseline := samples{}
	file, err := os.Open(s.baseline)
	if err != nil {
		return fmt.Errorf("%w: write it by `make bench-baseline`", err)
	}
	defer file.Close()
	if err := baseline.read(file, s.baseline); err != nil {
		return err
	}
	now := samples{}
	var found []finding
	for round := range s.rounds + s.again {
		if round >= s.rounds && len(found) == 0 {
			break
		}
		var text bytes.Buffer
		if err := b.round(ctx, &text); err != nil {
			return err
		}
		if err := now.read(&text, "this run"); err != nil {
			return err
		}
		found = judge(baseline, now, !s.allocsOnly)
	}
	return report(out, len(now), found, fewer(baseline, now))
}

// report says what is worse, and what has become better.
func report(out io.Writer, compared int, worse, better []finding) error {
	for _, f := range better {
		fmt.Fprintln(out, "better:", f)
	}
	for _, f := range worse {
		fmt.Fprintln(out, "worse: ", f)
	}
	if len(worse) > 0 {
		return errors.New("it costs more than it did. If that is meant, run `make bench-baseline` and commit the file with the reason")
	}
	fmt.Fprintf(out, "%d benchmarks cost what they did\n", compared)
	if len(better) > 0 {
		fmt.Fprintln(out, "some cost less: run `make bench-baseline`, so that it stays so")
	}
	return nil
}
