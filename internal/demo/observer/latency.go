package observer

import (
	"slices"
	"sync"
	"time"

	"rondo/internal/demo/verdict"
)

// maxUnmatched bounds the events and commands that wait for their counterpart;
// beyond it the oldest are forgotten, and so not measured.
const maxUnmatched = 200_000

// sample is one step.
type sample struct {
	handed time.Time // the event to its producer
	took   time.Duration
}

// latencies pairs events with the commands that they caused. Either may be
// reported first.
type latencies struct {
	mu      sync.Mutex
	handed  map[verdict.Place]time.Time
	early   map[verdict.Place][]time.Time // commands seen before their event was reported
	order   []verdict.Place               // of handed and early, oldest first
	samples []sample
}

func newLatencies() *latencies {
	return &latencies{handed: map[verdict.Place]time.Time{}, early: map[verdict.Place][]time.Time{}}
}

// sent notes when an event was handed to its producer.
func (l *latencies) sent(event verdict.Place, handed time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, seen := range l.early[event] {
		l.samples = append(l.samples, sample{handed, seen.Sub(handed)})
	}
	delete(l.early, event)
	l.handed[event] = handed
	l.remember(event)
}

// seen notes when a command was readable.
func (l *latencies) seen(cause verdict.Place, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if handed, ok := l.handed[cause]; ok {
		l.samples = append(l.samples, sample{handed, at.Sub(handed)})
		return
	}
	l.early[cause] = append(l.early[cause], at)
	l.remember(cause)
}

func (l *latencies) remember(p verdict.Place) {
	l.order = append(l.order, p)
	if len(l.order) > maxUnmatched {
		delete(l.handed, l.order[0])
		delete(l.early, l.order[0])
		l.order = l.order[1:]
	}
}

// Window is a span of time; steps that were under way in it are left out of a
// measurement.
type Window struct{ From, To time.Time }

// Quantiles are of the samples that were asked for; N is their number.
type Quantiles struct {
	N        int
	P50, P99 time.Duration
}

// quantiles of the samples of events handed over since a time, without those
// that were under way in one of the windows: an event that was handed over just
// before a kill waits for the takeover too.
func (l *latencies) quantiles(since time.Time, without []Window) Quantiles {
	l.mu.Lock()
	var took []time.Duration
	for i := len(l.samples) - 1; i >= 0; i-- {
		if s := l.samples[i]; !s.handed.Before(since) && !s.during(without) {
			took = append(took, s.took)
		}
	}
	l.mu.Unlock()
	if len(took) == 0 {
		return Quantiles{}
	}
	slices.Sort(took)
	return Quantiles{N: len(took), P50: nearestRank(took, 50), P99: nearestRank(took, 99)}
}

// nearestRank is the smallest value with at least that percentage of all at or
// below it.
func nearestRank(sorted []time.Duration, percent int) time.Duration {
	rank := (len(sorted)*percent + 99) / 100
	return sorted[max(rank, 1)-1]
}

// during reports whether the step was under way in one of the windows.
func (s sample) during(windows []Window) bool {
	seen := s.handed.Add(s.took)
	for _, w := range windows {
		if !seen.Before(w.From) && !s.handed.After(w.To) {
			return true
		}
	}
	return false
}
