package checkout

import (
	"strconv"
	"testing"

	"rondo/internal/demo/ledger"
	"rondo/internal/demo/verdict"
	"rondo/internal/demo/verdict/verdicttest"
)

// shopBook writes the records of orders by hand.
type shopBook struct{ *verdicttest.Book }

// newShopBook is a flawless run of four orders: one completed after a retry and
// a declined card, one out of stock, one never paid, one cancelled after payment.
func newShopBook(t *testing.T) shopBook {
	s := shopBook{verdicttest.New(t, "checkout")}

	placed := s.place("r-1")
	s.command("r-1", reserveStockType, "reserve", "c1", 1, placed)
	s.command("r-1", reserveStockType, "reserve", "c1", 2, "")
	s.deed("r-1", Reserved, "c1", "res-1")
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

func (s shopBook) place(order string) (cause string) { return s.ask(order, orderPlacedType) }

func (s shopBook) ask(order, kind string) (cause string) {
	return s.Input(ordersTopic, order, kind, `{}`)
}

func (s shopBook) event(order, topic string) (cause string) { return s.Input(topic, order, "", `{}`) }

var topicOf = map[string]string{
	reserveStockType: "inventory.commands", releaseStockType: "inventory.commands",
	chargeCardType: "payment.commands", refundPaymentType: "payment.commands",
	printLabelType: "shipping.commands", orderCompletedType: "shop.order-status", orderFailedType: "shop.order-status",
}

func (s shopBook) command(order, kind, step, id string, attempt int, cause string) *verdict.Record {
	return s.Send(verdicttest.Command{Topic: topicOf[kind], Key: order, Kind: kind, Step: step, ID: id, Attempt: attempt, Cause: cause})
}

func (s shopBook) outcome(order, kind, step, id, cause, value string) {
	s.command(order, kind, step, id, 1, cause).Value = []byte(value)
}

func (s shopBook) undo(order, kind, step, id, undoes, cause string, did ledger.Deed) {
	s.command(order, kind, step, id, 1, cause).Headers["rondo-compensates"] = undoes
	s.Enter(ledger.Entry{Did: did, Key: order, Command: id, Undoes: undoes})
}

func (s shopBook) deed(order string, did ledger.Deed, command, id string) {
	s.Enter(ledger.Entry{Did: did, Key: order, Command: command, ID: id})
}

func judge(s shopBook) *verdict.Report { return Judge(&s.Books) }
