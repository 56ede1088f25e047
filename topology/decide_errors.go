package topology

import (
	"slices"

	"rondo/topology/value"
)

// Names of errors that the language raises itself.
const (
	errorTimeout   = "timeout"
	errorDeadline  = "deadline"
	errorCancelled = "cancelled"
	errorFault     = "fault"
	errorAny       = "any"
)

// fault is raised where the definition or the data are wrong: at n, which may be
// entered already or be about to. If nobody names `fault` the pass is broken off
// and the instance becomes an incident.
func (p *pass) fault(b *Branch, n *node, f *Fault) {
	if f.Place == "" {
		f.Place = placeText(n.place, n.step.Pos)
	}
	if p.orders.place == n.place && p.ordered(b, n) {
		return
	}
	failure := p.failure(b, errorFault, f.Text, value.MapOf(map[string]value.Value{"kind": f.Kind, "place": f.Place}))
	if !p.raise(b, len(b.Frames)-1, failure) {
		p.abortIn(b, n.place, f)
	}
}

// isStep reports whether n is a step, and not a reaction of one.
func (n *node) isStep() bool { return n.role == roleStep || n.role == roleCompensation }

// failure makes an error that is raised where b stands.
func (p *pass) failure(b *Branch, name, message string, data value.Value) *Failure {
	f := &Failure{Name: name, Message: message, Data: data, At: p.at}
	p.env.b = b
	f.Cause = p.env.handled()
	if step := p.env.innermost(func(f *Frame) bool { return p.nodeOf(f).isStep() }); step != nil {
		f.Step = step.Place
	} else if top := b.top(); top != nil {
		f.Step = top.Place // a reaction of the workflow
	}
	return f
}

// raise raises an error where b stands, or, if a block's time is over, at an
// outer frame: depth is that of the innermost one that may handle it. It is
// false for a fault that nobody names; then nothing has happened.
//
// The order is: the call's `retry`, the step's `catch`, that of each block
// around it, the workflow's; in the end it is not caught, everything is
// compensated and the instance fails. A step whose own `catch` is at work does
// not handle it again.
func (p *pass) raise(b *Branch, depth int, f *Failure) bool {
	for d := depth; d >= 0; d-- {
		n := p.nodeOf(&b.Frames[d])
		if !p.handles(b, d) && p.offerError(b, d, n, f) {
			return true
		}
		if n.role == roleCompensation {
			return p.compensationFails(b, d, n, f)
		}
	}
	return p.raiseOut(b, f)
}

// handles reports whether the `catch` of the step at depth is at work.
func (p *pass) handles(b *Branch, depth int) bool {
	if depth+1 == len(b.Frames) {
		return false
	}
	inner := p.nodeOf(&b.Frames[depth+1])
	return inner.role == roleHandler && inner.owner == p.nodeOf(&b.Frames[depth])
}

// offerError lets the step at depth handle an error by its `retry` or `catch`. True
// means that it has, or that the pass is broken off.
func (p *pass) offerError(b *Branch, depth int, n *node, f *Failure) bool {
	if p.retries(b, depth, n, f) {
		return true
	}
	if handler := p.handler(b, n.catch, f); handler != nil {
		p.handle(b, depth, handler, f)
		return true
	}
	return p.broken != nil
}

// raiseNamed raises an error whose name the author or an operator has chosen. A
// `fault` that nobody names is an incident, as others are.
func (p *pass) raiseNamed(b *Branch, n *node, f *Failure) {
	if p.raise(b, len(b.Frames)-1, f) {
		return
	}
	text := f.Message
	if text == "" {
		text = "a `fault` is raised here, and nobody names it"
	}
	p.abortIn(b, n.place, &Fault{Kind: "raise", Place: placeText(n.place, n.step.Pos), Text: text})
}

// handler returns the alternative of a `catch` that handles an error, or nil:
// exact names come before `any`, which does not mean a fault.
func (p *pass) handler(b *Branch, rules []*rule, f *Failure) *node {
	p.env.failure = f
	defer func() { p.env.failure = nil }()
	for _, name := range [...]string{f.Name, errorAny} {
		r := ruleFor(rules, name)
		if r == nil || name == errorAny && f.Name == errorFault {
			continue
		}
		for _, n := range r.alternatives {
			if p.suits(b, n) {
				return n
			}
		}
	}
	return nil
}

// suits evaluates the `when` of a handler. One that fails stops the instance: it
// cannot be known what the author wanted.
func (p *pass) suits(b *Branch, n *node) bool {
	holds, fault := p.holds(b, n, n.when)
	if fault != nil {
		p.abort(n.place, fault)
	}
	return holds
}

// handle leaves what is inside of the frame at depth and begins its handler.
func (p *pass) handle(b *Branch, depth int, handler *node, f *Failure) {
	p.note("raise", f.Step, f.Name)
	p.note("catch", handler.place, "")
	for len(b.Frames) > depth+1 {
		p.leave(b)
	}
	p.close(b)
	b.Next = ""
	p.push(b, Frame{Place: handler.place, Error: f})
	p.reactIn(b, handler)
}

// close ends the waiting of the step where b stands: its timers and branches are
// gone, and its call is over.
func (p *pass) close(b *Branch) {
	p.letGo(b)
	f := b.top()
	f.Timeout, f.Wake = Timer{}, Timer{}
	p.abandon(f)
	if f.Call != nil && !f.Call.Over {
		f.Call = f.Call.ended()
	}
}

// letGo ends the branches of the step where b stands.
func (p *pass) letGo(b *Branch) {
	f := b.top()
	former := *f
	f.Loop = nil
	n := p.nodeOf(f)
	n.word.left(p, b, n, &former)
}

// raiseToWorkflow cancels everything and begins the workflow's `catch`, or, if
// nothing there handles the error, compensates and fails. It is false for a
// fault that nobody names.
func (p *pass) raiseToWorkflow(f *Failure) bool {
	handler := p.plan.uncaught
	if !p.isCatching() {
		if found := p.handler(nil, p.plan.catch, f); found != nil {
			handler = found
		}
	}
	if p.broken != nil {
		return true
	}
	if handler == p.plan.uncaught && f.Name == errorFault {
		return false
	}
	p.note("raise", f.Step, f.Name)
	if handler != p.plan.uncaught {
		p.note("catch", handler.place, "")
	}
	p.cancelForward()
	main := p.mainLine()
	p.push(main, Frame{Place: handler.place, Error: f})
	p.reactIn(main, handler)
	return true
}

// interrupt raises an error that concerns the whole instance: `deadline` and
// `cancelled`. While the workflow's `catch` runs it changes nothing, and
// interrupt is false.
func (p *pass) interrupt(f *Failure) bool {
	if p.isCatching() {
		return false
	}
	p.raiseToWorkflow(f)
	return true
}

// passDeadline is where the deadline is due.
func (p *pass) passDeadline() {
	inst := p.edit()
	due := inst.Deadline.Due
	inst.Deadline = Timer{Due: due} // not armed, but to be told about
	if !p.interrupt(p.deadlineFailure(due)) {
		p.edit().DeadlinePassed = true
		p.note("pass", "", errorDeadline)
	}
}

func (p *pass) deadlineFailure(due Instant) *Failure {
	return &Failure{Name: errorDeadline, Message: "the instance's deadline has passed", At: p.at,
		Data: value.MapOf(map[string]value.Value{"due": due.Time()})}
}

// raisePassedDeadline raises a deadline that has passed while the workflow's
// `catch` was running, now that it has led back to the steps.
func (p *pass) raisePassedDeadline(b *Branch) {
	if !p.inst.DeadlinePassed {
		return
	}
	p.edit().DeadlinePassed = false
	p.interrupt(p.deadlineFailure(p.inst.Deadline.Due))
}

// ordered does what an operator has asked for at n, the step or reaction whose
// fault stopped the instance: it is once, and instead of what n would do.
func (p *pass) ordered(b *Branch, n *node) bool {
	o := p.orders
	if o.place != n.place || o.place == "" || o.branch != mainID && o.branch != b.ID {
		return false
	}
	p.orders = order{}
	if !slices.ContainsFunc(b.Frames, func(f Frame) bool { return f.Place == n.place }) {
		p.push(b, Frame{Place: n.place})
	}
	for b.top().Place != n.place {
		p.leave(b)
	}
	if o.raise != nil {
		o.raise.Step = n.place
		p.raiseNamed(b, n, o.raise)
		return true
	}
	p.note("skip", n.place, "")
	if n.role == roleStart {
		p.armDeadlineIfAny(b, n)
	}
	p.letGo(b)
	if call := b.top().Call; call != nil && !call.Over {
		p.release(call)
	}
	p.passOn(b, n, n.fixedThen())
	return true
}

// fixedThen is where the `then` of n leads, unless that has to be computed.
func (n *node) fixedThen() *landing {
	if n.then == nil || n.then.by != nil {
		return nil
	}
	return &landing{n.then.to, n.then.exit}
}

// names reports whether a retry is for an error. It never is for a fault: that may
// be of an attempt that was not sent, which would not be counted.
func (r *Retry) names(name string) bool {
	if len(r.Errors) == 0 {
		return name == errorTimeout
	}
	return name != errorFault && slices.Contains(r.Errors, name)
}
