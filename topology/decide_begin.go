package topology

import "strconv"

// What begins an instance is a start message, a parent's `run` or a schedule. It is
// kept as it came while it waits its turn.

// startOf returns the reaction that begins an instance with what came, and the
// event that it takes; nil if none does.
func (p *pass) startOf(k *Kept) (*node, *Event) {
	if k.Event != nil {
		return p.startFor(k.Event), k.Event
	}
	l := k.Letter
	e := &Event{Message: eventRun, Payload: l.Value}
	alternatives := p.plan.child
	if l.Kind == LetterBegin {
		e.Message, alternatives = eventSchedule, p.plan.scheduled
	}
	return p.choose(nil, &rule{alternatives: alternatives}, e), e
}

// runOf names the run that k begins, so that its commands have ids of their own.
func (k *Kept) runOf() string {
	switch {
	case k == nil:
		return ""
	case k.Event != nil:
		return k.Event.Record.String()
	case k.Letter != nil && k.Letter.Kind == LetterBegin:
		return "schedule:" + k.Letter.Command
	case k.Letter != nil:
		return runOfChild + k.Letter.Command
	}
	return ""
}

// runOfChild begins the run of an instance that a parent has begun.
const runOfChild = "command:"

// parents are those for whom k begins an instance.
func (k *Kept) parents() []Parent {
	if k == nil || k.Letter == nil || k.Letter.Kind != LetterRun {
		return nil
	}
	return []Parent{k.Letter.parent()}
}

func (l *Letter) parent() Parent {
	return Parent{Address: l.From, Run: l.Run, Command: l.Command, Awaited: l.Awaited}
}

// event is the event that k is, as it came or as a mailbox has handed it on; nil if it
// is none.
func (k *Kept) event() *Event {
	if k.Event == nil && k.Letter != nil {
		return k.Letter.Event
	}
	return k.Event
}

// name is what k is called in the trace.
func (k *Kept) name() string {
	switch e := k.event(); {
	case e != nil:
		return e.Message
	case k.Letter != nil:
		return string(k.Letter.Kind)
	}
	return ""
}

// beginWith begins an instance with a letter, if a reaction of `start` is for it.
func (p *pass) beginWith(k *Kept) {
	start, e := p.startOf(k)
	switch {
	case start != nil:
		p.begin(start, e, k)
	case p.bury != nil:
		p.turnAway(k.Letter, "run-refused", p.bury.Text)
	default:
		p.turnAway(k.Letter, "run-refused", "version "+strconv.Itoa(p.plan.definition.Version)+" of "+p.plan.definition.Name+
			" has no `start` for it: give it `start: {run: …}` (or its schedule) whose `when` holds")
	}
}

// turnAway refuses to begin an instance. A parent that waits is told.
func (p *pass) turnAway(l *Letter, reason, text string) {
	p.answer(l, StatusFailed, &Failure{Name: errorRunRefused, Message: text, At: p.at})
	p.dead(DeadLetter{reason, text})
}

// answer tells a parent that its child has ended, or will not begin.
func (p *pass) answer(l *Letter, status Status, f *Failure) {
	if l.Kind == LetterRun && l.Awaited {
		p.out.Letters = append(p.out.Letters, Letter{Kind: LetterOutcome, To: l.From, From: p.address(), Command: l.Command, Status: status, Failure: f})
	}
}

// beginsAgain is a parent's `run` or a schedule for a key that lives or has ended.
// What a start message is ignored for, is joined.
func (p *pass) beginsAgain(k *Kept) {
	again, ended := p.plan.definition.Again, p.inst.Ended()
	switch {
	case ended && (again == AgainNever || again == ""):
		p.joinEnded(k.Letter)
	case ended && len(p.inst.Starts) > 0 && !p.itsTurn:
		p.waitForEnd(k) // others were first
	case ended:
		p.beginWith(k)
	case again == AgainQueue:
		p.waitForEnd(k)
	case again == AgainRestart:
		p.restart(k)
	default:
		p.join(k.Letter)
	}
}

// join makes another parent wait for the instance that lives.
func (p *pass) join(l *Letter) {
	p.out.Outcome = Repeated
	if l.Kind != LetterRun {
		p.note("repeat", "", string(l.Kind))
		return
	}
	p.note("join", "", l.From.String())
	for _, parent := range p.inst.Parents {
		if parent.Command == l.Command {
			return
		}
	}
	inst := p.edit()
	inst.Parents = append(inst.Parents[:len(inst.Parents):len(inst.Parents)], l.parent())
}

// joinEnded tells a parent at once how the instance has ended.
func (p *pass) joinEnded(l *Letter) {
	p.out.Outcome = Repeated
	p.note("join", "", l.From.String())
	if l.Kind == LetterRun && l.Awaited {
		p.write(p.inst.outcomeFor(l.parent()))
	}
}

// outcomeFor is what a parent is told of an instance that has ended.
func (i *Instance) outcomeFor(parent Parent) Letter {
	return Letter{Kind: LetterOutcome, To: parent.Address, Command: parent.Command, Value: i.Output, Status: i.Status, Failure: i.Failure}
}
