package checkout

import (
	"encoding/json"
	"fmt"
	"slices"

	"rondo/internal/demo/ledger"
	"rondo/internal/demo/verdict"
)

// Message types of the checkout.
const (
	orderPlacedType    = "OrderPlaced"
	orderCancelledType = "OrderCancelled"
	reserveStockType   = "ReserveStock"
	releaseStockType   = "ReleaseStock"
	chargeCardType     = "ChargeCard"
	refundPaymentType  = "RefundPayment"
	printLabelType     = "PrintLabel"
	orderCompletedType = "OrderCompleted"
	orderFailedType    = "OrderFailed"
)

// The deeds of the three services. Refused and Declined changed nothing;
// Released and Refunded undo.
const (
	Reserved ledger.Deed = "reserved"
	Refused  ledger.Deed = "refused"
	Released ledger.Deed = "released"
	Captured ledger.Deed = "captured"
	Declined ledger.Deed = "declined"
	Refunded ledger.Deed = "refunded"
	Printed  ledger.Deed = "printed"
)

// WrongHolding is a completed order without exactly one of each.
const WrongHolding verdict.Code = "wrong-holding"

// maxCharges is the number of cards that the checkout tries.
const maxCharges = 3

var calls = []verdict.Call{
	{Kind: reserveStockType, Visits: 1},
	{Kind: chargeCardType, Visits: maxCharges},
	{Kind: printLabelType, Visits: 1},
}

// attempts is how often a call is tried before it raises `timeout`.
var attempts = map[string]int{reserveStockType: 5, chargeCardType: 3, printLabelType: 10}

// Judge demands of every order, beside what every story promises:
//
//   - exactly one outcome, with its reason on the topics (not-paid needs three
//     declines, cancelled needs a cancellation …);
//   - a failed order has undone what was done, a completed one holds exactly one
//     reservation, one payment and one label.
func Judge(books *verdict.Books) *verdict.Report {
	return verdict.Judge(books, verdict.Rules{
		Words:  words,
		Begins: func(r *verdict.Record) bool { return r.Topic == ordersTopic && r.Type() == orderPlacedType },
		Calls:  calls,
		Case:   judgeOrder,
	})
}

var words = verdict.Words{
	Story: "checkout", Cases: "orders", Completed: "completed", Failed: "failed", Noted: "compensated",
	Clean: "Every order in one outcome, every command once, everything undone that had to be.",
}

// judgeOrder demands one outcome, with its reason, and what it promises.
func judgeOrder(r *verdict.Report, o *verdict.Case) {
	r.Cases++
	outcome := r.OneOutcome(o, append(o.Of(orderCompletedType), o.Of(orderFailedType)...))
	if outcome == nil {
		return
	}
	payload, ok := readOutcome(r, o, outcome.First())
	if outcome.Kind == orderCompletedType {
		r.Completed++
		if ok {
			checkCompleted(r, o, outcome, payload.Tracking)
		}
		return
	}
	r.Failed++
	if o.UndidSomething() {
		r.Noted++
	}
	if ok {
		checkReason(r, o, outcome, payload.Reason)
	}
	checkUndone(r, o)
}

// outcomePayload is what the checkout says when an order ends.
type outcomePayload struct {
	Tracking string `json:"tracking"`
	Reason   string `json:"reason"`
}

func readOutcome(r *verdict.Report, o *verdict.Case, rec *verdict.Record) (outcomePayload, bool) {
	var p outcomePayload
	if err := json.Unmarshal(rec.Value, &p); err != nil {
		r.Add(verdict.Unreadable, o.Key, "outcome: "+err.Error(), &rec.Place)
		return p, false
	}
	return p, true
}

// checkCompleted demands one reservation, one payment, one label, and that the
// outcome names that label.
func checkCompleted(r *verdict.Report, o *verdict.Case, outcome *verdict.Command, tracking string) {
	at := &outcome.First().Place
	checkHolding(r, o, at, "reservations", o.Held(Reserved, Released))
	checkHolding(r, o, at, "payments", o.Held(Captured, Refunded))
	labels := o.Did(Printed)
	checkHolding(r, o, at, "labels", labels)
	if len(labels) == 1 && labels[0].ID != tracking {
		r.Add(verdict.WrongReason, o.Key, fmt.Sprintf("completed with tracking %q, the label is %q", tracking, labels[0].ID), at)
	}
}

func checkHolding(r *verdict.Report, o *verdict.Case, at *verdict.Place, what string, held []verdict.Deed) {
	if len(held) == 1 {
		return
	}
	if len(held) > 1 {
		at = &held[1].At
	}
	r.Add(WrongHolding, o.Key, fmt.Sprintf("completed with %d %s instead of 1", len(held), what), at)
}

// checkUndone demands that a failed order holds nothing any more.
func checkUndone(r *verdict.Report, o *verdict.Case) {
	for _, d := range o.Held(Reserved, Released) {
		r.Add(verdict.NotUndone, o.Key, fmt.Sprintf("failed, and reservation %s of command %s was not released", d.ID, d.Command), &d.At)
	}
	for _, d := range o.Held(Captured, Refunded) {
		r.Add(verdict.NotUndone, o.Key, fmt.Sprintf("failed, and payment %s of command %s was not refunded", d.ID, d.Command), &d.At)
	}
	checkDoubt(r, o, reserveStockType, Refused)
	checkDoubt(r, o, chargeCardType, Declined)
}

// checkDoubt demands a compensation of every call that was not refused, also
// of one that the service never did: the orchestrator cannot know.
func checkDoubt(r *verdict.Report, o *verdict.Case, kind string, refusal ledger.Deed) {
	settled := map[string]bool{}
	for _, d := range o.Did(refusal) {
		settled[d.Command] = true
	}
	for _, cmd := range o.Commands {
		if cmd.Undoes != "" {
			settled[cmd.Undoes] = true
		}
	}
	for _, cmd := range o.Of(kind) {
		if !settled[cmd.ID] {
			r.Add(verdict.NotUndone, o.Key, fmt.Sprintf("failed, and no compensation of %s %s was sent", kind, cmd.ID), &cmd.First().Place)
		}
	}
}

// checkReason demands that the topics explain why an order failed.
func checkReason(r *verdict.Report, o *verdict.Case, outcome *verdict.Command, reason string) {
	var ok bool
	switch reason {
	case "out-of-stock":
		ok = len(o.Did(Refused)) > 0
	case "not-paid":
		ok = len(o.Did(Declined)) >= maxCharges
	case "cancelled":
		ok = cancelled(o)
	case "timeout":
		ok = spentAttempts(o)
	}
	if !ok {
		r.Add(verdict.WrongReason, o.Key, fmt.Sprintf("failed as %q, which nothing on the topics explains", reason), &outcome.First().Place)
	}
}

func cancelled(o *verdict.Case) bool {
	for i := range o.Inputs {
		if o.Inputs[i].Type() == orderCancelledType {
			return true
		}
	}
	return false
}

// spentAttempts reports whether a call was tried as often as it may.
func spentAttempts(o *verdict.Case) bool {
	return slices.ContainsFunc(o.Commands, func(c *verdict.Command) bool {
		most, ok := attempts[c.Kind]
		return ok && c.AttemptMax >= most
	})
}
