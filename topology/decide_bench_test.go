package topology_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"rondo/topology"
	"rondo/topology/value"
)

// BenchmarkCallStep is one step of the checkout: an outcome is taken, and the
// next command sent. Decoding and encoding are not part of it. The target is
// 10 µs and 40 allocations.
func BenchmarkCallStep(b *testing.B) {
	src, err := os.ReadFile("../examples/checkout/checkout.yaml")
	if err != nil {
		b.Fatal(err)
	}
	plan := compile(b, "../examples/checkout/checkout.yaml", string(src), topology.Limits{})
	reserved := startedCheckout(b, plan)
	benchmarkEvent(b, plan, reserved, event("StockReserved", "order_id", "o-1", "reservation_id", "r-1"))
}

// BenchmarkCallStepOfMany is the same step in a definition of a thousand steps,
// after a thousand visits of one: neither may cost anything.
func BenchmarkCallStepOfMany(b *testing.B) {
	var text strings.Builder
	text.WriteString(`messages:
  Go:    {topic: in, key: event.id}
  Done:  {topic: in, key: event.id}
  Do:    {topic: out}
start: {Go: {set: {n: 0}}}
do:
  - loop: {send: Do, with: {n: =n}, await: {Done: {set: {n: =n + 1}}}, timeout: 1m}
  - back: {if: n < 1000, then: loop}
`)
	for i := range 1000 {
		fmt.Fprintf(&text, "  - s%d: {send: Do, with: {n: =n}, await: {Done: {}}, timeout: 1m}\n", i)
	}
	plan := compile(b, "many.yaml", text.String(), topology.Limits{})
	inst := decideAll(b, plan, nil, event("Go", "id", "a"))
	for range 1000 {
		inst = decideAll(b, plan, inst, event("Done", "id", "a"))
	}
	benchmarkEvent(b, plan, inst, event("Done", "id", "a"))
}

func BenchmarkStart(b *testing.B) {
	src, err := os.ReadFile("../examples/checkout/checkout.yaml")
	if err != nil {
		b.Fatal(err)
	}
	plan := compile(b, "../examples/checkout/checkout.yaml", string(src), topology.Limits{})
	benchmarkEvent(b, plan, nil, placed())
}

func benchmarkEvent(b *testing.B, plan *topology.Plan, inst *topology.Instance, e *topology.Event) {
	b.Helper()
	in := topology.Input{At: 1_767_225_601_000, Event: e}
	if d := plan.Decide(inst, "o-1", in); len(d.Commands) != 1 || d.Fault != nil {
		b.Fatalf("%+v", d)
	}
	b.ReportAllocs()
	for b.Loop() {
		plan.Decide(inst, "o-1", in)
	}
}

func event(message string, fields ...string) *topology.Event {
	payload := map[string]value.Value{}
	for i := 0; i+1 < len(fields); i += 2 {
		payload[fields[i]] = fields[i+1]
	}
	return &topology.Event{Message: message, Record: topology.RecordRef{Topic: "in", Offset: 7}, Payload: value.MapOf(payload)}
}

func placed() *topology.Event {
	e := event("OrderPlaced", "order_id", "o-1", "card_token", "c-1")
	item := value.MapOf(map[string]value.Value{"sku": "a", "qty": int64(1)})
	e.Payload = e.Payload.(*value.Map).With("total", int64(30)).With("items", []any{item, item}).
		With("address", value.MapOf(map[string]value.Value{"zip": "10115", "city": "Berlin"}))
	return e
}

func startedCheckout(b *testing.B, plan *topology.Plan) *topology.Instance {
	return decideAll(b, plan, nil, placed())
}

func decideAll(tb testing.TB, plan *topology.Plan, inst *topology.Instance, e *topology.Event) *topology.Instance {
	tb.Helper()
	d := plan.Decide(inst, "o-1", topology.Input{At: 1_767_225_600_000, Event: e})
	if d.Fault != nil || d.Instance == nil || d.More {
		tb.Fatalf("%+v", d)
	}
	return d.Instance
}
