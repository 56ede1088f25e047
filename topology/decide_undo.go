package topology

import (
	"iter"
	"slices"
)

// undoing is the bare word `compensate`: it undoes where it stands, the newest
// first; what ran side by side is undone side by side, with the same bound. Each
// branch that had a part in that is undone in a line of its own, which is a branch
// under the former's ID, and undoes by this word too.
type undoing struct {
	plain
	scope *node // the step or block whose `catch` it stands in; nil: everything
	line  bool  // it undoes what the branch with its own branch's ID has done
}

func (u *undoing) enter(p *pass, b *Branch, n *node)        { u.undoNext(p, b, n) }
func (u *undoing) resume(p *pass, b *Branch, n *node)       { u.undoNext(p, b, n) }
func (*undoing) left(p *pass, b *Branch, _ *node, _ *Frame) { p.cancelBranchesOf(b) }

// undoNext begins the compensation of the newest entry, or lines for what ran side
// by side, or waits for those. The step ends when nothing is left.
func (u *undoing) undoNext(p *pass, b *Branch, n *node) {
	for {
		t := u.next(p, b)
		switch {
		case t.nothing:
			p.done(b)
			return
		case t.entry == nil:
			return
		case t.side != nil:
			p.beginLine(b, *t.side)
		default:
			undo := p.undoOf(t.entry)
			p.note("undo", undo.place, "")
			p.turn(undo.place, t.entry.turn())
			p.push(b, Frame{Place: undo.place, Entry: t.entry})
			p.reactIn(b, undo)
			return
		}
	}
}

// turn tells what was done from what is in doubt.
func (e *Entry) turn() string {
	if e.Done {
		return turnDone
	}
	return turnDoubt
}

// task is what is to be undone next.
type task struct {
	nothing bool   // all is undone
	entry   *Entry // nil: others must be undone first
	side    *Side  // of entry: a line is to be begun for this branch; nil: entry is undone right here
}

// next finds the task. The newest entry decides: if it was made side by side with
// others, those that were come first, as many at once as ran at once.
func (u *undoing) next(p *pass, b *Branch) task {
	r := u.rangeOf(p, b)
	entry, depth := r.newest()
	if entry == nil {
		return task{nothing: true}
	}
	group := p.sideBySide(entry, depth)
	switch {
	case group < 0 && r.atWork(entry, depth):
		return task{}
	case group < 0:
		return task{entry: entry}
	}
	return p.nextOf(r, entry.Line[group], r.newestFirst(entry.Seq+1))
}

// nextOf finds the newest entry of a visit that no line undoes yet. entries are those
// of the range from the newest of the visit on; they are looked at no further than
// until it is known how many lines there are, and not all of them if these are enough.
func (p *pass) nextOf(r undoRange, visit Side, entries iter.Seq2[*Entry, int]) task {
	var found task
	most := p.boundOf(visit.Place)
	if p.inst.beside() >= p.plan.options.Limits.Branches {
		most = 1 // it may have one all the same
	}
	lines := p.linesBeside(r, visit)
	for e, depth := range entries {
		if found.entry != nil && lines.noneBelow(e.Seq) {
			break
		}
		group := p.sideBySide(e, depth)
		if group < 0 || e.Line[group].Visit != visit.Visit {
			continue
		}
		side := &e.Line[group]
		switch {
		case r.isLine(side.Branch):
			if lines.see(side.Branch) == most {
				return task{}
			}
		case found.entry == nil && !r.atWork(e, depth):
			found = task{entry: e, side: side}
		}
	}
	return found
}

// lineTally counts which lines of a visit have something left to undo.
type lineTally struct {
	ids   []int64 // of all lines, sorted
	known []bool  // of each: it was seen, or is not of the visit
	first int     // all before are known
	seen  int
}

// linesBeside are the lines that may be of a visit: their branches are younger.
func (p *pass) linesBeside(r undoRange, visit Side) lineTally {
	l := lineTally{ids: r.lines, known: make([]bool, len(r.lines))}
	for _, b := range p.inst.Branches {
		if at, ok := slices.BinarySearch(l.ids, b.ID); ok {
			l.known[at] = b.Place != visit.Place || b.ID < visit.Visit
		}
	}
	return l
}

// see counts a line once, and returns how many there are.
func (l *lineTally) see(branch int64) int {
	at, _ := slices.BinarySearch(l.ids, branch)
	if !l.known[at] {
		l.known[at] = true
		l.seen++
	}
	return l.seen
}

// noneBelow reports whether no line can be seen for the first time at an entry with a
// number or an older one: entries are younger than their branches.
func (l *lineTally) noneBelow(seq int64) bool {
	for l.first < len(l.ids) && l.known[l.first] {
		l.first++
	}
	return l.first == len(l.ids) || l.ids[l.first] >= seq
}

// undoRange is the entries that one `compensate` undoes.
type undoRange struct {
	p      *pass
	scope  *node   // nil: any
	mark   int64   // later ones only
	branch int64   // made in this branch or one begun by it; 0: anywhere
	lines  []int64 // branches that are being undone, sorted
	busy   []int64 // entries that other branches undo, sorted
	own    []int64 // entries within whose compensation it stands: those are undone already
	live   []int64 // other branches that are at work, sorted
	line   []int64 // the branches in which it stands
}

// rangeOf is what the `compensate` where b stands undoes: in the `catch` of a step
// or block what that has done, in the workflow's everything, in a branch what the
// branch has done. What others still do is never undone.
func (u *undoing) rangeOf(p *pass, b *Branch) undoRange {
	r := undoRange{p: p, scope: u.scope}
	home, mark := b, int64(0)
	if u.scope != nil {
		home, mark = p.standsIn(b, u.scope)
	}
	switch {
	case u.line:
		r.branch = b.ID
	case u.scope == nil && p.isCatching():
	case home.Kind == BranchFork, home.Kind == BranchIteration, home.Kind == BranchAnytime:
		r.branch = home.ID
	}
	r.mark = max(mark, r.branch)
	for _, other := range p.inst.Branches {
		within := p.comesFrom(b, other)
		switch {
		case other.Kind == BranchUndo:
			r.lines = append(r.lines, other.ID)
		case within:
			r.line = append(r.line, other.ID)
		default:
			r.live = append(r.live, other.ID)
		}
		if within {
			r.own = append(r.own, other.undoes()...)
		} else {
			r.busy = append(r.busy, other.undoes()...)
		}
	}
	slices.Sort(r.busy)
	slices.Sort(r.lines)
	slices.Sort(r.live)
	return r
}

// comesFrom reports whether b is other, or was begun by it or by one that was.
func (p *pass) comesFrom(b, other *Branch) bool {
	for at := b; at != nil; at = p.inst.parent(at) {
		if at.ID == other.ID {
			return true
		}
	}
	return false
}

// standsIn returns the branch, b or one that it comes from, that stands in a step,
// and the mark of its frame.
func (p *pass) standsIn(b *Branch, step *node) (*Branch, int64) {
	for at := b; at != nil; at = p.inst.parent(at) {
		for i := range at.Frames {
			if at.Frames[i].Place == step.place {
				return at, at.Frames[i].Mark
			}
		}
	}
	return b, 0
}

// newest returns the newest entry of the range, and how many branches of its line
// are those of the `compensate` itself; nil if there is none.
func (r undoRange) newest() (entry *Entry, depth int) {
	for e, depth := range r.newestFirst(allEntries) {
		return e, depth
	}
	return nil, 0
}

// newestFirst are the entries of the range with numbers below one, the newest first,
// with as much of their lines as newest says.
func (r undoRange) newestFirst(below int64) iter.Seq2[*Entry, int] {
	return func(yield func(*Entry, int) bool) {
		for e := range r.p.inst.newestFirst(below) {
			if e.Seq <= r.mark {
				return
			}
			if depth, ok := r.has(e); ok && !yield(e, depth) {
				return
			}
		}
	}
}

func (r undoRange) has(e *Entry) (depth int, ok bool) {
	if r.branch != 0 {
		if depth = e.depthOf(r.branch); depth == 0 {
			return 0, false
		}
	}
	for i := depth; i < len(e.Line); i++ {
		if slices.Contains(r.line, e.Line[i].Branch) {
			depth = i + 1
		}
	}
	if slices.Contains(r.own, e.Seq) || r.p.undoOf(e) == nil || r.scope != nil && !r.p.plan.nodes[e.Place].within(r.scope) {
		return 0, false
	}
	for _, side := range e.Line[depth:] {
		if _, working := slices.BinarySearch(r.live, side.Branch); working {
			return 0, false
		}
	}
	return depth, true
}

// isLine reports whether a branch is being undone.
func (r undoRange) isLine(branch int64) bool {
	_, ok := slices.BinarySearch(r.lines, branch)
	return ok
}

// undoes returns the numbers of the entries whose compensations b is in.
func (b *Branch) undoes() []int64 {
	var out []int64
	for i := range b.Frames {
		if e := b.Frames[i].Entry; e != nil {
			out = append(out, e.Seq)
		}
	}
	return out
}

// atWork reports whether a line undoes e, or another `compensate` that stands side by
// side with this one: nothing is undone twice.
func (r undoRange) atWork(e *Entry, depth int) bool {
	if _, busy := slices.BinarySearch(r.busy, e.Seq); busy {
		return true
	}
	return slices.ContainsFunc(e.Line[depth:], func(s Side) bool { return r.isLine(s.Branch) })
}

// sideBySide returns the first place from depth on in the line of e at which it
// was made side by side with others, or -1.
func (p *pass) sideBySide(e *Entry, depth int) int {
	for i := depth; i < len(e.Line); i++ {
		if p.boundOf(e.Line[i].Place) > 1 {
			return i
		}
	}
	return -1
}

// boundOf is how many branches a fork or loop runs at once; 1 for any other step.
func (p *pass) boundOf(place string) int {
	if n := p.plan.nodes[place]; n != nil && n.lines != nil {
		return n.word.(branching).bound()
	}
	return 1
}

// beginLine begins a line that undoes what a branch has done.
func (p *pass) beginLine(b *Branch, side Side) {
	p.branchOff(b, &Branch{
		ID: side.Branch, Parent: b.ID, Kind: BranchUndo, Place: side.Place,
		Next: p.plan.nodes[side.Place].lines.place,
	})
}

// undone is where the compensation of an entry has run through and was left: the
// entry goes, and the next one follows.
func (p *pass) undone(b *Branch, entry *Entry) {
	p.removeEntry(entry.Seq)
	p.note("undone", entry.Place, "")
	b.Next = b.top().Place
	p.wakeOthers(b)
}

// wakeOthers lets every other `compensate` look again, for b undoes no more what they
// may wait for. A line is not waited for by its entries, but as a whole.
func (p *pass) wakeOthers(b *Branch) {
	if b.Kind == BranchUndo {
		return
	}
	for _, other := range slices.Clone(p.inst.Branches) {
		if f := other.top(); f != nil && other.ID != b.ID && other.Kind != BranchUndo && other.Next == "" && p.nodeOf(f).undoes() {
			p.change(other).Next = f.Place
		}
	}
}

// lineUndone is where a line has come to its end.
func (p *pass) lineUndone(b *Branch) {
	p.prune(b)
	p.wake(b)
}

// wake lets all look again who may wait for a line that is gone: each `compensate`,
// and the loop whose lost iteration it was.
func (p *pass) wake(line *Branch) {
	for _, other := range slices.Clone(p.inst.Branches) {
		f := other.top()
		if f == nil || other.Next != "" {
			continue
		}
		if p.nodeOf(f).undoes() || f.Loop != nil && f.Place == line.Place {
			p.change(other).Next = f.Place
		}
	}
}

// linesOf is how many branches of a visit are being undone.
func (p *pass) linesOf(visit int64, place string) int {
	n := 0
	for _, b := range p.inst.Branches {
		if b.Kind == BranchUndo && b.Place == place && p.isOfVisit(b, visit) {
			n++
		}
	}
	return n
}

func (p *pass) isOfVisit(line *Branch, visit int64) bool {
	e := p.newestOf(line.ID)
	return e != nil && e.Line[e.depthOf(line.ID)-1].Visit == visit
}
