package topology

import (
	"fmt"
	"slices"

	"rondo/topology/value"
)

// makeEntry notes that a step has begun something that can be undone, or, when
// it has done so, has finished it.
func (p *pass) makeEntry(b *Branch, n *node, command string, done bool) {
	if n.undo == nil {
		return
	}
	if limit := p.plan.options.Limits.Entries; len(p.inst.Entries) >= limit {
		p.abort(n.place, &Fault{Kind: "limit.entries", Place: placeText(n.place, n.step.Pos),
			Text: fmt.Sprintf("more than %d things to undo: compensate, or end, before there are so many", limit)})
		return
	}
	inst := p.edit()
	inst.Made++
	inst.Entries = append(slices.Clip(inst.Entries), &Entry{
		Seq: inst.Made, Place: n.place, Branch: b.ID, Command: command, Done: done, Vars: p.snapshot(b, n),
	})
}

// entryOf returns the index of the entry of a command, or -1.
func (p *pass) entryOf(command string) int {
	for i := len(p.inst.Entries) - 1; i >= 0; i-- {
		if p.inst.Entries[i].Command == command {
			return i
		}
	}
	return -1
}

// snapshot is the variables that the compensation of n reads, as they are now.
func (p *pass) snapshot(b *Branch, n *node) *value.Map {
	p.env.b = b
	var out value.MapBuilder
	out.Grow(len(n.kept))
	for _, name := range n.kept {
		out.Add(name, p.env.variable(name))
	}
	m, _, _ := out.Map()
	return m
}

// confirmEntry notes that what a call has begun was done.
func (p *pass) confirmEntry(b *Branch, n *node, command string) {
	i := p.entryOf(command)
	if i < 0 {
		return
	}
	entry := *p.inst.Entries[i]
	entry.Done, entry.Vars = true, p.snapshot(b, n)
	inst := p.edit()
	inst.Entries = slices.Clone(inst.Entries)
	inst.Entries[i] = &entry
}

// dropEntry forgets the entry of a command: nothing was done, or it is undone.
func (p *pass) dropEntry(command string) {
	if i := p.entryOf(command); i >= 0 {
		inst := p.edit()
		inst.Entries = slices.Delete(slices.Clone(inst.Entries), i, i+1)
	}
}

// finishEntry makes the entry of a step that has none while it is at work: of
// all but calls and blocks.
func (p *pass) finishEntry(b *Branch, n *node) {
	switch n.word.(type) {
	case *calling, *grouping:
		return
	}
	p.makeEntry(b, n, b.commandOf(n), true)
}

// undoing is the bare word `compensate`: it undoes where it stands, the newest
// first.
type undoing struct {
	plain
	scope *node // the step or block whose `catch` it stands in; nil: everything
}

// undoScope is what a `compensate` at n undoes.
func undoScope(n *node) *node {
	for n != nil {
		switch {
		case n.role == roleHandler:
			return n.owner
		case n.list != nil:
			n = n.list.owner
		default:
			n = n.owner
		}
	}
	return nil
}

func (u *undoing) enter(p *pass, b *Branch, n *node)  { u.undoNext(p, b, n) }
func (u *undoing) resume(p *pass, b *Branch, n *node) { u.undoNext(p, b, n) }

// undoNext begins the compensation of the newest entry, or ends the step when
// none is left.
func (u *undoing) undoNext(p *pass, b *Branch, _ *node) {
	entry := p.newestEntry(b, u.scope)
	if entry == nil {
		p.done(b)
		return
	}
	n := p.plan.nodes[entry.Place].undo
	p.note("undo", n.place, "")
	p.push(b, Frame{Place: n.place, Entry: entry})
	p.reactIn(b, n)
}

// newestEntry returns the newest entry within scope that was made since b has
// entered scope; nil if there is none.
func (p *pass) newestEntry(b *Branch, scope *node) *Entry {
	mark := int64(0)
	if scope != nil {
		for i := range b.Frames {
			if b.Frames[i].Place == scope.place {
				mark = b.Frames[i].Mark
			}
		}
	}
	for i := len(p.inst.Entries) - 1; i >= 0; i-- {
		entry := p.inst.Entries[i]
		if entry.Seq <= mark {
			return nil
		}
		if scope == nil || p.plan.nodes[entry.Place].within(scope) {
			return entry
		}
	}
	return nil
}

// within reports whether n is scope or in it.
func (n *node) within(scope *node) bool {
	for n != nil && n != scope {
		if n.list != nil {
			n = n.list.owner
		} else {
			n = n.owner
		}
	}
	return n != nil
}

// undone is where the compensation of an entry has run through and was left: the
// entry goes, and the next one follows.
func (p *pass) undone(b *Branch, entry *Entry) {
	inst := p.edit()
	inst.Entries = slices.DeleteFunc(slices.Clone(inst.Entries), func(e *Entry) bool { return e.Seq == entry.Seq })
	p.note("undone", entry.Place, "")
	b.Next = b.top().Place
}

// isUndoing reports whether a compensation is running.
func (p *pass) isUndoing() bool {
	for _, b := range p.inst.Branches {
		for i := range b.Frames {
			if b.Frames[i].Entry != nil {
				return true
			}
		}
	}
	return false
}

// compensationFails stops the instance: no compensation is passed over. It is
// false for a fault, which stops it too, without anything of this pass.
func (p *pass) compensationFails(b *Branch, depth int, n *node, f *Failure) bool {
	if f.Name == errorFault {
		return false
	}
	for len(b.Frames) > depth+1 {
		p.leave(b)
	}
	b.Next = ""
	frame := b.top()
	frame.Timeout, frame.Wake = Timer{}, Timer{}
	if frame.Call != nil {
		call := *frame.Call
		call.Over = true
		frame.Call = &call
	}
	why := f.Name
	if f.Message != "" {
		why += ": " + f.Message
	}
	fault := Fault{Kind: "compensation", Place: placeText(n.place, n.step.Pos),
		Text: "the compensation has failed with " + why + "; see to it that it can be done and retry, or undo it by hand and skip"}
	inst := p.edit()
	inst.Status = StatusIncident
	inst.Incident = &Incident{At: p.at, Fault: fault, Place: n.place, Branch: b.ID}
	p.out.Fault = &fault
	p.note("raise", f.Step, f.Name)
	p.note("incident", n.place, fault.Kind)
	p.halted = true
	return true
}
