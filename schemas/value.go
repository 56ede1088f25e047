package schemas

import (
	"fmt"
	"math"
	"time"

	"github.com/cockroachdb/apd/v3"

	"rondo/topology/value"
)

// valueRecord returns v as goavro takes the record rondo.Value. It fails for
// what cannot be stored: NaN, infinity, a value nested too deeply.
func valueRecord(v value.Value) (fields, error) {
	native, err := valueUnion(v, 0)
	if err != nil {
		return nil, err
	}
	return fields{"is": native}, nil
}

// valueUnion returns v as goavro takes the union of rondo.Value.
func valueUnion(v value.Value, depth int) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case bool:
		return fields{"boolean": v}, nil
	case int64:
		return fields{"long": v}, nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, value.ErrNotFinite
		}
		return fields{"double": v}, nil
	case string:
		return fields{"string": v}, nil
	case []byte:
		return fields{"bytes": v}, nil
	case *apd.Decimal:
		if v.Form != apd.Finite {
			return nil, value.ErrNotFinite
		}
		return member("rondo.Decimal", "text", v.String()), nil
	case time.Time:
		return fields{"rondo.Timestamp": fields{"seconds": v.Unix(), "nanos": int32(v.Nanosecond())}}, nil
	case time.Duration:
		return member("rondo.Duration", "nanos", int64(v)), nil
	case []any:
		return listUnion(v, depth+1)
	case *value.Map:
		return mapUnion(v, depth+1)
	}
	return nil, fmt.Errorf("%T is not a value", v)
}

// member is a union's member that is a record of one field.
func member(record, field string, v any) fields {
	return fields{record: fields{field: v}}
}

func listUnion(list []any, depth int) (any, error) {
	if depth > value.DepthMax {
		return nil, value.ErrTooDeep
	}
	items := make([]any, len(list))
	for i, item := range list {
		native, err := valueUnion(item, depth)
		if err != nil {
			return nil, err
		}
		items[i] = native
	}
	return member("rondo.List", "items", items), nil
}

func mapUnion(m *value.Map, depth int) (any, error) {
	if depth > value.DepthMax {
		return nil, value.ErrTooDeep
	}
	entries := make([]any, m.Len())
	for i := range entries {
		key, v := m.At(i)
		native, err := valueUnion(v, depth)
		if err != nil {
			return nil, err
		}
		entries[i] = fields{"key": key, "value": native}
	}
	return member("rondo.Map", "entries", entries), nil
}

// valueOf returns the value that goavro gave as a record rondo.Value.
func valueOf(record any) (value.Value, error) {
	return valueOfUnion(record.(fields)["is"])
}

func valueOfUnion(native any) (value.Value, error) {
	if native == nil {
		return nil, nil
	}
	for name, v := range native.(fields) {
		switch name {
		case "boolean", "long", "double", "string":
			return v, nil
		case "bytes":
			return append([]byte{}, v.([]byte)...), nil
		}
		return valueOfMember(name, v.(fields))
	}
	panic("goavro gave a union without a member")
}

func valueOfMember(name string, record fields) (value.Value, error) {
	switch name {
	case "rondo.Decimal":
		return storedDecimal(record["text"].(string))
	case "rondo.Timestamp":
		return time.Unix(record["seconds"].(int64), int64(record["nanos"].(int32))).UTC(), nil
	case "rondo.Duration":
		return time.Duration(record["nanos"].(int64)), nil
	case "rondo.List":
		return listOf(record["items"].([]any))
	case "rondo.Map":
		return mapOf(record["entries"].([]any))
	}
	panic(fmt.Sprintf("goavro gave a union of the unknown member %q", name))
}

// storedDecimal reads a decimal that was a value when it was stored. It asks for
// less than value.ParseDecimal, so that a range that was narrowed since then
// does not make old records unreadable.
func storedDecimal(text string) (value.Value, error) {
	const textMax = 200
	if len(text) <= textMax {
		if d, _, err := apd.NewFromString(text); err == nil && d.Form == apd.Finite {
			return d, nil
		}
	}
	return nil, fmt.Errorf("%q is not a decimal", shorten(text, 40))
}

func listOf(items []any) (value.Value, error) {
	list := make([]any, len(items))
	for i, item := range items {
		v, err := valueOfUnion(item)
		if err != nil {
			return nil, err
		}
		list[i] = v
	}
	return list, nil
}

func mapOf(entries []any) (value.Value, error) {
	var m value.MapBuilder
	m.Grow(len(entries))
	for _, item := range entries {
		entry := item.(fields)
		v, err := valueOfUnion(entry["value"])
		if err != nil {
			return nil, err
		}
		m.Add(entry["key"].(string), v)
	}
	return builtMap(&m)
}

func builtMap(b *value.MapBuilder) (value.Value, error) {
	m, twice, ok := b.Map()
	if !ok {
		return nil, fmt.Errorf("the key %q stands twice in one map", twice)
	}
	return m, nil
}
