package topology

import "fmt"

// Decide considers one input for one instance and says what shall happen. inst
// is nil where there is none under key.
//
// It is pure, total and never changes inst: the same arguments give the same
// decision, on every machine, for ever. What goes wrong inside is an incident
// of the instance, never an error or a panic.
func (p *Plan) Decide(inst *Instance, key string, in Input) (d Decision) {
	pass := newPass(p, inst, key, in)
	defer func() {
		// A mistake in this package stops one instance, not a partition.
		if mistake := recover(); mistake != nil {
			pass.abort("", &Fault{Kind: "internal", Place: p.definition.Name,
				Text: fmt.Sprintf("deciding has failed: %v; this is a mistake in Rondo, please report it", mistake)})
			d = pass.decision(in)
		}
	}()
	switch {
	case !pass.canDecide(in):
	case in.Refused != "" && in.Letter != nil:
		pass.unwritable(in.Letter, in.Refused)
	case in.Refused != "" && pass.canStop():
		pass.abort("", &Fault{Kind: "limit.record", Place: p.definition.Name, Text: in.Refused})
	case in.Act != nil:
		pass.act(in.Act)
	case in.Event != nil:
		pass.consider(in.Event)
	case in.Letter != nil:
		pass.letter(in.Letter)
	case in.Timer:
		pass.timer()
	default:
		pass.goOn()
	}
	return pass.decision(in)
}

// migrates reports whether an act is what brings an instance to this version.
func (in Input) migrates() bool { return in.Act != nil && in.Act.Kind == ActMigrate }

// canDecide breaks the pass off if the instance is not one that this definition can
// decide on. One that is stopped keeps what comes, and can be terminated.
func (p *pass) canDecide(in Input) bool {
	if in.migrates() {
		return true // what it stands at is compared with both versions
	}
	unfit := p.unfit()
	switch {
	case unfit == nil:
	case !p.inst.Status.Stopped():
		p.abort("", unfit)
		return false
	case in.Act != nil && in.Act.Kind != ActTerminate:
		p.out.Outcome = Acted
		p.refuse("cannot be acted on but by terminate: %s", unfit.Text)
		return false
	}
	return true
}

// canStop reports whether there is a living instance, which can become an incident.
func (p *pass) canStop() bool {
	return !p.isAbsent() && !p.inst.Ended() && !p.inst.Status.Stopped()
}

// consider finds out who takes an event. The order is the language's: the first
// that has a use for it takes it, and nobody else.
func (p *pass) consider(e *Event) {
	switch {
	case p.begins(e):
	case p.comesAfterTheEnd(e):
	case p.isQueued(&Kept{At: p.at, Event: e}):
	case p.isDuplicate(e):
	case p.answersItsCall(e):
	case p.wakesStep(e):
	case p.happensAnytime(e):
	case p.comesEarly(e):
	case p.startsAgain(e):
	default:
		p.comesLate(e)
	}
}

// begins: where there is no instance, a start message begins one; any other
// event is none of this workflow's business, or comes too early for it.
func (p *pass) begins(e *Event) bool {
	if !p.isAbsent() {
		return false
	}
	if start := p.startFor(e); start != nil {
		p.begin(start, e, &Kept{At: p.at, Event: e})
		return true
	}
	switch m := p.plan.messages[e.Message]; {
	case m != nil && m.Early.Hold > 0 && !p.startTakes(e):
		p.expect(e, m)
	case p.startTakes(e) && p.bury != nil:
		p.dead(*p.bury)
	case p.early(e) == earlyReject && !p.startTakes(e):
		p.turn(e.Message, turnEarly)
		p.dead(DeadLetter{"no-instance", "there is no instance " + p.who() + " for this " + e.Message +
			", and `early: reject` forbids to pass over it"})
	default:
		p.out.Outcome = Ignored
	}
	return true
}

// comesAfterTheEnd: an instance that has ended and is remembered begins anew
// with a start message, if `again` allows it. All else is late.
func (p *pass) comesAfterTheEnd(e *Event) bool {
	if !p.inst.Ended() {
		return false
	}
	start := p.startFor(e)
	switch {
	case p.startTakes(e) && start == nil:
		p.refusedByWhen()
	case start == nil:
		p.out.Outcome = Late
	case p.plan.definition.Again == AgainNever || p.plan.definition.Again == "":
		p.turn(spotAgain, turnRepeated)
		p.out.Outcome = Repeated
	case len(p.inst.Starts) > 0 && !p.itsTurn:
		p.waitForEnd(&Kept{At: p.at, Event: e}) // others were first
	default:
		p.begin(start, e, &Kept{At: p.at, Event: e})
	}
	return true
}

// isQueued: an instance that is stopped keeps what comes, in order. So does one
// that has not come to rest. What it has asked for itself is no more than it has
// branches, and is kept beyond the bound.
func (p *pass) isQueued(k *Kept) bool {
	if !p.inst.Status.Stopped() && !p.inst.Owes() || p.fromQueue {
		return false
	}
	bounded := k.Event != nil || k.Letter.begins() || k.Letter.Event != nil
	if bounded && (len(p.inst.Queue) >= p.plan.options.Limits.Queue || !p.hasRoom(k)) {
		p.overfull(k, "queue-limit", "the instance "+p.who()+" is stopped and keeps as many inputs as it may; act on it and replay this event")
		return true
	}
	p.edit().Queue = appendCopy(p.inst.Queue, k)
	p.note("queue", "", k.name())
	p.out.Outcome = Queued
	return true
}

// overfull is where an instance can keep no more of what comes.
func (p *pass) overfull(k *Kept, reason, text string) {
	if k.Letter != nil && k.Letter.begins() {
		p.turnAway(k.Letter, reason, text)
		return
	}
	p.dead(DeadLetter{reason, text})
}

// isDuplicate: an event whose id this instance has taken already.
func (p *pass) isDuplicate(e *Event) bool {
	if !p.hasSeen(e) {
		return false
	}
	p.note("duplicate", "", e.Message+" "+e.ID)
	p.out.Outcome = Duplicate
	return true
}

// answersItsCall: an event that carries the id of a call's command is for that
// call and for no other, also if the call was one of an earlier run of this key.
func (p *pass) answersItsCall(e *Event) bool {
	if e.CommandID == "" {
		return false
	}
	for _, b := range p.inst.Branches {
		f := b.top()
		if f == nil || f.Call == nil || f.Call.Over || f.Call.Command != e.CommandID {
			continue
		}
		p.exact = true
		return p.offer(b, e)
	}
	p.answered = p.isOwn(e.CommandID)
	p.exact = p.answered
	return false
}

// wakesStep: of the steps that wait for this message, the one that has waited
// longest takes it.
func (p *pass) wakesStep(e *Event) bool {
	var space [8]*Branch
	for _, b := range p.longestFirst(space[:0], e.Message) {
		if p.offer(b, e) {
			return true
		}
	}
	return false
}

// happensAnytime: a reaction that is there whatever step waits. It is off while
// the workflow's `catch` runs.
func (p *pass) happensAnytime(e *Event) bool {
	if p.isCatching() {
		return false
	}
	r := ruleFor(p.plan.anytime, e.Message)
	if r == nil {
		return false
	}
	reaction := p.choose(nil, r, e)
	if reaction == nil {
		p.refused = append(p.refused, r.alternatives[0])
		return false
	}
	p.runBeside(reaction, e)
	return true
}

// comesEarly: another step that can still be reached listens for it.
func (p *pass) comesEarly(e *Event) bool {
	if !p.canBeHeard(e.Message) {
		return false
	}
	switch p.early(e) {
	case earlyDrop:
		p.note("drop", "", e.Message)
		p.out.Outcome = Ignored
	case earlyReject:
		p.turn(e.Message, turnEarly)
		p.dead(DeadLetter{"early", "the instance " + p.who() + " does not listen for " + e.Message +
			" yet, and `early: reject` forbids to hold it"})
	default:
		p.hold(e)
	}
	return true
}

func (p *pass) hold(e *Event) {
	if len(p.inst.Held) >= p.plan.options.Limits.Held || !p.hasRoom(&Kept{Event: e}) {
		p.dead(DeadLetter{"held-limit", "the instance " + p.who() + " holds as many events as it may for steps that will listen; replay this one later"})
		return
	}
	p.edit().Held = appendCopy(p.inst.Held, &Kept{At: p.at, Event: e})
	p.note("hold", "", e.Message)
	p.out.Outcome = Held
}

// startsAgain: a start message for a key that lives.
func (p *pass) startsAgain(e *Event) bool {
	if p.startFor(e) == nil {
		return false
	}
	switch p.plan.definition.Again {
	case AgainQueue:
		p.waitForEnd(&Kept{At: p.at, Event: e})
	case AgainRestart:
		p.restart(&Kept{At: p.at, Event: e})
	default:
		p.turn(spotAgain, turnRepeated)
		p.note("repeat", "", e.Message)
		p.out.Outcome = Repeated
	}
	return true
}

// waitForEnd keeps what begins an instance until this one has ended.
func (p *pass) waitForEnd(k *Kept) {
	if len(p.inst.Starts) >= p.plan.options.Limits.Starts || !p.hasRoom(k) {
		p.overfull(k, "starts-limit", "as many start messages as may wait for the end of "+p.who()+"; replay this one later")
		return
	}
	p.edit().Starts = appendCopy(p.inst.Starts, k)
	p.turn(spotAgain, turnQueued)
	p.note("queue", "", k.name())
	p.out.Outcome = Queued
}

// restart cancels the living instance; the newest of what begins one waits for its
// end, and what it takes the place of is late.
func (p *pass) restart(k *Kept) {
	for _, former := range p.inst.Starts {
		p.note("late", "", former.name())
		if former.Letter != nil {
			p.answer(former.Letter, StatusCancelled, &Failure{Name: errorCancelled, Message: "a newer start has taken its place", At: p.at, Data: byData("again: restart")})
		}
	}
	p.edit().Starts = []*Kept{k}
	p.turn(spotAgain, turnRestarted)
	p.out.Outcome = Queued
	p.note("queue", "", k.name())
	p.cancel("again: restart", "")
}

// comesLate: nobody has a use for it. One that a `when` has refused is only
// counted, unless it answers a call that is over.
func (p *pass) comesLate(e *Event) {
	refused := p.startTakes(e) || len(p.refused) > 0
	if p.bury != nil || refused && !p.answered {
		p.refusedByWhen()
		return
	}
	p.note("late", "", e.Message)
	p.out.Outcome = Late
}

// refusedByWhen ends the consideration of an event that a `when` has refused:
// it is counted only, unless that `when` has failed.
func (p *pass) refusedByWhen() {
	if p.bury != nil {
		p.dead(*p.bury)
		return
	}
	p.out.Outcome = Ignored
}

// Modes of a message's `early`.
const (
	earlyDrop   = "drop"
	earlyReject = "reject"
)

// early is what becomes of an event that comes before the step that listens.
func (p *pass) early(e *Event) string {
	if m := p.plan.messages[e.Message]; m != nil {
		return m.Early.Mode
	}
	return ""
}

// startTakes reports whether a message is one that begins instances.
func (p *pass) startTakes(e *Event) bool { return ruleFor(p.plan.start, e.Message) != nil }

// startFor returns the reaction that begins an instance with an event, or nil.
func (p *pass) startFor(e *Event) *node {
	r := ruleFor(p.plan.start, e.Message)
	if r == nil {
		return nil
	}
	return p.choose(nil, r, e)
}

// offer lets the step where a branch waits take an event.
func (p *pass) offer(b *Branch, e *Event) bool {
	n := p.plan.nodes[b.top().Place]
	r := ruleFor(n.word.takes(), e.Message)
	if r == nil {
		return false
	}
	reaction := p.choose(b, r, e)
	if reaction == nil {
		p.refused = append(p.refused, n)
		return false
	}
	p.edit().Steps = 0
	p.out.Outcome, p.out.Taker = Taken, reaction.place
	p.react(p.change(b), n, reaction, e)
	p.toRest()
	return true
}

// longestFirst returns the branches whose step waits for a message, appended to
// out: the longest waiting first, then in the order of the file and of index.
func (p *pass) longestFirst(out []*Branch, message string) []*Branch {
	for _, b := range p.inst.Branches {
		f := b.top()
		if f == nil || p.exact && f.Call != nil {
			continue
		}
		n := p.plan.nodes[f.Place]
		if n.word.awaits(f) && ruleFor(n.word.takes(), message) != nil {
			out = p.insertWaiting(out, b)
		}
	}
	return out
}

func (p *pass) insertWaiting(out []*Branch, b *Branch) []*Branch {
	out = append(out, b)
	for i := len(out) - 1; i > 0 && p.waitsLonger(out[i], out[i-1]); i-- {
		out[i], out[i-1] = out[i-1], out[i]
	}
	return out
}

func (p *pass) waitsLonger(a, b *Branch) bool {
	f, g := a.top(), b.top()
	if f.Since != g.Since {
		return f.Since < g.Since
	}
	return p.plan.nodes[f.Place].order < p.plan.nodes[g.Place].order
}

// canBeHeard reports whether some step that can still be reached listens for a
// message, other than those that have just refused it.
func (p *pass) canBeHeard(message string) bool {
	listens := p.plan.listeners[message]
	if listens == nil {
		return false
	}
	var refused listenSet
	for _, n := range p.refused {
		if n.listen < 0 {
			continue
		}
		if refused == nil {
			refused = newListenSet(len(listens) * 64)
		}
		refused.add(n.listen)
	}
	if !p.isCatching() && (p.plan.aside.meets(listens, refused) || p.plan.rescue.meets(listens, refused)) {
		return true
	}
	for _, b := range p.inst.Branches {
		for i := range b.Frames {
			if p.reachOf(&b.Frames[i], i == len(b.Frames)-1).meets(listens, refused) {
				return true
			}
		}
	}
	return false
}

// reachOf is the listens that can still come from where an instance stands in f.
// Branches that have begun speak for themselves.
func (p *pass) reachOf(f *Frame, innermost bool) listenSet {
	n := p.nodeOf(f)
	switch {
	case !innermost:
		return n.rescued
	case f.Loop != nil && !f.Loop.hasMore():
		return n.behind
	}
	return n.reach
}
