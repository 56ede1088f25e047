package checkout

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/demo/ledger"
	"rondo/internal/demo/services"
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

func newShipping() services.Spec {
	return services.Spec{
		Name:     "shipping",
		Commands: "shipping.commands",
		Events:   "shipping.events",
		Habits:   shippingHabits,
		Read:     readShipping,
		Decide: func(_ services.Dice, c services.Command) ledger.Entry {
			return ledger.Entry{Did: Printed, ID: services.IDFor("trk", c.ID)}
		},
		Answers: func(c services.Command, done ledger.Entry) ([]services.Answer, error) {
			return one(services.JSON("LabelPrinted", labelPrinted{OrderID: c.Key, TrackingNo: done.ID}))
		},
	}
}

func readShipping(r *kgo.Record) (services.Command, bool, error) {
	kind := services.TypeOf(r)
	if kind != printLabelType {
		return services.Command{}, false, nil
	}
	var p printLabel
	err := services.ReadJSON(r, kind, &p)
	return services.Command{Key: p.OrderID, Subject: "label " + services.NumberOf(p.OrderID)}, true, err
}
