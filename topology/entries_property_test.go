package topology_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rondo/topology"
	"rondo/topology/script"
	"rondo/topology/value"
)

// manyCalls does something for each of a list, and fails then: all of it is undone.
const manyCalls = `messages:
  Go:      {topic: in, key: event.id}
  Done:    {topic: in, key: event.id}
  Refused: {topic: in, key: event.id}
  Do:      {topic: out}
  Undo:    {topic: out}
start: {Go: {set: {items: =event.items}}}
do:
  - all:
      for: {each: item, in: items, parallel: %d}
      do:
        - one:
            send: Do
            with: {item: =item.name}
            await: {Done: {}, Refused: {raise: refused}}
            timeout: 1h
            compensate: {send: Undo, with: {item: =item.name}, await: {Done: {}}, timeout: 1h}
            catch: {refused: {}}
  - fail: {raise: wrong}
`

// TestWhatManyStepsHaveDoneIsUndone plays so many calls that their entries fill parts,
// with answers in any order, and undoes them: an instance that comes back from the
// store before each decision behaves as the one that never left memory, and all that
// was done is undone, the newest first.
func TestWhatManyStepsHaveDoneIsUndone(t *testing.T) {
	plans := map[int]*topology.Plan{}
	for _, parallel := range []int{1, 3, 50} {
		plans[parallel] = compile(t, "many.yaml", fmt.Sprintf(manyCalls, parallel), topology.Limits{Branches: 60})
	}
	split := false // one has filled a part
	rapid.Check(t, func(t *rapid.T) {
		parallel := rapid.SampledFrom([]int{1, 3, 50}).Draw(t, "parallel")
		m := &manyPlay{play: newPlay(t, plans[parallel])}
		m.begin(rapid.SampledFrom([]int{2, 3, 3, 5, 5, 24, 30, 100}).Draw(t, "items"))
		for m.answer() {
			split = split || m.memory.Instance("a").Older > 64
		}
		m.check(parallel)
	})
	if !split && !testing.Short() { // when there are only a few draws
		t.Error("no instance had more entries than go into one part")
	}
}

type manyPlay struct {
	*play
	seen         int // commands looked at
	open         []script.Sent
	done, undone []string // items, in order
}

func (m *manyPlay) begin(n int) {
	items := make([]any, n)
	large := rapid.SampledFrom([]int{0, 0, 15_000}).Draw(m.t, "bytes of each fifth")
	for i := range items {
		blob := ""
		if i%5 == 0 {
			blob = strings.Repeat("b", large)
		}
		items[i] = value.MapOf(map[string]value.Value{"name": fmt.Sprint(i), "blob": blob})
	}
	m.in(script.Incoming{Message: "Go", Payload: value.MapOf(map[string]value.Value{"id": "a", "items": items})})
}

func (m *manyPlay) in(in script.Incoming) {
	m.inBoth(func(w *script.World) ([]script.Decided, error) { return w.In(in) })
	for ; m.seen < len(m.memory.Sent); m.seen++ {
		c := m.memory.Sent[m.seen]
		m.open = append(m.open, c)
		if c.Compensates != "" {
			m.undone = append(m.undone, itemOf(c))
		} else {
			m.done = append(m.done, itemOf(c))
		}
	}
}

// answer answers one of the open commands; false if there is none.
func (m *manyPlay) answer() bool {
	if len(m.open) == 0 {
		return false
	}
	at := rapid.IntRange(0, len(m.open)-1).Draw(m.t, "which")
	c := m.open[at]
	m.open = slices.Delete(m.open, at, at+1)
	message := "Done"
	if c.Compensates == "" && rapid.IntRange(0, 7).Draw(m.t, "answer") == 0 {
		message = "Refused"
		m.done = slices.DeleteFunc(m.done, func(item string) bool { return item == itemOf(c) })
	}
	m.in(script.Incoming{Message: message, Echo: c.ID, Payload: value.MapOf(map[string]value.Value{"id": "a"})})
	return true
}

func (m *manyPlay) check(parallel int) {
	i := m.memory.Instance("a")
	if i.Status != topology.StatusFailed || len(i.Parts) > 0 {
		m.t.Fatalf("%s, with %d parts", i.Status, len(i.Parts))
	}
	want := slices.Clone(m.done)
	slices.Reverse(want)
	if parallel > 1 { // side by side: in an order that depends on the answers
		slices.Sort(want)
		slices.Sort(m.undone)
	}
	if !slices.Equal(want, m.undone) {
		m.t.Fatalf("undone %v, want %v", m.undone, want)
	}
}

func itemOf(c script.Sent) string {
	item, _ := c.Payload.(*value.Map).Lookup("item")
	return item.(string)
}
