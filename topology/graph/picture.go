package graph

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rondo/topology"
	"rondo/topology/diag"
)

// Picture is what a workflow looks like.
type Picture struct {
	title string
	top   *group
	edges []*edge
	count int // nodes so far
}

// group is nodes that stand together: the picture as a whole, or what is inside
// of a node.
type group struct {
	owner *node // nil: the picture
	nodes []*node
}

type nodeKind string

const (
	kindStart nodeKind = "start" // what begins an instance, or a reaction
	kindWork  nodeKind = "work"  // sends, runs
	kindWait  nodeKind = "wait"  // listens, waits
	kindPick  nodeKind = "pick"  // chooses
	kindGroup nodeKind = "group" // a block, fork, branch or loop
	kindEnd   nodeKind = "end"   // completed
	kindFail  nodeKind = "fail"  // failed
	kindUndo  nodeKind = "undo"  // a compensation
	kindExit  nodeKind = "exit"  // the end of a list
)

type node struct {
	id    string
	kind  nodeKind
	title string
	lines []string // what it does
	clock string   // its times; ""
	in    *group
	inner *group // of a group
}

type edgeKind string

const (
	edgeFlow  edgeKind = "flow"
	edgeError edgeKind = "error"
	edgeUndo  edgeKind = "undo" // to the compensation
)

type edge struct {
	from, to *node
	label    string
	kind     edgeKind
}

// Of draws a definition. It must be without errors.
func Of(def *topology.Definition) *Picture {
	p := &Picture{title: fmt.Sprintf("%s, version %d", def.Name, def.Version), top: &group{}}
	d := &drawer{Picture: p, steps: map[string]*node{}, ends: map[string]*node{}}
	d.definition(def)
	p.merge()
	return p
}

// drawer makes a picture of a definition.
type drawer struct {
	*Picture
	steps map[string]*node // by name
	ends  map[string]*node // by title
	catch *handler         // of the workflow
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

func (p *Picture) add(in *group, kind nodeKind, title string, lines ...string) *node {
	p.count++
	n := &node{id: fmt.Sprintf("n%d", p.count), kind: kind, title: title, lines: lines, in: in}
	in.nodes = append(in.nodes, n)
	return n
}

func (p *Picture) addGroup(in *group, title string) *node {
	n := p.add(in, kindGroup, title)
	n.inner = &group{owner: n}
	return n
}

func (p *Picture) connect(from, to *node, label string, kind edgeKind) {
	if from != nil && to != nil {
		p.edges = append(p.edges, &edge{from, to, label, kind})
	}
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
		n.lines = []string{forkText(a)}
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
	for _, n := range list.in.nodes {
		if n.kind == kindExit {
			return n
		}
	}
	return d.add(list.in, kindExit, "")
}

// action draws the ways out of what a step does. raised collects which messages
// raise errors that the step itself catches.
func (d *drawer) action(n *node, s *topology.Step, after *node, next, list spot, raised map[string][]string) {
	switch a := s.Action.(type) {
	case *topology.Send:
		d.outcomes(n, a.Await, after, next, list, raised)
	case *topology.Run:
		d.outcomes(n, a.Await, after, next, list, raised)
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

func whenText(s *topology.Step) string {
	if s.When != nil {
		return "if " + s.When.Text
	}
	return "otherwise"
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
// which they are reached, for the order of nodes is that of the file.
func (d *drawer) behind(n *node, in *group, from int) {
	added := slices.Clone(in.nodes[from:])
	i := slices.Index(in.nodes, lifted(n, in)) + 1
	in.nodes = slices.Insert(in.nodes[:from:from], max(i, 0), added...)
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
			key := name
			if h.caught[name] == nil {
				key = "any"
			}
			raised[key] = append(raised[key], label)
			return
		default:
			d.connect(n, to, joinTexts(label, name), edgeError)
			return
		}
	}
	d.connect(n, d.end("all undone, failed: "+name, kindFail), label, edgeError)
}

func (d *drawer) endOf(a *topology.End) *node {
	if a.Fail == nil {
		return d.end("completed", kindEnd)
	}
	return d.end("failed: "+failText(a.Fail), kindFail)
}

func failText(t *topology.Template) string {
	if t.Expr != nil {
		return t.Expr.Text
	}
	return fmt.Sprint(t.Literal)
}

func errorText(a *topology.Raise) string {
	if a.Name != nil {
		return a.Name.Text
	}
	return a.Error
}

// merge joins edges between the same nodes, and drops labels where there is no
// choice.
func (p *Picture) merge() {
	var out []*edge
	for _, e := range p.edges {
		i := slices.IndexFunc(out, func(o *edge) bool { return o.from == e.from && o.to == e.to && o.kind == e.kind })
		switch {
		case i < 0:
			out = append(out, e)
		case out[i].label == "" || e.label == "":
			out[i].label = ""
		case !slices.Contains(strings.Split(out[i].label, " / "), e.label):
			out[i].label += " / " + e.label
		}
	}
	p.edges = out
	for _, e := range out {
		if e.kind == edgeFlow && !p.hasChoice(e) && e.from.kind != kindPick && (!strings.Contains(e.label, "if ") || strings.Contains(e.label, "otherwise")) {
			e.label = ""
		}
	}
	p.order()
}

func (p *Picture) hasChoice(e *edge) bool {
	return slices.ContainsFunc(p.edges, func(o *edge) bool { return o != e && o.from == e.from && o.kind != edgeUndo })
}

// order puts the ends of the instance last.
func (p *Picture) order() {
	rank := func(n *node) int {
		switch {
		case n.kind == kindExit, n.kind == kindEnd && n.in == p.top:
			return 2
		case n.kind == kindFail && n.in == p.top:
			return 1
		}
		return 0
	}
	p.each(p.top, func(g *group) {
		slices.SortStableFunc(g.nodes, func(a, b *node) int { return rank(a) - rank(b) })
	})
}

func (p *Picture) each(g *group, do func(*group)) {
	do(g)
	for _, n := range g.nodes {
		if n.inner != nil {
			p.each(n.inner, do)
		}
	}
}

// actionLines say what a step does.
func actionLines(s *topology.Step) []string {
	switch a := s.Action.(type) {
	case *topology.Send:
		return append([]string{"send " + a.Message}, namesLines("await", a.Await)...)
	case *topology.Run:
		return append([]string{"run " + a.Workflow}, namesLines("await", a.Await)...)
	case *topology.Listen:
		lines := namesLines("listen for", a.Rules)
		if a.Until != nil {
			lines = append(lines, "until "+a.Until.Text)
		}
		return lines
	case *topology.Undo:
		return []string{"undo what was done, newest first"}
	case *topology.Raise:
		return []string{"raise " + errorText(a)}
	}
	return nil
}

// namesLines lists messages, a few on a line.
func namesLines(word string, rules []*topology.Rule) []string {
	var lines []string
	line := word
	for i, r := range rules {
		text := r.Name
		if i+1 < len(rules) {
			text += ","
		}
		if len(line)+len(text) > 38 && line != word {
			lines = append(lines, line)
			line = "  "
		}
		line += " " + text
	}
	if line == word {
		return nil
	}
	return append(lines, line)
}

// clockText says what times a step has.
func clockText(s *topology.Step) string {
	var parts []string
	if w, ok := s.Action.(*topology.Wait); ok {
		parts = append(parts, "wait "+timeText(w.For))
	}
	if s.Timeout != nil {
		parts = append(parts, "within "+timeText(s.Timeout))
	}
	if l, ok := s.Action.(*topology.Listen); ok && l.Idle != nil {
		parts = append(parts, "silent for "+timeText(l.Idle))
	}
	switch r := s.Retry; {
	case r == nil:
	case r.Attempts == 0:
		parts = append(parts, "tried again without end")
	case r.Attempts > 1:
		parts = append(parts, fmt.Sprintf("%d attempts", r.Attempts))
	}
	return strings.Join(parts, ", ")
}

func timeText(t *topology.When) string {
	if t.Expr != nil {
		return t.Expr.Text
	}
	return topology.FormatDuration(t.Duration.Round(time.Millisecond))
}

func loopLines(a *topology.For) []string {
	var parts []string
	if a.In != nil {
		list := "a list"
		if a.In.Expr != nil {
			list = a.In.Expr.Text
		}
		parts = append(parts, "for each "+a.Each+" in "+list)
	}
	if a.While != nil {
		parts = append(parts, "while "+a.While.Text)
	}
	if a.Parallel > 1 {
		parts = append(parts, fmt.Sprintf("%d at once", a.Parallel))
	}
	return append(parts, joinText(a.Join)...)
}

func forkText(a *topology.Fork) string {
	return strings.Join(append([]string{"side by side"}, joinText(a.Join)...), ", ")
}

func joinText(j topology.Join) []string {
	switch j.Mode {
	case "any":
		return []string{"until one has finished"}
	case "n":
		return []string{"until " + diag.CountOf(j.N, "has", "have") + " finished"}
	}
	return nil
}

func joinTexts(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ": " + b
}
