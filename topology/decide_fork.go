package topology

// forking is `fork`: named branches side by side, until enough have finished.
type forking struct {
	plain
	names []string
	steps []*list
	join  Join
}

func (c *compiler) fork(n *node, a *Fork, ctx context) word {
	w := &forking{join: a.Join}
	for i, branch := range a.Branches {
		inner := ctx
		inner.scope = c.scopes.forks[a][i]
		c.notEmpty(branch.Do, branch.Pos, branch.Name)
		w.names = append(w.names, branch.Name)
		w.steps = append(w.steps, c.list(branch.Do, n, n.outerList(), inner))
	}
	c.undoLines(n, ctx)
	return w
}

func (k *forking) lists() []*list { return k.steps }
func (k *forking) bound() int     { return len(k.steps) }

func (k *forking) enter(p *pass, b *Branch, n *node) {
	if !p.armWhole(b, n) || !p.fits(b, n, len(k.steps)) {
		return
	}
	p.visit(b, &Loop{Count: len(k.steps), Begun: len(k.steps)})
	for i, l := range k.steps {
		p.branchOff(b, &Branch{
			ID: p.number(), Parent: b.ID, Kind: BranchFork, Place: n.place,
			Name: k.names[i], Index: i, Next: l.steps[0].place,
		})
		p.note("branch", n.place, k.names[i])
	}
}

func (k *forking) finished(p *pass, b *Branch, n *node, branch *Branch) {
	p.prune(branch)
	loop := p.loop(b)
	loop.Finished++
	if loop.Finished >= k.join.need(loop.Count) {
		if loop.running() > 0 {
			p.turn(n.place, turnJoin)
		}
		p.loseBranchesOf(b)
		p.done(b)
	}
}

func (k *forking) spares(f *Frame) bool {
	return f.Loop.Count-f.Loop.Lost-1 >= k.join.need(f.Loop.Count)
}

func (k *forking) lost(p *pass, b *Branch, _ *node, branch *Branch, _ *Failure) {
	p.loop(b).Lost++
	p.lose(branch)
}

func (*forking) fire(p *pass, b *Branch, n *node, depth int, _ timerKind) { p.fireWhole(b, n, depth) }

func (*forking) left(p *pass, b *Branch, _ *node, _ *Frame) { p.cancelBranchesOf(b) }
