package topology

import (
	"fmt"
	"slices"
)

// expect keeps an event that has no instance for as long as its message says, in
// case one begins.
func (p *pass) expect(e *Event, m *message) {
	inst := p.inst
	if inst == nil {
		inst = &Instance{Workflow: p.plan.definition.Name, Key: p.key, Version: p.plan.definition.Version, Status: StatusExpected, Started: p.at}
	} else {
		inst = copyOf(inst)
	}
	if len(inst.Held) >= p.plan.options.Limits.Held || !p.isStorable(inst, e.size()) {
		p.dead(DeadLetter{"held-limit", "as many events as may wait for an instance " + p.who() + " to begin; replay this one later"})
		return
	}
	p.inst = inst
	inst.Held = appendCopy(inst.Held, &Kept{At: p.at, Event: e, Until: p.arm(p.at.Add(m.Early.Hold))})
	p.turn(e.Message, turnEarly)
	p.note("hold", "", e.Message)
	p.out.Outcome = Held
}

// isOverdue is where an event has waited long enough for an instance.
func (p *pass) isOverdue(t Timer) {
	inst := p.edit()
	var k *Kept
	k, inst.Held = takeDue(inst.Held, t)
	p.kept = k
	p.dead(notBegun(k, p.who()))
	if len(inst.Held) == 0 {
		p.inst = nil
	}
}

// takeDue takes the event whose time is over out of those that are held.
func takeDue(held []*Kept, t Timer) (*Kept, []*Kept) {
	at := slices.IndexFunc(held, func(k *Kept) bool { return k.Until == t })
	return held[at], slices.Delete(slices.Clone(held), at, at+1)
}

func notBegun(k *Kept, who string) DeadLetter {
	return DeadLetter{"no-instance", fmt.Sprintf("%s has come at %s and waited for %s as long as `early` says: replay it once there is an instance",
		k.Event.Message, k.At.Time().Format("2006-01-02T15:04:05.000Z07:00"), who)}
}

// inherited are the inputs that one who begins finds waiting: events that came
// before it, then what waited for the end of its predecessor.
func (i *Instance) inherited() (queue, starts []*Kept) {
	if i == nil {
		return nil, nil
	}
	queue = i.Queue
	if i.Status == StatusExpected {
		for _, k := range i.Held {
			queue = append(queue, &Kept{At: k.At, Event: k.Event})
		}
	}
	return queue, i.Starts
}
