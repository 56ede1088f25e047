package main

import (
	"fmt"
	"io"

	"golang.org/x/perf/benchfmt"
)

// reference is the benchmark whose time the others' are divided by.
const reference = "rondo/internal/benchcheck.Reference"

// samples has the fastest time and the fewest allocations of each benchmark, by
// package and name.
type samples map[string]sample

// sample is what the best round of a benchmark cost. Each may be of another round.
type sample struct {
	seconds float64 // per operation
	allocs  float64 // per operation
}

// read adds the results in a text of the benchmark format.
func (s samples) read(from io.Reader, name string) error {
	reader := benchfmt.NewReader(from, name)
	for reader.Scan() {
		switch r := reader.Result().(type) {
		case *benchfmt.Result:
			if err := s.add(r); err != nil {
				return err
			}
		case *benchfmt.SyntaxError:
			return fmt.Errorf("read benchmarks: %w", r)
		}
	}
	if err := reader.Err(); err != nil {
		return fmt.Errorf("read benchmarks of %s: %w", name, err)
	}
	return nil
}

func (s samples) add(r *benchfmt.Result) error {
	name := r.GetConfig("pkg") + "." + string(r.Name.Full())
	seconds, timed := r.Value("sec/op")
	allocs, counted := r.Value("allocs/op")
	if !timed || !counted {
		return fmt.Errorf("%s has no sec/op or no allocs/op: run with -benchmem", name)
	}
	if best, ok := s[name]; ok {
		seconds, allocs = min(seconds, best.seconds), min(allocs, best.allocs)
	}
	s[name] = sample{seconds, allocs}
	return nil
}

// ratio is the time of a benchmark by the reference's; false if one is missing.
func (s samples) ratio(name string) (float64, bool) {
	base, ok := s[reference]
	of, found := s[name]
	if !ok || !found || base.seconds == 0 {
		return 0, false
	}
	return of.seconds / base.seconds, true
}
