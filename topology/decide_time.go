package topology

// timer fires the timer that is due first. If none is due nothing happens.
func (p *pass) timer() {
	switch {
	case p.inst == nil:
		p.out.Outcome = Ignored
	case p.inst.Owes():
		p.goOn()
	default:
		p.fireNext()
	}
}

// fireNext fires the timer that is due first. One that is no longer armed
// changes nothing.
func (p *pass) fireNext() {
	next := p.inst.nextTimer()
	if next.kind == timerNone || next.timer.Due > p.at {
		p.out.Outcome = Ignored
		return
	}
	p.out.Outcome = Fired
	switch next.kind {
	case timerForget:
		p.note("forget", "", "")
		p.out.Outcome = Forgotten
		p.inst = nil
	case timerHeld:
		p.isOverdue(next.timer)
	case timerDeadline:
		p.note("fire", "", errorDeadline)
		p.timePasses()
		p.passDeadline()
		p.toRest()
	default:
		p.fire(next)
	}
}

// timePasses begins to count steps anew, unless no time has passed since the last
// decision: a timer that is due at once is no way out of a loop.
func (p *pass) timePasses() {
	if inst := p.edit(); p.at > inst.At {
		inst.Steps = 0
	}
}

// fire fires a timer of a step.
func (p *pass) fire(next armed) {
	p.timePasses()
	b := p.change(p.inst.branch(next.branch))
	n := p.nodeOf(&b.Frames[next.depth])
	p.out.Taker = n.place
	p.note("fire", n.place, "")
	n.word.fire(p, b, n, next.depth, next.kind)
	p.toRest()
}

// goOn does what the instance owes: steps beyond the bound of a decision, then
// one input of its queue, or a timer that was due before that; after the end,
// the next start message that waits.
func (p *pass) goOn() {
	switch {
	case p.inst == nil || !p.inst.Owes():
		p.out.Outcome = Ignored
	case p.inst.Ended() && len(p.inst.Queue) == 0:
		p.takeStart()
	case p.inst.Owed:
		p.out.Outcome = Continued
		p.toRest()
	case p.isTimerFirst():
		p.fireNext()
	default:
		p.takeQueued()
	}
}

// isTimerFirst reports whether a timer was due before the oldest queued input
// came.
func (p *pass) isTimerFirst() bool {
	next := p.inst.nextTimer()
	return !p.inst.Ended() && next.kind != timerNone && next.timer.Due < p.inst.Queue[0].At
}

// takeQueued considers the oldest queued input.
func (p *pass) takeQueued() {
	inst := p.edit()
	k := inst.Queue[0]
	inst.Queue = inst.Queue[1:]
	p.decideKept(k)
}

// takeStart begins anew with the oldest start message that waits.
func (p *pass) takeStart() {
	inst := p.edit()
	k := inst.Starts[0]
	inst.Starts = inst.Starts[1:]
	p.itsTurn = true
	p.decideKept(k)
}

// decideKept considers an event that the instance had kept. If that makes an
// incident, the event is its cause and is no longer kept elsewhere.
func (p *pass) decideKept(k *Kept) {
	p.kept = k
	p.base = copyOf(p.inst)
	p.fromQueue = true
	p.considerKept(k)
}

func (p *pass) considerKept(k *Kept) {
	if k.Letter != nil {
		p.letter(k.Letter)
		return
	}
	p.consider(k.Event)
}
