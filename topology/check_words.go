package topology

import (
	"fmt"
	"strings"

	"rondo/topology/calendar"
	"rondo/topology/diag"
	"rondo/topology/expr"
)

// checkWords looks for words that contradict each other or the rest of the
// definition.
func (c *checker) checkWords() {
	for _, s := range c.outline.steps {
		switch a := s.Action.(type) {
		case *Fork:
			c.checkJoin(a.Join, len(a.Branches), "the fork has")
		case *For:
			if a.In != nil && a.In.Expr == nil {
				c.checkJoin(a.Join, len(a.In.List), "the list has")
			}
		case *Run:
			c.checkRun(s, a)
		}
		if c.outline.sites[s].undoing {
			c.checkUndoing(s)
		}
	}
	if c.def.Migrate != nil {
		c.checkMigration(c.def.Migrate)
	}
	c.checkLimits()
}

// checkUndoing looks for what would undo within a compensation: that is done, and not
// itself undone.
func (c *checker) checkUndoing(s *Step) {
	if undo, isBare := s.Action.(*Undo); isBare {
		c.report(spanOf(undo.Pos, "compensate"), codeMisplacedWord, "`compensate` cannot stand within a compensation").
			help("undoing goes on by itself: say here only how this one step is undone")
	}
	if s.Compensate != nil {
		c.report(spanOf(s.Compensate.Pos, "compensate"), codeMisplacedWord, "a step within a compensation cannot have one").
			help("a compensation is not itself undone: one that fails is an incident")
	}
}

func (c *checker) checkJoin(j Join, branches int, what string) {
	if j.Mode != "n" || j.N <= branches || branches == 0 {
		return
	}
	c.report(span{j.Pos, 1}, codeBadJoin, fmt.Sprintf("`join: %d` can never be met: %s %d", j.N, what, branches)).
		help("take a number up to that, or `all`")
}

// outcomeCompleted is the only outcome of a child that can be awaited.
const outcomeCompleted = "completed"

func (c *checker) checkRun(s *Step, a *Run) {
	for _, r := range a.Await {
		if r.Name != outcomeCompleted && r.Name != "" {
			c.badOutcome(r)
		}
	}
	if a.Workflow == c.def.Name && a.Key == nil && a.Workflow != "" {
		c.report(spanOf(a.Pos, a.Workflow), codeSelfRun, "the workflow runs itself under its own key, so that it would wait for itself").
			help("give the child a `key` of its own")
	}
	if s.Retry != nil && len(a.Await) > 0 {
		c.report(spanOf(s.Retry.Pos, "retry"), codeWordExcludes, "a child is not begun again by `retry`").
			related(spanOf(a.Pos, a.Workflow), "the child").
			help("catch its error and come back with `then`; calls within the child have a `retry` of their own")
	}
}

func (c *checker) badOutcome(r *Rule) {
	f := c.report(spanOf(r.Pos, r.Name), codeBadOutcome, fmt.Sprintf("a child has no outcome `%s`", r.Name))
	switch r.Name {
	case "failed", "cancelled", "terminated":
		f.help("the only one is `completed`; how a child fails is an error here: catch it by its name beside this")
	default:
		if f.suggest(r.Name, []string{outcomeCompleted}) == "" {
			f.help("the only one is `completed`: await: {completed: {…}}")
		}
	}
}

// checkMigration looks for steps that are not there, and for a version that is
// not older.
func (c *checker) checkMigration(m *Migration) {
	if m.From >= c.def.Version && m.From > 0 && c.def.Version > 0 {
		c.report(span{m.Pos, len(fmt.Sprint(m.From))}, codeBadMigration, fmt.Sprintf("instances of version %d cannot come to version %d: they must come from an older one", m.From, c.def.Version)).
			help("count up `version`, or name an older version here")
	}
	names := c.stepNames()
	for _, step := range m.Steps {
		if c.outline.named[step.New] != nil || c.gaps.mayName(step.New) {
			continue
		}
		f := c.report(spanOf(step.NewPos, step.New), codeUnknownStep, fmt.Sprintf("no step is called `%s`", step.New))
		if f.suggest(step.New, names) == "" {
			f.help("name a step of this version: where an instance that waited at `" + step.Old + "` goes on")
		}
	}
}

// stepNames are the names of all steps, in the order of the file.
func (c *checker) stepNames() []string {
	var names []string
	for _, s := range c.outline.steps {
		if s.Name != "" {
			names = append(names, s.Name)
		}
	}
	return names
}

// checkLimits looks for limits of messages that are never sent.
func (c *checker) checkLimits() {
	if c.strayMessage {
		return
	}
	_, written := c.usedMessages()
	for _, m := range c.def.Messages {
		if m.Limit != nil && !written[m.Name] && !c.gaps.mayName(m.Name) {
			c.report(spanOf(m.Limit.Pos, "limit"), codeWordNeeds, fmt.Sprintf("`limit` does nothing here: `%s` is never sent", m.Name)).
				help("a limit bounds commands; remove it, or send the message")
		}
	}
}

// checkCron looks for a text that is no schedule.
func (p *parser) checkCron(s *Schedule) {
	if _, err := calendar.ParseCron(s.Cron); err != nil {
		p.report(spanOf(s.CronPos, s.Cron), codeBadSchedule, "this is no schedule: "+err.Error()).
			help("the fields are minute, hour, day of the month, month, day of the week: \"0 6 * * 1-5\" is at 6:00, Monday to Friday")
	}
}

// checkZone looks for a zone that does not exist.
func (p *parser) checkZone(s *Schedule) {
	names := expr.ZoneNames()
	for _, name := range names {
		if name == s.Zone {
			return
		}
	}
	f := p.report(spanOf(s.ZonePos, s.Zone), codeBadZone, fmt.Sprintf("no time zone is called `%s`", s.Zone))
	if meant, ok := suggestZone(s.Zone, names); f.shown && ok {
		f.help("did you mean `" + meant + "`?")
		return
	}
	f.help("write a name of the IANA time zone database, such as `Europe/Berlin`, or `UTC`")
}

// suggestZone looks for a zone also by its city alone.
func suggestZone(name string, names []string) (string, bool) {
	if meant, ok := diag.Suggest(name, names); ok {
		return meant, true
	}
	cities := make([]string, len(names))
	for i, zone := range names {
		cities[i] = zone[strings.LastIndexByte(zone, '/')+1:]
		if strings.EqualFold(cities[i], name) {
			return zone, true
		}
	}
	meant, ok := diag.Suggest(name, cities)
	for i, city := range cities {
		if ok && city == meant {
			return names[i], true
		}
	}
	return "", false
}
