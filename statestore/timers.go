package statestore

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// Timer is an entry of the timers index.
type Timer struct {
	Due int64  // milliseconds since the epoch
	Key []byte // not to be modified
}

// timerKey is a timer's place in the index: due, then key. Its byte order is
// the order in which timers fire, in memory as on disk. The empty one stands
// before all.
type timerKey string

const dueBytes = 8

func newTimerKey(due int64, key []byte) timerKey {
	// Longer ones take memory of their own.
	var usual [128]byte
	out := binary.BigEndian.AppendUint64(usual[:0], uint64(due)^1<<63) // negative times stay before positive ones
	return timerKey(append(out, key...))
}

// due is the time of the timer; of the empty key, before all times.
func (k timerKey) due() int64 {
	if len(k) < dueBytes {
		return math.MinInt64
	}
	return int64(binary.BigEndian.Uint64([]byte(k[:dueBytes])) ^ 1<<63)
}

func (k timerKey) timer() Timer {
	return Timer{Due: k.due(), Key: []byte(k[dueBytes:])}
}

// next is the first place behind the timer.
func (k timerKey) next() timerKey { return k + "\x00" }

func checkTimers(timers []timerKey) error {
	for _, t := range timers {
		if len(t) < dueBytes {
			return fmt.Errorf("timer %q: %w", string(t), errFormat)
		}
	}
	return nil
}

// queueTimers is how many of the earliest timers are held in memory; up to
// twice as many before the later half is let go.
const queueTimers = 1024

// queue holds a partition's earliest timers, so that the next one is known
// without a read. Its edge only moves forward as long as nothing earlier is
// armed, so that the tombstones of what was fired or cancelled are passed once.
type queue struct {
	timers []timerKey // ascending: all timers before edge
	edge   timerKey
	rest   bool // there may be timers on disk, at edge or behind it

	aside []timerKey // ascending: timers that nobody wants to hear of now; not in timers
}

// setAside takes a timer out of those that are due.
func (q *queue) setAside(t timerKey) {
	q.remove(t)
	if at, there := slices.BinarySearch(q.aside, t); !there {
		q.aside = slices.Insert(q.aside, at, t)
	}
}

// recall brings all back that were set aside.
func (q *queue) recall() {
	aside := q.aside
	q.aside = nil
	for _, t := range aside {
		q.add(t)
	}
}

func (q *queue) isAside(t timerKey) bool {
	_, is := slices.BinarySearch(q.aside, t)
	return is
}

// add notes a timer that was armed.
func (q *queue) add(t timerKey) {
	if q.rest && t >= q.edge {
		return
	}
	at, there := slices.BinarySearch(q.timers, t)
	if there {
		return
	}
	q.timers = slices.Insert(q.timers, at, t)
	if len(q.timers) > 2*queueTimers {
		q.edge, q.rest = q.timers[queueTimers], true
		q.timers = slices.Clone(q.timers[:queueTimers])
	}
}

// remove notes a timer that was fired, cancelled or moved.
func (q *queue) remove(t timerKey) {
	if at, is := slices.BinarySearch(q.aside, t); is {
		q.aside = slices.Delete(q.aside, at, at+1)
		return
	}
	at, there := slices.BinarySearch(q.timers, t)
	if !there {
		return
	}
	q.timers = slices.Delete(q.timers, at, at+1)
	if len(q.timers) == 0 && !q.rest {
		q.edge = t // the cursor need not go back behind what is done
	}
}

// loaded takes timers read from disk at edge; more says that there are others
// behind them.
func (q *queue) loaded(timers []timerKey, more bool) {
	q.rest = more
	if len(timers) > 0 {
		q.edge = timers[len(timers)-1].next()
	}
	// The edge may have gone back behind some that were set aside.
	q.timers = append(q.timers, slices.DeleteFunc(timers, q.isAside)...)
}

// cursor is a place before which there is no timer.
func (q *queue) cursor() timerKey {
	first := q.edge
	if len(q.timers) > 0 {
		first = q.timers[0]
	}
	if len(q.aside) > 0 {
		first = min(first, q.aside[0])
	}
	return first
}

// due returns timers due until a time, at most max.
func (q *queue) due(until int64, max int) []Timer {
	var out []Timer
	for _, t := range q.timers {
		if len(out) == max || t.due() > until {
			break
		}
		out = append(out, t.timer())
	}
	return out
}

// wants reports whether due needs timers that are on disk only.
func (q *queue) wants(until int64, max int) bool {
	return q.rest && len(q.timers) < max && q.edge.due() <= until
}
