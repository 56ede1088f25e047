package graph

import (
	"fmt"
	"strings"
)

// DOT writes the picture for Graphviz.
func (p *Picture) DOT() string {
	var out strings.Builder
	fmt.Fprintf(&out, "digraph %s {\n  compound=true\n  graph [fontname=\"Helvetica\", fontsize=11, color=\"#9a9a9a\"]\n  node [fontname=\"Helvetica\", fontsize=11, style=\"filled,rounded\", shape=box]\n  edge [fontname=\"Helvetica\", fontsize=10]\n", dotText(p.title))
	dotGroup(&out, p.top, "  ")
	for _, e := range p.edges {
		dotEdge(&out, e)
	}
	out.WriteString("}\n")
	return out.String()
}

func dotGroup(out *strings.Builder, g *group, indent string) {
	for _, n := range g.nodes {
		if n.inner == nil {
			fmt.Fprintf(out, "%s%s [label=%s%s]\n", indent, n.id, dotText(strings.Join(n.texts("⏱ "), "\n")), dotStyle(n))
			continue
		}
		fmt.Fprintf(out, "%ssubgraph cluster_%s {\n%s  label=%s\n%s  style=rounded\n", indent, n.id, indent, dotText(strings.Join(n.texts("⏱ "), "\n")), indent)
		dotGroup(out, n.inner, indent+"  ")
		fmt.Fprintf(out, "%s}\n", indent)
	}
}

func dotStyle(n *node) string {
	c := colours[n.kind]
	style := fmt.Sprintf(", fillcolor=%q, color=%q", c.fill, c.line)
	switch n.kind {
	case kindUndo:
		style += `, style="filled,rounded,dashed"`
	case kindExit:
		style += `, shape=point`
	case kindPick:
		style += `, shape=hexagon, style=filled`
	}
	return style
}

// dotEdge draws an edge from or to a group by one of its nodes, cut at its border.
func dotEdge(out *strings.Builder, e *edge) {
	var attributes []string
	if e.label != "" {
		attributes = append(attributes, "label="+dotText(e.label))
	}
	if e.kind != edgeFlow {
		attributes = append(attributes, "style=dashed")
	}
	again := e.from == e.to // a block is entered again: an edge within it cannot be cut at its border
	if e.from.inner != nil && !again {
		attributes = append(attributes, "ltail=cluster_"+e.from.id)
	}
	if e.to.inner != nil && !again {
		attributes = append(attributes, "lhead=cluster_"+e.to.id)
	}
	fmt.Fprintf(out, "  %s -> %s", leaf(e.from, true).id, leaf(e.to, false).id)
	if len(attributes) > 0 {
		fmt.Fprintf(out, " [%s]", strings.Join(attributes, ", "))
	}
	out.WriteString("\n")
}

// leaf is the last or first node inside of a group.
func leaf(n *node, last bool) *node {
	for n.inner != nil && len(n.inner.nodes) > 0 {
		i := 0
		if last {
			i = len(n.inner.nodes) - 1
		}
		n = n.inner.nodes[i]
	}
	return n
}

func dotText(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text) + `"`
}
