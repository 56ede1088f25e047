package topology

import (
	"fmt"

	"rondo/topology/value"
)

// word is what a step does. There is one type for each word of the language, in
// a file of its own; the moves below call it. When a method is called the
// frame of n is in b, and the innermost one unless said otherwise. A method
// ends by a move: done, react, raise, … or by leaving the step waiting.
type word interface {
	// enter does what the step is there for; its `set` is done.
	enter(p *pass, b *Branch, n *node)
	// resume goes on with a step that has asked for it by naming itself in
	// Branch.Next.
	resume(p *pass, b *Branch, n *node)
	// takes returns the messages that the step takes while it waits.
	takes() []*rule
	// awaits reports whether the step, as it stands in f, takes messages now.
	awaits(f *Frame) bool
	// taken is told that an event was taken, before its reaction begins.
	taken(p *pass, b *Branch, n *node)
	// confirmed is told that the reaction has done its `set`, and again when it
	// has run through.
	confirmed(p *pass, b *Branch, n, reaction *node)
	// goOn is told that a reaction has run through without a jump; it had begun
	// at since.
	goOn(p *pass, b *Branch, n *node, since Instant)
	// fire is told that a timer of the step was due. The frame, at depth, need
	// not be the innermost one.
	fire(p *pass, b *Branch, n *node, depth int, kind timerKind)
	// left is told that b has left the step, whose frame was f, before its work
	// was done, or that its `catch` takes over: an error, a jump, a cancellation.
	left(p *pass, b *Branch, n *node, f *Frame)
	// reactions and lists are what the step can lead to within itself.
	reactions() []*node
	lists() []*list
}

// plain is a word that waits for nothing. The words embed it.
type plain struct{}

func (plain) resume(*pass, *Branch, *node)                {}
func (plain) takes() []*rule                              { return nil }
func (plain) awaits(*Frame) bool                          { return false }
func (plain) taken(*pass, *Branch, *node)                 {}
func (plain) confirmed(*pass, *Branch, *node, *node)      {}
func (plain) goOn(p *pass, b *Branch, _ *node, _ Instant) { p.done(b) }
func (plain) fire(*pass, *Branch, *node, int, timerKind)  {}
func (plain) reactions() []*node                          { return nil }
func (plain) left(*pass, *Branch, *node, *Frame)          {}
func (plain) lists() []*list                              { return nil }

// nothing is a step without an action.
type nothing struct{ plain }

func (nothing) enter(p *pass, b *Branch, _ *node) { p.done(b) }

// toRest runs every branch until it waits, in the order of the branches. Steps
// beyond the bound are left for the next decision.
func (p *pass) toRest() {
	for !p.over() {
		b := p.ready()
		switch {
		case b != nil && p.isFull():
			p.edit().Owed = true
			return
		case b != nil:
			p.stepOn(b)
		case !p.testUntils():
			p.rest()
			return
		}
	}
	if p.halted {
		p.edit().Owed = p.ready() != nil
	}
}

// isFull reports whether the rest is to be left for the next decision.
func (p *pass) isFull() bool {
	limits := &p.plan.options.Limits
	return p.steps >= limits.StepsAtOnce || p.sent >= limits.BytesAtOnce
}

// rest ends a pass that has come to rest.
func (p *pass) rest() {
	inst := p.edit()
	inst.Owed = false
	if len(inst.Branches) == 0 {
		p.complete()
		return
	}
	inst.Status = StatusRunning
	if p.isUndoing() {
		inst.Status = StatusCompensating
	}
}

// ready returns the first branch that has a step to enter.
func (p *pass) ready() *Branch {
	for _, b := range p.inst.Branches {
		if b.Next != "" {
			return b
		}
	}
	return nil
}

// stepOn enters the next step of a branch.
func (p *pass) stepOn(b *Branch) {
	b = p.change(b)
	n := p.plan.nodes[b.Next]
	if b.isNew() {
		n = p.beginIteration(b, n)
	}
	b.Next = ""
	if !p.count(b, n) {
		return
	}
	if top := b.top(); top != nil && top.Place == n.place {
		n.word.resume(p, b, n)
		return
	}
	p.enter(b, n)
}

// count counts a step. Too many without an input stop the instance: a loop that
// waits for nothing is not spun. No `catch` handles that, for it could be part of
// the loop.
func (p *pass) count(b *Branch, n *node) bool {
	p.steps++
	inst := p.edit()
	inst.Steps++
	limit := p.plan.options.Limits.StepsUnasked
	if inst.Steps <= int64(limit) {
		return true
	}
	if !p.ordered(b, n) {
		p.abortIn(b, n.place, &Fault{Kind: "limit.spin", Place: placeText(n.place, n.step.Pos), Text: fmt.Sprintf(
			"%d steps without an input: a loop comes back here and waits for nothing", limit)})
	}
	return false
}

// enter enters a step: its `if`, then what begin does.
func (p *pass) enter(b *Branch, n *node) {
	p.push(b, Frame{Place: n.place})
	if p.ordered(b, n) {
		return
	}
	holds, fault := p.holds(b, n, n.cond)
	if fault != nil {
		p.fault(b, n, fault)
		return
	}
	if !holds {
		p.note("if", n.place, "false")
		p.pop(b)
		p.behind(b, n)
		return
	}
	p.note("enter", n.place, "")
	if p.assign(b, n) {
		n.word.enter(p, b, n)
	}
}

// react lets the waiting step n, where b stands, react to an event: reaction is
// the alternative that holds.
func (p *pass) react(b *Branch, n, reaction *node, e *Event) {
	p.remember(e)
	p.note("take", reaction.place, e.Message)
	n.word.taken(p, b, n)
	p.push(b, Frame{Place: reaction.place, Event: e})
	p.reactIn(b, reaction)
}

// reactIn does what a reaction says whose frame is the innermost one.
func (p *pass) reactIn(b *Branch, n *node) {
	if !p.count(b, n) || p.ordered(b, n) {
		return
	}
	holds, fault := p.holds(b, n, n.cond)
	if fault != nil {
		p.fault(b, n, fault)
		return
	}
	if !holds {
		p.note("if", n.place, "false")
		if n.role == roleOutcome {
			p.confirmEntry(b, n.owner) // also if it would have raised: nobody has said that nothing was done
		}
		if n.role != roleStart || p.armDeadline(b, n) {
			p.passOn(b, n, nil)
		}
		return
	}
	if !p.assign(b, n) {
		return
	}
	p.confirm(b, n)
	if n.role != roleStart || p.armDeadline(b, n) {
		n.word.enter(p, b, n)
	}
}

// confirm tells the step that an event was taken by its reaction n.
func (p *pass) confirm(b *Branch, n *node) {
	if n.role == roleOutcome {
		n.owner.word.confirmed(p, b, n.owner, n)
	}
}

// done is where a step or reaction, the innermost one of b, has done all it is
// there for.
func (p *pass) done(b *Branch) {
	n := p.nodeOf(b.top())
	p.finishEntry(b, n)
	p.follow(b, n)
}

// follow leaves n, the innermost frame of b, by its `then`.
func (p *pass) follow(b *Branch, n *node) {
	to, fault := p.resolve(b, n)
	if fault != nil {
		p.fault(b, n, fault)
		return
	}
	if n.word != (nothing{}) { // which has changed no variable since
		p.confirm(b, n)
	}
	p.passOn(b, n, to)
}

// landing is where a jump leads: to a step, or to the end of the innermost list.
type landing struct {
	to   *node
	exit bool
}

// resolve finds out where the `then` of n leads; nil if it has none.
func (p *pass) resolve(b *Branch, n *node) (*landing, *Fault) {
	switch {
	case n.then == nil:
		return nil, nil
	case n.then.by == nil:
		return &landing{n.then.to, n.then.exit}, nil
	}
	v, fault := p.eval(b, n, n.then.by)
	if fault != nil {
		return nil, fault
	}
	name, isText := v.(string)
	switch {
	case isText && name == exitName:
		return &landing{exit: true}, nil
	case isText:
		if to := n.jumps.find(name); to != nil {
			return &landing{to: to}, nil
		}
	}
	return nil, &Fault{Kind: "then", Place: placeText(n.place, n.then.by.source.Pos),
		Text: fmt.Sprintf("`then` gives %s, which is no step of this list or of those around it", value.Format(v))}
}

// passOn leaves n, the innermost frame of b, for where it leads: to, or what
// comes behind.
func (p *pass) passOn(b *Branch, n *node, to *landing) {
	since := b.top().Since
	if to != nil {
		if n.role == roleOutcome {
			p.finishEntry(b, n.owner)
		}
		p.jump(b, n, to)
		return
	}
	failure, entry := b.top().Error, b.top().Entry
	p.pop(b)
	switch n.role {
	case roleStep:
		p.behind(b, n)
	case roleOutcome:
		n.owner.word.goOn(p, b, n.owner, since)
	case roleHandler:
		p.follow(b, n.owner)
	case roleStart:
		p.enterTop(b)
	case roleAnytime:
		p.prune(b)
	case roleCompensation:
		p.undone(b, entry)
	case roleLine:
		p.lineUndone(b)
	case roleCatch, roleUncaught:
		p.fail(failure)
	}
}

// enterTop begins the workflow's `do`.
func (p *pass) enterTop(b *Branch) {
	if len(p.plan.top.steps) == 0 {
		p.prune(b)
		return
	}
	b.Next = p.plan.top.steps[0].place
}

// behind goes on to the step behind n, which was left already.
func (p *pass) behind(b *Branch, n *node) {
	if n.next != nil {
		b.Next = n.next.place
		return
	}
	p.endOf(b, n.list)
}

// endOf is where a list has come to its end.
func (p *pass) endOf(b *Branch, l *list) {
	switch {
	case l.owner == nil:
		p.prune(b)
	case len(b.Frames) == 0:
		p.finish(b)
	default:
		p.done(b)
	}
}

// jump leaves everything between the step or reaction from, the innermost frame
// of b, and where it leads.
func (p *pass) jump(b *Branch, from *node, to *landing) {
	l := from.jumps
	if to.to != nil {
		l = to.to.list
		p.note("then", from.place, to.to.place)
	} else {
		p.note("then", from.place, exitName)
	}
	b = p.carrier(b, l)
	if l.owner == nil && b.Kind != BranchMain {
		p.cancelBranch(b)
		b = p.mainLine()
	}
	caught := p.isCatching()
	p.unwind(b, l.owner)
	if to.exit {
		p.endOf(b, l)
		return
	}
	b.Next = to.to.place
	if caught && !p.isCatching() {
		p.raisePassedDeadline(b)
	}
}

// unwind leaves the frames of b inside of owner, the innermost first.
func (p *pass) unwind(b *Branch, owner *node) {
	for len(b.Frames) > 0 && (owner == nil || b.top().Place != owner.place) {
		p.leave(b)
	}
}

// mainLine returns the main line to be changed; it begins again if it had run to
// its end.
func (p *pass) mainLine() *Branch {
	if main := p.inst.main(); main != nil {
		return p.change(main)
	}
	b := &Branch{ID: mainID, Kind: BranchMain}
	inst := p.edit()
	inst.Branches = append([]*Branch{b}, inst.Branches...)
	p.own = append(p.own, b)
	return b
}

// push enters a step or reaction.
func (p *pass) push(b *Branch, f Frame) {
	f.Since = p.at
	f.Mark = p.inst.Made
	b.Frames = append(b.Frames, f)
}

// pop leaves the innermost step or reaction, which has done its work.
func (p *pass) pop(b *Branch) {
	last := len(b.Frames) - 1
	b.Frames[last] = Frame{}
	b.Frames = b.Frames[:last]
}

// leave leaves the innermost step or reaction before it has done its work: its
// timers are gone, a call without an outcome is in doubt.
func (p *pass) leave(b *Branch) {
	f := *b.top()
	p.abandon(&f)
	p.pop(b)
	if n := p.nodeOf(&f); n != nil {
		n.word.left(p, b, n, &f)
	}
	if f.Entry != nil {
		p.wakeOthers(b)
	}
}

// cancelBranch leaves everything in a branch and removes it.
func (p *pass) cancelBranch(b *Branch) {
	b = p.change(b)
	p.unwind(b, nil)
	b.Next = ""
	p.prune(b)
	if b.Kind == BranchUndo {
		p.wake(b)
	}
}

// cancelAll cancels every branch, the newest first.
func (p *pass) cancelAll() {
	for len(p.inst.Branches) > 0 {
		p.cancelBranch(p.inst.Branches[len(p.inst.Branches)-1])
	}
}

// cancelForward cancels every branch, but not the undoing of losers.
func (p *pass) cancelForward() {
	for i := len(p.inst.Branches) - 1; i >= 0; i-- {
		if i < len(p.inst.Branches) && !p.inst.undoesLoser(p.inst.Branches[i]) {
			p.cancelBranch(p.inst.Branches[i])
		}
	}
}

// runBeside runs a reaction of `anytime` in a branch of its own.
func (p *pass) runBeside(n *node, e *Event) {
	p.out.Outcome, p.out.Taker = Taken, n.place
	limit := p.plan.options.Limits.Branches
	if p.inst.beside() >= limit {
		p.abort(n.place, &Fault{Kind: "limit.branches", Place: n.place, Text: fmt.Sprintf(
			"%d branches at once; the limit is %d: let the reactions of `anytime` finish", p.inst.beside()+1, limit)})
		return
	}
	p.remember(e)
	p.note("take", n.place, e.Message)
	p.edit().Steps = 0
	b := p.grow(&Branch{ID: p.number(), Kind: BranchAnytime, Place: n.place})
	p.push(b, Frame{Place: n.place, Event: e})
	p.reactIn(b, n)
	p.toRest()
}

// begin begins an instance with what came.
func (p *pass) begin(start *node, e *Event, k *Kept) {
	former := p.inst
	if former == nil {
		former = p.base
	}
	p.inst = p.newborn(k, former)
	p.began = true
	p.out.Outcome, p.out.Taker = Started, start.place
	p.note("start", start.place, e.Message)
	p.remember(e)
	b := p.grow(&Branch{ID: mainID, Kind: BranchMain})
	p.push(b, Frame{Place: start.place, Event: e})
	p.reactIn(b, start)
	p.toRest()
}

// newborn is an instance that k begins, before its first step; former is what
// was kept under the key until now.
func (p *pass) newborn(k *Kept, former *Instance) *Instance {
	inst := &Instance{
		Workflow: p.plan.definition.Name,
		Key:      p.key,
		Version:  p.plan.definition.Version,
		Run:      k.runOf(),
		Status:   StatusRunning,
		Started:  p.at,
		At:       p.at,
		Parents:  k.parents(),
		Vars:     p.given,
	}
	inst.Queue, inst.Starts = former.inherited()
	return inst
}

// String is topic/partition/offset.
func (r RecordRef) String() string {
	return fmt.Sprintf("%s/%d/%d", r.Topic, r.Partition, r.Offset)
}

// armDeadline arms the deadline of the instance. False means that it cannot be
// computed, and that the pass has moved on.
func (p *pass) armDeadline(b *Branch, start *node) bool {
	if p.plan.deadline == nil {
		return true
	}
	due, fault := p.armFor(b, start, p.plan.deadline)
	if fault != nil {
		p.fault(b, start, fault)
		return false
	}
	p.edit().Deadline = due
	return true
}

// armDeadlineIfAny arms the deadline of an instance whose start is skipped. Without
// what the start would have set it may be none that can be computed.
func (p *pass) armDeadlineIfAny(b *Branch, start *node) {
	if p.plan.deadline == nil {
		return
	}
	due, fault := p.armFor(b, start, p.plan.deadline)
	if fault != nil {
		p.note("drop", errorDeadline, fault.Text)
		return
	}
	p.edit().Deadline = due
}
