package topology

import (
	"fmt"
	"slices"
	"strings"
)

// DecideAt is Decide for whatever is kept under an address: an instance, or a
// desk. Of a workflow's versions the newest decides for its desks.
func (p *Plan) DecideAt(to Address, inst *Instance, in Input) Decision {
	if to.Desk == "" {
		return p.Decide(inst, to.Key, in)
	}
	return p.decideDesk(to, inst, in)
}

// desk is one decision of a desk being made: like pass for an instance.
type desk struct {
	plan *Plan
	to   Address
	was  *Instance // what is decided on; never changed
	inst *Instance // was, until something is changed; nil: nothing is kept
	at   Instant
	out  Decision
}

func (p *Plan) decideDesk(to Address, inst *Instance, in Input) (out Decision) {
	d := &desk{plan: p, to: to, was: inst, inst: inst, at: in.At}
	if inst != nil {
		d.at = max(in.At, inst.At) // time never goes back
	}
	defer func() {
		// A mistake in this package costs one input, not a partition.
		if mistake := recover(); mistake != nil {
			out = Decision{Instance: inst, Outcome: Dead, DeadLetter: &DeadLetter{"internal", fmt.Sprintf(
				"deciding for %s has failed: %v; this is a mistake in Rondo, please report it", to, mistake)}}
		}
	}()
	d.mend()
	switch {
	case in.Act != nil:
		d.dead(DeadLetter{"act-refused", to.String() + " is no instance: nobody can act on it"})
	case d.isMailbox():
		d.mailbox(strings.TrimPrefix(to.Desk, deskMailbox), in)
	case strings.HasPrefix(to.Desk, deskGate):
		d.gate(strings.TrimPrefix(to.Desk, deskGate), in)
	case to.Desk == deskSchedule:
		d.schedule(in)
	default:
		d.out.Outcome = Ignored
	}
	return d.decision()
}

// mend leaves out what a desk cannot have, if its record is one that no decision has
// made: nobody can act on a desk, so it goes on with the rest. A timer that is none of
// its own would be due for ever.
func (d *desk) mend() {
	if d.inst == nil || !d.isStrange() {
		return
	}
	i := d.edit()
	d.inst = &Instance{Workflow: i.Workflow, Desk: i.Desk, Key: i.Key, Version: i.Version, Status: StatusRunning, Started: i.Started, At: i.At,
		Arms: i.Arms, Parts: i.Parts, PartsMade: i.PartsMade, Counter: i.Counter}
	if d.isMailbox() {
		d.inst.Held = slices.DeleteFunc(slices.Clone(i.Held), (*Kept).isNoEvent)
		d.inst.Counter.Next = Timer{}
	}
}

// isStrange reports whether a desk has something that it cannot have.
func (d *desk) isStrange() bool {
	i := d.inst
	switch {
	case i.Counter == nil, i.Status != StatusRunning, i.Owed, i.Deadline.Armed(), i.Forget.Armed(), len(i.Branches)+len(i.Queue)+len(i.Starts) > 0:
		return true
	case d.isMailbox():
		return i.Counter.Next.Armed() || slices.ContainsFunc(i.Held, (*Kept).isNoEvent)
	}
	return len(i.Held) > 0
}

func (d *desk) isMailbox() bool { return strings.HasPrefix(d.to.Desk, deskMailbox) }

func (k *Kept) isNoEvent() bool { return k.Event == nil }

func (d *desk) decision() Decision {
	out := d.out
	out.Changed = d.inst != d.was
	out.Instance = d.inst
	if d.inst != nil {
		out.Status = d.inst.Status
		if out.Changed {
			d.inst.At = d.at
		}
	}
	return out
}

// edit returns the desk's state, copied if it is still the one that is decided
// on, and new if there was none.
func (d *desk) edit() *Instance {
	switch {
	case d.inst == nil:
		d.inst = &Instance{Workflow: d.to.Workflow, Desk: d.to.Desk, Key: d.to.Key, Version: d.plan.definition.Version,
			Status: StatusRunning, Started: d.at, Counter: &Counter{}}
	case d.inst == d.was:
		next, counter := *d.was, Counter{}
		if d.was.Counter != nil {
			counter = *d.was.Counter
		}
		next.Counter = &counter
		next.Version = d.plan.definition.Version
		d.inst = &next
	}
	return d.inst
}

// arm returns a timer for due.
func (d *desk) arm(due Instant) Timer {
	inst := d.edit()
	inst.Arms++
	return Timer{Due: due, Arm: inst.Arms}
}

func (d *desk) write(l Letter) {
	l.From = d.to
	d.out.Letters = append(d.out.Letters, l)
}

func (d *desk) note(kind, place, text string) {
	d.out.Trace = append(d.out.Trace, Trace{kind, place, text})
}

func (d *desk) dead(why DeadLetter) {
	d.out.Outcome, d.out.DeadLetter = Dead, &why
}
