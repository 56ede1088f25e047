package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"rondo/internal/bench/load"
	"rondo/internal/bench/loop"
	"rondo/internal/bench/workload"
)

// A broker on a JVM compiles what has run often. Little transactions run the code
// of transactions as often as may be, at its limit a workload runs it seldom.
const (
	// warmUnderWay cases are under way: few for each of as many rings as there are
	// partitions, which commit for themselves.
	warmUnderWay = 2 * partitions
	warmWindow   = 5 * time.Second
	// steadyWindows in a row whose figures differ by at most steadyShare of their
	// median make a broker that is warm.
	steadyWindows = 3
	steadyShare   = 0.1
	// touchTime is how long each subject runs at its least and at its limit before
	// anything is measured: the subjects have caches and connections too.
	touchTime = 2 * time.Second
)

// Warmth is how the broker was warmed up.
type Warmth struct {
	Seconds float64  `json:"seconds"` // it took
	Figure  string   `json:"figure"`  // what was looked at
	Unit    string   `json:"unit"`
	Windows []Number `json:"windows"` // what it was, one stretch after the other
	Steady  bool     `json:"steady"`  // the last of them differ little
}

func (w Warmth) String() string {
	if len(w.Windows) == 0 {
		return "0 s"
	}
	var figures []string
	for _, figure := range w.Windows[max(0, len(w.Windows)-steadyWindows):] {
		figures = append(figures, decimal("%.0f", float64(figure)))
	}
	state := "steady"
	if !w.Steady {
		state = "NOT steady"
	}
	return fmt.Sprintf("%.0f s (%s: %s, at last %s %s)", w.Seconds, state, w.Figure, strings.Join(figures, ", "), w.Unit)
}

// steady reports whether the last windows differ little.
func steady(windows []Number) bool {
	if len(windows) < steadyWindows {
		return false
	}
	last := slices.Clone(windows[len(windows)-steadyWindows:])
	slices.Sort(last)
	least, median, most := float64(last[0]), float64(last[steadyWindows/2]), float64(last[steadyWindows-1])
	return most-least <= steadyShare*median // false with NaN
}

// warmingFigure is what a window tells of the broker: its processor time for a
// transaction, or if that is not known how long a step takes.
func warmingFigure(r Round) (figure float64, what, unit string) {
	cpu := float64(r.CPU.BrokerPer1000) * float64(r.Steps) / 1000
	figure = 1e6 * cpu / (float64(r.TransactionsPerSecond) * r.Seconds)
	if !math.IsNaN(figure) && !math.IsInf(figure, 0) {
		return figure, "the broker's processor time per transaction", "µs"
	}
	return 1000 * milliseconds(r.Step, 0.5), "p50 of a step", "µs"
}

// warm puts little transactions on the broker until what they cost is steady, or
// the time for it is over.
func (s *session) warm(ctx context.Context, w *workload.Workload, by subject) (Warmth, error) {
	s.say("%s: warming the broker up, %s at most", w.Name, s.cfg.WarmUp)
	var warmth Warmth
	began := time.Now()
	for !warmth.Steady && time.Since(began) < s.cfg.WarmUp {
		phase := load.Phase{Name: "warm-up", Concurrency: warmUnderWay, Measure: min(warmWindow, s.cfg.WarmUp)}
		rounds, err := s.round(ctx, by, w, []load.Phase{phase})
		if err == nil {
			err = rounds[0].sound(phase.Name)
		}
		if err != nil {
			return warmth, err
		}
		figure, what, unit := warmingFigure(rounds[0])
		warmth.Windows, warmth.Figure, warmth.Unit = append(warmth.Windows, Number(figure)), what, unit
		warmth.Steady = steady(warmth.Windows)
	}
	warmth.Seconds = time.Since(began).Seconds()
	s.say("%s: warmed up for %s", w.Name, warmth)
	return warmth, nil
}

// warmer is who warms the broker up: a loop with a ring for each partition, or the
// engine where there is none. The loop must be stopped.
func (s *session) warmer(ctx context.Context, w *workload.Workload, prefix string, all *crew) (by subject, stop func() error, err error) {
	if all.learned == nil {
		return all.subjects[0], func() error { return nil }, nil
	}
	b, err := s.loop(ctx, w, prefix+"-warm", *all.learned, loop.Ring, partitions)
	if b == nil {
		return nil, nil, err
	}
	if err != nil {
		return nil, nil, errors.Join(err, b.stop())
	}
	return b, b.stop, nil
}

// warmUp warms the broker up, if it is the run's first workload, and then lets each
// subject run a little.
func (s *session) warmUp(ctx context.Context, w *workload.Workload, prefix string, all *crew, result *Result) error {
	if w == s.cfg.Workloads[0] && s.cfg.Cases == 0 {
		by, stop, err := s.warmer(ctx, w, prefix, all)
		if err != nil {
			return err
		}
		result.Warmth, err = s.warm(ctx, w, by)
		if err := errors.Join(err, stop()); err != nil {
			return err
		}
	}
	s.say("%s: warming the subjects up", w.Name)
	for _, sub := range all.subjects {
		for _, phase := range s.cfg.touches(w) {
			if err := s.sound(ctx, sub, w, s.nextTag(), phase); err != nil {
				return err
			}
		}
	}
	return nil
}
