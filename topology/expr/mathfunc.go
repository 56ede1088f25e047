package expr

import (
	"math"
	"strconv"

	"github.com/cockroachdb/apd/v3"

	"rondo/topology/value"
)

// numberFunctions are those of CEL's math library and Rondo's.
var numberFunctions = []*function{
	{name: "div", params: []kinds{kNumber, kNumber}, result: kNumber, run: func(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
		return operators["div"].apply(f, args[0], args[1], n.at, noLabels)
	}},
	{name: "round", params: []kinds{kNumber, kWhole}, optional: 1, result: kNumber, run: round},
	{name: "math.greatest", params: []kinds{kNumber | kList}, variadic: kNumber, result: kNumber, run: mathExtreme(+1)},
	{name: "math.least", params: []kinds{kNumber | kList}, variadic: kNumber, result: kNumber, run: mathExtreme(-1)},
	{name: "math.ceil", params: []kinds{kNumber}, result: kNumber, run: toWhole(math.Ceil, (*apd.Context).Ceil)},
	{name: "math.floor", params: []kinds{kNumber}, result: kNumber, run: toWhole(math.Floor, (*apd.Context).Floor)},
	{name: "math.round", params: []kinds{kNumber}, result: kNumber, run: toWhole(math.Round, roundHalfUp)},
	{name: "math.trunc", params: []kinds{kNumber}, result: kNumber, run: toWhole(math.Trunc, truncate)},
	{name: "math.abs", params: []kinds{kNumber}, result: kNumber, run: mathAbs},
	{name: "math.sign", params: []kinds{kNumber}, result: kNumber, run: mathSign},
	{name: "math.sqrt", params: []kinds{kNumber}, result: kDouble | kDecimal, run: mathSqrt},
	{name: "math.isNaN", params: []kinds{kNumber}, result: kBool, run: ofDouble(math.IsNaN)},
	{name: "math.isInf", params: []kinds{kNumber}, result: kBool, run: ofDouble(func(d float64) bool { return math.IsInf(d, 0) })},
	{name: "math.isFinite", params: []kinds{kNumber}, result: kBool, run: ofDouble(func(d float64) bool { return !math.IsNaN(d) && !math.IsInf(d, 0) })},
	{name: "math.bitAnd", params: []kinds{kWhole, kWhole}, result: kInt, run: ofInts(func(a, b int64) int64 { return a & b })},
	{name: "math.bitOr", params: []kinds{kWhole, kWhole}, result: kInt, run: ofInts(func(a, b int64) int64 { return a | b })},
	{name: "math.bitXor", params: []kinds{kWhole, kWhole}, result: kInt, run: ofInts(func(a, b int64) int64 { return a ^ b })},
	{name: "math.bitNot", params: []kinds{kWhole}, result: kInt, run: func(_ *frame, _ *callNode, args []value.Value) (value.Value, *Error) {
		return ^args[0].(int64), nil
	}},
	{name: "math.bitShiftLeft", params: []kinds{kWhole, kWhole}, result: kInt, run: shift(func(a int64, n uint64) int64 { return a << n })},
	{name: "math.bitShiftRight", params: []kinds{kWhole, kWhole}, result: kInt, run: shift(func(a int64, n uint64) int64 { return int64(uint64(a) >> n) })},
}

// roundPlacesMax bounds the places of round, on both sides of the point.
const roundPlacesMax = 34

// round rounds to places behind the point (negative: before it), half to even: a
// double by its shortest text, so that 2.675 to two places is 2.68.
func round(_ *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	places := int64(0)
	if len(args) == 2 {
		places = args[1].(int64)
	}
	if places < -roundPlacesMax || places > roundPlacesMax {
		return nil, n.fail("`round` to %d places: it goes from %d to %d", places, -roundPlacesMax, roundPlacesMax)
	}
	if _, ok := args[0].(int64); ok && places >= 0 {
		return args[0], nil
	}
	d, ok := quantized(args[0], places)
	if !ok {
		return nil, n.fail("`round`: the result does not fit into %d digits", value.DecimalDigitsMax)
	}
	return n.likeArg(d, args[0])
}

// quantized is a number with so many places behind the point. What has fewer
// digits before the point than are cut is 0.
func quantized(v value.Value, places int64) (*apd.Decimal, bool) {
	x, ok := value.DecimalOf(v)
	if !ok {
		return nil, false
	}
	d := new(apd.Decimal)
	if _, err := decimals.Quantize(d, x, int32(-places)); err != nil {
		return nil, false
	}
	return d, true
}

// likeArg returns d in the kind that v has.
func (n *callNode) likeArg(d *apd.Decimal, v value.Value) (value.Value, *Error) {
	switch v.(type) {
	case int64:
		i, ok := wholeNumber(d)
		if !ok {
			return nil, n.fail("`%s`: the result does not fit into an int of 64 bits", n.fn.name)
		}
		return i, nil
	case float64:
		f, err := strconv.ParseFloat(d.String(), 64)
		if err != nil {
			return nil, n.fail("`%s`: the result is too large for a double", n.fn.name)
		}
		return f, nil
	}
	return d, nil
}

func mathExtreme(sign int) func(*frame, *callNode, []value.Value) (value.Value, *Error) {
	best := extreme(sign)
	return func(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
		items := args
		if list, ok := args[0].([]any); ok {
			items = list
		}
		if len(items) == 0 || len(args) > 1 && kindOf(args[0]) == kList {
			return nil, n.fail("`%s` needs numbers, or one list of numbers that is not empty", n.fn.name)
		}
		v, err := best(f, n, args)
		if err == nil && !value.IsNumber(v) {
			return nil, n.fail("`%s` needs numbers, but one is %s", n.fn.name, kindOf(v).withArticle())
		}
		return v, err
	}
}

// toWhole makes a function that takes the fraction off, and keeps the kind.
func toWhole(double func(float64) float64, decimal func(c *apd.Context, d, x *apd.Decimal) (apd.Condition, error)) func(*frame, *callNode, []value.Value) (value.Value, *Error) {
	return func(_ *frame, n *callNode, args []value.Value) (value.Value, *Error) {
		switch x := args[0].(type) {
		case float64:
			return double(x), nil
		case *apd.Decimal:
			d := new(apd.Decimal)
			if _, err := decimal(decimals, d, x); err != nil {
				return nil, n.fail("`%s`: the result does not fit into %d digits", n.fn.name, value.DecimalDigitsMax)
			}
			return d, nil
		}
		return args[0], nil
	}
}

func roundHalfUp(c *apd.Context, d, x *apd.Decimal) (apd.Condition, error) {
	half := *c
	half.Rounding = apd.RoundHalfUp
	return half.Quantize(d, x, 0)
}

func truncate(c *apd.Context, d, x *apd.Decimal) (apd.Condition, error) {
	down := *c
	down.Rounding = apd.RoundDown
	return down.Quantize(d, x, 0)
}

func mathAbs(_ *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	switch x := args[0].(type) {
	case int64:
		if x == math.MinInt64 {
			return nil, n.fail("`math.abs`: the result does not fit into an int of 64 bits")
		}
		return max(x, -x), nil
	case float64:
		return math.Abs(x), nil
	}
	return new(apd.Decimal).Abs(args[0].(*apd.Decimal)), nil
}

func mathSign(_ *frame, _ *callNode, args []value.Value) (value.Value, *Error) {
	order, _ := value.Compare(args[0], int64(0))
	switch args[0].(type) {
	case float64:
		return float64(order), nil
	case *apd.Decimal:
		return apd.New(int64(order), 0), nil
	}
	return int64(order), nil
}

func mathSqrt(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	if order, _ := value.Compare(args[0], int64(0)); order < 0 {
		return nil, n.fail("`math.sqrt` of a negative number")
	}
	switch x := args[0].(type) {
	case int64:
		return math.Sqrt(float64(x)), nil
	case float64:
		return math.Sqrt(x), nil
	}
	if err := f.spend(20, n.at); err != nil { // digits are found one by one
		return nil, err
	}
	d := new(apd.Decimal)
	if _, err := decimals.Sqrt(d, args[0].(*apd.Decimal)); err != nil {
		return nil, n.fail("`math.sqrt`: the result does not fit into %d digits", value.DecimalDigitsMax)
	}
	return d, nil
}

// ofDouble asks a question that only a double can answer with yes.
func ofDouble(is func(float64) bool) func(*frame, *callNode, []value.Value) (value.Value, *Error) {
	return func(_ *frame, _ *callNode, args []value.Value) (value.Value, *Error) {
		d, ok := args[0].(float64)
		if !ok {
			d = 0
		}
		return is(d), nil
	}
}

func ofInts(do func(a, b int64) int64) func(*frame, *callNode, []value.Value) (value.Value, *Error) {
	return func(_ *frame, _ *callNode, args []value.Value) (value.Value, *Error) {
		return do(args[0].(int64), args[1].(int64)), nil
	}
}

func shift(do func(a int64, n uint64) int64) func(*frame, *callNode, []value.Value) (value.Value, *Error) {
	return func(_ *frame, n *callNode, args []value.Value) (value.Value, *Error) {
		by := args[1].(int64)
		if by < 0 {
			return nil, n.fail("`%s` by a negative number", n.fn.name)
		}
		return do(args[0].(int64), uint64(by)), nil
	}
}
