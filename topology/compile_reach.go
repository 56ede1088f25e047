package topology

// reach finds out for each step and reaction which listens can still come once
// an instance waits there. It goes through the ways that a definition has: what
// a step can lead to within itself, its `catch`, its `then`, the next step, the
// end of its list.
func (c *compiler) reach() {
	p := c.plan
	g := wayGraphOf(p)
	g.settle()
	for _, n := range p.nodes {
		n.reach = g.inside[n].listens
		n.rescued = g.union(alternativesOf(n.catch))
		if call, isCall := n.word.(*calling); isCall && call.retry(n) != nil {
			n.rescued.addAll(n.reach) // another attempt waits again
		}
		if l, isListen := n.word.(*listening); isListen && l.until != nil {
			n.rescued.addAll(n.reach) // it listens on after a reaction
		}
		n.behind = newListenSet(g.size)
		n.behind.addAll(g.behind[n].listens)
		n.behind.addAll(n.rescued)
	}
	p.aside = g.union(alternativesOf(p.anytime))
	p.rescue = g.union(alternativesOf(p.catch))
	for _, n := range c.listens {
		for _, r := range n.word.takes() {
			if p.listeners[r.name] == nil {
				p.listeners[r.name] = newListenSet(g.size)
			}
			p.listeners[r.name].add(n.listen)
		}
	}
}

// wayGraph has two ways for each node: inside, where the instance waits at it
// or enters it, and behind, where it leaves it.
type wayGraph struct {
	plan   *Plan
	size   int
	inside map[*node]*way
	behind map[*node]*way
}

// wayGraphOf links the ways of a plan.
func wayGraphOf(p *Plan) *wayGraph {
	g := &wayGraph{plan: p, inside: make(map[*node]*way), behind: make(map[*node]*way)}
	places := sortedKeys(p.nodes)
	for _, place := range places {
		g.size = max(g.size, p.nodes[place].listen+1)
	}
	for _, place := range places {
		g.inside[p.nodes[place]], g.behind[p.nodes[place]] = g.newWay(), g.newWay()
	}
	for _, place := range places {
		g.link(p.nodes[place])
	}
	return g
}

// way is a vertex: the listens that can be reached from it, and the ways that
// lead to it.
type way struct {
	listens listenSet
	from    []*way
}

func (g *wayGraph) newWay() *way { return &way{listens: newListenSet(g.size)} }

// lead notes that one can go from a to b.
func lead(a, b *way) { b.from = append(b.from, a) }

func (g *wayGraph) link(n *node) {
	here, after := g.inside[n], g.behind[n]
	if n.listen >= 0 {
		here.listens.add(n.listen)
	}
	lead(here, after)
	for _, r := range n.word.reactions() {
		lead(here, g.inside[r])
	}
	for _, r := range alternativesOf(n.catch) {
		lead(here, g.inside[r])
	}
	for _, l := range n.word.lists() {
		if len(l.steps) > 0 {
			lead(here, g.inside[l.steps[0]])
		}
	}
	if _, undoes := n.word.(*undoing); undoes {
		g.linkCompensations(here)
	}
	g.linkBehind(n, after)
}

func (g *wayGraph) linkCompensations(here *way) {
	for _, n := range g.plan.nodes {
		if n.role == roleCompensation {
			lead(here, g.inside[n])
		}
	}
}

// linkBehind notes where n leads when it is done.
func (g *wayGraph) linkBehind(n *node, after *way) {
	if n.then != nil && g.linkThen(n, after) {
		return
	}
	switch n.role {
	case roleStep:
		g.linkNext(n.next, n.list, after)
	case roleOutcome:
		lead(after, g.behind[n.owner])
		if l, isListen := n.owner.word.(*listening); isListen && l.until != nil {
			lead(after, g.inside[n.owner])
		}
	case roleHandler:
		lead(after, g.behind[n.owner])
	case roleStart:
		g.linkNext(first(g.plan.top), g.plan.top, after)
	}
}

func first(l *list) *node {
	if len(l.steps) == 0 {
		return nil
	}
	return l.steps[0]
}

// linkNext leads to a step, or to the end of its list. What comes behind a branch
// or an iteration, others included, is reached by the step that has begun it.
func (g *wayGraph) linkNext(next *node, l *list, after *way) {
	switch {
	case next != nil:
		lead(after, g.inside[next])
	case l != nil && l.owner != nil:
		if _, branches := l.owner.word.(branching); !branches {
			lead(after, g.behind[l.owner])
		}
	}
}

// linkThen leads to the target of a `then`: false if it may also not be
// followed (its expression may be skipped by an operator, the step by its `if`).
func (g *wayGraph) linkThen(n *node, after *way) bool {
	switch {
	case n.then.to != nil:
		lead(after, g.inside[n.then.to])
	case n.then.exit:
		g.linkNext(nil, n.jumps, after)
	default:
		for l := n.jumps; l != nil; l = l.outer {
			for _, step := range l.steps {
				lead(after, g.inside[step])
			}
		}
		return false
	}
	return n.cond == nil
}

// settle carries the listens back along the ways until nothing changes.
func (g *wayGraph) settle() {
	var work []*way
	for _, ways := range []map[*node]*way{g.inside, g.behind} {
		for _, w := range ways {
			work = append(work, w)
		}
	}
	for len(work) > 0 {
		w := work[len(work)-1]
		work = work[:len(work)-1]
		for _, before := range w.from {
			if before.listens.addAll(w.listens) {
				work = append(work, before)
			}
		}
	}
}

// union is what can be reached from any of the nodes.
func (g *wayGraph) union(nodes []*node) listenSet {
	out := newListenSet(g.size)
	for _, n := range nodes {
		out.addAll(g.inside[n].listens)
	}
	return out
}
