package topology

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"rondo/topology/diag"
	"rondo/topology/expr"
	"rondo/topology/value"
)

// Compile turns a definition that Parse has found right into a Plan: places are
// named, jumps resolved, expressions compiled, and it is found out what can
// still be listened for from each step. It reports everything that is wrong
// with the expressions at once; the Plan is nil if anything is.
//
// Of a definition in which Parse has found errors it makes no Plan either, but it
// reports what else is wrong, and nothing that may come of those errors.
func Compile(def *Definition, options Options) (*Plan, diag.List) {
	options.Limits = options.Limits.withDefaults()
	c := &compiler{
		found: &findings{},
		def:   def,
		plan: &Plan{
			definition: def,
			digest:     def.Digest(),
			options:    options,
			messages:   make(map[string]*message),
			topics:     make(map[string][]*message),
			nodes:      make(map[string]*node),
			listeners:  make(map[string]listenSet),
		},
		scopes:     newScopes(def),
		names:      make(map[context]scope),
		settingsOf: make(map[string][]setting),
	}
	c.plan.vars = c.scopes.list[0].owned
	c.messages()
	c.workflow()
	c.settings()
	c.schedule()
	c.correlations()
	c.migration()
	c.resolve()
	c.routes()
	c.checkScopes()
	if options.Types != nil {
		checkTypes(def, *options.Types, c.found)
	}
	if def.gaps != nil || c.found.list.HasErrors() {
		return nil, c.found.sorted()
	}
	c.locals()
	c.reach()
	return c.plan, c.found.sorted()
}

type compiler struct {
	def   *Definition
	plan  *Plan
	found *findings

	scopes     *scopes
	names      map[context]scope
	settingsOf map[string][]setting // by variable

	order   int
	depth   int // of the list being compiled
	listens []*node
	jumps   []jump
	reads   map[string]bool // of the compensation being compiled; nil outside
}

// jump is a `then` that is resolved once all steps are known.
type jump struct {
	from *node
	then *Target
}

// context is what an expression can refer to beyond variables.
type context struct {
	event, failure, command, undoes, index bool
	scope                                  int  // of its variables
	unknown                                bool // it is in a step that was not wholly understood: any name may exist there
}

func (c *compiler) report(at diag.Pos, length int, code, help, format string, args ...any) {
	c.found.put(diag.Error, span{at, length}, code, fmt.Sprintf(format, args...)).help(help)
}

// structural is report for what Parse finds as well: only in a definition that was
// made in another way it is news.
func (c *compiler) structural(at diag.Pos, length int, code, help, format string, args ...any) {
	if c.def.gaps == nil {
		c.report(at, length, code, help, format, args...)
	}
}

// workflow compiles everything that does something.
func (c *compiler) workflow() {
	c.plan.top = c.list(c.def.Do, nil, nil, context{})
	c.plan.start = c.rules(c.def.Start, "start", roleStart, nil, context{event: true})
	c.plan.child = c.alternatives(c.def.Child, "start."+eventRun, roleStart)
	if s := c.def.Schedule; s != nil {
		c.plan.scheduled = c.alternatives([]*Step{s.Reaction}, "start."+eventSchedule, roleStart)
	}
	c.plan.catch = c.rules(c.def.Catch, "catch", roleCatch, nil, context{failure: true})
	for _, r := range c.anytimeRules() {
		scope := c.scopes.anytime[r.rule.Alternatives[r.alternative]]
		c.plan.anytime = append(c.plan.anytime, r.compile(c, context{event: true, scope: scope}))
	}
	c.plan.anytime = mergeRules(c.plan.anytime)
	c.plan.uncaught = c.node(&Step{Pos: c.def.Pos, Action: &Undo{Pos: c.def.Pos}}, "uncaught", roleUncaught, nil, context{failure: true})
}

// anytimeRule is one alternative of an `anytime` rule: each has a scope of its
// own for variables.
type anytimeRule struct {
	rule        *Rule
	alternative int
}

func (c *compiler) anytimeRules() []anytimeRule {
	var out []anytimeRule
	for _, r := range c.def.Anytime {
		for i := range r.Alternatives {
			out = append(out, anytimeRule{r, i})
		}
	}
	return out
}

func (a anytimeRule) compile(c *compiler, ctx context) *rule {
	n := c.node(a.rule.Alternatives[a.alternative], alternativePlace("anytime", a.rule.Name, a.alternative), roleAnytime, nil, ctx)
	n.name = a.rule.Name
	return &rule{a.rule.Name, []*node{n}}
}

// mergeRules joins neighbours of one name.
func mergeRules(rules []*rule) []*rule {
	var out []*rule
	for _, r := range rules {
		if len(out) > 0 && out[len(out)-1].name == r.name {
			last := out[len(out)-1]
			last.alternatives = append(last.alternatives, r.alternatives...)
			continue
		}
		out = append(out, r)
	}
	return out
}

// alternativePlace names a reaction: "pay.PaymentCaptured", "pay.PaymentCaptured.2".
func alternativePlace(owner, name string, index int) string {
	place := owner + "." + name
	if index > 0 {
		place += "." + strconv.Itoa(index+1)
	}
	return place
}

func (c *compiler) rules(rules []*Rule, place string, role role, owner *node, ctx context) []*rule {
	var out []*rule
	for _, r := range rules {
		compiled := &rule{name: r.Name}
		for i, step := range r.Alternatives {
			n := c.node(step, alternativePlace(place, r.Name, i), role, owner, ctx)
			n.name = r.Name
			compiled.alternatives = append(compiled.alternatives, n)
		}
		out = append(out, compiled)
	}
	return out
}

// alternatives compiles reactions to what is no message.
func (c *compiler) alternatives(steps []*Step, place string, role role) []*node {
	var out []*node
	for i, step := range steps {
		name := place
		if i > 0 {
			name += "." + strconv.Itoa(i+1)
		}
		out = append(out, c.node(step, name, role, nil, context{event: true}))
	}
	return out
}

// list compiles the steps of a `do`. A jump that finds no target in it goes on
// to outer.
func (c *compiler) list(steps []*Step, owner *node, outer *list, ctx context) *list {
	l := &list{owner: owner, outer: outer, names: make(map[string]*node)}
	c.depth++
	defer func() { c.depth-- }()
	if c.depth == nestingOfBlocks+1 {
		c.structural(owner.step.Pos, len(owner.place), codeTooDeep, "move inner steps further out",
			"blocks, branches and loops are nested more than %d deep", nestingOfBlocks)
	}
	for _, step := range steps {
		n := c.stepIn(l, step, ctx)
		if len(l.steps) > 0 {
			l.steps[len(l.steps)-1].next = n
		}
		l.steps = append(l.steps, n)
		l.names[step.Name] = n
	}
	return l
}

func (c *compiler) stepIn(l *list, step *Step, ctx context) *node {
	n := c.begin(step, step.Name, roleStep, nil)
	n.list, n.jumps = l, l
	c.finish(n, ctx)
	return n
}

// node compiles a reaction.
func (c *compiler) node(step *Step, place string, role role, owner *node, ctx context) *node {
	n := c.begin(step, place, role, owner)
	switch role {
	case roleOutcome, roleHandler:
		n.jumps = owner.jumps
	case roleStart, roleAnytime, roleCatch:
		n.jumps = c.plan.top
	}
	c.finish(n, ctx)
	return n
}

func (c *compiler) begin(step *Step, place string, role role, owner *node) *node {
	n := &node{place: place, role: role, order: c.order, step: step, owner: owner, listen: -1}
	c.order++
	if c.plan.nodes[place] != nil {
		c.structural(step.Pos, len(step.Name), codeDuplicateStep, "give one of them another name", "there are two steps %q", place)
	}
	c.plan.nodes[place] = n
	return n
}

// finish compiles what is in a step.
func (c *compiler) finish(n *node, ctx context) {
	step := n.step
	ctx.unknown = ctx.unknown || step.unknown
	n.when = c.condition(step.When, ctx)
	n.cond = c.condition(step.If, ctx)
	n.set = c.assignments(step.Set, ctx)
	n.timeout = c.moment(step.Timeout, ctx)
	n.retry = step.Retry
	n.word = c.word(n, ctx)
	caught := ctx
	caught.failure = true
	n.catch = c.rules(step.Catch, n.place+".catch", roleHandler, n, caught)
	if step.Then != nil {
		n.then = &target{by: c.formula(step.Then.Expr, ctx)}
		c.jumps = append(c.jumps, jump{n, step.Then})
	}
	if step.Compensate != nil {
		c.compensation(n, ctx)
	}
}

// word compiles what a step does: the one place that knows all words.
func (c *compiler) word(n *node, ctx context) word {
	switch action := n.step.Action.(type) {
	case nil:
		return nothing{}
	case *Send:
		if len(action.Await) > 0 {
			return c.call(n, action, ctx)
		}
		return c.send(action, ctx)
	case *Run:
		return c.run(n, action, ctx)
	case *Listen:
		return c.listenWord(n, action, ctx)
	case *Wait:
		return waiting{until: c.moment(action.For, ctx)}
	case *Switch:
		return c.choice(n, action, ctx)
	case *Block:
		return c.block(n, action, ctx)
	case *Fork:
		return c.fork(n, action, ctx)
	case *For:
		return c.loop(n, action, ctx)
	case *Raise:
		return c.raise(action, ctx)
	case *End:
		return c.end(action, ctx)
	case *Undo:
		return &undoing{scope: undoScope(n), line: n.role == roleLine}
	}
	panic(fmt.Sprintf("compile step %q: there is no action %T", n.place, n.step.Action))
}

// resolve finds the targets of jumps.
func (c *compiler) resolve() {
	for _, j := range c.jumps {
		switch {
		case j.then.Expr != nil:
		case j.then.Name == exitName:
			j.from.then.exit = true
		default:
			j.from.then.to = j.from.jumps.find(j.then.Name)
			if j.from.then.to == nil {
				c.structural(j.then.Pos, len(j.then.Name), codeUnknownStep, "",
					"%s cannot go to %q: there is no such step in its list or in those around it", j.from.place, j.then.Name)
			}
		}
	}
}

// settings compiles what belongs to the instance as a whole.
func (c *compiler) settings() {
	c.plan.deadline = c.moment(c.def.Deadline, context{event: true})
	c.plan.output = c.template(c.def.Output, context{})
	c.plan.keep = DefaultKeep
	if c.def.Keep != nil {
		c.plan.keep = c.def.Keep.Duration
	}
}

// messages compiles the attributes of messages.
func (c *compiler) messages() {
	ctx := context{event: true}
	for _, m := range c.def.Messages {
		c.plan.messages[m.Name] = &message{
			Message: m,
			key:     c.recordFormula(m.Key, expr.Compile),
			when:    c.recordFormula(m.When, expr.CompileCondition),
			id:      c.recordFormula(m.ID, expr.Compile),
			timeout: c.moment(m.Timeout, ctx),
		}
	}
}

// routes notes which messages come and which go.
func (c *compiler) routes() {
	comes := func(rules []*Rule, at diag.Pos) {
		for _, r := range rules {
			if m := c.message(r.Name, r.Pos); m != nil {
				m.comes = true
			}
		}
	}
	comes(c.def.Start, c.def.Pos)
	comes(c.def.Anytime, c.def.Pos)
	walkDefinition(c.def, func(s *Step) {
		switch action := s.Action.(type) {
		case *Send:
			comes(action.Await, action.Pos)
			if m := c.message(action.Message, action.Pos); m != nil {
				m.goes = true
			}
		case *Listen:
			comes(action.Rules, action.Pos)
		}
	})
	for _, m := range c.def.Messages {
		if c.plan.messages[m.Name].comes {
			c.plan.topics[m.Topic] = append(c.plan.topics[m.Topic], c.plan.messages[m.Name])
		}
	}
}

func (c *compiler) message(name string, at diag.Pos) *message {
	m := c.plan.messages[name]
	if m == nil {
		c.structural(at, len(name), codeUnknownMessage, "declare it under `messages`", "there is no message %q", name)
	}
	return m
}

func sortedKeys[V any](set map[string]V) []string {
	out := make([]string, 0, len(set))
	for k := range set {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// EachStep visits every step and reaction of the definition, the outer before
// the inner, in the order of the file.
func (d *Definition) EachStep(visit func(*Step)) { walkDefinition(d, visit) }

func walkDefinition(def *Definition, visit func(*Step)) {
	walkRules(def.Start, visit)
	walkSteps(def.Child, visit)
	if def.Schedule != nil {
		walkStep(def.Schedule.Reaction, visit)
	}
	walkRules(def.Anytime, visit)
	walkSteps(def.Do, visit)
	walkRules(def.Catch, visit)
}

func walkRules(rules []*Rule, visit func(*Step)) {
	for _, r := range rules {
		walkSteps(r.Alternatives, visit)
	}
}

func walkSteps(steps []*Step, visit func(*Step)) {
	for _, s := range steps {
		walkStep(s, visit)
	}
}

// walkStep visits a step and everything in it.
func walkStep(s *Step, visit func(*Step)) {
	visit(s)
	switch action := s.Action.(type) {
	case *Send:
		walkRules(action.Await, visit)
	case *Run:
		walkRules(action.Await, visit)
	case *Listen:
		walkRules(action.Rules, visit)
	case *Switch:
		walkSteps(action.Alternatives, visit)
	case *Block:
		walkSteps(action.Do, visit)
	case *Fork:
		for _, branch := range action.Branches {
			walkSteps(branch.Do, visit)
		}
	case *For:
		walkSteps(action.Do, visit)
	}
	walkRules(s.Catch, visit)
	if s.Compensate != nil {
		walkStep(s.Compensate, visit)
	}
}

// template compiles a Template; one without expressions becomes a literal.
func (c *compiler) template(t *Template, ctx context) *template {
	switch {
	case t == nil:
		return nil
	case t.Expr != nil:
		return &template{formula: c.formula(t.Expr, ctx)}
	case t.List != nil:
		return c.listTemplate(t.List, ctx)
	case t.Map != nil:
		return c.mapTemplate(t.Map, ctx)
	}
	return &template{literal: t.Literal}
}

func (c *compiler) listTemplate(items []*Template, ctx context) *template {
	out := &template{isList: true}
	fixed := true
	literal := make([]any, 0, len(items))
	for _, item := range items {
		compiled := c.template(item, ctx)
		out.list = append(out.list, compiled)
		fixed = fixed && compiled.fixed()
		literal = append(literal, compiled.literal)
	}
	if fixed {
		return &template{literal: literal}
	}
	return out
}

func (c *compiler) mapTemplate(fields []Field, ctx context) *template {
	out := &template{isMap: true}
	fixed := true
	literal := make(map[string]value.Value, len(fields))
	for _, f := range fields {
		compiled := c.template(f.Value, ctx)
		out.fields = append(out.fields, field{f.Name, compiled})
		fixed = fixed && compiled.fixed()
		literal[f.Name] = compiled.literal
	}
	if fixed {
		return &template{literal: value.MapOf(literal)}
	}
	slices.SortFunc(out.fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
	return out
}

// fixed reports whether t is the same in every decision.
func (t *template) fixed() bool { return t.formula == nil && !t.isList && !t.isMap }

func (c *compiler) assignments(set []Assignment, ctx context) []assignment {
	var out []assignment
	for _, a := range set {
		out = append(out, c.assignment(a, ctx, c.template(a.Value, ctx)))
	}
	return out
}

// assignment compiles what sets a variable within a context.
func (c *compiler) assignment(a Assignment, ctx context, v *template) assignment {
	c.noteSetting(a, ctx, v)
	return assignment{a.Name, c.scopes.hops(ctx.scope, a.Name), v}
}

// outerList is where a jump out of the lists of n goes on: what runs beside the
// main line cannot jump into it.
func (n *node) outerList() *list {
	if n.role == roleAnytime {
		return nil
	}
	return n.jumps
}

// notEmpty reports a list that has no steps, where there must be some.
func (c *compiler) notEmpty(steps []*Step, at diag.Pos, name string) {
	if len(steps) == 0 {
		c.structural(at, len(name), codeEmptyValue, "write at least one step", "%s has no steps", name)
	}
}

// undoLines compiles what undoes one branch of the fork or loop n.
func (c *compiler) undoLines(n *node, ctx context) {
	n.lines = c.node(&Step{Pos: n.step.Pos, Action: &Undo{Pos: n.step.Pos}}, n.place+".undo", roleLine, n, context{failure: true, scope: ctx.scope})
}

func (c *compiler) moment(w *When, ctx context) *moment {
	if w == nil {
		return nil
	}
	return &moment{fixed: w.Duration, by: c.formula(w.Expr, ctx)}
}
