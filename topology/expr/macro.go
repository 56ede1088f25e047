package expr

import (
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/ast"

	"rondo/topology/diag"
	"rondo/topology/value"
)

// macro is what looks like a function but does not compute all its arguments
// first: it binds variables, or stops early.
type macro struct {
	member bool
	args   []int // how many it takes, the target apart
	usage  string
}

// macros by name, members with a dot before it.
var macros = map[string]macro{
	"has":                {args: []int{1}, usage: "has(event.a)"},
	"cel.bind":           {args: []int{3}, usage: "cel.bind(name, value, expression)"},
	"coalesce":           {args: nil, usage: "coalesce(a, b, …)"},
	".all":               {true, []int{2, 3}, "list.all(x, condition) or map.all(k, v, condition)"},
	".exists":            {true, []int{2, 3}, "list.exists(x, condition) or map.exists(k, v, condition)"},
	".exists_one":        {true, []int{2, 3}, "list.exists_one(x, condition) or map.exists_one(k, v, condition)"},
	".existsOne":         {true, []int{2, 3}, "list.existsOne(x, condition) or map.existsOne(k, v, condition)"},
	".map":               {true, []int{2, 3}, "list.map(x, value) or list.map(x, condition, value)"},
	".filter":            {true, []int{2}, "list.filter(x, condition)"},
	".transformList":     {true, []int{3, 4}, "list.transformList(i, x, value) or, with a condition before the value, four arguments"},
	".transformMap":      {true, []int{3, 4}, "map.transformMap(k, v, value) or, with a condition before the value, four arguments"},
	".transformMapEntry": {true, []int{3, 4}, "list.transformMapEntry(i, x, {key: value}) or, with a condition before the map, four arguments"},
	".sortBy":            {true, []int{2}, "list.sortBy(x, x.price)"},
	".or":                {true, []int{1}, "event.?a.or(event.?b)"},
	".orValue":           {true, []int{1}, "event.?a.orValue(0)"},
	".optMap":            {true, []int{2}, "event.?a.optMap(x, x + 1)"},
	".optFlatMap":        {true, []int{2}, "event.?a.optFlatMap(x, x.?b)"},
}

func isMacro(name string) bool { return macros[name].usage != "" }

// macro compiles a macro whose number of arguments is right.
func (c *compiler) macro(e ast.Expr, name string, target ast.Expr, args []ast.Expr) (node, static) {
	at := c.nameSpan(e.ID(), strings.TrimPrefix(name, "."))
	switch name {
	case "has":
		return c.hasMacro(args[0])
	case "cel.bind":
		return c.bind(args)
	case "coalesce":
		return c.coalesce(args, at)
	case ".or", ".orValue":
		return c.or(target, args[0], name == ".orValue", at)
	case ".optMap", ".optFlatMap":
		return c.optMap(target, args, name == ".optFlatMap", at)
	}
	return c.loop(name, target, args, at)
}

// hasMacro compiles has(a.b).
func (c *compiler) hasMacro(arg ast.Expr) (node, static) {
	if arg.Kind() != ast.SelectKind {
		n, of := c.expr(arg)
		if n != node(broken) {
			help := "write has(" + "event.a), or x != null for a variable"
			if of.label != "" {
				help = "write " + of.label + " != null to ask whether it is set; has(…) asks for a field"
			}
			c.report(of.at, IssueWrongArguments, "`has` needs a field, such as has(event.a)", help)
		}
		return n, static{kinds: kBool, at: of.at}
	}
	s := arg.AsSelect()
	operand, of := c.expr(s.Operand())
	at := c.fieldSpan(arg.ID(), s.FieldName())
	c.fieldType(of, s.FieldName(), at, kValue)
	return &hasNode{operand, s.FieldName()}, static{kinds: kBool, at: of.at.to(at)}
}

func (c *compiler) bind(args []ast.Expr) (node, static) {
	name, ok := c.variable(args[0])
	init, of := c.expr(args[1])
	of.label = ""
	slot, done := c.define(name, of)
	defer done()
	body, ofBody := c.expr(args[2])
	if !ok {
		return broken, static{kinds: kAny, at: ofBody.at}
	}
	ofBody.label = ""
	return &bindNode{slot, init, body}, ofBody
}

// variable is the name that a macro binds.
func (c *compiler) variable(e ast.Expr) (string, bool) {
	if e.Kind() == ast.IdentKind && !strings.HasPrefix(e.AsIdent(), ".") {
		return e.AsIdent(), true
	}
	c.report(c.span(e.ID()), IssueWrongArguments, "a name for the variable is expected here", "for example items.map(item, item.price)")
	return "", false
}

func (c *compiler) coalesce(args []ast.Expr, at span) (node, static) {
	n, out := &coalesceNode{}, static{kinds: kNull, at: at}
	for _, arg := range args {
		compiled, of := c.expr(arg)
		n.args = append(n.args, compiled)
		if out.kinds&kNull == 0 {
			continue // never needed: one before it is never null
		}
		out.kinds = out.kinds&^kNull | of.kinds&^kOptional
		if of.kinds&kOptional != 0 {
			out.kinds |= kValue
		}
	}
	return n, out
}

func (c *compiler) or(target, arg ast.Expr, unwrap bool, at span) (node, static) {
	left, of := c.expr(target)
	right, ofRight := c.expr(arg)
	n := &orNode{left, right, unwrap, at}
	c.mustBeOptionalFor(n.name(), of, at)
	if !unwrap {
		return n, static{kinds: kOptional, at: of.at.to(ofRight.at)}
	}
	known := kValue
	if of.typ.Kind != "" {
		known = of.typ.kinds()
	}
	return n, static{kinds: known | ofRight.kinds, at: of.at.to(ofRight.at)}
}

func (c *compiler) mustBeOptionalFor(name string, of static, at span) {
	if of.kinds&kOptional == 0 {
		c.report(at, IssueWrongKind, "`"+name+"` belongs behind an optional, but this is "+of.kinds.withArticle(), "write event.?a."+name+"(…); for a null: coalesce(a, b)")
	}
}

func (c *compiler) optMap(target ast.Expr, args []ast.Expr, flat bool, at span) (node, static) {
	operand, of := c.expr(target)
	n := &optMapNode{operand: operand, flat: flat, at: at}
	c.mustBeOptionalFor(n.name(), of, at)
	name, _ := c.variable(args[0])
	var done func()
	n.slot, done = c.define(name, static{kinds: kAny, typ: of.typ})
	defer done()
	n.body, _ = c.expr(args[1])
	return n, static{kinds: kOptional, at: of.at.to(at)}
}

// loop compiles what goes through a list or a map.
func (c *compiler) loop(name string, target ast.Expr, args []ast.Expr, at span) (node, static) {
	over, of := c.expr(target)
	l := loop{over: over, label: labelOr(of.label, "this"), macro: name[1:], second: -1, at: at}
	if of.kinds&(kList|kMap) == 0 {
		c.report(at, IssueWrongKind, "`"+l.macro+"` goes through a list or a map, but "+labelOr(of.label, "this")+" is "+of.kinds.withArticle(), "")
	}
	rest, done := c.loopVariables(&l, of, args)
	defer done()
	outer := c.weight
	c.weight = 0
	n, out := c.loopBody(&l, args, rest)
	l.weight, c.weight = c.weight, outer
	result := static{kinds: out, at: of.at.to(at)}
	if (l.macro == "filter" || l.macro == "sortBy") && of.typ.Kind == value.List {
		result.typ = Type{Kind: value.List, Elem: of.typ.Elem} // the same elements
	}
	return n(l), result
}

// twoVariables tells of each loop with how many arguments it has two.
var twoVariables = map[string]int{
	"all": 3, "exists": 3, "exists_one": 3, "existsOne": 3, "transformList": 3, "transformMap": 3, "transformMapEntry": 3,
}

// loopVariables defines one variable or two and returns the other arguments.
func (c *compiler) loopVariables(l *loop, of static, args []ast.Expr) (rest []ast.Expr, done func()) {
	first, _ := c.variable(args[0])
	elem := of.typ.elem()
	two, ok := twoVariables[l.macro]
	if !ok || len(args) < two {
		is := static{kinds: kAny, typ: elem}
		if of.typ.Kind != "" {
			is.kinds = elem.kinds()
		}
		if of.kinds == kMap {
			is = static{kinds: kString}
		}
		l.first, done = c.define(first, is)
		return args[1:], done
	}
	second, _ := c.variable(args[1])
	if first == second && first != "" {
		c.report(c.span(args[1].ID()), IssueWrongArguments, "the two variables have the same name `"+first+"`", "")
	}
	l.first, done = c.define(first, static{kinds: kString | kInt})
	l.second, _ = c.define(second, static{kinds: kAny, typ: elem})
	return args[2:], done
}

// loopBody compiles what is computed in each turn. The node is made once its
// weight is known.
func (c *compiler) loopBody(l *loop, args, rest []ast.Expr) (func(loop) node, kinds) {
	body, ofBody := c.expr(rest[len(rest)-1])
	switch l.macro {
	case "all", "exists":
		c.mustBeBool(ofBody)
		stop := l.macro == "exists"
		return func(l loop) node { return &quantNode{l, body, ofBody.at, stop} }, kBool
	case "exists_one", "existsOne":
		c.mustBeBool(ofBody)
		return func(l loop) node { return &existsOneNode{l, body, ofBody.at} }, kBool
	case "filter":
		c.mustBeBool(ofBody)
		return func(l loop) node { return &mapListNode{l, body, ofBody.at, &slotNode{l.first}} }, kList
	case "sortBy":
		return func(l loop) node { return &sortByNode{l, body} }, kList
	}
	var cond node
	var condAt span
	if len(rest) == 2 {
		compiled, ofCond := c.expr(rest[0])
		c.mustBeBool(ofCond)
		cond, condAt = compiled, ofCond.at
	}
	switch l.macro {
	case "transformMap":
		key, keyAt := &slotNode{l.first}, c.span(args[0].ID())
		return func(l loop) node { return &mapMapNode{l, cond, condAt, key, keyAt, body, ofBody.at} }, kMap
	case "transformMapEntry":
		return func(l loop) node { return &mapMapNode{l, cond, condAt, nil, span{}, body, ofBody.at} }, kMap
	}
	return func(l loop) node { return &mapListNode{l, cond, condAt, body} }, kList
}

// function compiles a call of a function or macro.
func (c *compiler) function(e ast.Expr, name string, target ast.Expr, args []ast.Expr) (node, static) {
	key := name
	if target != nil {
		key = "." + name
	}
	if m, ok := macros[key]; ok {
		if m.args != nil && !slices.Contains(m.args, len(args)) || len(args) == 0 {
			at := c.nameSpan(e.ID(), lastPart(name))
			return c.broken(at, IssueWrongArguments, "`"+name+"` takes "+counts(m.args)+", not "+arguments(len(args)), "write "+m.usage)
		}
		return c.macro(e, key, target, args)
	}
	fn := functions[key]
	if fn == nil {
		return c.unknownFunction(e, name, target != nil)
	}
	if target != nil {
		args = append([]ast.Expr{target}, args...)
	}
	n, out := c.callOf(e, fn, args, target != nil)
	if fn.varies {
		out = c.rowOf(n, out)
	}
	return n, out
}

func lastPart(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// counts lists numbers of arguments: "2 or 3 arguments".
func counts(ns []int) string {
	if ns == nil {
		return "at least 1 argument"
	}
	var parts []string
	for _, n := range ns[:len(ns)-1] {
		parts = append(parts, strconv.Itoa(n))
	}
	return strings.Join(append(parts, arguments(ns[len(ns)-1])), " or ")
}

func arguments(n int) string {
	if n == 1 {
		return "1 argument"
	}
	return strconv.Itoa(n) + " arguments"
}

func (c *compiler) callOf(e ast.Expr, fn *function, args []ast.Expr, isMember bool) (node, static) {
	n := &callNode{fn: fn, run: fn.run, at: c.nameSpan(e.ID(), lastPart(fn.name))}
	if !fn.takes(len(args)) {
		return c.broken(n.at, IssueWrongArguments, "`"+fn.name+"` takes "+c.arity(fn, isMember)+", not "+arguments(len(args)-count(isMember)), "")
	}
	out := static{kinds: fn.result, at: n.at}
	constants := make([]*constNode, len(args))
	allConstant := true
	for i, arg := range args {
		compiled, of := c.expr(arg)
		c.checkParam(fn, i, compiled, of)
		n.args, n.spans = append(n.args, compiled), append(n.spans, of.at)
		n.texts = append(n.texts, c.argText(of))
		constants[i], _ = compiled.(*constNode)
		allConstant = allConstant && constants[i] != nil
		out.at = out.at.to(of.at)
	}
	if len(c.issues) > 0 {
		return n, out
	}
	if fn.prepare != nil {
		if err := n.prepare(constants); err != nil {
			return c.broken(span{int32(err.Offset), int32(err.Length)}, IssueAlwaysFails, "this always fails: "+err.finished().Text, "")
		}
	}
	if allConstant && !fn.varies {
		return c.fold(n, out)
	}
	return n, out
}

func (n *callNode) prepare(constants []*constNode) *Error {
	quick, err := n.fn.prepare(n, constants)
	if err == nil && quick != nil {
		n.run = quick
	}
	return err
}

// count is 1 for true.
func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// argText names an argument in errors.
func (c *compiler) argText(of static) string {
	if of.label != "" {
		return of.label
	}
	if text := c.text(of); text != "…" {
		return text
	}
	return ""
}

// arity says how many arguments a function takes, the target apart.
func (c *compiler) arity(fn *function, isMember bool) string {
	most := len(fn.params) - count(isMember)
	least := most - fn.optional
	switch {
	case fn.variadic != 0:
		return "at least " + arguments(least)
	case most == 0:
		return "no arguments"
	case least == most:
		return arguments(most)
	}
	return strconv.Itoa(least) + " to " + arguments(most)
}

// checkParam finds arguments of a kind that cannot be right.
func (c *compiler) checkParam(fn *function, i int, compiled node, of static) {
	takes := fn.param(i)
	if takes&kWhole != 0 {
		takes = kNumber
	}
	if of.kinds&takes != 0 || compiled == node(broken) {
		return
	}
	help := ""
	if of.kinds == kOptional {
		help = "end it with .orValue(…)"
	}
	c.report(of.at, IssueWrongKind, "`"+fn.name+"` needs "+fn.param(i).withArticle()+" here, not "+of.kinds.withArticle(), help)
}

// unknownFunction suggests what might be meant.
func (c *compiler) unknownFunction(e ast.Expr, name string, isMember bool) (node, static) {
	at := c.nameSpan(e.ID(), lastPart(name))
	message := "there is no function `" + name + "`"
	if help, ok := functionSlips[name]; ok {
		return c.broken(at, IssueUnknownFunction, message, help)
	}
	other := "." + name
	if isMember {
		other = name
	}
	if functions[other] != nil || isMacro(other) {
		return c.broken(at, IssueUnknownFunction, message+" to call like this", "write "+calledAs(name, !isMember))
	}
	s := global
	if isMember {
		s = member
	}
	if near, ok := diag.Suggest(name, functionNames(s)); ok {
		return c.broken(at, IssueUnknownFunction, message, "did you mean `"+near+"`?")
	}
	return c.broken(at, IssueUnknownFunction, message, "")
}

func calledAs(name string, isMember bool) string {
	if isMember {
		return "value." + name + "(…)"
	}
	return name + "(…)"
}

// functionSlips are functions of other languages.
var functionSlips = map[string]string{
	"len": "write size(x)", "length": "write size(x)", "count": "write size(list), or size(list.filter(x, condition))",
	"str": "write string(x)", "toString": "write string(x)", "to_string": "write string(x)", "text": "write string(x)",
	"lower": "write text.lowerAscii()", "toLowerCase": "write text.lowerAscii()", "lowercase": "write text.lowerAscii()",
	"upper": "write text.upperAscii()", "toUpperCase": "write text.upperAscii()", "uppercase": "write text.upperAscii()",
	"includes": "write item in list, or text.contains(part)", "float": "write double(x)", "number": "write double(x) or decimal(x)",
	"Number": "write double(x) or decimal(x)", "parseInt": "write int(text)", "parseFloat": "write double(text)", "uint": "there are no unsigned ints: write int(x)",
	"if": "write condition ? a : b", "not": "write `!`", "abs": "write math.abs(x)", "ceil": "write math.ceil(x)", "floor": "write math.floor(x)",
	"sqrt": "write math.sqrt(x)", "now": "write now: the time of the decision is a variable", "date": "write timestamp(text) or parse_time(text)",
	"ifnull": "write coalesce(a, b)", "nvl": "write coalesce(a, b)", "isnull": "write x == null", "exists": "write has(event.a), or list.exists(x, condition)",
	"random": "there is no chance: hash(seed) and uuid(seed) are the same each time", "uuid4": "there is no chance: uuid(seed) is the same each time",
	"type": "there are no types as values; compare with null, or ask has(event.a)", "append": "write list + [item]", "push": "write list + [item]",
	"concat": "write a + b", "keys": "write map.map(k, k)", "values": "write map.transformList(k, v, v)", "get": "write map[?key].orValue(default)",
	"reduce": "write sum(list), min(list) or max(list)", "fold": "write sum(list), min(list) or max(list)", "find": "write list.filter(x, condition)[?0]",
	"any": "write list.exists(x, condition)", "some": "write list.exists(x, condition)", "every": "write list.all(x, condition)",
}
