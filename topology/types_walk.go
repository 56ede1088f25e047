package topology

import (
	"fmt"

	"rondo/topology/diag"
	"rondo/topology/expr"
	"rondo/topology/value"
)

// definition walks all expressions of a definition.
func (t *typer) definition() {
	t.recordExpressions()
	outside := &sight{}
	t.startWalk(outside)
	t.rulesOf(t.def.Anytime, outside, nil)
	t.steps(t.def.Do, outside)
	t.errorRules(t.def.Catch, outside)
	t.template(t.def.Output, outside, anywhere)
	if t.def.Migrate != nil {
		t.set(t.def.Migrate.Set, outside, anywhere)
	}
}

// recordExpressions looks at what messages say of records.
func (t *typer) recordExpressions() {
	if !t.reporting {
		return
	}
	for _, m := range t.def.Messages {
		s := t.on(&sight{}, m.Name)
		if m.Key != nil {
			t.expr(m.Key, s, anywhere)
		}
		if m.ID != nil {
			t.expr(m.ID, s, anywhere)
		}
		t.condition(m.When, s, anywhere)
		t.when(m.Timeout, s, anywhere)
	}
}

func (t *typer) startWalk(outside *sight) {
	begins := &sight{}
	for i, r := range t.def.Start {
		s := t.on(outside, r.Name)
		t.reactions(r.Alternatives, s)
		begins.event = s.event
		if i > 0 || len(t.def.Child) > 0 || t.def.Schedule != nil || t.def.gaps.mayHave("start") {
			begins.event = expr.Type{} // of several nothing is known
		} else {
			begins.message = s.message
		}
	}
	t.reactions(t.def.Child, outside)
	if schedule := t.def.Schedule; schedule != nil {
		fired := &sight{event: typeSchedule}
		if schedule.Key != nil {
			t.expr(schedule.Key, fired, anywhere)
		}
		t.reaction(schedule.Reaction, fired)
	}
	t.when(t.def.Deadline, begins, anywhere)
}

func (t *typer) steps(steps []*Step, s *sight) {
	for _, step := range steps {
		t.reaction(step, s)
	}
}

func (t *typer) reactions(steps []*Step, s *sight) { t.steps(steps, s) }

// rulesOf walks reactions to messages; event is given where they are not to a
// message.
func (t *typer) rulesOf(rules []*Rule, s *sight, event *expr.Type) {
	for _, r := range rules {
		on := t.on(s, r.Name)
		if event != nil {
			on = &sight{event: *event, locals: s.locals}
		}
		t.reactions(r.Alternatives, on)
	}
}

func (t *typer) errorRules(rules []*Rule, s *sight) {
	for _, r := range rules {
		t.reactions(r.Alternatives, s)
	}
}

// reaction walks a step, with or without a name.
func (t *typer) reaction(step *Step, s *sight) {
	in := place{step: step}
	acts := in.then(atAction)
	t.condition(step.When, s, in)
	t.condition(step.If, s, in.then(atIf))
	t.set(step.Set, s, in.then(atSet))
	t.when(step.Timeout, s, acts)
	t.action(step, s, acts)
	t.errorRules(step.Catch, s)
	if step.Then != nil && step.Then.Expr != nil {
		t.must(step.Then.Expr, s, place{step: step, at: atDone}, typeText, "the name of a step")
	}
	if step.Compensate != nil {
		t.reaction(step.Compensate, &sight{locals: s.locals})
	}
}

func (t *typer) set(set []Assignment, s *sight, at place) {
	for _, a := range set {
		if of, known := t.template(a.Value, s, at); known {
			t.assign(a.Name, of)
		}
	}
}

// when walks a time: an expression for one gives a duration or a timestamp.
func (t *typer) when(w *When, s *sight, at place) {
	if w != nil && w.Expr != nil {
		t.must(w.Expr, s, at, expr.Type{Kind: value.Duration, Also: []value.Kind{value.Timestamp}}, "a duration or a timestamp")
	}
}

// must reports an expression that never gives what is needed.
func (t *typer) must(e *Expr, s *sight, at place, needed expr.Type, what string) {
	of := t.expr(e, s, at)
	t.notNull(e, s, at)
	if t.reporting && !needed.Accepts(of) {
		t.report(e.Pos, len([]rune(e.Text)), expr.IssueWrongKind, fmt.Sprintf("%s is needed here, but this is %s", what, of.WithArticle()), "")
	}
}

func (t *typer) report(at diag.Pos, length int, code, message, help string, related ...diag.Related) {
	f := t.put(diag.Error, span{at, length}, code, message).help(help)
	f.d.Related = related
}

func (t *typer) action(step *Step, s *sight, at place) {
	switch a := step.Action.(type) {
	case *Send:
		t.payload(a, s, at)
		t.fields(a.Headers, s, at)
		t.rulesOf(a.Await, s, nil)
	case *Run:
		t.template(a.With, s, at)
		if a.Key != nil {
			t.expr(a.Key, s, at)
		}
		t.rulesOf(a.Await, s, &expr.Type{}) // the child's output
	case *Listen:
		t.rulesOf(a.Rules, s, nil)
		t.condition(a.Until, s, at)
		t.when(a.Idle, s, at)
	case *Wait:
		t.when(a.For, s, at)
	case *Switch:
		t.reactions(a.Alternatives, s)
	case *Block:
		t.steps(a.Do, s)
	case *Fork:
		for _, b := range a.Branches {
			t.steps(b.Do, s)
		}
	case *For:
		t.loop(step, a, s, at)
	case *Raise:
		t.raise(a, s, at)
	case *End:
		t.template(a.Fail, s, at)
		t.template(a.Message, s, at)
		t.template(a.Data, s, at)
	}
}

func (t *typer) raise(a *Raise, s *sight, at place) {
	if a.Name != nil {
		t.must(a.Name, s, at, typeText, "the name of an error")
	}
	t.template(a.Message, s, at)
	t.template(a.Data, s, at)
}

func (t *typer) fields(list []Field, s *sight, at place) {
	for _, f := range list {
		t.template(f.Value, s, at)
	}
}

func (t *typer) loop(step *Step, a *For, s *sight, at place) {
	inner := s
	if a.In != nil {
		of, _ := t.template(a.In, s, at)
		t.notNull(a.In.Expr, s, at)
		if t.reporting && a.In.Expr != nil && !(expr.Type{Kind: value.List}).Accepts(of) {
			t.report(a.In.Expr.Pos, len([]rune(a.In.Expr.Text)), expr.IssueWrongKind, "`in` needs a list, but this is "+of.WithArticle(), "")
		}
		inner = s.with(a.Each, elemOf(of))
	}
	t.condition(a.While, s, at)
	t.steps(a.Do, inner)
	for _, list := range a.Collect {
		if of, known := t.template(list.Value, inner, place{step: step, at: atIterationEnd}); known {
			t.assign(list.Name, expr.Type{Kind: value.List, Elem: &of})
		}
	}
}

// elemOf is what is known of the elements of a list.
func elemOf(of expr.Type) expr.Type {
	if of.Kind != value.List || of.Elem == nil {
		return expr.Type{}
	}
	return *of.Elem
}
