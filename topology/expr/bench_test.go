package expr

import (
	"testing"
	"time"

	"rondo/topology/value"
)

const benchEvent = `{"type":"OrderPlaced","order_id":"o-123456","payment_id":"p-1","customer":{"id":"c-99","name":"Maria Schmidt","vip":true},
	"card_token":"tok_abcdef","total":129.95,"currency":"EUR","temp_c":91.5,"placed_at":"2026-03-01T12:00:00Z",
	"items":[{"sku":"a-1","qty":2,"price":19.99},{"sku":"b-7","qty":1,"price":89.97},{"sku":"c-3","qty":4,"price":5}],"note":null}`

// twoVariables has the cost that a caller's bindings have: a switch.
type benchBindings struct {
	event   value.Value
	payment value.Value
	n       value.Value
}

func (b *benchBindings) Lookup(name string) (value.Value, bool) {
	switch name {
	case "event":
		return b.event, true
	case "payment":
		return b.payment, true
	case "n":
		return b.n, true
	case "now":
		return time.Time{}, true
	}
	return nil, false
}

func BenchmarkEval(b *testing.B) {
	event, err := value.FromJSON([]byte(benchEvent))
	if err != nil {
		b.Fatal(err)
	}
	bindings := &benchBindings{event: event, payment: "p-2", n: int64(2)}
	for _, text := range []string{
		"event.payment_id != payment",
		"n + 1",
		"n >= 3 || event.temp_c > 90.0",
		"event.payment_id",
		"event",
		"event.?customer.?segment.orValue('') == 'vip'",
		"{'order_id': event.order_id, 'total': event.total, 'items': event.items, 'n': n}",
		"sum(event.items.map(i, i.price * i.qty))",
		"event.items.filter(i, i.qty > 1).map(i, i.sku)",
		"decimal('1.10') * n",
		"string(n) + '-' + event.order_id",
		"hash(event.order_id) % 16",
	} {
		p, issues := Compile(text, NewScope("event", "payment", "n"))
		if len(issues) > 0 {
			b.Fatal(issues)
		}
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Eval(bindings); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	scope := NewScope("event", "payment", "n", "order", "card", "declines", "key", "now")
	b.ReportAllocs()
	for b.Loop() {
		if _, issues := Compile("event.payment_id != payment && declines + 1 >= 3", scope); len(issues) > 0 {
			b.Fatal(issues)
		}
	}
}

// The dearest that decimals can be: far apart in size.
func BenchmarkFarDecimals(b *testing.B) {
	p, issues := Compile("d + e", NewScope("d", "e"))
	if len(issues) > 0 {
		b.Fatal(issues)
	}
	d, _ := value.ParseDecimal("9E400")
	e, _ := value.ParseDecimal("9E-400")
	bindings := mapBindings{"d": d, "e": e}
	for b.Loop() {
		if _, err := p.Eval(bindings); err != nil {
			b.Fatal(err)
		}
	}
}
