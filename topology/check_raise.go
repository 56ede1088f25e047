package topology

import "slices"

// outOf is where an error goes that no `catch` on its way has taken.
type outOf int

const (
	outWorkflow     outOf = iota // to the workflow's catch
	outCatch                     // out of that catch: what was done is undone, and the instance has failed
	outCompensation              // out of a compensation: an incident
)

// passes are the steps whose `catch` an error of a step comes to, the innermost
// first, and where it goes if none takes it. What is raised inside of a `catch`
// belongs to the next one out.
func (o *outline) passes(s *Step) ([]*Step, outOf) {
	out := []*Step{s}
	for {
		at := o.sites[s]
		owner := at.owner
		switch {
		case owner != nil && owner.Compensate == s:
			return out, outCompensation
		case owner != nil && !isCaughtBy(owner, s):
			out = append(out, owner)
		case owner == nil && at.listing.owner != nil:
			owner = at.listing.owner
			out = append(out, owner)
		case owner == nil && at.catching:
			return out, outCatch
		case owner == nil:
			return out, outWorkflow
		}
		s = owner
	}
}

// isCaughtBy reports whether a reaction is one to an error of its owner.
func isCaughtBy(owner, reaction *Step) bool {
	return slices.ContainsFunc(owner.Catch, func(r *Rule) bool { return slices.Contains(r.Alternatives, reaction) })
}

// catchFor is the rule that an error goes to: its own, else that for any.
func catchFor(rules []*Rule, name string) *Rule {
	for _, wanted := range []string{name, anyError} {
		if i := slices.IndexFunc(rules, func(r *Rule) bool { return r.Name == wanted }); i >= 0 && !(wanted == anyError && name == errorFault) {
			return rules[i]
		}
	}
	return nil
}

// raised are the errors that can come to each `catch`, as far as that is known
// before anything runs: those that steps raise by name, `timeout` of what has a
// time, and those of children, which may have any name. Of `fault` nothing is known.
type raised struct {
	outline  *outline
	messages map[string]*Message
	at       map[*Step]map[string]*Step // by the step that an error comes to, and its name: a step that raises it
	workflow map[string]*Step           // those that come to the workflow's catch, `deadline` and `cancelled` apart
	anywhere map[string]*Step           // all
	// out: an error can leave the workflow's catch. Then what was done is undone.
	out bool
}

// anyName stands for errors whose names are not known.
const anyName = ""

func newRaised(o *outline, messages map[string]*Message) *raised {
	r := &raised{outline: o, messages: messages, at: map[*Step]map[string]*Step{}, workflow: map[string]*Step{}, anywhere: map[string]*Step{}}
	for _, s := range o.steps {
		switch a := s.Action.(type) {
		case *Raise:
			r.add(s, raisedName(a))
		case *Run:
			if len(a.Await) > 0 {
				r.add(s, anyName)
			}
		case nil:
			if s.unknown { // it may be a child
				r.add(s, anyName)
			}
		}
		if r.timed(s) {
			r.add(s, errorTimeout)
		}
	}
	return r
}

// raisedName is the name that a raise gives, where it is known.
func raisedName(a *Raise) string {
	if a.Name != nil || !kebabName.MatchString(a.Error) {
		return anyName
	}
	return a.Error
}

// timed reports whether the time of a step itself can be over.
func (r *raised) timed(s *Step) bool {
	switch a := s.Action.(type) {
	case *Send:
		return len(a.Await) > 0 && (s.Timeout != nil || endsBy(a, s, r.messages))
	case *Listen:
		return s.Timeout != nil || a.Idle != nil
	}
	return s.Timeout != nil || s.unknown
}

// endsBy reports whether the message of a call, or the `within` of its retry, ends
// it: no attempt is longer than that.
func endsBy(a *Send, s *Step, messages map[string]*Message) bool {
	m := messages[a.Message]
	retry := s.Retry
	if retry == nil && m != nil {
		retry = m.Retry
	}
	return m == nil || m.unknown || m.Timeout != nil || retry != nil && retry.Within > 0
}

// add notes an error with all that it comes to.
func (r *raised) add(s *Step, name string) {
	note := func(names map[string]*Step) {
		if names[name] == nil {
			names[name] = s
		}
	}
	note(r.anywhere)
	passes, out := r.outline.passes(s)
	for _, p := range passes {
		if r.at[p] == nil {
			r.at[p] = map[string]*Step{}
		}
		note(r.at[p])
		if rule := catchFor(p.Catch, name); name != anyName && rule != nil && hasElse(rule.Alternatives) {
			return
		}
	}
	switch out {
	case outWorkflow:
		note(r.workflow)
	case outCatch:
		r.out = true
	}
}

// comes reports whether an error of this name may be among some.
func comes(names map[string]*Step, name string) bool {
	return names[name] != nil || names[anyName] != nil
}
