package checkout

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"time"

	"rondo/internal/demo/ledger"
	"rondo/internal/demo/verdict"
)

// book writes the records of a run by hand, one topic partition each.
type book struct {
	t     *testing.T
	books verdict.Books
	ends  map[string]int64
	clock time.Time
}

// newBook is a flawless run of four orders: one completed after a retry and a
// declined card, one out of stock, one never paid, one cancelled after payment.
func newBook(t *testing.T) *book {
	s := &book{t: t, books: verdict.Books{Run: "r-"}, ends: map[string]int64{}, clock: time.Unix(1700000000, 0)}

	placed := s.place("r-1")
	reserve := s.command("r-1", reserveStockType, "reserve", "c1", 1, placed)
	s.command("r-1", reserveStockType, "reserve", "c1", 2, "")
	s.deed("r-1", Reserved, "c1", "res-1")
	_ = reserve
	reserved := s.event("r-1", "inventory.events")
	s.command("r-1", chargeCardType, "pay", "c2", 1, reserved)
	s.deed("r-1", Declined, "c2", "")
	s.event("r-1", "payment.events")
	card := s.ask("r-1", "CardUpdated")
	s.command("r-1", chargeCardType, "pay", "c3", 1, card)
	s.deed("r-1", Captured, "c3", "pay-1")
	captured := s.event("r-1", "payment.events")
	s.command("r-1", printLabelType, "label", "c4", 1, captured)
	s.deed("r-1", Printed, "c4", "track-1")
	printed := s.event("r-1", "shipping.events")
	s.outcome("r-1", orderCompletedType, "done", "c5", printed, `{"order_id":"r-1","tracking":"track-1"}`)

	placed = s.place("r-2")
	s.command("r-2", reserveStockType, "reserve", "d1", 1, placed)
	s.deed("r-2", Refused, "d1", "")
	rejected := s.event("r-2", "inventory.events")
	s.outcome("r-2", orderFailedType, "tell", "d2", rejected, `{"order_id":"r-2","reason":"out-of-stock"}`)

	placed = s.place("r-3")
	s.command("r-3", reserveStockType, "reserve", "e1", 1, placed)
	s.deed("r-3", Reserved, "e1", "res-3")
	cause := s.event("r-3", "inventory.events")
	for i := 1; i <= 3; i++ {
		id := "e1" + strconv.Itoa(i)
		s.command("r-3", chargeCardType, "pay", id, 1, cause)
		s.deed("r-3", Declined, id, "")
		cause = s.event("r-3", "payment.events")
		if i < 3 {
			cause = s.ask("r-3", "CardUpdated")
		}
	}
	s.undo("r-3", releaseStockType, "reserve", "e2", "e1", cause, Released)
	s.outcome("r-3", orderFailedType, "tell", "e3", cause, `{"order_id":"r-3","reason":"not-paid"}`)

	placed = s.place("r-4")
	s.command("r-4", reserveStockType, "reserve", "f1", 1, placed)
	s.deed("r-4", Reserved, "f1", "res-4")
	reserved = s.event("r-4", "inventory.events")
	s.command("r-4", chargeCardType, "pay", "f2", 1, reserved)
	s.deed("r-4", Captured, "f2", "pay-4")
	cancelled := s.ask("r-4", orderCancelledType)
	s.undo("r-4", refundPaymentType, "pay", "f3", "f2", cancelled, Refunded)
	s.undo("r-4", releaseStockType, "reserve", "f4", "f1", cancelled, Released)
	s.outcome("r-4", orderFailedType, "tell", "f5", cancelled, `{"order_id":"r-4","reason":"cancelled"}`)
	return s
}

func (s *book) record(topic, key, kind string, value string) verdict.Record {
	s.clock = s.clock.Add(time.Millisecond)
	r := verdict.Record{
		Place:   verdict.Place{Topic: topic, Offset: s.ends[topic]},
		Time:    s.clock,
		Key:     key,
		Value:   []byte(value),
		Headers: map[string]string{"type": kind},
	}
	s.ends[topic]++
	return r
}

func (s *book) place(order string) (cause string) { return s.ask(order, orderPlacedType) }

func (s *book) ask(order, kind string) (cause string) {
	r := s.record("shop.orders", order, kind, `{}`)
	s.books.Inputs = append(s.books.Inputs, r)
	return r.Place.String()
}

func (s *book) event(order, topic string) (cause string) {
	r := s.record(topic, order, "", `{}`)
	s.books.Inputs = append(s.books.Inputs, r)
	return r.Place.String()
}

var topicOf = map[string]string{
	reserveStockType: "inventory.commands", releaseStockType: "inventory.commands",
	chargeCardType: "payment.commands", refundPaymentType: "payment.commands",
	printLabelType: "shipping.commands", orderCompletedType: "shop.order-status", orderFailedType: "shop.order-status",
}

func (s *book) command(order, kind, step, id string, attempt int, cause string) *verdict.Record {
	r := s.record(topicOf[kind], order, kind, fmt.Sprintf(`{"order_id":%q}`, order))
	r.Headers["rondo-command-id"] = id
	r.Headers["rondo-attempt"] = strconv.Itoa(attempt)
	r.Headers["rondo-workflow"] = "checkout"
	r.Headers["rondo-key"] = order
	r.Headers["rondo-step"] = step
	if cause != "" {
		r.Headers["rondo-cause"] = cause
	}
	s.books.Commands = append(s.books.Commands, r)
	return &s.books.Commands[len(s.books.Commands)-1]
}

func (s *book) outcome(order, kind, step, id, cause, value string) {
	s.command(order, kind, step, id, 1, cause).Value = []byte(value)
}

func (s *book) undo(order, kind, step, id, undoes, cause string, did ledger.Deed) {
	s.command(order, kind, step, id, 1, cause).Headers["rondo-compensates"] = undoes
	s.enter(ledger.Entry{Did: did, Key: order, Command: id, Undoes: undoes})
}

func (s *book) deed(order string, did ledger.Deed, command, id string) {
	s.enter(ledger.Entry{Did: did, Key: order, Command: command, ID: id})
}

func (s *book) enter(e ledger.Entry) {
	value, err := json.Marshal(e)
	if err != nil {
		s.t.Fatal(err)
	}
	s.books.Ledger = append(s.books.Ledger, s.record(ledger.Topic, e.Key, "", string(value)))
}

// find returns the record of a command and attempt.
func (s *book) find(id string, attempt int) *verdict.Record {
	for i := range s.books.Commands {
		r := &s.books.Commands[i]
		if r.Headers["rondo-command-id"] == id && r.Headers["rondo-attempt"] == strconv.Itoa(attempt) {
			return r
		}
	}
	s.t.Fatalf("no command %s attempt %d in the story", id, attempt)
	return nil
}

// again appends a copy of a command, changed by the caller.
func (s *book) again(id string, attempt int) *verdict.Record {
	r := *s.find(id, attempt)
	headers := make(map[string]string, len(r.Headers))
	for k, v := range r.Headers {
		headers[k] = v
	}
	r.Headers = headers
	r.Offset = s.ends[r.Topic]
	s.ends[r.Topic]++
	s.books.Commands = append(s.books.Commands, r)
	return &s.books.Commands[len(s.books.Commands)-1]
}

// without drops the commands of one id, or of one attempt of it.
func (s *book) without(id string, attempts ...int) {
	var kept []verdict.Record
	for _, r := range s.books.Commands {
		drop := r.Headers["rondo-command-id"] == id && len(attempts) == 0
		for _, a := range attempts {
			drop = drop || r.Headers["rondo-command-id"] == id && r.Headers["rondo-attempt"] == strconv.Itoa(a)
		}
		if !drop {
			kept = append(kept, r)
		}
	}
	s.books.Commands = kept
}

// withoutDeed drops the deeds of one command.
func (s *book) withoutDeed(command string) {
	var kept []verdict.Record
	for _, r := range s.books.Ledger {
		e, err := ledger.Unmarshal(r.Value)
		if err != nil {
			s.t.Fatal(err)
		}
		if e.Command != command {
			kept = append(kept, r)
		}
	}
	s.books.Ledger = kept
}
