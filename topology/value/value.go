// Package value holds the data that a workflow computes with.
//
// A Value is one of a closed set of Go types, so that the same value has the
// same form whether it came from Avro, from JSON, from an expression or from a
// stored instance:
//
//	nil            null
//	bool           bool
//	int64          int
//	float64        double (never NaN or infinite once stored or sent)
//	*apd.Decimal   decimal, at most 34 digits
//	string         string
//	[]byte         bytes
//	time.Time      timestamp, in UTC, without a monotonic part
//	time.Duration  duration
//	[]any          list of values
//	*Map           map with text keys, ordered by key
//
// Values are never changed once they are shared: a new value is built instead.
package value

import (
	"slices"
	"sort"
)

// Value is one of the types listed in the package's documentation.
type Value = any

// Map is an immutable map from text to values, ordered by key, so that whoever
// ranges over it meets the same order on every machine. The nil *Map is empty.
type Map struct {
	keys []string
	vals []Value
}

// MapOf returns a Map with the entries of m. The values must be Values already.
func MapOf(m map[string]Value) *Map {
	out := &Map{keys: make([]string, 0, len(m)), vals: make([]Value, len(m))}
	for k := range m {
		out.keys = append(out.keys, k)
	}
	sort.Strings(out.keys)
	for i, k := range out.keys {
		out.vals[i] = m[k]
	}
	return out
}

// Len is the number of entries.
func (m *Map) Len() int {
	if m == nil {
		return 0
	}
	return len(m.keys)
}

// At returns the i-th entry in the order of keys.
func (m *Map) At(i int) (string, Value) { return m.keys[i], m.vals[i] }

// Lookup returns the value under key and whether there is one.
func (m *Map) Lookup(key string) (Value, bool) {
	if m == nil {
		return nil, false
	}
	i, ok := slices.BinarySearch(m.keys, key)
	if !ok {
		return nil, false
	}
	return m.vals[i], true
}

// With returns a Map that holds v under key and is otherwise like m.
func (m *Map) With(key string, v Value) *Map {
	if m == nil {
		return &Map{keys: []string{key}, vals: []Value{v}}
	}
	i, found := slices.BinarySearch(m.keys, key)
	if found {
		vals := slices.Clone(m.vals)
		vals[i] = v
		return &Map{keys: m.keys, vals: vals}
	}
	return &Map{
		keys: slices.Insert(slices.Clone(m.keys), i, key),
		vals: slices.Insert(slices.Clone(m.vals), i, v),
	}
}

// Without returns a Map like m that has no entry under key.
func (m *Map) Without(key string) *Map {
	if m == nil {
		return nil
	}
	i, found := slices.BinarySearch(m.keys, key)
	if !found {
		return m
	}
	return &Map{
		keys: slices.Delete(slices.Clone(m.keys), i, i+1),
		vals: slices.Delete(slices.Clone(m.vals), i, i+1),
	}
}
