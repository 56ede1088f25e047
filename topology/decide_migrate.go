package topology

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rondo/topology/value"
)

// An instance moves to a newer version by that version's plan: `migrate` says which
// steps have other names. What waits goes on waiting, with its timers, attempts and
// ids, where the step is of the same kind; another kind is entered afresh. What was
// done is undone by the newer version's compensation.

func (c *compiler) migration() {
	m := c.def.Migrate
	if m == nil {
		return
	}
	c.plan.migrated = c.assignments(m.Set, context{})
	for _, s := range m.Steps {
		if n := c.plan.nodes[s.New]; n == nil || n.role != roleStep {
			c.structural(s.NewPos, len(s.New), codeUnknownStep, "", "there is no step %q", s.New)
		}
	}
}

// actMigrate moves the instance to the version of this plan. Steps that are entered
// afresh are so in the next decision, by the newer version alone.
func (p *pass) actMigrate(older *Plan) {
	if older == nil || older.definition.Version != p.inst.Version {
		p.refuse("has version %d, which is not deployed", p.inst.Version)
		return
	}
	verdict := p.plan.CanMigrate(older, p.inst, p.inst.Done())
	if len(verdict.Refused) > 0 {
		p.refuse("%s", strings.Join(verdict.Refused, "; "))
		return
	}
	if unfit := p.unfitFor(older); unfit != nil {
		p.refuse("cannot be acted on but by terminate: %s", unfit.Text)
		return
	}
	vars, why := p.migratedVars()
	if why != "" {
		p.refuse("is not moved: %s", why)
		return
	}
	from := p.inst.Version
	p.leaveFor(verdict, older)
	inst := p.edit()
	inst.Version, inst.Vars = p.plan.definition.Version, vars
	for _, b := range slices.Clone(inst.Branches) {
		p.moveTo(p.change(b))
	}
	p.moveRest(inst)
	p.note("migrate", "", fmt.Sprintf("from version %d to %d", from, inst.Version))
	p.dropUnheard()
}

// unfitFor is unfit by the version that the instance has.
func (p *pass) unfitFor(older *Plan) *Fault {
	newer := p.plan
	p.plan = older
	unfit := p.unfit()
	p.plan = newer
	return unfit
}

// leaveFor leaves the steps that are entered afresh, which the older version knows.
func (p *pass) leaveFor(verdict Migrating, older *Plan) {
	newer := p.plan
	p.plan = older
	for _, b := range slices.Clone(p.edit().Branches) {
		top := b.top()
		if top == nil {
			continue
		}
		at := slices.IndexFunc(verdict.Afresh, func(s StepMapping) bool { return s.Old == top.Place })
		if at < 0 {
			continue
		}
		b = p.change(b)
		p.leave(b)
		b.Next = verdict.Afresh[at].Old
		p.edit().Owed = true
	}
	p.plan = newer
}

// moveTo gives a branch its places in the newer version.
func (p *pass) moveTo(b *Branch) {
	to := p.plan.placeOf
	for i := range b.Frames {
		f := &b.Frames[i]
		f.Place = to(f.Place)
		if f.Entry != nil {
			entry := *f.Entry
			entry.Place = to(entry.Place)
			f.Entry = &entry
		}
	}
	b.Place, b.Next = to(b.Place), to(b.Next)
}

// moveRest gives the rest of the instance its places in the newer version.
func (p *pass) moveRest(inst *Instance) {
	to := p.plan.placeOf
	p.changeEntries(func(e *Entry) *Entry {
		entry := *e
		entry.Place = to(e.Place)
		entry.Line = slices.Clone(e.Line)
		for j := range entry.Line {
			entry.Line[j].Place = to(entry.Line[j].Place)
		}
		if entry.Place == e.Place && slices.Equal(entry.Line, e.Line) {
			return e
		}
		return &entry
	})
	if inst.Incident != nil {
		incident := *inst.Incident
		incident.Place = to(incident.Place)
		inst.Incident = &incident
	}
}

// migratedVars are the variables after the `set` of the migration, or says why
// they cannot be computed.
func (p *pass) migratedVars() (*value.Map, string) {
	vars := p.inst.Vars
	for _, a := range p.plan.migrated {
		v, fault := p.fill(nil, migrateNode, a.value)
		if fault == nil {
			fault = p.correlates(a.name, v)
		}
		if size, limit := value.Size(v), p.plan.options.Limits.Variable; fault == nil && size > limit {
			fault = &Fault{Text: fmt.Sprintf("the variable %s would take %d bytes; the limit is %d", a.name, size, limit)}
		}
		if fault != nil {
			return nil, fault.Text
		}
		vars = vars.With(a.name, v)
	}
	return vars, ""
}

// migrateNode names the place of the migration's `set` in faults.
var migrateNode = &node{place: "migrate"}

// dropUnheard drops events that no step of the newer version listens for.
func (p *pass) dropUnheard() {
	inst := p.edit()
	var held []*Kept
	for _, k := range inst.Held {
		if p.canBeHeard(k.Event.Message) {
			held = append(held, k)
			continue
		}
		p.note("late", "", k.Event.Message)
	}
	inst.Held = held
}

// actJump moves the main line to a step of the top list.
func (p *pass) actJump(a *Act) {
	to := p.plan.top.names[a.Step]
	switch {
	case to == nil:
		p.refuse("has no step %q in its top list to jump to", a.Step)
		return
	case len(p.inst.Branches) == 0:
		p.refuse("has not begun: mend the cause and retry")
		return
	case p.failsToUndo(func(i *Instance, b *Branch) bool { return !i.isOfMainLine(b) }):
		p.refuse(undoFirst)
		return
	}
	p.giveUpCause()
	paused := p.inst.Status == StatusPaused
	if !paused {
		p.awaken()
	}
	caught := p.isCatching()
	main := p.mainLine()
	p.unwind(main, nil)
	main.Next = to.place
	p.edit().Steps = 0
	if caught {
		p.raisePassedDeadline(main)
	}
	if paused {
		p.edit().Owed = true
		return
	}
	p.toRest()
}

// actShift resumes, after moving all timers that are not for a point in time by the
// length of the stop.
func (p *pass) actShift() {
	if p.inst.Status != StatusPaused {
		p.refuse("is not paused (%s)", p.inst.Status)
		return
	}
	stop := p.at - p.inst.Stopped
	inst := p.edit()
	inst.Deadline = inst.Deadline.shifted(stop)
	for _, b := range slices.Clone(inst.Branches) {
		b = p.change(b)
		for i := range b.Frames {
			f := &b.Frames[i]
			f.Timeout, f.Wake = f.Timeout.shifted(stop), f.Wake.shifted(stop)
			if f.Call != nil && !f.Call.Over {
				call := *f.Call
				call.First += stop
				f.Call = &call
			}
		}
	}
	p.note("shift", "", FormatDuration(time.Duration(stop)*time.Millisecond))
	p.awaken()
}

func (t Timer) shifted(by Instant) Timer {
	if t.Armed() && !t.Fixed {
		t.Due += by
	}
	return t
}
