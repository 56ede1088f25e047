package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"rondo/topology/diag"
)

// tellEvery is how long what repeats is counted before the count is told.
const tellEvery = 10 * time.Second

// repeat counts what was told once and goes on happening.
type repeat struct {
	what  string    // "dead letter"
	where string    // "of shop.orders (no-key)"
	since time.Time // it was told, or counted
	more  int       // since then
	last  string    // the instance, or the record
}

func isIncident(message string) bool   { return strings.HasPrefix(message, "incident") }
func isDeadLetter(message string) bool { return message == "dead letter" }

// counted reports whether an event is one more of a cause that was told, and is
// not to be told itself. The caller holds the lock.
func (o *personLines) counted(at time.Time, message string, fields map[string]string) bool {
	workflow, _, _ := strings.Cut(fields["instance"], "/")
	var what, where, last string
	switch {
	case isIncident(message):
		what, where = "incident", fmt.Sprintf("of %s at %s (%s)", workflow, dash(fields["place"]), fields["kind"])
		last = fields["instance"]
	case isDeadLetter(message):
		topic, _, _ := strings.Cut(fields["record"], "/")
		what, where = message, fmt.Sprintf("of %s (%s)", cmp.Or(topic, workflow), fields["reason"])
		last = cmp.Or(fields["record"], fields["instance"])
	default:
		return false
	}
	cause := what + " " + where
	if known := o.repeats[cause]; known != nil {
		known.more++
		known.last = last
		return true
	}
	o.repeats[cause] = &repeat{what: what, where: where, since: at}
	return false
}

// tellRepeats says how often what was told has happened since, each cause at most
// once per interval: tellEvery, or at the end none. A cause that has paused for one
// is told in full again.
func (h *personHandler) tellRepeats(now time.Time, interval time.Duration) error {
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	var errs []error
	for _, cause := range slices.Sorted(maps.Keys(h.out.repeats)) {
		r := h.out.repeats[cause]
		if now.Sub(r.since) < interval {
			continue
		}
		if r.more == 0 {
			delete(h.out.repeats, cause)
			continue
		}
		errs = append(errs, h.out.line(now, fmt.Sprintf("%s %s, the last one %s", diag.Count(r.more, "more "+r.what), r.where, r.last)))
		r.since, r.more = now, 0
	}
	return errors.Join(errs...)
}
