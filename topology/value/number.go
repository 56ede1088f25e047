package value

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// Decimals have the digits of IEEE 754 decimal128, and somewhat more than the
// range of doubles: the time that an addition takes grows with the distance of
// exponents.
const (
	DecimalDigitsMax = 34
	decimalExpMax    = 400
	decimalExpMin    = -400
)

// DecimalContext is how decimals are computed: 34 digits, half to even. A result
// that does not fit (overflow, a division by zero) is an error; one that had to
// be rounded is not.
func DecimalContext() *apd.Context {
	return &apd.Context{
		Precision:   DecimalDigitsMax,
		MaxExponent: decimalExpMax,
		MinExponent: decimalExpMin,
		Rounding:    apd.RoundHalfEven,
		Traps:       apd.DefaultTraps,
	}
}

// ParseDecimal reads a decimal such as "1.10" or "-2.5E+3". It fails for what is
// no number, for NaN and infinity, for more than 34 digits and beyond 10^400 or
// 10^-400.
func ParseDecimal(text string) (*apd.Decimal, error) {
	if len(text) > decimalTextMax || strings.Trim(text, "0123456789+-.eE") != "" {
		return nil, fmt.Errorf("%q is not a decimal", clip(text))
	}
	d, _, err := apd.NewFromString(text)
	if err != nil || d.Form != apd.Finite {
		return nil, fmt.Errorf("%q is not a decimal", clip(text))
	}
	if d.NumDigits() > DecimalDigitsMax {
		return nil, fmt.Errorf("%q has more than %d digits", clip(text), DecimalDigitsMax)
	}
	if exp := int64(d.Exponent) + d.NumDigits() - 1; exp > decimalExpMax || exp < decimalExpMin {
		return nil, fmt.Errorf("%q is beyond the range of decimals", clip(text))
	}
	return d, nil
}

// decimalTextMax is longer than any decimal of 34 digits is written by anybody.
const decimalTextMax = 200

// clip shortens a text for use in an error.
func clip(text string) string {
	count := 0
	for i := range text {
		if count++; count > 40 {
			return text[:i] + "…"
		}
	}
	return text
}

// DecimalOf returns a number as a decimal: a double by its shortest text. It is
// false for what is no number, for NaN and infinity.
func DecimalOf(v Value) (*apd.Decimal, bool) {
	switch v := v.(type) {
	case int64:
		return apd.New(v, 0), true
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, false
		}
		d, _, err := apd.NewFromString(strconv.FormatFloat(v, 'e', -1, 64))
		return d, err == nil
	case *apd.Decimal:
		return v, v.Form == apd.Finite
	}
	return nil, false
}

// WideWhole returns the digits of a decimal that is a whole number beyond 64 bits: as
// a number of JSON it reads back as that decimal. It is false for all others.
func WideWhole(d *apd.Decimal) (string, bool) {
	if d.Form != apd.Finite || int64(d.Exponent)+d.NumDigits() > DecimalDigitsMax {
		return "", false
	}
	var whole apd.Decimal
	if whole.Reduce(d); whole.Exponent < 0 {
		return "", false
	}
	if _, err := whole.Int64(); err == nil {
		return "", false
	}
	return whole.Text('f'), true
}

// exactDoubleMax is 2^53: up to here every whole number is a double of its own.
const exactDoubleMax = 1 << 53

// compareNumbers orders two numbers by value. NaN comes before everything else
// and equals itself, so that the order is total.
func compareNumbers(a, b Value) int {
	switch a := a.(type) {
	case int64:
		switch b := b.(type) {
		case int64:
			return cmp.Compare(a, b)
		case float64:
			return compareIntDouble(a, b)
		}
	case float64:
		switch b := b.(type) {
		case int64:
			return -compareIntDouble(b, a)
		case float64:
			return cmp.Compare(a, b)
		}
	}
	return compareDecimals(a, b)
}

// compareIntDouble compares without a detour over decimals where a double up to
// 2^53 is meant; beyond, the double's shortest text decides.
func compareIntDouble(i int64, f float64) int {
	switch {
	case math.IsNaN(f):
		return +1
	case f > math.MaxInt64*2:
		return -1
	case f < math.MinInt64*2:
		return +1
	case math.Abs(f) > exactDoubleMax:
		return compareDecimals(i, f)
	}
	whole := int64(f)
	if c := cmp.Compare(i, whole); c != 0 {
		return c
	}
	return cmp.Compare(float64(whole), f)
}

func compareDecimals(a, b Value) int {
	x, okX := DecimalOf(a)
	y, okY := DecimalOf(b)
	if okX && okY {
		return x.Cmp(y)
	}
	return cmp.Compare(specialRank(a), specialRank(b))
}

// specialRank places NaN and the infinities around the finite numbers.
func specialRank(v Value) int {
	switch v := v.(type) {
	case float64:
		return rank(math.IsNaN(v), math.IsInf(v, +1), math.IsInf(v, -1))
	case *apd.Decimal:
		infinite := v.Form == apd.Infinite
		return rank(v.Form != apd.Finite && !infinite, infinite && !v.Negative, infinite && v.Negative)
	}
	return 0
}

func rank(nan, positive, negative bool) int {
	switch {
	case nan:
		return -2
	case negative:
		return -1
	case positive:
		return +1
	}
	return 0
}

// appendNumberKey writes the digits of a number without trailing zeros, and the
// exponent: "1e3" for 1000, 1000.0 and decimal 1E+3.
func appendNumberKey(dst []byte, v Value) []byte {
	switch v := v.(type) {
	case int64:
		return appendDigits(dst, strconv.FormatInt(v, 10), 0)
	case float64:
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			return appendDoubleKey(dst, v)
		}
	case *apd.Decimal:
		if v.Form == apd.Finite {
			text := v.Coeff.String()
			if v.Negative {
				text = "-" + text
			}
			return appendDigits(dst, text, int64(v.Exponent))
		}
	}
	return append(dst, "special"[specialRank(v)+2])
}

func appendDoubleKey(dst []byte, f float64) []byte {
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	exp, _ := strconv.ParseInt(exponent, 10, 64) // FormatFloat wrote it
	whole, fraction, _ := strings.Cut(mantissa, ".")
	return appendDigits(dst, whole+fraction, exp-int64(len(fraction)))
}

// appendDigits writes the number text·10^exp, text being a whole number.
func appendDigits(dst []byte, text string, exp int64) []byte {
	short := strings.TrimRight(text, "0")
	if short == "" || short == "-" {
		return append(dst, "0e0"...)
	}
	exp += int64(len(text) - len(short))
	dst = append(dst, short...)
	return strconv.AppendInt(append(dst, 'e'), exp, 10)
}

// decimalText writes a decimal plainly ("1.10", "1200") as long as that is
// short, else with an exponent ("1E+50").
func decimalText(d *apd.Decimal) string {
	if d.Form == apd.Finite && d.Exponent >= -plainZerosMax && d.Exponent <= plainZerosMax {
		return d.Text('f')
	}
	return d.Text('E')
}

// plainZerosMax is the exponent up to which a decimal is written without one.
const plainZerosMax = 40

// NumberText writes a number as people read it: 12, 0.5, 2.0 (a double), 1.10
// (a decimal). It is "" for what is no number.
func NumberText(v Value) string {
	switch v := v.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return string(appendDouble(nil, v))
	case *apd.Decimal:
		return decimalText(v)
	}
	return ""
}

// appendDouble writes the shortest text that reads back as f and as a double:
// with a fraction or an exponent.
func appendDouble(dst []byte, f float64) []byte {
	if math.IsNaN(f) {
		return append(dst, "NaN"...)
	}
	if math.IsInf(f, 0) {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	format := byte('f')
	if size := math.Abs(f); size != 0 && (size < 1e-6 || size >= 1e21) {
		format = 'e'
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, format, -1, 64)
	if format == 'f' && !strings.Contains(string(dst[start:]), ".") {
		dst = append(dst, ".0"...)
	}
	return dst
}
