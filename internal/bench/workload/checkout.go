package workload

import (
	"bytes"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/examples/checkout"
)

// order plays orders of the checkout that go well.
type order struct {
	tag, prefix string
	captured    payload
}

func openCheckout(c Casting) (Player, error) {
	captured, err := encodeBy(checkout.Files, "schemas/payment-captured.avsc", "order_id", map[string]any{"payment_id": "payment-4711", "amount": int64(4200)})
	return &order{tag: c.Tag, prefix: c.Prefix, captured: captured}, err
}

// Payloads in JSON, with ID in the place of the order's id.
const (
	orderPlaced = `{"order_id":"ID","card_token":"card-4711","total":4200,` +
		`"items":[{"sku":"pan-28","qty":1},{"sku":"lid-28","qty":1}],"address":{"zip":"10115","city":"Berlin"}}`
	stockReserved = `{"order_id":"ID","reservation_id":"reservation-4711"}`
	labelPrinted  = `{"order_id":"ID","tracking_no":"tracking-4711"}`
)

func stamped(text string, id []byte) []byte {
	return bytes.Replace([]byte(text), []byte("ID"), id, 1)
}

func (p *order) Begin(n int64) *kgo.Record {
	id := caseID(p.tag, n)
	return event(Topic(p.prefix, "shop.orders"), "OrderPlaced", id, stamped(orderPlaced, id))
}

func (p *order) See(r *kgo.Record) Sighting {
	n := caseOf(p.tag, r.Key)
	if n < 0 {
		return stranger
	}
	answer := func(place int, topic, kind string, value []byte) Sighting {
		return Sighting{Case: n, Place: place, Reply: reply(Topic(p.prefix, topic), kind, r.Key, value, r)}
	}
	switch kind := string(header(r, headerType)); kind {
	case "ReserveStock":
		return answer(0, "inventory.events", "StockReserved", stamped(stockReserved, r.Key))
	case "ChargeCard", "shop.payment.ChargeCard":
		return answer(1, "payment.events", "PaymentCaptured", p.captured.of(r.Key))
	case "PrintLabel":
		return answer(2, "shipping.events", "LabelPrinted", stamped(labelPrinted, r.Key))
	case "OrderCompleted":
		return Sighting{Case: n, Place: 3}
	default:
		return Sighting{Case: n, Wrong: fmt.Sprintf("a message %q", kind)}
	}
}
