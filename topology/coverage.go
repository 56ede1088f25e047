package topology

import (
	"cmp"
	"slices"
	"strings"

	"rondo/topology/diag"
)

// Spot is a piece of a definition that a decision can reach: what tests are
// measured by.
type Spot struct {
	Kind SpotKind
	Name string   // a place ("pay.PaymentCaptured"), or a place and a turn that is taken there ("pay: timeout")
	Pos  diag.Pos // where it stands in the file
}

// SpotKind is what a Spot is.
type SpotKind string

const (
	SpotStep    SpotKind = "step"    // a step of a list
	SpotBranch  SpotKind = "branch"  // an alternative of `switch` or `catch`, a compensation, an `if` that does not hold
	SpotOutcome SpotKind = "outcome" // a message that a step, `start` or `anytime` takes; a timeout, an `until`, the deadline
)

// Turns that are no places of their own.
const (
	turnIfNot   = ": if not"
	turnTimeout = ": timeout"
	turnUntil   = ": until"
)

// Spots are all that a decision of this plan can reach, in the order of the
// file.
func (p *Plan) Spots() []Spot {
	nodes := make([]*node, 0, len(p.nodes))
	for _, place := range p.Places() {
		nodes = append(nodes, p.nodes[place])
	}
	var out []Spot
	if p.deadline != nil {
		out = append(out, Spot{SpotOutcome, errorDeadline, p.definition.Deadline.Pos})
	}
	for _, n := range nodes {
		out = append(out, n.spots()...)
	}
	slices.SortStableFunc(out, func(a, b Spot) int {
		return cmp.Or(a.Pos.Compare(b.Pos), strings.Compare(a.Name, b.Name))
	})
	return out
}

// Places are the names of all steps and reactions, sorted.
func (p *Plan) Places() []string {
	out := make([]string, 0, len(p.nodes))
	for _, place := range sortedKeys(p.nodes) {
		switch p.nodes[place].role {
		case roleUncaught, roleLine:
		default:
			out = append(out, place)
		}
	}
	return out
}

// spots are the node itself, and the turns that can be taken at it.
func (n *node) spots() []Spot {
	out := []Spot{{n.spotKind(), n.place, n.step.Pos}}
	if n.cond != nil {
		out = append(out, Spot{SpotBranch, n.place + turnIfNot, n.step.If.Pos})
	}
	if l, isListen := n.word.(*listening); isListen && l.until != nil {
		out = append(out, Spot{SpotOutcome, n.place + turnUntil, l.until.source.Pos})
	}
	if at, ok := n.timesOut(); ok {
		out = append(out, Spot{SpotOutcome, n.place + turnTimeout, at})
	}
	return out
}

func (n *node) spotKind() SpotKind {
	switch n.role {
	case roleStep:
		return SpotStep
	case roleHandler, roleCatch, roleCompensation:
		return SpotBranch
	case roleOutcome:
		if _, isChoice := n.owner.word.(*choosing); isChoice {
			return SpotBranch
		}
	}
	return SpotOutcome
}

// timesOut reports whether a step raises `timeout`, and where that is written.
// A reaction's is raised in the name of the step around it.
func (n *node) timesOut() (diag.Pos, bool) {
	if !n.isStep() {
		return diag.Pos{}, false
	}
	if n.timeout != nil {
		return n.step.Timeout.Pos, true
	}
	switch w := n.word.(type) {
	case *calling:
		if w.message.timeout != nil {
			return n.step.Pos, true
		}
	case *listening:
		if w.idle != nil {
			return n.step.Pos, true
		}
	}
	return diag.Pos{}, false
}

// Reached are the names of the spots that the decision has reached, in order,
// some of them several times.
func (d Decision) Reached() []string {
	out := make([]string, 0, len(d.Trace))
	for _, t := range d.Trace {
		if name := t.spot(); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// spot is the name of the spot that t tells of; "" if it tells of none.
func (t Trace) spot() string {
	switch t.Kind {
	case "enter", "take", "start", "catch", "undo":
		return t.Step
	case "if":
		return t.Step + turnIfNot
	case "until":
		return t.Step + turnUntil
	case "raise", "wait":
		if name, _, _ := strings.Cut(t.Text, ","); name == errorTimeout {
			return t.Step + turnTimeout
		}
	case "fire":
		if t.Step == "" {
			return t.Text // the deadline
		}
	}
	return ""
}

// Variables are the variables of the workflow's scope, sorted.
func (p *Plan) Variables() []string { return slices.Clone(p.vars) }

// VariablesAt are the variables that branches see which begin at a place: a fork, a
// loop or a reaction of `anytime`. They are sorted; there are none for other places.
func (p *Plan) VariablesAt(place string) []string { return slices.Clone(p.locals[place]) }

// Comes are the names of the messages that instances start with, react to or
// wait for, in the order of the file.
func (p *Plan) Comes() []string { return p.messageNames(func(m *message) bool { return m.comes }) }

// Goes are the names of the messages that are sent, in the order of the file.
func (p *Plan) Goes() []string { return p.messageNames(func(m *message) bool { return m.goes }) }

func (p *Plan) messageNames(keep func(*message) bool) []string {
	var out []string
	for _, m := range p.definition.Messages {
		if keep(p.messages[m.Name]) {
			out = append(out, m.Name)
		}
	}
	return out
}

// Runs are the names of the workflows that are begun as children, sorted.
func (p *Plan) Runs() []string {
	var out []string
	for _, place := range sortedKeys(p.nodes) {
		if run, ok := p.nodes[place].step.Action.(*Run); ok {
			out = append(out, run.Workflow)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
