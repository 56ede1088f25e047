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
	SpotBranch  SpotKind = "branch"  // an alternative of `switch` or `catch`, a compensation; none of them, an `if` that does not hold
	SpotOutcome SpotKind = "outcome" // what becomes of a wait, a call, a loop, a message, the deadline
)

// Turns that are no places of their own: what can come of a place or a message, and
// is not written there as one.
const (
	turnIfNot   = ": if not"   // `if` does not hold
	turnWhenNot = ": when not" // every `when` has refused an event
	turnNone    = ": none"     // no alternative of a `switch` holds
	turnUntil   = ": until"
	turnTimeout = ": timeout" // the last attempt, the listen, the block
	turnIdle    = ": idle"
	turnRetry   = ": retry"     // another attempt follows
	turnFailed  = ": failed"    // the child has not completed
	turnEmpty   = ": empty"     // a loop without an iteration
	turnWhile   = ": while"     // a loop that `while` has ended
	turnJoin    = ": join"      // met before all had finished: the others are cancelled
	turnHeld    = ": held"      // an event that came early is taken
	turnEarly   = ": early"     // a message that is not held came early
	turnTwice   = ": duplicate" // by its `id`
	turnDone    = ": done"      // undone is what was done
	turnDoubt   = ": in doubt"  // undone is what may have been done
	turnNoRow   = ": no row"
	turnMissed  = ": missed" // a schedule's firings
)

// Turns of `again`.
const (
	turnRepeated  = ": repeated"
	turnQueued    = ": queued"
	turnRestarted = ": restarted"
)

// spotAgain is the Spot of the workflow's `again`, without its turn.
const spotAgain = "again"

// spotLookup is that of a table.
const spotLookup = "lookup "

// spotSchedule is that of a schedule.
const spotSchedule = "schedule"

// spotTurn is one that the Trace does not tell of.
type spotTurn struct{ place, turn string }

// turn notes for Decision.Reached what the Trace does not tell.
func (p *pass) turn(place, what string) { p.out.turns = append(p.out.turns, spotTurn{place, what}) }

// Spots are all that a decision of this plan can reach, in the order of the
// file. Faults are none: any step can have one, and no script need show each.
func (p *Plan) Spots() []Spot {
	out := p.spots()
	for _, place := range p.Places() {
		out = append(out, p.nodes[place].spots(p)...)
	}
	slices.SortStableFunc(out, func(a, b Spot) int {
		return cmp.Or(a.Pos.Compare(b.Pos), strings.Compare(a.Name, b.Name))
	})
	return out
}

// spots are those of the workflow itself: its deadline, `again`, schedule, messages
// and tables.
func (p *Plan) spots() []Spot {
	var out []Spot
	def := p.definition
	outcome := func(name string, at diag.Pos) { out = append(out, Spot{SpotOutcome, name, at}) }
	if p.deadline != nil {
		outcome(errorDeadline, def.Deadline.Pos)
	}
	if def.Schedule != nil {
		outcome(spotSchedule+turnMissed, def.Schedule.Reaction.Pos)
	}
	if turn, ok := p.againTurn(); ok {
		outcome(spotAgain+turn, def.Start[0].Pos)
	}
	for _, m := range def.Messages {
		if m.ID != nil && p.messages[m.Name].comes {
			outcome(m.Name+turnTwice, m.ID.Pos)
		}
		if m.Early.Mode == earlyDrop || m.Early.Mode == earlyReject || m.Early.Hold > 0 {
			outcome(m.Name+turnEarly, m.Pos)
		}
	}
	for _, t := range def.Tables {
		outcome(spotLookup+t.Name+turnNoRow, t.Pos)
	}
	return out
}

// againTurn is what a start message does to a key that lives; false if none ever comes
// to one, for each step takes it, or if that is the default: it is not written that
// somebody should have tried it.
func (p *Plan) againTurn() (string, bool) {
	var turn string
	switch p.definition.Again {
	case AgainEnded:
		turn = turnRepeated
	case AgainQueue:
		turn = turnQueued
	case AgainRestart:
		turn = turnRestarted
	default:
		return "", false
	}
	standings := p.Standings()
	comes := slices.ContainsFunc(p.start, func(r *rule) bool {
		return slices.ContainsFunc(standings, func(s Standing) bool {
			return slices.Contains(s.Starts, r.name) || slices.Contains(s.Ignores, r.name)
		})
	})
	return turn, comes
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
func (n *node) spots(p *Plan) []Spot {
	out := []Spot{{n.spotKind(), n.place, n.step.Pos}}
	add := func(kind SpotKind, turn string, at diag.Pos) {
		if at.IsZero() {
			at = n.step.Pos
		}
		out = append(out, Spot{kind, n.place + turn, at})
	}
	if n.cond != nil {
		add(SpotBranch, turnIfNot, n.step.If.Pos)
	}
	if n.refuses(p) {
		add(SpotOutcome, turnWhenNot, n.step.When.Pos)
	}
	if at, ok := n.timesOut(); ok {
		add(SpotOutcome, turnTimeout, at)
	}
	if !n.isStep() && n.role != roleOutcome && n.role != roleHandler {
		return out
	}
	switch w := n.word.(type) {
	case *calling:
		if r := w.retry(n); r != nil && r.Attempts != 1 {
			add(SpotOutcome, turnRetry, n.ownRetryPos())
		}
	case *listening:
		w.spots(p, n, add)
	case *running:
		if w.awaited {
			add(SpotOutcome, turnFailed, diag.Pos{})
		}
	case *choosing:
		if !slices.ContainsFunc(w.alternatives, isElse) {
			add(SpotBranch, turnNone, diag.Pos{})
		}
	case *forking:
		if w.join.need(len(w.steps)) < len(w.steps) {
			add(SpotOutcome, turnJoin, w.join.Pos)
		}
	case *looping:
		w.spots(n, add)
	}
	if n.role == roleCompensation {
		n.undoSpots(p, add)
	}
	return out
}

// isElse reports whether an alternative holds always.
func isElse(n *node) bool { return n.when == nil }

func (n *node) ownRetryPos() diag.Pos {
	if n.step.Retry != nil {
		return n.step.Retry.Pos
	}
	return diag.Pos{}
}

// refuses reports whether n is the first of alternatives for a message that all have
// a `when`.
func (n *node) refuses(p *Plan) bool {
	isFirst := func(r *rule) bool {
		return r.alternatives[0] == n && !slices.ContainsFunc(r.alternatives, isElse)
	}
	switch {
	case n.owner != nil && n.role == roleOutcome:
		return slices.ContainsFunc(n.owner.word.takes(), isFirst)
	case n.role == roleStart:
		return slices.ContainsFunc(p.start, isFirst)
	case n.role == roleAnytime:
		return slices.ContainsFunc(p.anytime, isFirst)
	}
	return false
}

func (l *listening) spots(p *Plan, n *node, add func(SpotKind, string, diag.Pos)) {
	if l.until != nil {
		add(SpotOutcome, turnUntil, l.until.source.Pos)
	}
	if l.idle != nil {
		add(SpotOutcome, turnIdle, diag.Pos{})
	}
	if p.canHoldFor(n, l) {
		add(SpotOutcome, turnHeld, diag.Pos{})
	}
}

// canHoldFor reports whether a message that n listens for is held somewhere before n.
func (p *Plan) canHoldFor(n *node, l *listening) bool {
	for _, place := range p.Places() {
		at := p.nodes[place]
		if does := at.step.waits(); does == "" || !at.comesTo(n) {
			continue
		}
		holds := p.standing(at, "").Holds
		if slices.ContainsFunc(l.rules, func(r *rule) bool { return slices.Contains(holds, r.name) }) {
			return true
		}
	}
	return false
}

// comesTo reports whether a step that listens can be reached by an instance that
// waits at n.
func (n *node) comesTo(listen *node) bool {
	return n.reach.meets(listenSetOf(listen, len(n.reach)), nil)
}

func listenSetOf(n *node, words int) listenSet {
	only := newListenSet(words * 64)
	only.add(n.listen)
	return only
}

func (l *looping) spots(n *node, add func(SpotKind, string, diag.Pos)) {
	loop := n.step.Action.(*For)
	if loop.While != nil || loop.In == nil || loop.In.Expr != nil {
		add(SpotOutcome, turnEmpty, loop.Pos)
	}
	if loop.While != nil {
		add(SpotOutcome, turnWhile, loop.While.Pos)
	}
	if loop.Join.early() {
		add(SpotOutcome, turnJoin, loop.Join.Pos)
	}
}

// undoSpots are how a compensation can find what it undoes.
func (n *node) undoSpots(p *Plan, add func(SpotKind, string, diag.Pos)) {
	done := p.nodes[strings.TrimSuffix(n.place, ".compensate")]
	switch w := done.word.(type) {
	case *calling:
	case *running:
		if !w.awaited {
			return
		}
	default:
		return
	}
	add(SpotBranch, turnDoubt, diag.Pos{})
	if slices.ContainsFunc(done.word.reactions(), func(r *node) bool { _, raises := r.word.(*raising); return !raises }) {
		add(SpotBranch, turnDone, diag.Pos{})
	}
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
	if call, isCall := n.word.(*calling); isCall && call.message.timeout != nil {
		return n.step.Pos, true
	}
	return diag.Pos{}, false
}

// Reached are the names of the spots that the decision has reached, in order,
// some of them several times.
func (d Decision) Reached() []string {
	out := make([]string, 0, len(d.Trace)+len(d.turns))
	for _, t := range d.Trace {
		name := t.spot()
		if name == t.Step+turnTimeout && slices.Contains(d.turns, spotTurn{t.Step, turnIdle}) {
			continue // it is silence that has raised it
		}
		if name != "" {
			out = append(out, name)
		}
	}
	for _, t := range d.turns {
		out = append(out, t.place+t.turn)
	}
	for _, l := range d.Lookups {
		if !l.Found {
			out = append(out, spotLookup+l.Table+turnNoRow)
		}
	}
	return out
}

// spot is the name of the spot that t tells of; "" if it tells of none.
func (t Trace) spot() string {
	switch t.Kind {
	case "take":
		if status := Status(t.Text); status.Final() && status != StatusCompleted {
			return t.Step + turnFailed
		}
		return t.Step
	case "enter", "start", "catch", "undo":
		return t.Step
	case "if":
		return t.Step + turnIfNot
	case "until":
		return t.Step + turnUntil
	case "while":
		return t.Step + turnWhile
	case "wait":
		return t.Step + turnRetry
	case "raise":
		if t.Text == errorTimeout {
			return t.Step + turnTimeout
		}
	case "duplicate":
		message, _, _ := strings.Cut(t.Text, " ")
		return message + turnTwice
	case "drop":
		if t.Step == "" {
			return t.Text + turnEarly
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
