package topology

import (
	"errors"
	"fmt"
	"time"

	"rondo/topology/expr"
	"rondo/topology/value"
)

// environment gives an expression of an instance its names. There is one for a
// pass, set anew for each evaluation.
type environment struct {
	p *pass
	b *Branch // nil: the workflow's scope alone

	event   *Event   // instead of that of the innermost reaction
	failure *Failure // instead of that of the innermost reaction
	call    *Call    // that is about to be sent
	sending bool     // `event` is payload, a command's that is about to be sent
	payload value.Value
}

// Lookup makes environment an expr.Bindings.
func (e *environment) Lookup(name string) (value.Value, bool) {
	switch name {
	case nameKey:
		return e.p.key, true
	case nameNow:
		return e.p.at.Time(), true
	case nameEvent:
		if e.sending {
			return e.payload, true
		}
		if event := e.taken(); event != nil {
			return event.Payload, true
		}
		return nil, true
	case nameHeaders:
		if event := e.taken(); event != nil {
			return event.Headers, true
		}
		return nil, true
	case nameRecord:
		if event := e.taken(); event != nil && event.Record.Topic != "" {
			return event.Record.value(), true
		}
		return nil, true
	case nameInstance:
		return e.instance(), true
	case nameCommand:
		return e.command(), true
	case nameError:
		return e.handled().value(), true
	case nameUndoes:
		return e.undoes(), true
	case nameIndex:
		return e.index(), true
	}
	return e.variable(name), true
}

// variable returns a variable, null until it is set. Within a compensation it is
// as it was when there came to be something to undo.
func (e *environment) variable(name string) value.Value {
	for b := e.b; b != nil; b = e.p.inst.parent(b) {
		for i := len(b.Frames) - 1; i >= 0; i-- {
			if entry := b.Frames[i].Entry; entry != nil {
				if v, ok := entry.Vars.Lookup(name); ok {
					return v
				}
			}
		}
		if v, ok := b.Vars.Lookup(name); ok {
			return v
		}
	}
	v, _ := e.p.inst.Vars.Lookup(name)
	return v
}

// innermost returns the innermost frame of which has holds, in the branch or in
// those that it comes from.
func (e *environment) innermost(has func(*Frame) bool) *Frame {
	for b := e.b; b != nil; b = e.p.inst.parent(b) {
		for i := len(b.Frames) - 1; i >= 0; i-- {
			if f := &b.Frames[i]; has(f) {
				return f
			}
		}
	}
	return nil
}

// index is the place of the innermost iteration. A compensation is told that of
// the iteration which it undoes.
func (e *environment) index() value.Value {
	for b := e.b; b != nil; b = e.p.inst.parent(b) {
		for i := len(b.Frames) - 1; i >= 0; i-- {
			if entry := b.Frames[i].Entry; entry != nil {
				v, _ := entry.Vars.Lookup(nameIndex)
				return v
			}
		}
		if b.Kind == BranchIteration {
			return int64(b.Index)
		}
	}
	return nil
}

func (e *environment) taken() *Event {
	if e.event != nil {
		return e.event
	}
	if f := e.innermost(func(f *Frame) bool { return f.Event != nil }); f != nil {
		return f.Event
	}
	return nil
}

func (e *environment) handled() *Failure {
	if e.failure != nil {
		return e.failure
	}
	if f := e.innermost(func(f *Frame) bool { return f.Error != nil }); f != nil {
		return f.Error
	}
	return e.undoneFor()
}

// undoneFor is the error for which the line is undone in which the branch stands: that
// of the `compensate` that has begun it, for a line is not within that `catch` itself.
func (e *environment) undoneFor() *Failure {
	b := e.b
	for range e.p.inst.Branches { // as deep as there are branches, whatever a record says
		switch {
		case b == nil || b.isBeside():
			return nil
		case b.Kind == BranchUndo:
			b = e.p.inst.branch(b.Parent)
		default:
			b = e.p.inst.parent(b)
		}
		if b == nil {
			return nil
		}
		for i := len(b.Frames) - 1; i >= 0; i-- {
			if f := b.Frames[i].Error; f != nil {
				return f
			}
		}
	}
	return nil
}

func (e *environment) command() value.Value {
	call := e.calling()
	if call == nil {
		return nil
	}
	return value.MapOf(map[string]value.Value{"id": call.Command, "attempt": int64(call.Attempt)})
}

// calling is the innermost call.
func (e *environment) calling() *Call {
	if e.call != nil {
		return e.call
	}
	if f := e.innermost(func(f *Frame) bool { return f.Call != nil }); f != nil {
		return f.Call
	}
	return nil
}

func (e *environment) undoes() value.Value {
	f := e.innermost(func(f *Frame) bool { return f.Entry != nil })
	if f == nil {
		return nil
	}
	id := value.Value(nil)
	if f.Entry.Command != "" {
		id = f.Entry.Command
	}
	return value.MapOf(map[string]value.Value{"id": id, "step": f.Entry.Place, "done": f.Entry.Done})
}

func (e *environment) instance() value.Value {
	attempt, step := value.Value(nil), value.Value(nil)
	if call := e.calling(); call != nil {
		attempt = int64(call.Attempt)
	}
	if f := e.innermost(func(f *Frame) bool { return e.p.nodeOf(f).isStep() }); f != nil {
		step = f.Place
	}
	return value.MapOf(map[string]value.Value{"started": e.p.inst.Started.Time(), "attempt": attempt, "step": step})
}

// value is the record as expressions see it.
func (r RecordRef) value() value.Value {
	key := value.Value(nil)
	if r.Key != nil {
		key = string(r.Key)
	}
	return value.MapOf(map[string]value.Value{
		"topic":     r.Topic,
		"partition": int64(r.Partition),
		"offset":    r.Offset,
		"time":      r.Time.Time(),
		"key":       key,
	})
}

// value is the error as expressions see it.
func (f *Failure) value() value.Value {
	if f == nil {
		return nil
	}
	return value.MapOf(map[string]value.Value{
		"name":    f.Name,
		"message": f.Message,
		"step":    f.Step,
		"data":    f.Data,
		"at":      f.At.Time(),
		"cause":   f.Cause.value(),
	})
}

// compute evaluates a formula with the names of a branch.
func (p *pass) compute(b *Branch, f *formula) (value.Value, error) {
	p.env.b = b
	return f.program.Eval(&p.env)
}

// eval evaluates a formula of n. Like all that only computes it leaves it to the
// caller to raise the fault.
func (p *pass) eval(b *Branch, n *node, f *formula) (value.Value, *Fault) {
	v, err := p.compute(b, f)
	if err != nil {
		return nil, f.faultOf(n.place, err)
	}
	return v, nil
}

// faultOf says what went wrong with a formula.
func (f *formula) faultOf(place string, err error) *Fault {
	pos := f.source.Pos
	kind := "expression"
	var failed *expr.Error
	if errors.As(err, &failed) {
		kind = failed.Code
		pos = f.source.At(failed.Offset)
	}
	return &Fault{Kind: kind, Place: placeText(place, pos), Text: err.Error()}
}

// wrong is the fault of a formula that gave a value of the wrong kind.
func (f *formula) wrong(place, want string, got value.Value) *Fault {
	return &Fault{Kind: "expression", Place: placeText(place, f.source.Pos),
		Text: fmt.Sprintf("this gives %s, and must give %s", value.KindOf(got), want)}
}

// holds evaluates a condition of n; a missing one holds.
func (p *pass) holds(b *Branch, n *node, f *formula) (bool, *Fault) {
	if f == nil {
		return true, nil
	}
	v, err := p.compute(b, f)
	if err != nil {
		return false, f.faultOf(n.place, err)
	}
	holds, isBool := v.(bool)
	if !isBool {
		return false, f.wrong(n.place, "true or false", v)
	}
	return holds, nil
}

// choose returns the first alternative whose `when` holds over an event, or nil.
// A `when` that fails counts as false; if nobody takes the event in the end, it
// is a dead letter.
func (p *pass) choose(b *Branch, r *rule, e *Event) *node {
	p.env.event = e
	defer func() { p.env.event = nil }()
	for _, n := range r.alternatives {
		holds, fault := p.holds(b, n, n.when)
		if fault != nil {
			p.whenFailed(fault)
		}
		if holds {
			return n
		}
	}
	if len(r.alternatives) > 0 { // a child's start may have none
		p.turn(r.alternatives[0].place, turnWhenNot)
	}
	return nil
}

func (p *pass) whenFailed(f *Fault) {
	if p.bury == nil {
		p.bury = &DeadLetter{"when-failed", "the `when` at " + f.Place + " fails over this event: " + f.Text}
	}
}

// fill evaluates a template of n.
func (p *pass) fill(b *Branch, n *node, t *template) (value.Value, *Fault) {
	switch {
	case t.formula != nil:
		return p.eval(b, n, t.formula)
	case t.isMap:
		return p.fillMap(b, n, t.fields)
	case t.isList:
		out := make([]any, len(t.list))
		for i, item := range t.list {
			v, fault := p.fill(b, n, item)
			if fault != nil {
				return nil, fault
			}
			out[i] = v
		}
		return out, nil
	}
	return t.literal, nil
}

// fillMap evaluates the fields of a map, which are in the order of their names.
func (p *pass) fillMap(b *Branch, n *node, fields []field) (value.Value, *Fault) {
	var out value.MapBuilder
	out.Grow(len(fields))
	for _, f := range fields {
		v, fault := p.fill(b, n, f.value)
		if fault != nil {
			return nil, fault
		}
		out.Add(f.name, v)
	}
	m, _, _ := out.Map()
	return m, nil
}

// assign does the `set` of n. All right-hand sides see the state before it.
// False means that one failed, and that the pass has moved on.
func (p *pass) assign(b *Branch, n *node) bool {
	if len(n.set) == 0 {
		return true
	}
	var space [8]value.Value
	values := space[:0]
	for _, a := range n.set {
		v, fault := p.fill(b, n, a.value)
		if fault == nil {
			fault = p.tooLarge(a.name, v)
		}
		if fault == nil {
			fault = p.correlates(a.name, v)
		}
		if fault != nil {
			p.fault(b, n, fault)
			return false
		}
		values = append(values, v)
	}
	for i, a := range n.set {
		p.set(b, n, a, values[i])
	}
	return true
}

// tooLarge is the fault of a value that a variable cannot have; nil if it can.
func (p *pass) tooLarge(name string, v value.Value) *Fault {
	size, limit := value.Size(v), p.plan.options.Limits.Variable
	if size <= limit {
		return nil
	}
	return &Fault{Kind: "limit.size", Text: fmt.Sprintf("the variable %s would take %d bytes; the limit is %d", name, size, limit)}
}

// set sets a variable in the scope that it belongs to.
func (p *pass) set(b *Branch, n *node, a assignment, v value.Value) {
	p.changed = append(p.changed, a.name)
	if a.scope < 0 {
		inst := p.edit()
		inst.Vars = inst.Vars.With(a.name, v)
		p.note("set", n.place, a.name)
		return
	}
	for range a.scope {
		outer := p.inst.parent(b)
		if outer == nil {
			break
		}
		b = outer
	}
	b = p.change(b)
	if !p.setUndoing(b, a.name, v) {
		b.Vars = b.Vars.With(a.name, v)
	}
}

// setUndoing sets a variable of a scope that is gone, which a compensation still
// has. It is false if none is at work in b.
func (p *pass) setUndoing(b *Branch, name string, v value.Value) bool {
	for i := len(b.Frames) - 1; i >= 0; i-- {
		f := &b.Frames[i]
		if f.Entry == nil {
			continue
		}
		entry := *f.Entry
		entry.Vars = entry.Vars.With(name, v)
		f.Entry = &entry
		p.replaceEntry(&entry)
		return true
	}
	return false
}

// due evaluates a moment of n: a duration from since, or a time, which is fixed. One
// that is past is now.
func (p *pass) due(b *Branch, n *node, m *moment, since Instant) (t Timer, fault *Fault) {
	if m.by == nil {
		return Timer{Due: max(since.Add(m.fixed), p.at)}, nil
	}
	v, fault := p.eval(b, n, m.by)
	if fault != nil {
		return t, fault
	}
	switch v := v.(type) {
	case time.Duration:
		t.Due = since.Add(v)
	case time.Time:
		t.Due, t.Fixed = roundedUp(v), true
	default:
		return t, m.by.wrong(n.place, "a duration or a timestamp", v)
	}
	if t.Due > p.at.Add(p.plan.options.Limits.TimerAhead) {
		return t, &Fault{Kind: "limit.timer", Place: placeText(n.place, m.by.source.Pos),
			Text: "this is due on " + t.Due.Time().Format(time.RFC3339) + ", too far ahead"}
	}
	t.Due = max(t.Due, p.at)
	return t, nil
}

// roundedUp is t in milliseconds, never early.
func roundedUp(t time.Time) Instant {
	i := InstantOf(t)
	if t.Nanosecond()%int(time.Millisecond) != 0 {
		i++
	}
	return i
}

// armFor returns a timer for a moment of n, counted from now.
func (p *pass) armFor(b *Branch, n *node, m *moment) (Timer, *Fault) {
	return p.armSince(b, n, m, p.at)
}

// armSince returns a timer for a moment of n, counted from since.
func (p *pass) armSince(b *Branch, n *node, m *moment, since Instant) (Timer, *Fault) {
	t, fault := p.due(b, n, m, since)
	if fault != nil {
		return Timer{}, fault
	}
	return p.armed(t), nil
}
