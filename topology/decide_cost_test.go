package topology_test

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"rondo/schemas"
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
	for _, n := range []int{10, 106, 1002, 9994} { // with as many entries beside those in parts
		out = append(out, goneRound(tb, n))
	}
	return out
}

// finished is an instance in the last of a thousand steps and more, behind n that
// are done.
func finished(tb testing.TB, name string, n int, words string) costCase {
	plan := compile(tb, "many.yaml", manySteps(1100, words), topology.Limits{})
	return costCase{name, plan, afterSteps(tb, plan, n), event("Done", "id", "a")}
}

// goneRound is an instance that has gone n times round a loop of one step, and could
// undo all of that.
func goneRound(tb testing.TB, n int) costCase {
	const words = ", compensate: {send: Undo, with: {n: =n, id: =undoes.id}}, then: s0"
	plan := compile(tb, "round.yaml", manySteps(1, words), topology.Limits{})
	return costCase{fmt.Sprintf("undoable/steps=%d", n), plan, afterSteps(tb, plan, n), event("Done", "id", "a")}
}

func afterSteps(tb testing.TB, plan *topology.Plan, n int) *topology.Instance {
	inst := decideAll(tb, plan, nil, event("Go", "id", "a"))
	for range n {
		inst = decideAll(tb, plan, inst, event("Done", "id", "a"))
	}
	return inst
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
	first := map[string]stepCost{}
	for _, c := range costCases(t) {
		cost := costOf(t, c, 1)
		if cost.allocations > most {
			t.Errorf("%s: %v allocations, more than %d", c.name, cost.allocations, most)
		}
		kind, n, _ := strings.Cut(c.name, "/steps=")
		if n == "10" {
			first[kind] = cost
		}
		if least, ok := first[kind]; ok && cost.grownFrom(least, 1, 100) {
			t.Errorf("%s: %+v, with ten steps %+v", c.name, cost, least)
		}
	}
}

// TestTheCostOfManyDecisionsDoesNotGrow goes on for so many steps that entries are
// put into parts, and confirmed there.
func TestTheCostOfManyDecisionsDoesNotGrow(t *testing.T) {
	const steps = 160
	least := costOf(t, goneRound(t, 106), steps)
	for _, n := range []int{1002, 9002} {
		if cost := costOf(t, goneRound(t, n), steps); cost.grownFrom(least, steps, 100) {
			t.Errorf("%d steps behind %d: %+v, behind 106 %+v", steps, n, cost, least)
		}
	}
}

// stepCost is what decisions have cost.
type stepCost struct {
	allocations float64
	allocated   int // bytes
	written     int // bytes of the instance and its parts, as stored because of them
}

// grownFrom reports whether a cost is larger than another: by an allocation for each
// step, a tenth of the bytes and so many for each step, or bytes written of which
// numbers that are larger are no more than a few.
func (c stepCost) grownFrom(least stepCost, steps, more int) bool {
	return c.allocations > least.allocations+float64(steps) || c.allocated > least.allocated*11/10+steps*more || c.written > least.written+steps*64
}

// costOf measures some steps.
func costOf(t *testing.T, c costCase, steps int) stepCost {
	t.Helper()
	in := topology.Input{At: 1_767_225_601_000, Event: c.in}
	run := func() {
		inst := c.inst
		for range steps {
			inst = c.plan.Decide(inst, "o-1", in).Instance
		}
	}
	const runs = 20
	cost := stepCost{allocations: testing.AllocsPerRun(runs, run)}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		run()
	}
	runtime.ReadMemStats(&after)
	cost.allocated = int(after.TotalAlloc-before.TotalAlloc) / runs
	inst := c.inst
	for range steps {
		next := c.plan.Decide(inst, "o-1", in).Instance
		cost.written += written(t, inst, next)
		inst = next
	}
	return cost
}

// written is how many bytes are stored where next follows inst.
func written(t *testing.T, inst, next *topology.Instance) int {
	t.Helper()
	head, err := schemas.EncodeInstance(next)
	if err != nil {
		t.Fatal(err)
	}
	n := len(head)
	for _, part := range next.Parts {
		if slices.Contains(inst.Parts, part) {
			continue
		}
		record, err := schemas.EncodePart(part)
		if err != nil {
			t.Fatal(err)
		}
		n += len(record)
	}
	return n
}
