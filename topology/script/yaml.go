package script

import (
	"fmt"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"rondo/topology/value"
)

// ValueOf turns YAML into a value: numbers, true, false and null as YAML 1.2 has
// them, all else is text.
func ValueOf(n *yaml.Node) (value.Value, error) {
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) == 0 {
			return nil, nil
		}
		return ValueOf(n.Content[0])
	case yaml.SequenceNode:
		return listOf(n)
	case yaml.MappingNode:
		return mapOf(n)
	case yaml.ScalarNode:
		return scalarOf(n)
	}
	return nil, fmt.Errorf("line %d: aliases are not allowed here", n.Line)
}

func listOf(n *yaml.Node) (value.Value, error) {
	out := make([]any, len(n.Content))
	for i, item := range n.Content {
		v, err := ValueOf(item)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

func mapOf(n *yaml.Node) (value.Value, error) {
	var out value.MapBuilder
	for i := 0; i+1 < len(n.Content); i += 2 {
		v, err := ValueOf(n.Content[i+1])
		if err != nil {
			return nil, err
		}
		out.Add(n.Content[i].Value, v)
	}
	m, twice, ok := out.Map()
	if !ok {
		return nil, fmt.Errorf("line %d: %q stands here twice", n.Line, twice)
	}
	return m, nil
}

func scalarOf(n *yaml.Node) (value.Value, error) {
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		return n.Value == "true", nil
	case "!!int":
		i, err := strconv.ParseInt(n.Value, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("line %d: %q is no whole number of 64 bits", n.Line, n.Value)
		}
		return i, nil
	case "!!float":
		f, err := strconv.ParseFloat(n.Value, 64)
		if err != nil {
			return nil, fmt.Errorf("line %d: %q is no number", n.Line, n.Value)
		}
		return f, nil
	}
	return n.Value, nil
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
