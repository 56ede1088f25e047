package topology

import (
	"slices"
	"time"
)

// A gate bounds how a command is sent, over the whole application. A call asks,
// waits until the gate lets it through, and says when it is over. What asks waits in
// order, in parts of the gate's record, so that each decision rewrites little.

// gatePart is the number of those that wait in one part.
const gatePart = 64

// gateCarry is by how much a gate that was woken late makes up for it, so that the
// rate holds on the average, and no more than that much comes at once.
const gateCarry = 100 * time.Millisecond

// grantsAtOnce bounds what one decision lets through.
const grantsAtOnce = 1000

// gate is the desk. It is told what the newest version says of the message, also
// without an input when there is a newer one: what waits may go by it.
func (d *desk) gate(message string, in Input) {
	var limit *Limit
	if m := d.plan.messages[message]; m != nil {
		limit = m.Limit
	}
	d.out.Outcome = Taken
	switch {
	case in.Letter != nil && in.Letter.Kind == LetterAsk:
		d.queueUp(in.Letter)
	case in.Letter != nil && in.Letter.Kind == LetterRelease:
		d.released(Leave{in.Letter.Command, in.Letter.Ask})
	case in.Timer && d.inst != nil && d.inst.Counter.Next.Armed() && d.inst.Counter.Next.Due <= d.at:
		d.out.Outcome = Fired
	default:
		d.out.Outcome = Ignored
	}
	told := in.Event == nil && in.Letter == nil && !in.Timer
	if d.inst != nil && (d.inst != d.was || in.Timer || told) {
		d.letThrough(message, limit, in.Timer)
	}
	if told {
		d.newVersion()
	}
}

// Gates are where the commands of p that have a limit ask, ordered by message.
func (p *Plan) Gates() []Address {
	var out []Address
	for _, name := range sortedKeys(p.messages) {
		if p.messages[name].Limit != nil {
			out = append(out, gateAddress(p.definition.Name, name))
		}
	}
	return out
}

// newVersion ends a decision by a newer version: nothing, if it says of the message
// what the older one said.
func (d *desk) newVersion() {
	if d.was == nil {
		return
	}
	if d.inst != nil && len(d.out.Letters) == 0 {
		was, is := d.was.Counter, d.inst.Counter
		if was != nil && was.Next.Due == is.Next.Due && len(was.Open) == len(is.Open) {
			d.inst = d.was
			return
		}
	}
	d.out.Outcome = Taken
}

// letThrough lets those through that have waited longest, as far as the limit
// allows, and arms the timer for the next one.
func (d *desk) letThrough(message string, limit *Limit, woken bool) {
	if limit == nil {
		limit = &Limit{}
		d.edit().Counter.Open = nil
	}
	counter := d.edit().Counter
	now := int64(d.at) * 1000
	spacing := limit.spacing()
	if woken {
		now -= int64(gateCarry / time.Microsecond)
	}
	counter.Next = Timer{}
	for n := 0; len(counter.Asking) > 0; n++ {
		if limit.Open > 0 && len(counter.Open) >= limit.Open {
			return
		}
		if due := instantAfter(counter.Free); spacing > 0 && due > d.at || n == grantsAtOnce {
			counter.Next = d.arm(max(due, d.at))
			return
		}
		a, ok := d.takeAsker()
		if !ok {
			break
		}
		tracked := a.awaited && limit.Open > 0
		if tracked {
			counter.Open = append(slices.Clone(counter.Open), a.Leave)
		}
		counter.Free = max(counter.Free, now) + spacing
		d.note("grant", "", a.key)
		d.write(Letter{Kind: LetterGrant, To: Address{Workflow: d.to.Workflow, Key: a.key}, Command: a.Command, Ask: a.Ask, Message: message, Awaited: tracked})
	}
	if limit.Rate == 0 && len(counter.Open) == 0 {
		d.inst = nil // it has nothing to remember
	}
}

// spacing is the time between two sendings in microseconds, rounded up so that
// there are never more; 0: no bound.
func (l *Limit) spacing() int64 {
	if l.Rate <= 0 {
		return 0
	}
	per, rate := int64(l.Per/time.Microsecond), int64(l.Rate)
	return (per + rate - 1) / rate
}

// instantAfter is microseconds since the epoch in milliseconds, never early.
func instantAfter(micros int64) Instant { return Instant((micros + 999) / 1000) }

// asker is a call that waits at a gate.
type asker struct {
	Leave
	key     string
	awaited bool
}

func (d *desk) queueUp(l *Letter) {
	inst := d.edit()
	entry := []any{l.From.Key, l.Command, l.Ask, l.Awaited}
	counter := inst.Counter
	if n := len(counter.Asking); n > 0 {
		last := counter.Asking[n-1]
		if items, _ := inst.part(last).([]any); len(items) < gatePart {
			d.putPart(last, append(slices.Clone(items), entry))
			return
		}
	}
	inst.PartsMade++
	counter.Asking = append(slices.Clone(counter.Asking), inst.PartsMade)
	d.putPart(inst.PartsMade, []any{entry})
}

// putPart gives a part of those that wait a value; without items the part goes.
func (d *desk) putPart(id int64, items []any) {
	inst := d.edit()
	at, ok := inst.findPart(id)
	parts := slices.Clone(inst.Parts)
	switch {
	case len(items) == 0:
		inst.Counter.Asking = slices.DeleteFunc(slices.Clone(inst.Counter.Asking), func(other int64) bool { return other == id })
		if ok {
			parts = slices.Delete(parts, at, at+1)
		}
	case ok:
		parts[at] = &Part{ID: id, Value: items}
	default:
		parts = slices.Insert(parts, at, &Part{ID: id, Value: items})
	}
	inst.Parts = parts
}

// takeAsker takes the one that has waited longest; false if none waits. What is
// none, in a record that no decision has made, is passed over.
func (d *desk) takeAsker() (asker, bool) {
	for len(d.inst.Counter.Asking) > 0 {
		first := d.inst.Counter.Asking[0]
		items, _ := d.inst.part(first).([]any)
		if len(items) == 0 {
			d.putPart(first, nil)
			continue
		}
		d.putPart(first, items[1:])
		if a, ok := askerOf(items[0]); ok {
			return a, true
		}
	}
	return asker{}, false
}

func askerOf(item any) (a asker, ok bool) {
	fields, _ := item.([]any)
	if len(fields) != 4 {
		return a, false
	}
	var isKey, isCommand, isAsk, isAwaited bool
	a.key, isKey = fields[0].(string)
	a.Command, isCommand = fields[1].(string)
	a.Ask, isAsk = fields[2].(int64)
	a.awaited, isAwaited = fields[3].(bool)
	return a, isKey && isCommand && isAsk && isAwaited
}

// released: a call is over, or asks no more.
func (d *desk) released(leave Leave) {
	if d.inst == nil {
		d.out.Outcome = Late
		return
	}
	if at := slices.Index(d.inst.Counter.Open, leave); at >= 0 {
		counter := d.edit().Counter
		counter.Open = slices.Delete(slices.Clone(counter.Open), at, at+1)
		return
	}
	for _, id := range d.inst.Counter.Asking {
		items, _ := d.inst.part(id).([]any)
		if at := slices.IndexFunc(items, func(item any) bool { a, ok := askerOf(item); return ok && a.Leave == leave }); at >= 0 {
			d.putPart(id, slices.Delete(slices.Clone(items), at, at+1))
			return
		}
	}
	d.out.Outcome = Late
}

// limited is a word that sends a command which may have a limit.
type limited interface {
	// granted is told that call may be sent now.
	granted(p *pass, b *Branch, n *node, call *Call)
}

// ask lets a call wait for its gate, if its message has a limit. It is false if it
// may be sent at once.
func (p *pass) ask(b *Branch, n *node, c command, call *Call, awaited bool) bool {
	if c.message.Limit == nil {
		return false
	}
	asking := *call
	asking.Asking, asking.Ask, asking.Over, asking.Gate = true, p.number(), false, c.message.Name
	f := b.top()
	f.Call, f.Timeout, f.Wake = &asking, Timer{}, Timer{}
	p.countSent(call)
	p.note("ask", n.place, c.message.Name)
	p.write(Letter{Kind: LetterAsk, To: gateAddress(p.plan.definition.Name, c.message.Name), Command: call.Command, Ask: asking.Ask, Message: c.message.Name, Awaited: awaited})
	return true
}

// isGranted is where a gate lets a call be sent: false if nobody wants it now.
func (p *pass) isGranted(l *Letter) bool {
	b := p.openCall(l.Command)
	if b == nil || !b.top().Call.Asking || b.top().Call.Ask != l.Ask {
		return false
	}
	n := p.nodeOf(b.top())
	w, ok := n.word.(limited)
	if !ok {
		return false
	}
	p.timePasses() // leave at once is no way out of a loop
	p.out.Outcome, p.out.Taker = Taken, n.place
	b = p.change(b)
	call := *b.top().Call
	call.Asking = false
	if !l.Awaited {
		call.Gate = ""
	}
	if call.Attempt == call.Base+1 {
		call.First = p.at
	}
	b.top().Call = &call
	w.granted(p, b, n, &call)
	p.toRest()
	return true
}

// release tells a gate that an attempt is over, or asked for no more.
func (p *pass) release(c *Call) {
	if c.Gate != "" {
		p.write(Letter{Kind: LetterRelease, To: gateAddress(p.plan.definition.Name, c.Gate), Command: c.Command, Ask: c.Ask, Message: c.Gate})
	}
}
