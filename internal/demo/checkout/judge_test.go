package checkout

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"rondo/internal/demo/ledger"
	"rondo/internal/demo/verdict"
)

func TestFlawlessRunIsClean(t *testing.T) {
	r := Judge(&newBook(t).books)
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
var flaws = []struct {
	name  string
	flaw  func(s *book)
	want  []verdict.Code
	order string // of the first violation
	at    string // place of the first violation; "" if it has none
}{
	{
		name:  "an order without any command is lost",
		flaw:  func(s *book) { s.place("r-5") },
		want:  []verdict.Code{verdict.Lost},
		order: "r-5", at: "shop.orders/0/8",
	},
	{
		name:  "an order without an outcome is unfinished",
		flaw:  func(s *book) { s.without("c5") },
		want:  []verdict.Code{verdict.Unfinished},
		order: "r-1", at: "shop.orders/0/0",
	},
	{
		name: "an order that completes and fails has two outcomes",
		flaw: func(s *book) {
			r := s.again("c5", 1)
			r.Headers["type"], r.Headers["rondo-command-id"], r.Headers["rondo-step"] = orderFailedType, "c6", "tell"
		},
		want:  []verdict.Code{verdict.TwoOutcomes},
		order: "r-1", at: "shop.order-status/0/4",
	},
	{
		name:  "a command on its topic twice is a duplicate",
		flaw:  func(s *book) { s.again("c4", 1) },
		want:  []verdict.Code{verdict.DuplicateCommand},
		order: "r-1", at: "shipping.commands/0/1",
	},
	{
		name:  "an outcome told twice is a duplicate",
		flaw:  func(s *book) { s.again("d2", 1) },
		want:  []verdict.Code{verdict.DuplicateCommand},
		order: "r-2", at: "shop.order-status/0/4",
	},
	{
		name:  "attempt 2 without attempt 1 is a gap",
		flaw:  func(s *book) { s.without("c1", 1) },
		want:  []verdict.Code{verdict.MissingAttempt},
		order: "r-1", at: "inventory.commands/0/1",
	},
	{
		name: "attempt 3 behind attempt 1 is a gap",
		flaw: func(s *book) {
			s.find("c1", 2).Headers["rondo-attempt"] = "3"
		},
		want:  []verdict.Code{verdict.MissingAttempt},
		order: "r-1", at: "inventory.commands/0/1",
	},
	{
		name:  "an attempt with another payload is another command",
		flaw:  func(s *book) { s.find("c1", 2).Value = []byte(`{"order_id":"r-1","items":[]}`) },
		want:  []verdict.Code{verdict.ChangedCommand},
		order: "r-1", at: "inventory.commands/0/1",
	},
	{
		name:  "a command without its id is refused",
		flaw:  func(s *book) { delete(s.again("c4", 1).Headers, "rondo-command-id") },
		want:  []verdict.Code{verdict.BadCommand},
		order: "r-1", at: "shipping.commands/0/1",
	},
	{
		name:  "a command for another key than its own is refused",
		flaw:  func(s *book) { s.again("c4", 1).Headers["rondo-key"] = "r-9" },
		want:  []verdict.Code{verdict.BadCommand},
		order: "r-1", at: "shipping.commands/0/1",
	},
	{
		name:  "an attempt that is no number is refused",
		flaw:  func(s *book) { s.again("c4", 1).Headers["rondo-attempt"] = "0" },
		want:  []verdict.Code{verdict.BadCommand},
		order: "r-1", at: "shipping.commands/0/1",
	},
	{
		name: "a second reservation under a new id is a second visit",
		flaw: func(s *book) {
			r := s.again("c1", 1)
			r.Headers["rondo-command-id"], r.Headers["rondo-cause"] = "c9", ""
		},
		want:  []verdict.Code{verdict.SecondVisit},
		order: "r-1", at: "inventory.commands/0/7",
	},
	{
		name: "an input decided twice under new ids has its effect twice",
		flaw: func(s *book) {
			s.again("c2", 1).Headers["rondo-command-id"] = "c9"
		},
		want:  []verdict.Code{verdict.SameEffectTwice},
		order: "r-1", at: "payment.commands/0/7",
	},
	{
		name:  "a command caused by a record that is not there has no cause",
		flaw:  func(s *book) { s.find("c4", 1).Headers["rondo-cause"] = "payment.events/0/99" },
		want:  []verdict.Code{verdict.NoCause},
		order: "r-1", at: "shipping.commands/0/0",
	},
	{
		name:  "a command caused by another order's event has no cause",
		flaw:  func(s *book) { s.find("c4", 1).Headers["rondo-cause"] = "shop.orders/0/3" },
		want:  []verdict.Code{verdict.NoCause},
		order: "r-1", at: "shipping.commands/0/0",
	},
	{
		name: "a reservation of a failed order that nobody released is not undone",
		flaw: func(s *book) {
			s.without("e2")
			s.withoutDeed("e2")
		},
		want:  []verdict.Code{verdict.NotUndone, verdict.NotUndone}, // the deed stands, and no compensation was sent
		order: "r-3", at: "services.ledger/0/5",
	},
	{
		name:  "a refund that the payment service did not do is not undone",
		flaw:  func(s *book) { s.withoutDeed("f3") },
		want:  []verdict.Code{verdict.NotUndone},
		order: "r-4", at: "services.ledger/0/11",
	},
	{
		name: "a call in doubt without a compensation is not undone",
		flaw: func(s *book) {
			s.withoutDeed("f1") // the service never got it: nothing was done
			s.without("f4")     // but the orchestrator could not know
			s.withoutDeed("f4")
		},
		want:  []verdict.Code{verdict.NotUndone},
		order: "r-4", at: "inventory.commands/0/5",
	},
	{
		name: "a command compensated twice under two ids is undone twice",
		flaw: func(s *book) {
			r := s.again("f4", 1)
			r.Headers["rondo-command-id"], r.Headers["rondo-cause"] = "f9", ""
		},
		want:  []verdict.Code{verdict.UndoneTwice},
		order: "r-4", at: "inventory.commands/0/7",
	},
	{
		name: "a compensation of a command that was never sent is refused",
		flaw: func(s *book) {
			s.find("f4", 1).Headers["rondo-compensates"] = "zz"
		},
		want:  []verdict.Code{verdict.BadCommand, verdict.NotUndone},
		order: "r-4", at: "inventory.commands/0/6",
	},
	{
		name: "a completed order that gave its reservation back holds none",
		flaw: func(s *book) {
			s.enter(ledger.Entry{Did: Released, Key: "r-1", Command: "x", Undoes: "c1"})
		},
		want:  []verdict.Code{WrongHolding},
		order: "r-1", at: "shop.order-status/0/0",
	},
	{
		name:  "a completed order without a payment holds none",
		flaw:  func(s *book) { s.withoutDeed("c3") },
		want:  []verdict.Code{WrongHolding},
		order: "r-1", at: "shop.order-status/0/0",
	},
	{
		name:  "a completed order that paid twice holds two payments",
		flaw:  func(s *book) { s.deed("r-1", Captured, "c2", "pay-2") },
		want:  []verdict.Code{WrongHolding},
		order: "r-1", at: "services.ledger/0/14",
	},
	{
		name:  "a completed order without a label holds none",
		flaw:  func(s *book) { s.withoutDeed("c4") },
		want:  []verdict.Code{WrongHolding},
		order: "r-1", at: "shop.order-status/0/0",
	},
	{
		name:  "an outcome that names another label is wrong",
		flaw:  func(s *book) { s.find("c5", 1).Value = []byte(`{"tracking":"track-9"}`) },
		want:  []verdict.Code{verdict.WrongReason},
		order: "r-1", at: "shop.order-status/0/0",
	},
	{
		name:  "out of stock without a refusal is wrong",
		flaw:  func(s *book) { s.withoutDeed("d1") },
		want:  []verdict.Code{verdict.WrongReason, verdict.NotUndone},
		order: "r-2", at: "shop.order-status/0/1",
	},
	{
		name:  "cancelled without a cancellation is wrong",
		flaw:  func(s *book) { s.find("d2", 1).Value = []byte(`{"reason":"cancelled"}`) },
		want:  []verdict.Code{verdict.WrongReason},
		order: "r-2", at: "shop.order-status/0/1",
	},
	{
		name:  "timed out without all attempts is wrong",
		flaw:  func(s *book) { s.find("d2", 1).Value = []byte(`{"reason":"timeout"}`) },
		want:  []verdict.Code{verdict.WrongReason},
		order: "r-2", at: "shop.order-status/0/1",
	},
	{
		name:  "an outcome that is no JSON is unreadable",
		flaw:  func(s *book) { s.find("c5", 1).Value = []byte(`{`) },
		want:  []verdict.Code{verdict.Unreadable},
		order: "r-1", at: "shop.order-status/0/0",
	},
	{
		name:  "a command for an order that was never placed is left over",
		flaw:  func(s *book) { s.again("c4", 1).Key = "r-77" },
		want:  []verdict.Code{verdict.LeftOver},
		order: "r-77", at: "shipping.commands/0/1",
	},
	{
		name:  "a deed for an order that was never placed is left over",
		flaw:  func(s *book) { s.deed("r-77", Printed, "q", "track-77") },
		want:  []verdict.Code{verdict.LeftOver},
		order: "r-77", at: "services.ledger/0/14",
	},
	{
		name: "a dead letter is a violation with its reason",
		flaw: func(s *book) {
			r := s.record("checkout.dead-letters", "r-1", "", "")
			r.Headers["__rondo.errors.exception"] = "no-key"
			s.books.DeadLetters = append(s.books.DeadLetters, r)
		},
		want:  []verdict.Code{verdict.DeadLetter},
		order: "r-1", at: "checkout.dead-letters/0/0",
	},
	{
		name: "a transaction left open is a violation",
		flaw: func(s *book) { s.books.Open = []verdict.Place{{Topic: "payment.commands", Partition: 3, Offset: 17}} },
		want: []verdict.Code{verdict.OpenTransaction},
		at:   "payment.commands/3/17",
	},
	{
		name: "an input that was never read is a violation",
		flaw: func(s *book) { s.books.Unread = []verdict.Place{{Topic: "payment.events", Partition: 2, Offset: 5}} },
		want: []verdict.Code{verdict.UnreadInput},
		at:   "payment.events/2/5",
	},
}

func TestEachFlawIsFound(t *testing.T) {
	for _, tc := range flaws {
		t.Run(tc.name, func(t *testing.T) {
			s := newBook(t)
			tc.flaw(s)
			r := Judge(&s.books)
			var got []verdict.Code
			for _, v := range r.Violations {
				got = append(got, v.Code)
			}
			if !equalCodes(got, tc.want) {
				t.Fatalf("violations %v, want codes %v", r.Violations, tc.want)
			}
			first := r.Violations[0]
			if first.Case != tc.order {
				t.Errorf("violation of order %q, want %q", first.Case, tc.order)
			}
			if first.At == nil || first.At.String() != tc.at {
				t.Errorf("violation at %v, want %s", first.At, tc.at)
			}
		})
	}
}

func equalCodes(a, b []verdict.Code) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestRecordsOfOtherRunsAreNotLookedAt(t *testing.T) {
	s := newBook(t)
	s.place("old-1")
	s.command("old-1", reserveStockType, "reserve", "o1", 3, "")
	s.deed("old-1", Reserved, "o1", "res-old")
	r := Judge(&s.books)
	if !r.Clean() || r.Cases != 4 {
		t.Errorf("%d orders, violations %v; want the run's 4 orders and no violation", r.Cases, r.Violations)
	}
}

func TestSurplusRecordsAreCountedEach(t *testing.T) {
	s := newBook(t)
	s.again("c4", 1)
	s.again("c4", 1)
	s.again("f5", 1)
	if r := Judge(&s.books); r.DuplicateCommands != 3 {
		t.Errorf("%d duplicates, want 3", r.DuplicateCommands)
	}
}

func TestReportIsOneJSONObject(t *testing.T) {
	s := newBook(t)
	s.without("c5")
	r := Judge(&s.books)
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
	s := newBook(t)
	s.again("c4", 1)
	var out strings.Builder
	if err := Judge(&s.books).WriteText(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"NOT CLEAN, 1 duplicate-command", "duplicate-command r-1", "(shipping.commands/0/1)"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("text lacks %q:\n%s", want, out.String())
		}
	}
}
