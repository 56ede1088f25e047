package topology

import (
	"fmt"
	"math"

	"rondo/topology/value"
)

// looping is `for`: iterations over a list, while something holds, or both, some
// of them side by side.
type looping struct {
	plain
	each     string // variable of the item; "" without a list
	in       *template
	while    *formula
	parallel int
	steps    *list
	join     Join
	collect  []assignment // its values are those of the iteration
}

func (c *compiler) loop(n *node, a *For, ctx context) word {
	inner := ctx
	inner.scope, inner.index = c.scopes.loops[a], true
	c.notEmpty(a.Do, a.Pos, "for")
	w := &looping{
		each: a.Each, in: c.template(a.In, ctx), while: c.condition(a.While, ctx),
		parallel: max(1, a.Parallel), join: a.Join,
	}
	w.steps = c.list(a.Do, n, n.outerList(), inner)
	for _, list := range a.Collect {
		w.collect = append(w.collect, c.assignment(list, ctx, c.template(list.Value, inner)))
	}
	c.undoLines(n, ctx)
	return w
}

func (l *looping) lists() []*list { return []*list{l.steps} }
func (l *looping) bound() int     { return l.parallel }

func (l *looping) enter(p *pass, b *Branch, n *node) {
	if !p.armWhole(b, n) {
		return
	}
	loop := &Loop{Count: -1}
	if l.in != nil {
		items, fault := l.items(p, b, n)
		if fault != nil {
			p.fault(b, n, fault)
			return
		}
		loop.Count, loop.Items = len(items), p.addParts(items)
	}
	p.visit(b, loop)
	l.advance(p, b, n)
}

// items evaluates `in`.
func (l *looping) items(p *pass, b *Branch, n *node) ([]any, *Fault) {
	v, fault := p.fill(b, n, l.in)
	if fault != nil {
		return nil, fault
	}
	items, isList := v.([]any)
	if !isList {
		return nil, &Fault{Kind: "expression", Text: fmt.Sprintf("`in` gives %s, and must give a list", value.KindOf(v))}
	}
	if limit := p.plan.options.Limits.Elements; len(items) > limit {
		return nil, &Fault{Kind: "limit.elements", Text: fmt.Sprintf(
			"`in` has %d elements; the limit is %d: give parts of it to children", len(items), limit)}
	}
	return items, nil
}

func (l *looping) resume(p *pass, b *Branch, n *node) {
	if b.top().Loop != nil {
		l.advance(p, b, n)
	}
}

// advance begins as many iterations as may run now. When none runs and none is to
// begin the loop is done; unless its `while` has ended it before as many have finished
// as `join` wants, and some were lost: then the error of the latest leaves it.
func (l *looping) advance(p *pass, b *Branch, n *node) {
	for l.mayBegin(p, b) {
		holds, fault := p.holds(b, n, l.while)
		if fault != nil {
			p.fault(b, n, fault)
			return
		}
		if !holds {
			p.note("while", n.place, "false")
			p.loop(b).Closed = true
			break
		}
		if !p.fits(b, n, 1) {
			return
		}
		l.begin(p, b, n)
	}
	loop := b.top().Loop
	need := l.join.need(loop.total())
	switch {
	case loop.Failed != nil && !loop.hasMore() && loop.Finished+loop.running() < need:
		p.raise(b, len(b.Frames)-1, loop.Failed) // no fault: those are never spared
	case loop.Finished >= need || loop.running() == 0 && !loop.hasMore():
		l.end(p, b, n)
	}
}

// running is the number of iterations at work.
func (o *Loop) running() int { return o.Begun - o.Finished - o.Lost }

// hasMore reports whether iterations have not begun yet.
func (o *Loop) hasMore() bool { return !o.Closed && (o.Count < 0 || o.Begun < o.Count) }

// total is how many iterations there will be.
func (o *Loop) total() int {
	switch {
	case o.Closed:
		return o.Begun
	case o.Count < 0:
		return math.MaxInt
	}
	return o.Count
}

// mayBegin reports whether there is an iteration to begin and room for it: what
// undoes a lost one takes its place until that is done.
func (l *looping) mayBegin(p *pass, b *Branch) bool {
	f := b.top()
	return f.Loop.hasMore() && f.Loop.running() < l.parallel &&
		(f.Loop.Lost == 0 || f.Loop.running()+p.linesOf(f.Mark, f.Place) < l.parallel)
}

// begin begins the next iteration. It is new, which its Next says by naming the loop,
// until its first step is entered.
func (l *looping) begin(p *pass, b *Branch, n *node) {
	loop := p.loop(b)
	branch := &Branch{
		ID: p.number(), Parent: b.ID, Kind: BranchIteration, Place: n.place,
		Index: loop.Begun, Next: n.place,
	}
	if l.in != nil {
		item := p.takeItem(loop)
		if l.each != "" {
			branch.Vars = branch.Vars.With(l.each, item)
		}
	}
	loop.Begun++
	p.branchOff(b, branch)
	p.note("branch", n.place, fmt.Sprint(branch.Index))
}

// isNew reports whether b is an iteration none of whose steps was entered.
func (b *Branch) isNew() bool {
	return b.Kind == BranchIteration && len(b.Frames) == 0 && b.Next == b.Place
}

// beginIteration returns the first step of b, an iteration of n that is new. Steps are
// counted for the whole loop as if it were one iteration if it goes over a list, which
// has an end: not from where an iteration was begun, for others may be done first.
func (p *pass) beginIteration(b *Branch, n *node) *node {
	l := n.word.(*looping)
	if parent, _ := p.origin(b); parent != nil && l.in != nil {
		p.edit().Steps = min(p.inst.Steps, parent.top().Loop.Steps)
	}
	return l.steps.steps[0]
}

// finished keeps what the iteration gives, and begins the next one.
func (l *looping) finished(p *pass, b *Branch, n *node, branch *Branch) {
	if len(l.collect) > 0 {
		result, fault := l.result(p, branch, n)
		if fault != nil {
			p.fault(b, n, fault)
			return
		}
		p.keepResult(p.loop(b), branch.Index, result)
	}
	p.prune(branch)
	p.loop(b).Finished++
	l.advance(p, b, n)
}

// result is what an iteration gives, by the names under which it is collected.
func (l *looping) result(p *pass, branch *Branch, n *node) (*value.Map, *Fault) {
	out := make(map[string]value.Value, len(l.collect))
	for _, list := range l.collect {
		v, fault := p.fill(branch, n, list.value)
		if fault != nil {
			return nil, fault
		}
		out[list.name] = v
	}
	return value.MapOf(out), nil
}

func (l *looping) spares(f *Frame) bool {
	total := f.Loop.total()
	return total-f.Loop.Lost-1 >= l.join.need(total)
}

func (l *looping) lost(p *pass, b *Branch, n *node, branch *Branch, f *Failure) {
	loop := p.loop(b)
	loop.Lost++
	if l.while != nil {
		loop.Failed = f
	}
	p.lose(branch)
	l.advance(p, b, n)
}

// end is where the loop is done: losers are cancelled, the lists set.
func (l *looping) end(p *pass, b *Branch, n *node) {
	loop := *b.top().Loop
	switch {
	case loop.running() > 0 || loop.hasMore():
		p.turn(n.place, turnJoin)
	case loop.Begun == 0:
		p.turn(n.place, turnEmpty)
	}
	p.loseBranchesOf(b)
	b.top().Loop = nil
	if fault := l.collected(p, b, n, &loop); fault != nil {
		p.fault(b, n, fault)
		return
	}
	p.done(b)
}

// collected sets the lists that the loop has collected, and lets go of its parts.
func (l *looping) collected(p *pass, b *Branch, n *node, loop *Loop) *Fault {
	defer p.dropParts(loop)
	if len(l.collect) == 0 {
		return nil
	}
	lists := make([]value.Value, len(l.collect))
	for i, list := range l.collect {
		lists[i] = p.results(loop, list.name)
		if fault := p.tooLarge(list.name, lists[i]); fault != nil {
			return fault
		}
	}
	for i, list := range l.collect {
		p.set(b, n, list, lists[i])
	}
	return nil
}

func (*looping) fire(p *pass, b *Branch, n *node, depth int, _ timerKind) { p.fireWhole(b, n, depth) }

// left: an error or a jump has ended the loop. What was collected until then is
// set; a list that is too large stays as it was, for there is an error already.
func (l *looping) left(p *pass, b *Branch, n *node, f *Frame) {
	p.cancelBranchesOf(b)
	if f.Loop == nil {
		return
	}
	if p.ending {
		p.dropParts(f.Loop)
		return
	}
	if fault := l.collected(p, b, n, f.Loop); fault != nil {
		p.note("drop", n.place, fault.Text)
	}
}
