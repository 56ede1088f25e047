package topology

import (
	"fmt"
	"slices"

	"rondo/topology/expr"
)

// lint warns of what is legal but hardly meant. Of steps and messages of which a
// part was not understood it says nothing.
func (c *checker) lint() {
	c.lintMessages()
	c.lintMessageRetries()
	c.lintErrors()
	c.lintCompensations()
	c.lintUnmarked()
	c.lintAgain()
	for _, s := range c.outline.steps {
		if s.unknown {
			continue
		}
		c.lintTimeout(s)
		c.lintRetry(s)
		c.lintAlternatives(s)
		c.lintParallel(s)
	}
	c.lintRules(c.def.Start)
	c.lintOrder(c.def.Child)
	c.lintRules(c.def.Anytime)
	c.lintRules(c.def.Catch)
	c.lintReach(c.flow)
	c.lintLoops(c.flow)
}

// lintMessages warns of messages that nothing uses or that no record can be.
func (c *checker) lintMessages() {
	read, written := c.usedMessages()
	for i, m := range c.def.Messages {
		if m.unknown || !messageName.MatchString(m.Name) {
			continue
		}
		if !read[m.Name] && !written[m.Name] {
			c.unused(m)
			continue
		}
		if before := shadow(c.def.Messages[:i], m, read); read[m.Name] && before != nil {
			c.warn(spanOf(m.Pos, m.Name), codeShadowedMessage, fmt.Sprintf("no record is ever `%s`: `%s` takes all of its type on that topic", m.Name, before.Name)).
				related(spanOf(before.Pos, before.Name), "the first that fits is taken").
				help(fmt.Sprintf("give `%s` a `when`, or give the two different types", before.Name))
		}
	}
}

// unused warns of a message that nothing uses, as far as that is known.
func (c *checker) unused(m *Message) {
	if c.strayMessage || c.gaps.lacking || c.gaps.mayName(m.Name) || c.gaps.mayMiss("start", "do") {
		return
	}
	c.warn(spanOf(m.Pos, m.Name), codeUnusedMessage, fmt.Sprintf("`%s` is never sent, awaited or listened for", m.Name)).
		help("remove it, or use it")
}

// shadow finds an earlier message that takes every record of m. Of many messages
// only the nearest hundred before m are looked at.
func shadow(earlier []*Message, m *Message, read map[string]bool) *Message {
	for _, e := range earlier[max(0, len(earlier)-100):] {
		if read[e.Name] && !e.unknown && e.takesAll(m) && e.Topic == m.Topic && e.Type == m.Type {
			return e
		}
	}
	return nil
}

// takesAll reports whether the `when` of a message holds wherever that of another does.
func (m *Message) takesAll(of *Message) bool {
	return m.When == nil || of.When != nil && m.When.Text == of.When.Text
}

func (c *checker) usedMessages() (read, written map[string]bool) {
	read, written = map[string]bool{}, map[string]bool{}
	note := func(rules []*Rule) {
		for _, r := range rules {
			read[r.Name] = true
		}
	}
	note(c.def.Start)
	note(c.def.Anytime)
	for _, s := range c.outline.steps {
		switch a := s.Action.(type) {
		case *Send:
			written[a.Message] = true
			note(a.Await)
		case *Listen:
			note(a.Rules)
		}
	}
	return read, written
}

// lintErrors warns of errors that are caught, or after which an attempt is made
// again, where they cannot come.
func (c *checker) lintErrors() {
	if c.gaps.lacking || c.gaps.mayHave("do", "anytime", "start", "catch") {
		return
	}
	for _, s := range c.outline.steps {
		for _, r := range s.Catch {
			if !engineCatch(r.Name) && !comes(c.raised.at[s], r.Name) {
				c.lintCatch(r.Name, spanOf(r.Pos, r.Name))
			}
		}
		if s.Retry != nil && !s.unknown {
			c.lintRetried(s.Retry, c.raised.at[s])
		}
	}
	for _, m := range c.def.Messages {
		if m.Retry != nil && !m.unknown {
			c.lintRetried(m.Retry, c.raised.anywhere)
		}
	}
	c.lintWorkflowCatch()
}

// engineCatch reports whether what a `catch` names may come at any step.
func engineCatch(name string) bool { return name == anyError || name == errorFault }

func (c *checker) lintWorkflowCatch() {
	for _, r := range c.def.Catch {
		switch at := spanOf(r.Pos, r.Name); {
		case engineCatch(r.Name), r.Name == errorCancelled, comes(c.raised.workflow, r.Name):
		case r.Name != errorDeadline:
			c.lintCatch(r.Name, at)
		case c.def.Deadline == nil && !c.gaps.mayHave("deadline"):
			c.warn(at, codeErrorNeverRaised, "this workflow has no `deadline`, so it is never over").
				help("add a `deadline` to the workflow, or remove this")
		}
	}
}

// lintRetried warns of errors that a retry names and no outcome raises.
func (c *checker) lintRetried(retry *Retry, names map[string]*Step) {
	for i, name := range retry.Errors {
		if !engineCatch(name) && name != errorTimeout && !comes(names, name) {
			c.lintCatch(name, spanOf(retry.ErrorPos[i], name))
		}
	}
}

// lintCatch warns of an error that does not come to where it is named.
func (c *checker) lintCatch(name string, at span) {
	if c.gaps.mayName(name) || !kebabName.MatchString(name) {
		return
	}
	const moved = "move it to the `catch` of the workflow"
	from := c.raised.anywhere[name]
	switch {
	case name == errorDeadline || name == errorCancelled:
		c.warn(at, codeErrorNeverRaised, fmt.Sprintf("`%s` comes to no step: it goes straight to the workflow's `catch`", name)).help(moved)
	case name == errorTimeout:
		c.warn(at, codeErrorNeverRaised, "nothing here has a `timeout` that could be over").help("add a `timeout`, or remove this")
	case from == nil:
		f := c.warn(at, codeErrorNeverRaised, fmt.Sprintf("nothing in this workflow raises `%s`", name))
		if f.suggest(name, c.raisable()) == "" {
			f.help("an operator may still raise it; else remove it")
		}
	default:
		f := c.warn(at, codeErrorNeverRaised, fmt.Sprintf("nothing raises `%s` where this would catch it", name)).related(c.raisedAt(from), "raised here")
		if c.isAside(from) {
			f.help("what `anytime` raises goes straight to the workflow's `catch`: " + moved)
		} else {
			f.help("an error goes to the `catch` of its own step and of the blocks around it: move this there")
		}
	}
}

// raisable are the names that can be raised.
func (c *checker) raisable() []string {
	names := slices.DeleteFunc(sortedKeys(c.raised.anywhere), func(name string) bool { return name == anyName })
	return append(names, errorTimeout, errorDeadline, errorCancelled, errorFault, anyError)
}

func (c *checker) raisedAt(s *Step) span {
	if a, ok := s.Action.(*Raise); ok {
		return spanOf(a.Pos, a.Error)
	}
	return spanOf(s.Pos, s.Name)
}

// isAside reports whether a step belongs to a reaction of `anytime`.
func (c *checker) isAside(s *Step) bool {
	passes, _ := c.outline.passes(s)
	return slices.Contains(c.outline.anytime, passes[len(passes)-1])
}

// lintCompensations warns of `compensate` that never runs.
func (c *checker) lintCompensations() {
	never := c.nothingUndoes()
	for _, s := range c.outline.steps {
		if s.Compensate == nil || s.unknown {
			continue
		}
		at := spanOf(s.Compensate.Pos, "compensate")
		switch s.Action.(type) {
		case *Block, *Switch, *Fork, *For:
			c.warn(at, codeCompensationNever, "a block is not undone as a whole, so this compensation never runs").
				help("put `compensate` to the steps inside: they are undone one by one, newest first")
		case *Raise, *End:
			c.warn(at, codeCompensationNever, "this step is never finished, so there is nothing to undo").
				help("put `compensate` to the step whose work shall be undone")
		default:
			if never && !c.mayLose(s) {
				c.warn(at, codeCompensationNever, "the workflow's `catch` takes every error and nothing in it compensates").
					help("add a step `- undo: compensate` to the workflow's `catch`")
			}
		}
	}
}

// mayLose reports whether a step is in a branch that may be cancelled and undone
// while its siblings go on.
func (c *checker) mayLose(s *Step) bool {
	for l := c.outline.sites[s].listing; l != nil; l = l.outer {
		if l.owner == nil {
			continue
		}
		switch a := l.owner.Action.(type) {
		case *Fork:
			if a.Join.early() {
				return true
			}
		case *For:
			if a.Join.early() {
				return true
			}
		}
	}
	return false
}

// nothingUndoes reports whether no error ends in compensation: the workflow's
// `catch` takes all of them and raises none, and the word `compensate` stands nowhere.
func (c *checker) nothingUndoes() bool {
	if c.raised.out || c.gaps.mayHave("catch", "do") || c.gaps.mayName("compensate") {
		return false
	}
	takesAll := slices.ContainsFunc(c.def.Catch, func(r *Rule) bool {
		return r.Name == anyError && hasElse(r.Alternatives)
	})
	return takesAll && !slices.ContainsFunc(c.outline.steps, func(s *Step) bool {
		_, undoes := s.Action.(*Undo)
		return undoes || s.unknown && s.Action == nil
	})
}

// unmarkedMax is how many literals are tried as expressions: more than a person writes.
const unmarkedMax = 2000

// lintUnmarked warns of literals that read like an expression, and are one over the
// names that there are.
func (c *checker) lintUnmarked() {
	if len(c.p.unmarked) == 0 {
		return
	}
	scope := expr.NewScope(append(c.variables(), builtInVariables()...)...)
	rows := map[string]expr.Type{}
	for _, t := range c.def.Tables {
		rows[t.Name] = expr.Type{}
	}
	scope = scope.WithTables(rows)
	for _, l := range c.p.unmarked[:min(len(c.p.unmarked), unmarkedMax)] {
		if program, issues := expr.Compile(l.text, scope); len(issues) > 0 || len(program.Reads()) == 0 {
			continue
		}
		c.warn(l.at, codeForgottenEquals, fmt.Sprintf("this is the text `%s`, not a value", l.text)).
			help("write =" + l.text + " for the value, or " + quoteYAML(l.text) + " if the text is meant")
	}
}

// lintAgain warns of `again: never` where no key is remembered: an instance that ends
// in the decision that begins it leaves nothing behind. Who did not write it gets
// what costs least, and needs no warning.
func (c *checker) lintAgain() {
	if c.def.Again != AgainNever || c.def.AgainPos.IsZero() || c.def.Keep != nil || c.mayWait() {
		return
	}
	c.warn(spanOf(c.def.AgainPos, string(AgainNever)), codeNeverNotKept, "no step waits, so each instance is forgotten as soon as it begins, and a repeated start begins again").
		help("add `keep: 24h` (or another time) to remember the keys, or remove `again`")
}

// mayWait reports whether an instance may wait for anything, as far as that is known.
func (c *checker) mayWait() bool {
	if c.gaps.mayHave("again", "start", "anytime", "do", "catch", "keep") {
		return true
	}
	begin := slices.DeleteFunc(slices.Clone(c.flow.roots), func(n int) bool {
		return slices.Contains(c.outline.anytime, c.flow.nodes[n].step) // which only take what comes while something waits
	})
	reached := c.flow.reached(begin...)
	return slices.ContainsFunc(c.outline.steps, func(s *Step) bool {
		return (s.waits() != "" || s.unknown) && reached[c.flow.of[s]]
	})
}

// lintTimeout warns of waits that nothing ends.
func (c *checker) lintTimeout(s *Step) {
	at := c.outline.sites[s]
	if s.Timeout != nil || at.timed || c.raced(s) || (c.def.Deadline != nil || c.gaps.mayHave("deadline")) && !at.catching {
		return
	}
	switch a := s.Action.(type) {
	case *Send:
		if len(a.Await) > 0 && !endsBy(a, s, c.messages) {
			c.warn(spanOf(a.Pos, a.Message), codeNoTimeout, fmt.Sprintf("nothing ends this call if no outcome comes%s", c.whyNoDeadline(at))).
				help("add a `timeout` here or to the message" + c.orDeadline(at))
		}
	case *Run:
		if len(a.Await) > 0 {
			c.warn(spanOf(a.Pos, a.Workflow), codeNoTimeout, fmt.Sprintf("nothing ends this wait if the child does not end%s", c.whyNoDeadline(at))).
				help("add a `timeout` here" + c.orDeadline(at))
		}
	case *Listen:
		if a.Idle == nil {
			c.warn(spanOf(a.Pos, "listen"), codeNoTimeout, fmt.Sprintf("nothing ends this wait if no event comes%s", c.whyNoDeadline(at))).
				help("add a `timeout` or `idle` here" + c.orDeadline(at))
		}
	}
}

// raced reports whether a step is in a branch of a fork that is surely left because
// enough of the other branches come to their ends.
func (c *checker) raced(s *Step) bool {
	for l := c.outline.sites[s].listing; l != nil && l.owner != nil; l = l.outer {
		if fork, ok := l.owner.Action.(*Fork); ok && fork.Join.early() && c.endings(fork, l) >= max(1, fork.Join.N) {
			return true
		}
	}
	return false
}

// endings counts the branches of a fork, one apart, in which no step waits without
// an end.
func (c *checker) endings(fork *Fork, apart *listing) int {
	n := 0
	for i, b := range fork.Branches {
		endless := false
		walkSteps(b.Do, func(s *Step) { endless = endless || waitsForEvents(s) && !c.raised.timed(s) })
		if c.outline.blocks[apart.owner][i] != apart && !endless {
			n++
		}
	}
	return n
}

// waitsForEvents reports whether a step waits for what may never come.
func waitsForEvents(s *Step) bool {
	switch a := s.Action.(type) {
	case *Send:
		return len(a.Await) > 0
	case *Run:
		return len(a.Await) > 0
	case *Listen:
		return true
	}
	return false
}

func (c *checker) whyNoDeadline(at site) string {
	if c.def.Deadline != nil && at.catching {
		return "; the deadline is off while the workflow cleans up"
	}
	return ""
}

func (c *checker) orDeadline(at site) string {
	if at.catching {
		return ""
	}
	return ", or a `deadline` to the workflow"
}

// lintRetry warns of attempts that can never be made.
func (c *checker) lintRetry(s *Step) {
	a, ok := s.Action.(*Send)
	if !ok || s.Retry == nil || s.Timeout != nil || !slices.Equal(s.Retry.Errors, []string{"timeout"}) {
		return
	}
	if m := c.messages[a.Message]; m == nil || m.Timeout != nil || m.unknown {
		return
	}
	c.neverRetried(s.Retry)
}

func (c *checker) neverRetried(r *Retry) {
	c.warn(spanOf(r.Pos, "retry"), codeRetryNeverHappens, "without a `timeout` no attempt ever fails, so none is made again").
		help("add a `timeout`: the time that one attempt has")
}

// lintMessageRetries is lintRetry for the attempts that a message has for all calls
// that send it.
func (c *checker) lintMessageRetries() {
	called, timed := map[string]bool{}, map[string]bool{}
	for _, s := range c.outline.steps {
		if a, ok := s.Action.(*Send); ok && (len(a.Await) > 0 || s.unknown) {
			called[a.Message] = true
			timed[a.Message] = timed[a.Message] || s.Timeout != nil || s.Retry != nil || s.unknown
		}
	}
	for _, m := range c.def.Messages {
		if m.Retry != nil && m.Timeout == nil && !m.unknown && called[m.Name] && !timed[m.Name] && slices.Equal(m.Retry.Errors, []string{errorTimeout}) {
			c.neverRetried(m.Retry)
		}
	}
}

func (c *checker) lintAlternatives(s *Step) {
	switch a := s.Action.(type) {
	case *Send:
		c.lintRules(a.Await)
	case *Run:
		c.lintRules(a.Await)
	case *Listen:
		c.lintRules(a.Rules)
	case *Switch:
		c.lintOrder(a.Alternatives)
	}
	c.lintRules(s.Catch)
}

func (c *checker) lintRules(rules []*Rule) {
	for _, r := range rules {
		c.lintOrder(r.Alternatives)
	}
}

// lintOrder warns of the first alternative that is never taken: it stands behind one
// that always holds, or behind one with the same condition.
func (c *checker) lintOrder(steps []*Step) {
	asked := map[string]*Step{}
	for i, s := range steps {
		switch before := steps[max(0, i-1)]; {
		case i > 0 && before.When == nil && !before.unknown:
			f := c.neverTaken(s).related(spanOf(before.Pos, ""), "this one always holds")
			if before.If != nil {
				f.help("an alternative is chosen by its `when`: write that for `if`, which only leaves out what is done")
			} else {
				f.help("put the one without `when` last")
			}
			return
		case s.When == nil:
		case asked[s.When.Text] != nil:
			c.neverTaken(s).related(spanOf(asked[s.When.Text].Pos, ""), "this one has the same `when`").
				help("give it a `when` of its own, or remove it")
			return
		default:
			asked[s.When.Text] = s
		}
	}
}

func (c *checker) neverTaken(s *Step) finding {
	return c.warn(spanOf(s.Pos, ""), codeUnreachableCase, "this alternative is never taken")
}

// lintReach warns of steps that no way leads to: of each list the first one of
// those behind each other, and nothing inside of a step that is out of reach.
func (c *checker) lintReach(f *flow) {
	if c.gaps.mayHave("start", "anytime", "catch") {
		return // there may be jumps
	}
	reached := f.reached(slices.Concat(f.roots, c.migrated())...)
	for _, l := range c.outline.lists {
		if l.owner != nil && !reached[f.of[l.owner]] {
			continue
		}
		for i, s := range l.steps {
			before := i == 0 || reached[f.of[l.steps[i-1]]]
			if reached[f.of[s]] || !before {
				continue
			}
			w := c.warn(spanOf(s.Pos, s.Name), codeUnreachableStep, fmt.Sprintf("no way leads to the step `%s`", s.Name))
			if i > 0 {
				w.related(spanOf(l.steps[i-1].Pos, l.steps[i-1].Name), "this one never goes on to it")
			}
			w.help("remove it, or go to it with `then: " + s.Name + "`")
		}
	}
}

// migrated are the steps to which living instances of an older version come.
func (c *checker) migrated() []int {
	if c.def.Migrate == nil {
		return nil
	}
	var out []int
	for _, m := range c.def.Migrate.Steps {
		if s := c.outline.named[m.New]; s != nil {
			out = append(out, c.flow.of[s])
		}
	}
	return out
}

// lintLoops warns of loops in which no step waits: they turn until the limit
// on steps without an input stops the instance.
func (c *checker) lintLoops(f *flow) {
	for _, loop := range f.loops() {
		at, what := loopPlace(loop)
		if what == "" {
			continue
		}
		c.warn(at, codeLoopWithoutWait, what+" in which no step waits").
			help("a loop that does not end stops the instance after 10,000 steps (`limit.spin`); let a step of it `wait`, `listen` or call")
	}
}

// loopPlace is where a loop is shown: at the jump that closes it, or at `for`.
func loopPlace(loop []*Step) (at span, what string) {
	if jump := loopJump(loop); jump != nil {
		return spanOf(jump.Then.Pos, jump.Then.Name), "this jump closes a loop"
	}
	for _, s := range loop {
		if a, ok := s.Action.(*For); ok {
			return spanOf(a.Pos, "for"), "this is a loop"
		}
	}
	return span{}, ""
}

// loopJump is the jump by which a loop is shown: the last one in the file.
func loopJump(loop []*Step) *Step {
	var last *Step
	for _, s := range loop {
		if s.Then != nil && s.Then.Expr == nil && (last == nil || s.Then.Pos.Compare(last.Then.Pos) > 0) {
			last = s
		}
	}
	return last
}
