package expr

import (
	"slices"
	"unicode/utf8"

	"rondo/topology/value"
)

// listFunctions are those of CEL, of its lists and sets libraries, and Rondo's.
var listFunctions = []*function{
	{name: "size", style: either, params: []kinds{kString | kBytes | kList | kMap}, result: kInt, run: size},
	{name: "reverse", style: member, params: []kinds{kString | kList}, result: kString | kList, run: reverse},
	{name: "sort", style: either, params: []kinds{kList}, result: kList, run: sortList},
	{name: "distinct", style: either, params: []kinds{kList}, result: kList, run: distinct},
	{name: "slice", style: member, params: []kinds{kList, kWhole, kWhole}, result: kList, run: slice},
	{name: "flatten", style: member, params: []kinds{kList, kWhole}, optional: 1, result: kList, run: flatten},
	{name: "lists.range", params: []kinds{kWhole}, result: kList, run: listRange},
	{name: "first", style: member, params: []kinds{kList}, result: kOptional, run: firstOf},
	{name: "last", style: member, params: []kinds{kList}, result: kOptional, run: lastOf},
	{name: "last", params: []kinds{kList, kWhole}, result: kList, run: lastN},
	{name: "sum", style: either, params: []kinds{kList}, result: kNumber | kDuration, run: sum},
	{name: "avg", style: either, params: []kinds{kList}, result: kNumber | kNull, run: avg},
	{name: "min", params: []kinds{kAny}, variadic: kAny, result: kOrdered | kNull, run: extreme(-1)},
	{name: "max", params: []kinds{kAny}, variadic: kAny, result: kOrdered | kNull, run: extreme(+1)},
	{name: "sets.contains", params: []kinds{kList, kList}, result: kBool, run: func(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
		return boolOrError(f.holdsAll(args[0].([]any), args[1].([]any), n.at))
	}},
	{name: "sets.equivalent", params: []kinds{kList, kList}, result: kBool, run: setsEquivalent},
	{name: "sets.intersects", params: []kinds{kList, kList}, result: kBool, run: setsIntersects},
}

func size(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	switch v := args[0].(type) {
	case string:
		return int64(utf8.RuneCountInString(v)), f.spend(textCost(len(v)), n.at)
	case []byte:
		return int64(len(v)), nil
	case []any:
		return int64(len(v)), nil
	}
	return int64(args[0].(*value.Map).Len()), nil
}

func reverse(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	if s, ok := args[0].(string); ok {
		if err := f.spend(textCost(len(s)), n.at); err != nil {
			return nil, err
		}
		runes := []rune(s)
		slices.Reverse(runes)
		return string(runes), f.checkText(len(s), n.at)
	}
	list := args[0].([]any)
	if err := f.spend(len(list), n.at); err != nil {
		return nil, err
	}
	out := slices.Clone(list)
	slices.Reverse(out)
	return nonNil(out), nil
}

// nonNil keeps an empty list a list.
func nonNil(list []any) []any {
	if list == nil {
		return []any{}
	}
	return list
}

func sortList(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	list := args[0].([]any)
	if err := f.spend(len(list), n.at); err != nil {
		return nil, err
	}
	rows := make([]sortRow, len(list))
	for i, v := range list {
		rows[i] = sortRow{v, v}
	}
	return sortRows(f, rows, n.fn.name, n.at)
}

// distinct keeps the first of what is equal.
func distinct(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	list := args[0].([]any)
	seen := make(map[string]bool, min(len(list), f.left))
	out := make([]any, 0, min(len(list), f.left))
	var key []byte
	for _, v := range list {
		if err := f.spendValue(v, n.at); err != nil {
			return nil, err
		}
		if err := n.mustBeStorable(v); err != nil {
			return nil, err
		}
		key = value.AppendKey(key[:0], v)
		if !seen[string(key)] {
			seen[string(key)] = true
			out = append(out, v)
		}
	}
	return out, nil
}

// mustBeStorable fails for what is or holds an optional, which has no bytes.
func (n *callNode) mustBeStorable(v value.Value) *Error {
	if holdsOptional(v) {
		return n.fail("`%s` cannot take an optional: end it with .orValue(…)", n.fn.name)
	}
	return nil
}

func holdsOptional(v value.Value) bool {
	switch v := v.(type) {
	case *optional:
		return true
	case []any:
		return slices.ContainsFunc(v, holdsOptional)
	case *value.Map:
		for _, item := range v.All() {
			if holdsOptional(item) {
				return true
			}
		}
	}
	return false
}

func slice(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	list, from, to := args[0].([]any), args[1].(int64), args[2].(int64)
	if from < 0 || to > int64(len(list)) || from > to {
		return nil, n.fail("`slice` from %d to %d of a list of %d", from, to, len(list))
	}
	return nonNil(list[from:to:to]), nil
}

func flatten(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	depth := int64(1)
	if len(args) == 2 {
		depth = args[1].(int64)
	}
	if depth < 0 {
		return nil, n.fail("`flatten` to a depth below 0")
	}
	out, err := appendFlat(f, n, []any{}, args[0].([]any), depth)
	if err != nil {
		return nil, err
	}
	return out, nil
}

func appendFlat(f *frame, n *callNode, out, list []any, depth int64) ([]any, *Error) {
	for _, item := range list {
		if err := f.spend(1, n.at); err != nil {
			return nil, err
		}
		inner, ok := item.([]any)
		if !ok || depth == 0 {
			out = append(out, item)
			continue
		}
		var err *Error
		if out, err = appendFlat(f, n, out, inner, depth-1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func listRange(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	count := args[0].(int64)
	if count < 0 {
		return nil, n.fail("`lists.range` of a negative number")
	}
	if err := f.spend(int(min(count, int64(f.left)+1)), n.at); err != nil {
		return nil, err
	}
	out := make([]any, count)
	for i := range out {
		out[i] = int64(i)
	}
	return out, nil
}

func firstOf(_ *frame, _ *callNode, args []value.Value) (value.Value, *Error) {
	list := args[0].([]any)
	if len(list) == 0 {
		return none, nil
	}
	return &optional{list[0], true}, nil
}

func lastOf(_ *frame, _ *callNode, args []value.Value) (value.Value, *Error) {
	list := args[0].([]any)
	if len(list) == 0 {
		return none, nil
	}
	return &optional{list[len(list)-1], true}, nil
}

// lastN is the last n elements, fewer where there are fewer.
func lastN(_ *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	list, count := args[0].([]any), args[1].(int64)
	if count < 0 {
		return nil, n.fail("`last` of a negative number of elements")
	}
	from := int64(len(list)) - min(count, int64(len(list)))
	return nonNil(list[from:]), nil
}

var noLabels [2]string

// sum adds numbers, or durations. Of an empty list it is 0.
func sum(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	list := args[0].([]any)
	if len(list) == 0 {
		return int64(0), nil
	}
	total := list[0]
	for i, v := range list {
		if err := f.spend(1, n.at); err != nil {
			return nil, err
		}
		if kindOf(v)&(kNumber|kDuration) == 0 {
			return nil, n.fail("`%s` needs a list of numbers, but one is %s", n.fn.name, kindOf(v).withArticle())
		}
		if i == 0 {
			continue
		}
		var err *Error
		if total, err = operators["+"].apply(f, total, v, n.at, noLabels); err != nil {
			return nil, err
		}
	}
	return total, nil
}

// avg is null for an empty list.
func avg(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	list := args[0].([]any)
	if len(list) == 0 {
		return nil, nil
	}
	total, err := sum(f, n, args)
	if err != nil {
		return nil, err
	}
	if !value.IsNumber(total) {
		return nil, n.fail("`avg` needs a list of numbers, but one is a duration")
	}
	return operators["/"].apply(f, total, int64(len(list)), n.at, noLabels)
}

// extreme is min (sign -1) and max (sign +1), of a list or of the arguments. Of
// an empty list it is null; of equal ones it is the first.
func extreme(sign int) func(*frame, *callNode, []value.Value) (value.Value, *Error) {
	return func(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
		items := args
		if list, ok := args[0].([]any); ok && len(args) == 1 {
			items = list
		}
		if len(items) == 0 {
			return nil, nil
		}
		best := items[0]
		for _, v := range items {
			if err := f.spend(1, n.at); err != nil {
				return nil, err
			}
			order, ok := value.Compare(v, best)
			if !ok {
				return nil, cannotOrder(n.at, n.fn.name, best, v)
			}
			if order == sign {
				best = v
			}
		}
		return best, nil
	}
}

// holdsAll reports whether each element of items is in list.
func (f *frame) holdsAll(list, items []any, at span) (bool, *Error) {
	for _, item := range items {
		if ok, err := f.contains(list, item, at); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

func setsEquivalent(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	a, b := args[0].([]any), args[1].([]any)
	if ok, err := f.holdsAll(a, b, n.at); !ok || err != nil {
		return boolOrError(ok, err)
	}
	return boolOrError(f.holdsAll(b, a, n.at))
}

func setsIntersects(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	for _, item := range args[1].([]any) {
		if ok, err := f.contains(args[0].([]any), item, n.at); ok || err != nil {
			return boolOrError(ok, err)
		}
	}
	return false, nil
}

// mapFunctions are Rondo's.
var mapFunctions = []*function{
	{name: "merge", params: []kinds{kMap, kMap}, variadic: kMap, result: kMap, run: merge},
	{name: "without", params: []kinds{kMap, kString | kList}, variadic: kString, result: kMap, run: without},
}

// merge puts maps together; of a key that several have, the last counts.
func merge(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	out := args[0].(*value.Map)
	for _, arg := range args[1:] {
		m := arg.(*value.Map)
		if err := f.spend(out.Len()+m.Len(), n.at); err != nil {
			return nil, err
		}
		out = out.Merge(m)
	}
	return out, nil
}

// without takes keys, or one list of keys, off a map.
func without(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	out, keys := args[0].(*value.Map), args[1:]
	if list, ok := args[1].([]any); ok {
		keys = list
	}
	for _, key := range keys {
		name, ok := key.(string)
		if !ok {
			return nil, n.fail("a key of a map is a string, not %s", kindOf(key).withArticle())
		}
		if err := f.spend(1+out.Len(), n.at); err != nil {
			return nil, err
		}
		out = out.Without(name)
	}
	return out, nil
}
