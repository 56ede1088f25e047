package graph

import (
	"fmt"
	"slices"
	"strings"
)

// Mermaid writes a flowchart for Markdown.
func (p *Picture) Mermaid() string {
	var out strings.Builder
	out.WriteString("flowchart TD\n")
	p.mermaidGroup(&out, p.top, "  ")
	for _, e := range p.edges {
		fmt.Fprintf(&out, "  %s %s %s\n", e.from.id, mermaidArrow(e), e.to.id)
	}
	if groups := p.groups(); len(groups) > 0 {
		// Half transparent, so that it suits a light page and a dark one.
		fmt.Fprintf(&out, "  classDef group fill:#80808018,stroke:#9a9a9a\n  class %s group\n", strings.Join(groups, ","))
	}
	out.WriteString("  classDef start fill:#e3f4e5,stroke:#3a7d44,color:#1d2b1f\n" +
		"  classDef work fill:#eaf1fb,stroke:#3b6fb6,color:#1b2a41\n" +
		"  classDef wait fill:#fdf5dc,stroke:#b58900,color:#3b3009\n" +
		"  classDef pick fill:#f1eafa,stroke:#7a52b3,color:#2b1d40\n" +
		"  classDef end_ fill:#e8e8e8,stroke:#666666,color:#222222\n" +
		"  classDef fail fill:#fbe7e6,stroke:#b5403a,color:#45140f\n" +
		"  classDef undo fill:#ffffff,stroke:#888888,color:#444444,stroke-dasharray:4 3\n")
	return out.String()
}

// groups are the ids of all nodes that have others inside.
func (p *Picture) groups() []string {
	var ids []string
	p.each(p.top, func(g *group) {
		if g.owner != nil {
			ids = append(ids, g.owner.id)
		}
	})
	return ids
}

func (p *Picture) mermaidGroup(out *strings.Builder, g *group, indent string) {
	for _, n := range inMermaidOrder(g) {
		if n.inner == nil {
			fmt.Fprintf(out, "%s%s\n", indent, mermaidNode(n))
			continue
		}
		fmt.Fprintf(out, "%ssubgraph %s[\"%s\"]\n%s  direction TB\n", indent, n.id, mermaidText(strings.Join(n.texts("⏱ "), ", ")), indent) // in one line: a second one would lie upon what is inside
		p.mermaidGroup(out, n.inner, indent+"  ")
		fmt.Fprintf(out, "%send\n", indent)
	}
}

// inMermaidOrder are the nodes of a group as they have to be written to stand in the
// order of the file: of branches without ways between them Mermaid puts the last one
// on the left.
func inMermaidOrder(g *group) []*node {
	if !g.branches {
		return g.nodes
	}
	turned := slices.Clone(g.nodes)
	slices.Reverse(turned)
	return turned
}

func mermaidNode(n *node) string {
	text := mermaidText(strings.Join(n.texts("⏱ "), "<br>"))
	open, shut := "[", "]"
	switch n.kind {
	case kindStart, kindEnd, kindFail:
		open, shut = "([", "])"
	case kindPick:
		open, shut = "{{", "}}"
	case kindExit:
		return n.id + "((\" \")):::end_"
	}
	class := string(n.kind)
	if n.kind == kindEnd {
		class = "end_" // `end` is a word of Mermaid
	}
	return fmt.Sprintf("%s%s\"%s\"%s:::%s", n.id, open, text, shut, class)
}

func mermaidArrow(e *edge) string {
	arrow := "-->"
	if e.kind != edgeFlow {
		arrow = "-.->"
	}
	if e.label == "" {
		return arrow
	}
	return fmt.Sprintf("%s|\"%s\"|", arrow, mermaidText(e.label))
}

// mermaidText escapes what Mermaid takes for its own; line breaks stay.
func mermaidText(text string) string {
	parts := strings.Split(text, "<br>")
	for i, part := range parts {
		parts[i] = strings.NewReplacer("#", "#35;", "%", "#37;", "\"", "#quot;", "<", "#lt;", ">", "#gt;", "&", "#amp;", "`", "#96;").Replace(part)
	}
	return strings.Join(parts, "<br>")
}

// texts are the lines of a node, the clock last.
func (n *node) texts(clock string) []string {
	var out []string
	if n.title != "" {
		out = append(out, n.title)
	}
	out = append(out, n.lines...)
	if n.clock != "" {
		out = append(out, clock+n.clock)
	}
	return out
}
