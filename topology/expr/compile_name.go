package expr

import (
	"strings"

	"cel.dev/cel-go/common/ast"

	"rondo/topology/diag"
	"rondo/topology/value"
)

// local is a variable of a loop or binding.
type local struct {
	name string
	slot int
	of   static
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
	fits := kMap | kOptional
	if optional {
		fits |= kNull // of which the field is none
	}
	if of.kinds&fits == 0 && o != node(broken) {
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
	if of.kinds&(kMap|kList|kOptional) == 0 && of.kinds != kNull {
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
