package topology

import (
	"cmp"
	"fmt"
	"slices"

	"rondo/topology/diag"
)

// Comparison is what would change for instances of one version that are migrated
// to another.
type Comparison struct {
	Workflow string       `json:"workflow"`
	From     int          `json:"from"`
	To       int          `json:"to"`
	Migrates bool         `json:"migrates"` // the newer version's `migrate` names the older one
	Steps    []StepChange `json:"steps"`    // where an instance of the older version can wait, in its order

	// Everywhere is what changes wherever an instance stands: by `anytime`, the
	// workflow's `catch`, messages, the deadline, variables.
	Everywhere []Change `json:"everywhere,omitempty"`
}

// StepChange is what happens to an instance that waits at a place.
type StepChange struct {
	Place string   `json:"place"`
	Does  string   `json:"does"`         // as Standing.Does
	Pos   diag.Pos `json:"pos"`          // in the older version
	To    string   `json:"to,omitempty"` // its place in the newer one; "" if it cannot go there
	Fate  StepFate `json:"fate"`
	// Refused says why it cannot be migrated, of FateRefused.
	Refused []string `json:"refused,omitempty"`
	// RefusedIf says what it may have done for which it cannot be migrated either:
	// the newer version cannot undo it, or undoes it in another way and does not say so.
	RefusedIf []string `json:"refusedIf,omitempty"`

	Here      []Change `json:"here,omitempty"`      // at the step itself and its reactions
	Ahead     []Change `json:"ahead,omitempty"`     // at steps to which it can come from there
	Undo      []Change `json:"undo,omitempty"`      // in how that is undone which it may have done
	Variables []Change `json:"variables,omitempty"` // null where they are read, for only the newer version sets them
}

// StepFate is what becomes of an instance that waits at a step.
type StepFate string

const (
	FateKept    StepFate = "kept"    // it goes on waiting; timers, attempts and ids stay
	FateMapped  StepFate = "mapped"  // the same, at a step with another name
	FateAfresh  StepFate = "afresh"  // its step is mapped to one that waits in another way: that is entered afresh
	FateRefused StepFate = "refused" // it cannot be migrated
)

// Change is one thing that differs between two versions.
type Change struct {
	// Step is the place in the newer version, or in the older if it is gone; ""
	// for what belongs to the workflow.
	Step string     `json:"step,omitempty"`
	What ChangeKind `json:"what"`
	Text string     `json:"text"` // for people
}

// ChangeKind says what a Change is about.
type ChangeKind string

const (
	ChangeStep      ChangeKind = "step"      // it is new, or gone
	ChangeAction    ChangeKind = "action"    // what it does: another command, event, time, …
	ChangeData      ChangeKind = "data"      // what it sends or carries
	ChangeCondition ChangeKind = "condition" // `if`, `when`, `until`, `while`
	ChangeMessage   ChangeKind = "message"   // what becomes of a message
	ChangeTimeout   ChangeKind = "timeout"   // also `idle` and the deadline
	ChangeRetry     ChangeKind = "retry"
	ChangeNext      ChangeKind = "next" // where it goes on
	ChangeSet       ChangeKind = "set"
	ChangeUndo      ChangeKind = "undo"
	ChangeVariable  ChangeKind = "variable"
	ChangeResult    ChangeKind = "result" // `output`, `search`, `keep`
)

// Compare tells what would change for instances of the older version at each
// place where they can wait. Where the newer version has no `migrate` for them, it
// tells what would be with one that maps nothing.
func Compare(older, newer *Plan) Comparison {
	target := newer.taking(older.definition.Version)
	c := newComparing(older, target)
	out := Comparison{
		Workflow: newer.definition.Name, From: older.definition.Version, To: newer.definition.Version,
		Migrates: target == newer, Steps: []StepChange{},
	}
	after := map[string]Standing{}
	for _, s := range target.Standings() {
		after[s.Place] = s
	}
	for _, s := range older.Standings() {
		out.Steps = append(out.Steps, c.at(s, after))
	}
	out.Everywhere = c.everywhere()
	return out
}

// taking is the plan itself if its `migrate` takes instances of a version, else
// the plan with a `migrate` that does and says nothing more.
func (p *Plan) taking(version int) *Plan {
	if m := p.definition.Migrate; m != nil && m.From == version {
		return p
	}
	def, out := *p.definition, *p
	def.Migrate = &Migration{From: version}
	out.definition = &def
	return &out
}

// comparing is one comparison.
type comparing struct {
	older, newer *Plan
	then, now    *course
	was          map[*node]*node // newer → older
	fresh        []string        // variables that only the newer version sets
	reads        map[*node]readSet
	changed      map[*node][]Change       // by node of the newer version
	after        map[*node]map[*node]bool // where an instance can be that may have done a step of the older
}

func newComparing(older, newer *Plan) *comparing {
	c := &comparing{
		older: older, newer: newer, then: courseOf(older), now: courseOf(newer),
		was: map[*node]*node{}, fresh: freshVariables(older, newer), reads: readsOf(newer),
		changed: map[*node][]Change{}, after: map[*node]map[*node]bool{},
	}
	for _, n := range c.then.nodes {
		if n.undo != nil {
			c.after[n] = c.then.ahead(n, nil)
		}
		if here := newer.nodes[newer.placeOf(n.place)]; here != nil && (c.was[here] == nil || here.place == n.place) {
			c.was[here] = n
		}
	}
	for _, n := range c.now.nodes {
		c.changed[n] = c.difference(n)
	}
	return c
}

// at says what becomes of an instance that waits at a place.
func (c *comparing) at(s Standing, after map[string]Standing) StepChange {
	n := c.older.nodes[s.Place]
	out := StepChange{Place: s.Place, Does: s.Does, Pos: s.Pos}
	var verdict Migrating
	for _, b := range n.branches() {
		verdict.judge(c.older, c.newer, b)
	}
	if out.Refused = verdict.Refused; len(out.Refused) > 0 {
		out.Fate = FateRefused
		return out
	}
	target := c.counterpart(n)
	out.To, out.Fate = target.place, FateKept
	switch {
	case len(verdict.Afresh) > 0:
		out.Fate = FateAfresh
	case target.place != s.Place:
		out.Fate = FateMapped
	}
	if out.Fate != FateAfresh {
		out.Here = c.here(s, after[target.place], n, target)
	}
	out.Ahead = c.ahead(n, target)
	out.Undo, out.RefusedIf = c.undone(n)
	out.Variables = c.nulls(target, out.Fate == FateAfresh)
	return out
}

// branches are those of an instance that waits at n, as far as they lead there.
func (n *node) branches() []*Branch {
	var line []*node
	for at := n; at != nil; at = at.around() {
		line = append(line, at)
	}
	slices.Reverse(line)
	out := []*Branch{{}}
	for _, at := range line {
		b := out[len(out)-1]
		b.Frames = append(b.Frames, Frame{Place: at.place})
		if _, branches := at.word.(branching); branches && at != n {
			out = append(out, &Branch{})
		}
	}
	return out
}

// here are the changes at the step where an instance waits, and at what reacts
// there.
func (c *comparing) here(was, now Standing, before, after *node) []Change {
	out := c.differences(before, after)
	for i := range out {
		if out[i].What == ChangeAction && before.actionKind() == after.actionKind() && len(after.word.takes()) > 0 && was.Does != now.Does {
			out[i].Text += " (a command that is under way stays)"
		}
	}
	out = append(out, messageChanges(after.place, was, now)...)
	for _, n := range c.now.nodes {
		if n != after && n.reactsAt(after) {
			out = append(out, c.changed[n]...)
		}
	}
	return append(out, c.gone(c.then.nodes, func(n *node) bool { return n != before && n.reactsAt(before) })...)
}

// ahead are the changes at steps to which an instance can come.
func (c *comparing) ahead(before, after *node) []Change {
	reached := c.now.ahead(after, nil)
	var out []Change
	for _, n := range c.now.nodes {
		if reached[n] && n != after && !n.reactsAt(after) && n.isOnLine() {
			out = append(out, c.changed[n]...)
		}
	}
	formerly := c.then.ahead(before, nil)
	return append(out, c.gone(c.then.nodes, func(n *node) bool {
		return formerly[n] && n != before && !n.reactsAt(before) && n.isOnLine()
	})...)
}

// gone are the nodes of the older version that the newer one does not have.
func (c *comparing) gone(nodes []*node, keep func(*node) bool) []Change {
	var out []Change
	for _, n := range nodes {
		if keep(n) && c.counterpart(n) == nil && c.toldOf(n.around()) {
			out = append(out, Change{n.place, ChangeStep, withDoes("is gone", n.step)})
		}
	}
	return out
}

// counterpart is what a node of the older version is in the newer one, or nil.
func (c *comparing) counterpart(n *node) *node { return c.newer.nodes[c.newer.placeOf(n.place)] }

// toldOf reports whether what is nested in a step of the older version is worth
// telling of: the step is still there, and does the same kind of thing.
func (c *comparing) toldOf(carrier *node) bool {
	if carrier == nil {
		return true
	}
	now := c.counterpart(carrier)
	return now != nil && now.actionKind() == carrier.actionKind()
}

// undone are the changes in how steps are undone that an instance may have done
// which waits at a place, and why it cannot come if it has done others.
func (c *comparing) undone(at *node) (changes []Change, refused []string) {
	for _, n := range c.then.nodes {
		if !c.after[n][at] {
			continue
		}
		var m Migrating
		m.judgeDone(c.older, c.newer, n.place)
		refused = append(refused, m.Refused...)
		if len(m.Otherwise) > 0 {
			changes = append(changes, c.undoDifferences(n, c.counterpart(n))...)
		}
	}
	return changes, refused
}

// everywhere are the changes that do not depend on where an instance stands.
func (c *comparing) everywhere() []Change {
	var out []Change
	for _, n := range c.now.nodes {
		if n.isReaction() {
			out = append(out, c.changed[n]...)
		}
	}
	out = append(out, c.gone(c.then.nodes, (*node).isReaction)...)
	was, now := c.older.definition, c.newer.definition
	for _, m := range now.Messages {
		if before := c.older.messages[m.Name]; before != nil {
			out = append(out, attributeChanges(before.Message, m)...)
		}
	}
	out = append(out, differ("", ChangeTimeout, "the deadline", cmp.Or(whenText(was.Deadline), "none"), cmp.Or(whenText(now.Deadline), "none")+armedStays(was, now))...)
	for _, part := range []struct {
		what     string
		was, now any
	}{{"`output`", was.Output, now.Output}, {"`search`", was.Search, now.Search}} {
		if !same(part.was, part.now) {
			out = append(out, Change{"", ChangeResult, part.what + " differs"})
		}
	}
	out = append(out, differ("", ChangeResult, "`keep`", FormatDuration(c.older.keep), FormatDuration(c.newer.keep))...)
	return append(out, c.variablesEverywhere()...)
}

// armedStays says that the deadline of an instance does not move with it.
func armedStays(was, now *Definition) string {
	if was.Deadline == nil || same(was.Deadline, now.Deadline) {
		return ""
	}
	return " (one that is armed stays)"
}

// same compares two pieces of definitions without their places.
func same(a, b any) bool { return sameMeaning(valueOf(a), valueOf(b)) }

func differ(step string, what ChangeKind, label, was, now string) []Change {
	switch {
	case was == now:
		return nil
	case was == "":
		return []Change{{step, what, fmt.Sprintf("%s is new: %s", label, now)}}
	case now == "":
		return []Change{{step, what, fmt.Sprintf("%s is gone: %s", label, was)}}
	}
	return []Change{{step, what, fmt.Sprintf("%s %s → %s", label, was, now)}}
}
