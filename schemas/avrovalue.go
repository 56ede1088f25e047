package schemas

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"rondo/topology/value"
)

// Decode reads one datum that is all of b, as the language sees it: records
// and maps are maps, unions are unwrapped, logical types are what the table of
// the reference says. It never panics, and needs memory in proportion to b. An
// error says which byte and which field is wrong.
func (s *Schema) Decode(b []byte) (value.Value, error) {
	native, err := s.native(b, payloadBounds)
	if err != nil {
		return nil, err
	}
	v, bad := fromNative(s.root, native)
	if bad != nil {
		return nil, bad
	}
	return v, nil
}

// typeNames are the names under which the datum b may be known as a message:
// the full name and the short name of its record. If the schema is a union,
// it is the member that b chooses.
func (s *Schema) typeNames(b []byte) []string {
	n := s.root
	if n.kind == kindUnion {
		w := binaryWalk{b: b}
		i, err := w.long()
		if err != nil || i < 0 || i >= int64(len(n.branches)) {
			return nil
		}
		n = n.branches[i]
	}
	return n.typeNames
}

// typeNamesOf are the full name of a type and its short name; nil if it has none.
func typeNamesOf(full string) []string {
	if full == "" {
		return nil
	}
	if dot := strings.LastIndexByte(full, '.'); dot >= 0 {
		return []string{full, full[dot+1:]}
	}
	return []string{full}
}

// fromNative turns what goavro decoded by the wire schema of n into a value.
// goavro has seen to it that native has the type that n asks for.
func fromNative(n *node, native any) (value.Value, *dataError) {
	switch n.kind {
	case kindInt:
		return fromInt(n, int64(native.(int32)))
	case kindLong:
		return fromLong(n, native.(int64))
	case kindFloat:
		return float64(native.(float32)), nil
	case kindBytes, kindFixed:
		return fromBytes(n, native.([]byte))
	case kindString:
		if text := native.(string); !utf8.ValidString(text) {
			return nil, &dataError{at: -1, text: "the text is not valid UTF-8"}
		}
		return native, nil
	case kindRecord:
		return fromRecord(n, native.(fields))
	case kindArray:
		return fromArray(n, native.([]any))
	case kindMap:
		return fromMap(n, native.(fields)["entries"].([]any))
	case kindUnion:
		return fromUnion(n, native)
	default: // null, boolean, double and enum are values already
		return native, nil
	}
}

func fromRecord(n *node, native fields) (value.Value, *dataError) {
	var m value.MapBuilder
	m.Grow(len(n.fields))
	for _, i := range n.byName {
		f := &n.fields[i]
		v, err := fromNative(f.typ, native[f.name])
		if err != nil {
			return nil, err.under(f.name)
		}
		m.Add(f.name, v)
	}
	out, _, _ := m.Map() // no field stands twice in a record
	return out, nil
}

func fromArray(n *node, native []any) (value.Value, *dataError) {
	list := make([]any, len(native))
	for i, item := range native {
		v, err := fromNative(n.item, item)
		if err != nil {
			return nil, err.under(fmt.Sprintf("[%d]", i))
		}
		list[i] = v
	}
	return list, nil
}

func fromMap(n *node, entries []any) (value.Value, *dataError) {
	var m value.MapBuilder
	m.Grow(len(entries))
	for _, entry := range entries {
		key := entry.(fields)["key"].(string)
		if !utf8.ValidString(key) {
			return nil, &dataError{at: -1, text: fmt.Sprintf("the key %q of a map is not valid UTF-8", key)}
		}
		v, err := fromNative(n.item, entry.(fields)["value"])
		if err != nil {
			return nil, err.under(fmt.Sprintf("[%q]", key))
		}
		m.Add(key, v)
	}
	out, err := builtMap(&m)
	if err != nil {
		return nil, &dataError{at: -1, text: err.Error()}
	}
	return out, nil
}

// fromUnion unwraps what goavro gives as a map from the member's name to its value.
func fromUnion(n *node, native any) (value.Value, *dataError) {
	if native == nil {
		return nil, nil
	}
	for name, v := range native.(fields) {
		for _, branch := range n.branches {
			if branch.wireKey() == name {
				return fromNative(branch, v)
			}
		}
	}
	panic(fmt.Sprintf("goavro gave a union without a known member: %v", native))
}

func fromInt(n *node, i int64) (value.Value, *dataError) {
	switch n.logical {
	case "date":
		return dateText(i)
	case "time-millis":
		return clockText(i, time.Millisecond)
	}
	return i, nil
}

func fromLong(n *node, i int64) (value.Value, *dataError) {
	switch n.logical {
	case "time-micros":
		return clockText(i, time.Microsecond)
	case "timestamp-millis":
		return timestampOf(time.UnixMilli(i))
	case "timestamp-micros":
		return timestampOf(time.UnixMicro(i))
	case "timestamp-nanos":
		return timestampOf(time.Unix(0, i))
	case "local-timestamp-millis":
		return localText(time.UnixMilli(i))
	case "local-timestamp-micros":
		return localText(time.UnixMicro(i))
	case "local-timestamp-nanos":
		return localText(time.Unix(0, i))
	}
	return i, nil
}

func fromBytes(n *node, b []byte) (value.Value, *dataError) {
	switch n.logical {
	case "decimal":
		return decimalOfBytes(b, n.scale)
	case "duration":
		return periodText(b), nil
	case "uuid":
		return uuidText(b), nil
	}
	return append([]byte{}, b...), nil // b is part of the record's own bytes
}
