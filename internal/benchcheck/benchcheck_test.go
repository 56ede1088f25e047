package main

import (
	"bytes"
	"fmt"
	"sort"
	"strings"
	"testing"
)

// BenchmarkReference is work such as the program's: small objects, maps of text,
// copying, comparing. The times of all other benchmarks are divided by its time.
// It must never be changed but with the baseline.
func BenchmarkReference(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		referenceWork()
	}
}

func referenceWork() int {
	found := make(map[string][]byte)
	var names []string
	for i := range 50 {
		name := fmt.Sprintf("order-%04d", i*7919%1000)
		found[name] = append([]byte(name), make([]byte, 100)...)
		names = append(names, name)
	}
	sort.Strings(names)
	total := 0
	for _, name := range names {
		total += len(found[name]) + bytes.IndexByte(found[name], 0)
	}
	return total
}

func TestReferenceWorks(t *testing.T) {
	if got := referenceWork(); got != 50*(110+10) {
		t.Error(got)
	}
}

func text(lines ...string) string {
	return "goos: linux\npkg: rondo/internal/benchcheck\nBenchmarkReference 100 1000 ns/op 80 B/op 10 allocs/op\npkg: rondo/x\n" +
		strings.Join(lines, "\n") + "\nPASS\n"
}

func read(t *testing.T, texts ...string) samples {
	t.Helper()
	s := samples{}
	for _, text := range texts {
		if err := s.read(strings.NewReader(text), "text"); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestFastestRoundCounts(t *testing.T) {
	s := read(t, text("BenchmarkA/b 10 5000 ns/op 8 B/op 3 allocs/op"), text("BenchmarkA/b 10 3000 ns/op 8 B/op 4 allocs/op"))
	got, ok := s["rondo/x.A/b"]
	if !ok || got.allocs != 3 || got.seconds != 3e-6 {
		t.Errorf("%v", s)
	}
	if ratio, ok := s.ratio("rondo/x.A/b"); !ok || ratio < 2.99 || ratio > 3.01 {
		t.Errorf("ratio %v", ratio)
	}
}

func TestWhatBecameWorseIsNamed(t *testing.T) {
	baseline := read(t, text(
		"BenchmarkSame 10 3000 ns/op 8 B/op 100 allocs/op",
		"BenchmarkSlow 10 3000 ns/op 8 B/op 4 allocs/op",
		"BenchmarkGreedy 10 3000 ns/op 8 B/op 100 allocs/op",
		"BenchmarkGone 10 3000 ns/op 8 B/op 4 allocs/op",
		"BenchmarkThrifty 10 3000 ns/op 8 B/op 40 allocs/op"))
	// On a machine of half the speed.
	now := read(t, strings.Replace(text(
		"BenchmarkSame 10 7000 ns/op 8 B/op 101 allocs/op",
		"BenchmarkSlow 10 10000 ns/op 8 B/op 4 allocs/op",
		"BenchmarkGreedy 10 6000 ns/op 8 B/op 104 allocs/op",
		"BenchmarkNew 10 3000 ns/op 8 B/op 4 allocs/op",
		"BenchmarkThrifty 10 6000 ns/op 8 B/op 20 allocs/op"), " 1000 ns/op", " 2000 ns/op", 1))
	var out strings.Builder
	err := report(&out, len(now), judge(baseline, now, true), fewer(baseline, now))
	if err == nil || !strings.Contains(err.Error(), "make bench-baseline") {
		t.Errorf("the way out is missing: %v", err)
	}
	want := `better: rondo/x.Thrifty: 20 allocations per operation, the baseline has 40
worse:  rondo/x.Gone: is in the baseline only
worse:  rondo/x.Greedy: 104 allocations per operation, the baseline has 100
worse:  rondo/x.Slow: takes 5 times the reference, in the baseline 3 times
worse:  rondo/x.New: is not in the baseline
`
	if out.String() != want {
		t.Errorf("%s\nwanted\n%s", out.String(), want)
	}
	for _, f := range judge(baseline, now, false) {
		if f.kind == "time" {
			t.Errorf("times were left out, but %v", f)
		}
	}
}

func TestResultsWithoutAllocationsAreRefused(t *testing.T) {
	if err := (samples{}).read(strings.NewReader("BenchmarkA 10 5 ns/op\n"), "text"); err == nil {
		t.Error("taken")
	}
}

func TestNothingWorseIsNoError(t *testing.T) {
	s := read(t, text("BenchmarkA 10 5 ns/op 8 B/op 3 allocs/op"))
	var out strings.Builder
	if err := report(&out, len(s), judge(s, s, true), fewer(s, s)); err != nil || out.String() != "2 benchmarks cost what they did\n" {
		t.Errorf("%v, %s", err, &out)
	}
}
