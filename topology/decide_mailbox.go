package topology

import (
	"fmt"
	"slices"
	"time"
)

// mailboxWait is how long an event waits for an instance that is known by its key,
// if its message has no `early` with a time.
const mailboxWait = time.Minute

// mailbox is the desk that knows instances by one value of a variable. It relays
// events to them, and keeps those that come before any of them for a while.
func (d *desk) mailbox(variable string, in Input) {
	switch {
	case in.Event != nil:
		d.receive(in.Event)
	case in.Letter != nil && in.Letter.Kind == LetterAnnounce:
		d.addMember(Member{in.Letter.From.Key, in.Letter.Run})
	case in.Letter != nil && in.Letter.Kind == LetterWithdraw:
		d.removeMember(Member{in.Letter.From.Key, in.Letter.Run})
	case in.Timer:
		d.giveUpWaiting()
	default:
		d.out.Outcome = Ignored
	}
}

func (d *desk) members() []Member {
	if d.inst == nil {
		return nil
	}
	return d.inst.Counter.Members
}

func (d *desk) receive(e *Event) {
	if members := d.meant(e); len(members) > 0 {
		if size := e.size(); size*len(members) > copiesAtOnce || size > d.plan.options.Limits.Record {
			d.dead(DeadLetter{"mailbox-limit", fmt.Sprintf("%d instances of %s are known by %s: an event of %d bytes is too large to be handed on to all of them at once",
				len(members), d.to.Workflow, d.to.Key, size)})
			return
		}
		for _, m := range members {
			d.relay(m, e)
		}
		d.out.Outcome = Taken
		return
	}
	early := Early{}
	if m := d.plan.messages[e.Message]; m != nil {
		early = m.Early
	}
	switch early.Mode {
	case earlyDrop:
		d.out.Outcome = Ignored
	case earlyReject:
		d.dead(DeadLetter{"no-instance", "no instance of " + d.to.Workflow + " is known by this, and `early: reject` forbids to wait for one: " + d.to.Key})
	default:
		wait := early.Hold
		if wait == 0 {
			wait = mailboxWait
		}
		d.keep(e, wait)
	}
}

// meant are the members that an event is for: all, or the one for which alone it was
// replayed. What the mailbox itself has refused was replayed for its own key, and no
// member had it.
func (d *desk) meant(e *Event) []Member {
	members := d.members()
	key := d.plan.meantKey(e.Record.Topic, e.Headers)
	if key == "" || key == d.to.Key {
		return members
	}
	at := slices.IndexFunc(members, func(m Member) bool { return m.Key == key })
	if at < 0 {
		return members
	}
	return members[at : at+1]
}

func (d *desk) keep(e *Event, wait time.Duration) {
	limits := d.plan.options.Limits
	size := e.size()
	if d.inst != nil {
		size += d.inst.size()
	}
	if d.inst != nil && len(d.inst.Held) >= limits.Held || size > limits.Record {
		d.dead(DeadLetter{"held-limit", "as many events as may wait for an instance that is known by " + d.to.Key + "; replay this one later"})
		return
	}
	inst := d.edit()
	inst.Held = appendCopy(inst.Held, &Kept{At: d.at, Event: e, Until: d.arm(d.at.Add(wait))})
	d.note("hold", "", e.Message)
	d.out.Outcome = Held
}

func (d *desk) relay(m Member, e *Event) {
	d.write(Letter{Kind: LetterRelay, To: Address{Workflow: d.to.Workflow, Key: m.Key}, Run: m.Run, Event: e})
}

// addMember makes an instance known; what has waited for one goes to it.
func (d *desk) addMember(m Member) {
	d.out.Outcome = Taken
	if slices.Contains(d.members(), m) {
		return
	}
	if limit := d.plan.options.Limits.Members; len(d.members()) >= limit {
		d.dead(DeadLetter{"mailbox-limit", fmt.Sprintf("%d instances of %s are known by %s already; %s does not get its events", limit, d.to.Workflow, d.to.Key, m.Key)})
		return
	}
	if d.inst != nil && d.inst.size()+len(m.Key)+len(m.Run) > d.plan.options.Limits.Record {
		d.dead(DeadLetter{"mailbox-limit", fmt.Sprintf("what is kept of the %d instances of %s that are known by %s would be too large; %s does not get its events", len(d.members()), d.to.Workflow, d.to.Key, m.Key)})
		return
	}
	inst := d.edit()
	inst.Counter.Members = append(slices.Clone(inst.Counter.Members), m)
	for _, k := range inst.Held {
		d.relay(m, k.Event)
	}
	inst.Held = nil
}

// removeMember forgets a run. A later run under the same key has come by a letter
// of its own, and stays.
func (d *desk) removeMember(m Member) {
	d.out.Outcome = Taken
	at := slices.Index(d.members(), m)
	if at < 0 {
		d.out.Outcome = Late
		return
	}
	inst := d.edit()
	inst.Counter.Members = slices.Delete(slices.Clone(inst.Counter.Members), at, at+1)
	d.leaveIfEmpty()
}

// giveUpWaiting is where an event has waited long enough. With `early` and a time
// that is a dead letter; else it was nobody's.
func (d *desk) giveUpWaiting() {
	if d.inst == nil || d.inst.nextTimer().kind != timerHeld || d.inst.nextTimer().timer.Due > d.at {
		d.out.Outcome = Ignored
		return
	}
	inst := d.edit()
	var k *Kept
	k, inst.Held = takeDue(inst.Held, inst.nextTimer().timer)
	d.out.Event = k.Event
	d.out.Outcome = Ignored
	if m := d.plan.messages[k.Event.Message]; m != nil && m.Early.Hold > 0 {
		d.dead(notBegun(k, "an instance that is known by "+d.to.Key))
	}
	d.leaveIfEmpty()
}

func (d *desk) leaveIfEmpty() {
	if len(d.inst.Counter.Members)+len(d.inst.Held) == 0 {
		d.inst = nil
	}
}
