package topology

import (
	"fmt"
	"iter"
	"slices"
	"testing"

	"rondo/topology/value"
)

// wideUndo does something for each of n elements, so many at once, and fails then.
const wideUndo = `messages:
  Go:   {topic: in, key: event.id}
  Done: {topic: in, key: event.id}
  Do:   {topic: out}
  Undo: {topic: out}
start: {Go: {set: {items: =event.items}}}
do:
  - all:
      for: {each: item, in: items, parallel: %d}
      do:
        - one:
            send: Do
            await: {Done: {when: event.item == item}}
            timeout: 1h
            compensate: {send: Undo, with: {item: =item}, await: {Done: {when: event.item == item}}, timeout: 1h}
  - fail: {raise: wrong}
`

// TestUndoingAWideLoopLooksAtFewEntries undoes 2,000 iterations that ran side by side:
// the newest first, as many at once as ran at once. How many entries are looked at for
// the next one does not depend on how many there are.
func TestUndoingAWideLoopLooksAtFewEntries(t *testing.T) {
	const n = 2000
	for _, parallel := range []int{2, 8, 50} {
		plan, found := compileText(t, fmt.Sprintf(wideUndo, parallel))
		if found.HasErrors() {
			t.Fatal(found)
		}
		items := make([]any, n)
		for i := range items {
			items[i] = int64(i)
		}
		w := &wideUndoing{t: t, plan: plan}
		w.decide("Go", map[string]value.Value{"id": "a", "items": items})
		for i := range n {
			w.done(i)
		}
		if w.inst.Status != StatusCompensating || w.inst.EntryCount() != n {
			t.Fatalf("%s, %d entries", w.inst.Status, w.inst.EntryCount())
		}
		for i := n - 1; i >= 0; i-- {
			if i%97 == 0 || i == n-1 {
				w.check(parallel)
			}
			if want := min(parallel, i+1); len(w.open) != want || w.open[0] != i || w.open[want-1] != i+1-want {
				t.Fatalf("%d at once: %v are being undone when %d is the newest", parallel, w.open, i)
			}
			w.open = w.open[1:]
			w.done(i)
		}
		if w.inst.Status != StatusFailed {
			t.Errorf("%s at the end", w.inst.Status)
		}
	}
}

type wideUndoing struct {
	t    *testing.T
	plan *Plan
	inst *Instance
	open []int // elements that are being undone, in the order of beginning
}

func (w *wideUndoing) done(i int) {
	w.decide("Done", map[string]value.Value{"id": "a", "item": int64(i)})
}

func (w *wideUndoing) decide(message string, payload map[string]value.Value) {
	w.t.Helper()
	in := Input{At: 5000, Event: &Event{Message: message, Payload: value.MapOf(payload)}}
	for more := true; more; in = (Input{At: 5000}) {
		d := w.plan.Decide(w.inst, "a", in)
		if d.Fault != nil {
			w.t.Fatalf("%+v", d.Fault)
		}
		for _, c := range d.Commands {
			if c.Compensates != "" {
				item, _ := c.Payload.(*value.Map).Lookup("item")
				w.open = append(w.open, int(item.(int64)))
			}
		}
		w.inst, more = d.Instance, d.More
	}
}

// check counts how many entries are looked at where the main line undoes, while all
// lines are at work and when one of them has come to its end.
func (w *wideUndoing) check(parallel int) {
	w.t.Helper()
	for _, without := range []int{0, 1} {
		inst := *w.inst
		inst.Branches = slices.Clone(inst.Branches[:len(inst.Branches)-without])
		p := &pass{plan: w.plan, inst: &inst}
		b := inst.main()
		r := p.nodeOf(b.top()).word.(*undoing).rangeOf(p, b)
		newest, depth := r.newest()
		visit := newest.Line[p.sideBySide(newest, depth)]
		looks := 0
		got := p.nextOf(r, visit, counted(r.newestFirst(newest.Seq+1), &looks))
		if want := nextByAll(p, r, visit, newest); got != want {
			w.t.Errorf("%d at once: found %+v, and among all %+v", parallel, got, want)
		}
		if looks > 2*parallel {
			w.t.Errorf("%d at once, %d entries: looked at %d", parallel, inst.EntryCount(), looks)
		}
	}
}

func counted(entries iter.Seq2[*Entry, int], n *int) iter.Seq2[*Entry, int] {
	return func(yield func(*Entry, int) bool) {
		for e, depth := range entries {
			if *n++; !yield(e, depth) {
				return
			}
		}
	}
}

// nextByAll looks at all entries.
func nextByAll(p *pass, r undoRange, visit Side, newest *Entry) task {
	lines := map[int64]bool{}
	var found task
	for e, depth := range r.newestFirst(newest.Seq + 1) {
		group := p.sideBySide(e, depth)
		if group < 0 || e.Line[group].Visit != visit.Visit {
			continue
		}
		if side := &e.Line[group]; r.isLine(side.Branch) {
			lines[side.Branch] = true
		} else if found.entry == nil && !r.atWork(e, depth) {
			found = task{entry: e, side: side}
		}
	}
	if len(lines) >= p.boundOf(visit.Place) {
		return task{}
	}
	return found
}
