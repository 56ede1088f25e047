package statestore

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// openBench is a store of ordinary size, in memory, so that the disk of the
// machine is not what is measured.
func openBench(b *testing.B) *Store {
	s := mustOpen(b, Config{Dir: "data", FS: vfs.NewMem()})
	b.Cleanup(func() { mustClose(b, s) })
	return s
}

const benchValueBytes = 300

func benchValue(i int) []byte {
	value := make([]byte, benchValueBytes)
	for at := range value {
		value[at] = byte(i * (at + 7) >> 3)
	}
	return value
}

func benchKey(i int) []byte { return fmt.Appendf(nil, "checkout/order-%08d", i*7919%10_000_000) }

// fillBench restores n instances, each with a timer.
func fillBench(b *testing.B, p *Partition, n int) {
	b.Helper()
	r := p.Restore()
	for i := range n {
		if err := r.Put(benchKey(i), Entry{benchValue(i), int64(1_700_000_000_000 + i)}); err != nil {
			b.Fatal(err)
		}
	}
	if err := r.Flush(position(int64(n))); err != nil {
		b.Fatal(err)
	}
	if err := p.store.flush(); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkGet(b *testing.B) {
	const n = 500_000
	for _, c := range []struct {
		name  string
		first int
	}{{"found", 0}, {"missing", n}} {
		b.Run(c.name, func(b *testing.B) {
			p := openBench(b).Partition(0)
			fillBench(b, p, n)
			keys := make([][]byte, 1<<14)
			for i := range keys {
				keys[i] = benchKey(c.first + i*30%n)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, found, err := p.Get(keys[i%len(keys)]); err != nil || found != (c.first == 0) {
					b.Fatal(found, err)
				}
			}
		})
	}
}

// BenchmarkApply changes instances with timers that were changed a moment ago
// (what a lane does mostly), in batches of several sizes.
func BenchmarkApply(b *testing.B) {
	for _, size := range []int{1, 100, 500} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			p := openBench(b).Partition(0)
			fillBench(b, p, 100_000)
			values := make([][]byte, 64)
			for i := range values {
				values[i] = benchValue(i)
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				o := p.Begin()
				for range size {
					n++
					o.Put(benchKey(n/4%100_000), Entry{values[n%64], int64(1_700_000_030_000 + n)})
				}
				if err := o.Apply(position(int64(n))); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "changes/s")
		})
	}
}

// BenchmarkOverlay stages changes of instances, reads them back, and drops them:
// a batch that is aborted.
func BenchmarkOverlay(b *testing.B) {
	p := openBench(b).Partition(0)
	fillBench(b, p, 1000)
	keys, value := make([][]byte, 100), benchValue(1)
	for i := range keys {
		keys[i] = benchKey(i)
	}
	b.ReportAllocs()
	for b.Loop() {
		o := p.Begin()
		for i, key := range keys {
			o.Put(key, Entry{value, int64(1_700_000_030_000 + i)})
		}
		n := 0
		for range o.Changes() {
			n++
		}
		if n != len(keys) {
			b.Fatal(n)
		}
		o.Discard()
	}
}

// BenchmarkRestore reads a changelog in which one record of four replaces an
// earlier one, into an empty partition, and over what is there.
func BenchmarkRestore(b *testing.B) { benchmarkRestore(b, 400_000) }

// BenchmarkRestoreSome is the same with few records.
func BenchmarkRestoreSome(b *testing.B) { benchmarkRestore(b, 4_000) }

func benchmarkRestore(b *testing.B, n int) {
	keys, values := make([][]byte, n), make([][]byte, 256)
	for i := range keys {
		keys[i] = benchKey(i % (n * 3 / 4))
	}
	for i := range values {
		values[i] = benchValue(i)
	}
	run := func(b *testing.B, p *Partition) {
		r := p.Restore()
		for i, key := range keys {
			if err := r.Put(key, Entry{values[i%256], int64(1_700_000_000_000 + i)}); err != nil {
				b.Fatal(err)
			}
		}
		if err := r.Flush(position(int64(n))); err != nil {
			b.Fatal(err)
		}
	}
	for _, name := range []string{"empty", "over"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				p := openBench(b).Partition(0)
				if name == "over" {
					run(b, p)
				}
				b.StartTimer()
				run(b, p)
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// BenchmarkTimers fires a million armed timers in portions and arms others
// behind them, as a lane does.
func BenchmarkTimers(b *testing.B) { benchmarkTimers(b, 1_000_000) }

// BenchmarkTimersSome is the same with few timers.
func BenchmarkTimersSome(b *testing.B) { benchmarkTimers(b, 4_000) }

func benchmarkTimers(b *testing.B, n int) {
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		p := openBench(b).Partition(0)
		fillBench(b, p, n)
		b.StartTimer()
		fireAll(b, p, n)
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "timers/s")
}

func fireAll(b *testing.B, p *Partition, n int) {
	value := benchValue(1)
	for fired := 0; fired < n; {
		due, err := p.Due(1<<60, 200)
		if err != nil {
			b.Fatal(err)
		}
		o := p.Begin()
		for _, timer := range due {
			next := int64(0)
			if fired%2 == 0 {
				next = timer.Due + 1_000_000_000
			}
			o.Put(timer.Key, Entry{value, next})
			fired++
		}
		if err := o.Apply(position(int64(fired))); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFirstDueAfterRestart opens a store in which a hundred thousand timers
// have fired and were not compacted yet.
func BenchmarkFirstDueAfterRestart(b *testing.B) {
	s := openBench(b)
	p := s.Partition(0)
	fillBench(b, p, 200_000)
	fireAll(b, p, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		if due, found := s.Partition(0).NextDue(); !found || due < 1_700_000_000_000 {
			b.Fatal(due, found)
		}
	}
}
