package bench

import (
	"fmt"
	"io"
	"strings"
	"time"

	"rondo/internal/bench/load"
	"rondo/internal/bench/loop"
	"rondo/internal/bench/workload"
)

// Times of the parts of a run.
const (
	measureTime = 4 * time.Second // of one kind of load, in one round, on one subject
	// rampShare of that time comes before, unmeasured.
	rampShare = 4
	// sessionShare of the time is enough for the loop that nothing is compared with.
	sessionShare = 2
	// overhead of a workload: topics, joining of the group, learning.
	overhead = 10 * time.Second
)

// engineName is the engine among the subjects; loops are called by their kind.
const engineName = "engine"

// subjectsOf are the subjects of a workload, in the order of their turns.
func (c Config) subjectsOf(w *workload.Workload) []string {
	if w.Sleepers {
		return []string{engineName, sleepersName}
	}
	if c.Loops && w.Loops {
		return []string{engineName, string(loop.Ring), string(loop.Session)}
	}
	return []string{engineName}
}

// closedName and openName are the names of kinds of load.
func closedName(concurrency int) string      { return fmt.Sprintf("c%d", concurrency) }
func openName(stepsPerSecond float64) string { return fmt.Sprintf("%.0f/s", stepsPerSecond) }

// phasesOf are the kinds of load that a workload is measured under on a subject.
func (c Config) phasesOf(w *workload.Workload, subject string) []load.Phase {
	measure := time.Duration(float64(measureTime) * c.Scale)
	if subject == string(loop.Session) {
		measure /= sessionShare
	}
	var phases []load.Phase
	add := func(p load.Phase) {
		p.Measure, p.Ramp = measure, measure/rampShare
		if c.Cases > 0 {
			p.Measure, p.Ramp, p.Cases = 0, 0, c.Cases
		}
		phases = append(phases, p)
	}
	for _, n := range w.Closed {
		add(load.Phase{Name: closedName(n), Concurrency: n})
	}
	for _, rate := range w.Open {
		add(load.Phase{Name: openName(rate), Rate: rate / float64(w.Steps)})
	}
	return phases
}

// touches are the loads on each subject before anything is measured.
func (c Config) touches(w *workload.Workload) []load.Phase {
	limit := w.Closed[len(w.Closed)-1]
	if c.Cases > 0 {
		return []load.Phase{{Name: "warm-up", Concurrency: limit, Cases: c.Cases}}
	}
	took := time.Duration(float64(touchTime) * c.Scale)
	return []load.Phase{{Name: "warm-up", Concurrency: 1, Measure: took}, {Name: "warm-up", Concurrency: limit, Measure: took}}
}

// timeOf is about how long a workload takes.
func (c Config) timeOf(w *workload.Workload) time.Duration {
	subjects := c.subjectsOf(w)
	sum := overhead
	if w.Sleepers {
		sum += time.Duration(c.Sleepers/sleepersPerSecond) * time.Second
	}
	if w == c.Workloads[0] && c.Cases == 0 {
		sum += c.WarmUp // at most
	}
	for _, name := range subjects {
		for _, p := range c.touches(w) {
			sum += p.Measure
		}
		for _, p := range c.phasesOf(w, name) {
			sum += time.Duration(c.Rounds) * (p.Ramp + p.Measure)
		}
	}
	return sum
}

// What a run may write, for an estimate of the disk that it needs.
const (
	mostStepsPerSecond = 20_000
	bytesOfStep        = 1_500 // in all topics, before compression
)

// bytesOf is about how much a workload may write before its topics are deleted.
func (c Config) bytesOf(w *workload.Workload) int64 {
	if w.Sleepers {
		loops := c.timeOf(w) - time.Duration(c.Sleepers/sleepersPerSecond)*time.Second
		return c.Sleepers*bytesOfSleeper + int64(loops.Seconds())*mostStepsPerSecond*bytesOfStep
	}
	return int64(c.timeOf(w).Seconds()) * mostStepsPerSecond * bytesOfStep
}

// WritePlan says what will be done, how long it takes and what it needs.
func (c Config) WritePlan(to io.Writer) error {
	var b strings.Builder
	if c.Soak > 0 {
		bytes := c.Soak.Seconds() * soakRate * bytesOfStep
		_, err := fmt.Fprintf(to, "  %s at %d steps/s for %s, engine alone; up to %.1f GB of disk (memory, with the embedded broker)\n", c.Workloads[0].Name, soakRate, c.Soak, bytes/1e9)
		return err
	}
	total, most := time.Duration(0), int64(0)
	for _, w := range c.Workloads {
		took := c.timeOf(w)
		total, most = total+took, max(most, c.bytesOf(w))
		var kinds []string
		for _, p := range c.phasesOf(w, engineName) {
			kinds = append(kinds, p.Name)
		}
		fmt.Fprintf(&b, "  %-15s %s\n", w.Name, w.Short)
		fmt.Fprintf(&b, "  %-15s %s; %d rounds of %s; about %s\n", "", strings.Join(c.subjectsOf(w), ", "), c.Rounds, strings.Join(kinds, " "), took.Round(time.Second))
	}
	if c.Cases == 0 {
		fmt.Fprintf(&b, "  in all about %s, and up to %.0f GB of disk (memory, with the embedded broker) at once\n", total.Round(time.Second), float64(most)/1e9)
	}
	_, err := io.WriteString(to, b.String())
	return err
}
