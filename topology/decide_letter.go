package topology

// Names of what began an instance, or ended the waiting for a child, where an
// event has the name of its message. No message is called so.
const (
	eventRun       = "run"
	eventSchedule  = "schedule"
	eventCompleted = "completed"
)

// letter considers what another instance or a desk tells. One that nobody has a
// use for, as of a call that is over, is late.
func (p *pass) letter(l *Letter) {
	k := &Kept{At: p.at, Letter: l}
	switch {
	case p.isAbsent() && l.begins():
		p.beginWith(k)
	case p.isAbsent():
		p.declined(l)
		p.out.Outcome = Ignored
	case p.isQueued(k):
	case l.begins():
		p.beginsAgain(k)
	case l.Kind == LetterCancel && p.parts(l):
	case l.Kind == LetterOutcome && p.childEnds(l):
	case l.Kind == LetterGrant && p.isGranted(l):
	case l.Kind == LetterRelay && l.Event != nil && l.Run == p.inst.Run:
		p.consider(l.Event)
	default:
		p.declined(l)
		p.note("late", "", string(l.Kind))
		p.out.Outcome = Late
	}
}

// unwritable is where what a letter leads to cannot be written. Somebody may wait for
// that without an end, so a living instance stops and keeps the letter, and a parent
// is told that its child does not begin.
func (p *pass) unwritable(l *Letter, text string) {
	switch {
	case l.begins():
		p.turnAway(l, "too-large", text)
	case p.canStop():
		p.abort("", &Fault{Kind: "limit.record", Place: p.plan.definition.Name, Text: text})
	default:
		p.dead(DeadLetter{"too-large", text})
	}
}

// begins reports whether l is to begin an instance.
func (l *Letter) begins() bool { return l.Kind == LetterRun || l.Kind == LetterBegin }

// isAbsent reports whether there is no instance, though events may wait for one.
func (p *pass) isAbsent() bool { return p.inst == nil || p.inst.Status == StatusExpected }

// declined tells a gate that its leave is not needed, so that another call has it.
func (p *pass) declined(l *Letter) {
	if l.Kind == LetterGrant && l.Awaited {
		p.write(Letter{Kind: LetterRelease, To: l.From, Command: l.Command, Ask: l.Ask, Message: l.Message})
	}
}

// write writes a letter in the name of the instance.
func (p *pass) write(l Letter) {
	l.From = p.address()
	if p.inst != nil {
		l.Run = p.inst.Run
	}
	p.out.Letters = append(p.out.Letters, l)
	p.sent += l.size()
}

func (p *pass) address() Address { return Address{Workflow: p.plan.definition.Name, Key: p.key} }

// openCall returns the branch that waits at the call of a command, or nil.
func (p *pass) openCall(command string) *Branch {
	for _, b := range p.inst.Branches {
		if f := b.top(); f != nil && f.Call != nil && !f.Call.Over && f.Call.Command == command {
			return b
		}
	}
	return nil
}

// abandon is where a call without an outcome is left: it is in doubt if its
// command was sent, a child is waited for no more, a gate is told.
func (p *pass) abandon(f *Frame) {
	c := f.Call
	if c == nil || c.Over {
		return
	}
	if !c.isUnsent() {
		p.note("doubt", f.Place, "")
	}
	if c.Child != (Address{}) {
		p.write(Letter{Kind: LetterCancel, To: c.Child, Command: c.Command})
	}
	p.release(c)
}

// isUnsent reports whether nothing was sent yet: there can be no answer.
func (c *Call) isUnsent() bool { return c.Asking && c.Attempt == 1 }
