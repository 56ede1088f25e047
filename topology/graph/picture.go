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
	falls []*edge // to the end of the group, where nothing follows: to is nil
	count int     // nodes so far
}

// group is nodes that stand together: the picture as a whole, or what is inside
// of a node.
type group struct {
	owner    *node // nil: the picture
	nodes    []*node
	branches bool // the nodes are the branches of a fork
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
	// aside: it has ways that are drawn from a block around it.
	aside bool
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
	d := &drawer{Picture: p, steps: map[string]*node{}, ends: map[string]*node{}, last: map[*node]*node{}, came: map[*node]map[string][]string{}}
	d.definition(def)
	p.showEnds()
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

// connect draws an edge. One to a block around its own node goes to the block's
// beginning: there the block is entered again.
func (p *Picture) connect(from, to *node, label string, kind edgeKind) {
	switch {
	case from == nil:
	case to == nil:
		p.falls = append(p.falls, &edge{from, nil, label, kind})
	default:
		if isAround(to, from) {
			to = leaf(to, false)
		}
		p.edges = append(p.edges, &edge{from, to, label, kind})
	}
}

// isAround reports whether a node stands inside of another.
func isAround(outer, inner *node) bool {
	for owner := inner.in.owner; owner != nil; owner = owner.in.owner {
		if owner == outer {
			return true
		}
	}
	return false
}

// showEnds marks the end of a group where one of several ways leads there: else the
// others would seem to be taken always.
func (p *Picture) showEnds() {
	for _, e := range p.falls {
		if e.label == "" || e.from.in.owner == nil || !p.hasChoice(e) {
			continue
		}
		p.connect(e.from, p.exitOf(e.from.in), e.label, e.kind)
	}
}

// exitOf is the mark at the end of a group.
func (p *Picture) exitOf(in *group) *node {
	for _, n := range in.nodes {
		if n.kind == kindExit {
			return n
		}
	}
	return p.add(in, kindExit, "")
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
	return e.from.aside || slices.ContainsFunc(p.edges, func(o *edge) bool { return o != e && o.from == e.from && o.kind != edgeUndo })
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
