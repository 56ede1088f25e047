package schemas

import (
	"fmt"
	"math"
	"time"

	"github.com/cockroachdb/apd/v3"

	"rondo/topology/value"
)

// valueDepthMax is how many lists and maps may stand within one another in a
// value that is stored.
const valueDepthMax = 256

// valueRecord returns v as goavro takes the record rondo.Value. It fails for
// what cannot be stored: NaN, infinity, a value nested too deeply.
func valueRecord(v value.Value) (map[string]any, error) {
	native, err := valueUnion(v, 0)
	if err != nil {
		return nil, err
	}
	return map[string]any{"is": native}, nil
}

// valueUnion returns v as goavro takes the union of rondo.Value.
func valueUnion(v value.Value, depth int) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case bool:
		return map[string]any{"boolean": v}, nil
	case int64:
		return map[string]any{"long": v}, nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%v cannot be stored", v)
		}
		return map[string]any{"double": v}, nil
	case string:
		return map[string]any{"string": v}, nil
	case []byte:
		return map[string]any{"bytes": v}, nil
	case *apd.Decimal:
		if v.Form != apd.Finite {
			return nil, fmt.Errorf("decimal %v cannot be stored", v)
		}
		return member("rondo.Decimal", "text", v.String()), nil
	case time.Time:
		return map[string]any{"rondo.Timestamp": map[string]any{"seconds": v.Unix(), "nanos": int32(v.Nanosecond())}}, nil
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
func member(record, field string, v any) map[string]any {
	return map[string]any{record: map[string]any{field: v}}
}

func listUnion(list []any, depth int) (any, error) {
	if depth > valueDepthMax {
		return nil, fmt.Errorf("lists and maps nested deeper than %d", valueDepthMax)
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
	if depth > valueDepthMax {
		return nil, fmt.Errorf("lists and maps nested deeper than %d", valueDepthMax)
	}
	entries := make([]any, m.Len())
	for i := range entries {
		key, v := m.At(i)
		native, err := valueUnion(v, depth)
		if err != nil {
			return nil, err
		}
		entries[i] = map[string]any{"key": key, "value": native}
	}
	return member("rondo.Map", "entries", entries), nil
}

// valueOf returns the value that goavro gave as a record rondo.Value.
func valueOf(record any) (value.Value, error) {
	return valueOfUnion(record.(map[string]any)["is"])
}

func valueOfUnion(native any) (value.Value, error) {
	if native == nil {
		return nil, nil
	}
	for name, v := range native.(map[string]any) {
		switch name {
		case "boolean", "long", "double", "string":
			return v, nil
		case "bytes":
			return append([]byte{}, v.([]byte)...), nil
		}
		return valueOfMember(name, v.(map[string]any))
	}
	panic("goavro gave a union without a member")
}

func valueOfMember(name string, fields map[string]any) (value.Value, error) {
	switch name {
	case "rondo.Decimal":
		return decimalOfText(fields["text"].(string))
	case "rondo.Timestamp":
		return time.Unix(fields["seconds"].(int64), int64(fields["nanos"].(int32))).UTC(), nil
	case "rondo.Duration":
		return time.Duration(fields["nanos"].(int64)), nil
	case "rondo.List":
		return listOf(fields["items"].([]any))
	case "rondo.Map":
		return mapOf(fields["entries"].([]any))
	}
	panic(fmt.Sprintf("goavro gave a union of the unknown member %q", name))
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
	m := make(map[string]value.Value, len(entries))
	for _, entry := range entries {
		fields := entry.(map[string]any)
		v, err := valueOfUnion(fields["value"])
		if err != nil {
			return nil, err
		}
		m[fields["key"].(string)] = v
	}
	return value.MapOf(m), nil
}

func decimalOfText(text string) (value.Value, error) {
	d, _, err := apd.NewFromString(text)
	if err != nil || d.Form != apd.Finite {
		return nil, fmt.Errorf("%q is not a decimal", text)
	}
	return d, nil
}
