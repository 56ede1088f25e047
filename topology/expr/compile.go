package expr

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

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
// time, unless other limits allow it: then it stays as it is.
func (c *compiler) fold(n node, of static) (node, static) {
	f := newFrame(nil, 0, DefaultLimits())
	defer f.release()
	v, err := n.eval(f)
	if err != nil && err.Code == CodeCost {
		return n, of
	}
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
