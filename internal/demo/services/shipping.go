package services

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/demo/ledger"
)

type (
	printLabel struct {
		OrderID string `json:"order_id"`
	}
	labelPrinted struct {
		OrderID    string `json:"order_id"`
		TrackingNo string `json:"tracking_no"`
	}
)

func newShipping() *service {
	return &service{
		name:     "shipping",
		commands: "shipping.commands",
		events:   "shipping.events",
		habits:   shippingHabits,
		read:     readShipping,
		decide: func(_ dice, c command) (ledger.Deed, string) {
			return ledger.Printed, idFor("trk", c.id)
		},
		answer: func(c command, p *page) ([]byte, string, error) {
			return writeJSON("LabelPrinted", labelPrinted{OrderID: c.order, TrackingNo: p.id})
		},
	}
}

func readShipping(r *kgo.Record) (command, bool, error) {
	kind := typeOf(r)
	if kind != "PrintLabel" {
		return command{}, false, nil
	}
	var p printLabel
	err := readJSON(r, kind, &p)
	return command{order: p.OrderID, subject: "label " + numberOf(p.OrderID)}, true, err
}
