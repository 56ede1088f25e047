package build

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"

	"rondo/topology"
	"rondo/topology/layout"
)

// Expression is an expression (CEL) in a place where a literal might stand.
type Expression struct{ text string }

// Expr is an expression, without `=`.
func Expr(text string) Expression { return Expression{text} }

// Entry is one field of a mapping.
type Entry struct {
	name  string
	value any
}

// Field is one field of a mapping: With(Field("id", Expr("key"))).
func Field(name string, value any) Entry { return Entry{name, value} }

// Fields is a mapping whose fields keep their order.
type Fields []Entry

// node writes a Go value as a value of a definition: nil, bool, ints, floats,
// *apd.Decimal, string, time.Duration (as text, like 1h30m), Expression, Fields,
// and lists and maps of these.
func node(value any) (*layout.Node, error) {
	switch v := value.(type) {
	case nil:
		return layout.Null(), nil
	case bool:
		return layout.Bool(v), nil
	case int:
		return layout.Int(int64(v)), nil
	case int32:
		return layout.Int(int64(v)), nil
	case int64:
		return layout.Int(v), nil
	case float64:
		if n, ok := layout.Float(v); ok {
			return n, nil
		}
		return layout.Null(), fmt.Errorf("%v is no number that can be stored or sent", v)
	case *apd.Decimal:
		return decimalNode(v), nil
	case string:
		return textNode(v), nil
	case time.Duration:
		return duration(v), wholeMilliseconds("a value", v)
	case Expression:
		return expressionNode(v)
	case Fields:
		return fieldsNode(v)
	case []any:
		return listNode(v)
	case []string:
		return listNode(v)
	case map[string]any:
		return mapNode(v)
	}
	return layout.Null(), fmt.Errorf("a value of type %T cannot stand in a definition: use bool, int, float64, string, build.Expr, build.Fields, []any or map[string]any", value)
}

// textNode writes a text that begins with `=` as the expression that gives it.
func textNode(text string) *layout.Node {
	if strings.HasPrefix(text, "=") {
		return layout.Expression(celText(text))
	}
	return layout.Literal(text)
}

// celText is a text as a literal of CEL.
func celText(text string) string {
	var out strings.Builder
	out.WriteByte('\'')
	for _, c := range text {
		switch {
		case c == '\'' || c == '\\':
			out.WriteRune('\\')
			out.WriteRune(c)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&out, `\u%04x`, c)
		default:
			out.WriteRune(c)
		}
	}
	out.WriteByte('\'')
	return out.String()
}

// decimalNode writes a decimal, where YAML has no literal for it, as the
// expression that gives it.
func decimalNode(d *apd.Decimal) *layout.Node {
	if n, ok := layout.Decimal(d); ok {
		return n
	}
	return layout.Expression("decimal('" + d.Text('f') + "')")
}

func expressionNode(e Expression) (*layout.Node, error) {
	if strings.TrimSpace(e.text) == "" {
		return layout.Null(), errors.New("an expression is empty")
	}
	return layout.Expression(e.text), nil
}

func fieldsNode(fields []Entry) (*layout.Node, error) {
	var entries []*layout.Entry
	var errs []error
	for _, f := range fields {
		n, err := node(f.value)
		entries = append(entries, &layout.Entry{Key: f.name, Value: n})
		errs = append(errs, err)
	}
	return layout.Flow(entries...), errors.Join(errs...)
}

func listNode[T any](items []T) (*layout.Node, error) {
	var nodes []*layout.Node
	var errs []error
	for _, item := range items {
		n, err := node(item)
		nodes, errs = append(nodes, n), append(errs, err)
	}
	return layout.List(nodes...), errors.Join(errs...)
}

// mapNode writes a map in the order of its keys.
func mapNode(m map[string]any) (*layout.Node, error) {
	var fields []Entry
	for _, name := range slices.Sorted(maps.Keys(m)) {
		fields = append(fields, Field(name, m[name]))
	}
	return fieldsNode(fields)
}

// entryOf is a word whose entries add to one another.
func entryOf(wordName, name string, value any) Part {
	n, err := node(value)
	p := word(wordName, layout.Flow(&layout.Entry{Key: name, Value: n}), err)
	p.merge = true
	return p
}

// timed is a word whose value is a duration or an expression for a time.
func timed[T time.Duration | Expression](name string, t T) Part {
	if d, ok := any(t).(time.Duration); ok {
		return fixed(name, d)
	}
	n, err := node(t)
	return word(name, n, err)
}

func fixed(name string, d time.Duration) Part {
	return word(name, duration(d), wholeMilliseconds(name, d))
}

func duration(d time.Duration) *layout.Node { return layout.Text(topology.FormatDuration(d)) }

// wholeMilliseconds refuses what would be cut off.
func wholeMilliseconds(what string, d time.Duration) error {
	if d < 0 || d%time.Millisecond != 0 {
		return fmt.Errorf("%s: %v is no duration of whole milliseconds", what, d)
	}
	return nil
}

// named is a name, or an expression for one.
func named[T string | Expression](name T) *layout.Node {
	if e, ok := any(name).(Expression); ok {
		return layout.Expression(e.text)
	}
	return layout.Text(fmt.Sprint(name))
}

func texts(list []string) *layout.Node {
	var items []*layout.Node
	for _, text := range list {
		items = append(items, layout.Text(text))
	}
	return layout.List(items...)
}
