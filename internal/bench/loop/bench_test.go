package loop_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rondo/internal/bench/loop"
	"rondo/internal/kafkatest"
)

// BenchmarkRings compares ring loops that share rings in different ways, on real
// Kafka: sequences of five calls, once at 1,000 calls per second, once with 128
// workflows at a time. The loop, the brokers and the load are processes of their
// own. A round runs all variants, one after the other, so that what disturbs the
// machine disturbs all of them.
//
//	go test ./internal/bench/loop -run '^$' -bench Rings -benchtime 3x -timeout 30m
//
// Each line is the median of the rounds.
func BenchmarkRings(b *testing.B) {
	for _, partitions := range []int{8, 32} {
		b.Run(fmt.Sprintf("partitions-%d", partitions), func(b *testing.B) {
			cluster := kafkatest.Shared(b, 1)
			var variants []*variant
			for _, rings := range []int{partitions, 2, 1} {
				v := openVariant(b, cluster, loop.Ring, partitions, rings)
				v.measure(b, phase{atOnce: 128, lasts: 10 * time.Second}) // warms the broker up
				variants = append(variants, v)
			}
			b.ResetTimer()
			for range b.N {
				for _, p := range []phase{{rate: 1000, lasts: 10 * time.Second}, {atOnce: 128, lasts: 10 * time.Second}} {
					for _, v := range variants {
						v.add(p, v.measure(b, p))
					}
				}
			}
			for _, v := range variants {
				v.report(b)
			}
			b.ReportMetric(0, "ns/op") // of a round; says nothing
		})
	}
}

// phase is a stretch of load: so many workflows at once, or so many calls each
// second.
type phase struct {
	atOnce int
	rate   int
	lasts  time.Duration
}

func (p phase) String() string {
	if p.rate > 0 {
		return fmt.Sprintf("%d calls/s", p.rate)
	}
	return fmt.Sprintf("%d at once", p.atOnce)
}

// figures are what came of a phase.
type figures struct {
	stepsPerSecond, transactionsPerSecond float64
	p50, p99                              float64 // of a step, ms
	loopCPU, brokerCPU                    float64 // us per step
}

// variant is a loop in a process of its own.
type variant struct {
	*lab
	name    string
	last    atomic.Pointer[loop.Stats]
	started int
	seen    map[string][]figures // by phase
}

func openVariant(b *testing.B, cluster *kafkatest.Cluster, kind loop.Kind, partitions, rings int) *variant {
	v := &variant{lab: openLab(b, cluster, partitions), name: fmt.Sprintf("%d-rings", rings), seen: make(map[string][]figures)}
	ctx, cancel := context.WithCancel(context.Background())
	b.Cleanup(cancel) // before the lab's client is closed
	spec := v.spec(kind, rings)
	spec.StatsEvery = loop.Duration(50 * time.Millisecond)
	text, err := json.Marshal(spec)
	if err != nil {
		b.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	child := exec.CommandContext(ctx, self)
	child.Env, child.Stderr = append(os.Environ(), asChild+"="+string(text)), os.Stderr
	out, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	ready := make(chan struct{})
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var s loop.Stats
			if json.Unmarshal(lines.Bytes(), &s) == nil && v.last.Swap(&s) == nil {
				close(ready)
			}
		}
		_ = child.Wait() // killed at the end; an early death shows in the figures
	}()
	select {
	case <-ready:
	case <-time.After(time.Minute):
		b.Fatalf("%s did not begin", v.name)
	}
	go v.serve(ctx)
	return v
}

// measure loads the loop, and looks at what happened after a fifth of the time.
func (v *variant) measure(b *testing.B, p phase) figures {
	ctx, cancel := context.WithTimeout(context.Background(), p.lasts)
	defer cancel()
	over := make(chan struct{})
	go func() {
		defer close(over)
		v.load(ctx, p)
	}()
	<-time.After(p.lasts / 5)
	v.takeTimes()
	began, before, brokers := time.Now(), *v.last.Load(), v.brokerCPU(b)
	<-ctx.Done()
	steps, _ := v.takeTimes()
	took, after, brokersAfter := time.Since(began).Seconds(), *v.last.Load(), v.brokerCPU(b)
	<-over
	v.drain(b)
	if len(steps) == 0 {
		b.Fatalf("%s: nothing came at %v", v.name, p)
	}
	slices.Sort(steps)
	at := func(share float64) float64 {
		return float64(steps[int(share*float64(len(steps)))].Microseconds()) / 1000
	}
	n := float64(len(steps))
	return figures{
		stepsPerSecond: n / took, transactionsPerSecond: float64(after.Transactions-before.Transactions) / took,
		p50: at(0.5), p99: at(0.99),
		loopCPU: (after.CPUSeconds - before.CPUSeconds) / n * 1e6, brokerCPU: (brokersAfter - brokers) / n * 1e6,
	}
}

// load starts workflows until ctx ends.
func (v *variant) load(ctx context.Context, p phase) {
	if p.atOnce > 0 {
		for n := 0; ctx.Err() == nil; n++ {
			if n >= p.atOnce && !v.awaitEnd(ctx) {
				return
			}
			v.next(ctx)
		}
		return
	}
	ticker := time.NewTicker(time.Second * calls / time.Duration(p.rate))
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			v.next(ctx)
		case <-ctx.Done():
			return
		}
		for len(v.ended) > 0 {
			<-v.ended
		}
	}
}

func (v *variant) next(ctx context.Context) {
	v.start(context.WithoutCancel(ctx), v.started)
	v.started++
}

// drain waits until all workflows have ended, and forgets them.
func (v *variant) drain(b *testing.B) {
	deadline := time.After(time.Minute)
	for {
		v.mu.Lock()
		open := 0
		for _, f := range v.flows {
			if f.done == 0 {
				open++
			}
		}
		if open == 0 {
			clear(v.flows)
		}
		v.mu.Unlock()
		if open == 0 {
			for len(v.ended) > 0 {
				<-v.ended
			}
			return
		}
		select {
		case <-v.ended:
		case <-deadline:
			b.Fatalf("%s: %d workflows did not end", v.name, open)
		}
	}
}

// brokerCPU is the processor time that the brokers have used, in seconds.
func (v *variant) brokerCPU(b *testing.B) float64 {
	const ticksPerSecond = 100 // USER_HZ, the same on all Linux systems
	total := 0.0
	for _, pid := range v.cluster.Kafka.Processes() {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			b.Skipf("the brokers' processor time cannot be read: %v", err)
		}
		_, after, _ := strings.Cut(string(stat), ") ") // the name may hold blanks
		fields := strings.Fields(after)
		for _, ticks := range fields[11:13] { // utime, stime
			n, err := strconv.ParseFloat(ticks, 64)
			if err != nil {
				b.Fatal(err)
			}
			total += n / ticksPerSecond
		}
	}
	return total
}

func (v *variant) add(p phase, f figures) { v.seen[p.String()] = append(v.seen[p.String()], f) }

func (v *variant) report(b *testing.B) {
	for p, all := range v.seen {
		median := func(of func(figures) float64) float64 {
			values := make([]float64, len(all))
			for i, f := range all {
				values[i] = of(f)
			}
			slices.Sort(values)
			return values[len(values)/2]
		}
		// Of a benchmark's log only the first lines are shown.
		fmt.Printf("%d partitions, %-9s %-14s %7.0f steps/s %6.0f txn/s  step p50 %6.2f p99 %7.2f ms  CPU per step: loop %4.0f us, broker %4.0f us\n", v.partitions, v.name, p,
			median(func(f figures) float64 { return f.stepsPerSecond }), median(func(f figures) float64 { return f.transactionsPerSecond }),
			median(func(f figures) float64 { return f.p50 }), median(func(f figures) float64 { return f.p99 }),
			median(func(f figures) float64 { return f.loopCPU }), median(func(f figures) float64 { return f.brokerCPU }))
	}
}
