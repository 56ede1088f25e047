package checkout

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/demo/services"
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

// remembered bounds the orders whose cards the shop knows.
const remembered = 200_000

// shop places orders, cancels some of them, and answers declined cards.
type shop struct {
	*services.Post
	payments paymentCodecs
	declined *services.Memory[declines]
}

// declines are the cards of an order that were declined, in their order.
type declines struct{ cards []string }

func newShop(cfg services.Config) (*shop, error) {
	payments, err := newPaymentCodecs(cfg.Schemas)
	if err != nil {
		return nil, err
	}
	s := &shop{payments: payments, declined: services.NewMemory[declines](remembered)}
	s.Post, err = services.OpenPost(cfg, "shop", s.take, "payment.events")
	return s, err
}

// take answers a declined card, once.
func (s *shop) take(rec *kgo.Record, task *services.Task) {
	d, ok, err := s.payments.readDeclined(rec)
	if err != nil {
		s.Log.Warn("cannot read payment event", "partition", rec.Partition, "offset", rec.Offset, "error", err)
		return
	}
	if !ok {
		return
	}
	n, first := s.declined.Of(d.order).note(d.card)
	if !first || n >= cards {
		return
	}
	subject := "customer " + services.NumberOf(d.order) + " card " + strconv.Itoa(n)
	after := s.Dice.Wait(50*time.Millisecond, 500*time.Millisecond, answerWithin, subject, "after")
	if s.Dice.Roll(subject, "gives up") < givesUp {
		s.tell(orderCancelledType, d.order, orderCancelled{d.order, "customer"}, after, task)
		return
	}
	s.tell("CardUpdated", d.order, cardUpdated{d.order, cardToken(d.order, n+1)}, after, task)
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
	return "card-" + services.NumberOf(order) + "-" + strconv.Itoa(n)
}

// place places orders at a steady rate per second, the ids being run and a
// number from 1.
func (s *shop) place(ctx context.Context, run string, orders int, rate float64) error {
	return s.Pace(ctx, orders, rate, func(i int) { s.placeOne(fmt.Sprintf("%s%06d", run, i)) })
}

// placeOne places one order, and what its customer does of his own accord.
func (s *shop) placeOne(order string) {
	subject := "order " + services.NumberOf(order)
	placed := s.order(order, subject)
	s.tell(orderPlacedType, order, placed, 0, nil)
	if s.Dice.Roll(subject, "twice") < placedTwice {
		s.tell(orderPlacedType, order, placed, s.Dice.Between(time.Millisecond, time.Second, subject, "again"), nil)
	}
	if s.Dice.Roll(subject, "mind") < changesMind {
		after := s.Dice.Wait(time.Millisecond, 300*time.Millisecond, answerWithin, subject, "cancel")
		s.tell(orderCancelledType, order, orderCancelled{order, "customer"}, after, nil)
	}
}

var skus = []string{"lamp", "chair", "desk", "shelf", "rug"}

// order rolls what is ordered.
func (s *shop) order(id, subject string) orderPlaced {
	p := orderPlaced{
		OrderID:   id,
		CardToken: cardToken(id, 1),
		Address:   address{Name: "Customer " + services.NumberOf(id), Street: "Hafenstrasse 1", Zip: "10115", City: "Berlin"},
	}
	lines := 1 + int(s.Dice.Roll(subject, "lines")*3)
	for i := range lines {
		line := strconv.Itoa(i)
		qty := 1 + int(s.Dice.Roll(subject, line, "qty")*4)
		p.Items = append(p.Items, orderItem{SKU: skus[int(s.Dice.Roll(subject, line, "sku")*float64(len(skus)))], Qty: qty})
		p.Total += int64(qty) * (500 + int64(s.Dice.Roll(subject, line, "price")*20000))
	}
	return p
}

// tell writes an event of the shop.
func (s *shop) tell(kind, order string, payload any, after time.Duration, task *services.Task) {
	event, err := services.JSON(kind, payload)
	if err != nil {
		s.Fail(err)
		return
	}
	s.Tell(ordersTopic, order, event, after, task)
}
