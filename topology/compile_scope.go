package topology

import (
	"slices"

	"rondo/topology/diag"
)

// The codes of what is found here; each has an essay in diag/explain.
const (
	codeHiddenVariable = "hidden-variable"
	codeBranchesSet    = "branches-set"
)

// scopes are the parts of a definition that have variables of their own: the
// workflow, each branch of a fork, the iterations of each loop, each alternative
// of `anytime`. They are numbered in the order of the definition; 0 is the
// workflow's.
type scopes struct {
	list    []*varScope
	anytime map[*Step]int
	forks   map[*Fork][]int
	loops   map[*For]int
	items   []itemName
}

type varScope struct {
	id    int
	outer *varScope // nil: the workflow's
	// beside names what may run at the same time as other scopes of outer: the
	// fork, the loop, `anytime`; nil: the iterations of a loop that follow each
	// other, and the workflow.
	beside any
	rule   string          // of `anytime`: the message
	sets   map[string]bool // names that are set right here
	owned  []string        // names that belong here, sorted
}

// itemName is the variable of a loop's item, which must hide no other.
type itemName struct {
	name  string
	pos   diag.Pos
	scope *varScope
}

// besideAnytime is the beside of all reactions of `anytime`.
type besideAnytime struct{}

// newScopes finds out to which scope each variable belongs: to the outermost one
// that sets it.
func newScopes(def *Definition) *scopes {
	s := &scopes{anytime: map[*Step]int{}, forks: map[*Fork][]int{}, loops: map[*For]int{}}
	top := s.add(nil, nil)
	s.rules(def.Start, top)
	s.steps(def.Child, top)
	if def.Schedule != nil {
		s.steps([]*Step{def.Schedule.Reaction}, top)
	}
	s.steps(def.Do, top)
	s.rules(def.Catch, top)
	if def.Migrate != nil {
		s.set(def.Migrate.Set, top)
	}
	for _, r := range def.Anytime {
		for _, alternative := range r.Alternatives {
			scope := s.add(top, besideAnytime{})
			scope.rule = r.Name
			s.anytime[alternative] = scope.id
			s.step(alternative, scope)
		}
	}
	for _, scope := range s.list {
		scope.own()
	}
	return s
}

func (s *scopes) add(outer *varScope, beside any) *varScope {
	scope := &varScope{id: len(s.list), outer: outer, beside: beside, sets: map[string]bool{}}
	s.list = append(s.list, scope)
	return scope
}

func (s *scopes) rules(rules []*Rule, scope *varScope) {
	for _, r := range rules {
		s.steps(r.Alternatives, scope)
	}
}

func (s *scopes) steps(steps []*Step, scope *varScope) {
	for _, step := range steps {
		s.step(step, scope)
	}
}

func (s *scopes) set(set []Assignment, scope *varScope) {
	for _, a := range set {
		scope.sets[a.Name] = true
	}
}

func (s *scopes) step(step *Step, scope *varScope) {
	s.set(step.Set, scope)
	switch a := step.Action.(type) {
	case *Send:
		s.rules(a.Await, scope)
	case *Run:
		s.rules(a.Await, scope)
	case *Listen:
		s.rules(a.Rules, scope)
	case *Switch:
		s.steps(a.Alternatives, scope)
	case *Block:
		s.steps(a.Do, scope)
	case *Fork:
		for _, branch := range a.Branches {
			inner := s.add(scope, a)
			s.forks[a] = append(s.forks[a], inner.id)
			s.steps(branch.Do, inner)
		}
	case *For:
		s.loop(a, scope)
	}
	s.rules(step.Catch, scope)
	if step.Compensate != nil {
		s.step(step.Compensate, scope)
	}
}

func (s *scopes) loop(a *For, scope *varScope) {
	s.set(a.Collect, scope)
	var beside any
	if a.Parallel > 1 {
		beside = a
	}
	inner := s.add(scope, beside)
	s.loops[a] = inner.id
	if a.Each != "" {
		inner.sets[a.Each] = true
		s.items = append(s.items, itemName{a.Each, a.EachPos, inner})
	}
	s.steps(a.Do, inner)
}

// own notes the names that belong to the scope: no outer one sets them.
func (v *varScope) own() {
	for _, name := range sortedKeys(v.sets) {
		if v.outer == nil || v.outer.owner(name) == nil {
			v.owned = append(v.owned, name)
		}
	}
}

// owner returns the outermost scope from v outwards that sets a name, or nil.
func (v *varScope) owner(name string) *varScope {
	var found *varScope
	for ; v != nil; v = v.outer {
		if v.sets[name] {
			found = v
		}
	}
	return found
}

// sets reports whether a name is set anywhere.
func (s *scopes) sets(name string) bool {
	return slices.ContainsFunc(s.list, func(v *varScope) bool { return v.sets[name] })
}

// visible are the names that can be used in a scope.
func (s *scopes) visible(id int) []string {
	var out []string
	for v := s.list[id]; v != nil; v = v.outer {
		out = append(out, v.owned...)
	}
	return out
}

// locals notes what the branches see that begin at a place.
func (c *compiler) locals() {
	c.plan.locals = map[string][]string{}
	for _, place := range sortedKeys(c.plan.nodes) {
		var names []string
		for _, id := range c.scopes.at(c.plan.nodes[place]) {
			names = append(names, c.scopes.visible(id)...)
		}
		if slices.Sort(names); len(names) > 0 {
			c.plan.locals[place] = slices.Compact(names)
		}
	}
}

// at are the scopes that begin at a step or reaction.
func (s *scopes) at(n *node) []int {
	if n.role == roleAnytime {
		return []int{s.anytime[n.step]}
	}
	switch a := n.step.Action.(type) {
	case *Fork:
		return s.forks[a]
	case *For:
		return []int{s.loops[a]}
	}
	return nil
}

// hops says how many scopes outwards of id a name belongs; -1 is the workflow.
func (s *scopes) hops(id int, name string) int {
	v := s.list[id]
	owner := v.owner(name)
	if owner == nil || owner.outer == nil {
		return -1
	}
	n := 0
	for ; v != owner; v = v.outer {
		n++
	}
	return n
}

// setting is one place that sets a variable from a scope within its own.
type setting struct {
	name  string
	pos   diag.Pos
	scope *varScope
	// harmless: a constant, or computed from the old value, so that the order in
	// which branches set it does not matter more than it must.
	harmless bool
}

// noteSetting keeps an assignment that concerns several branches.
func (c *compiler) noteSetting(a Assignment, ctx context, t *template) {
	v := c.scopes.list[ctx.scope]
	owner := v.owner(a.Name)
	if owner == nil || owner == v || !v.runsBeside(owner) {
		return
	}
	reads := t.reads()
	c.settingsOf[a.Name] = append(c.settingsOf[a.Name], setting{a.Name, a.Pos, v, len(reads) == 0 || slices.Contains(reads, a.Name)})
}

// runsBeside reports whether between v and an outer scope there is one of which
// several can be at work.
func (v *varScope) runsBeside(outer *varScope) bool {
	for ; v != outer && v != nil; v = v.outer {
		if v.beside != nil {
			return true
		}
	}
	return false
}

// reads are the names that a template uses.
func (t *template) reads() []string {
	var out []string
	if t.formula != nil && t.formula.program != nil {
		out = append(out, t.formula.program.Reads()...)
	}
	for _, item := range t.list {
		out = append(out, item.reads()...)
	}
	for _, f := range t.fields {
		out = append(out, f.value.reads()...)
	}
	return out
}

// checkScopes reports variables that hide others, and those that branches would
// set against each other.
func (c *compiler) checkScopes() {
	for _, h := range c.scopes.items {
		if h.scope.outer.owner(h.name) != nil {
			c.report(h.pos, len(h.name), codeHiddenVariable, "give the item another name",
				"%q is a variable already, which the loop would hide", h.name)
		}
	}
	for _, name := range sortedKeys(c.settingsOf) {
		list := c.settingsOf[name]
		for _, s := range list {
			if !s.harmless && s.meetsOthers(list) {
				c.report(s.pos, len(name), codeBranchesSet,
					"compute it from its old value (="+name+" + 1), set a constant, or use `collect`",
					"several branches at once set %q, so that the last one would win", name)
			}
		}
	}
}

// meetsOthers reports whether another branch may set the same variable while the
// one of s is at work.
func (s setting) meetsOthers(list []setting) bool {
	owner := s.scope.owner(s.name)
	for v := s.scope; v != owner; v = v.outer {
		if _, isLoop := v.beside.(*For); isLoop {
			return true // other iterations do
		}
	}
	return slices.ContainsFunc(list, func(other setting) bool { return s.scope.isBeside(other.scope) })
}

// isBeside reports whether v and w are in branches that may be at work together.
func (v *varScope) isBeside(w *varScope) bool {
	a, b := v.branchBelow(w), w.branchBelow(v)
	if a == nil || b == nil || a == b {
		return false // one is within the other
	}
	_, anytimeA := a.beside.(besideAnytime)
	_, anytimeB := b.beside.(besideAnytime)
	switch {
	case anytimeA && anytimeB:
		return a.rule != b.rule
	case anytimeA || anytimeB:
		return true
	}
	return a.beside != nil && a.beside == b.beside
}

// branchBelow returns the scope from v outwards that is the outermost one which
// w is not in, or nil.
func (v *varScope) branchBelow(w *varScope) *varScope {
	var found *varScope
	for ; v != nil && !w.isIn(v); v = v.outer {
		found = v
	}
	return found
}

func (v *varScope) isIn(outer *varScope) bool {
	for ; v != nil && v != outer; v = v.outer {
	}
	return v != nil
}
