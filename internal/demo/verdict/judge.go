package verdict

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"rondo/internal/demo/ledger"
)

// Judge holds the books of a run against what the checkout promises. It is a
// pure function: the counts and violations of the report are its own, latency,
// kills and times are left to the caller.
func Judge(books *Books) *Report {
	report := &Report{}
	cases := newCasebook(books, report)
	inputs := inputsOf(books)
	for _, o := range cases.sorted() {
		if o.placed == nil {
			continue // a cancellation without an order does nothing
		}
		report.Orders++
		for _, cmd := range o.commands {
			report.checkAttempts(o, cmd)
			report.checkCause(o, cmd, inputs)
		}
		report.checkEffects(o)
		report.checkVisits(o)
		report.checkCompensations(o)
		cases.checkOutcome(o)
	}
	report.checkEnd(books)
	return report
}

func (r *Report) add(code Code, order, text string, at *Place) {
	r.Violations = append(r.Violations, Violation{Code: code, Order: order, Text: text, At: at})
}

// inputsOf finds the key of every record that may have caused a command.
func inputsOf(books *Books) map[string]string {
	inputs := make(map[string]string, len(books.Orders)+len(books.Events))
	for _, records := range [][]Record{books.Orders, books.Events} {
		for _, rec := range records {
			inputs[rec.Place.String()] = rec.Key
		}
	}
	return inputs
}

// checkAttempts demands attempts 1, 2, 3…, each once and in this order, of one
// and the same command.
func (r *Report) checkAttempts(o *order, cmd *command) {
	first := cmd.records[0]
	want := 1
	for i, rec := range cmd.records {
		if !sameCommand(&first, &rec) {
			r.add(ChangedCommand, o.id, fmt.Sprintf("%s %s: attempt %d is another command than the one at %s",
				cmd.kind, cmd.id, cmd.attempts[i], first.Place), &rec.Place)
		}
		switch attempt := cmd.attempts[i]; {
		case attempt == want:
			want++
		case attempt < want:
			r.DuplicateCommands++
			r.add(DuplicateCommand, o.id, fmt.Sprintf("%s %s attempt %d is there already", cmd.kind, cmd.id, attempt), &rec.Place)
		default:
			r.add(MissingAttempt, o.id, fmt.Sprintf("%s %s: attempt %d where %d should come", cmd.kind, cmd.id, attempt, want), &rec.Place)
			want = attempt + 1
		}
	}
}

// sameCommand compares what may not differ between attempts.
func sameCommand(a, b *Record) bool {
	if a.Topic != b.Topic || a.Partition != b.Partition || a.Key != b.Key || !bytes.Equal(a.Value, b.Value) {
		return false
	}
	for _, name := range []string{"type", "rondo-workflow", "rondo-step", "rondo-compensates"} {
		if a.Headers[name] != b.Headers[name] {
			return false
		}
	}
	return true
}

// checkCause demands that the record named by rondo-cause is there and belongs
// to the same order. A timer's command names none.
func (r *Report) checkCause(o *order, cmd *command, inputs map[string]string) {
	for _, rec := range cmd.records {
		cause := rec.Headers["rondo-cause"]
		if cause == "" {
			continue
		}
		key, ok := inputs[cause]
		switch {
		case !ok:
			r.add(NoCause, o.id, fmt.Sprintf("%s caused by %s, where the run has no input", cmd.kind, cause), &rec.Place)
		case key != o.id:
			r.add(NoCause, o.id, fmt.Sprintf("%s caused by %s, which is of order %s", cmd.kind, cause, key), &rec.Place)
		}
	}
}

// checkEffects demands that one input made one step send one command: an input
// that was decided twice shows here, even if the second got ids of its own.
func (r *Report) checkEffects(o *order) {
	seen := map[string]string{}
	for _, cmd := range o.commands {
		rec := cmd.records[0]
		cause := rec.Headers["rondo-cause"]
		if cause == "" {
			continue
		}
		effect := strings.Join([]string{cause, cmd.step, cmd.kind, cmd.undoes}, " ")
		if other, twice := seen[effect]; twice {
			r.add(SameEffectTwice, o.id, fmt.Sprintf("%s by step %s, caused by %s, as %s and as %s", cmd.kind, cmd.step, cause, other, cmd.id), &rec.Place)
		}
		seen[effect] = cmd.id
	}
}

// maxCharges is the number of cards that the checkout tries.
const maxCharges = 3

// call is what the checkout allows one of its calls.
type call struct {
	kind     string
	visits   int // of its step, per order
	attempts int // of one visit
}

var calls = []call{
	{kind: reserveStock, visits: 1, attempts: 5},
	{kind: chargeCard, visits: maxCharges, attempts: 3},
	{kind: printLabel, visits: 1, attempts: 10},
}

// checkVisits demands that steps were not visited more often than the checkout
// can.
func (r *Report) checkVisits(o *order) {
	for _, call := range calls {
		if cmds := o.of(call.kind); len(cmds) > call.visits {
			extra := cmds[call.visits].records[0]
			r.add(SecondVisit, o.id, fmt.Sprintf("%d commands %s, at most %d can be", len(cmds), call.kind, call.visits), &extra.Place)
		}
	}
}

// checkCompensations demands that each compensation undoes a command of the
// order, and none is undone twice.
func (r *Report) checkCompensations(o *order) {
	seen := map[string]*command{}
	for _, cmd := range o.commands {
		if cmd.undoes == "" {
			continue
		}
		rec := cmd.records[0]
		if _, ok := o.byID[cmd.undoes]; !ok {
			r.add(BadCommand, o.id, fmt.Sprintf("%s undoes %s, which the order never sent", cmd.kind, cmd.undoes), &rec.Place)
		}
		if other, twice := seen[cmd.undoes]; twice {
			r.add(UndoneTwice, o.id, fmt.Sprintf("%s is undone by %s and by %s", cmd.undoes, other.id, cmd.id), &rec.Place)
		}
		seen[cmd.undoes] = cmd
	}
}

// checkOutcome demands one outcome, with its reason, and what it promises.
func (c *casebook) checkOutcome(o *order) {
	outcomes := o.outcomes()
	switch {
	case len(outcomes) == 0 && len(o.commands) == 0:
		c.report.Lost++
		c.report.add(Lost, o.id, "no command and no outcome", &o.placed.Place)
		return
	case len(outcomes) == 0:
		c.report.Unfinished++
		c.report.add(Unfinished, o.id, "no outcome; last sent "+lastCommand(o), &o.placed.Place)
		return
	case len(outcomes) > 1:
		c.report.add(TwoOutcomes, o.id, fmt.Sprintf("%d outcomes: %s", len(outcomes), kinds(outcomes)), &outcomes[1].records[0].Place)
	}
	outcome := outcomes[0]
	payload, ok := c.payload(o, &outcome.records[0])
	if outcome.kind == orderCompleted {
		c.report.Completed++
		if ok {
			c.report.checkCompleted(o, outcome, payload.Tracking)
		}
		return
	}
	c.report.Failed++
	if o.undidSomething() {
		c.report.Compensated++
	}
	if ok {
		c.report.checkReason(o, outcome, payload.Reason)
	}
	c.report.checkUndone(o)
}

func lastCommand(o *order) string {
	last := o.commands[len(o.commands)-1]
	for _, cmd := range o.commands {
		if cmd.lastTime().After(last.lastTime()) {
			last = cmd
		}
	}
	return fmt.Sprintf("%s, attempt %d", last.kind, last.attemptMax)
}

func kinds(cmds []*command) string {
	names := make([]string, len(cmds))
	for i, c := range cmds {
		names[i] = c.kind + " at " + c.records[0].Place.String()
	}
	return strings.Join(names, ", ")
}

// checkCompleted demands one reservation, one payment, one label, and that the
// outcome names that label.
func (r *Report) checkCompleted(o *order, outcome *command, tracking string) {
	at := &outcome.records[0].Place
	r.checkHolding(o, at, "reservations", o.held(ledger.Reserved, ledger.Released))
	r.checkHolding(o, at, "payments", o.held(ledger.Captured, ledger.Refunded))
	labels := o.did(ledger.Printed)
	r.checkHolding(o, at, "labels", labels)
	if len(labels) == 1 && labels[0].ID != tracking {
		r.add(WrongReason, o.id, fmt.Sprintf("completed with tracking %q, the label is %q", tracking, labels[0].ID), at)
	}
}

func (r *Report) checkHolding(o *order, at *Place, what string, held []deed) {
	if len(held) == 1 {
		return
	}
	if len(held) > 1 {
		at = &held[1].at
	}
	r.add(WrongHolding, o.id, fmt.Sprintf("completed with %d %s instead of 1", len(held), what), at)
}

// checkUndone demands that a failed order holds nothing any more.
func (r *Report) checkUndone(o *order) {
	for _, d := range o.held(ledger.Reserved, ledger.Released) {
		r.add(NotUndone, o.id, fmt.Sprintf("failed, and reservation %s of command %s was not released", d.ID, d.Command), &d.at)
	}
	for _, d := range o.held(ledger.Captured, ledger.Refunded) {
		r.add(NotUndone, o.id, fmt.Sprintf("failed, and payment %s of command %s was not refunded", d.ID, d.Command), &d.at)
	}
	r.checkDoubt(o, reserveStock, ledger.Refused)
	r.checkDoubt(o, chargeCard, ledger.Declined)
}

// checkDoubt demands a compensation of every call that was not refused, also
// of one that the service never did: the orchestrator cannot know.
func (r *Report) checkDoubt(o *order, kind string, refusal ledger.Deed) {
	settled := map[string]bool{}
	for _, d := range o.did(refusal) {
		settled[d.Command] = true
	}
	for _, cmd := range o.commands {
		if cmd.undoes != "" {
			settled[cmd.undoes] = true
		}
	}
	for _, cmd := range o.of(kind) {
		if !settled[cmd.id] {
			r.add(NotUndone, o.id, fmt.Sprintf("failed, and no compensation of %s %s was sent", kind, cmd.id), &cmd.records[0].Place)
		}
	}
}

// checkReason demands that the topics explain why an order failed.
func (r *Report) checkReason(o *order, outcome *command, reason string) {
	var ok bool
	switch reason {
	case "out-of-stock":
		ok = len(o.did(ledger.Refused)) > 0
	case "not-paid":
		ok = len(o.did(ledger.Declined)) >= maxCharges
	case "cancelled":
		ok = o.cancelled
	case "timeout":
		ok = o.spentAttempts()
	}
	if !ok {
		r.add(WrongReason, o.id, fmt.Sprintf("failed as %q, which nothing on the topics explains", reason), &outcome.records[0].Place)
	}
}

// spentAttempts reports whether a call was tried as often as it may.
func (o *order) spentAttempts() bool {
	for _, call := range calls {
		for _, cmd := range o.of(call.kind) {
			if cmd.attemptMax >= call.attempts {
				return true
			}
		}
	}
	return false
}

// checkEnd demands that nothing is left behind the run.
func (r *Report) checkEnd(books *Books) {
	for _, rec := range books.DeadLetters {
		r.add(DeadLetter, rec.Key, deadLetterText(&rec), &rec.Place)
	}
	for _, at := range books.Open {
		r.add(OpenTransaction, "", "a transaction was left open; nothing from here on can be read", &at)
	}
	for _, at := range books.Unread {
		r.add(UnreadInput, "", "the orchestrator has not read from here on", &at)
	}
}

// deadLetterText puts the headers of a dead letter in one line, in the order of
// their names.
func deadLetterText(rec *Record) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(rec.Headers)) {
		if strings.HasPrefix(name, "rondo-") {
			parts = append(parts, strings.TrimPrefix(name, "rondo-")+"="+strconv.Quote(rec.Headers[name]))
		}
	}
	if len(parts) == 0 {
		return "a dead letter without a reason"
	}
	return strings.Join(parts, " ")
}
