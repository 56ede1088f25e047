package services

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// What the shop's customers do. Shares are of orders, or of declined cards.
const (
	changesMind  = 0.04  // orders that are cancelled while they are worked on
	placedTwice  = 0.005 // orders that the shop sends twice
	givesUp      = 0.2   // customers who cancel instead of naming another card
	cards        = 3     // a customer has no more
	answerWithin = 3 * time.Second
)

const ordersTopic = "shop.orders"

type (
	orderPlaced struct {
		OrderID   string      `json:"order_id"`
		CardToken string      `json:"card_token"`
		Total     int64       `json:"total"` // cents
		Items     []orderItem `json:"items"`
		Address   address     `json:"address"`
	}
	orderItem struct {
		SKU string `json:"sku"`
		Qty int    `json:"qty"`
	}
	address struct {
		Name   string `json:"name"`
		Street string `json:"street"`
		Zip    string `json:"zip"`
		City   string `json:"city"`
	}
	cardUpdated struct {
		OrderID   string `json:"order_id"`
		CardToken string `json:"card_token"`
	}
	orderCancelled struct {
		OrderID string `json:"order_id"`
		By      string `json:"by"`
	}
)

// Shop places orders, cancels some of them, and answers declined cards.
type Shop struct {
	dice     dice
	client   *kgo.Client
	progress *progress
	outbox   *outbox
	payments *paymentCodecs
	declined *memory[declines]
	cfg      Config
	ctx      context.Context // ended by fail
	fail     context.CancelCauseFunc
	placing  sync.WaitGroup // calls of Place
}

// declines are the cards of an order that were declined, in their order.
type declines struct{ cards []string }

// NewShop opens the shop. It does nothing until Run and Place.
func NewShop(cfg Config) (*Shop, error) {
	payments, err := newPaymentCodecs(cfg.Schemas)
	if err != nil {
		return nil, err
	}
	s := &Shop{dice: dice{cfg.Seed}, payments: payments, declined: newMemory[declines](remembered), cfg: cfg}
	s.ctx, s.fail = context.WithCancelCause(context.Background())
	if s.client, s.progress, err = dial(cfg, "shop", "payment.events"); err != nil {
		return nil, err
	}
	s.outbox = newOutbox(s.client, cfg.Journal, s.fail)
	return s, nil
}

// Run answers declined cards until ctx ends; then it sends what it had meant to
// send later, commits and returns nil, or what stopped it before.
func (s *Shop) Run(ctx context.Context) error {
	defer s.client.Close()
	stop := context.AfterFunc(ctx, func() { s.fail(nil) })
	defer stop()
	for s.ctx.Err() == nil {
		fetches := s.client.PollRecords(s.ctx, 500)
		fetches.EachError(func(topic string, partition int32, err error) {
			if s.ctx.Err() == nil {
				s.cfg.logger().Warn("fetch failed", "service", "shop", "topic", topic, "partition", partition, "error", err)
			}
		})
		fetches.EachRecord(s.take)
	}
	s.placing.Wait()
	s.outbox.flush()
	s.outbox.wait()
	commit, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if cause := context.Cause(s.ctx); !errors.Is(cause, context.Canceled) {
		return fmt.Errorf("shop: %w", cause)
	}
	if err := s.client.CommitMarkedOffsets(commit); err != nil {
		return fmt.Errorf("commit the offsets of the shop: %w", err)
	}
	return nil
}

// Hurry sends at once what the shop had meant to send later.
func (s *Shop) Hurry() { s.outbox.flush() }

// take answers a declined card, once.
func (s *Shop) take(rec *kgo.Record) {
	task := s.progress.begin(rec)
	defer task.done()
	d, ok, err := s.payments.readDeclined(rec)
	if err != nil {
		s.cfg.logger().Warn("cannot read payment event", "service", "shop", "partition", rec.Partition, "offset", rec.Offset, "error", err)
		return
	}
	if !ok {
		return
	}
	n, first := s.declined.of(d.order).note(d.card)
	if !first || n >= cards {
		return
	}
	subject := "customer " + numberOf(d.order) + " card " + strconv.Itoa(n)
	after := s.dice.wait(50*time.Millisecond, 500*time.Millisecond, answerWithin, subject, "after")
	task.add()
	if s.dice.roll(subject, "gives up") < givesUp {
		s.send("OrderCancelled", d.order, orderCancelled{d.order, "customer"}, after, task.done)
		return
	}
	s.send("CardUpdated", d.order, cardUpdated{d.order, cardToken(d.order, n+1)}, after, task.done)
}

// note remembers a declined card. It returns how many there are, and whether
// this one is new: the payment service may tell of it twice.
func (d *declines) note(card string) (n int, first bool) {
	if slices.Contains(d.cards, card) {
		return len(d.cards), false
	}
	d.cards = append(d.cards, card)
	return len(d.cards), true
}

func cardToken(order string, n int) string {
	return "card-" + numberOf(order) + "-" + strconv.Itoa(n)
}

// Place places orders at a steady rate per second, the ids being run and a
// number from 1, and returns when the last one was placed. Run must run.
func (s *Shop) Place(ctx context.Context, run string, orders int, rate float64) error {
	s.placing.Add(1)
	defer s.placing.Done()
	begin := time.Now()
	for i := range orders {
		due := begin.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		if err := s.sleepUntil(ctx, due); err != nil {
			return err
		}
		s.place(fmt.Sprintf("%s%06d", run, i+1))
	}
	return nil
}

// sleepUntil fails when ctx ends, or the shop.
func (s *Shop) sleepUntil(ctx context.Context, due time.Time) error {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
		return context.Cause(s.ctx)
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// place places one order, and what its customer does of his own accord.
func (s *Shop) place(order string) {
	subject := "order " + numberOf(order)
	placed := s.order(order, subject)
	s.send("OrderPlaced", order, placed, 0, nothing)
	if s.dice.roll(subject, "twice") < placedTwice {
		s.send("OrderPlaced", order, placed, s.dice.between(time.Millisecond, time.Second, subject, "again"), nothing)
	}
	if s.dice.roll(subject, "mind") < changesMind {
		after := s.dice.wait(time.Millisecond, 300*time.Millisecond, answerWithin, subject, "cancel")
		s.send("OrderCancelled", order, orderCancelled{order, "customer"}, after, nothing)
	}
}

func nothing() {}

var skus = []string{"lamp", "chair", "desk", "shelf", "rug"}

// order rolls what is ordered.
func (s *Shop) order(id, subject string) orderPlaced {
	p := orderPlaced{
		OrderID:   id,
		CardToken: cardToken(id, 1),
		Address:   address{Name: "Customer " + numberOf(id), Street: "Hafenstrasse 1", Zip: "10115", City: "Berlin"},
	}
	lines := 1 + int(s.dice.roll(subject, "lines")*3)
	for i := range lines {
		line := strconv.Itoa(i)
		qty := 1 + int(s.dice.roll(subject, line, "qty")*4)
		p.Items = append(p.Items, orderItem{SKU: skus[int(s.dice.roll(subject, line, "sku")*float64(len(skus)))], Qty: qty})
		p.Total += int64(qty) * (500 + int64(s.dice.roll(subject, line, "price")*20000))
	}
	return p
}

// send writes an event of the shop.
func (s *Shop) send(kind, order string, payload any, after time.Duration, done func()) {
	value, _, err := writeJSON(kind, payload)
	if err != nil {
		s.fail(err)
		return
	}
	s.outbox.send(&kgo.Record{
		Topic: ordersTopic, Key: []byte(order), Value: value,
		Headers: []kgo.RecordHeader{{Key: "type", Value: []byte(kind)}},
	}, after, done)
}
