package expr

import (
	"math"

	"github.com/cockroachdb/apd/v3"

	"rondo/topology/diag"
	"rondo/topology/value"
)

// node is one operation of a compiled expression.
type node interface {
	eval(f *frame) (value.Value, *Error)
}

// constNode is a literal, or what was computed once and for all.
type constNode struct{ v value.Value }

func (n *constNode) eval(*frame) (value.Value, *Error) { return n.v, nil }

// varNode is a variable of the workflow.
type varNode struct {
	name string
	at   span
}

func (n *varNode) eval(f *frame) (value.Value, *Error) {
	v, ok := f.vars.Lookup(n.name)
	if !ok {
		return nil, n.at.fail("the variable `%s` is not known here", n.name)
	}
	return v, nil
}

// slotNode is a variable of a loop or of cel.bind.
type slotNode struct{ slot int }

func (n *slotNode) eval(f *frame) (value.Value, *Error) {
	v := f.slots[n.slot]
	if err, ok := v.(*Error); ok {
		return nil, err
	}
	return v, nil
}

// fieldNode is `operand.name` or, optional, `operand.?name`.
type fieldNode struct {
	operand  node
	label    string // the operand as the author wrote it: "event.address"
	name     string
	optional bool
	at       span // the name
}

func (n *fieldNode) eval(f *frame) (value.Value, *Error) {
	v, err := n.operand.eval(f)
	if err != nil {
		return nil, err
	}
	if m, ok := v.(*value.Map); ok && !n.optional {
		if found, ok := m.Lookup(n.name); ok {
			return found, nil
		}
		return nil, missingField(n.at, n.name, n.label, m)
	}
	if opt, ok := v.(*optional); ok {
		if !opt.present {
			return none, nil
		}
		return optionalField(opt.v, n.name), nil
	}
	if n.optional {
		return optionalField(v, n.name), nil
	}
	return nil, noFields(n.at, n.name, n.label, v)
}

func optionalField(v value.Value, name string) value.Value {
	if m, ok := v.(*value.Map); ok {
		if found, ok := m.Lookup(name); ok {
			return &optional{found, true}
		}
	}
	return none
}

func missingField(at span, name, label string, m *value.Map) *Error {
	err := at.fail("no field `%s` in %s", name, label)
	err.hint = func() string {
		if near, ok := diag.Suggest(name, m.Keys()); ok {
			return " (did you mean `" + near + "`?)"
		}
		return ""
	}
	return err
}

func noFields(at span, name, label string, v value.Value) *Error {
	if v == nil {
		return at.fail("%s is null, so it has no field `%s`", label, name)
	}
	return at.fail("%s is %s, so it has no field `%s`", label, kindOf(v).withArticle(), name)
}

// hasNode is `has(operand.name)`.
type hasNode struct {
	operand node
	name    string
}

func (n *hasNode) eval(f *frame) (value.Value, *Error) {
	v, err := n.operand.eval(f)
	if err != nil {
		return nil, err
	}
	if opt, ok := v.(*optional); ok {
		v = opt.v
	}
	m, ok := v.(*value.Map)
	if !ok {
		return false, nil
	}
	_, ok = m.Lookup(n.name)
	return ok, nil
}

// indexNode is `operand[index]` or, optional, `operand[?index]`.
type indexNode struct {
	operand, index node
	label          string
	optional       bool
	at             span
}

func (n *indexNode) eval(f *frame) (value.Value, *Error) {
	v, err := n.operand.eval(f)
	if err != nil {
		return nil, err
	}
	index, err := n.index.eval(f)
	if err != nil {
		return nil, err
	}
	opt, isOptional := v.(*optional)
	if isOptional {
		if !opt.present {
			return none, nil
		}
		v = opt.v
	}
	found, ok, err := n.find(v, index)
	switch {
	case err != nil:
		return nil, err
	case isOptional || n.optional:
		return optionalOf(found, ok), nil
	case !ok:
		return nil, n.missing(v, index)
	}
	return found, nil
}

func optionalOf(v value.Value, present bool) value.Value {
	if !present {
		return none
	}
	return &optional{v, true}
}

// find fails if the index is none for what it is used on.
func (n *indexNode) find(v, index value.Value) (found value.Value, ok bool, err *Error) {
	switch v := v.(type) {
	case []any:
		i, ok := wholeNumber(index)
		if !ok {
			return nil, false, n.at.fail("a place in a list is a whole number, not %s", kindOf(index).withArticle())
		}
		if i >= 0 && i < int64(len(v)) {
			return v[i], true, nil
		}
	case *value.Map:
		key, ok := index.(string)
		if !ok {
			return nil, false, n.at.fail("a key of a map is a string, not %s", kindOf(index).withArticle())
		}
		found, ok = v.Lookup(key)
		return found, ok, nil
	}
	return nil, false, nil
}

// missing says why find has found nothing. It names a key only if the author
// wrote it: one that was computed may be somebody's data.
func (n *indexNode) missing(v, index value.Value) *Error {
	switch v := v.(type) {
	case []any:
		i, _ := wholeNumber(index)
		return n.at.fail("%s has no element %d: it has %d, counted from 0", n.label, i, len(v))
	case *value.Map:
		if c, ok := n.index.(*constNode); ok {
			return missingField(n.at, c.v.(string), n.label, v)
		}
		return n.at.fail("%s has nothing under this key", n.label)
	case nil:
		return n.at.fail("%s is null, so it has no elements", n.label)
	}
	return n.at.fail("%s is %s, so it has no elements", n.label, kindOf(v).withArticle())
}

// wholeNumber returns a number without a fraction as an int.
func wholeNumber(v value.Value) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case float64:
		if v == math.Trunc(v) && v >= -(1<<53) && v <= 1<<53 {
			return int64(v), true
		}
	case *apd.Decimal:
		n, err := v.Int64()
		return n, err == nil
	}
	return 0, false
}

// listNode is `[a, b, ?c]`.
type listNode struct {
	items     []node
	optionals []bool // nil: none
	at        span
}

func (n *listNode) eval(f *frame) (value.Value, *Error) {
	out := make([]any, 0, len(n.items))
	for i, item := range n.items {
		v, err := item.eval(f)
		if err != nil {
			return nil, err
		}
		if n.optionals != nil && n.optionals[i] {
			opt, ok := v.(*optional)
			if !ok {
				return nil, n.at.fail("`?` in a list stands before an optional (a.?b), not before %s", kindOf(v).withArticle())
			}
			if !opt.present {
				continue
			}
			v = opt.v
		}
		out = append(out, v)
	}
	return out, nil
}

// mapNode is `{key: value, ?key: optional}`.
type mapNode struct {
	keys, values []node
	optionals    []bool // nil: none
	at           span
}

func (n *mapNode) eval(f *frame) (value.Value, *Error) {
	var b value.MapBuilder
	b.Grow(len(n.keys))
	for i := range n.keys {
		if err := n.entry(f, &b, i); err != nil {
			return nil, err
		}
	}
	return builtMap(&b, n.at)
}

func (n *mapNode) entry(f *frame, b *value.MapBuilder, i int) *Error {
	key, err := n.keys[i].eval(f)
	if err != nil {
		return err
	}
	name, ok := key.(string)
	if !ok {
		return n.at.fail("a key of a map is a string, not %s", kindOf(key).withArticle())
	}
	v, err := n.values[i].eval(f)
	if err != nil {
		return err
	}
	if n.optionals != nil && n.optionals[i] {
		opt, ok := v.(*optional)
		if !ok {
			return n.at.fail("`?` before a key needs an optional value (a.?b), not %s", kindOf(v).withArticle())
		}
		if !opt.present {
			return nil
		}
		v = opt.v
	}
	b.Add(name, v)
	return nil
}

func builtMap(b *value.MapBuilder, at span) (value.Value, *Error) {
	m, _, ok := b.Map()
	if !ok {
		return nil, at.fail("a key stands twice in the map")
	}
	return m, nil
}

// bindNode is `cel.bind(name, init, body)`. That init fails matters only where
// the name is used.
type bindNode struct {
	slot       int
	init, body node
}

func (n *bindNode) eval(f *frame) (value.Value, *Error) {
	v, err := n.init.eval(f)
	switch {
	case err == nil:
		f.slots[n.slot] = v
	case err.absorbable():
		f.slots[n.slot] = err
	default:
		return nil, err
	}
	return n.body.eval(f)
}
