package value

import (
	"iter"
	"slices"
	"sort"
)

// DepthMax is how many lists and maps may stand within one another.
const DepthMax = 128

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

// MapBuilder collects entries in any order. The zero MapBuilder is ready.
type MapBuilder struct{ m Map }

// Grow makes room for n more entries.
func (b *MapBuilder) Grow(n int) {
	b.m.keys = slices.Grow(b.m.keys, n)
	b.m.vals = slices.Grow(b.m.vals, n)
}

// Add adds an entry.
func (b *MapBuilder) Add(key string, v Value) {
	b.m.keys = append(b.m.keys, key)
	b.m.vals = append(b.m.vals, v)
}

// Map returns the map and ends the use of b. If a key was added twice it
// returns that key (of several the least) and false.
func (b *MapBuilder) Map() (m *Map, twice string, ok bool) {
	m = &b.m
	if !slices.IsSorted(m.keys) {
		sort.Sort((*byKey)(m))
	}
	for i := 1; i < len(m.keys); i++ {
		if m.keys[i] == m.keys[i-1] {
			return nil, m.keys[i], false
		}
	}
	return m, "", true
}

type byKey Map

func (m *byKey) Len() int           { return len(m.keys) }
func (m *byKey) Less(i, j int) bool { return m.keys[i] < m.keys[j] }
func (m *byKey) Swap(i, j int) {
	m.keys[i], m.keys[j] = m.keys[j], m.keys[i]
	m.vals[i], m.vals[j] = m.vals[j], m.vals[i]
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

// All ranges over the entries in the order of keys.
func (m *Map) All() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for i := range m.Len() {
			if !yield(m.At(i)) {
				return
			}
		}
	}
}

// Keys returns a copy of the keys, in order.
func (m *Map) Keys() []string {
	if m == nil {
		return nil
	}
	return slices.Clone(m.keys)
}

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
	return &Map{keys: inserted(m.keys, i, key), vals: inserted(m.vals, i, v)}
}

// inserted returns a new slice like s with v at i.
func inserted[T any](s []T, i int, v T) []T {
	out := make([]T, len(s)+1)
	copy(out, s[:i])
	out[i] = v
	copy(out[i+1:], s[i:])
	return out
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

// Merge returns a Map with the entries of m and of other; where both have a
// key, other's value.
func (m *Map) Merge(other *Map) *Map {
	if m.Len() == 0 {
		return other
	}
	if other.Len() == 0 {
		return m
	}
	out := &Map{keys: make([]string, 0, m.Len()+other.Len()), vals: make([]Value, 0, m.Len()+other.Len())}
	i, j := 0, 0
	for i < len(m.keys) || j < len(other.keys) {
		switch {
		case j == len(other.keys) || i < len(m.keys) && m.keys[i] < other.keys[j]:
			out.keys, out.vals = append(out.keys, m.keys[i]), append(out.vals, m.vals[i])
			i++
		default:
			if i < len(m.keys) && m.keys[i] == other.keys[j] {
				i++
			}
			out.keys, out.vals = append(out.keys, other.keys[j]), append(out.vals, other.vals[j])
			j++
		}
	}
	return out
}
