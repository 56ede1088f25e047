package topology

import "slices"

// flow is where control may go: from each step or reaction to those that may
// come next. It takes every way that the words allow, whatever conditions say.
type flow struct {
	outline *outline
	nodes   []point
	of      map[*Step]int    // where a step is entered
	body    map[*Step]int    // where it acts, unless its `if` is false
	done    map[*Step]int    // behind its action, where `then` leads on
	skip    map[*Step]int    // where its `if` is false; only of those that have one
	heard   map[*Step]int    // where the `until` of a listen holds
	none    map[*Step]int    // where no alternative of a switch or of a child's outcome holds
	ends    map[*listing]int // behind the last step of a list
	anyOf   map[*listing]int // leads to every step that a jump from a list may take
	exitOf  map[*listing]int // leads there, and to the end of that list
	falls   map[*Step]int    // behind a reaction of the workflow's catch
	unclear map[*Step]bool   // of which it is not known that they go on, though they seem to
	roots   []int
	before  [][]int // of each node those that lead to it
}

// point is one node of the flow.
type point struct {
	step *Step // whose point it is; nil: the end of a list
	next []int
	// calm points are in no loop that surely spins: time passes or an event comes
	// before they are left, or an expression chooses where they lead.
	calm bool
}

func newFlow(o *outline) *flow {
	f := &flow{outline: o, of: map[*Step]int{}, body: map[*Step]int{}, done: map[*Step]int{}, skip: map[*Step]int{}, heard: map[*Step]int{}, none: map[*Step]int{}, ends: map[*listing]int{}, anyOf: map[*listing]int{}, exitOf: map[*listing]int{}, falls: map[*Step]int{}, unclear: map[*Step]bool{}}
	for _, l := range o.lists {
		f.ends[l] = f.add(nil)
	}
	for _, s := range o.steps {
		f.of[s] = f.add(s)
	}
	first := f.first(o.top)
	for _, s := range o.start {
		f.reaction(s, first)
	}
	for _, s := range o.anytime {
		f.reaction(s, f.add(nil))
	}
	f.list(o.top)
	for _, s := range o.catch {
		f.falls[s] = f.add(nil)
		f.reaction(s, f.falls[s])
	}
	f.raises()
	f.before = make([][]int, len(f.nodes))
	for n := range f.nodes {
		for _, next := range f.nodes[n].next {
			f.before[next] = append(f.before[next], n)
		}
	}
	return f
}

func (f *flow) add(s *Step) int {
	f.nodes = append(f.nodes, point{step: s})
	return len(f.nodes) - 1
}

func (f *flow) edge(from int, to ...int) { f.nodes[from].next = append(f.nodes[from].next, to...) }

// first is where a list is entered.
func (f *flow) first(l *listing) int {
	if len(l.steps) == 0 {
		return f.ends[l]
	}
	return f.of[l.steps[0]]
}

// reaction links a reaction of the workflow and makes it a root.
func (f *flow) reaction(s *Step, after int) {
	f.roots = append(f.roots, f.of[s])
	f.step(s, after)
}

func (f *flow) list(l *listing) {
	for i, s := range l.steps {
		after := f.ends[l]
		if i+1 < len(l.steps) {
			after = f.of[l.steps[i+1]]
		}
		f.step(s, after)
	}
}

// step links a step; after is where it goes on without a jump.
func (f *flow) step(s *Step, after int) {
	in := f.of[s]
	if s.If != nil {
		f.skip[s] = f.add(s)
		f.edge(in, f.skip[s])
		f.edge(f.skip[s], after)
	}
	body, done := f.add(s), f.add(s)
	f.body[s], f.done[s] = body, done
	if s.unknown {
		f.anywhere(s, in, body, done, after)
		f.unclear[s] = true
	}
	f.edge(in, body)
	f.edge(done, f.targets(s, after)...)
	f.action(s, body, done)
	f.catch(s, body, done)
	if s.Compensate != nil {
		f.reaction(s.Compensate, f.add(nil))
	}
}

// catch links the reactions to errors of a step. What is not raised by a step in it
// (see raises) comes of a wait that nothing ended.
func (f *flow) catch(s *Step, body, done int) {
	if len(s.Catch) == 0 {
		return
	}
	failed := f.add(nil)
	f.nodes[failed].calm = true
	f.edge(body, failed)
	f.rules(s.Catch, failed, done)
}

// raises links the steps that raise an error by name to what catches it.
func (f *flow) raises() {
	for _, s := range f.outline.steps {
		raise, ok := s.Action.(*Raise)
		if !ok || raise.Name != nil {
			continue
		}
		passes, top := f.outline.passes(s)
		caught := false
		for _, p := range passes {
			if caught = f.caught(f.body[s], p.Catch, raise.Error); caught {
				break
			}
		}
		if !caught && top == outWorkflow {
			f.caught(f.body[s], f.outline.rescue, raise.Error)
		}
	}
}

// caught links a raise to the rule that takes its error, and reports whether it
// surely does.
func (f *flow) caught(from int, rules []*Rule, name string) bool {
	r := catchFor(rules, name)
	if r == nil {
		return false
	}
	for _, alternative := range r.Alternatives {
		f.edge(from, f.of[alternative])
	}
	return hasElse(r.Alternatives)
}

// anywhere links a step of which a part was not understood: it may do anything.
func (f *flow) anywhere(s *Step, in, body, done, after int) {
	f.edge(in, after)
	f.edge(body, done)
	f.edge(done, after, f.anyTarget(f.outline.sites[s].listing))
	for _, n := range []int{in, body, done} {
		f.nodes[n].calm = true
	}
}

// targets are where a step goes on when it is done.
func (f *flow) targets(s *Step, after int) []int {
	l := f.outline.sites[s].listing
	switch {
	case s.Then == nil:
		return []int{after}
	case s.Then.Expr != nil:
		return []int{f.anyTarget(l)}
	case s.Then.Name == exitName:
		return []int{f.ends[l]}
	}
	if target, ok := l.resolve(s.Then.Name); ok {
		return []int{f.of[target]}
	}
	f.unclear[s] = true // reported as an unknown step
	return []int{f.anyTarget(l)}
}

// anyTarget is a node that leads wherever a jump by expression may lead: to a step,
// or to the end of the innermost list.
func (f *flow) anyTarget(l *listing) int {
	n, isNew := f.shared(f.exitOf, l)
	if isNew {
		f.edge(n, f.ends[l], f.anyStep(l))
	}
	return n
}

// anyStep is a node that leads to each step that a jump may lead to.
func (f *flow) anyStep(l *listing) int {
	n, isNew := f.shared(f.anyOf, l)
	if !isNew {
		return n
	}
	for _, s := range l.steps {
		f.edge(n, f.of[s])
	}
	if outer := l.next(); outer != nil {
		f.edge(n, f.anyStep(outer))
	}
	return n
}

// shared is the node of a list that many jumps lead to, so that they do not each link
// to all steps.
func (f *flow) shared(of map[*listing]int, l *listing) (n int, isNew bool) {
	if n, ok := of[l]; ok {
		return n, false
	}
	n = f.add(nil)
	f.nodes[n].calm = true
	of[l] = n
	return n, true
}

func (f *flow) action(s *Step, body, done int) {
	switch a := s.Action.(type) {
	case *Raise, *End:
		return
	case *Send:
		if len(a.Await) > 0 {
			f.nodes[body].calm = true
			f.rules(a.Await, body, done)
			return
		}
	case *Run:
		if len(a.Await) > 0 {
			f.nodes[body].calm = true
			f.rules(a.Await, body, done)
			if takesEach(a.Await) {
				return
			}
			body = f.otherwise(s, body) // without a reaction the parent goes on
		}
	case *Listen:
		f.nodes[body].calm = true
		if a.Until == nil {
			f.rules(a.Rules, body, done)
			return
		}
		heard := f.add(s)
		f.heard[s] = heard
		f.rules(a.Rules, body, heard)
		f.edge(body, heard)
		body = heard
	case *Wait:
		f.nodes[body].calm = true
	case *Switch:
		f.alternatives(a.Alternatives, body, done)
		if hasElse(a.Alternatives) {
			return
		}
		f.unclear[s] = slices.ContainsFunc(a.Alternatives, func(s *Step) bool { return s.unknown })
		body = f.otherwise(s, body)
	case *Block, *Fork:
		f.lists(s, body, done)
		return
	case *For:
		f.lists(s, body, done)
		if a.In == nil { // with a list a loop comes to its end
			f.edge(f.ends[f.outline.blocks[s][0]], body)
		}
	}
	f.edge(body, done)
}

// otherwise is where none of a step's alternatives holds.
func (f *flow) otherwise(s *Step, body int) int {
	n := f.add(s)
	f.none[s] = n
	f.edge(body, n)
	return n
}

// takesEach reports whether some alternative of every rule always holds.
func takesEach(rules []*Rule) bool {
	return !slices.ContainsFunc(rules, func(r *Rule) bool { return !hasElse(r.Alternatives) })
}

// lists links the lists of a block, a fork or a loop.
func (f *flow) lists(s *Step, body, done int) {
	for _, l := range f.outline.blocks[s] {
		f.edge(body, f.first(l))
		f.edge(f.ends[l], done)
		f.list(l)
	}
}

func (f *flow) rules(rules []*Rule, body, done int) {
	for _, r := range rules {
		f.alternatives(r.Alternatives, body, done)
	}
}

func (f *flow) alternatives(steps []*Step, body, done int) {
	for _, s := range steps {
		f.edge(body, f.of[s])
		f.step(s, done)
	}
}

// hasElse reports whether one of the alternatives always holds.
func hasElse(steps []*Step) bool {
	for _, s := range steps {
		if s.When == nil && !s.unknown {
			return true
		}
	}
	return false
}

// reached marks what can be reached from some nodes, waiting or not.
func (f *flow) reached(from ...int) []bool {
	seen := make([]bool, len(f.nodes))
	for stack := slices.Clone(from); len(stack) > 0; {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[n] {
			continue
		}
		seen[n] = true
		stack = append(stack, f.nodes[n].next...)
	}
	return seen
}

// fallsOff reports whether a reaction of the workflow's catch can come to its
// end without a jump, and which step would be the last one. It goes back from
// that end: nothing jumps into a reaction, so it meets the steps of this one only.
func (f *flow) fallsOff(s *Step) (last *Step, falls bool) {
	end := f.falls[s]
	toward := map[int]int{end: end}
	for queue := []int{end}; len(queue) > 0; queue = queue[1:] {
		n := queue[0]
		if f.unclear[f.nodes[n].step] {
			continue
		}
		if n == f.of[s] {
			return f.lastNamed(n, end, toward), true
		}
		for _, before := range f.before[n] {
			if _, seen := toward[before]; !seen {
				toward[before] = n
				queue = append(queue, before)
			}
		}
	}
	return nil, false
}

// lastNamed follows a path and gives the last step on it that has a name.
func (f *flow) lastNamed(n, end int, toward map[int]int) *Step {
	var last *Step
	for ; n != end; n = toward[n] {
		if s := f.nodes[n].step; s != nil && s.Name != "" {
			last = s
		}
	}
	return last
}

// loops are the sets of steps that can follow each other for ever without a
// waiting step between them: the strongly connected components of the flow
// without its calm points. Tarjan's algorithm, with a stack of its own, for
// definitions may be long.
func (f *flow) loops() [][]*Step {
	t := &tarjan{f: f, index: make([]int, len(f.nodes)), low: make([]int, len(f.nodes)), on: make([]bool, len(f.nodes))}
	for n := range f.nodes {
		if t.index[n] == 0 && !f.nodes[n].calm {
			t.visit(n)
		}
	}
	return t.loops
}

type tarjan struct {
	f          *flow
	index, low []int // index 0: not visited
	on         []bool
	stack      []int
	count      int
	loops      [][]*Step
}

// tarjanFrame is a node in the middle of being visited, with the next edge to take.
type tarjanFrame struct{ node, edge int }

func (t *tarjan) visit(root int) {
	frames := []tarjanFrame{t.enter(root)}
	for len(frames) > 0 {
		top := &frames[len(frames)-1]
		n := top.node
		if top.edge < len(t.f.nodes[n].next) {
			next := t.f.nodes[n].next[top.edge]
			top.edge++
			switch {
			case t.f.nodes[next].calm:
			case t.index[next] == 0:
				frames = append(frames, t.enter(next))
			case t.on[next]:
				t.low[n] = min(t.low[n], t.index[next])
			}
			continue
		}
		frames = frames[:len(frames)-1]
		if len(frames) > 0 {
			parent := frames[len(frames)-1].node
			t.low[parent] = min(t.low[parent], t.low[n])
		}
		if t.low[n] == t.index[n] {
			t.component(n)
		}
	}
}

func (t *tarjan) enter(n int) tarjanFrame {
	t.count++
	t.index[n], t.low[n], t.on[n] = t.count, t.count, true
	t.stack = append(t.stack, n)
	return tarjanFrame{node: n}
}

// component takes a component off the stack and keeps its steps if it is a loop.
// A single node never is one: a step consists of several nodes.
func (t *tarjan) component(root int) {
	var steps []*Step
	size := 0
	for {
		n := t.stack[len(t.stack)-1]
		t.stack = t.stack[:len(t.stack)-1]
		t.on[n] = false
		size++
		if s := t.f.nodes[n].step; s != nil {
			steps = append(steps, s)
		}
		if n == root {
			break
		}
	}
	if size > 1 {
		t.loops = append(t.loops, steps)
	}
}
