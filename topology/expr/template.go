package expr

import (
	"encoding/hex"
	"strconv"
	"strings"

	"rondo/topology/value"
)

// template fills printf-like verbs: %s anything, %d a whole number, %f a number
// with places (%.2f; 6 without), %e a number with an exponent, %b %o %x %X a
// whole number in base 2, 8, 16 (%x and %X also text and bytes), %% a percent sign.
type template struct {
	f    *frame
	n    *callNode
	out  strings.Builder
	args []value.Value // those not yet used
}

func formatTemplate(f *frame, n *callNode, pattern string, args []value.Value) (value.Value, *Error) {
	t := &template{f: f, n: n, args: args}
	if err := f.spend(textCost(len(pattern)), n.at); err != nil {
		return nil, err
	}
	for {
		before, rest, found := strings.Cut(pattern, "%")
		t.out.WriteString(before)
		if !found {
			break
		}
		var err *Error
		if pattern, err = t.verb(rest); err != nil {
			return nil, err
		}
		if err := t.f.checkText(t.out.Len(), n.at); err != nil {
			return nil, err
		}
	}
	if len(t.args) > 0 {
		return nil, n.fail("`format` has %s more than the template has places", arguments(len(t.args)))
	}
	return t.out.String(), nil
}

// placesMax bounds %.Nf.
const placesMax = 34

// verb writes one argument; rest begins behind the percent sign.
func (t *template) verb(rest string) (string, *Error) {
	places := -1
	if digits, ok := strings.CutPrefix(rest, "."); ok {
		end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' })
		n, err := strconv.Atoi(digits[:max(end, 0)])
		if err != nil || n > placesMax {
			return "", t.n.fail("`format`: behind %%. belongs a number of places up to %d, then f or e", placesMax)
		}
		places, rest = n, digits[end:]
	}
	if rest == "" {
		return "", t.n.fail("`format`: the template ends with an open %%")
	}
	letter, rest := rest[0], rest[1:]
	if letter == '%' && places < 0 {
		t.out.WriteByte('%')
		return rest, nil
	}
	if len(t.args) == 0 {
		return "", t.n.fail("`format` has fewer arguments than the template has places")
	}
	arg := t.args[0]
	t.args = t.args[1:]
	return rest, t.argument(letter, places, arg)
}

func (t *template) argument(letter byte, places int, arg value.Value) *Error {
	if err := t.f.spendValue(arg, t.n.at); err != nil {
		return err
	}
	if places >= 0 && letter != 'f' && letter != 'e' {
		return t.n.fail("`format`: places belong to %%f and %%e only")
	}
	text, ok := "", false
	switch letter {
	case 's':
		return t.any(arg)
	case 'd':
		text, ok = wholeText(arg, 10)
	case 'b':
		text, ok = wholeText(arg, 2)
	case 'o':
		text, ok = wholeText(arg, 8)
	case 'x', 'X':
		text, ok = hexText(arg)
		if letter == 'X' {
			text = strings.ToUpper(text)
		}
	case 'f':
		text, ok = fixedText(arg, places)
	case 'e':
		text, ok = exponentText(arg, places)
	default:
		return t.n.fail("`format` knows %%s %%d %%f %%e %%b %%o %%x %%X and %%%%, not %%%s", strings.ToValidUTF8(string(rune(letter)), "�"))
	}
	if !ok {
		return t.n.fail("`format`: %%%c cannot write %s", letter, kindOf(arg).withArticle())
	}
	t.out.WriteString(text)
	return nil
}

// any writes texts and numbers plainly, the rest as value.Format has it.
func (t *template) any(arg value.Value) *Error {
	if err := t.n.mustBeStorable(arg); err != nil {
		return err
	}
	switch v := arg.(type) {
	case string:
		t.out.WriteString(v)
	case int64, float64:
		t.out.WriteString(plainNumber(v))
	case []byte:
		t.out.WriteString(strings.ToValidUTF8(string(v), "�"))
	default:
		t.out.WriteString(value.Format(v))
	}
	return nil
}

func wholeText(arg value.Value, base int) (string, bool) {
	if b, ok := arg.(bool); ok && base == 2 {
		return map[bool]string{true: "1", false: "0"}[b], true
	}
	n, ok := wholeNumber(arg)
	return strconv.FormatInt(n, base), ok
}

func hexText(arg value.Value) (string, bool) {
	switch v := arg.(type) {
	case string:
		return hex.EncodeToString([]byte(v)), true
	case []byte:
		return hex.EncodeToString(v), true
	}
	return wholeText(arg, 16)
}

// fixedText rounds half to even, a double by its shortest text.
func fixedText(arg value.Value, places int) (string, bool) {
	if places < 0 {
		places = 6
	}
	if !value.IsNumber(arg) {
		return "", false
	}
	d, ok := quantized(arg, int64(places))
	if ok {
		return d.Text('f'), true
	}
	if f, isDouble := arg.(float64); isDouble { // more than 34 digits in all
		return strconv.FormatFloat(f, 'f', places, 64), true
	}
	return "", false
}

func exponentText(arg value.Value, places int) (string, bool) {
	if places < 0 {
		places = 6
	}
	d, ok := value.DecimalOf(arg)
	if !ok {
		return "", false
	}
	f, err := strconv.ParseFloat(d.String(), 64)
	return strconv.FormatFloat(f, 'e', places, 64), err == nil
}
