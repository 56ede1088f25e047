package load

import (
	"fmt"
	"time"

	"rondo/internal/bench/workload"
)

// flight is a case under way.
type flight struct {
	begun time.Time // when it was meant to begin
	last  time.Time // when its last event was sent, or meant to be sent
	seen  []uint64  // a bit for each of its records
	left  int       // records that have not come yet
}

// flights are the cases under way and what is counted of them. Its user locks.
type flights struct {
	w     *workload.Workload
	under map[int64]*flight
	spare []*flight

	next      int64 // number of the next case
	result    Result
	measuring bool
	from      time.Time // of the measured time
	until     time.Time // of the measured time; zero: not over yet
	open      bool
}

const mostFaults = 10

func newFlights(w *workload.Workload) *flights {
	return &flights{w: w, under: map[int64]*flight{}}
}

// enter begins to count for a phase.
func (f *flights) enter(open bool) {
	f.result = Result{Whole: NewLatencies(), Step: NewLatencies()}
	f.measuring, f.open = false, open
	f.from, f.until = time.Time{}, time.Time{}
}

func (f *flights) measure(now time.Time) { f.measuring, f.from = true, now }

func (f *flights) stop(now time.Time) {
	f.measuring, f.until = false, now
	f.result.Seconds = now.Sub(f.from).Seconds()
}

// begin notes a case that is meant to begin at a time, and returns its number.
func (f *flights) begin(at time.Time) int64 {
	n := f.next
	f.next++
	f.result.Begun++
	f.under[n] = f.take(at)
	return n
}

func (f *flights) take(at time.Time) *flight {
	var t *flight
	if last := len(f.spare) - 1; last >= 0 {
		t, f.spare = f.spare[last], f.spare[:last]
		clear(t.seen)
	} else {
		t = &flight{seen: make([]uint64, (f.w.Records+63)/64)}
	}
	t.begun, t.last, t.left = at, at, f.w.Records
	return t
}

// see notes a record, and reports whether its case has ended with it. ok is false
// if the record must not be.
func (f *flights) see(s workload.Sighting, now time.Time) (ended, ok bool) {
	t := f.under[s.Case]
	switch {
	case s.Wrong != "":
		f.fault("case %d: %s", s.Case, s.Wrong)
		return false, false
	case t == nil:
		f.fault("case %d: record %d of a case that has ended, or never begun", s.Case, s.Place)
		return false, false
	case t.seen[s.Place/64]&(1<<(s.Place%64)) != 0:
		f.fault("case %d: record %d came twice", s.Case, s.Place)
		return false, false
	}
	t.seen[s.Place/64] |= 1 << (s.Place % 64)
	t.left--
	f.count(t, s, now)
	if t.left > 0 {
		return false, true
	}
	delete(f.under, s.Case)
	f.spare = append(f.spare, t)
	f.result.Ended++
	return true, true
}

// count takes the times of a record that has come.
func (f *flights) count(t *flight, s workload.Sighting, now time.Time) {
	if f.measuring {
		if s.Place < f.w.Steps {
			f.result.Steps++
		}
		if t.left == 0 {
			f.result.Cases++
		}
	}
	if !f.timed(t) {
		return
	}
	if f.w.Sequential || f.w.Records == 1 {
		f.result.Step.Record(now.Sub(t.last) - f.w.Delay)
	}
	if t.left == 0 {
		f.result.Whole.Record(now.Sub(t.begun) - f.w.Delay)
	}
}

// timed reports whether a case's latencies count.
func (f *flights) timed(t *flight) bool {
	if !f.open {
		return f.measuring
	}
	return !f.from.IsZero() && !t.begun.Before(f.from) && (f.until.IsZero() || t.begun.Before(f.until))
}

// sent notes that a case's next event is sent.
func (f *flights) sent(n int64, now time.Time) {
	if t := f.under[n]; t != nil {
		t.last = now
	}
}

func (f *flights) fault(format string, args ...any) {
	f.result.Wrong++
	if len(f.result.Faults) < mostFaults {
		f.result.Faults = append(f.result.Faults, fmt.Sprintf(format, args...))
	}
}

// giveUp counts the cases that did not end as wrong, and forgets them.
func (f *flights) giveUp(waited time.Duration) {
	for n, t := range f.under {
		f.fault("case %d has not ended %s after the phase: %d of %d records are missing", n, waited, t.left, f.w.Records)
	}
	clear(f.under)
}
