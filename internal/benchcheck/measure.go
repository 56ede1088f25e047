package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// suite is a package's benchmarks that are compared: those that are over in a
// moment and need no network.
type suite struct {
	dir   string // from the repository's root
	bench string // as go test -bench takes it
	times int    // that each operation is done in a round: always the same, for what maps and buffers take as they grow
}

var suites = []suite{
	{"internal/benchcheck", "^BenchmarkReference$", 1000},
	{"topology", "^Benchmark(CallStep|Start|LoopStep|Decide)$", 1500},
	{"topology/expr", "^BenchmarkEval$", 10000},
	{"topology/value", "^Benchmark(FromJSON|ToJSON)$", 2000},
	{"schemas", "^Benchmark(Order|Records|Instance)$", 400},
	{"statestore", "^Benchmark(Overlay|Apply)$", 100},
	{"statestore", "^Benchmark(RestoreSome|TimersSome)$", 20},
	{"processor", "^BenchmarkLane$", 20},
}

// bench builds the suites' tests once and runs rounds of their benchmarks.
type bench struct {
	root string
	dir  string // of the programs
}

func (b *bench) build(ctx context.Context) error {
	for i, s := range suites {
		build := exec.CommandContext(ctx, "go", "test", "-c", "-o", b.program(i), "./"+s.dir)
		build.Dir = b.root
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build the tests of %s: %w\n%s", s.dir, err, out)
		}
	}
	return nil
}

func (b *bench) program(i int) string { return filepath.Join(b.dir, fmt.Sprintf("suite-%d.test", i)) }

// round runs every suite once, one after the other, and writes their results.
// They run on one processor, so that what collects their garbage takes its time
// from them.
func (b *bench) round(ctx context.Context, to io.Writer) error {
	for i, s := range suites {
		run := exec.CommandContext(ctx, b.program(i), "-test.run", "^$", "-test.bench", s.bench,
			"-test.benchmem", "-test.benchtime", fmt.Sprintf("%dx", s.times), "-test.cpu", "1", "-test.timeout", "5m")
		run.Dir = filepath.Join(b.root, s.dir)
		run.Env = append(os.Environ(), "RONDO_KAFKA=embedded")
		var out, failed bytes.Buffer
		run.Stdout, run.Stderr = &out, &failed
		if err := run.Run(); err != nil {
			return fmt.Errorf("benchmarks of %s: %w\n%s%s", s.dir, err, &out, &failed)
		}
		if _, err := to.Write(out.Bytes()); err != nil {
			return fmt.Errorf("keep the results of %s: %w", s.dir, err)
		}
	}
	return nil
}
