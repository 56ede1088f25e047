package topology

import "slices"

// listening is `listen`: it waits for events without a command; without `until`
// one event ends it.
type listening struct {
	plain
	rules    []*rule
	outcomes []*node
	until    *formula
	reads    []string // variables of until
	idle     *moment
}

func (c *compiler) listenWord(n *node, a *Listen, ctx context) word {
	w := &listening{until: c.condition(a.Until, ctx), idle: c.moment(a.Idle, ctx)}
	if w.until != nil && w.until.program != nil {
		w.reads = w.until.program.Reads()
	}
	n.listen = len(c.listens)
	c.listens = append(c.listens, n)
	ctx.event = true
	w.rules = c.rules(a.Rules, n.place, roleOutcome, n, ctx)
	w.outcomes = alternativesOf(w.rules)
	return w
}

func (l *listening) takes() []*rule     { return l.rules }
func (l *listening) reactions() []*node { return l.outcomes }
func (l *listening) awaits(*Frame) bool { return true }

func (l *listening) enter(p *pass, b *Branch, n *node) {
	if ended := l.test(p, b, n); ended {
		return
	}
	f := b.top()
	if n.timeout != nil {
		due, fault := p.armFor(b, n, n.timeout)
		if fault != nil {
			p.fault(b, n, fault)
			return
		}
		f.Timeout = due
	}
	l.wait(p, b, n, p.at)
}

// wait goes on waiting: first for what was held, then for what comes. The last
// event was taken at since.
func (l *listening) wait(p *pass, b *Branch, n *node, since Instant) {
	if l.idle != nil {
		wake, fault := p.armSince(b, n, l.idle, since)
		if fault != nil {
			p.fault(b, n, fault)
			return
		}
		b.top().Wake = wake
	}
	l.takeHeld(p, b, n)
}

// takeHeld takes the oldest held event that one of the rules holds for.
func (l *listening) takeHeld(p *pass, b *Branch, n *node) {
	for i, k := range p.inst.Held {
		r := ruleFor(l.rules, k.Event.Message)
		if r == nil || p.hasSeen(k.Event) {
			continue
		}
		reaction := p.choose(b, r, k.Event)
		if reaction == nil {
			continue
		}
		inst := p.edit()
		inst.Held = slices.Delete(slices.Clone(inst.Held), i, i+1)
		p.turn(n.place, turnHeld)
		p.react(b, n, reaction, k.Event)
		return
	}
}

// test ends the step if its `until` holds. True means that the pass has moved
// on.
func (l *listening) test(p *pass, b *Branch, n *node) bool {
	if l.until == nil {
		return false
	}
	holds, fault := p.holds(b, n, l.until)
	switch {
	case fault != nil:
		p.fault(b, n, fault)
	case holds:
		p.note("until", n.place, "")
		p.done(b)
	default:
		return false
	}
	return true
}

// taken: silence is broken; without `until` the waiting is over.
func (l *listening) taken(_ *pass, b *Branch, _ *node) {
	f := b.top()
	f.Wake = Timer{}
	if l.until == nil {
		f.Timeout = Timer{}
	}
}

func (l *listening) goOn(p *pass, b *Branch, n *node, since Instant) {
	if l.until == nil {
		p.done(b)
		return
	}
	if ended := l.test(p, b, n); !ended {
		l.wait(p, b, n, since)
	}
}

func (l *listening) fire(p *pass, b *Branch, n *node, depth int, kind timerKind) {
	f := &b.Frames[depth]
	text := "nothing has ended the waiting in time"
	if kind == timerWake {
		f.Wake, text = Timer{}, "nothing has come for too long"
		p.turn(n.place, turnIdle)
	} else {
		f.Timeout = Timer{}
	}
	p.raise(b, depth, p.failure(b, errorTimeout, text, timeoutData(nil, kind == timerWake)))
}

// testUntils tests, in the order in which steps take events, each waiting
// `until` whose variables have changed. True means that one held, so that there
// is more to do.
func (p *pass) testUntils() bool {
	if len(p.changed) == 0 {
		return false
	}
	changed := p.changed
	for _, b := range p.untilsOf(changed) {
		n := p.nodeOf(b.top())
		b = p.change(b)
		if n.word.(*listening).test(p, b, n) {
			return true // the others are tested when that has come to rest
		}
	}
	p.changed = nil
	return false
}

// untilsOf returns the branches whose step waits for a condition over one of
// these variables.
func (p *pass) untilsOf(changed []string) []*Branch {
	var out []*Branch
	for _, b := range p.inst.Branches {
		f := b.top()
		if f == nil {
			continue
		}
		l, isListen := p.nodeOf(f).word.(*listening)
		if isListen && slices.ContainsFunc(l.reads, func(name string) bool { return slices.Contains(changed, name) }) {
			out = p.insertWaiting(out, b)
		}
	}
	return out
}
