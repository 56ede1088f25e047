package topology

import (
	"fmt"
	"maps"
	"slices"

	"rondo/topology/diag"
)

// checker finds what is wrong with a definition as a whole: names that are not
// declared, jumps that lead nowhere, rules that words keep with each other. It
// looks into no expression but those that were not marked as such.
type checker struct {
	*findings
	def      *Definition
	p        *parser
	outline  *outline
	flow     *flow
	raised   *raised
	blind    map[*Rule]bool // of which it was said that none can tell whose an event is
	messages map[string]*Message
	names    []string // of the messages, in the order of the file
	gaps     *gaps
	// strayMessage: a message is named that is not declared. Any of those that seem
	// to be unused may be meant.
	strayMessage bool
}

func newChecker(def *Definition, p *parser) *checker {
	o := newOutline(def)
	c := &checker{
		findings: p.findings, def: def, p: p,
		outline: o, flow: newFlow(o), messages: map[string]*Message{}, blind: map[*Rule]bool{}, gaps: p.gaps,
	}
	for _, m := range def.Messages {
		c.messages[m.Name] = m
		c.names = append(c.names, m.Name)
	}
	c.raised = newRaised(o, c.messages)
	return c
}

// check looks for errors and for warnings. What could follow from a part that was
// not understood, or from another finding, is not said.
func (c *checker) check() {
	c.checkMessages()
	c.checkSteps()
	c.checkJumps()
	c.checkVariables()
	c.checkWords()
	c.checkRetries()
	c.checkCatch()
	c.lint()
}

// checkMessages looks for messages that are named and not declared.
func (c *checker) checkMessages() {
	if c.gaps.messages {
		return // already reported
	}
	c.messageRules(c.def.Start)
	c.messageRules(c.def.Anytime)
	for _, s := range c.outline.steps {
		switch a := s.Action.(type) {
		case *Send:
			c.message(a.Message, a.Pos)
			c.messageRules(a.Await)
		case *Listen:
			c.messageRules(a.Rules)
		}
	}
}

func (c *checker) messageRules(rules []*Rule) {
	for _, r := range rules {
		c.message(r.Name, r.Pos)
	}
}

func (c *checker) message(name string, pos diag.Pos) {
	if c.messages[name] != nil || c.gaps.mayName(name) || name == "" {
		return
	}
	c.strayMessage = true
	f := c.report(spanOf(pos, name), codeUnknownMessage, fmt.Sprintf("no message is called `%s`", name))
	switch meant := f.suggest(name, c.names); {
	case meant != "":
		f.related(spanOf(c.messages[meant].Pos, meant), "declared here")
	case engineErrors[name] != "":
		f.help(fmt.Sprintf("`%s` is an error: it belongs into the `catch` beside this", name))
	default:
		f.help("declare it under `messages`: " + capitals(name) + ": {topic: …}")
	}
}

// checkSteps looks for names that stand twice and for blocks nested too deep.
func (c *checker) checkSteps() {
	first := map[string]*Step{}
	for _, s := range c.outline.steps {
		if s.Name == "" {
			continue
		}
		if before := first[s.Name]; before != nil {
			c.report(spanOf(s.Pos, s.Name), codeDuplicateStep, fmt.Sprintf("a second step is called `%s`", s.Name)).
				related(spanOf(before.Pos, s.Name), "the first one").
				help("names of steps are unique in the workflow, also across blocks")
			continue
		}
		first[s.Name] = s
	}
	for _, l := range c.outline.lists {
		if l.depth == nestingOfBlocks+1 && len(l.steps) > 0 {
			c.report(spanOf(l.steps[0].Pos, l.steps[0].Name), codeTooDeep, fmt.Sprintf("blocks are nested more than %d deep", nestingOfBlocks)).
				help("move inner steps further out")
		}
	}
}

// nestingOfBlocks is how deep lists of steps may be nested.
const nestingOfBlocks = 16

// checkJumps looks for `then` that leads to no step, or into or out of where
// nothing may jump.
func (c *checker) checkJumps() {
	for _, s := range c.outline.steps {
		if s.Then != nil && s.Then.Expr == nil && s.Then.Name != "" {
			c.checkJump(s)
		}
	}
}

func (c *checker) checkJump(s *Step) {
	from, name := c.outline.sites[s], s.Then.Name
	if from.compensation {
		c.report(spanOf(s.Then.Pos, name), codeBadJump, "a compensation cannot jump").help("undoing goes on by itself: remove `then`")
		return
	}
	if _, ok := from.listing.resolve(name); ok || name == exitName {
		return
	}
	if target := c.outline.named[name]; target != nil {
		c.report(spanOf(s.Then.Pos, name), codeBadJump, c.badJumpText(from, target)).
			related(spanOf(target.Pos, name), "the step").
			help("`then` goes to a step of the same list or of one around it")
		return
	}
	if c.gaps.mayName(name) {
		return
	}
	f := c.report(spanOf(s.Then.Pos, name), codeUnknownStep, fmt.Sprintf("no step is called `%s`", name))
	if f.shown && f.suggest(name, from.listing.visible()) == "" {
		f.help("`then` goes to a step of the same list or of one around it, or to `exit`")
	}
}

func (c *checker) badJumpText(from site, target *Step) string {
	if from.listing.within(c.outline.sites[target].listing) {
		return fmt.Sprintf("`%s` is out of reach: steps of an `anytime` reaction and of a compensation stay in it", target.Name)
	}
	return fmt.Sprintf("`%s` is inside a block, and nothing can jump into a block", target.Name)
}

// checkVariables looks for variables that are named and never set.
func (c *checker) checkVariables() {
	set := c.variables()
	for i, name := range c.def.Search {
		c.variable(set, name, c.def.SearchPos[i])
	}
	for _, m := range c.def.Messages {
		if m.Correlate != "" {
			c.variable(set, m.Correlate, m.CorrelatePos)
		}
	}
}

// variables are all names that the workflow sets, sorted.
func (c *checker) variables() []string { return variableNames(c.outline) }

func variableNames(o *outline) []string {
	set := map[string]bool{}
	for _, s := range o.steps {
		for _, a := range s.Set {
			set[a.Name] = true
		}
		if a, ok := s.Action.(*For); ok {
			set[a.Each] = true
			for _, list := range a.Collect {
				set[list.Name] = true
			}
		}
	}
	delete(set, "") // a loop without a list has no item
	return slices.Sorted(maps.Keys(set))
}

func (c *checker) variable(set []string, name string, pos diag.Pos) {
	if _, ok := slices.BinarySearch(set, name); ok || c.gaps.mayName(name) || !snakeName.MatchString(name) {
		return
	}
	f := c.report(spanOf(pos, name), codeUnknownVariable, fmt.Sprintf("no step sets a variable `%s`", name))
	if f.suggest(name, set) == "" {
		f.help("set it somewhere: `set: {" + name + ": …}`")
	}
}

// checkRetries looks for attempts that never end.
func (c *checker) checkRetries() {
	if c.def.Deadline != nil || c.gaps.mayHave("deadline") {
		return
	}
	for _, r := range c.retries() {
		if r.Attempts == 0 && r.Within == 0 {
			c.report(spanOf(r.Pos, "retry"), codeEndlessRetry, "unlimited attempts without an end").
				help("add `within: 1d` (or another time) here, or a `deadline` to the workflow")
		}
	}
}

// retries are all that were understood.
func (c *checker) retries() []*Retry {
	var out []*Retry
	for _, m := range c.def.Messages {
		if m.Retry != nil && !m.unknown {
			out = append(out, m.Retry)
		}
	}
	for _, s := range c.outline.steps {
		if s.Retry != nil && !s.unknown {
			out = append(out, s.Retry)
		}
	}
	return out
}

// checkCatch demands that the workflow's `catch` finishes on every path, so that
// nothing that failed is shown as completed.
func (c *checker) checkCatch() {
	for _, r := range c.def.Catch {
		for _, s := range r.Alternatives {
			last, falls := c.flow.fallsOff(s)
			if !falls {
				continue
			}
			f := c.report(spanOf(r.Pos, r.Name), codeCatchFallsOff, fmt.Sprintf("what the workflow does on `%s` can fall off its end", r.Name))
			if last != nil && last.Name != "" {
				f.related(spanOf(last.Pos, last.Name), "nothing follows this")
			}
			f.help("finish with `end: {fail: =error.name}`, `raise` or `then`: else a failed instance would be shown as completed")
		}
	}
}
