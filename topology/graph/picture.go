package graph

import (
	"fmt"
	"slices"
	"strings"

	"rondo/topology"
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
	d := &drawer{Picture: p, steps: map[string]*node{}, ends: map[string]*node{}, last: map[*node]*node{}}
	d.definition(def)
	p.merge()
	return p
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
