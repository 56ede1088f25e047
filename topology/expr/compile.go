package expr

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	celop "cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"rondo/topology/diag"
	"rondo/topology/value"
)

// compiler makes nodes out of a syntax tree and collects issues on the way.
type compiler struct {
	runes  []rune
	source *ast.SourceInfo
	scope  Scope

	locals []local         // variables of the enclosing loops and bindings, innermost last
	slots  int             // so many the program needs
	reads  map[string]bool // variables of the scope that are used
	weight int             // nodes so far, those within loops apart
	issues []Issue
}

// local is a variable of a loop or binding.
type local struct {
	name string
	slot int
	of   static
}

// static is what is known of a node before it is evaluated.
type static struct {
	kinds kinds
	typ   Type   // for the fields and elements
	label string // the text, if it is a path such as "event.items[0].sku"
	at    span
}

// broken stands for what has an issue already; anything may be done with it.
var broken = &constNode{}

// expr compiles one expression.
func (c *compiler) expr(e ast.Expr) (node, static) {
	c.weight++
	switch e.Kind() {
	case ast.LiteralKind:
		return c.literal(e)
	case ast.IdentKind:
		return c.ident(e)
	case ast.SelectKind:
		s := e.AsSelect()
		return c.field(s.Operand(), s.FieldName(), c.fieldSpan(e.ID(), s.FieldName()), false)
	case ast.CallKind:
		return c.call(e)
	case ast.ListKind:
		return c.list(e)
	case ast.MapKind:
		return c.mapping(e)
	case ast.StructKind:
		name := e.AsStruct().TypeName()
		return c.broken(c.span(e.ID()), IssueSyntax, "`"+name+"{…}` would be a message of a type, which there is not here", "a map is written {'key': value}")
	}
	return c.broken(c.span(e.ID()), IssueSyntax, "this is not understood", "")
}

// broken reports an issue.
func (c *compiler) broken(at span, code, message, help string) (node, static) {
	c.report(at, code, message, help)
	return broken, static{kinds: kAny, at: at}
}

func (c *compiler) report(at span, code, message, help string) {
	c.issues = append(c.issues, at.issue(code, message, help))
}

// span is where the parser placed a node: a name or literal, an operator, the
// bracket of a call.
func (c *compiler) span(id int64) span {
	r, ok := c.source.GetOffsetRange(id)
	if !ok {
		return span{0, 1}
	}
	return span{r.Start, max(1, r.Stop-r.Start)}
}

// fieldSpan is the name behind the dot that the parser placed.
func (c *compiler) fieldSpan(id int64, name string) span {
	at := c.span(id)
	i := int(at.offset)
	for i < len(c.runes) && strings.ContainsRune(".?` \t\r\n", c.runes[i]) {
		i++
	}
	if length := len([]rune(name)); strings.HasPrefix(string(c.runes[i:min(len(c.runes), i+length)]), name) {
		return span{int32(i), int32(max(1, length))}
	}
	return at
}

// nameSpan is the name before the bracket that the parser placed.
func (c *compiler) nameSpan(id int64, name string) span {
	at := c.span(id)
	end := int(at.offset)
	for end > 0 && strings.ContainsRune(" \t\r\n", c.runes[min(end, len(c.runes))-1]) {
		end--
	}
	if start := end - len([]rune(name)); start >= 0 && string(c.runes[start:end]) == name {
		return span{int32(start), int32(end - start)}
	}
	return at
}

func (c *compiler) literal(e ast.Expr) (node, static) {
	at := c.span(e.ID())
	var v value.Value
	switch literal := e.AsLiteral().(type) {
	case types.Bool:
		v = bool(literal)
	case types.Int:
		v = int64(literal)
	case types.Double:
		v = float64(literal)
	case types.String:
		v = string(literal)
	case types.Bytes:
		v = []byte(literal)
	case types.Null:
		v = nil
	case types.Uint:
		return c.broken(at, IssueSyntax, "there are no unsigned ints", "leave the `u` out")
	}
	return c.constant(v, at)
}

func (c *compiler) constant(v value.Value, at span) (node, static) {
	return &constNode{v}, static{kinds: kindOf(v), at: at}
}

func (c *compiler) ident(e ast.Expr) (node, static) {
	name, at := e.AsIdent(), c.span(e.ID())
	if l, ok := c.local(name); ok {
		s := l.of
		s.label, s.at = name, at
		return &slotNode{l.slot}, s
	}
	name = strings.TrimPrefix(name, ".")
	typ, ok := c.scope[name]
	if !ok {
		return c.unknownVariable(name, at)
	}
	c.reads[name] = true
	return &varNode{name, at}, static{kinds: typ.kinds(), typ: typ, label: name, at: at}
}

func (c *compiler) local(name string) (local, bool) {
	for i := len(c.locals) - 1; i >= 0; i-- {
		if c.locals[i].name == name {
			return c.locals[i], true
		}
	}
	return local{}, false
}

func (c *compiler) unknownVariable(name string, at span) (node, static) {
	message := "`" + name + "` is not a variable"
	if help, ok := reservedHelp[name]; ok {
		return c.broken(at, IssueUnknownVariable, "`"+name+"` does not exist here", help)
	}
	if help, ok := nameSlips[name]; ok {
		return c.broken(at, IssueUnknownVariable, message, help)
	}
	names := c.scope.names()
	for _, l := range c.locals {
		names = append(names, l.name)
	}
	if near, ok := diag.Suggest(name, names); ok {
		return c.broken(at, IssueUnknownVariable, message, "did you mean `"+near+"`?")
	}
	if functions[name] != nil || isMacro(name) {
		return c.broken(at, IssueUnknownVariable, message, "`"+name+"` is a function: "+name+"(…)")
	}
	return c.broken(at, IssueUnknownVariable, message, "a text stands in quotes: '"+name+"'; a variable is set in `set`")
}

// nameSlips are words of other languages in the place of a value.
var nameSlips = map[string]string{
	"nil": "write null", "None": "write null", "NULL": "write null", "Null": "write null", "undefined": "write null",
	"True": "write true", "TRUE": "write true", "yes": "write true", "False": "write false", "FALSE": "write false", "no": "write false",
	"this": "the event is `event`, the instance key is `key`", "self": "the event is `event`, the instance key is `key`",
	"payload": "the payload of the event is `event`", "message": "the payload of the event is `event`", "msg": "the payload of the event is `event`",
	"not": "write `!`", "if": "write condition ? a : b",
}

// field compiles operand.name.
func (c *compiler) field(operand ast.Expr, name string, at span, optional bool) (node, static) {
	o, of := c.expr(operand)
	out := static{kinds: kValue, at: of.at.to(at), label: pathLabel(of.label, "."+backticked(name))}
	if optional || of.kinds == kOptional {
		out.kinds = kOptional
	} else if of.kinds&kOptional != 0 {
		out.kinds = kAny
	}
	out.typ, out.kinds = c.fieldType(of, name, at, out.kinds)
	if (of.kinds&(kMap|kOptional|kNull) == 0 || of.kinds == kNull) && o != node(broken) {
		c.report(at, IssueWrongKind, labelOr(of.label, "this")+" is "+of.kinds.withArticle()+" and has no field `"+name+"`", memberHelp(name))
	}
	return &fieldNode{operand: o, label: labelOr(of.label, "the map"), name: name, optional: optional, at: at}, out
}

// memberHelp helps who writes a call without brackets.
func memberHelp(name string) string {
	if functions["."+name] != nil {
		return "`" + name + "` is a function: write " + name + "()"
	}
	return ""
}

// fieldType looks a field up in what is known of a record.
func (c *compiler) fieldType(of static, name string, at span, otherwise kinds) (Type, kinds) {
	if of.typ.Fields == nil {
		if of.typ.Kind == value.MapKind {
			return of.typ.elem(), otherwise&kOptional | of.typ.elem().kinds()
		}
		return Type{}, otherwise
	}
	typ, ok := of.typ.Fields[name]
	if !ok {
		help := "its fields are: " + strings.Join(of.typ.FieldNames(), ", ")
		if near, ok := diag.Suggest(name, of.typ.FieldNames()); ok {
			help = "did you mean `" + near + "`?"
		}
		c.report(at, IssueUnknownField, labelOr(of.label, "the record")+" has no field `"+name+"`", help)
		return Type{}, kAny
	}
	if otherwise == kOptional {
		return typ, kOptional
	}
	return typ, otherwise&kOptional | typ.kinds()
}

// pathLabel appends to a label, as long as that is short.
func pathLabel(label, part string) string {
	if label == "" || len(label) > 60 {
		return ""
	}
	return label + part
}

func labelOr(label, otherwise string) string {
	if label == "" {
		return otherwise
	}
	return label
}

// backticked writes odd names of fields as the author has to.
func backticked(name string) string {
	for _, r := range name {
		if !isWordRune(r) {
			return "`" + name + "`"
		}
	}
	return name
}

// index compiles operand[index].
func (c *compiler) index(args []ast.Expr, at span, optional bool) (node, static) {
	o, of := c.expr(args[0])
	i, by := c.expr(args[1])
	if key, ok := i.(*constNode); ok && of.typ.Fields != nil {
		if name, ok := key.v.(string); ok {
			c.fieldType(of, name, by.at, kValue)
		}
	}
	if of.kinds&(kMap|kList|kOptional|kNull) == 0 {
		c.report(at, IssueWrongKind, labelOr(of.label, "this")+" is "+of.kinds.withArticle()+" and has no elements", "")
	}
	out := static{kinds: kValue, typ: of.typ.elem(), at: of.at.to(by.at), label: pathLabel(of.label, "["+c.text(by)+"]")}
	switch {
	case optional || of.kinds == kOptional:
		out.kinds = kOptional
	case of.kinds&kOptional != 0:
		out.kinds = kAny
	case of.typ.Elem != nil:
		out.kinds = of.typ.elem().kinds()
	}
	return &indexNode{operand: o, index: i, label: labelOr(of.label, "this"), optional: optional, at: by.at}, out
}

// text is the author's text of something short, else "…".
func (c *compiler) text(s static) string {
	start, end := int(s.at.offset), int(s.at.offset+s.at.length)
	if end > len(c.runes) || s.at.length > 20 {
		return "…"
	}
	return string(c.runes[start:end])
}

func (c *compiler) list(e ast.Expr) (node, static) {
	list := e.AsList()
	n := &listNode{at: c.span(e.ID())}
	constant := true
	var items []any
	var elem *Type
	for i, item := range list.Elements() {
		compiled, of := c.expr(item)
		elem = joined(elem, of)
		if list.IsOptional(int32(i)) {
			if n.optionals == nil {
				n.optionals = make([]bool, len(list.Elements()))
			}
			n.optionals[i] = true
			c.mustBeOptional(of)
		}
		n.items = append(n.items, compiled)
		v, ok := compiled.(*constNode)
		if constant = constant && ok; constant {
			items = append(items, v.v)
		}
	}
	if constant && n.optionals == nil {
		folded, of := c.constant(nonNil(items), n.at)
		of.typ = Type{Kind: value.List, Elem: elem}
		return folded, of
	}
	if n.optionals != nil {
		elem = nil
	}
	return n, static{kinds: kList, typ: Type{Kind: value.List, Elem: elem}, at: n.at}
}

// joined is the type of the elements of a list so far, with one more.
func joined(elem *Type, of static) *Type {
	t := of.asType()
	if elem != nil {
		t = Join(*elem, t)
	}
	return &t
}

func (c *compiler) mustBeOptional(of static) {
	if of.kinds&kOptional == 0 {
		c.report(of.at, IssueWrongKind, "`?` needs an optional, but this is "+of.kinds.withArticle(), "write event.?a, or leave the question mark out")
	}
}

func (c *compiler) mapping(e ast.Expr) (node, static) {
	n := &mapNode{at: c.span(e.ID())}
	entries := e.AsMap().Entries()
	seen := map[string]bool{}
	constant := true
	record := map[string]Type{}
	sortEntries(entries)
	for i, entry := range entries {
		m := entry.AsMapEntry()
		key := c.key(m.Key(), seen)
		v, of := c.expr(m.Value())
		if m.IsOptional() {
			if n.optionals == nil {
				n.optionals = make([]bool, len(entries))
			}
			n.optionals[i] = true
			c.mustBeOptional(of)
		}
		n.keys, n.values = append(n.keys, key), append(n.values, v)
		constant = constant && isConst(key) && isConst(v)
		record = withField(record, key, of, m.IsOptional())
	}
	typ := Type{Kind: value.MapKind, Fields: record}
	if constant && n.optionals == nil && len(c.issues) == 0 {
		folded, of := c.fold(n, static{kinds: kMap, at: n.at})
		of.typ = typ
		return folded, of
	}
	return n, static{kinds: kMap, typ: typ, at: n.at}
}

// withField adds a field to what is known of a map's literal; nil once a key is
// not known beforehand.
func withField(record map[string]Type, key node, of static, optional bool) map[string]Type {
	k, isConst := key.(*constNode)
	if record == nil || !isConst {
		return nil
	}
	name, ok := k.v.(string)
	if !ok {
		return nil
	}
	t := of.asType()
	t.Optional = optional
	record[name] = t
	return record
}

// sortEntries puts entries in the order of keys beforehand, where all are
// written in the text.
func sortEntries(entries []ast.EntryExpr) {
	name := func(e ast.EntryExpr) (types.String, bool) {
		key := e.AsMapEntry().Key()
		s, ok := key.AsLiteral().(types.String)
		return s, ok && key.Kind() == ast.LiteralKind
	}
	for _, e := range entries {
		if _, ok := name(e); !ok {
			return
		}
	}
	slices.SortStableFunc(entries, func(a, b ast.EntryExpr) int {
		x, _ := name(a)
		y, _ := name(b)
		return strings.Compare(string(x), string(y))
	})
}

func isConst(n node) bool {
	_, ok := n.(*constNode)
	return ok
}

// key compiles a key of a map. A bare name is a variable in CEL, which is seldom
// meant.
func (c *compiler) key(e ast.Expr, seen map[string]bool) node {
	if e.Kind() == ast.IdentKind {
		name := e.AsIdent()
		if _, ok := c.local(name); !ok && !c.has(name) {
			c.report(c.span(e.ID()), IssueUnknownVariable, "`"+name+"` is not a variable", "keys stand in quotes: {'"+name+"': …}")
			return broken
		}
	}
	key, of := c.expr(e)
	if of.kinds&kString == 0 {
		c.report(of.at, IssueWrongKind, "a key of a map is a string, not "+of.kinds.withArticle(), "")
		return broken
	}
	if k, ok := key.(*constNode); ok && k != broken {
		name, _ := k.v.(string)
		if seen[name] {
			c.report(of.at, IssueAlwaysFails, "the key `"+name+"` stands twice", "")
		}
		seen[name] = true
	}
	return key
}

func (c *compiler) has(name string) bool {
	_, ok := c.scope[name]
	return ok
}

// call compiles operators, macros and functions.
func (c *compiler) call(e ast.Expr) (node, static) {
	call := e.AsCall()
	name, args := call.FunctionName(), call.Args()
	if n, of, ok := c.operator(e, name, args); ok {
		return n, of
	}
	if !call.IsMemberFunction() {
		return c.function(e, strings.TrimPrefix(name, "."), nil, args)
	}
	if space, ok := c.namespace(call.Target()); ok {
		if full := space + "." + name; functions[full] != nil || isMacro(full) {
			return c.function(e, full, nil, args)
		}
		if namespaces[space] {
			return c.unknownFunction(e, space+"."+name, false)
		}
	}
	return c.function(e, name, call.Target(), args)
}

// namespaces are what functions may begin with.
var namespaces = map[string]bool{"math": true, "lists": true, "sets": true, "strings": true, "optional": true, "cel": true}

// namespace is a target that is a bare name, unless a variable has it.
func (c *compiler) namespace(target ast.Expr) (string, bool) {
	if target.Kind() != ast.IdentKind {
		return "", false
	}
	name := target.AsIdent()
	_, isLocal := c.local(name)
	return name, !isLocal && !c.has(name)
}

// operator compiles what the parser makes of an operator; false if it is none.
func (c *compiler) operator(e ast.Expr, name string, args []ast.Expr) (n node, of static, ok bool) {
	at := c.span(e.ID())
	switch name {
	case celop.LogicalAnd:
		n, of = c.logic(args, false)
	case celop.LogicalOr:
		n, of = c.logic(args, true)
	case celop.LogicalNot:
		n, of = c.not(args[0], at)
	case celop.Conditional:
		n, of = c.conditional(args)
	case celop.Equals:
		n, of = c.equality(args, false, at)
	case celop.NotEquals:
		n, of = c.equality(args, true, at)
	case celop.Index:
		n, of = c.index(args, at, false)
	case celop.OptIndex:
		n, of = c.index(args, at, true)
	case celop.OptSelect:
		n, of = c.optionalField(args)
	case celop.In:
		n, of = c.in(args, at)
	case celop.Negate:
		n, of = c.negate(args[0], at)
	default:
		return c.binary(strings.TrimSuffix(strings.TrimPrefix(name, "_"), "_"), name, args, at)
	}
	return n, of, true
}

// binary compiles arithmetic and comparisons, which the parser names "_+_".
func (c *compiler) binary(symbol, name string, args []ast.Expr, at span) (n node, of static, ok bool) {
	if name != "_"+symbol+"_" || len(args) != 2 {
		return nil, static{}, false
	}
	if op := operators[symbol]; op != nil {
		n, of = c.arithmetic(args, op, at)
		return n, of, true
	}
	if holds := comparisons[symbol]; holds != nil {
		n, of = c.comparison(args, symbol, holds, at)
		return n, of, true
	}
	return nil, static{}, false
}

func (c *compiler) optionalField(args []ast.Expr) (node, static) {
	name := string(args[1].AsLiteral().(types.String))
	return c.field(args[0], name, c.span(args[1].ID()), true)
}

func (c *compiler) logic(args []ast.Expr, stop bool) (node, static) {
	n := &logicNode{stop: stop}
	for _, arg := range args {
		term, of := c.expr(arg)
		c.mustBeBool(of)
		n.terms, n.spans = append(n.terms, term), append(n.spans, of.at)
	}
	return n, static{kinds: kBool, at: n.spans[0].to(n.spans[len(n.spans)-1])}
}

func (c *compiler) mustBeBool(of static) {
	if of.kinds&kBool == 0 {
		c.report(of.at, IssueNotACondition, "a condition is expected here, but this is "+of.kinds.withArticle(), conditionHelp(of))
	}
}

func conditionHelp(of static) string {
	switch {
	case of.kinds&kList != 0:
		return "compare: size(list) > 0"
	case of.kinds&(kNumber|kString) != 0:
		return "compare: … == …, … > …"
	case of.kinds == kOptional:
		return "end it with .hasValue() or .orValue(false)"
	}
	return ""
}

func (c *compiler) not(arg ast.Expr, at span) (node, static) {
	operand, of := c.expr(arg)
	c.mustBeBool(of)
	return &notNode{operand, of.at}, static{kinds: kBool, at: at.to(of.at)}
}

func (c *compiler) conditional(args []ast.Expr) (node, static) {
	cond, of := c.expr(args[0])
	c.mustBeBool(of)
	then, ofThen := c.expr(args[1])
	other, ofOther := c.expr(args[2])
	return &condNode{cond, then, other, of.at}, static{kinds: ofThen.kinds | ofOther.kinds, at: of.at.to(ofOther.at)}
}

func (c *compiler) equality(args []ast.Expr, negated bool, at span) (node, static) {
	left, a := c.expr(args[0])
	right, b := c.expr(args[1])
	if !comparable(a.kinds, b.kinds) {
		c.report(at, IssueNeverEqual, "this compares "+a.kinds.withArticle()+" with "+b.kinds.withArticle()+", which are never equal", equalHelp(a.kinds, b.kinds))
	}
	return c.folded(&equalNode{left, right, negated, at}, static{kinds: kBool, at: a.at.to(b.at)}, left, right)
}

// comparable reports whether values of these kinds can be equal.
func comparable(a, b kinds) bool {
	return a&b != 0 || a&kNumber != 0 && b&kNumber != 0
}

func equalHelp(a, b kinds) string {
	switch {
	case (a|b)&kString != 0 && (a|b)&kNumber != 0:
		return "turn one into the other: string(number), int(text)"
	case (a|b)&kOptional != 0:
		return "end the optional with .orValue(…)"
	}
	return ""
}

func (c *compiler) comparison(args []ast.Expr, symbol string, holds func(int) bool, at span) (node, static) {
	left, a := c.expr(args[0])
	right, b := c.expr(args[1])
	if !comparable(a.kinds&kOrdered, b.kinds&kOrdered) {
		c.report(at, IssueWrongKind, "cannot order "+a.kinds.withArticle()+" and "+b.kinds.withArticle(), equalHelp(a.kinds, b.kinds))
	}
	n := &compareNode{left, right, symbol, holds, [2]string{a.label, b.label}, at}
	return c.folded(n, static{kinds: kBool, at: a.at.to(b.at)}, left, right)
}

func (c *compiler) arithmetic(args []ast.Expr, op *operator, at span) (node, static) {
	left, a := c.expr(args[0])
	right, b := c.expr(args[1])
	out := static{kinds: op.resultKinds(a.kinds, b.kinds), at: a.at.to(b.at)}
	if out.kinds == 0 {
		c.report(at, IssueWrongKind, "cannot compute "+a.kinds.String()+" "+op.symbol+" "+b.kinds.String(), arithmeticHelp(op, a.kinds, b.kinds))
		out.kinds = kAny
	}
	return c.folded(&arithNode{op, left, right, [2]string{a.label, b.label}, at}, out, left, right)
}

func arithmeticHelp(op *operator, a, b kinds) string {
	both := a | b
	switch {
	case op.symbol == "+" && both&kString != 0 && both&(kNumber|kBool|kTimestamp|kDuration) != 0:
		return "to join texts, make the other one a text: string(x)"
	case both&kTimestamp != 0 && both&kNumber != 0:
		return "add a duration: t + duration('5m')"
	case both&kMap != 0:
		return "merge(a, b) puts maps together, without(map, key) takes keys off"
	case both&kOptional != 0:
		return "end the optional with .orValue(…)"
	}
	return ""
}

func (c *compiler) negate(arg ast.Expr, at span) (node, static) {
	operand, of := c.expr(arg)
	out := static{kinds: of.kinds & (kNumber | kDuration), at: at.to(of.at)}
	if out.kinds == 0 {
		c.report(at, IssueWrongKind, "cannot compute -"+of.kinds.String(), "")
		out.kinds = kAny
	}
	return c.folded(&negNode{operand, of.label, at}, out, operand)
}

func (c *compiler) in(args []ast.Expr, at span) (node, static) {
	item, a := c.expr(args[0])
	in, b := c.expr(args[1])
	if b.kinds&(kList|kMap) == 0 {
		help := ""
		if b.kinds&kString != 0 {
			help = "for a part of a text write text.contains(part)"
		}
		c.report(b.at, IssueWrongKind, "`in` looks into a list or the keys of a map, but this is "+b.kinds.withArticle(), help)
	}
	return &inNode{item, in, labelOr(b.label, "the right side"), at}, static{kinds: kBool, at: a.at.to(b.at)}
}

// folded computes a node at once if all it needs is constant.
func (c *compiler) folded(n node, of static, operands ...node) (node, static) {
	for _, operand := range operands {
		if !isConst(operand) || operand == node(broken) {
			return n, of
		}
	}
	if len(c.issues) > 0 {
		return n, of
	}
	return c.fold(n, of)
}

// fold evaluates a node that needs no variables. If it fails it would fail each
// time.
func (c *compiler) fold(n node, of static) (node, static) {
	f := newFrame(nil, 0)
	defer f.release()
	v, err := n.eval(f)
	if err != nil {
		at := span{int32(err.Offset), int32(err.Length)}
		return c.broken(at, IssueAlwaysFails, "this always fails: "+err.finished().Text, "")
	}
	return &constNode{v}, static{kinds: kindOf(v), at: of.at}
}

// define makes a variable for a loop or binding; done ends it.
func (c *compiler) define(name string, of static) (slot int, done func()) {
	slot = len(c.locals)
	c.locals = append(c.locals, local{name, slot, of})
	c.slots = max(c.slots, len(c.locals))
	return slot, func() { c.locals = c.locals[:slot] }
}

// sortedReads is the variables that the program uses.
func (c *compiler) sortedReads() []string {
	var names []string
	for name := range c.reads {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
