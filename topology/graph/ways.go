package graph

import (
	"slices"
	"strings"

	"rondo/topology"
)

// ways draws the edges between the steps of a list.
func (d *drawer) ways(steps []*topology.Step, at spot) {
	for i, s := range steps {
		next := at
		if i+1 < len(steps) {
			next.after = d.steps[steps[i+1].Name]
		}
		d.step(d.steps[s.Name], s, next, at)
	}
}

// step draws the ways out of a step. next is what follows it, list where its list
// stands (for `exit`).
func (d *drawer) step(n *node, s *topology.Step, next, list spot) {
	after := d.target(s.Then, next.after, list)
	raised := map[string][]string{}
	if s.Catch != nil && n.inner != nil {
		d.came[n] = raised
	}
	if s.Catch != nil {
		next.handler = &handler{caught: map[string]*node{}, outer: next.handler}
		for _, r := range s.Catch {
			next.handler.caught[r.Name] = n
		}
	}
	before := len(d.edges)
	d.action(n, s, after, next, list, raised)
	if s.If != nil && leaves(s) {
		labelHeld(n, d.edges[before:])
	}
	for _, r := range s.Catch {
		label := strings.Join(raised[r.Name], ", ")
		if label == "" {
			label = r.Name
		}
		outside := list
		outside.handler = list.handler
		d.alternativesTo(n, label, r.Alternatives, after, outside, nil, edgeError)
	}
	if s.If != nil && leaves(s) {
		d.connect(n, next.after, "otherwise", edgeFlow)
	}
	if s.Compensate != nil {
		from := len(n.in.nodes)
		undo := d.node(n.in, s.Compensate, "")
		d.behind(n, n.in, from)
		undo.kind, undo.title = kindUndo, "undo "+n.title
		if n.kind == kindGroup {
			undo.title = "undo " + s.Name
		}
		d.connect(n, undo, "", edgeUndo)
	}
}

// target is where a step goes on.
func (d *drawer) target(t *topology.Target, after *node, list spot) *node {
	switch {
	case t == nil:
		return after
	case t.Expr != nil:
		return d.named(list.in, t.Expr.Text)
	case t.Name == "exit":
		return d.exit(list)
	default:
		return d.steps[t.Name]
	}
}

// named stands for the step that an expression names.
func (d *drawer) named(in *group, expr string) *node {
	for _, n := range in.nodes {
		if n.title == namedTitle && n.lines[0] == expr {
			return n
		}
	}
	return d.add(in, kindPick, namedTitle, expr)
}

const namedTitle = "the step named by"

// exit is the end of a list: what follows it, or a mark at the end of its group.
func (d *drawer) exit(list spot) *node {
	if list.after != nil {
		return list.after
	}
	return d.exitOf(list.in)
}

// action draws the ways out of what a step does. raised collects which messages
// raise errors that the step itself catches.
func (d *drawer) action(n *node, s *topology.Step, after *node, next, list spot, raised map[string][]string) {
	switch a := s.Action.(type) {
	case *topology.Send:
		d.outcomes(n, a.Await, after, next, list, raised)
	case *topology.Run:
		d.outcomes(n, a.Await, after, next, list, raised)
		if a.Await != nil && !alwaysHolds(a.Await[0].Alternatives) {
			d.connect(n, after, "otherwise", edgeFlow)
		}
	case *topology.Listen:
		d.listen(n, a, after, next, list, raised)
	case *topology.Switch:
		d.choose(n, a, after, next, list, raised)
	case *topology.Block:
		d.ways(a.Do, spot{in: n.inner, handler: next.handler})
		d.connect(n, after, "", edgeFlow)
	case *topology.For:
		d.ways(a.Do, spot{in: n.inner, handler: next.handler})
		d.connect(n, after, "", edgeFlow)
	case *topology.Fork:
		for i, b := range a.Branches {
			d.ways(b.Do, spot{in: n.inner.nodes[i].inner, handler: next.handler})
		}
		d.connect(n, after, "", edgeFlow)
	case *topology.Raise, *topology.End:
		d.reaction(n, "", s, after, next, list, raised, edgeFlow)
	default:
		d.connect(n, after, "", edgeFlow)
	}
}

func (d *drawer) outcomes(n *node, rules []*topology.Rule, after *node, next, list spot, raised map[string][]string) {
	if rules == nil {
		d.connect(n, after, "", edgeFlow)
	}
	for _, r := range rules {
		d.each(n, r.Name, r.Alternatives, after, next, list, raised)
	}
}

func (d *drawer) listen(n *node, a *topology.Listen, after *node, next, list spot, raised map[string][]string) {
	if a.Until != nil {
		d.connect(n, after, "", edgeFlow)
	}
	for _, r := range a.Rules {
		for _, s := range r.Alternatives {
			if a.Until != nil && s.Action == nil && s.Then == nil {
				continue // it goes on listening
			}
			d.each(n, r.Name, []*topology.Step{s}, after, next, list, raised)
		}
	}
}

// alwaysHolds reports whether one of some alternatives is taken whatever comes.
func alwaysHolds(steps []*topology.Step) bool {
	return slices.ContainsFunc(steps, func(s *topology.Step) bool { return s.When == nil })
}

func (d *drawer) choose(n *node, a *topology.Switch, after *node, next, list spot, raised map[string][]string) {
	d.each(n, "", a.Alternatives, after, next, list, raised)
	if last := a.Alternatives[len(a.Alternatives)-1]; last.When != nil {
		d.connect(n, after, "otherwise", edgeFlow)
	}
}

// each draws the ways of alternatives, labelled with their conditions.
func (d *drawer) each(n *node, name string, steps []*topology.Step, after *node, next, list spot, raised map[string][]string) {
	for i, s := range steps {
		label := name
		switch {
		case s.When != nil:
			label = joinTexts(name, "if "+s.When.Text)
		case i > 0:
			label = joinTexts(name, "otherwise")
		}
		d.reaction(n, label, s, after, next, list, raised, edgeFlow)
	}
}

func (d *drawer) alternatives(n *node, label string, steps []*topology.Step, after *node, at spot) {
	d.each(n, label, steps, after, at, at, nil)
}

func (d *drawer) alternativesTo(n *node, label string, steps []*topology.Step, after *node, at spot, raised map[string][]string, kind edgeKind) {
	for i, s := range steps {
		text := label
		if s.When != nil || i > 0 {
			text = joinTexts(label, whenText(s))
		}
		d.reaction(n, text, s, after, at, at, raised, kind)
	}
}

// reaction draws the way of one alternative: to where it goes, over a node of its
// own if it does something.
func (d *drawer) reaction(n *node, label string, s *topology.Step, after *node, next, list spot, raised map[string][]string, kind edgeKind) {
	to := d.target(s.Then, after, list)
	switch a := s.Action.(type) {
	case nil:
		d.connect(n, to, label, kind)
	case *topology.Raise:
		d.raise(n, label, errorText(a), next.handler, raised)
	case *topology.End:
		d.connect(n, d.endOf(a), label, kind)
	case *topology.Block:
		if len(a.Do) == 0 {
			return
		}
		from := len(list.in.nodes)
		d.create(list.in, a.Do)
		d.behind(n, list.in, from)
		d.connect(n, d.steps[a.Do[0].Name], label, kind)
		d.ways(a.Do, spot{in: list.in, after: to, handler: next.handler})
	default:
		from := len(list.in.nodes)
		r := d.node(list.in, s, "")
		d.behind(n, list.in, from)
		d.connect(n, r, label, kind)
		inner := next
		inner.after = to
		d.step(r, s, inner, list)
	}
}

// behind moves the nodes that were added to a group last to behind the node from
// which they are reached, and what was put behind that before, for the order of
// nodes is that of the file.
func (d *drawer) behind(n *node, in *group, from int) {
	added := slices.Clone(in.nodes[from:])
	if len(added) == 0 {
		return
	}
	after := lifted(n, in)
	for d.last[after] != nil {
		after = d.last[after]
	}
	i := slices.Index(in.nodes, after) + 1
	in.nodes = slices.Insert(in.nodes[:from:from], i, added...)
	if after != nil {
		d.last[after] = added[len(added)-1]
	}
}

// raise draws the way of an error to whoever catches it.
func (d *drawer) raise(n *node, label, name string, h *handler, raised map[string][]string) {
	for ; h != nil; h = h.outer {
		to := h.caught[name]
		if to == nil {
			to = h.caught["any"]
		}
		switch {
		case to == nil:
			continue
		case to == n && raised != nil:
			key := caughtAs(h, name)
			raised[key] = append(raised[key], label)
			return
		case isAround(to, n):
			key, label := caughtAs(h, name), joinTexts(label, name)
			if came := d.came[to]; came != nil && !slices.Contains(came[key], label) {
				came[key] = append(came[key], label)
			}
			n.aside = true
			return // it is drawn from the block that catches it
		default:
			d.connect(n, to, joinTexts(label, name), edgeError)
			return
		}
	}
	d.connect(n, d.end("all undone, failed: "+name, kindFail), label, edgeError)
}

// caughtAs is the name by which a handler catches an error.
func caughtAs(h *handler, name string) string {
	if h.caught[name] == nil {
		return "any"
	}
	return name
}

func (d *drawer) endOf(a *topology.End) *node {
	if a.Fail == nil {
		return d.end("completed", kindEnd)
	}
	return d.end("failed: "+failText(a.Fail), kindFail)
}
