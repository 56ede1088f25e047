package expr

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"rondo/topology/value"
)

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
