package script

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"github.com/cockroachdb/apd/v3"

	"rondo/topology/value"
)

// Row is one line of a comparison: a field that is expected, beside what there
// is.
type Row struct {
	Path     string // "items[0].qty"; "" for the whole
	Expected string
	Actual   string // "" if it is missing
	Differs  bool
}

// rowsMax bounds a comparison: whoever reads it looks for what differs.
const rowsMax = 40

// Difference says where got is not want, "" if it covers it: fields that want does
// not name are free, at any depth; numbers compare by value.
func Difference(want, got value.Value) string {
	c := compare(want, got)
	if c.first == nil {
		return ""
	}
	return c.first.text()
}

func (r *Row) text() string {
	path := r.Path
	if path == "" {
		path = "the payload"
	}
	if r.Actual == "" {
		return path + " is missing"
	}
	return path + " is " + r.Actual
}

// covers reports whether got has all that want says.
func covers(want, got value.Value) bool {
	switch want := want.(type) {
	case *value.Map:
		got, isMap := got.(*value.Map)
		if !isMap {
			return false
		}
		for i := range want.Len() {
			name, v := want.At(i)
			if field, ok := got.Lookup(name); !ok || !covers(v, field) {
				return false
			}
		}
		return true
	case []any:
		got, isList := got.([]any)
		if !isList || len(got) != len(want) {
			return false
		}
		for i := range want {
			if !covers(want[i], got[i]) {
				return false
			}
		}
		return true
	}
	return value.Equal(want, got) || isTextOf(want, got)
}

// isTextOf reports whether want is the text by which a script writes got, which
// YAML has no form for.
func isTextOf(want, got value.Value) bool {
	text, isText := want.(string)
	if !isText {
		return false
	}
	switch got.(type) {
	case time.Time, time.Duration, []byte, *apd.Decimal:
		b, err := value.ToJSON(got)
		return err == nil && strings.Trim(string(b), `"`) == text
	}
	return false
}

// comparison lists the fields that are expected.
type comparison struct {
	rows  []Row
	first *Row  // that differs
	path  []any // to it: names and indexes
}

func compare(want, got value.Value) *comparison {
	c := &comparison{}
	c.add(nil, want, got, true)
	return c
}

func (c *comparison) add(path []any, want, got value.Value, present bool) {
	switch want := want.(type) {
	case *value.Map:
		if got, isMap := got.(*value.Map); isMap {
			for name, v := range want.All() {
				field, ok := got.Lookup(name)
				c.add(append(path, name), v, field, ok)
			}
			return
		}
	case []any:
		if got, isList := got.([]any); isList && len(got) == len(want) && len(want) > 0 {
			for i := range want {
				c.add(append(path, i), want[i], got[i], true)
			}
			return
		}
	}
	c.row(path, want, got, present)
}

func (c *comparison) row(path []any, want, got value.Value, present bool) {
	r := Row{Path: pathText(path), Expected: value.Format(want), Differs: !present || !covers(want, got)}
	if present {
		r.Actual = value.Format(got)
	}
	if r.Differs && c.first == nil {
		c.first, c.path = &r, append([]any{}, path...)
	}
	if len(c.rows) < rowsMax || c.first != nil && c.first.Path == r.Path {
		c.rows = append(c.rows, r)
	}
}

// pathText writes a path as expressions do: items[0].qty.
func pathText(path []any) string {
	var out strings.Builder
	for _, part := range path {
		switch part := part.(type) {
		case int:
			fmt.Fprintf(&out, "[%d]", part)
		case string:
			if out.Len() > 0 {
				out.WriteByte('.')
			}
			if strings.ContainsAny(part, ". []") || part == "" {
				part = strconv.Quote(part)
			}
			out.WriteString(part)
		}
	}
	return out.String()
}

// nodeAt is the node to which a path leads, or as far as it leads.
func nodeAt(n *yaml.Node, path []any) *yaml.Node {
	for _, part := range path {
		next := (*yaml.Node)(nil)
		switch part := part.(type) {
		case int:
			if n.Kind == yaml.SequenceNode && part < len(n.Content) {
				next = n.Content[part]
			}
		case string:
			if n.Kind == yaml.MappingNode {
				next = valueUnder(n, part)
			}
		}
		if next == nil {
			return n
		}
		n = next
	}
	return n
}

func valueUnder(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
