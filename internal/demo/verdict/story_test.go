package verdict

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"time"

	"rondo/internal/demo/ledger"
)

// story writes the records of a run by hand, one topic partition each.
type story struct {
	t     *testing.T
	books Books
	ends  map[string]int64
	clock time.Time
}

// newStory is a flawless run of four orders: one completed after a retry and a
// declined card, one out of stock, one never paid, one cancelled after payment.
func newStory(t *testing.T) *story {
	s := &story{t: t, books: Books{Run: "r-"}, ends: map[string]int64{}, clock: time.Unix(1700000000, 0)}

	placed := s.place("r-1")
	reserve := s.command("r-1", reserveStock, "reserve", "c1", 1, placed)
	s.command("r-1", reserveStock, "reserve", "c1", 2, "")
	s.deed("r-1", ledger.Reserved, "c1", "res-1")
	_ = reserve
	reserved := s.event("r-1", "inventory.events")
	s.command("r-1", chargeCard, "pay", "c2", 1, reserved)
	s.deed("r-1", ledger.Declined, "c2", "")
	s.event("r-1", "payment.events")
	card := s.ask("r-1", "CardUpdated")
	s.command("r-1", chargeCard, "pay", "c3", 1, card)
	s.deed("r-1", ledger.Captured, "c3", "pay-1")
	captured := s.event("r-1", "payment.events")
	s.command("r-1", printLabel, "label", "c4", 1, captured)
	s.deed("r-1", ledger.Printed, "c4", "track-1")
	printed := s.event("r-1", "shipping.events")
	s.outcome("r-1", orderCompleted, "done", "c5", printed, `{"order_id":"r-1","tracking":"track-1"}`)

	placed = s.place("r-2")
	s.command("r-2", reserveStock, "reserve", "d1", 1, placed)
	s.deed("r-2", ledger.Refused, "d1", "")
	rejected := s.event("r-2", "inventory.events")
	s.outcome("r-2", orderFailed, "tell", "d2", rejected, `{"order_id":"r-2","reason":"out-of-stock"}`)

	placed = s.place("r-3")
	s.command("r-3", reserveStock, "reserve", "e1", 1, placed)
	s.deed("r-3", ledger.Reserved, "e1", "res-3")
	cause := s.event("r-3", "inventory.events")
	for i := 1; i <= 3; i++ {
		id := "e1" + strconv.Itoa(i)
		s.command("r-3", chargeCard, "pay", id, 1, cause)
		s.deed("r-3", ledger.Declined, id, "")
		cause = s.event("r-3", "payment.events")
		if i < 3 {
			cause = s.ask("r-3", "CardUpdated")
		}
	}
	s.undo("r-3", releaseStock, "reserve", "e2", "e1", cause, ledger.Released)
	s.outcome("r-3", orderFailed, "tell", "e3", cause, `{"order_id":"r-3","reason":"not-paid"}`)

	placed = s.place("r-4")
	s.command("r-4", reserveStock, "reserve", "f1", 1, placed)
	s.deed("r-4", ledger.Reserved, "f1", "res-4")
	reserved = s.event("r-4", "inventory.events")
	s.command("r-4", chargeCard, "pay", "f2", 1, reserved)
	s.deed("r-4", ledger.Captured, "f2", "pay-4")
	cancelled := s.ask("r-4", orderCancelled)
	s.undo("r-4", refundPayment, "pay", "f3", "f2", cancelled, ledger.Refunded)
	s.undo("r-4", releaseStock, "reserve", "f4", "f1", cancelled, ledger.Released)
	s.outcome("r-4", orderFailed, "tell", "f5", cancelled, `{"order_id":"r-4","reason":"cancelled"}`)
	return s
}

func (s *story) record(topic, key, kind string, value string) Record {
	s.clock = s.clock.Add(time.Millisecond)
	r := Record{
		Place:   Place{Topic: topic, Offset: s.ends[topic]},
		Time:    s.clock,
		Key:     key,
		Value:   []byte(value),
		Headers: map[string]string{"type": kind},
	}
	s.ends[topic]++
	return r
}

func (s *story) place(order string) (cause string) { return s.ask(order, orderPlaced) }

func (s *story) ask(order, kind string) (cause string) {
	r := s.record("shop.orders", order, kind, `{}`)
	s.books.Orders = append(s.books.Orders, r)
	return r.Place.String()
}

func (s *story) event(order, topic string) (cause string) {
	r := s.record(topic, order, "", `{}`)
	s.books.Events = append(s.books.Events, r)
	return r.Place.String()
}

var topicOf = map[string]string{
	reserveStock: "inventory.commands", releaseStock: "inventory.commands",
	chargeCard: "payment.commands", refundPayment: "payment.commands",
	printLabel: "shipping.commands", orderCompleted: "shop.order-status", orderFailed: "shop.order-status",
}

func (s *story) command(order, kind, step, id string, attempt int, cause string) *Record {
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

func (s *story) outcome(order, kind, step, id, cause, value string) {
	s.command(order, kind, step, id, 1, cause).Value = []byte(value)
}

func (s *story) undo(order, kind, step, id, undoes, cause string, did ledger.Deed) {
	s.command(order, kind, step, id, 1, cause).Headers["rondo-compensates"] = undoes
	s.enter(ledger.Entry{Did: did, Order: order, Command: id, Undoes: undoes})
}

func (s *story) deed(order string, did ledger.Deed, command, id string) {
	s.enter(ledger.Entry{Did: did, Order: order, Command: command, ID: id})
}

func (s *story) enter(e ledger.Entry) {
	value, err := json.Marshal(e)
	if err != nil {
		s.t.Fatal(err)
	}
	s.books.Ledger = append(s.books.Ledger, s.record(ledger.Topic, e.Order, "", string(value)))
}

// find returns the record of a command and attempt.
func (s *story) find(id string, attempt int) *Record {
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
func (s *story) again(id string, attempt int) *Record {
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
func (s *story) without(id string, attempts ...int) {
	var kept []Record
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
func (s *story) withoutDeed(command string) {
	var kept []Record
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
