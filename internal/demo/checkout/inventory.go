package checkout

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/demo/ledger"
	"rondo/internal/demo/services"
)

// outOfStock is the share of orders that the inventory refuses.
const outOfStock = 0.06

type (
	reserveStock struct {
		OrderID string `json:"order_id"`
	}
	releaseStock struct {
		OrderID       string `json:"order_id"`
		ReservationID string `json:"reservation_id"` // "" where the reservation was never confirmed
		Command       string `json:"command"`        // id of the ReserveStock to undo
	}
	stockReserved struct {
		OrderID       string `json:"order_id"`
		ReservationID string `json:"reservation_id"`
	}
	stockRejected struct {
		OrderID string `json:"order_id"`
		Reason  string `json:"reason"`
	}
)

func newInventory() services.Spec {
	return services.Spec{
		Name:     "inventory",
		Commands: "inventory.commands",
		Events:   "inventory.events",
		Habits:   inventoryHabits,
		Undone:   Released,
		Refusals: []ledger.Deed{Refused},
		Read:     readInventory,
		Decide:   decideStock,
		Answers:  answerStock,
	}
}

func readInventory(r *kgo.Record) (services.Command, bool, error) {
	switch kind := services.TypeOf(r); kind {
	case reserveStockType:
		var p reserveStock
		err := services.ReadJSON(r, kind, &p)
		return services.Command{Key: p.OrderID, Subject: "reserve " + services.NumberOf(p.OrderID)}, true, err
	case releaseStockType:
		var p releaseStock
		err := services.ReadJSON(r, kind, &p)
		return services.Command{Key: p.OrderID, Undo: true, Undoes: p.Command, UndoesID: p.ReservationID}, true, err
	}
	return services.Command{}, false, nil
}

func decideStock(d services.Dice, c services.Command) ledger.Entry {
	if d.Roll(c.Subject, "stock") < outOfStock {
		return ledger.Entry{Did: Refused}
	}
	return ledger.Entry{Did: Reserved, ID: services.IDFor("res", c.ID)}
}

func answerStock(c services.Command, done ledger.Entry) ([]services.Answer, error) {
	if done.Did == Refused {
		return one(services.JSON("StockRejected", stockRejected{OrderID: c.Key, Reason: "out of stock"}))
	}
	return one(services.JSON("StockReserved", stockReserved{OrderID: c.Key, ReservationID: done.ID}))
}

// one is a single answer.
func one(a services.Answer, err error) ([]services.Answer, error) { return []services.Answer{a}, err }
