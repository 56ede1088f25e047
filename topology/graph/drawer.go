package graph

import (
	"strings"

	"rondo/topology"
)

// drawer makes a picture of a definition.
type drawer struct {
	*Picture
	steps map[string]*node // by name
	ends  map[string]*node // by title
	last  map[*node]*node  // the last node that was put behind another in its group
	catch *handler         // of the workflow
	// came tells of blocks with a catch, by the name under which an error is caught
	// there, what has raised it inside.
	came map[*node]map[string][]string
}

// handler is a `catch` around steps: where the errors that they raise go.
type handler struct {
	caught map[string]*node // by the name of the error
	outer  *handler
}

// spot is where a list of steps stands.
type spot struct {
	in      *group
	after   *node // what follows the list; nil: the end of the group
	handler *handler
}

func (d *drawer) definition(def *topology.Definition) {
	starts := d.starts(def)
	var aside []*node
	if len(def.Anytime) > 0 {
		aside = d.rules("at any time", def.Anytime)
	}
	d.create(d.top, def.Do)
	completed := &node{}
	if def.Catch != nil {
		d.handlers(def)
	}
	completed = d.end("completed", kindEnd)
	at := spot{in: d.top, after: completed, handler: d.catch}
	first := completed
	if len(def.Do) > 0 {
		first = d.steps[def.Do[0].Name]
	}
	for i, r := range d.startRules(def) {
		d.alternatives(starts[i], "", r, first, at)
	}
	for i, n := range aside {
		d.alternatives(n, "", def.Anytime[i].Alternatives, nil, spot{in: n.in, handler: d.catch})
	}
	d.ways(def.Do, at)
	for i, r := range def.Catch {
		n := d.catch.caught[def.Catch[i].Name]
		d.alternatives(n, "", r.Alternatives, nil, spot{in: n.in})
	}
}

// rules is a group with a node for each message or error.
func (d *drawer) rules(title string, rules []*topology.Rule) []*node {
	g := d.addGroup(d.top, title)
	var out []*node
	for _, r := range rules {
		out = append(out, d.add(g.inner, kindStart, r.Name))
	}
	return out
}

// handlers draws the workflow's `catch`.
func (d *drawer) handlers(def *topology.Definition) {
	d.catch = &handler{caught: map[string]*node{}}
	for i, n := range d.rules("if something fails", def.Catch) {
		n.kind = kindFail
		d.catch.caught[def.Catch[i].Name] = n
		if n.title == "any" {
			n.title = "any error"
		}
	}
}

// starts are the nodes of what begins an instance, in the order of startRules.
func (d *drawer) starts(def *topology.Definition) []*node {
	var out []*node
	for _, r := range def.Start {
		out = append(out, d.add(d.top, kindStart, r.Name))
	}
	if def.Child != nil {
		out = append(out, d.add(d.top, kindStart, "run by a workflow"))
	}
	if s := def.Schedule; s != nil {
		text := "every " + topology.FormatDuration(s.Every)
		if s.Cron != "" {
			text = strings.TrimSpace(s.Cron + " " + s.Zone)
		}
		n := d.add(d.top, kindStart, "schedule")
		n.clock = text
		out = append(out, n)
	}
	if def.Deadline != nil && len(out) > 0 {
		out[0].lines = append(out[0].lines, "all within "+timeText(def.Deadline))
	}
	return out
}

func (d *drawer) startRules(def *topology.Definition) [][]*topology.Step {
	var out [][]*topology.Step
	for _, r := range def.Start {
		out = append(out, r.Alternatives)
	}
	if def.Child != nil {
		out = append(out, def.Child)
	}
	if def.Schedule != nil {
		out = append(out, []*topology.Step{{}})
	}
	return out
}

// end is the node of an end of the instance.
func (d *drawer) end(title string, kind nodeKind) *node {
	if d.ends[title] == nil {
		d.ends[title] = d.add(d.top, kind, title)
	}
	return d.ends[title]
}

// create makes the nodes of a list, so that jumps find them.
func (d *drawer) create(in *group, steps []*topology.Step) {
	for _, s := range steps {
		d.steps[s.Name] = d.node(in, s, s.Name)
	}
}

// node makes the node of a step or reaction, with what is inside.
func (d *drawer) node(in *group, s *topology.Step, title string) *node {
	var n *node
	switch a := s.Action.(type) {
	case *topology.Block:
		n = d.addGroup(in, title)
		d.create(n.inner, a.Do)
	case *topology.For:
		n = d.addGroup(in, title)
		n.lines = loopLines(a)
		d.create(n.inner, a.Do)
	case *topology.Fork:
		n = d.addGroup(in, title)
		n.lines, n.inner.branches = []string{forkText(a)}, true
		for _, b := range a.Branches {
			branch := d.addGroup(n.inner, b.Name)
			d.create(branch.inner, b.Do)
		}
	default:
		n = d.add(in, kindOf(s), title, actionLines(s)...)
	}
	n.clock = clockText(s)
	if s.If != nil {
		n.lines = append([]string{"if " + s.If.Text}, n.lines...)
	}
	return n
}

func kindOf(s *topology.Step) nodeKind {
	switch s.Action.(type) {
	case *topology.Listen, *topology.Wait:
		return kindWait
	case *topology.Switch:
		return kindPick
	case *topology.Undo:
		return kindUndo
	}
	if s.Action == nil && s.If != nil {
		return kindPick
	}
	return kindWork
}

// labelHeld labels the ways that a step takes when its condition holds, beside the
// one that is labelled "otherwise".
func labelHeld(n *node, ways []*edge) {
	for _, e := range ways {
		if e.from == n && e.label == "" {
			e.label = "if so"
		}
	}
}

// leaves reports whether nothing follows a step that is done.
func leaves(s *topology.Step) bool {
	switch s.Action.(type) {
	case *topology.Raise, *topology.End:
		return true
	}
	return s.Then != nil
}
