package topology

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Migrating is what becomes of an instance that comes to another version.
type Migrating struct {
	// Refused says why it cannot, a line for each reason; empty: it can.
	Refused []string
	// Afresh are the places at which it waits that are mapped to another kind of
	// wait, and so entered anew: their timers and attempts begin again.
	Afresh []StepMapping
	// Otherwise are the steps that it has done which this version undoes in another
	// way than the one that did them, and says so.
	Otherwise []StepMapping
	// Stays are the other places at which it waits, with their names in either
	// version: there it goes on waiting.
	Stays []StepMapping
}

// CanMigrate says whether an instance can come from the version that it has,
// whose plan is from, to this one: each place where it stands must be here as
// well, under its name or mapped, and be of the same kind. Only a step at which
// it waits may be mapped to one of another kind. done are the steps that it could
// undo, as Instance.Done has them; of i itself no more is looked at than it has
// without its parts.
func (p *Plan) CanMigrate(from *Plan, i *Instance, done []string) Migrating {
	var m Migrating
	switch migrate := p.definition.Migrate; {
	case i.Desk != "":
		m.refuse("is no instance, but a desk")
	case i.Workflow != p.definition.Name:
		m.refuse("is one of workflow %s", i.Workflow)
	case i.Ended():
		m.refuse("has ended (%s)", i.Status)
	case i.Version == p.definition.Version:
		m.refuse("has version %d already", i.Version)
	case migrate == nil:
		m.refuse("version %d says nothing of `migrate`: nobody can come to it", p.definition.Version)
	case migrate.From != i.Version:
		m.refuse("has version %d, and version %d takes instances of version %d only", i.Version, p.definition.Version, migrate.From)
	default:
		for _, b := range i.Branches {
			m.judge(from, p, b)
		}
		m.judgeRest(p, i)
		for _, place := range done {
			m.judgeDone(from, p, place)
		}
		m.stay(p, i)
	}
	return m
}

// stay notes where an instance goes on waiting, unless it cannot come.
func (m *Migrating) stay(to *Plan, i *Instance) {
	if len(m.Refused) > 0 {
		return
	}
	for _, place := range i.Places() {
		same := StepMapping{Old: place, New: to.placeOf(place)}
		if !slices.Contains(m.Afresh, same) && !slices.Contains(m.Stays, same) {
			m.Stays = append(m.Stays, same)
		}
	}
}

func (m *Migrating) refuse(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(m.Refused, text) {
		m.Refused = append(m.Refused, text)
	}
}

// judge compares every place of a branch, the outermost first.
func (m *Migrating) judge(from, to *Plan, b *Branch) {
	for depth, f := range b.Frames {
		place := to.placeOf(f.Place)
		old, here := from.nodes[f.Place], to.nodes[place]
		leaf := depth == len(b.Frames)-1
		switch {
		case old == nil:
			m.refuse("stands at %s, which its version %d does not have", f.Place, from.definition.Version)
		case here == nil:
			m.refuse("stands at %s, and version %d has no step %s: map it in migrate.steps", f.Place, to.definition.Version, place)
		case to.placeOf(old.carrier()) != here.carrier():
			m.refuse("stands at %s, which version %d has %s: only steps that stay where they are can be moved to", f.Place, to.definition.Version, here.whereabouts())
		case old.role == here.role && old.actionKind() == here.actionKind():
		case leaf && place != f.Place && here.role == roleStep:
			if change := (StepMapping{Old: f.Place, New: place}); !slices.Contains(m.Afresh, change) {
				m.Afresh = append(m.Afresh, change)
			}
		default:
			m.refuse("stands at %s, %s, and in version %d %s is %s: map it to another step in migrate.steps",
				f.Place, old.actionKind(), to.definition.Version, place, here.actionKind())
		}
	}
}

// judgeRest looks at what is to be entered.
func (m *Migrating) judgeRest(to *Plan, i *Instance) {
	for _, b := range i.Branches {
		if b.Next != "" && to.nodes[to.placeOf(b.Next)] == nil {
			m.refuse("is to enter %s, and version %d has no such step: map it in migrate.steps", b.Next, to.definition.Version)
		}
	}
	if i.Status == StatusIncident && len(m.Afresh) > 0 {
		m.refuse("is an incident, and %s would be entered anew: see to the incident first", m.Afresh[0].Old)
	}
}

// judgeDone looks at a step that is to be undone if it comes to that: by this
// version's compensation, for a plan decides alone. One that differs from that of the
// version that did the step must be meant: the step is named in `migrate.steps`.
func (m *Migrating) judgeDone(from, to *Plan, old string) {
	place := to.placeOf(old)
	switch was, is := from.nodes[old], to.nodes[place]; {
	case is == nil || is.undo == nil:
		m.refuse("has done %s, which version %d cannot undo: give it a compensation there", old, to.definition.Version)
	case was != nil && undoneAlike(from, to, was, is):
	case to.mapped(old):
		m.Otherwise = append(m.Otherwise, StepMapping{Old: old, New: place})
	default:
		m.refuse("has done %s, which version %d undoes in another way: if that is meant, name it in migrate.steps (%s: %s)", old, to.definition.Version, old, place)
	}
}

// undoneAlike reports whether two versions undo a step in the same way: the same
// words, and the messages that they send mean the same.
func undoneAlike(from, to *Plan, was, is *node) bool {
	if was.undo == nil || !sameMeaning(reflect.ValueOf(was.undo.step), reflect.ValueOf(is.undo.step)) {
		return false
	}
	alike := true
	o := &outline{sites: map[*Step]site{}, named: map[string]*Step{}, blocks: map[*Step][]*listing{}}
	o.step(is.undo.step, site{listing: &listing{}}, nil)
	for _, s := range o.steps {
		if send, isSend := s.Action.(*Send); isSend {
			alike = alike && sameMessage(from.messages[send.Message], to.messages[send.Message])
		}
	}
	return alike
}

// sameMessage reports whether a command goes to the same place in the same form.
func sameMessage(a, b *message) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Topic == b.Topic && a.wireType() == b.wireType() && a.Format == b.Format && a.Schema == b.Schema &&
		sameMeaning(reflect.ValueOf(a.Key), reflect.ValueOf(b.Key))
}

// mapped reports whether `migrate.steps` names a step of the older version.
func (p *Plan) mapped(old string) bool {
	return slices.ContainsFunc(p.definition.Migrate.Steps, func(s StepMapping) bool { return s.Old == old })
}

// placeOf is what a place of the older version is called here.
func (p *Plan) placeOf(old string) string {
	step, rest, more := strings.Cut(old, ".")
	for _, s := range p.definition.Migrate.Steps {
		if s.Old == step {
			step = s.New
		}
	}
	if more {
		return step + "." + rest
	}
	return step
}

// carrier is the place of the step or reaction that a node stands in; "" for what
// stands in the workflow itself.
func (n *node) carrier() string {
	switch {
	case n.list != nil && n.list.owner != nil:
		return n.list.owner.place
	case n.owner != nil:
		return n.owner.place
	}
	return ""
}

func (n *node) whereabouts() string {
	if place := n.carrier(); place != "" {
		return "within " + place
	}
	return "in the workflow's own `do`"
}

// actionKind names what a step or reaction does, as far as it matters to one
// that waits there.
func (n *node) actionKind() string {
	if n.step == nil {
		return "compensating"
	}
	switch a := n.step.Action.(type) {
	case *Send:
		if len(a.Await) > 0 {
			return "a call"
		}
		return "a command"
	case *Listen:
		return "a `listen`"
	case *Wait:
		return "a `wait`"
	case *Switch:
		return "a `switch`"
	case *Block:
		return "a block"
	case *Fork:
		return "a `fork`"
	case *For:
		return "a `for`"
	case *Run:
		return "a child"
	case *Undo:
		return "a `compensate`"
	case *Raise, *End:
		return "an end"
	}
	return "a step without a wait"
}
