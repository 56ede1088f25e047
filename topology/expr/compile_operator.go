package expr

import (
	"strings"

	"cel.dev/cel-go/common/ast"
	celop "cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

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
