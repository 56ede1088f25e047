package checkout

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"rondo/internal/demo/ledger"
	"rondo/internal/demo/verdict"
	"rondo/internal/demo/verdict/verdicttest"
)

func TestFlawlessRunIsClean(t *testing.T) {
	r := judge(newShopBook(t))
	if !r.Clean() {
		t.Fatalf("violations in a flawless run: %v", r.Violations)
	}
	got := [...]int{r.Cases, r.Completed, r.Failed, r.Noted, r.Lost, r.DuplicateCommands, r.Unfinished, r.Retries}
	if want := [...]int{4, 1, 3, 2, 0, 0, 0, 1}; got != want {
		t.Errorf("orders, completed, failed, compensated, lost, duplicates, unfinished, retries = %v, want %v", got, want)
	}
}

// Each flaw is put into the flawless run alone, and must be found as exactly
// the violations named here.
var flaws = []verdicttest.Flaw[shopBook]{
	{
		Name: "an order without any command is lost",
		Do:   func(s shopBook) { s.place("r-5") },
		Want: []verdict.Code{verdict.Lost},
		Key:  "r-5", At: "shop.orders/0/8",
	},
	{
		Name: "an order without an outcome is unfinished",
		Do:   func(s shopBook) { s.Without("c5") },
		Want: []verdict.Code{verdict.Unfinished},
		Key:  "r-1", At: "shop.orders/0/0",
	},
	{
		Name: "an order that completes and fails has two outcomes",
		Do: func(s shopBook) {
			r := s.Again("c5", 1)
			r.Headers["type"], r.Headers["rondo-command-id"], r.Headers["rondo-step"] = orderFailedType, "c6", "tell"
		},
		Want: []verdict.Code{verdict.TwoOutcomes},
		Key:  "r-1", At: "shop.order-status/0/4",
	},
	{
		Name: "a command on its topic twice is a duplicate",
		Do:   func(s shopBook) { s.Again("c4", 1) },
		Want: []verdict.Code{verdict.DuplicateCommand},
		Key:  "r-1", At: "shipping.commands/0/1",
	},
	{
		Name: "an outcome told twice is a duplicate",
		Do:   func(s shopBook) { s.Again("d2", 1) },
		Want: []verdict.Code{verdict.DuplicateCommand},
		Key:  "r-2", At: "shop.order-status/0/4",
	},
	{
		Name: "attempt 2 without attempt 1 is a gap",
		Do:   func(s shopBook) { s.Without("c1", 1) },
		Want: []verdict.Code{verdict.MissingAttempt},
		Key:  "r-1", At: "inventory.commands/0/1",
	},
	{
		Name: "attempt 3 behind attempt 1 is a gap",
		Do: func(s shopBook) {
			s.Find("c1", 2).Headers["rondo-attempt"] = "3"
		},
		Want: []verdict.Code{verdict.MissingAttempt},
		Key:  "r-1", At: "inventory.commands/0/1",
	},
	{
		Name: "an attempt with another payload is another command",
		Do:   func(s shopBook) { s.Find("c1", 2).Value = []byte(`{"order_id":"r-1","items":[]}`) },
		Want: []verdict.Code{verdict.ChangedCommand},
		Key:  "r-1", At: "inventory.commands/0/1",
	},
	{
		Name: "a command without its id is refused",
		Do:   func(s shopBook) { delete(s.Again("c4", 1).Headers, "rondo-command-id") },
		Want: []verdict.Code{verdict.BadCommand},
		Key:  "r-1", At: "shipping.commands/0/1",
	},
	{
		Name: "a command for another key than its own is refused",
		Do:   func(s shopBook) { s.Again("c4", 1).Headers["rondo-key"] = "r-9" },
		Want: []verdict.Code{verdict.BadCommand},
		Key:  "r-1", At: "shipping.commands/0/1",
	},
	{
		Name: "an attempt that is no number is refused",
		Do:   func(s shopBook) { s.Again("c4", 1).Headers["rondo-attempt"] = "0" },
		Want: []verdict.Code{verdict.BadCommand},
		Key:  "r-1", At: "shipping.commands/0/1",
	},
	{
		Name: "a second reservation under a new id is a second visit",
		Do: func(s shopBook) {
			r := s.Again("c1", 1)
			r.Headers["rondo-command-id"], r.Headers["rondo-cause"] = "c9", ""
		},
		Want: []verdict.Code{verdict.SecondVisit},
		Key:  "r-1", At: "inventory.commands/0/7",
	},
	{
		Name: "an input decided twice under new ids has its effect twice",
		Do: func(s shopBook) {
			s.Again("c2", 1).Headers["rondo-command-id"] = "c9"
		},
		Want: []verdict.Code{verdict.SameEffectTwice},
		Key:  "r-1", At: "payment.commands/0/7",
	},
	{
		Name: "a command caused by a record that is not there has no cause",
		Do:   func(s shopBook) { s.Find("c4", 1).Headers["rondo-cause"] = "payment.events/0/99" },
		Want: []verdict.Code{verdict.NoCause},
		Key:  "r-1", At: "shipping.commands/0/0",
	},
	{
		Name: "a command caused by another order's event has no cause",
		Do:   func(s shopBook) { s.Find("c4", 1).Headers["rondo-cause"] = "shop.orders/0/3" },
		Want: []verdict.Code{verdict.NoCause},
		Key:  "r-1", At: "shipping.commands/0/0",
	},
	{
		Name: "a reservation of a failed order that nobody released is not undone",
		Do: func(s shopBook) {
			s.Without("e2")
			s.WithoutDeed("e2")
		},
		Want: []verdict.Code{verdict.NotUndone, verdict.NotUndone}, // the deed stands, and no compensation was sent
		Key:  "r-3", At: "services.ledger/0/5",
	},
	{
		Name: "a refund that the payment service did not do is not undone",
		Do:   func(s shopBook) { s.WithoutDeed("f3") },
		Want: []verdict.Code{verdict.NotUndone},
		Key:  "r-4", At: "services.ledger/0/11",
	},
	{
		Name: "a call in doubt without a compensation is not undone",
		Do: func(s shopBook) {
			s.WithoutDeed("f1") // the service never got it: nothing was done
			s.Without("f4")     // but the orchestrator could not know
			s.WithoutDeed("f4")
		},
		Want: []verdict.Code{verdict.NotUndone},
		Key:  "r-4", At: "inventory.commands/0/5",
	},
	{
		Name: "a command compensated twice under two ids is undone twice",
		Do: func(s shopBook) {
			r := s.Again("f4", 1)
			r.Headers["rondo-command-id"], r.Headers["rondo-cause"] = "f9", ""
		},
		Want: []verdict.Code{verdict.UndoneTwice},
		Key:  "r-4", At: "inventory.commands/0/7",
	},
	{
		Name: "a compensation of a command that was never sent is refused",
		Do: func(s shopBook) {
			s.Find("f4", 1).Headers["rondo-compensates"] = "zz"
		},
		Want: []verdict.Code{verdict.BadCommand, verdict.NotUndone},
		Key:  "r-4", At: "inventory.commands/0/6",
	},
	{
		Name: "a completed order that gave its reservation back holds none",
		Do: func(s shopBook) {
			s.Enter(ledger.Entry{Did: Released, Key: "r-1", Command: "x", Undoes: "c1"})
		},
		Want: []verdict.Code{WrongHolding},
		Key:  "r-1", At: "shop.order-status/0/0",
	},
	{
		Name: "a completed order without a payment holds none",
		Do:   func(s shopBook) { s.WithoutDeed("c3") },
		Want: []verdict.Code{WrongHolding},
		Key:  "r-1", At: "shop.order-status/0/0",
	},
	{
		Name: "a completed order that paid twice holds two payments",
		Do:   func(s shopBook) { s.deed("r-1", Captured, "c2", "pay-2") },
		Want: []verdict.Code{WrongHolding},
		Key:  "r-1", At: "services.ledger/0/14",
	},
	{
		Name: "a completed order without a label holds none",
		Do:   func(s shopBook) { s.WithoutDeed("c4") },
		Want: []verdict.Code{WrongHolding},
		Key:  "r-1", At: "shop.order-status/0/0",
	},
	{
		Name: "an outcome that names another label is wrong",
		Do:   func(s shopBook) { s.Find("c5", 1).Value = []byte(`{"tracking":"track-9"}`) },
		Want: []verdict.Code{verdict.WrongReason},
		Key:  "r-1", At: "shop.order-status/0/0",
	},
	{
		Name: "out of stock without a refusal is wrong",
		Do:   func(s shopBook) { s.WithoutDeed("d1") },
		Want: []verdict.Code{verdict.WrongReason, verdict.NotUndone},
		Key:  "r-2", At: "shop.order-status/0/1",
	},
	{
		Name: "cancelled without a cancellation is wrong",
		Do:   func(s shopBook) { s.Find("d2", 1).Value = []byte(`{"reason":"cancelled"}`) },
		Want: []verdict.Code{verdict.WrongReason},
		Key:  "r-2", At: "shop.order-status/0/1",
	},
	{
		Name: "timed out without all attempts is wrong",
		Do:   func(s shopBook) { s.Find("d2", 1).Value = []byte(`{"reason":"timeout"}`) },
		Want: []verdict.Code{verdict.WrongReason},
		Key:  "r-2", At: "shop.order-status/0/1",
	},
	{
		Name: "an outcome that is no JSON is unreadable",
		Do:   func(s shopBook) { s.Find("c5", 1).Value = []byte(`{`) },
		Want: []verdict.Code{verdict.Unreadable},
		Key:  "r-1", At: "shop.order-status/0/0",
	},
	{
		Name: "a command for an order that was never placed is left over",
		Do:   func(s shopBook) { s.Again("c4", 1).Key = "r-77" },
		Want: []verdict.Code{verdict.LeftOver},
		Key:  "r-77", At: "shipping.commands/0/1",
	},
	{
		Name: "a deed for an order that was never placed is left over",
		Do:   func(s shopBook) { s.deed("r-77", Printed, "q", "track-77") },
		Want: []verdict.Code{verdict.LeftOver},
		Key:  "r-77", At: "services.ledger/0/14",
	},
	{
		Name: "a dead letter is a violation with its reason",
		Do: func(s shopBook) {
			r := s.Record("checkout.dead-letters", "r-1", "", "")
			r.Headers["__rondo.errors.exception"] = "no-key"
			s.DeadLetters = append(s.DeadLetters, r)
		},
		Want: []verdict.Code{verdict.DeadLetter},
		Key:  "r-1", At: "checkout.dead-letters/0/0",
	},
	{
		Name: "a transaction left open is a violation",
		Do:   func(s shopBook) { s.Open = []verdict.Place{{Topic: "payment.commands", Partition: 3, Offset: 17}} },
		Want: []verdict.Code{verdict.OpenTransaction},
		At:   "payment.commands/3/17",
	},
	{
		Name: "an input that was never read is a violation",
		Do:   func(s shopBook) { s.Unread = []verdict.Place{{Topic: "payment.events", Partition: 2, Offset: 5}} },
		Want: []verdict.Code{verdict.UnreadInput},
		At:   "payment.events/2/5",
	},
}

func TestEachFlawIsFound(t *testing.T) { verdicttest.Check(t, flaws, newShopBook, judge) }

func TestRecordsOfOtherRunsAreNotLookedAt(t *testing.T) {
	s := newShopBook(t)
	s.place("old-1")
	s.command("old-1", reserveStockType, "reserve", "o1", 3, "")
	s.deed("old-1", Reserved, "o1", "res-old")
	r := judge(s)
	if !r.Clean() || r.Cases != 4 {
		t.Errorf("%d orders, violations %v; want the run's 4 orders and no violation", r.Cases, r.Violations)
	}
}

func TestSurplusRecordsAreCountedEach(t *testing.T) {
	s := newShopBook(t)
	s.Again("c4", 1)
	s.Again("c4", 1)
	s.Again("f5", 1)
	if r := judge(s); r.DuplicateCommands != 3 {
		t.Errorf("%d duplicates, want 3", r.DuplicateCommands)
	}
}

func TestReportIsOneJSONObject(t *testing.T) {
	s := newShopBook(t)
	s.Without("c5")
	r := judge(s)
	var out bytes.Buffer
	if err := r.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(out.String(), "\n"); lines != 1 {
		t.Errorf("%d lines, want 1", lines)
	}
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"orders": 4.0, "completed": 0.0, "failed": 3.0, "compensated": 2.0, "lost": 0.0,
		"duplicate_commands": 0.0, "unfinished": 1.0, "kills": 0.0, "p50_ms": nil, "p99_ms": nil,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s = %v, want %v", name, v, want)
		}
	}
}

func TestTextNamesEachViolationWithItsPlace(t *testing.T) {
	s := newShopBook(t)
	s.Again("c4", 1)
	var out strings.Builder
	if err := judge(s).WriteText(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"NOT CLEAN, 1 duplicate-command", "duplicate-command r-1", "(shipping.commands/0/1)"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("text lacks %q:\n%s", want, out.String())
		}
	}
}
