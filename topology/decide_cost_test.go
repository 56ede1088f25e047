package topology_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"rondo/topology"
)

// The cost of a decision: one call step of the checkout, and one of definitions
// and instances of different sizes, which must make no difference. docs/performance.md
// has the numbers.

// costCase is one decision that takes an outcome and sends the next command.
type costCase struct {
	name string
	plan *topology.Plan
	inst *topology.Instance
	in   *topology.Event
}

func costCases(tb testing.TB) []costCase {
	src, err := os.ReadFile("../examples/checkout/checkout.yaml")
	if err != nil {
		tb.Fatal(err)
	}
	plan := compile(tb, "../examples/checkout/checkout.yaml", string(src), topology.Limits{})
	out := []costCase{{"checkout", plan, decideAll(tb, plan, nil, placed()), event("StockReserved", "order_id", "o-1", "reservation_id", "r-1")}}
	for _, n := range []int{10, 100, 1000} {
		plan := compile(tb, "many.yaml", manySteps(n, ""), topology.Limits{})
		out = append(out, costCase{fmt.Sprintf("definition/steps=%d", n), plan, decideAll(tb, plan, nil, event("Go", "id", "a")), event("Done", "id", "a")})
	}
	for _, n := range []int{10, 100, 1000} {
		out = append(out, finished(tb, fmt.Sprintf("finished/steps=%d", n), n, ""))
	}
	for _, n := range []int{10, 100, 1000} {
		out = append(out, finished(tb, fmt.Sprintf("undoable/steps=%d", n), n, ", compensate: {send: Undo, with: {n: =n, id: =undoes.id}}"))
	}
	return out
}

// finished is an instance in the last of a thousand steps and more, behind n that
// are done.
func finished(tb testing.TB, name string, n int, words string) costCase {
	plan := compile(tb, "many.yaml", manySteps(1100, words), topology.Limits{})
	inst := decideAll(tb, plan, nil, event("Go", "id", "a"))
	for range n {
		inst = decideAll(tb, plan, inst, event("Done", "id", "a"))
	}
	return costCase{name, plan, inst, event("Done", "id", "a")}
}

// manySteps counts from where a whole number costs an allocation, in all cases.
func manySteps(n int, words string) string {
	var text strings.Builder
	text.WriteString(`messages:
  Go:   {topic: in, key: event.id}
  Done: {topic: in, key: event.id}
  Do:   {topic: out}
  Undo: {topic: out}
start: {Go: {set: {n: 100000}}}
anytime: {Undo: {}}
do:
`)
	for i := range n {
		fmt.Fprintf(&text, "  - s%d: {send: Do, with: {n: =n}, await: {Done: {set: {n: =n + 1}}}, timeout: 1m%s}\n", i, words)
	}
	return text.String()
}

// BenchmarkDecide is the time of one decision; the target is 10 µs for a call step.
func BenchmarkDecide(b *testing.B) {
	for _, c := range costCases(b) {
		b.Run(c.name, func(b *testing.B) { benchmarkEvent(b, c.plan, c.inst, c.in) })
	}
}

// TestTheCostOfADecisionDoesNotGrow counts allocations, which are the same on every
// machine, however loaded it is.
func TestTheCostOfADecisionDoesNotGrow(t *testing.T) {
	const most = 40 // for a call step
	allocations := map[string]float64{}
	for _, c := range costCases(t) {
		in := topology.Input{At: 1_767_225_601_000, Event: c.in}
		allocations[c.name] = testing.AllocsPerRun(20, func() { c.plan.Decide(c.inst, "o-1", in) })
	}
	for name, n := range allocations {
		if n > most {
			t.Errorf("%s: %v allocations, more than %d", name, n, most)
		}
		kind, _, _ := strings.Cut(name, "/")
		if first := allocations[kind+"/steps=10"]; kind != name && n > first+1 {
			t.Errorf("%s: %v allocations, with ten steps %v", name, n, first)
		}
	}
}
