package topology

import (
	"fmt"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"rondo/topology/diag"
)

// steps reads a list of `name: step`.
func (p *parser) steps(e entry) []*Step {
	n := e.value
	if p.isBroken(n) {
		return nil
	}
	if n.Kind == yaml.MappingNode {
		return p.stepsOfMapping(e)
	}
	if !p.sequence(n, "`"+e.key.Value+"`", "`- name: {…}`, one item for each step") {
		return nil
	}
	if len(n.Content) == 0 {
		p.report(p.page.token(e.key), codeEmptyValue, fmt.Sprintf("`%s` has no steps", e.key.Value)).
			help("add a step: `- name: {…}`")
	}
	out := make([]*Step, 0, len(n.Content))
	for _, item := range n.Content {
		p.whole(func() { out = append(out, p.item(item)...) }) // a step says itself what is unknown
	}
	return out
}

// stepsOfMapping goes on with steps that lack the `- ` before their names.
func (p *parser) stepsOfMapping(e entry) []*Step {
	p.report(p.page.token(e.key), codeWrongType, fmt.Sprintf("`%s` must be a list of steps, not a mapping", e.key.Value)).
		help("put `- ` before each step's name: steps have an order")
	var out []*Step
	for i := 0; i+1 < len(e.value.Content); i += 2 {
		out = append(out, p.namedStep(entry{e.value.Content[i], e.value.Content[i+1]}))
	}
	return out
}

// item reads one item of a list of steps: a mapping with one key, the name.
func (p *parser) item(n *yaml.Node) []*Step {
	switch {
	case p.broken[n]:
		return p.unknownStep(n)
	case n.Kind == yaml.ScalarNode && n.Value == "compensate":
		p.unnamed(p.page.token(n), "`- undo: compensate`")
		return p.unknownStep(n)
	case n.Kind != yaml.MappingNode, len(n.Content) == 0:
		p.wrongType(n, "a step", "`name: {…}`").help("write `- name: {…}`")
		return p.unknownStep(n)
	}
	first := entry{n.Content[0], n.Content[1]}
	switch {
	case p.isNamelessStep(n):
		p.unnamed(p.page.token(first.key), "`- name: {"+first.key.Value+": …}`")
		return p.unknownStep(n)
	case len(n.Content) == 2:
		return []*Step{p.namedStep(first)}
	case isEmpty(first.value):
		return []*Step{p.outdentedStep(n)}
	default:
		return p.joinedSteps(n)
	}
}

// unknownStep stands where an item of a list was not understood.
func (p *parser) unknownStep(n *yaml.Node) []*Step {
	p.lose(n)
	return []*Step{{Pos: p.page.token(n).pos, unknown: true}}
}

// isNamelessStep recognises a step whose words stand where its name belongs.
func (p *parser) isNamelessStep(n *yaml.Node) bool {
	key, value := n.Content[0], n.Content[1]
	if !p.words.isStepWord(key.Value) {
		return false
	}
	return len(n.Content) > 2 || value.Kind != yaml.MappingNode || !p.isStepBody(value)
}

// isStepBody reports whether the keys of a mapping are words of steps.
func (p *parser) isStepBody(n *yaml.Node) bool {
	for i := 0; i < len(n.Content); i += 2 {
		if !p.words.isStepWord(n.Content[i].Value) {
			return false
		}
	}
	return true
}

func (p *parser) unnamed(at span, example string) {
	p.report(at, codeUnnamedStep, "a step has no name").help("give it one: " + example)
}

// outdentedStep goes on with a step whose words stand below its name, in its
// column.
func (p *parser) outdentedStep(n *yaml.Node) *Step {
	name := n.Content[0]
	p.report(p.page.token(n.Content[2]), codeBadIndent, fmt.Sprintf("`%s` stands beside the name of step `%s`, not in it", n.Content[2].Value, name.Value)).
		related(p.page.token(name), "the step's name").
		help("indent the words of the step further than its name")
	body := *n
	body.Content = n.Content[2:]
	return p.namedStep(entry{name, &body})
}

// joinedSteps goes on with several steps in one item.
func (p *parser) joinedSteps(n *yaml.Node) []*Step {
	p.report(p.page.token(n.Content[2]), codeBadIndent, fmt.Sprintf("`%s` stands beside step `%s` in one item of the list", n.Content[2].Value, n.Content[0].Value)).
		help("if it is a step, begin it with `- `; if it belongs to the step, indent it further")
	var out []*Step
	for i := 0; i+1 < len(n.Content); i += 2 {
		if p.words.isStepWord(n.Content[i].Value) {
			p.lose(n.Content[i+1])
			continue
		}
		step := p.namedStep(entry{n.Content[i], n.Content[i+1]})
		step.unknown = true // what stands beside it may belong to it
		out = append(out, step)
	}
	return out
}

// namedStep reads a step with its name. It always returns one, so that jumps to
// a step that is wrong are not called unknown.
func (p *parser) namedStep(e entry) *Step {
	p.whole(func() { p.checkStepName(e.key) }) // what it does is clear all the same
	at := p.page.token(e.key)
	step := p.body(e, InStep)
	step.Name, step.Pos = e.key.Value, at.pos
	return step
}

func (p *parser) checkStepName(key *yaml.Node) {
	at, name := p.page.token(key), key.Value
	switch {
	case p.words.isStepWord(name):
		p.report(at, codeReservedName, fmt.Sprintf("a step cannot be called `%s`: it is a word of the language", name)).
			help("take another name, like `" + name + "-it`")
	case name == exitName:
		p.report(at, codeReservedName, "a step cannot be called `exit`: `then: exit` leaves the list").
			help("take another name, like `leave`")
	default:
		p.checkKebab(at, "step", name)
	}
}

// exitName is where `then: exit` goes.
const exitName = "exit"

// body reads a step without its name: of a step, a reaction, an alternative or
// a compensation.
func (p *parser) body(e entry, place Place) *Step {
	step := &Step{Pos: p.page.token(e.value).pos}
	step.unknown = !p.whole(func() { p.fillBody(step, e, place) })
	return step
}

func (p *parser) fillBody(step *Step, e entry, place Place) {
	n := e.value
	switch {
	case p.isBroken(n):
	case isEmpty(n):
		p.empty(e, "write `{}` where nothing shall happen")
	case n.Kind == yaml.ScalarNode && n.Value == "compensate" && isPlain(n):
		p.bareCompensate(step, n, place)
	case n.Kind != yaml.MappingNode:
		p.wrongBody(n, place)
	default:
		f := p.fields(n, place, p.page.token(e.key), "`"+e.key.Value+"`")
		p.fillStep(step, &f)
		f.done()
	}
}

func (p *parser) bareCompensate(step *Step, n *yaml.Node, place Place) {
	if place == InCompensation {
		p.report(p.page.token(n), codeMisplacedWord, "`compensate` cannot stand in a compensation").
			help("say how this step is undone: `compensate: {send: …}`")
		return
	}
	step.Action = &Undo{Pos: p.page.token(n).pos}
}

func (p *parser) wrongBody(n *yaml.Node, place Place) {
	what := placeName(place)
	f := p.wrongType(n, what, "a mapping")
	switch {
	case n.Kind == yaml.SequenceNode:
		f.help("several steps in place of one are a block: `do:` with the list below it")
	case n.Value == "complete":
		f.help("write `{end: complete}`")
	default:
		if f.suggest(n.Value, []string{"compensate"}) == "" {
			f.help("write `{…}`, or `{}` for nothing")
		}
	}
}

func (p *parser) fillStep(s *Step, f *fields) {
	s.When = p.expressionIf(f, "when")
	s.If = p.expression(f, "if")
	s.Set = p.assignments(f)
	s.Action = p.action(f)
	s.Timeout = p.when(f, "timeout", positiveTimer)
	s.Retry = p.retry(f)
	if e, ok := f.take("catch"); ok {
		s.Catch = p.errorRules(e)
	}
	s.Then = p.then(f)
	if e, ok := f.take("compensate"); ok {
		s.Compensate = p.body(e, InCompensation)
		s.Compensate.Pos = p.page.token(e.key).pos
	}
}

// expressionIf is expression for a word that does not stand in every place.
func (p *parser) expressionIf(f *fields, word string) *Expr {
	if _, ok := p.words.find(f.place, word); !ok {
		return nil
	}
	return p.expression(f, word)
}

// action reads all words of actions, and gives the one that stands first.
func (p *parser) action(f *fields) Action {
	first := f.action()
	sent := p.sent(f)
	actions := map[string]Action{
		"send":   p.send(f, sent),
		"run":    p.run(f, sent),
		"listen": p.listen(f),
		"wait":   p.wait(f),
		"switch": p.switchOf(f),
		"fork":   p.fork(f),
		"for":    p.loop(f),
		"do":     p.block(f),
		"raise":  p.raise(f),
		"end":    p.end(f),
	}
	return actions[first]
}

// sent is what stands beside `send` and `run`.
type sent struct {
	with    *Template
	headers []Field
	key     *Expr
	await   []*Rule
}

func (p *parser) sent(f *fields) sent {
	var s sent
	if e, ok := f.take("with"); ok {
		s.with = p.template(e.value)
	}
	if e, ok := f.take("headers"); ok && p.mapping(e.value, "`headers`") {
		s.headers = p.templateFields(e.value)
	}
	s.key = p.expression(f, "key")
	if e, ok := f.take("await"); ok {
		s.await = p.messageRules(e)
	}
	return s
}

func (p *parser) send(f *fields, s sent) Action {
	e, ok := f.take("send")
	if !ok {
		return nil
	}
	a := &Send{Pos: p.page.token(e.value).pos, With: s.with, Headers: s.headers, Await: s.await}
	if a.Message, ok = p.scalar(e.value, "`send`", "the name of a message"); !ok {
		return nil
	}
	return a
}

func (p *parser) run(f *fields, s sent) Action {
	e, ok := f.take("run")
	if !ok {
		return nil
	}
	at := p.page.token(e.value)
	a := &Run{Pos: at.pos, Key: s.key, With: s.with, Await: s.await}
	if a.Workflow, ok = p.scalar(e.value, "`run`", "the name of a workflow"); !ok {
		return nil
	}
	p.checkKebab(at, "workflow", a.Workflow)
	return a
}

func (p *parser) listen(f *fields) Action {
	a := &Listen{Until: p.expression(f, "until"), Idle: p.when(f, "idle", positiveTimer)}
	e, ok := f.take("listen")
	if !ok {
		return nil
	}
	a.Pos = p.page.token(e.key).pos
	broken := p.broken[e.value]
	a.Rules = p.messageRules(e)
	if len(a.Rules) == 0 && a.Until == nil && !broken && !p.broken[e.value] && !f.has("until") {
		p.report(p.page.token(e.key), codeEmptyListen, "`listen` names no message and no `until`: nothing can end it").
			help("name the messages to listen for, or a condition with `until`; `wait` lets time pass")
	}
	return a
}

func (p *parser) wait(f *fields) Action {
	e, ok := f.byName["wait"]
	w := p.when(f, "wait", anyTimer)
	if !ok || w == nil {
		return nil
	}
	return &Wait{Pos: p.page.token(e.key).pos, For: w}
}

func (p *parser) switchOf(f *fields) Action {
	e, ok := f.take("switch")
	if !ok || !p.sequence(e.value, "`switch`", "`- {when: …, …}`, one item for each alternative") {
		return nil
	}
	return &Switch{Pos: p.page.token(e.key).pos, Alternatives: p.alternatives(e)}
}

func (p *parser) block(f *fields) Action {
	e, ok := f.take("do")
	if !ok {
		return nil
	}
	return &Block{Pos: p.page.token(e.key).pos, Do: p.steps(e)}
}

func (p *parser) raise(f *fields) Action {
	e, ok := f.take("raise")
	if !ok {
		return nil
	}
	a := &Raise{Pos: p.page.token(e.value).pos}
	if e.value.Kind == yaml.MappingNode {
		inner := p.fields(e.value, InRaise, p.page.token(e.key), "`raise`")
		if named, ok := inner.take("error"); ok {
			a.Error, a.Name, a.Pos = p.errorName(named.value, "`error`")
		}
		a.Message, a.Data = p.messageAndData(&inner)
		inner.done()
		return a
	}
	a.Error, a.Name, a.Pos = p.errorName(e.value, "`raise`")
	return a
}

func (p *parser) messageAndData(f *fields) (message, data *Template) {
	if e, ok := f.take("message"); ok {
		message = p.template(e.value)
	}
	if e, ok := f.take("data"); ok {
		data = p.template(e.value)
	}
	return message, data
}

// errorName reads the name of an error that is raised, or an expression for it.
func (p *parser) errorName(n *yaml.Node, what string) (string, *Expr, diag.Pos) {
	at := p.page.token(n)
	if expr, ok := p.marked(n); ok {
		return "", expr, at.pos
	}
	name, ok := p.scalar(n, what, "the name of an error")
	if !ok {
		return "", nil, at.pos
	}
	switch name {
	case "timeout", "deadline", "fault", anyError:
		p.report(at, codeReservedName, fmt.Sprintf("`%s` cannot be raised: %s", name, engineErrors[name])).
			help("take a name of your own")
	default:
		p.checkErrorName(at, name)
	}
	return name, nil, at.pos
}

// anyError catches every error but `fault`.
const anyError = "any"

// engineErrors are the errors that the engine raises by itself, and why nobody
// else may.
var engineErrors = map[string]string{
	"timeout":  "it means that a wait was exhausted",
	"deadline": "it means that the instance's time is up",
	"fault":    "it means that the definition or the data are wrong",
	anyError:   "it stands for all errors where they are caught",
}

func (p *parser) end(f *fields) Action {
	e, ok := f.take("end")
	if !ok {
		return nil
	}
	a := &End{Pos: p.page.token(e.key).pos}
	if e.value.Kind != yaml.MappingNode {
		return p.endByWord(a, e.value)
	}
	inner := p.fields(e.value, InEnd, p.page.token(e.key), "`end`")
	a.Fail = &Template{Pos: a.Pos}
	if fail, ok := inner.take("fail"); ok {
		a.Fail = p.failure(fail.value)
	}
	a.Message, a.Data = p.messageAndData(&inner)
	inner.done()
	return a
}

// failure reads the name after `fail`, literal or expression.
func (p *parser) failure(n *yaml.Node) *Template {
	t := &Template{Pos: p.page.token(n).pos}
	if expr, ok := p.marked(n); ok {
		t.Expr = expr
		return t
	}
	if name, ok := p.scalar(n, "`fail`", "the name of an error"); ok {
		p.checkErrorName(p.page.token(n), name)
		t.Literal = name
	}
	return t
}

func (p *parser) endByWord(a *End, n *yaml.Node) Action {
	text, ok := p.scalar(n, "`end`", "`complete` or `{fail: name}`")
	if ok && text != "complete" {
		r := p.report(p.page.token(n), codeBadChoice, fmt.Sprintf("`end` must be `complete` or `{fail: name}`, not `%s`", text))
		if r.suggest(text, []string{"complete"}) == "" {
			r.help("write `end: complete`, or `end: {fail: " + kebab(text) + "}`")
		}
	}
	return a
}

func (p *parser) then(f *fields) *Target {
	if _, ok := p.words.find(f.place, "then"); !ok {
		return nil
	}
	e, ok := f.take("then")
	if !ok {
		return nil
	}
	at := p.page.token(e.value)
	if expr, ok := p.marked(e.value); ok {
		if expr == nil {
			return nil
		}
		return &Target{Pos: expr.Pos, Expr: expr}
	}
	name, ok := p.scalar(e.value, "`then`", "the name of a step")
	if !ok {
		return nil
	}
	return &Target{Pos: at.pos, Name: name}
}

func (p *parser) assignments(f *fields) []Assignment {
	return p.variables(f, "set")
}

// variables reads a word whose value is values by variable.
func (p *parser) variables(f *fields, word string) []Assignment {
	e, ok := f.take(word)
	if !ok || !p.mapping(e.value, "`"+word+"`") {
		return nil
	}
	out := make([]Assignment, 0, len(e.value.Content)/2)
	for _, field := range p.templateFields(e.value) {
		p.checkVariable(spanOf(field.Pos, field.Name), field.Name)
		out = append(out, Assignment(field))
	}
	return out
}

// messageRules reads `message → reaction`.
func (p *parser) messageRules(e entry) []*Rule {
	if !p.ruleMapping(e) {
		return nil
	}
	word, n := e.key.Value, e.value
	if len(n.Content) == 0 && word == "await" && !p.hasHoles(n) {
		p.report(p.page.token(e.key), codeEmptyValue, fmt.Sprintf("`%s` names no message", word)).
			help("name one: `" + word + ": {Message: {}}`")
	}
	var out []*Rule
	for i := 0; i+1 < len(n.Content); i += 2 {
		out = append(out, p.rule(entry{n.Content[i], n.Content[i+1]}))
	}
	return out
}

// ruleMapping reports whether what should be `message → reaction` is a mapping,
// and says so if it is not.
func (p *parser) ruleMapping(e entry) bool {
	word, n := e.key.Value, e.value
	if n.Kind == yaml.ScalarNode && !isEmpty(n) && !p.broken[n] {
		p.wrongType(n, "`"+word+"`", "a mapping").help(fmt.Sprintf("write `%s: {%s: {}}`", word, n.Value))
		return false
	}
	if n.Kind == yaml.SequenceNode && !p.broken[n] {
		p.wrongType(n, "`"+word+"`", "a mapping").help("write each message with its reaction: `{" + firstText(n) + ": {}}`")
		return false
	}
	return p.mapping(n, "`"+word+"`")
}

func firstText(n *yaml.Node) string {
	if len(n.Content) > 0 && n.Content[0].Kind == yaml.ScalarNode {
		return n.Content[0].Value
	}
	return "Message"
}

// errorRules reads `error → reaction`.
func (p *parser) errorRules(e entry) []*Rule {
	if !p.mapping(e.value, "`catch`") {
		return nil
	}
	var out []*Rule
	for i := 0; i+1 < len(e.value.Content); i += 2 {
		key := e.value.Content[i]
		if key.Value != anyError && !slices.Contains(RunErrors(), key.Value) {
			p.checkErrorName(p.page.token(key), key.Value)
		}
		out = append(out, p.rule(entry{key, e.value.Content[i+1]}))
	}
	return out
}

// rule reads a reaction or a list of alternatives. Its place is that of the name.
func (p *parser) rule(e entry) *Rule {
	r := &Rule{Name: e.key.Value, Pos: p.page.token(e.key).pos}
	switch {
	case p.isBroken(e.value):
	case e.value.Kind == yaml.SequenceNode:
		r.Alternatives = p.alternatives(e)
	default:
		r.Alternatives = []*Step{p.body(e, InReaction)}
	}
	return r
}

func (p *parser) alternatives(e entry) []*Step {
	if len(e.value.Content) == 0 {
		p.report(p.page.token(e.key), codeEmptyValue, fmt.Sprintf("`%s` has no alternatives", e.key.Value)).
			help("write `{}` where nothing shall happen")
	}
	out := make([]*Step, 0, len(e.value.Content))
	for _, item := range e.value.Content {
		out = append(out, p.body(entry{e.key, item}, InReaction))
	}
	return out
}

// kebab turns a text into a name as near as it can be.
func kebab(text string) string {
	var out strings.Builder
	for i, c := range text {
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			out.WriteRune(c)
		case c >= 'A' && c <= 'Z':
			if i > 0 {
				out.WriteByte('-')
			}
			out.WriteRune(c - 'A' + 'a')
		default:
			out.WriteByte('-')
		}
	}
	parts := strings.FieldsFunc(out.String(), func(c rune) bool { return c == '-' })
	return strings.Join(parts, "-")
}
