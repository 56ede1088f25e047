package expr

import (
	"slices"

	"rondo/topology/value"
)

// loop goes through a list or a map and gives each turn to its variables: with
// one variable the elements or the keys, with two the positions or keys and the
// elements.
type loop struct {
	over          node
	label         string // of over
	macro         string // "map", "filter", …
	first, second int    // slots; second is -1 with one variable
	weight        int    // cost of one turn
	at            span
}

// source is what a loop goes through: list or entries.
type source struct {
	list    []any
	entries *value.Map
}

func (s source) len() int {
	if s.entries != nil {
		return s.entries.Len()
	}
	return len(s.list)
}

func (l *loop) open(f *frame) (source, *Error) {
	v, err := l.over.eval(f)
	if err != nil {
		return source{}, err
	}
	switch v := v.(type) {
	case []any:
		return source{list: v}, nil
	case *value.Map:
		return source{entries: v}, nil
	case nil:
		return source{}, l.at.fail("%s is null: `%s` goes through a list or a map", l.label, l.macro)
	}
	return source{}, l.at.fail("%s is %s: `%s` goes through a list or a map", l.label, kindOf(v).withArticle(), l.macro)
}

// turn sets the variables for turn i.
func (l *loop) turn(f *frame, s source, i int) *Error {
	if err := f.spend(l.weight, l.at); err != nil {
		return err
	}
	if s.entries != nil {
		key, v := s.entries.At(i)
		l.set(f, key, v)
		return nil
	}
	if l.second < 0 {
		f.slots[l.first] = s.list[i]
		return nil
	}
	l.set(f, int64(i), s.list[i])
	return nil
}

func (l *loop) set(f *frame, first, second value.Value) {
	f.slots[l.first] = first
	if l.second >= 0 {
		f.slots[l.second] = second
	}
}

// quantNode is `all` (stop false) and `exists` (stop true). As with `&&`, an
// error in one turn does not matter if another turn decides.
type quantNode struct {
	loop
	cond   node
	condAt span
	stop   bool
}

func (n *quantNode) eval(f *frame) (value.Value, *Error) {
	s, err := n.open(f)
	if err != nil {
		return nil, err
	}
	var first *Error
	for i := range s.len() {
		if err := n.turn(f, s, i); err != nil {
			return nil, err
		}
		b, err := evalCondition(f, n.cond, n.condAt)
		switch {
		case err == nil && b == n.stop:
			return n.stop, nil
		case err != nil && !err.absorbable():
			return nil, err
		case err != nil && first == nil:
			first = err
		}
	}
	if first != nil {
		return nil, first
	}
	return !n.stop, nil
}

// existsOneNode is `exists_one`.
type existsOneNode struct {
	loop
	cond   node
	condAt span
}

func (n *existsOneNode) eval(f *frame) (value.Value, *Error) {
	s, err := n.open(f)
	if err != nil {
		return nil, err
	}
	count := 0
	for i := range s.len() {
		if err := n.turn(f, s, i); err != nil {
			return nil, err
		}
		b, err := evalCondition(f, n.cond, n.condAt)
		if err != nil {
			return nil, err
		}
		if b {
			count++
		}
	}
	return count == 1, nil
}

// mapListNode is `map`, `filter` and `transformList`: a list of what body gives
// in the turns for which cond holds.
type mapListNode struct {
	loop
	cond   node // nil: all turns
	condAt span
	body   node
}

func (n *mapListNode) eval(f *frame) (value.Value, *Error) {
	s, err := n.open(f)
	if err != nil {
		return nil, err
	}
	var out []any
	if n.cond == nil {
		out = make([]any, 0, min(s.len(), f.left))
	}
	for i := range s.len() {
		if err := n.turn(f, s, i); err != nil {
			return nil, err
		}
		if n.cond != nil {
			if b, err := evalCondition(f, n.cond, n.condAt); err != nil {
				return nil, err
			} else if !b {
				continue
			}
		}
		v, err := n.body.eval(f)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// mapMapNode is `transformMap`, which gives each key a new value, and
// `transformMapEntry`, whose body gives maps that are put together (key nil).
type mapMapNode struct {
	loop
	cond   node // nil: all turns
	condAt span
	key    node
	keyAt  span
	body   node
	bodyAt span
}

func (n *mapMapNode) eval(f *frame) (value.Value, *Error) {
	s, err := n.open(f)
	if err != nil {
		return nil, err
	}
	var b value.MapBuilder
	for i := range s.len() {
		if err := n.turn(f, s, i); err != nil {
			return nil, err
		}
		if n.cond != nil {
			if b, err := evalCondition(f, n.cond, n.condAt); err != nil {
				return nil, err
			} else if !b {
				continue
			}
		}
		if err := n.add(f, &b); err != nil {
			return nil, err
		}
	}
	return builtMap(&b, n.at)
}

func (n *mapMapNode) add(f *frame, b *value.MapBuilder) *Error {
	v, err := n.body.eval(f)
	if err != nil {
		return err
	}
	if n.key == nil {
		m, ok := v.(*value.Map)
		if !ok {
			return n.bodyAt.fail("`transformMapEntry` needs a map in each turn, but this is %s", kindOf(v).withArticle())
		}
		for key, item := range m.All() {
			b.Add(key, item)
		}
		return f.spend(m.Len(), n.bodyAt)
	}
	key, err := n.key.eval(f)
	if err != nil {
		return err
	}
	name, ok := key.(string)
	if !ok {
		return n.keyAt.fail("a key of a map is a string, not %s: to number a list use transformMapEntry", kindOf(key).withArticle())
	}
	b.Add(name, v)
	return nil
}

// sortByNode is `sortBy`: the elements in the order of what body gives for each.
type sortByNode struct {
	loop
	body node
}

func (n *sortByNode) eval(f *frame) (value.Value, *Error) {
	s, err := n.open(f)
	if err != nil {
		return nil, err
	}
	if s.entries != nil {
		return nil, n.at.fail("%s is a map: `sortBy` sorts a list", n.label)
	}
	rows := make([]sortRow, len(s.list))
	for i := range s.list {
		if err := n.turn(f, s, i); err != nil {
			return nil, err
		}
		if rows[i].by, err = n.body.eval(f); err != nil {
			return nil, err
		}
		rows[i].v = s.list[i]
	}
	return sortRows(f, rows, n.macro, n.at)
}

// sortRow is an element and what it is sorted by.
type sortRow struct{ v, by value.Value }

// sortRows sorts in ascending order; equal rows stay in their order.
func sortRows(f *frame, rows []sortRow, name string, at span) (value.Value, *Error) {
	if err := f.spend(len(rows)*logCost(len(rows)), at); err != nil {
		return nil, err
	}
	for i := range rows {
		if _, ok := value.Compare(rows[0].by, rows[i].by); !ok {
			return nil, cannotOrder(at, name, rows[0].by, rows[i].by)
		}
	}
	slices.SortStableFunc(rows, func(a, b sortRow) int {
		order, _ := value.Compare(a.by, b.by)
		return order
	})
	out := make([]any, len(rows))
	for i, row := range rows {
		out[i] = row.v
	}
	return out, nil
}

// logCost is the binary logarithm, rounded up, and at least 1.
func logCost(n int) int {
	cost := 1
	for n > 2 {
		n = (n + 1) / 2
		cost++
	}
	return cost
}

func cannotOrder(at span, name string, a, b value.Value) *Error {
	for _, v := range []value.Value{a, b} {
		if kindOf(v)&kOrdered == 0 {
			return at.fail("`%s` cannot order %s", name, kindOf(v).withArticle())
		}
	}
	return at.fail("`%s` cannot order %s and %s", name, kindOf(a).withArticle(), kindOf(b).withArticle())
}
