package topology

import (
	"fmt"
	"strconv"

	yaml "go.yaml.in/yaml/v4"
)

// fork reads `fork: {a: [steps], b: [steps]}` with the `join` beside it.
func (p *parser) fork(f *fields) Action {
	if !f.owns("fork") {
		return nil
	}
	e, ok := f.take("fork")
	join := p.join(f)
	if !ok || !p.mapping(e.value, "`fork`") {
		return nil
	}
	if len(e.value.Content) == 0 && !p.hasHoles(e.value) {
		p.report(p.page.token(e.key), codeEmptyValue, "`fork` has no branches").
			help("name them: `fork: {a: [- step: {…}], b: […]}`")
	}
	a := &Fork{Pos: p.page.token(e.key).pos, Join: join}
	if p.hasHoles(e.value) {
		a.Join = Join{} // it may count branches that are not there
	}
	for i := 0; i+1 < len(e.value.Content); i += 2 {
		a.Branches = append(a.Branches, p.branch(entry{e.value.Content[i], e.value.Content[i+1]}))
	}
	return a
}

func (p *parser) branch(e entry) ForkBranch {
	at := p.page.token(e.key)
	p.checkKebab(at, "branch", e.key.Value)
	b := ForkBranch{Name: e.key.Value, Pos: at.pos}
	if isEmpty(e.value) {
		p.empty(e, "write its steps: a list of `- name: {…}`")
		return b
	}
	b.Do = p.steps(e)
	return b
}

// owns reports whether a word that other words are parts of stands here. If not,
// it counts as taken.
func (f *fields) owns(name string) bool {
	if _, ok := f.byName[name]; ok {
		return true
	}
	f.taken[name] = true
	return false
}

// loop reads `for` with the `do`, `join` and `collect` beside it.
func (p *parser) loop(f *fields) Action {
	if !f.owns("for") {
		f.taken["join"], f.taken["collect"] = true, true
		return nil
	}
	e, ok := f.take("for")
	a := &For{Pos: p.page.token(e.key).pos, Parallel: 1, Join: p.join(f), Collect: p.variables(f, "collect")}
	if body, ok := f.take("do"); ok {
		a.Do = p.steps(body)
	} else if !f.has("do") {
		p.gaps.lacking = true
		p.report(p.page.token(e.key), codeMissingWord, "`for` has no `do`").help("add the steps of an iteration beside it: `do: [- name: {…}]`")
	}
	if !ok || !p.mapping(e.value, "`for`") {
		return a
	}
	inner := p.fields(e.value, InFor, p.page.token(e.key), "`for`")
	p.items(a, &inner)
	a.While = p.expression(&inner, "while")
	a.Parallel = p.count(&inner, "parallel", 1, itemsMax)
	if len(e.value.Content) > 0 && !inner.has("in") && !inner.has("while") && !inner.has("each") && !p.hasHoles(e.value) || len(e.value.Content) == 0 {
		p.report(p.page.token(e.key), codeBadLoop, "`for` says neither over what it goes nor how long").
			help("write `for: {each: item, in: LIST}`, or `for: {while: CONDITION}`")
	}
	inner.done()
	return a
}

// itemsMax is how many elements `in` may have.
const itemsMax = 100_000

// items reads over what a loop goes.
func (p *parser) items(a *For, f *fields) {
	if e, ok := f.take("each"); ok {
		at := p.page.token(e.value)
		if name, ok := p.scalar(e.value, "`each`", "the name of a variable"); ok {
			a.Each, a.EachPos = name, at.pos
			p.checkVariable(at, name)
		}
	}
	e, ok := f.take("in")
	switch {
	case !ok:
	case e.value.Kind == yaml.SequenceNode:
		a.In = p.template(e.value)
	default:
		if expr := p.bareExpression(e); expr != nil {
			a.In = &Template{Pos: expr.Pos, Expr: expr}
		}
	}
}

// join reads when a `fork` or a `for` is done.
func (p *parser) join(f *fields) Join {
	e, ok := f.take("join")
	if !ok {
		return Join{}
	}
	at := p.page.token(e.value)
	text, ok := p.scalar(e.value, "`join`", "`all`, `any` or a whole number")
	if !ok {
		return Join{}
	}
	j := Join{Pos: at.pos, Mode: text}
	if text == "all" || text == "any" {
		return j
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > itemsMax {
		r := p.report(at, codeBadJoin, fmt.Sprintf("`join` must be `all`, `any` or a whole number from 1, not `%s`", text))
		if r.suggest(text, []string{"all", "any"}) == "" {
			r.help("a number says how many branches must have finished")
		}
		return Join{Pos: at.pos}
	}
	j.Mode, j.N = "n", n
	return j
}

// count reads a whole number between two bounds; without it, the lower one.
func (p *parser) count(f *fields, word string, low, high int) int {
	e, ok := f.take(word)
	if !ok {
		return low
	}
	text, ok := p.scalar(e.value, "`"+word+"`", "a whole number")
	if !ok {
		return low
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high || strconv.Itoa(n) != text {
		p.report(p.page.token(e.value), codeBadNumber, fmt.Sprintf("`%s` must be a whole number from %d to %d, not `%s`", word, low, high, text)).
			help("write a number, or remove `" + word + "`")
		return low
	}
	return n
}
