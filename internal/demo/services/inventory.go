package services

import (
	"fmt"
	"hash/fnv"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/demo/ledger"
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

func newInventory() *service {
	return &service{
		name:     "inventory",
		commands: "inventory.commands",
		events:   "inventory.events",
		habits:   inventoryHabits,
		undone:   ledger.Released,
		read:     readInventory,
		decide:   decideStock,
		answer:   answerStock,
	}
}

func readInventory(r *kgo.Record) (command, bool, error) {
	switch kind := typeOf(r); kind {
	case "ReserveStock":
		var p reserveStock
		err := readJSON(r, kind, &p)
		return command{order: p.OrderID, subject: "reserve " + numberOf(p.OrderID)}, true, err
	case "ReleaseStock":
		var p releaseStock
		err := readJSON(r, kind, &p)
		return command{order: p.OrderID, undo: true, undoes: p.Command, undoesID: p.ReservationID}, true, err
	}
	return command{}, false, nil
}

func decideStock(d dice, c command) (ledger.Deed, string) {
	if d.roll(c.subject, "stock") < outOfStock {
		return ledger.Refused, ""
	}
	return ledger.Reserved, idFor("res", c.id)
}

func answerStock(c command, p *page) ([]byte, string, error) {
	if p.did == ledger.Refused {
		return writeJSON("StockRejected", stockRejected{OrderID: c.order, Reason: "out of stock"})
	}
	return writeJSON("StockReserved", stockReserved{OrderID: c.order, ReservationID: p.id})
}

// idFor makes an id out of a command's id: the same for the same command, so
// that a service that has forgotten it says the same again.
func idFor(prefix, commandID string) string {
	h := fnv.New64a()
	h.Write([]byte(commandID)) // a hash's Write never fails
	return fmt.Sprintf("%s-%016x", prefix, h.Sum64())
}
