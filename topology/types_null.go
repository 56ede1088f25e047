package topology

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"rondo/topology/diag"
	"rondo/topology/expr"
	"rondo/topology/value"
)

// place is where an expression stands in the flow: at which point of a step.
type place struct {
	step *Step // nil: outside of the flow, where nothing is said of variables
	at   pointOf
}

// pointOf is a point of a step.
type pointOf int

const (
	atEntry        pointOf = iota // where its `when` is asked
	atIf                          // behind that, where its `if` is
	atSet                         // behind that, before its `set`
	atAction                      // behind that
	atDone                        // behind the action
	atIterationEnd                // behind the steps of an iteration
)

var anywhere = place{}

func (p place) then(at pointOf) place { return place{step: p.step, at: at} }

// nullness knows which variables are surely set at each point of the flow: a
// must-analysis forward along its edges.
type nullness struct {
	flow  *flow
	ask   map[*Step]varSet // not null where the `when` of an alternative is asked, for those before it do not hold
	index map[string]int   // variables that are looked at
	first map[string]diag.Related
	gaps  *gaps
	out   []varSet // of each node: set when it is left; nil: not reached
	in    []varSet
}

// varSet is a set of variables, by their indexes.
type varSet []uint64

func (b varSet) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }
func (b varSet) add(i int)      { b[i/64] |= 1 << (i % 64) }
func (b varSet) remove(i int)   { b[i/64] &^= 1 << (i % 64) }

// nullingMax bounds nodes times variables: beyond it nothing is said of null.
const nullingMax = 20_000_000

// branchesMax is of how many branches of a fork it is known what they set; of more
// nothing is said of null behind it.
const branchesMax = 100

// newNullness analyses a definition; nil if it is too large for that.
func newNullness(o *outline, gaps *gaps) *nullness {
	n := &nullness{gaps: gaps, flow: newFlow(o), ask: map[*Step]varSet{}, index: map[string]int{}, first: map[string]diag.Related{}}
	for _, s := range o.steps {
		for _, a := range s.Set {
			n.note(a.Name, a.Pos, isNull(a.Value))
		}
		if loop, ok := s.Action.(*For); ok {
			for _, a := range loop.Collect {
				n.note(a.Name, a.Pos, false)
			}
		}
	}
	if len(n.flow.nodes)*(len(n.index)+1) > nullingMax {
		return nil
	}
	n.settle(o)
	return n
}

// note remembers a variable, and where it is first set to something.
func (n *nullness) note(name string, at diag.Pos, null bool) {
	if _, ok := n.index[name]; !ok {
		n.index[name] = len(n.index)
	}
	if _, ok := n.first[name]; !ok && !null {
		n.first[name] = diag.Related{Pos: at, Length: len([]rune(name)), Message: "set here, but not on every way"}
	}
}

// full has all variables.
func (n *nullness) full() varSet {
	all := n.empty()
	for i := range all {
		all[i] = ^uint64(0)
	}
	return all
}

func (n *nullness) empty() varSet { return make(varSet, len(n.index)/64+1) }

// settle carries the sets forward until nothing changes.
func (n *nullness) settle(o *outline) {
	next := make([][]int, len(n.flow.nodes))
	for i := range n.flow.nodes {
		next[i] = n.flow.nodes[i].next
	}
	n.in, n.out = make([]varSet, len(next)), make([]varSet, len(next))
	work := n.roots(o)
	for _, s := range o.steps {
		at := n.flow.body[s]
		if s.Compensate != nil { // it begins with what was set when its step was done
			next[at] = append(slices.Clone(next[at]), n.flow.of[s.Compensate])
		}
	}
	gens := n.gens(o)
	for len(work) > 0 {
		at := work[len(work)-1]
		work = work[:len(work)-1]
		out := slices.Clone(n.in[at])
		for _, g := range gens[at] {
			g.apply(n, out)
		}
		if n.out[at] != nil && slices.Equal(n.out[at], out) {
			continue
		}
		n.out[at] = out
		for _, to := range next[at] {
			if n.carry(out, to) {
				work = append(work, to)
			}
		}
	}
}

// roots gives the reactions of the workflow their first sets: nothing for the
// start, what every start sets for the others.
func (n *nullness) roots(o *outline) []int {
	started := n.full()
	var work []int
	for _, s := range o.start {
		n.in[n.flow.of[s]] = n.empty()
		work = append(work, n.flow.of[s])
		own := n.empty()
		gen{set: s.Set, all: s.unknown}.apply(n, own)
		for i := range started {
			started[i] &= own[i]
		}
	}
	if len(o.start) == 0 {
		return nil
	}
	for _, s := range slices.Concat(o.anytime, o.catch) {
		n.in[n.flow.of[s]] = slices.Clone(started)
		work = append(work, n.flow.of[s])
	}
	return work
}

// gen is what a node sets, and what is known to be set because a condition holds
// there, or does not.
type gen struct {
	notNull []string
	set     []Assignment
	collect []Assignment
	all     bool // of what it sets nothing is known, so that nothing is said of null behind it
}

func (g gen) apply(n *nullness, out varSet) {
	if g.all {
		copy(out, n.full())
	}
	for _, name := range g.notNull {
		if i, ok := n.index[name]; ok {
			out.add(i)
		}
	}
	for _, a := range g.set {
		if isNull(a.Value) {
			out.remove(n.index[a.Name])
		} else {
			out.add(n.index[a.Name])
		}
	}
	for _, a := range g.collect {
		out.add(n.index[a.Name])
	}
}

func isNull(t *Template) bool {
	return t != nil && !t.unknown && t.Expr == nil && t.List == nil && t.Map == nil && t.Literal == nil
}

func (n *nullness) gens(o *outline) map[int][]gen {
	out := map[int][]gen{}
	n.guards(o, out)
	for _, s := range o.steps {
		at := n.flow.body[s]
		if len(s.Set) > 0 || s.unknown {
			out[at] = append(out[at], gen{set: s.Set, all: s.unknown})
		}
		if fork, ok := s.Action.(*Fork); ok && len(fork.Branches) > branchesMax {
			out[n.flow.done[s]] = append(out[n.flow.done[s]], gen{all: true})
		}
		if s.unknown {
			out[n.flow.of[s]] = append(out[n.flow.of[s]], gen{all: true})
			out[n.flow.done[s]] = append(out[n.flow.done[s]], gen{all: true})
		}
		if loop, ok := s.Action.(*For); ok && len(loop.Collect) > 0 {
			out[n.flow.done[s]] = append(out[n.flow.done[s]], gen{collect: loop.Collect})
		}
	}
	return out
}

// guards adds what conditions say of variables: behind `if`, `when` and `until`.
func (n *nullness) guards(o *outline, out map[int][]gen) {
	know := func(at int, names []string) {
		if len(names) > 0 {
			out[at] = append(out[at], gen{notNull: names})
		}
	}
	for _, s := range o.steps {
		if s.If != nil {
			ifTrue, ifNot := expr.NotNull(s.If.Text)
			know(n.flow.body[s], ifTrue)
			know(n.flow.skip[s], ifNot)
		}
		if s.When != nil {
			ifTrue, _ := expr.NotNull(s.When.Text)
			know(n.flow.of[s], ifTrue)
		}
		if a, ok := s.Action.(*Listen); ok && a.Until != nil {
			ifTrue, _ := expr.NotNull(a.Until.Text)
			know(n.flow.heard[s], ifTrue)
		}
		if s.Compensate != nil && s.Compensate.If != nil && onlyWhenDone.MatchString(s.Compensate.If.Text) {
			know(n.flow.body[s.Compensate], outcomesSet(s))
		}
		for _, steps := range alternativeLists(s) {
			if refused := n.refused(steps, know); n.flow.none[s] != 0 {
				know(n.flow.none[s], refused)
			}
		}
	}
	for _, steps := range o.roots {
		n.refused(steps, know)
	}
}

// onlyWhenDone matches the `if` of a compensation that leaves the doubtful out.
var onlyWhenDone = regexp.MustCompile(`^\s*undoes\.done\s*($|&&)`)

// outcomesSet are the variables that every outcome of a call sets, but for those that
// say that nothing was done.
func outcomesSet(s *Step) []string {
	var names []string
	first := true
	for _, alternatives := range alternativeLists(&Step{Action: s.Action}) {
		for _, a := range alternatives {
			if _, refused := a.Action.(*Raise); refused {
				continue
			}
			set := func(name string) bool {
				return slices.ContainsFunc(a.Set, func(of Assignment) bool { return of.Name == name && !isNull(of.Value) })
			}
			if first {
				for _, of := range a.Set {
					names = append(names, of.Name)
				}
			}
			first = false
			names = slices.DeleteFunc(names, func(name string) bool { return !set(name) })
		}
	}
	return names
}

// refused goes through alternatives in their order: where one is asked, those
// before it do not hold. It gives what is known where none holds.
func (n *nullness) refused(steps []*Step, know func(at int, names []string)) []string {
	var names []string
	for _, s := range steps {
		known := n.empty()
		gen{notNull: names}.apply(n, known)
		n.ask[s] = known
		know(n.flow.of[s], slices.Clone(names))
		if s.When != nil {
			_, ifNot := expr.NotNull(s.When.Text)
			names = append(names, ifNot...)
		}
	}
	return names
}

// alternativeLists are the lists of alternatives of a step, of which the first that
// holds is taken.
func alternativeLists(s *Step) [][]*Step {
	var out [][]*Step
	rules := s.Catch
	switch a := s.Action.(type) {
	case *Send:
		rules = slices.Concat(rules, a.Await)
	case *Run:
		rules = slices.Concat(rules, a.Await)
	case *Listen:
		rules = slices.Concat(rules, a.Rules)
	case *Switch:
		out = append(out, a.Alternatives)
	}
	for _, r := range rules {
		out = append(out, r.Alternatives)
	}
	return out
}

// carry takes into a node what was set when one was left that leads to it: what
// is set there is what is set on every way. It reports whether that has changed.
func (n *nullness) carry(out varSet, to int) bool {
	if ends := n.branchEnds(to); len(ends) > 0 {
		return n.meet(to, ends)
	}
	if n.in[to] == nil {
		n.in[to] = slices.Clone(out)
		return true
	}
	changed := false
	for i := range out {
		changed = changed || n.in[to][i]&^out[i] != 0
		n.in[to][i] &= out[i]
	}
	return changed
}

// meet is carry where a fork has waited for all its branches, which end at ends:
// there is set what any of them has set.
func (n *nullness) meet(to int, ends []int) bool {
	var in, joined varSet
	for _, from := range n.before(to) {
		switch out := n.out[from]; {
		case out == nil && slices.Contains(ends, from):
			joined = n.full() // until that branch has ended
		case out == nil:
		case slices.Contains(ends, from):
			joined = combine(joined, out, func(a, b uint64) uint64 { return a | b })
		default:
			in = combine(in, out, func(a, b uint64) uint64 { return a & b })
		}
	}
	if joined != nil {
		in = combine(in, joined, func(a, b uint64) uint64 { return a & b })
	}
	if in == nil || n.in[to] != nil && slices.Equal(n.in[to], in) {
		return false
	}
	n.in[to] = in
	return true
}

func combine(a, b varSet, with func(a, b uint64) uint64) varSet {
	if a == nil {
		return slices.Clone(b)
	}
	for i := range a {
		a[i] = with(a[i], b[i])
	}
	return a
}

// before are the nodes that lead to a node, the step of a compensation included.
func (n *nullness) before(to int) []int {
	before := n.flow.before[to]
	if s := n.flow.nodes[to].step; s != nil && n.flow.of[s] == to {
		if owner := n.flow.outline.sites[s].owner; owner != nil && owner.Compensate == s {
			before = append(slices.Clone(before), n.flow.body[owner])
		}
	}
	return before
}

// branchEnds are the ends of the branches of a fork that is done at a node when
// all of them have finished.
func (n *nullness) branchEnds(to int) []int {
	s := n.flow.nodes[to].step
	if s == nil || n.flow.done[s] != to {
		return nil
	}
	fork, ok := s.Action.(*Fork)
	if !ok || fork.Join.Mode != "" && fork.Join.Mode != "all" {
		return nil
	}
	if len(fork.Branches) > branchesMax {
		return nil
	}
	var ends []int
	for _, l := range n.flow.outline.blocks[s] {
		ends = append(ends, n.flow.ends[l])
	}
	return ends
}

// maybeNull reports whether a variable may still be null at a place.
func (n *nullness) maybeNull(name string, at place) bool {
	if n == nil || at.step == nil || at.step.unknown || n.gaps.mayName(name) {
		return false
	}
	i, ok := n.index[name]
	if !ok {
		return false
	}
	var set varSet
	switch at.at {
	case atEntry:
		set = n.in[n.flow.of[at.step]]
		if known := n.ask[at.step]; set != nil && known != nil && known.has(i) {
			return false
		}
	case atIf:
		set = n.out[n.flow.of[at.step]]
	case atSet:
		set = n.behindIf(at.step)
	case atAction:
		set = n.out[n.flow.body[at.step]]
	case atDone:
		set = n.in[n.flow.done[at.step]]
	case atIterationEnd:
		set = n.in[n.flow.ends[n.flow.outline.blocks[at.step][0]]]
	}
	return set != nil && !set.has(i) // what is not reached is spoken of elsewhere
}

// behindIf is what is set where the `if` of a step holds.
func (n *nullness) behindIf(s *Step) varSet {
	set := n.in[n.flow.body[s]]
	if set == nil || s.If == nil {
		return set
	}
	set = slices.Clone(set)
	ifTrue, _ := expr.NotNull(s.If.Text)
	gen{notNull: ifTrue}.apply(n, set)
	return set
}

var mentionsNull = regexp.MustCompile(`\b(null|coalesce|has)\b`)

// nullReads warns of variables that may still be null where that fails. An
// expression that speaks of null is taken to know what it does.
func (t *typer) nullReads(e *Expr, s *sight, at place, program *expr.Program, compile compileFunc) {
	if mentionsNull.MatchString(e.Text) {
		return
	}
	for _, name := range program.Reads() {
		if _, local := s.locals[name]; local || !t.nulls.maybeNull(name, at) {
			continue
		}
		scope := maps.Clone(t.scopeOf(s))
		scope[name] = expr.Type{Kind: value.Null}
		_, issues := compile(e.Text, scope)
		issues = slices.DeleteFunc(issues, func(i expr.Issue) bool { return i.Code == expr.IssueNeverEqual }) // null equals nothing else, and that is no failure
		if len(issues) == 0 {
			continue
		}
		place, length := t.readPlace(e, name, issues[0])
		t.warnOfNull(name, span{place, length})
	}
}

// notNull warns where an expression is a variable that may still be null, in a place
// that needs a value.
func (t *typer) notNull(e *Expr, s *sight, at place) {
	if e == nil || !t.reporting {
		return
	}
	name := strings.TrimSpace(e.Text)
	if _, local := s.locals[name]; !local && t.nulls.maybeNull(name, at) {
		t.warnOfNull(name, span{e.Pos, len([]rune(e.Text))})
	}
}

func (t *typer) warnOfNull(name string, at span) {
	f := t.warn(at, codeMaybeNull, fmt.Sprintf("`%s` may still be null here, and then this fails", name)).
		help("set it before on every way, for example where the instance begins; or write coalesce(" + name + ", …)")
	if first, ok := t.nulls.first[name]; ok {
		f.d.Related = append(f.d.Related, first)
	}
}

// readPlace is where an expression reads a variable for the first time.
func (t *typer) readPlace(e *Expr, name string, issue expr.Issue) (diag.Pos, int) {
	found := regexp.MustCompile(`(^|[^.\w])` + regexp.QuoteMeta(name) + `\b`).FindStringIndex(e.Text)
	if found == nil {
		return e.At(issue.Offset), issue.Length
	}
	start := found[1] - len(name)
	return e.At(len([]rune(e.Text[:start]))), len([]rune(strings.TrimSpace(name)))
}
