// Package checkout is the world of examples/checkout: a shop that places orders,
// and the inventory, payment and shipping services.
//
//	ReserveStock, ReleaseStock ──► inventory ──► StockReserved, StockRejected   (JSON)
//	ChargeCard, RefundPayment  ──► payment   ──► PaymentCaptured, PaymentDeclined (Avro)
//	PrintLabel                 ──► shipping  ──► LabelPrinted                   (JSON)
//	PaymentDeclined            ──► shop      ──► CardUpdated, OrderCancelled    (JSON)
//
// A compensation of something they never did is done: there is nothing to undo.
package checkout

import (
	"encoding/json"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/examples/checkout"
	"rondo/internal/demo/observer"
	"rondo/internal/demo/services"
	"rondo/internal/demo/story"
)

// Story is the checkout.
var Story = &story.Story{
	Words: words,
	Short: "a web shop's checkout: a saga over three services",
	Long: `Run the checkout of examples/checkout from its first order to a verdict: an
embedded Kafka-compatible broker, two nodes as processes of their own, simulated
inventory, payment, shipping and shop services that are slow, refuse, fall
silent, and answer twice or late, and a view of it all.

The verdict is made by reading the topics, not from the nodes' counters: every
order ended in one outcome, every command is there once, what failed is undone,
nothing is left over. The exit code is 1 if it is not so.`,
	Files: checkout.Files, Definition: checkout.Definition,
	Inputs:   []string{ordersTopic, "inventory.events", "payment.events", "shipping.events"},
	Commands: []string{"inventory.commands", "payment.commands", "shipping.commands", "shop.order-status"},
	Load: story.Load{
		Flag: "orders", Usage: "orders to be placed", Default: 2000, CasesEach: 1,
		Scene: "orders are placed", RateMin: 10, RateMax: 1000,
	},
	Open:   open,
	Legend: func() observer.Legend { return sign },
	Judge:  Judge,
}

func open(cfg services.Config) (*story.Cast, error) {
	payment, err := newPayment(cfg.Schemas)
	if err != nil {
		return nil, err
	}
	return openCast(cfg, newInventory(), payment, newShipping())
}

// openCast opens the shop and its services.
func openCast(cfg services.Config, specs ...services.Spec) (*story.Cast, error) {
	shop, err := newShop(cfg)
	if err != nil {
		return nil, err
	}
	cast := &story.Cast{Posts: []*services.Post{shop.Post}, Play: shop.place}
	for _, spec := range specs {
		s, err := services.Open(cfg, spec)
		if err != nil {
			cast.Close()
			return nil, err
		}
		cast.Posts = append(cast.Posts, s.Post)
	}
	return cast, nil
}

// stopTexts says what a record of a type means for an order's path; types that
// are missing say nothing.
var stopTexts = map[string]string{
	"ReserveStock": "reserve", "ReleaseStock": "release",
	"ChargeCard": "pay", "RefundPayment": "refund",
	"PrintLabel":  "label",
	"CardUpdated": "new card", "OrderCancelled": "cancel",
}

// sign reads what a record means for its order.
func sign(r *kgo.Record) observer.Sign {
	if deed, ok := services.DeedOf(r); ok {
		return observer.Sign{Noted: deed.Undoes != "" && !deed.Nothing}
	}
	kind := services.TypeOf(r)
	s := observer.Sign{Stop: stopTexts[kind]}
	switch kind {
	case orderPlacedType:
		s.Begins = true
	case orderCompletedType:
		s.Ends = "completed"
	case orderFailedType:
		s.Ends, s.Failed = reasonOf(r.Value), true
	}
	return s
}

// reasonOf reads why an order failed.
func reasonOf(value []byte) string {
	var outcome struct {
		Reason string `json:"reason"`
	}
	if err := json.Unmarshal(value, &outcome); err != nil || outcome.Reason == "" {
		return "failed" // the verdict says what is wrong with the record
	}
	return outcome.Reason
}
