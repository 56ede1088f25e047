package schemas

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

// resolveDefaults turns the defaults of all fields into what goavro takes. One
// that does not fit its type only matters when it is needed: registries are
// full of them.
func (p *schemaParser) resolveDefaults() {
	budget := schemaTypesMax
	for _, n := range p.named {
		for i := range n.fields {
			f := &n.fields[i]
			if f.hasDefault {
				d := defaults{budget: &budget}
				f.def, f.defErr = d.of(f.typ, f.defaultJSON, 0)
			}
		}
	}
}

// defaults reads the JSON form of defaults.
type defaults struct {
	budget *int // of types: a few bytes of defaults within defaults may stand for very many
}

var errDefault = errors.New("another type")

func (d defaults) of(n *node, v any, depth int) (any, error) {
	if *d.budget--; *d.budget < 0 || depth > schemaDepthMax {
		return nil, errors.New("too large")
	}
	switch n.kind {
	case kindUnion:
		return d.union(n, v, depth+1)
	case kindRecord:
		return d.record(n, v, depth+1)
	case kindArray:
		return d.array(n, v, depth+1)
	case kindMap:
		return d.mapping(n, v, depth+1)
	case kindInt, kindLong, kindFloat, kindDouble:
		return defaultNumber(n.kind, v)
	case kindBytes, kindFixed:
		return defaultBytes(n, v)
	}
	_, isText := v.(string)
	_, isBool := v.(bool)
	if v == nil && n.kind == kindNull || isBool && n.kind == kindBoolean || isText && (n.kind == kindString || n.kind == kindEnum) {
		return v, nil
	}
	return nil, errDefault
}

// union takes the first member that fits. Avro before 1.12 says that it is the
// first one at all.
func (d defaults) union(n *node, v any, depth int) (any, error) {
	for _, branch := range n.branches {
		if native, err := d.of(branch, v, depth); err == nil {
			return wrap(branch, native), nil
		}
	}
	return nil, errDefault
}

func (d defaults) record(n *node, v any, depth int) (any, error) {
	o, ok := v.(map[string]any)
	if !ok {
		return nil, errDefault
	}
	native := make(fields, len(n.fields))
	for i := range n.fields {
		f := &n.fields[i]
		part, ok := o[f.name]
		if !ok {
			if !f.hasDefault {
				return nil, fmt.Errorf("without field %s", f.name)
			}
			part = f.defaultJSON
		}
		var err error
		if native[f.name], err = d.of(f.typ, part, depth); err != nil {
			return nil, err
		}
	}
	return native, nil
}

func (d defaults) array(n *node, v any, depth int) (any, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, errDefault
	}
	items := make([]any, len(list))
	for i, item := range list {
		var err error
		if items[i], err = d.of(n.item, item, depth); err != nil {
			return nil, err
		}
	}
	return items, nil
}

func (d defaults) mapping(n *node, v any, depth int) (any, error) {
	o, ok := v.(map[string]any)
	if !ok {
		return nil, errDefault
	}
	entries := make([]any, 0, len(o))
	for _, key := range slices.Sorted(maps.Keys(o)) {
		native, err := d.of(n.item, o[key], depth)
		if err != nil {
			return nil, err
		}
		entries = append(entries, fields{"key": key, "value": native})
	}
	return fields{"entries": entries}, nil
}

func defaultNumber(k kind, v any) (any, error) {
	number, ok := v.(json.Number)
	if !ok {
		return nil, errDefault
	}
	if k == kindFloat || k == kindDouble {
		f, err := number.Float64()
		if k == kindFloat {
			return float32(f), err
		}
		return f, err
	}
	i, err := number.Int64()
	if k == kindLong {
		return i, err
	}
	if i < math.MinInt32 || i > math.MaxInt32 {
		return nil, errDefault
	}
	return int32(i), err
}

// defaultBytes reads bytes the way Avro writes them in JSON: a character for
// each, U+0000 to U+00FF.
func defaultBytes(n *node, v any) (any, error) {
	text, ok := v.(string)
	if !ok {
		return nil, errDefault
	}
	b := make([]byte, 0, len(text))
	for _, r := range text {
		if r > 0xff {
			return nil, errDefault
		}
		b = append(b, byte(r))
	}
	if n.kind == kindFixed && len(b) != n.size {
		return nil, errDefault
	}
	return b, nil
}
