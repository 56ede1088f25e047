package topology

import (
	"fmt"
	"reflect"
	"slices"

	"rondo/topology/expr"
)

// course is where an instance can go in a plan.
type course struct {
	plan  *Plan
	graph *wayGraph
	nodes []*node // in the order of the file, without those that no author wrote
	to    map[*way][]*way
	node  map[*way]*node // of the way inside of it
}

func courseOf(p *Plan) *course {
	c := &course{plan: p, graph: wayGraphOf(p), to: map[*way][]*way{}, node: map[*way]*node{}}
	for _, place := range p.Places() {
		c.nodes = append(c.nodes, p.nodes[place])
	}
	slices.SortFunc(c.nodes, func(a, b *node) int { return a.order - b.order })
	for _, place := range sortedKeys(p.nodes) {
		n := p.nodes[place]
		c.node[c.graph.inside[n]] = n
		for _, w := range []*way{c.graph.inside[n], c.graph.behind[n]} {
			for _, before := range w.from {
				c.to[before] = append(c.to[before], w)
			}
		}
	}
	return c
}

// ahead are the nodes to which an instance can come that waits at n: on its own
// line, and in the branches beside it. The way ends at a node for which stop
// holds; nil: nowhere.
func (c *course) ahead(n *node, stop func(*node) bool) map[*node]bool {
	from := slices.Clone(c.to[c.graph.inside[n]])
	for at := n; at != nil; at = at.around() {
		for _, handler := range alternativesOf(at.catch) {
			from = append(from, c.graph.inside[handler])
		}
		if _, branches := at.word.(branching); branches && at != n {
			from = append(from, c.graph.inside[at])
		}
	}
	out := c.reached(from, stop)
	out[n] = true
	return out
}

func (c *course) reached(from []*way, stop func(*node) bool) map[*node]bool {
	out, seen := map[*node]bool{}, map[*way]bool{}
	for len(from) > 0 {
		w := from[len(from)-1]
		from = from[:len(from)-1]
		if seen[w] {
			continue
		}
		seen[w] = true
		n := c.node[w]
		if n != nil {
			out[n] = true
		}
		if n == nil || stop == nil || !stop(n) {
			from = append(from, c.to[w]...)
		}
	}
	return out
}

// root is the outermost step or reaction around n.
func (n *node) root() *node {
	for n.around() != nil {
		n = n.around()
	}
	return n
}

// isReaction holds for what stands in `anytime` or the workflow's `catch`.
func (n *node) isReaction() bool {
	role := n.root().role
	return role == roleAnytime || role == roleCatch
}

// isOnLine holds for what stands in the workflow's `do`.
func (n *node) isOnLine() bool { return n.root().role == roleStep }

// reactsAt holds for reactions of a step, and theirs, without steps of their own.
func (n *node) reactsAt(step *node) bool {
	for n.owner != nil && n.list == nil {
		if n = n.owner; n == step {
			return true
		}
	}
	return false
}

// readSet are the variables that a step reads itself: before it has set its own,
// and at all.
type readSet struct{ first, all map[string]bool }

// readsOf are the variables that expressions of each node read.
func readsOf(p *Plan) map[*node]readSet {
	scope := expr.NewScope(slices.Concat(variableNames(newOutline(p.definition)), builtInVariables())...)
	rows := map[string]expr.Type{}
	for _, t := range p.definition.Tables {
		rows[t.Name] = expr.Type{}
	}
	scope = scope.WithTables(rows)
	read := func(v reflect.Value, into map[string]bool) {
		eachOwnExpr(v, func(e *Expr) {
			if program, _ := expr.Compile(e.Text, scope); program != nil {
				for _, name := range program.Reads() {
					into[name] = true
				}
			}
		})
	}
	out := map[*node]readSet{}
	for _, place := range p.Places() {
		n := p.nodes[place]
		r := readSet{map[string]bool{}, map[string]bool{}}
		read(valueOf(n.step.Set), r.first)
		read(valueOf(n.step.If), r.first)
		read(valueOf(n.step.When), r.first)
		read(valueOf(*n.step), r.all)
		out[n] = r
	}
	return out
}

// eachOwnExpr visits all expressions within a piece of a definition, but for those
// of steps and reactions nested in it.
func eachOwnExpr(v reflect.Value, visit func(*Expr)) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return
		}
		switch e := v.Interface().(type) {
		case *Expr:
			visit(e)
		case *Step:
		default:
			eachOwnExpr(v.Elem(), visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				eachOwnExpr(v.Field(i), visit)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		for i := range v.Len() {
			eachOwnExpr(v.Index(i), visit)
		}
	}
}

// sets reports whether a node has set a variable by the time it is left.
func (n *node) sets(name string) bool {
	return slices.ContainsFunc(n.step.Set, func(a Assignment) bool { return a.Name == name })
}

// freshVariables are what only the newer version sets, and its `migrate` does not.
func freshVariables(older, newer *Plan) []string {
	known := variableNames(newOutline(older.definition))
	for _, a := range newer.definition.Migrate.Set {
		known = append(known, a.Name)
	}
	return slices.DeleteFunc(variableNames(newOutline(newer.definition)), func(name string) bool { return slices.Contains(known, name) })
}

// nulls are the variables that nothing has set when a step reads them on the way
// of an instance that waits at n already, or enters it.
func (c *comparing) nulls(n *node, enters bool) []Change {
	return c.nullsFrom(func(stop func(*node) bool) map[*node]bool {
		if enters && stop(n) {
			return map[*node]bool{n: true}
		}
		return c.now.ahead(n, stop)
	}, (*node).isOnLine)
}

func (c *comparing) nullsFrom(reach func(stop func(*node) bool) map[*node]bool, keep func(*node) bool) []Change {
	var out []Change
	for _, name := range c.fresh {
		reached := reach(func(n *node) bool { return n.sets(name) || n.collects(name) })
		for _, n := range c.now.nodes {
			r := c.reads[n]
			if reached[n] && keep(n) && (r.first[name] || r.all[name] && !n.sets(name)) && !n.isItem(name) {
				out = append(out, Change{n.place, ChangeVariable, fmt.Sprintf("reads %s, which may never have been set", name)})
			}
		}
	}
	return out
}

// collects holds for a loop that gives a list: it is set by the time it is left.
func (n *node) collects(name string) bool {
	loop, isLoop := n.step.Action.(*For)
	return isLoop && slices.ContainsFunc(loop.Collect, func(a Assignment) bool { return a.Name == name })
}

// isItem holds within a loop whose item has the name.
func (n *node) isItem(name string) bool {
	for at := n; at != nil; at = at.around() {
		if loop, isLoop := at.step.Action.(*For); isLoop && loop.Each == name {
			return true
		}
	}
	return false
}

// variablesEverywhere are those that the newer version does not know, and those
// that reactions of the workflow read unset.
func (c *comparing) variablesEverywhere() []Change {
	known := variableNames(newOutline(c.newer.definition))
	var out []Change
	for _, name := range c.older.vars {
		if !slices.Contains(known, name) {
			out = append(out, Change{"", ChangeVariable, name + " stays, and nothing reads it any more"})
		}
	}
	var roots []*way
	for _, n := range slices.Concat(alternativesOf(c.newer.anytime), alternativesOf(c.newer.catch)) {
		roots = append(roots, c.now.graph.inside[n])
	}
	out = append(out, c.nullsFrom(func(stop func(*node) bool) map[*node]bool { return c.now.reached(roots, stop) }, (*node).isReaction)...)
	return out
}
