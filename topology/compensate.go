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
	if limit := p.plan.options.Limits.Entries; p.inst.EntryCount() >= limit {
		p.abort(n.place, &Fault{Kind: "limit.entries", Place: placeText(n.place, n.step.Pos),
			Text: fmt.Sprintf("more than %d things to undo: compensate, or end, before there are so many", limit)})
		return
	}
	if !done {
		b.top().Mark = p.inst.Made
	}
	p.addEntry(&Entry{
		Seq: p.number(), Place: n.place, Branch: b.ID, Line: p.lineOf(b), Command: command, Done: done, Vars: p.snapshot(b, n),
	})
}

// lineOf are the branches in which b runs, itself the last; none for the main line.
func (p *pass) lineOf(b *Branch) []Side {
	side := Side{Branch: b.ID, Visit: b.ID, Place: b.Place}
	switch b.Kind {
	case BranchAnytime:
		return []Side{side}
	case BranchFork, BranchIteration:
		parent, _ := p.origin(b)
		if parent == nil {
			return nil
		}
		side.Visit = parent.top().Mark
		return append(p.lineOf(parent), side)
	}
	return nil
}

// hasEntries reports whether b, or a branch that it has begun, has done something
// that can be undone. Entries are younger than the branch.
func (p *pass) hasEntries(b *Branch) bool { return p.newestOf(b.ID) != nil }

// newestOf is the newest entry that was made in a branch, or in one that it has begun.
func (p *pass) newestOf(branch int64) *Entry {
	for e := range p.inst.newestFirst(allEntries) {
		switch {
		case e.Seq <= branch:
			return nil
		case e.depthOf(branch) > 0:
			return e
		}
	}
	return nil
}

// depthOf is 1 + where a branch stands in the line of e; 0 if it does not.
func (e *Entry) depthOf(branch int64) int {
	return 1 + slices.IndexFunc(e.Line, func(s Side) bool { return s.Branch == branch })
}

// entryOf is the entry of the call that a frame waits for, or nil.
func (p *pass) entryOf(f *Frame) *Entry {
	s, ok := p.inst.find(f.Mark + 1)
	if !ok || f.Call == nil || s.list[s.at].Command != f.Call.Command {
		return nil
	}
	return s.list[s.at]
}

// snapshot is the variables that the compensation of n reads, as they are now.
func (p *pass) snapshot(b *Branch, n *node) *value.Map {
	p.env.b = b
	var out value.MapBuilder
	out.Grow(len(n.kept))
	for _, name := range n.kept {
		v, _ := p.env.Lookup(name)
		out.Add(name, v)
	}
	m, _, _ := out.Map()
	return m
}

// confirmEntry notes that what the call n has begun was done. It makes the entry anew
// if an answer to an attempt had said that nothing was done, and one that came before
// the next attempt says that it was.
func (p *pass) confirmEntry(b *Branch, n *node) {
	f := b.callOf(n)
	if f == nil {
		return
	}
	e := p.entryOf(f)
	if e == nil {
		f.Mark = p.inst.Made
		p.makeEntry(b, n, f.Call.Command, true)
		return
	}
	entry := *e
	entry.Done, entry.Vars = true, p.snapshot(b, n)
	p.replaceEntry(&entry)
}

// dropEntry forgets the entry of the call n: nothing was done.
func (p *pass) dropEntry(b *Branch, n *node) {
	if f := b.callOf(n); f != nil {
		if e := p.entryOf(f); e != nil {
			p.removeEntry(e.Seq)
		}
	}
}

// finishEntry makes the entry of a step that has none while it is at work: of
// all but calls and what only holds other steps.
func (p *pass) finishEntry(b *Branch, n *node) {
	switch w := n.word.(type) {
	case *calling, *grouping, branching:
		return
	case *running:
		if w.awaited {
			return
		}
	}
	p.makeEntry(b, n, b.commandOf(n), true)
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
