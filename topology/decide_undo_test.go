package topology_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rondo/topology"
	"rondo/topology/script"
	"rondo/topology/value"
)

// TestUndoingIsDoingInReverse makes up workflows of calls in lists, forks and loops,
// answers the calls in any order, and then lets the workflow fail: each command is
// undone once; of two that followed each other the later one is undone before
// the undoing of the earlier one begins; no loop undoes more side by side than it did.
func TestUndoingIsDoingInReverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := &undoPlay{t: t, paths: map[string][]turn{}, open: map[string]script.Sent{}, path: map[string][]turn{}}
		def := u.definition()
		plan, found := topology.Compile(def, topology.Options{Application: "shop", Encode: encodeJSON})
		if found.HasErrors() {
			t.Fatal(found)
		}
		u.world = script.New(plan)
		u.in(script.Incoming{Message: "Go", Payload: value.MapOf(map[string]value.Value{"id": "a"})})
		for len(u.open) > 0 {
			u.answer()
		}
		u.check()
	})
}

// turn is one step of the way to a command: a place in a list, a branch of a fork, an
// element of a loop.
type turn struct {
	beside int // how many of its kind may be at work at once; 1: they follow each other
	index  int
	loop   string // whose element it is; "" for others
}

type undoPlay struct {
	t     *rapid.T
	world *script.World
	steps int
	paths map[string][]turn // step → the way to it; elements of loops are filled in
	seen  int               // commands looked at

	open map[string]script.Sent // without an answer, by id
	path map[string][]turn      // of each command that does something
	log  []string               // "sent ID", "done ID", "undo ID", "undone ID", in order
}

func (u *undoPlay) definition() *topology.Definition {
	key := &topology.Expr{Text: "event.id"}
	def := &topology.Definition{Name: "undo", Version: 1, Messages: []*topology.Message{
		{Name: "Go", Type: "Go", Topic: "in", Key: key}, {Name: "Done", Type: "Done", Topic: "in", Key: key},
		{Name: "Do", Type: "Do", Topic: "out"}, {Name: "Undo", Type: "Undo", Topic: "out"},
	}}
	def.Start = []*topology.Rule{{Name: "Go", Alternatives: []*topology.Step{{}}}}
	def.Do = append(u.list(3, nil, nil), &topology.Step{Name: "fail", Action: &topology.Raise{Error: "wrong"}})
	return def
}

func (u *undoPlay) list(depth int, way []turn, items []string) []*topology.Step {
	steps := make([]*topology.Step, rapid.IntRange(1, 2).Draw(u.t, "steps"))
	for i := range steps {
		u.steps++
		steps[i] = &topology.Step{Name: fmt.Sprint("s", u.steps)}
		u.fill(steps[i], depth, append(slices.Clip(way), turn{beside: 1, index: i}), items)
	}
	return steps
}

func (u *undoPlay) fill(s *topology.Step, depth int, way []turn, items []string) {
	kind := 0
	if depth > 0 {
		kind = rapid.IntRange(0, 3).Draw(u.t, "kind")
	}
	switch kind {
	case 1:
		fork := &topology.Fork{}
		for i := range 2 {
			inner := append(slices.Clip(way), turn{beside: 2, index: i})
			fork.Branches = append(fork.Branches, topology.ForkBranch{Name: fmt.Sprint("b", i), Do: u.list(depth-1, inner, items)})
		}
		s.Action = fork
	case 2, 3:
		loop := &topology.For{Each: "item_" + s.Name, In: expression("[0, 1, 2]"), Parallel: rapid.IntRange(1, 3).Draw(u.t, "parallel")}
		inner := append(slices.Clip(way), turn{beside: loop.Parallel, loop: loop.Each})
		loop.Do = u.list(depth-1, inner, append(slices.Clip(items), loop.Each))
		s.Action = loop
	default:
		u.paths[s.Name] = way
		u.call(s, items)
	}
}

// call is a step that tells by which elements it was reached.
func (u *undoPlay) call(s *topology.Step, items []string) {
	with := &topology.Template{Map: []topology.Field{}}
	for _, item := range items {
		with.Map = append(with.Map, topology.Field{Name: item, Value: expression(item)})
	}
	await := []*topology.Rule{{Name: "Done", Alternatives: []*topology.Step{{}}}}
	hour := &topology.When{Duration: time.Hour}
	s.Action, s.Timeout = &topology.Send{Message: "Do", With: with, Await: await}, hour
	s.Compensate = &topology.Step{Action: &topology.Send{Message: "Undo", With: with, Await: await}, Timeout: hour}
}

func (u *undoPlay) in(in script.Incoming) {
	if _, err := u.world.In(in); err != nil {
		u.t.Fatal(err)
	}
	for ; u.seen < len(u.world.Sent); u.seen++ {
		c := u.world.Sent[u.seen]
		u.open[c.ID] = c
		if c.Compensates != "" {
			u.log = append(u.log, "undo "+c.Compensates)
			u.checkBound()
			continue
		}
		u.path[c.ID] = u.pathOf(c)
		u.log = append(u.log, "sent "+c.ID)
	}
}

// pathOf is the way to a command, with the elements that its payload tells.
func (u *undoPlay) pathOf(c script.Sent) []turn {
	path := slices.Clone(u.paths[c.Step])
	for i := range path {
		if path[i].loop != "" {
			item, _ := c.Payload.(*value.Map).Lookup(path[i].loop)
			path[i].index = int(item.(int64))
		}
	}
	return path
}

// answer answers one of the open commands.
func (u *undoPlay) answer() {
	ids := make([]string, 0, len(u.open))
	for _, c := range u.world.Sent {
		if _, open := u.open[c.ID]; open {
			ids = append(ids, c.ID)
		}
	}
	c := u.open[rapid.SampledFrom(ids).Draw(u.t, "answer")]
	delete(u.open, c.ID)
	if c.Compensates != "" {
		u.log = append(u.log, "undone "+c.Compensates)
	} else {
		u.log = append(u.log, "done "+c.ID)
	}
	u.in(script.Incoming{Message: "Done", Echo: c.ID, Payload: value.MapOf(map[string]value.Value{"id": "a"})})
}

// checkBound: of each loop no more elements are being undone than ran at once.
func (u *undoPlay) checkBound() {
	for _, c := range u.open {
		for depth, of := range u.path[c.Compensates] {
			var at []int
			for _, other := range u.open {
				path := u.path[other.Compensates]
				if len(path) > depth && slices.Equal(path[:depth], u.path[c.Compensates][:depth]) && path[depth].loop == of.loop && !slices.Contains(at, path[depth].index) {
					at = append(at, path[depth].index)
				}
			}
			if len(at) > of.beside {
				u.t.Fatalf("%d at once, and not more than %d: %v", len(at), of.beside, u.log)
			}
		}
	}
}

func (u *undoPlay) check() {
	if i := u.world.Instances["undo/a"]; i == nil || i.Status != topology.StatusFailed {
		u.t.Fatalf("it has not failed: %+v", i)
	}
	when := map[string]int{}
	for i, what := range u.log {
		if _, twice := when[what]; twice {
			u.t.Fatalf("%s twice: %v", what, u.log)
		}
		when[what] = i
	}
	for a, pathA := range u.path {
		if _, ok := when["undone "+a]; !ok {
			u.t.Fatalf("%s is not undone: %v", a, u.log)
		}
		for b, pathB := range u.path {
			if follows(pathA, pathB) && when["done "+a] < when["sent "+b] && when["undo "+a] < when["undone "+b] {
				u.t.Fatalf("%s was done before %s and is undone before it: %v", a, b, u.log)
			}
		}
	}
}

// follows reports whether what is at two paths happens one after the other.
func follows(a, b []turn) bool {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return a[i].beside == 1
		}
	}
	return false
}

// TestTwoCompensatesSideBySideUndoOnce: of two that stand in a fork of the workflow's
// `catch`, one undoes and the other waits; if the first is left, the other goes on.
func TestTwoCompensatesSideBySideUndoOnce(t *testing.T) {
	plan := compile(t, "w.yaml", small+`do:
  - ask: {send: Ask, await: {Yes: {}}, timeout: 1h, compensate: {send: Ask, await: {Yes: {}}, timeout: 1h}}
  - bad: {raise: oops}
catch:
  any:
    do:
      - both:
          fork:
            a: [{some: {do: [{undo-a: compensate}], timeout: 1m, catch: {timeout: {}}}}]
            b: [{undo-b: compensate}]
      - failed: {end: {fail: failed}}
`, topology.Limits{})
	began := plan.Decide(nil, "a", topology.Input{At: 5000, Event: goEvent()})
	undoing := plan.Decide(began.Instance, "a", topology.Input{At: 6000, Event: event("Yes", "id", "a")})
	if len(undoing.Commands) != 1 || undoing.Commands[0].Compensates != began.Commands[0].ID {
		t.Fatalf("undoing begins with the commands %+v", undoing.Commands)
	}
	undone := plan.Decide(undoing.Instance, "a", topology.Input{At: 7000, Event: event("Yes", "id", "a")})
	if len(undone.Commands) != 0 || undone.Status != topology.StatusFailed {
		t.Errorf("undone once: %s, and the commands %+v", undone.Status, undone.Commands)
	}
	due, _ := undoing.Instance.NextTimer()
	left := plan.Decide(undoing.Instance, "a", topology.Input{At: due, Timer: true})
	if len(left.Commands) != 1 || left.Commands[0].Compensates != began.Commands[0].ID || left.Status != topology.StatusCompensating {
		t.Fatalf("the other goes on: %s, with the commands %+v", left.Status, left.Commands)
	}
	undone = plan.Decide(left.Instance, "a", topology.Input{At: due, Event: event("Yes", "id", "a")})
	if len(undone.Commands) != 0 || undone.Status != topology.StatusFailed {
		t.Errorf("undone by the other: %s, and the commands %+v", undone.Status, undone.Commands)
	}
}

// A definition that no file can have: a compensation that undoes in its own turn. It
// undoes what is older, and never what is being undone already.
func TestACompensationThatUndoesComesToItsEnd(t *testing.T) {
	def, found := topology.Parse("w.yaml", []byte("workflow: w\nversion: 1\n"+small+`deadline: 1h
do:
  - one: {send: Ask, compensate: {send: Ask, with: {of: one}}}
  - two: {send: Ask, compensate: {do: [{inner: {set: {x: 1}}}, {tell: {send: Ask, with: {of: two}}}]}}
  - three: {raise: wrong}
`), nil)
	if found.HasErrors() {
		t.Fatal(found)
	}
	inner := def.Do[1].Compensate.Action.(*topology.Block).Do[0]
	inner.Set, inner.Action = nil, &topology.Undo{}
	plan, found := topology.Compile(def, topology.Options{})
	if found.HasErrors() {
		t.Fatal(found)
	}
	d := plan.Decide(nil, "a", topology.Input{At: script.Start, Event: goEvent()})
	var sent []string
	for _, c := range d.Commands {
		sent = append(sent, value.Format(c.Payload))
	}
	if d.Fault != nil || d.Status != topology.StatusFailed || strings.Join(sent, " ") != `{} {} {of: "one"} {of: "two"}` {
		t.Errorf("%s, fault %+v, sent %s", d.Status, d.Fault, sent)
	}
}
