package script

import (
	"fmt"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"rondo/topology/value"
)

// valueError says what in a YAML value is none of ours.
type valueError struct {
	at   *yaml.Node
	text string
}

func (e *valueError) Error() string { return e.text }

// ValueOf turns YAML into a value: numbers, true, false and null as YAML 1.2 has
// them, all else is text.
func ValueOf(n *yaml.Node) (value.Value, error) { return valueOf(n, 0) }

func valueOf(n *yaml.Node, depth int) (value.Value, error) {
	if depth > nestingMax {
		return nil, &valueError{n, fmt.Sprintf("mappings and lists are nested more than %d deep", nestingMax)}
	}
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) == 0 {
			return nil, nil
		}
		return valueOf(n.Content[0], depth)
	case yaml.SequenceNode:
		return listOf(n, depth+1)
	case yaml.MappingNode:
		return mapOf(n, depth+1)
	case yaml.ScalarNode:
		return scalarOf(n)
	}
	return nil, &valueError{n, "aliases are not allowed here: write the value out"}
}

func listOf(n *yaml.Node, depth int) (value.Value, error) {
	out := make([]any, len(n.Content))
	for i, item := range n.Content {
		v, err := valueOf(item, depth)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

func mapOf(n *yaml.Node, depth int) (value.Value, error) {
	var out value.MapBuilder
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Kind != yaml.ScalarNode {
			return nil, &valueError{n.Content[i], "a key must be a text"}
		}
		v, err := valueOf(n.Content[i+1], depth)
		if err != nil {
			return nil, err
		}
		out.Add(n.Content[i].Value, v)
	}
	m, twice, ok := out.Map()
	if !ok {
		return nil, &valueError{n, fmt.Sprintf("%q stands here twice: keep one of the two", twice)}
	}
	return m, nil
}

func scalarOf(n *yaml.Node) (value.Value, error) {
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true"), nil
	case "!!int":
		if digits := strings.TrimLeft(n.Value, "+-"); len(digits) > 1 && digits[0] == '0' {
			return nil, &valueError{n, fmt.Sprintf("%s begins with a zero: put a text in quotes, or leave the zero out", n.Value)}
		}
		return wholeNumber(n)
	case "!!float":
		if strings.Trim(n.Value, "+-0123456789") == "" { // the library's tag of what exceeds 64 bits
			return wholeNumber(n)
		}
		f, err := strconv.ParseFloat(n.Value, 64)
		if err != nil {
			return nil, &valueError{n, fmt.Sprintf("%q is no number", n.Value)}
		}
		return f, nil
	case "!!str", "!!timestamp":
		return n.Value, nil
	}
	return nil, &valueError{n, fmt.Sprintf("%s is a YAML tag; values have none", n.Tag)}
}

// wholeNumber gives an int, or beyond 64 bits a decimal, as JSON on the wire does.
func wholeNumber(n *yaml.Node) (value.Value, error) {
	if i, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
		return i, nil
	}
	d, err := value.ParseDecimal(n.Value)
	if err != nil {
		return nil, &valueError{n, fmt.Sprintf("%q is no whole number of at most %d digits", n.Value, value.DecimalDigitsMax)}
	}
	return d, nil
}

// ParseValue reads a value from YAML text, as on one line of a script.
func ParseValue(text string) (value.Value, error) {
	var n yaml.Node
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		return nil, fmt.Errorf("read %q: %w", text, err)
	}
	return ValueOf(&n)
}
