package topology

import (
	"fmt"
	"slices"
)

// branching is a word whose steps run in branches of their own. In its methods
// b is the branch that stands at the step n, with the step's frame innermost.
type branching interface {
	word
	// finished is told that one of its branches has run through.
	finished(p *pass, b *Branch, n *node, branch *Branch)
	// spares reports whether the step can do without one more of its branches.
	spares(f *Frame) bool
	// lost is told that the error f has ended a branch that the step can spare.
	lost(p *pass, b *Branch, n *node, branch *Branch, f *Failure)
	// bound is how many branches run at once.
	bound() int
}

// need is how many of total branches must finish.
func (j Join) need(total int) int {
	switch j.Mode {
	case "any":
		return min(1, total)
	case "n":
		return min(j.N, total)
	}
	return total
}

// isOf reports whether b was begun by other, which waits for it.
func (b *Branch) isOf(other *Branch) bool {
	switch b.Kind {
	case BranchFork, BranchIteration, BranchUndo:
		return b.Parent == other.ID && b.ID != other.ID
	}
	return false
}

// parent returns the branch whose fork or loop has begun b, or nil.
func (i *Instance) parent(b *Branch) *Branch {
	if b.Kind != BranchFork && b.Kind != BranchIteration || b.Parent >= b.ID {
		return nil
	}
	return i.branch(b.Parent)
}

// origin returns the branch whose fork or loop has begun b, and that step; nil if
// there is none at work.
func (p *pass) origin(b *Branch) (*Branch, *node) {
	parent := p.inst.parent(b)
	if parent == nil {
		return nil, nil
	}
	f := parent.top()
	if f == nil || f.Place != b.Place || f.Loop == nil {
		return nil, nil
	}
	n := p.nodeOf(f)
	if _, branches := n.word.(branching); !branches {
		return nil, nil
	}
	return parent, n
}

// number returns one that no branch, entry or visit of this instance has had.
func (p *pass) number() int64 {
	inst := p.edit()
	inst.Made++
	return inst.Made
}

// visit begins a visit of the fork or loop n, where b stands.
func (p *pass) visit(b *Branch, loop *Loop) {
	f := b.top()
	f.Mark = p.number()
	loop.Steps = p.inst.Steps
	f.Loop = loop
}

// loop returns how far the innermost step of b has come, to be changed.
func (p *pass) loop(b *Branch) *Loop {
	mine := *b.top().Loop
	b.top().Loop = &mine
	return &mine
}

// armWhole arms the `timeout` of a step as a whole. False means that it cannot be
// computed, and that the pass has moved on.
func (p *pass) armWhole(b *Branch, n *node) bool {
	if n.timeout == nil {
		return true
	}
	due, fault := p.armFor(b, n, n.timeout)
	if fault != nil {
		p.fault(b, n, fault)
		return false
	}
	b.top().Timeout = due
	return true
}

// fireWhole is where that timeout is due.
func (p *pass) fireWhole(b *Branch, n *node, depth int) {
	b.Frames[depth].Timeout = Timer{}
	failure := p.failure(b, errorTimeout, "the steps of "+n.place+" have taken too long", timeoutData(nil, false))
	failure.Step = n.place
	p.raise(b, depth, failure)
}

// fits reports whether there may be more branches. If not it raises the fault.
func (p *pass) fits(b *Branch, n *node, more int) bool {
	limit := p.plan.options.Limits.Branches
	if p.inst.beside()+more <= limit {
		return true
	}
	p.fault(b, n, &Fault{Kind: "limit.branches", Text: fmt.Sprintf(
		"%d branches at once; the limit is %d: lower `parallel`, or let others finish", p.inst.beside()+more, limit)})
	return false
}

// beside is how many branches there are beside the main line.
func (i *Instance) beside() int {
	if len(i.Branches) > 0 && i.Branches[0].Kind == BranchMain {
		return len(i.Branches) - 1 // it is the first, while it is there
	}
	return len(i.Branches)
}

// branchOff adds a branch that b has begun, behind those that it began before.
func (p *pass) branchOff(b, branch *Branch) {
	inst := p.edit()
	at := p.behindLatest(b)
	if at < 0 {
		from := slices.Index(inst.Branches, b) + 1
		for at = from; at < len(inst.Branches) && isWithin(inst.Branches[at], b, inst.Branches[from:at]); {
			at++
		}
	}
	inst.Branches = slices.Insert(inst.Branches, at, branch)
	p.own = append(p.own, branch)
	p.latest = at
}

// behindLatest is where the next branch of b stands, if the latest one that began is
// its, and has none of its own: a wide loop begins its iterations one after the other.
// Otherwise it is -1.
func (p *pass) behindLatest(b *Branch) int {
	branches := p.inst.Branches
	if p.latest >= len(branches) || !branches[p.latest].isOf(b) {
		return -1
	}
	next := p.latest + 1
	if next < len(branches) && (branches[next].isOf(b) || branches[next].isOf(branches[p.latest])) {
		return -1
	}
	return next
}

// isWithin reports whether branch was begun by b or by one of others.
func isWithin(branch, b *Branch, others []*Branch) bool {
	return branch.isOf(b) || slices.ContainsFunc(others, branch.isOf)
}

// finish is where b has come to the end of its steps.
func (p *pass) finish(b *Branch) {
	parent, n := p.origin(b)
	if parent == nil {
		p.prune(b)
		return
	}
	n.word.(branching).finished(p, p.change(parent), n, b)
}

// raiseOut raises an error that nothing in b handles where b was begun. A fault is
// never what a join can do without.
func (p *pass) raiseOut(b *Branch, f *Failure) bool {
	parent, n := p.origin(b)
	if parent == nil {
		return p.raiseToWorkflow(f)
	}
	w := n.word.(branching)
	if f.Name == errorFault || !w.spares(parent.top()) {
		parent = p.change(parent)
		return p.raise(parent, len(parent.Frames)-1, f)
	}
	p.note("raise", f.Step, f.Name)
	w.lost(p, p.change(parent), n, b, f)
	return true
}

// carrier returns the branch that a jump to a step or the end of l goes on in: b,
// or the one that has begun it, if l is outside of that fork or loop.
func (p *pass) carrier(b *Branch, l *list) *Branch {
	for {
		parent, n := p.origin(b)
		if parent == nil || l.owner != nil && l.owner.within(n) {
			return b
		}
		b = p.change(parent)
	}
}

// cancelBranchesOf cancels the branches that b has begun, the newest first.
func (p *pass) cancelBranchesOf(b *Branch) {
	for i := len(p.inst.Branches) - 1; i >= 0; i-- {
		if i < len(p.inst.Branches) && p.inst.Branches[i].isOf(b) {
			p.cancelBranch(p.inst.Branches[i])
		}
	}
}

// loseBranchesOf ends the branches that b has begun and a join needs no more.
func (p *pass) loseBranchesOf(b *Branch) {
	for i := len(p.inst.Branches) - 1; i >= 0; i-- {
		if i < len(p.inst.Branches) && p.inst.Branches[i].isOf(b) {
			p.lose(p.inst.Branches[i])
		}
	}
}

// lose cancels a branch that a join does without. What it has done is undone at
// once, beside the main line, in the order of undoing and under the same ID.
func (p *pass) lose(b *Branch) {
	b = p.change(b)
	p.unwind(b, nil)
	p.prune(b)
	n := p.plan.nodes[b.Place]
	if n == nil || n.lines == nil || !p.hasEntries(b) {
		return
	}
	p.grow(&Branch{ID: b.ID, Parent: b.ID, Kind: BranchUndo, Place: b.Place, Name: b.Name, Index: b.Index, Next: n.lines.place})
}

// isBeside reports whether b undoes a loser.
func (b *Branch) isBeside() bool { return b.Kind == BranchUndo && b.Parent == b.ID }

// undoesLoser reports whether b has a part in undoing a loser, so that no error
// cancels it: it does that, or was begun within it.
func (i *Instance) undoesLoser(b *Branch) bool {
	root := i.root(b)
	return root != nil && root.isBeside()
}

// isOfMainLine reports whether b is the main line, or was begun within it.
func (i *Instance) isOfMainLine(b *Branch) bool {
	root := i.root(b)
	return root != nil && root.Kind == BranchMain
}

// root is the branch that nobody waits for, within which b was begun; nil if there is
// none, as in a record that no decision has made.
func (i *Instance) root(b *Branch) *Branch {
	for range i.Branches {
		if b == nil || b.Kind == BranchMain || b.Kind == BranchAnytime || b.isBeside() {
			return b
		}
		b = i.branch(b.Parent)
	}
	return nil
}
