package expr

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cockroachdb/apd/v3"

	"rondo/topology/value"
)

// convertFunctions turn one kind into another.
var convertFunctions = []*function{
	{name: "dyn", params: []kinds{kAny}, result: kAny, run: func(_ *frame, _ *callNode, args []value.Value) (value.Value, *Error) { return args[0], nil }},
	{name: "int", params: []kinds{kNumber | kString | kTimestamp}, result: kInt, run: toInt},
	{name: "double", params: []kinds{kNumber | kString}, result: kDouble, run: toDouble},
	{name: "decimal", params: []kinds{kNumber | kString}, result: kDecimal, run: toDecimal},
	{name: "string", params: []kinds{kOrdered}, result: kString, run: toText},
	{name: "bool", params: []kinds{kBool | kString}, result: kBool, run: toBool},
	{name: "bytes", params: []kinds{kString | kBytes}, result: kBytes, run: toBytes},
	{name: "timestamp", params: []kinds{kString | kInt | kTimestamp}, result: kTimestamp, run: toTimestamp},
	{name: "duration", params: []kinds{kString | kDuration}, result: kDuration, run: toDuration},
	{name: "format", params: []kinds{kString | kTimestamp}, variadic: kAny, result: kString, run: format},
	{name: "format", style: member, params: []kinds{kString | kTimestamp, kAny}, variadic: kAny, result: kString, run: memberFormat},
}

// toInt drops the fraction of a number; of a timestamp it gives seconds since
// 1970.
func toInt(_ *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	switch x := args[0].(type) {
	case float64:
		if math.Abs(x) < 1<<63 {
			return int64(x), nil
		}
		return nil, n.fail("`int`: the number does not fit into an int of 64 bits")
	case *apd.Decimal:
		d := new(apd.Decimal)
		if _, err := truncate(decimals, d, x); err == nil {
			if i, err := d.Int64(); err == nil {
				return i, nil
			}
		}
		return nil, n.fail("`int`: the number does not fit into an int of 64 bits")
	case string:
		i, err := strconv.ParseInt(head(x), 10, 64)
		if err != nil {
			return nil, n.fail("`int`: %s is not a whole number of 64 bits", n.argText(0))
		}
		return i, nil
	case time.Time:
		return x.Unix(), nil
	}
	return args[0], nil
}

// head keeps a hostile text from being gone through, and copied into an error
// that nobody sees: longer texts are no numbers and no times in any case. What is
// left of them is none either.
func head(text string) string {
	if len(text) > 500 {
		return "too long"
	}
	return text
}

// argText is an argument as the author wrote it, or "the text".
func (n *callNode) argText(i int) string {
	if n.texts[i] == "" {
		return "the text"
	}
	return n.texts[i]
}

func toDouble(_ *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	text := ""
	switch x := args[0].(type) {
	case int64:
		return float64(x), nil
	case float64:
		return x, nil
	case *apd.Decimal:
		text = x.String()
	case string:
		text = head(x)
	}
	d, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(d) || math.IsInf(d, 0) || strings.ContainsAny(text, "_xXpP") {
		return nil, n.fail("`double`: %s is not a number that a double can hold", n.argText(0))
	}
	return d, nil
}

func toDecimal(_ *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	if text, ok := args[0].(string); ok {
		d, err := value.ParseDecimal(text)
		if err != nil {
			return nil, n.fail("`decimal`: %s is not a number of at most %d digits", n.argText(0), value.DecimalDigitsMax)
		}
		return d, nil
	}
	d, ok := value.DecimalOf(args[0])
	if !ok {
		return nil, n.fail("`decimal`: %s is no finite number", n.argText(0))
	}
	return d, nil
}

func toText(_ *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	switch x := args[0].(type) {
	case string:
		return x, nil
	case bool:
		return strconv.FormatBool(x), nil
	case []byte:
		if !utf8.Valid(x) {
			return nil, n.fail("`string`: %s are not valid UTF-8", n.argText(0))
		}
		return string(x), nil
	case time.Time:
		return x.UTC().Format(time.RFC3339Nano), nil
	case time.Duration:
		return value.DurationText(x), nil
	}
	return plainNumber(args[0]), nil
}

// plainNumber writes a number for use in texts and keys: a double without a
// fraction as if it were whole.
func plainNumber(v value.Value) string {
	text := value.NumberText(v)
	if _, ok := v.(float64); ok {
		return strings.TrimSuffix(text, ".0")
	}
	return text
}

func toBool(_ *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	switch args[0] {
	case true, "true", "True", "TRUE", "t", "1":
		return true, nil
	case false, "false", "False", "FALSE", "f", "0":
		return false, nil
	}
	return nil, n.fail("`bool`: %s is neither true nor false", n.argText(0))
}

func toBytes(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	s, ok := args[0].(string)
	if !ok {
		return args[0], nil
	}
	if err := f.checkText(len(s), n.at); err != nil {
		return nil, err
	}
	return []byte(s), f.spend(textCost(len(s)), n.at)
}

// toTimestamp reads RFC 3339, or seconds since 1970.
func toTimestamp(_ *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	switch x := args[0].(type) {
	case int64:
		if x < -62135596800 || x > 253402300799 {
			return nil, n.fail("the timestamp is outside the years 1 to 9999")
		}
		return time.Unix(x, 0).UTC(), nil
	case string:
		t, err := time.Parse(time.RFC3339Nano, head(x))
		if err != nil {
			return nil, n.fail("`timestamp`: %s is not a time in RFC 3339 (2026-03-01T12:00:00Z)", n.argText(0))
		}
		return checkedTime(t, n.at)
	}
	return args[0], nil
}

func toDuration(_ *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	s, ok := args[0].(string)
	if !ok {
		return args[0], nil
	}
	d, ok := parseDuration(s)
	if !ok {
		return nil, n.fail("`duration`: %s is not a duration: numbers with units (ms, s, m, h, d, w), such as \"1h30m\"", n.argText(0))
	}
	return d, nil
}

// format fills a template, or writes a timestamp by a layout in a zone.
func format(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	if _, ok := args[0].(time.Time); ok {
		return formatTime(f, n, args)
	}
	return formatTemplate(f, n, args[0].(string), args[1:])
}

// memberFormat is CEL's text.format([a, b]), and t.format(layout, zone).
func memberFormat(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	if _, ok := args[0].(time.Time); ok {
		return formatTime(f, n, args)
	}
	list, ok := args[1].([]any)
	if !ok || len(args) > 2 {
		return nil, n.fail("`format` takes one list here: text.format([a, b])")
	}
	return formatTemplate(f, n, args[0].(string), list)
}

func formatTime(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	layout, ok := "", false
	if len(args) == 2 || len(args) == 3 {
		layout, ok = args[1].(string)
	}
	if !ok {
		return nil, n.fail("`format` of a timestamp takes a layout and, if you like, a zone: format(t, \"%%d.%%m.%%Y %%H:%%M\", \"Europe/Berlin\")")
	}
	if err := f.spend(textCost(16*len(layout)), n.at); err != nil {
		return nil, err
	}
	if err := f.checkText(16*len(layout), n.at); err != nil {
		return nil, err
	}
	zone, err := n.zone(args, 2)
	if err != nil {
		return nil, err
	}
	t := args[0].(time.Time)
	text, problem := formatLayout(civilOf(t, zone), int(offsetAt(t, zone)/time.Second), layout)
	if problem != "" {
		return nil, n.spans[1].fail("`format`: %s", problem)
	}
	return text, nil
}
