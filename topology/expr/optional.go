package expr

import "rondo/topology/value"

// orNode is `a.or(b)`, and `a.orValue(b)` with unwrap: b is computed only if a
// is none.
type orNode struct {
	left, right node
	unwrap      bool
	at          span
}

func (n *orNode) eval(f *frame) (value.Value, *Error) {
	v, err := n.left.eval(f)
	if err != nil {
		return nil, err
	}
	opt, ok := v.(*optional)
	if !ok {
		return nil, notOptional(n.at, n.name(), v)
	}
	switch {
	case opt.present && n.unwrap:
		return opt.v, nil
	case opt.present:
		return opt, nil
	}
	other, err := n.right.eval(f)
	if err != nil {
		return nil, err
	}
	if _, ok := other.(*optional); !ok && !n.unwrap {
		return nil, n.at.fail("`or` needs an optional as its argument, not %s: write orValue", kindOf(other).withArticle())
	}
	return other, nil
}

func (n *orNode) name() string {
	if n.unwrap {
		return "orValue"
	}
	return "or"
}

func notOptional(at span, name string, v value.Value) *Error {
	return at.fail("`%s` belongs behind an optional (event.?a.%s(…)), but this is %s", name, name, kindOf(v).withArticle())
}

// optMapNode is `optional.optMap(name, body)`, and with flat optFlatMap, whose
// body gives an optional itself.
type optMapNode struct {
	operand node
	slot    int
	body    node
	flat    bool
	at      span
}

func (n *optMapNode) eval(f *frame) (value.Value, *Error) {
	v, err := n.operand.eval(f)
	if err != nil {
		return nil, err
	}
	opt, ok := v.(*optional)
	if !ok {
		return nil, notOptional(n.at, n.name(), v)
	}
	if !opt.present {
		return none, nil
	}
	f.slots[n.slot] = opt.v
	out, err := n.body.eval(f)
	if err != nil {
		return nil, err
	}
	if !n.flat {
		return &optional{out, true}, nil
	}
	if _, ok := out.(*optional); !ok {
		return nil, n.at.fail("`optFlatMap` needs an optional from its second argument, not %s", kindOf(out).withArticle())
	}
	return out, nil
}

func (n *optMapNode) name() string {
	if n.flat {
		return "optFlatMap"
	}
	return "optMap"
}

// coalesceNode is `coalesce(a, b, …)`: the first that is neither null nor none.
type coalesceNode struct{ args []node }

func (n *coalesceNode) eval(f *frame) (value.Value, *Error) {
	for _, arg := range n.args {
		v, err := arg.eval(f)
		if err != nil {
			return nil, err
		}
		if opt, ok := v.(*optional); ok {
			v = opt.v
		}
		if v != nil {
			return v, nil
		}
	}
	return nil, nil
}

var optionalFunctions = []*function{
	{name: "optional.of", params: []kinds{kAny}, result: kOptional, run: func(_ *frame, _ *callNode, args []value.Value) (value.Value, *Error) {
		return &optional{args[0], true}, nil
	}},
	{name: "optional.none", result: kOptional, run: func(*frame, *callNode, []value.Value) (value.Value, *Error) { return none, nil }},
	{name: "optional.ofNonZeroValue", params: []kinds{kAny}, result: kOptional, run: optionalOfNonZero},
	{name: "hasValue", style: member, params: []kinds{kOptional}, result: kBool, run: func(_ *frame, _ *callNode, args []value.Value) (value.Value, *Error) {
		return args[0].(*optional).present, nil
	}},
	{name: "value", style: member, params: []kinds{kOptional}, result: kAny, run: optionalValue},
	{name: "optional.unwrap", params: []kinds{kList}, result: kList, run: unwrapOptionals},
	{name: "unwrapOpt", style: member, params: []kinds{kList}, result: kList, run: unwrapOptionals},
}

func optionalValue(_ *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	opt := args[0].(*optional)
	if !opt.present {
		return nil, n.at.fail("the optional has no value: use orValue(…)")
	}
	return opt.v, nil
}

func optionalOfNonZero(_ *frame, _ *callNode, args []value.Value) (value.Value, *Error) {
	if isZero(args[0]) {
		return none, nil
	}
	return &optional{args[0], true}, nil
}

func isZero(v value.Value) bool {
	switch v := v.(type) {
	case nil:
		return true
	case []any:
		return len(v) == 0
	case *value.Map:
		return v.Len() == 0
	case []byte:
		return len(v) == 0
	case *optional:
		return !v.present
	}
	for _, zero := range []value.Value{false, int64(0), "", zeroDuration} {
		if value.Equal(v, zero) {
			return true
		}
	}
	return false
}

func unwrapOptionals(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	list := args[0].([]any)
	if err := f.spend(len(list), n.at); err != nil {
		return nil, err
	}
	out := []any{}
	for _, item := range list {
		opt, ok := item.(*optional)
		if !ok {
			return nil, n.at.fail("`%s` needs a list of optionals, but one is %s", n.fn.name, kindOf(item).withArticle())
		}
		if opt.present {
			out = append(out, opt.v)
		}
	}
	return out, nil
}
