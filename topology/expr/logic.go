package expr

import "rondo/topology/value"

// logicNode is `a && b && …`, or with `||` for stop true: the first term that is
// stop decides, and then an error of another term does not matter.
type logicNode struct {
	terms []node
	spans []span
	stop  bool
}

func (n *logicNode) eval(f *frame) (value.Value, *Error) {
	var first *Error
	for i, term := range n.terms {
		v, err := term.eval(f)
		if err == nil {
			b, ok := v.(bool)
			if ok && b == n.stop {
				return n.stop, nil
			}
			if ok {
				continue
			}
			err = n.spans[i].fail("`%s` joins conditions, but this is %s", n.symbol(), kindOf(v).withArticle())
		}
		if !err.absorbable() {
			return nil, err
		}
		if first == nil {
			first = err
		}
	}
	if first != nil {
		return nil, first
	}
	return !n.stop, nil
}

func (n *logicNode) symbol() string {
	if n.stop {
		return "||"
	}
	return "&&"
}

// notNode is `!operand`.
type notNode struct {
	operand node
	at      span
}

func (n *notNode) eval(f *frame) (value.Value, *Error) {
	v, err := n.operand.eval(f)
	if err != nil {
		return nil, err
	}
	b, ok := v.(bool)
	if !ok {
		return nil, n.at.fail("`!` needs a condition, but this is %s", kindOf(v).withArticle())
	}
	return !b, nil
}

// condNode is `cond ? then : other`.
type condNode struct {
	cond, then, other node
	at                span // of cond
}

func (n *condNode) eval(f *frame) (value.Value, *Error) {
	b, err := evalCondition(f, n.cond, n.at)
	if err != nil {
		return nil, err
	}
	if b {
		return n.then.eval(f)
	}
	return n.other.eval(f)
}

// evalCondition evaluates what must be true or false.
func evalCondition(f *frame, cond node, at span) (bool, *Error) {
	v, err := cond.eval(f)
	if err != nil {
		return false, err
	}
	b, ok := v.(bool)
	if !ok {
		return false, at.fail("a condition is expected, but this is %s", kindOf(v).withArticle())
	}
	return b, nil
}

// equalNode is `a == b`, or negated `a != b`.
type equalNode struct {
	left, right node
	negated     bool
	at          span
}

func (n *equalNode) eval(f *frame) (value.Value, *Error) {
	a, err := n.left.eval(f)
	if err != nil {
		return nil, err
	}
	b, err := n.right.eval(f)
	if err != nil {
		return nil, err
	}
	same, err := f.equal(a, b, n.at)
	if err != nil {
		return nil, err
	}
	return same != n.negated, nil
}

// compareNode is `a < b` and its like.
type compareNode struct {
	left, right node
	symbol      string
	holds       func(order int) bool
	labels      [2]string
	at          span
}

func (n *compareNode) eval(f *frame) (value.Value, *Error) {
	a, err := n.left.eval(f)
	if err != nil {
		return nil, err
	}
	b, err := n.right.eval(f)
	if err != nil {
		return nil, err
	}
	order, ok := value.Compare(a, b)
	if !ok {
		return nil, cannotCombine(n.at, n.symbol, a, b, n.labels)
	}
	return n.holds(order), nil
}

// comparisons says what each operator asks of an order.
var comparisons = map[string]func(order int) bool{
	"<":  func(order int) bool { return order < 0 },
	"<=": func(order int) bool { return order <= 0 },
	">":  func(order int) bool { return order > 0 },
	">=": func(order int) bool { return order >= 0 },
}

// inNode is `item in list` or `key in map`.
type inNode struct {
	item, in node
	label    string // of in
	at       span
}

func (n *inNode) eval(f *frame) (value.Value, *Error) {
	item, err := n.item.eval(f)
	if err != nil {
		return nil, err
	}
	in, err := n.in.eval(f)
	if err != nil {
		return nil, err
	}
	switch in := in.(type) {
	case []any:
		return boolOrError(f.contains(in, item, n.at))
	case *value.Map:
		key, ok := item.(string)
		if !ok {
			return false, nil
		}
		_, ok = in.Lookup(key)
		return ok, nil
	case nil:
		return nil, n.at.fail("%s is null: `in` looks into a list or the keys of a map", n.label)
	case string:
		return nil, n.at.fail("%s is a string: `in` looks into a list or the keys of a map; for a part of a text write text.contains(part)", n.label)
	}
	return nil, n.at.fail("%s is %s: `in` looks into a list or the keys of a map", n.label, kindOf(in).withArticle())
}

func boolOrError(b bool, err *Error) (value.Value, *Error) {
	if err != nil {
		return nil, err
	}
	return b, nil
}

// contains reports whether an element of list is equal to item.
func (f *frame) contains(list []any, item value.Value, at span) (bool, *Error) {
	for _, v := range list {
		if err := f.spend(1, at); err != nil {
			return false, err
		}
		if same, err := f.equal(v, item, at); same || err != nil {
			return same, err
		}
	}
	return false, nil
}
