package topology

import (
	"cmp"
	"fmt"
	"slices"
)

// unfit says why the pass cannot decide on its instance, "" if it can: it stands
// where this definition has no step, for it belongs to another version, or its
// record is one that no decision has made.
func (p *pass) unfit() *Fault {
	if p.inst == nil {
		return nil
	}
	for _, b := range p.inst.Branches {
		if b.isNowhere() {
			return p.damaged(b)
		}
		if place := p.unknownPlace(b); place != "" {
			return &Fault{Kind: "definition", Place: place, Text: fmt.Sprintf(
				"version %d of %s has no step %q, where the instance stands: deploy the definition with which it began",
				p.plan.definition.Version, p.plan.definition.Name, place)}
		}
	}
	if !p.inst.keepsInputs() {
		return p.damaged(nil)
	}
	for _, b := range p.inst.Branches {
		if !p.isPossible(b) {
			return p.damaged(b)
		}
	}
	if b := p.inst.branchTwice(); b != nil {
		return p.damaged(b)
	}
	if i := p.inst.Incident; i != nil && i.Input == nil {
		if b := p.inst.branch(i.Branch); b == nil || b.top() == nil || b.top().Entry == nil || p.nodeOf(b.top()).role != roleCompensation {
			return p.damaged(nil)
		}
	}
	return nil
}

// keepsInputs reports whether what i keeps are inputs, as decisions keep them, and it
// is no desk.
func (i *Instance) keepsInputs() bool {
	for _, list := range [...][]*Kept{i.Queue, i.Starts} {
		if slices.ContainsFunc(list, (*Kept).isNothing) {
			return false
		}
	}
	expected := i.Status == StatusExpected
	for _, k := range i.Held {
		if k.Event == nil || k.Until.Armed() != expected {
			return false
		}
	}
	return i.Counter == nil
}

// isNothing reports whether k is nothing that waits for its turn.
func (k *Kept) isNothing() bool { return k.Event == nil && k.Letter == nil }

// leaveNothing lets go of what is kept and is nothing, so that a damaged instance can
// end.
func (p *pass) leaveNothing() {
	if p.inst.keepsInputs() {
		return
	}
	inst := p.edit()
	inst.Counter = nil
	inst.Held = slices.DeleteFunc(slices.Clone(inst.Held), func(k *Kept) bool { return k.Event == nil })
	inst.Queue = slices.DeleteFunc(slices.Clone(inst.Queue), (*Kept).isNothing)
	inst.Starts = slices.DeleteFunc(slices.Clone(inst.Starts), (*Kept).isNothing)
}

func (p *pass) damaged(b *Branch) *Fault {
	place := p.plan.definition.Name
	if b != nil && b.top() != nil {
		place = b.top().Place
	}
	return &Fault{Kind: "damaged", Place: place, Text: "the record of the instance does not fit together; terminate it, and report this"}
}

// unknownPlace is a place of b that the definition does not have, or "".
func (p *pass) unknownPlace(b *Branch) string {
	for i := range b.Frames {
		if p.plan.nodes[b.Frames[i].Place] == nil {
			return b.Frames[i].Place
		}
	}
	for _, place := range [...]string{b.Next, b.Place} {
		if place != "" && p.plan.nodes[place] == nil {
			return place
		}
	}
	return ""
}

// isNowhere reports whether b stands in what has no name.
func (b *Branch) isNowhere() bool {
	return slices.ContainsFunc(b.Frames, func(f Frame) bool { return f.Place == "" })
}

// isPossible reports whether decisions can lead to b: each frame is within the one
// before, and has what its step needs.
func (p *pass) isPossible(b *Branch) bool {
	within, ok := p.beginningOf(b)
	if !ok {
		return false
	}
	for i := range b.Frames {
		f := &b.Frames[i]
		n := p.nodeOf(f)
		if !p.fitsIn(f, n, within, i == 0) || !p.hasNeeds(f, n, b.Frames[i+1:]) {
			return false
		}
		within = n
	}
	if b.Next == "" {
		return true
	}
	next := p.plan.nodes[b.Next]
	if len(b.Frames) > 0 && b.Next == b.top().Place {
		return true
	}
	if b.isNew() {
		_, loops := next.word.(*looping)
		return loops
	}
	return next.list != nil && next.list.owner == within || next.role == roleLine && next.owner == within && len(b.Frames) == 0
}

// branchTwice returns a branch whose id another has too; nil if there is none.
func (i *Instance) branchTwice() *Branch {
	var space [16]*Branch
	byID := append(space[:0], i.Branches...)
	slices.SortFunc(byID, func(a, b *Branch) int { return cmp.Compare(a.ID, b.ID) })
	for at := 1; at < len(byID); at++ {
		if byID[at].ID == byID[at-1].ID {
			return byID[at]
		}
	}
	return nil
}

// beginningOf returns what the first frame of b is within; nil for the workflow.
func (p *pass) beginningOf(b *Branch) (*node, bool) {
	switch b.Kind {
	case BranchMain:
		return nil, b.ID == mainID
	case BranchAnytime:
		return nil, b.ID != mainID && len(b.Frames) > 0
	case BranchUndo:
		n := p.plan.nodes[b.Place]
		return n, n != nil && n.lines != nil && b.ID != mainID
	case BranchFork, BranchIteration:
		parent, n := p.origin(b)
		return n, parent != nil && b.Index >= 0
	}
	return nil, false
}

// fitsIn reports whether a frame of n can follow one of within.
func (p *pass) fitsIn(f *Frame, n, within *node, first bool) bool {
	switch n.role {
	case roleStep:
		return n.list.owner == within
	case roleCompensation:
		return within != nil && within.undoes() && f.Entry != nil && p.undoOf(f.Entry) == n
	case roleLine:
		return first && n.owner == within
	case roleStart, roleAnytime, roleCatch, roleUncaught:
		return first && within == nil
	}
	return n.owner == within
}

// undoes reports whether n is a `compensate`. It may be nil, where an instance is
// terminated that stands at places that this definition does not have.
func (n *node) undoes() bool {
	if n == nil {
		return false
	}
	_, undoes := n.word.(*undoing)
	return undoes
}

// undoOf is the compensation of an entry, or nil.
func (p *pass) undoOf(e *Entry) *node {
	if n := p.plan.nodes[e.Place]; n != nil {
		return n.undo
	}
	return nil
}

// hasNeeds reports whether a frame has what its step looks at; inner are the frames
// within.
func (p *pass) hasNeeds(f *Frame, n *node, inner []Frame) bool {
	switch n.word.(type) {
	case *calling, *running:
		waits := f.Timeout.Armed() || f.Wake.Armed()
		reacts := len(inner) > 0 && p.nodeOf(&inner[0]).role == roleOutcome
		if f.Call == nil && (waits || reacts) {
			return false
		}
	}
	if f.Loop == nil {
		return true
	}
	_, branches := n.word.(branching)
	return branches && len(inner) == 0 && f.Loop.isPossible()
}

func (o *Loop) isPossible() bool {
	return o.Finished >= 0 && o.Lost >= 0 && o.running() >= 0 && (o.Count < 0 || o.Begun <= o.Count)
}
