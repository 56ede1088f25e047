package schemas

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rondo/topology/diag"
	"rondo/topology/expr"
	"rondo/topology/value"
)

// jsonSchemaType tells what a JSON Schema says of a payload: types, properties,
// required, items, enum, and references within the file. Constraints on values
// (minimum, pattern, …) say nothing about types. An object that lists its
// properties has no others, unless additionalProperties says so: what a schema
// does not name is mostly misspelt.
func jsonSchemaType(name string, text []byte) (expr.Type, error) {
	if len(text) > schemaTextBytesMax {
		return expr.Type{}, fmt.Errorf("schema file %s: %d bytes are more than %d", name, len(text), schemaTextBytesMax)
	}
	var root any
	if err := json.Unmarshal(text, &root); err != nil {
		return expr.Type{}, fmt.Errorf("schema file %s is not JSON: %w", name, err)
	}
	switch root.(type) {
	case map[string]any, bool:
	default:
		return expr.Type{}, fmt.Errorf("schema file %s is no JSON Schema: it is not an object", name)
	}
	p := &jsonSchemaParser{root: root, done: map[string]expr.Type{}}
	t, err := p.of(root, 0)
	if err != nil {
		return expr.Type{}, fmt.Errorf("schema file %s: %w", name, err)
	}
	return t, nil
}

type jsonSchemaParser struct {
	root  any
	done  map[string]expr.Type // by reference; while it is made, nothing is known
	count int
}

func (p *jsonSchemaParser) of(schema any, depth int) (expr.Type, error) {
	if p.count++; p.count > schemaTypesMax || depth > schemaDepthMax {
		return expr.Type{}, fmt.Errorf("more than %d types, or nested deeper than %d", schemaTypesMax, schemaDepthMax)
	}
	o, ok := schema.(map[string]any)
	if !ok {
		return expr.Type{}, nil // true: anything
	}
	if ref, ok := o["$ref"].(string); ok {
		return p.reference(ref, depth)
	}
	for _, word := range []string{"anyOf", "oneOf"} {
		if options, ok := o[word].([]any); ok {
			return p.either(options, depth)
		}
	}
	if all, ok := o["allOf"]; ok {
		options, _ := all.([]any)
		_, err := p.either(options, depth) // for what is wrong in them: they hold together, of which nothing is known
		return expr.Type{}, err
	}
	return p.typed(o, depth)
}

// reference resolves "#/$defs/Name".
func (p *jsonSchemaParser) reference(ref string, depth int) (expr.Type, error) {
	if t, ok := p.done[ref]; ok {
		return t, nil
	}
	inside, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return expr.Type{}, nil // another file: nothing is known
	}
	target := p.root
	for part := range strings.SplitSeq(strings.TrimPrefix(inside, "/"), "/") {
		if part == "" {
			continue
		}
		o, _ := target.(map[string]any)
		next, ok := o[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]
		if !ok {
			return expr.Type{}, fmt.Errorf("the reference %s leads nowhere", ref)
		}
		target = next
	}
	p.done[ref] = expr.Type{}
	t, err := p.of(target, depth+1)
	p.done[ref] = t
	return t, err
}

// either is what is known of one of several schemas.
func (p *jsonSchemaParser) either(options []any, depth int) (expr.Type, error) {
	var out expr.Type
	for i, option := range options {
		t, err := p.of(option, depth+1)
		if err != nil {
			return expr.Type{}, err
		}
		if i == 0 {
			out = t
			continue
		}
		out = expr.Join(out, t)
	}
	return out, nil
}

func (p *jsonSchemaParser) typed(o map[string]any, depth int) (expr.Type, error) {
	var names []string
	switch word := o["type"].(type) {
	case string:
		names = []string{word}
	case []any:
		for _, item := range word {
			name, _ := item.(string)
			names = append(names, name)
		}
	case nil:
		if _, ok := o["properties"].(map[string]any); ok {
			names = []string{"object"}
		}
	}
	for _, name := range names {
		if !slices.Contains(jsonSchemaTypes, name) {
			return expr.Type{}, unknownJSONType(name)
		}
	}
	nullable := slices.Contains(names, "null")
	names = slices.DeleteFunc(names, func(name string) bool { return name == "null" })
	switch {
	case len(names) == 0 && nullable:
		return expr.Type{Kind: value.Null}, nil
	case len(names) != 1:
		return expr.Type{}, nil
	}
	t, err := p.named(names[0], o, depth)
	t.Nullable = nullable && t.Kind != ""
	return t, err
}

func (p *jsonSchemaParser) named(name string, o map[string]any, depth int) (expr.Type, error) {
	switch name {
	case "string":
		return expr.Type{Kind: value.String, Symbols: symbolsOf(o), Also: []value.Kind{value.Timestamp, value.Duration, value.Bytes, value.Decimal}}, nil
	case "integer", "number":
		return expr.Type{Kind: expr.Number}, nil
	case "boolean":
		return expr.Type{Kind: value.Bool}, nil
	case "array":
		elem, err := p.of(o["items"], depth+1)
		return expr.Type{Kind: value.List, Elem: &elem}, err
	case "object":
		return p.object(o, depth)
	}
	return expr.Type{}, unknownJSONType(name)
}

// jsonSchemaTypes are the words that `type` may have.
var jsonSchemaTypes = []string{"array", "boolean", "integer", "null", "number", "object", "string"}

func unknownJSONType(name string) error {
	if meant, ok := diag.Suggest(name, jsonSchemaTypes); ok {
		return fmt.Errorf("%q is no type of JSON Schema, did you mean %q?", name, meant)
	}
	return fmt.Errorf("%q is no type of JSON Schema; these are: %s", name, strings.Join(jsonSchemaTypes, ", "))
}

// symbolsOf are the texts of `enum`; nil unless all are texts.
func symbolsOf(o map[string]any) []string {
	items, _ := o["enum"].([]any)
	var out []string
	for _, item := range items {
		text, ok := item.(string)
		if !ok {
			return nil
		}
		out = append(out, text)
	}
	return out
}

func (p *jsonSchemaParser) object(o map[string]any, depth int) (expr.Type, error) {
	properties, _ := o["properties"].(map[string]any)
	if _, open := o["additionalProperties"].(map[string]any); open && len(properties) == 0 {
		elem, err := p.of(o["additionalProperties"], depth+1)
		return expr.Type{Kind: value.MapKind, Elem: &elem}, err
	}
	t := expr.Type{Kind: value.MapKind}
	_, patterns := o["patternProperties"]
	if more := o["additionalProperties"]; more != nil && more != false || patterns || properties == nil {
		return t, nil
	}
	required, _ := o["required"].([]any)
	t.Fields = make(map[string]expr.Type, len(properties))
	for _, name := range slices.Sorted(maps.Keys(properties)) { // in order, for where references end depends on it
		of, err := p.of(properties[name], depth+1)
		if err != nil {
			return t, err
		}
		of.Optional = !slices.Contains(required, any(name))
		t.Fields[name] = of
	}
	return t, nil
}
