package topology

import (
	"fmt"
	"slices"
	"strings"

	"rondo/topology/diag"
	"rondo/topology/value"
)

// Kinds of Act.
const (
	ActCancel    = "cancel"
	ActTerminate = "terminate"
	ActPause     = "pause"
	ActResume    = "resume"
	ActRetry     = "retry"
	ActSkip      = "skip"
	ActFail      = "fail"
	ActSet       = "set"
	ActShift     = "shift"
	ActJump      = "jump"
	ActMigrate   = "migrate"
)

// act does what an operator wants. One that cannot be done is a dead letter
// that says why.
func (p *pass) act(a *Act) {
	p.out.Outcome = Acted
	switch {
	case p.isAbsent():
		p.dead(DeadLetter{"no-instance", "there is no instance " + p.who()})
		return
	case p.inst.Ended():
		p.refuse("has ended (%s)", p.inst.Status)
		return
	}
	p.note("act", a.Step, a.Kind)
	switch a.Kind {
	case ActCancel:
		p.actCancel(a)
	case ActTerminate:
		p.giveUpCause()
		p.leaveNothing()
		p.end(StatusTerminated, &Failure{Name: string(StatusTerminated), Message: a.Reason, At: p.at, Data: byData(a.Principal)}, nil)
	case ActPause:
		p.actPause()
	case ActResume:
		p.actResume()
	case ActRetry:
		p.actRetry(order{})
	case ActSkip:
		p.actRetry(order{skip: true})
	case ActFail:
		failure := actFailure(a, p.at)
		if size, limit := failure.size(), p.plan.options.Limits.Variable; size > limit {
			p.refuse("cannot fail with an error of %d bytes: the limit is %d", size, limit)
			return
		}
		p.actRetry(order{raise: failure})
	case ActSet:
		p.actSet(a)
	case ActShift:
		p.actShift()
	case ActJump:
		p.actJump(a)
	case ActMigrate:
		p.actMigrate(p.older)
	default:
		p.refuse("cannot do %q: acts are cancel, terminate, pause, resume, shift, retry, skip, fail, set, jump and migrate", a.Kind)
	}
}

func (p *pass) refuse(format string, args ...any) {
	p.dead(DeadLetter{"act-refused", "the instance " + p.who() + " " + fmt.Sprintf(format, args...)})
}

func byData(principal string) value.Value {
	return value.MapOf(map[string]value.Value{"by": principal})
}

// cancel raises `cancelled`. While the workflow's `catch` runs it changes
// nothing.
func (p *pass) cancel(by, reason string) {
	p.edit().Steps = 0
	p.interrupt(&Failure{Name: errorCancelled, Message: reason, At: p.at, Data: byData(by)})
	p.toRest()
}

func (p *pass) actCancel(a *Act) {
	switch {
	case p.isCatching():
		p.note("pass", "", errorCancelled)
	case p.failsToUndo((*Instance).undoesLoser):
		p.refuse(undoFirst)
	case len(p.inst.Branches) == 0: // an incident in its first decision
		p.giveUpCause()
		p.fail(&Failure{Name: errorCancelled, Message: a.Reason, At: p.at, Data: byData(a.Principal)})
	default:
		p.giveUpCause()
		p.awaken()
		p.cancel(a.Principal, a.Reason)
	}
}

// undoFirst is why some acts are refused: what they would leave undone nobody would
// undo later.
const undoFirst = "has a compensation that failed: retry it or skip it first"

// failsToUndo reports whether the instance has stopped for a compensation that has
// failed, in a branch that stays.
func (p *pass) failsToUndo(stays func(*Instance, *Branch) bool) bool {
	incident := p.inst.Incident
	return incident != nil && incident.Input == nil && stays(p.inst, p.inst.branch(incident.Branch))
}

// giveUpCause notes that the event which stopped the instance will not be decided.
func (p *pass) giveUpCause() {
	if i := p.inst.Incident; i != nil && i.isAboutOthers() {
		p.note("late", "", i.Input.name())
	}
}

// awaken lets an instance that was stopped go on.
func (p *pass) awaken() {
	inst := p.edit()
	inst.Incident, inst.Stopped = nil, 0
	inst.Status = StatusRunning
	if p.isUndoing() {
		inst.Status = StatusCompensating
	}
}

func (p *pass) actPause() {
	if p.inst.Status.Stopped() {
		p.refuse("is stopped already (%s)", p.inst.Status)
		return
	}
	inst := p.edit()
	inst.Status, inst.Stopped = StatusPaused, p.at
}

func (p *pass) actResume() {
	if p.inst.Status != StatusPaused {
		p.refuse("is not paused (%s)", p.inst.Status)
		return
	}
	p.awaken()
}

// actFailure is the error that an operator raises: act.Data may be its name, or
// have name, message and data.
func actFailure(a *Act, at Instant) *Failure {
	f := &Failure{Name: "failed", Message: a.Reason, At: at, Data: byData(a.Principal)}
	switch data := a.Data.(type) {
	case string:
		f.Name = data
	case *value.Map:
		if name, ok := textIn(data, "name"); ok {
			f.Name = name
		}
		if message, ok := textIn(data, "message"); ok {
			f.Message = message
		}
		if v, ok := data.Lookup("data"); ok {
			f.Data = v
		}
	}
	return f
}

func textIn(m *value.Map, name string) (string, bool) {
	v, _ := m.Lookup(name)
	text, ok := v.(string)
	return text, ok && text != ""
}

// actRetry decides the input of an incident again, or does what was ordered at
// its place instead.
func (p *pass) actRetry(o order) {
	incident := p.inst.Incident
	switch {
	case incident == nil:
		p.refuse("is no incident (%s)", p.inst.Status)
	case incident.Input == nil:
		p.retryCompensation(incident, o)
	case incident.Place == "" && (o.skip || o.raise != nil):
		p.refuse("has no step to skip or to fail: mend the cause and retry")
	default:
		o.place, o.branch = incident.Place, incident.Branch
		if !o.skip && o.raise == nil {
			o = order{}
		}
		p.orders = o
		p.decideAgain(incident.Input)
	}
}

func (p *pass) decideAgain(input *Kept) {
	p.kept = input
	p.awaken()
	p.inst.Steps = 0
	p.fromQueue = true
	switch {
	case p.hasNotBegun(input):
		p.inst, p.given = nil, p.inst.Vars
		p.considerKept(input)
	case input.Event != nil || input.Letter != nil:
		p.considerKept(input)
	case input.Act != nil:
		p.act(input.Act)
	case input.Timer:
		p.fireNext()
	default:
		p.toRest()
	}
	if p.out.Outcome != Dead {
		p.out.Outcome = Acted
	}
}

// hasNotBegun reports whether input was to begin the instance, and could not: there
// is nothing of it but what an operator has set.
func (p *pass) hasNotBegun(input *Kept) bool {
	return len(p.inst.Branches) == 0 && (input.Event != nil || input.Letter != nil)
}

// retryCompensation sends a compensation that has failed again, with the same
// command id and the attempts counting on, or takes it as done.
func (p *pass) retryCompensation(incident *Incident, o order) {
	if o.raise != nil {
		p.refuse("has a compensation that failed: retry it or skip it")
		return
	}
	p.failed = incident
	b := p.change(p.inst.branch(incident.Branch))
	frame := *b.top()
	n := p.nodeOf(&frame)
	p.awaken()
	p.inst.Steps = 0
	call, isCall := n.word.(*calling)
	switch {
	case o.skip:
		p.note("skip", n.place, "")
		p.pop(b)
		p.undone(b, frame.Entry)
	case isCall && frame.Call != nil:
		again := *frame.Call
		again.Base, again.First, again.Over = again.Attempt, p.at, false
		again.Attempt++
		call.try(p, b, n, &again)
	default:
		p.pop(b)
		b.Next = b.top().Place
	}
	p.toRest()
}

// actSet sets variables of the workflow's scope.
func (p *pass) actSet(a *Act) {
	data, isMap := a.Data.(*value.Map)
	if !isMap || data.Len() == 0 {
		p.refuse("needs the variables to set, by name")
		return
	}
	for name, v := range data.All() {
		if why := p.cannotSet(name, v); why != "" {
			p.refuse("%s", why)
			return
		}
	}
	inst := copyOf(p.inst)
	inst.Vars = inst.Vars.Merge(data)
	if inst.size() > p.inst.size() && !p.isStorable(inst, 0) {
		p.refuse("would be too large with these variables: %s", p.sizeText(inst))
		return
	}
	p.inst = inst
	for name := range data.All() {
		p.changed = append(p.changed, name)
		p.note("set", "", name)
	}
	if !inst.Status.Stopped() {
		p.toRest()
	}
}

// cannotSet says why an operator cannot give a variable a value; "" if that can be
// done.
func (p *pass) cannotSet(name string, v value.Value) string {
	if !slices.Contains(p.plan.vars, name) {
		return p.plan.NoVariable(name)
	}
	if p.startSets(name) {
		return fmt.Sprintf("has not begun, and its `start` sets %s itself when that is decided again: deploy a version that does not and migrate to it, or skip", name)
	}
	if fault := p.correlates(name, v); fault != nil {
		return "is not changed: " + fault.Text
	}
	if size, limit := value.Size(v), p.plan.options.Limits.Variable; size > limit {
		return fmt.Sprintf("cannot take the variable %s: it has %d bytes, and the limit is %d", name, size, limit)
	}
	return ""
}

// startSets reports whether the instance has not begun and what is to begin it sets a
// variable, so that no other value could come through. Where the start itself has
// failed it can be skipped, and what it sets be set by hand.
func (p *pass) startSets(name string) bool {
	incident := p.inst.Incident
	if incident == nil || incident.Input == nil || !p.hasNotBegun(incident.Input) {
		return false
	}
	start, _ := p.startOf(incident.Input)
	return start != nil && start.place != incident.Place && slices.ContainsFunc(start.set, func(a assignment) bool { return a.name == name })
}

// NoVariable says that the workflow does not have a variable, and which it has, as in
// "has no variable "crad": did you mean card?".
func (p *Plan) NoVariable(name string) string {
	text := fmt.Sprintf("has no variable %q", name)
	if meant, ok := diag.Suggest(name, p.vars); ok {
		return text + ": did you mean " + meant + "?"
	}
	if len(p.vars) == 0 {
		return text + ": its workflow sets none"
	}
	return text + ": those of its workflow are " + strings.Join(p.vars, ", ")
}
