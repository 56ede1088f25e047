package expr

import (
	"math"
	"math/big"
	"math/bits"
	"time"

	"github.com/cockroachdb/apd/v3"

	"rondo/topology/value"
)

// arithNode is `a + b` and its like.
type arithNode struct {
	op          *operator
	left, right node
	labels      [2]string
	at          span
}

func (n *arithNode) eval(f *frame) (value.Value, *Error) {
	a, err := n.left.eval(f)
	if err != nil {
		return nil, err
	}
	b, err := n.right.eval(f)
	if err != nil {
		return nil, err
	}
	return n.op.apply(f, a, b, n.at, n.labels)
}

// operator is an arithmetic operation, by the kinds that it works on.
type operator struct {
	symbol   string
	ints     func(a, b int64) (value.Value, bool) // false: does not fit
	doubles  func(a, b float64) float64
	decimals func(c *apd.Context, d, a, b *apd.Decimal) (apd.Condition, error)
	divides  bool // b must not be zero
	others   func(f *frame, a, b value.Value, at span) (value.Value, bool, *Error)
	result   func(a, b kinds) kinds // what others gives, for single kinds
}

var operators = map[string]*operator{
	"+": {symbol: "+", ints: addInts, doubles: func(a, b float64) float64 { return a + b }, decimals: (*apd.Context).Add, others: addOthers, result: addKinds},
	"-": {symbol: "-", ints: subInts, doubles: func(a, b float64) float64 { return a - b }, decimals: (*apd.Context).Sub, others: subOthers, result: subKinds},
	"*": {symbol: "*", ints: mulInts, doubles: func(a, b float64) float64 { return a * b }, decimals: (*apd.Context).Mul, others: mulOthers, result: mulKinds},
	"/": {symbol: "/", ints: quoInts, doubles: func(a, b float64) float64 { return a / b }, decimals: quoDecimals, divides: true},
	"%": {symbol: "%", ints: remInts, doubles: math.Mod, decimals: (*apd.Context).Rem, divides: true},
	"div": {symbol: "div", ints: divInts, doubles: func(a, b float64) float64 { return math.Trunc(a / b) },
		decimals: (*apd.Context).QuoInteger, divides: true},
}

// decimals is only read.
var decimals = value.DecimalContext()

func (op *operator) apply(f *frame, a, b value.Value, at span, labels [2]string) (value.Value, *Error) {
	switch x := a.(type) {
	case int64:
		switch y := b.(type) {
		case int64:
			return op.applyInts(x, y, at)
		case float64:
			return op.applyDoubles(float64(x), y, at)
		case *apd.Decimal:
			return op.applyDecimals(f, apd.New(x, 0), y, at)
		}
	case float64:
		switch y := b.(type) {
		case int64:
			return op.applyDoubles(x, float64(y), at)
		case float64:
			return op.applyDoubles(x, y, at)
		case *apd.Decimal:
			return op.applyMixed(f, x, y, at)
		}
	case *apd.Decimal:
		if value.IsNumber(b) {
			return op.applyMixed(f, x, b, at)
		}
	}
	if op.others != nil {
		if v, ok, err := op.others(f, a, b, at); ok || err != nil {
			return v, err
		}
	}
	return nil, cannotCombine(at, op.symbol, a, b, labels)
}

func (op *operator) applyInts(a, b int64, at span) (value.Value, *Error) {
	if op.divides && b == 0 {
		return nil, at.fail("division by zero")
	}
	v, ok := op.ints(a, b)
	if !ok {
		return nil, at.fail("the result of `%s` does not fit into an int of 64 bits", op.symbol)
	}
	return v, nil
}

func (op *operator) applyDoubles(a, b float64, at span) (value.Value, *Error) {
	if op.divides && b == 0 {
		return nil, at.fail("division by zero")
	}
	return finite(op.doubles(a, b), op.symbol, at)
}

func finite(d float64, symbol string, at span) (value.Value, *Error) {
	if math.IsNaN(d) || math.IsInf(d, 0) {
		return nil, at.fail("the result of `%s` is no finite number", symbol)
	}
	return d, nil
}

// applyMixed is for numbers at least one of which is a decimal.
func (op *operator) applyMixed(f *frame, a, b value.Value, at span) (value.Value, *Error) {
	x, okX := value.DecimalOf(a)
	y, okY := value.DecimalOf(b)
	if !okX || !okY {
		return nil, at.fail("`%s` with a number that is not finite", op.symbol)
	}
	return op.applyDecimals(f, x, y, at)
}

// applyDecimals costs the more, the further apart the numbers are in size.
func (op *operator) applyDecimals(f *frame, a, b *apd.Decimal, at span) (value.Value, *Error) {
	distance := int(a.Exponent - b.Exponent)
	if err := f.spend(max(distance, -distance)/64, at); err != nil {
		return nil, err
	}
	if op.divides && b.IsZero() {
		return nil, at.fail("division by zero")
	}
	d := new(apd.Decimal)
	if _, err := op.decimals(decimals, d, a, b); err != nil || d.Form != apd.Finite {
		return nil, at.fail("the result of `%s` does not fit into a decimal of %d digits", op.symbol, value.DecimalDigitsMax)
	}
	return d, nil
}

// cannotCombine tells which side is to blame, without showing values.
func cannotCombine(at span, symbol string, a, b value.Value, labels [2]string) *Error {
	what := "compute"
	if comparisons[symbol] != nil {
		what = "order"
	}
	for i, v := range []value.Value{a, b} {
		if v == nil {
			return at.fail("cannot %s %s %s %s: %s is null", what, kindOf(a), symbol, kindOf(b), sideLabel(labels, i))
		}
	}
	for i, v := range []value.Value{a, b} {
		if _, ok := v.(*optional); ok {
			return at.fail("cannot %s %s %s %s: end %s with .orValue(…)", what, kindOf(a), symbol, kindOf(b), sideLabel(labels, i))
		}
	}
	return at.fail("cannot %s %s %s %s", what, kindOf(a), symbol, kindOf(b))
}

func sideLabel(labels [2]string, i int) string {
	if labels[i] != "" {
		return labels[i]
	}
	return [2]string{"the left side", "the right side"}[i]
}

func addInts(a, b int64) (value.Value, bool) {
	c := a + b
	return c, (c > a) == (b > 0)
}

func subInts(a, b int64) (value.Value, bool) {
	c := a - b
	return c, (c < a) == (b > 0)
}

func mulInts(a, b int64) (value.Value, bool) {
	if a == 0 || b == 0 {
		return int64(0), true
	}
	if a == math.MinInt64 || b == math.MinInt64 {
		return mulLeast(a, b)
	}
	high, low := bits.Mul64(uint64(max(a, -a)), uint64(max(b, -b)))
	return a * b, high == 0 && low <= math.MaxInt64 || high == 0 && low == 1<<63 && (a < 0) != (b < 0)
}

// mulLeast multiplies where one side is the least int, which has no opposite.
func mulLeast(a, b int64) (value.Value, bool) { return a * b, a == 1 || b == 1 }

// quoInts is the true quotient, rounded once.
func quoInts(a, b int64) (value.Value, bool) {
	const exact = 1 << 53
	if -exact <= a && a <= exact && -exact <= b && b <= exact {
		return float64(a) / float64(b), true
	}
	q, _ := new(big.Rat).SetFrac(big.NewInt(a), big.NewInt(b)).Float64()
	return q, true
}

// quoDecimals drops the zeros that a division leaves at the end: 1.00 / 8 is
// 0.125, and 10 / 2 is 5.
func quoDecimals(c *apd.Context, d, a, b *apd.Decimal) (apd.Condition, error) {
	condition, err := c.Quo(d, a, b)
	if err != nil || d.Form != apd.Finite {
		return condition, err
	}
	d.Reduce(d)
	if ideal := a.Exponent - b.Exponent; d.Exponent > ideal && d.NumDigits()+int64(d.Exponent-ideal) <= value.DecimalDigitsMax {
		return c.Quantize(d, d, ideal)
	}
	return condition, nil
}

func divInts(a, b int64) (value.Value, bool) {
	if a == math.MinInt64 && b == -1 {
		return nil, false
	}
	return a / b, true
}

func remInts(a, b int64) (value.Value, bool) {
	if b == -1 {
		return int64(0), true
	}
	return a % b, true
}

// addOthers joins texts, bytes and lists and moves times.
func addOthers(f *frame, a, b value.Value, at span) (value.Value, bool, *Error) {
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			v, err := joinTexts(f, x, y, at)
			return v, true, err
		}
	case []byte:
		if y, ok := b.([]byte); ok {
			v, err := joinBytes(f, x, y, at)
			return v, true, err
		}
	case []any:
		if y, ok := b.([]any); ok {
			v, err := joinLists(f, x, y, at)
			return v, true, err
		}
	case time.Time:
		if y, ok := b.(time.Duration); ok {
			return timeOrError(x.Add(y), at)
		}
	case time.Duration:
		switch y := b.(type) {
		case time.Time:
			return timeOrError(y.Add(x), at)
		case time.Duration:
			return durationOrError(addInts(int64(x), int64(y)))(at)
		}
	}
	return nil, false, nil
}

func joinTexts(f *frame, a, b string, at span) (value.Value, *Error) {
	if err := f.checkText(len(a)+len(b), at); err != nil {
		return nil, err
	}
	if err := f.spend(textCost(len(a)+len(b)), at); err != nil {
		return nil, err
	}
	return a + b, nil
}

func joinBytes(f *frame, a, b []byte, at span) (value.Value, *Error) {
	if err := f.checkText(len(a)+len(b), at); err != nil {
		return nil, err
	}
	if err := f.spend(textCost(len(a)+len(b)), at); err != nil {
		return nil, err
	}
	return append(append(make([]byte, 0, len(a)+len(b)), a...), b...), nil
}

func joinLists(f *frame, a, b []any, at span) (value.Value, *Error) {
	if err := f.spend(len(a)+len(b), at); err != nil {
		return nil, err
	}
	return append(append(make([]any, 0, len(a)+len(b)), a...), b...), nil
}

// subOthers takes durations off, and one timestamp from another.
func subOthers(_ *frame, a, b value.Value, at span) (value.Value, bool, *Error) {
	switch x := a.(type) {
	case time.Time:
		switch y := b.(type) {
		case time.Duration:
			if y == math.MinInt64 {
				return nil, true, at.fail("the duration is too long")
			}
			return timeOrError(x.Add(-y), at)
		case time.Time:
			return between(x, y, at)
		}
	case time.Duration:
		if y, ok := b.(time.Duration); ok {
			return durationOrError(subInts(int64(x), int64(y)))(at)
		}
	}
	return nil, false, nil
}

// between is exact: time.Time.Sub would silently stop at the longest duration.
func between(a, b time.Time, at span) (value.Value, bool, *Error) {
	d := a.Sub(b)
	if !b.Add(d).Equal(a) {
		return nil, true, at.fail("more than 292 years between two timestamps")
	}
	return d, true, nil
}

// mulOthers repeats a duration.
func mulOthers(_ *frame, a, b value.Value, at span) (value.Value, bool, *Error) {
	if n, ok := a.(int64); ok {
		a, b = b, n
	}
	d, ok := a.(time.Duration)
	n, whole := b.(int64)
	if !ok || !whole {
		return nil, false, nil
	}
	return durationOrError(mulInts(int64(d), n))(at)
}

func durationOrError(nanos value.Value, ok bool) func(at span) (value.Value, bool, *Error) {
	return func(at span) (value.Value, bool, *Error) {
		if !ok {
			return nil, true, at.fail("the duration is longer than 292 years")
		}
		return time.Duration(nanos.(int64)), true, nil
	}
}

func timeOrError(t time.Time, at span) (value.Value, bool, *Error) {
	v, err := checkedTime(t, at)
	return v, true, err
}

// checkedTime keeps timestamps within the years that RFC 3339 can write.
func checkedTime(t time.Time, at span) (value.Value, *Error) {
	if year := t.UTC().Year(); year < 1 || year > 9999 {
		return nil, at.fail("the timestamp is outside the years 1 to 9999")
	}
	return t.UTC(), nil
}

// addKinds and its like say what an operator gives beside numbers.
func addKinds(a, b kinds) kinds {
	switch {
	case a == b && a&(kString|kBytes|kList|kDuration) != 0:
		return a
	case a|b == kTimestamp|kDuration:
		return kTimestamp
	}
	return 0
}

func subKinds(a, b kinds) kinds {
	switch {
	case a == kTimestamp && b == kDuration:
		return kTimestamp
	case a == b && a&(kTimestamp|kDuration) != 0:
		return kDuration
	}
	return 0
}

func mulKinds(a, b kinds) kinds {
	if a|b == kDuration|kInt {
		return kDuration
	}
	return 0
}

// resultKinds is what the operator may give for sets of kinds; 0: it always
// fails.
func (op *operator) resultKinds(a, b kinds) kinds {
	var out kinds
	for x := kNull; x <= kOptional; x <<= 1 {
		for y := kNull; y <= kOptional; y <<= 1 {
			if a&x != 0 && b&y != 0 {
				out |= op.resultKind(x, y)
			}
		}
	}
	return out
}

func (op *operator) resultKind(a, b kinds) kinds {
	switch {
	case (a|b)&^kNumber == 0 && (a|b)&kDecimal != 0:
		return kDecimal
	case a == kInt && b == kInt && op.symbol != "/":
		return kInt
	case (a|b)&^kNumber == 0:
		return kDouble
	case op.result != nil:
		return op.result(a, b)
	}
	return 0
}

// negNode is `-operand`.
type negNode struct {
	operand node
	label   string
	at      span
}

func (n *negNode) eval(f *frame) (value.Value, *Error) {
	v, err := n.operand.eval(f)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case int64:
		if v == math.MinInt64 {
			return nil, n.at.fail("the result of `-` does not fit into an int of 64 bits")
		}
		return -v, nil
	case float64:
		return -v, nil
	case *apd.Decimal:
		return new(apd.Decimal).Neg(v), nil
	case time.Duration:
		if v == math.MinInt64 {
			return nil, n.at.fail("the duration is longer than 292 years")
		}
		return -v, nil
	case nil:
		return nil, n.at.fail("cannot compute -null: %s is null", sideName(n.label))
	}
	return nil, n.at.fail("cannot compute -%s", kindOf(v))
}

func sideName(label string) string {
	if label == "" {
		return "the value"
	}
	return label
}
