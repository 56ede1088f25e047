package topology_test

import (
	"fmt"
	"strings"
	"testing"

	"rondo/schemas"
	"rondo/topology"
	"rondo/topology/value"
)

// wideLoop goes over n elements, eight at once, and collects what they give.
const wideLoop = `messages:
  Go:   {topic: in, key: event.id}
  Done: {topic: in, key: event.id}
  Do:   {topic: out}
  Tell: {topic: out}
start: {Go: {set: {lines: =event.lines}}}
do:
  - all:
      for: {each: line, in: lines, parallel: 8}
      do:
        - one: {send: Do, with: {line: =line, place: =index}, await: {Done: {when: event.line == line, set: {price: =event.price}}}, timeout: 1h}
      collect: {prices: =price}
  - tell: {send: Tell, with: {n: =size(prices), first: "=prices[0]", last: "=prices[size(prices) - 1]"}}
`

// wide is a loop under way.
type wide struct {
	tb   testing.TB
	plan *topology.Plan
	inst *topology.Instance
	at   topology.Instant
}

func newWide(tb testing.TB, n int) *wide {
	w := &wide{tb: tb, at: 5000, plan: compile(tb, "w.yaml", wideLoop, topology.Limits{Variable: 4 << 20, Elements: n})}
	lines := make([]any, n)
	for i := range lines {
		lines[i] = int64(i)
	}
	w.decide(&topology.Event{Message: "Go", Payload: value.MapOf(map[string]value.Value{"id": "a", "lines": lines})})
	return w
}

func (w *wide) done(i int) topology.Input {
	return topology.Input{At: w.at, Event: &topology.Event{Message: "Done", Record: topology.RecordRef{Topic: "in", Offset: int64(i)},
		Payload: value.MapOf(map[string]value.Value{"id": "a", "line": int64(i), "price": int64(i % 3)})}}
}

func (w *wide) decide(e *topology.Event) topology.Decision {
	d := w.plan.Decide(w.inst, "a", topology.Input{At: w.at, Event: e})
	if d.Fault != nil || d.More {
		w.tb.Fatalf("%+v", d)
	}
	w.inst = d.Instance
	return d
}

// TestLoopOverManyElementsIsBounded: of a loop over as many elements as there may be
// each decision writes a small head and a few parts, wherever it has come to, and
// what comes back from the store goes on as if it had never left memory.
func TestLoopOverManyElementsIsBounded(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 5_001
	}
	w := newWide(t, n)
	w.inst = withoutVariable(w.inst, "lines") // the list itself is the author's to keep
	if len(w.inst.Branches) != 9 {
		t.Fatalf("%d branches", len(w.inst.Branches))
	}
	headMax, writtenMax := 0, 0
	for i := range n {
		sampled := i%997 == 0 || i > n-20
		if sampled {
			w.inst = reloaded(t, w.inst)
		}
		before := w.inst
		d := w.decide(w.done(i).Event)
		if i == n-1 {
			if len(d.Commands) != 1 || value.Format(d.Commands[0].Payload) != fmt.Sprintf("{first: 0, last: %d, n: %d}", (n-1)%3, n) {
				t.Errorf("%+v", d.Commands)
			}
			break
		}
		if sampled {
			headMax = max(headMax, len(encodedHead(t, w.inst)))
			writtenMax = max(writtenMax, partsWritten(before, w.inst))
		}
	}
	if headMax > 4096 || writtenMax > 2 {
		t.Errorf("a decision has written a head of %d bytes and %d parts", headMax, writtenMax)
	}
	if len(w.inst.Parts) > 0 {
		t.Errorf("%d parts are left behind the loop", len(w.inst.Parts))
	}
}

func withoutVariable(i *topology.Instance, name string) *topology.Instance {
	out := *i
	out.Vars = out.Vars.Without(name)
	return &out
}

func encodedHead(t testing.TB, i *topology.Instance) []byte {
	t.Helper()
	b, err := schemas.EncodeInstance(i)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func reloaded(t testing.TB, i *topology.Instance) *topology.Instance {
	t.Helper()
	out, err := schemas.DecodeInstance(encodedHead(t, i), func(id int64) ([]byte, error) {
		for _, part := range i.Parts {
			if part.ID == id {
				return schemas.EncodePart(part)
			}
		}
		return nil, fmt.Errorf("no part %d", id)
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// partsWritten is how many parts of next are to be written.
func partsWritten(before, next *topology.Instance) int {
	known := map[*topology.Part]bool{}
	for _, part := range before.Parts {
		known[part] = true
	}
	written := 0
	for _, part := range next.Parts {
		if !known[part] {
			written++
		}
	}
	return written
}

// BenchmarkLoopStep is one iteration of a loop: its outcome is taken, the next one
// begins. What it costs does not grow with the iterations that have finished.
func BenchmarkLoopStep(b *testing.B) {
	for _, finished := range []int{0, 1_000, 90_000} {
		b.Run(fmt.Sprint(finished), func(b *testing.B) {
			w := newWide(b, 100_000)
			w.inst = withoutVariable(w.inst, "lines")
			for i := range finished {
				w.decide(w.done(i).Event)
			}
			in := w.done(finished)
			b.ReportAllocs()
			for b.Loop() {
				w.plan.Decide(w.inst, "a", in)
			}
		})
	}
}

// BenchmarkWideLoop is a loop of which all iterations run at once: what one of them
// costs, from where it begins to where its outcome is taken, for so many side by side.
// The replies carry their command's id.
func BenchmarkWideLoop(b *testing.B) {
	for _, width := range []int{10, 100, 1_000, 10_000} {
		plan := compile(b, "w.yaml", strings.Replace(wideLoop, "parallel: 8", fmt.Sprint("parallel: ", width), 1),
			topology.Limits{Variable: 4 << 20, Branches: width + 1})
		b.Run(fmt.Sprintf("begin/width=%d", width), func(b *testing.B) {
			for b.Loop() {
				allAtOnce(b, plan, width)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*width), "ns/item")
		})
		b.Run(fmt.Sprintf("outcome/width=%d", width), func(b *testing.B) {
			w, commands := allAtOnce(b, plan, width)
			in := w.done(width / 2)
			in.Event.CommandID = commands[width/2]
			for b.Loop() {
				w.plan.Decide(w.inst, "a", in)
			}
		})
	}
}

// allAtOnce is a loop whose iterations have all begun, and the ids of their commands.
func allAtOnce(b *testing.B, plan *topology.Plan, width int) (*wide, []string) {
	w := &wide{tb: b, at: 5000, plan: plan}
	lines := make([]any, width)
	for i := range lines {
		lines[i] = int64(i)
	}
	in := topology.Input{At: w.at, Event: &topology.Event{Message: "Go", Payload: value.MapOf(map[string]value.Value{"id": "a", "lines": lines})}}
	var commands []string
	for {
		d := plan.Decide(w.inst, "a", in)
		if d.Fault != nil {
			b.Fatalf("%+v", d)
		}
		w.inst = d.Instance
		for _, c := range d.Commands {
			commands = append(commands, c.ID)
		}
		if !d.More {
			break
		}
		in = topology.Input{At: w.at}
	}
	if len(commands) != width {
		b.Fatalf("%d commands", len(commands))
	}
	return w, commands
}
