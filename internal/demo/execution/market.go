package execution

import (
	"context"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/demo/ledger"
	"rondo/internal/demo/services"
)

// How the market is. Shares are of orders, or of legs.
const (
	tooRisky  = 0.04
	sentTwice = 0.01 // orders
	rejects   = 0.06
	deaf      = 0.04 // legs that never arrive
	inParts   = 0.15 // legs that are filled in two parts
)

// The habits of risk and venues; Patience follows the definition.
var (
	riskHabits = services.Habits{
		Base: time.Millisecond, Mean: 3 * time.Millisecond, Most: 20 * time.Millisecond,
		Silent: 0.02, SilentMost: 1, Patience: 250 * time.Millisecond,
		Twice: 0.05, Echo: 0.5,
	}
	venueHabits = services.Habits{
		Base: 3 * time.Millisecond, Mean: 15 * time.Millisecond, Most: 80 * time.Millisecond,
		Late: 0.08, Patience: 200 * time.Millisecond, Pause: 200 * time.Millisecond,
		Twice: 0.15, Echo: 0.5,
	}
)

// market is the services, which speak Avro.
type market struct{ *services.Codecs }

// read decodes a record and says its name and the order that it is of.
func (m market) read(r *kgo.Record) (name string, native map[string]any, err error) {
	name, native, err = m.Read(r.Value)
	if err == nil && name != "" && services.Text(native, "order_id") == "" {
		err = fmt.Errorf("decode %s: no order_id", name)
	}
	return name, native, err
}

// reader makes a service's Read of the commands of one type, whose fields are
// their payload.
func (m market) reader(want string, command func(f fields) services.Command) func(*kgo.Record) (services.Command, bool, error) {
	return func(r *kgo.Record) (services.Command, bool, error) {
		name, native, err := m.read(r)
		if err != nil || name != want {
			return services.Command{}, false, err
		}
		c := command(native)
		c.Key, c.Payload = services.Text(native, "order_id"), fields(native)
		return c, true, nil
	}
}

// fields are those of a record, of the types that its schema says.
type fields map[string]any

// fieldsOf are the fields of a command that a reader has read.
func fieldsOf(c services.Command) fields {
	f, _ := c.Payload.(fields)
	return f
}

// qty is the field of that name, a long.
func (f fields) qty() int64 {
	n, _ := f["qty"].(int64)
	return n
}

func (m market) risk() services.Spec {
	return services.Spec{
		Name: "risk", Commands: checksTopic, Events: riskTopic, Habits: riskHabits,
		Read: m.reader(checkRiskType, func(f fields) services.Command {
			return services.Command{Subject: "risk " + services.NumberOf(services.Text(f, "order_id"))}
		}),
		Decide: func(d services.Dice, c services.Command) ledger.Entry {
			if d.Roll(c.Subject, "too risky") < tooRisky {
				return ledger.Entry{Did: Refused}
			}
			return ledger.Entry{Did: Approved}
		},
		Answers: func(c services.Command, done ledger.Entry) ([]services.Answer, error) {
			name, event := riskApprovedType, map[string]any{"order_id": c.Key}
			if done.Did == Refused {
				name, event["reason"] = riskRejectedType, "above the account's limit"
			}
			a, err := m.Write(name, event)
			return []services.Answer{a}, err
		},
	}
}

// venues are all venues in one service.
func (m market) venues() services.Spec {
	read := m.reader(placeLegType, func(f fields) services.Command {
		return services.Command{Subject: "leg " + services.NumberOf(services.Text(f, "order_id")) + " " + services.Text(f, "venue")}
	})
	return services.Spec{
		Name: "venues", Commands: legsTopic, Events: fillsTopic, Habits: venueHabits,
		Read:    read,
		Decide:  decideLeg,
		Answers: m.tellLeg,
	}
}

// decideLeg fills a leg, rejects it, or never gets it: then nothing is done, and
// nothing told.
func decideLeg(d services.Dice, c services.Command) ledger.Entry {
	qty := fieldsOf(c).qty()
	switch roll := d.Roll(c.Subject, "fate"); {
	case roll < deaf:
		return ledger.Entry{}
	case roll < deaf+rejects:
		return ledger.Entry{Did: Rejected}
	}
	e := ledger.Entry{Did: Filled, ID: services.IDFor("fill", c.ID), Qty: qty}
	if d.Roll(c.Subject, "parts") < inParts && qty > 1 {
		e.Parts = []int64{qty / 2, qty - qty/2}
	}
	return e
}

// tellLeg tells of a leg: in one event, or one for each part.
func (m market) tellLeg(c services.Command, done ledger.Entry) ([]services.Answer, error) {
	leg := fieldsOf(c)
	if done.Did == Rejected {
		a, err := m.Write(legRejectedType, map[string]any{"order_id": c.Key, "venue": leg["venue"], "reason": "closed"})
		return []services.Answer{a}, err
	}
	parts := done.Parts
	if len(parts) == 0 {
		parts = []int64{done.Qty}
	}
	var answers []services.Answer
	for i, qty := range parts {
		a, err := m.Write(legFilledType, map[string]any{
			"order_id": c.Key, "venue": leg["venue"], "fill_id": done.ID + "-" + strconv.Itoa(i+1), "qty": qty, "price": leg["limit"],
		})
		if err != nil {
			return nil, err
		}
		a.Later = time.Duration(i) * 60 * time.Millisecond
		answers = append(answers, a)
	}
	return answers, nil
}

// hedger takes what it is given and answers nobody.
func (m market) hedger() services.Spec {
	return services.Spec{
		Name: "hedger", Commands: hedgesTopic,
		Read: m.reader(placeHedgeType, func(fields) services.Command {
			return services.Command{Subject: "hedge", Sure: true}
		}),
		Decide: func(_ services.Dice, c services.Command) ledger.Entry {
			return ledger.Entry{Did: Hedged, Qty: fieldsOf(c).qty()}
		},
	}
}

// desk sends orders.
type desk struct {
	*services.Post
	market market
}

func openDesk(cfg services.Config, m market) (*desk, error) {
	post, err := services.OpenPost(cfg, "desk", nil)
	return &desk{post, m}, err
}

var (
	venues  = []string{"alpha", "bravo", "charlie", "delta", "echo", "foxtrot"}
	symbols = []string{"ACME", "GLOBEX", "INITECH", "HOOLI"}
)

// play sends orders at a steady rate, the ids being run and a number from 1.
func (k *desk) play(ctx context.Context, run string, orders int, rate float64) error {
	return k.Pace(ctx, orders, rate, func(i int) { k.send(fmt.Sprintf("%s%06d", run, i)) })
}

func (k *desk) send(order string) {
	subject := "order " + services.NumberOf(order)
	event, err := k.market.Write(orderReceivedType, k.order(order, subject))
	if err != nil {
		k.Fail(err)
		return
	}
	k.Tell(ordersTopic, order, event, 0, nil)
	if k.Dice.Roll(subject, "twice") < sentTwice {
		k.Tell(ordersTopic, order, event, k.Dice.Between(time.Millisecond, time.Second, subject, "again"), nil)
	}
}

// order rolls what is ordered: at one to six venues, in lots of ten.
func (k *desk) order(id, subject string) map[string]any {
	number := func(n int, words ...string) int {
		return int(k.Dice.Roll(append([]string{subject}, words...)...) * float64(n))
	}
	var legs []any
	total := int64(0)
	for i := range 1 + number(len(venues), "venues") {
		qty := int64(10 * (1 + number(30, "qty", strconv.Itoa(i))))
		total += qty
		legs = append(legs, map[string]any{"name": venues[i], "qty": qty})
	}
	return map[string]any{
		"order_id": id, "account": "account-" + strconv.Itoa(number(20, "account")), "symbol": symbols[number(len(symbols), "symbol")],
		"qty": total, "limit": big.NewRat(int64(500+number(20_000, "limit")), 100), "venues": legs,
	}
}
