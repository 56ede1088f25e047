package topology

import "slices"

// outline is where everything stands: the lists of steps, what is nested in
// what, and from where which step can be jumped to.
type outline struct {
	top   *listing
	lists []*listing
	steps []*Step // all steps and reactions, in the order of the definition
	named map[string]*Step
	sites map[*Step]site
	// blocks are the lists of steps and reactions: one of a block or a loop, one
	// for each branch of a fork.
	blocks map[*Step][]*listing

	start, anytime, catch []*Step   // the reactions of the workflow
	roots                 [][]*Step // the same, those of one message or error together: the first that holds is taken
	rescue                []*Rule   // its catch
}

// listing is one list of steps: the top list, or that of a block.
type listing struct {
	steps  []*Step
	outer  *listing // nil: the top list
	owner  *Step    // whose block, branch or loop it is; nil: the workflow
	sealed bool     // no jump leads out of it
	depth  int      // 1 is the top list
	byName map[string]*Step
}

// site is where a step or a reaction stands.
type site struct {
	listing      *listing
	index        int   // of the step, or of the step whose reaction it is, in the listing
	owner        *Step // whose reaction it is; nil: a step of the list, or a reaction of the workflow
	compensation bool  // the body of `compensate`, not a step of a block in it
	undoing      bool  // in a compensation
	catching     bool  // in the workflow's catch, or in a compensation: the deadline is off
	timed        bool  // in a block, or in the reaction of a listen, that has a timeout
}

func newOutline(def *Definition) *outline {
	o := &outline{named: map[string]*Step{}, sites: map[*Step]site{}, blocks: map[*Step][]*listing{}, rescue: def.Catch}
	o.top = &listing{depth: 1}
	at := site{listing: o.top}
	o.start = o.rules(def.Start, at, nil)
	o.start = append(o.start, o.alternatives(def.Child, at, nil)...)
	o.roots = append(o.roots, def.Child)
	if def.Schedule != nil {
		o.start = append(o.start, o.alternatives([]*Step{def.Schedule.Reaction}, at, nil)...)
	}
	o.anytime = o.rules(def.Anytime, at, func(l *listing) { l.sealed = true })
	o.fill(o.top, def.Do, at, nil)
	at.catching = true
	o.catch = o.rules(def.Catch, at, nil)
	for _, r := range slices.Concat(def.Start, def.Anytime, def.Catch) {
		o.roots = append(o.roots, r.Alternatives)
	}
	return o
}

// fill adds the steps of a list.
func (o *outline) fill(l *listing, steps []*Step, at site, each func(*listing)) {
	l.steps, l.byName = steps, make(map[string]*Step, len(steps))
	for _, s := range steps {
		l.byName[s.Name] = s
	}
	o.lists = append(o.lists, l)
	for i, s := range steps {
		at.listing, at.index, at.owner, at.compensation = l, i, nil, false
		o.step(s, at, each)
	}
}

func (o *outline) rules(rules []*Rule, at site, each func(*listing)) []*Step {
	var out []*Step
	for _, r := range rules {
		out = append(out, o.alternatives(r.Alternatives, at, each)...)
	}
	return out
}

func (o *outline) alternatives(steps []*Step, at site, each func(*listing)) []*Step {
	for _, s := range steps {
		o.step(s, at, each)
	}
	return steps
}

// step adds a step or a reaction with all that is in it; each is told of its
// direct blocks.
func (o *outline) step(s *Step, at site, each func(*listing)) {
	o.sites[s] = at
	o.steps = append(o.steps, s)
	if s.Name != "" && o.named[s.Name] == nil {
		o.named[s.Name] = s
	}
	inner := at
	inner.owner = s
	switch a := s.Action.(type) {
	case *Send:
		o.rules(a.Await, inner, each)
	case *Listen:
		heard := inner
		heard.timed = heard.timed || s.Timeout != nil // it goes on while a reaction waits
		o.rules(a.Rules, heard, each)
	case *Run:
		o.rules(a.Await, inner, each)
	case *Switch:
		o.alternatives(a.Alternatives, inner, each)
	case *Block:
		o.block(s, a.Do, inner, each)
	case *For:
		o.block(s, a.Do, inner, each)
	case *Fork:
		for _, b := range a.Branches {
			o.block(s, b.Do, inner, each)
		}
	}
	o.rules(s.Catch, inner, each)
	if s.Compensate != nil {
		o.compensation(s.Compensate, inner)
	}
}

// block adds a list of steps that a step or a reaction owns.
func (o *outline) block(s *Step, steps []*Step, at site, each func(*listing)) {
	l := &listing{outer: at.listing, owner: s, depth: at.listing.depth + 1}
	o.blocks[s] = append(o.blocks[s], l)
	if each != nil {
		each(l)
	}
	at.timed = at.timed || s.Timeout != nil || s.unknown
	o.fill(l, steps, at, nil)
}

func (o *outline) compensation(s *Step, at site) {
	at.compensation, at.undoing, at.catching, at.timed = true, true, true, false
	o.step(s, at, func(l *listing) { l.sealed = true })
}

// resolve finds the step that a jump from this list leads to.
func (l *listing) resolve(name string) (*Step, bool) {
	for at := l; at != nil; at = at.next() {
		if s, ok := at.byName[name]; ok {
			return s, true
		}
	}
	return nil, false
}

// next is the list around l into which a jump may lead.
func (l *listing) next() *listing {
	if l.sealed {
		return nil
	}
	return l.outer
}

// visible are the names that a jump from this list may take, nearest first, for
// suggestions: no more than somebody could have meant.
func (l *listing) visible() []string {
	const most = 1000
	var names []string
	for at := l; at != nil; at = at.next() {
		for _, s := range at.steps[:min(len(at.steps), most-len(names))] {
			names = append(names, s.Name)
		}
	}
	return names
}

// within reports whether l is inside of the other list.
func (l *listing) within(other *listing) bool {
	for at := l.outer; at != nil; at = at.outer {
		if at == other {
			return true
		}
	}
	return false
}
