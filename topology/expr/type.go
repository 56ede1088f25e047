package expr

import (
	"maps"
	"slices"

	"rondo/topology/value"
)

// Type is what is known of a value before anything runs. The zero Type is any
// value.
type Type struct {
	Kind     value.Kind      // "": any; Number
	Fields   map[string]Type // of a record: it has these fields and no others; nil: any
	Elem     *Type           // of a list, and of a map that is no record; nil: any
	Nullable bool            // may be null as well

	// What follows matters where a value is written by a schema.
	Optional bool         // of a field: it may be left out
	Also     []value.Kind // other kinds that are converted to Kind
	Symbols  []string     // of a text: it is one of these; nil: any
}

// Number is the Kind of a Type that may be an int, a double or a decimal.
const Number value.Kind = "number"

// kinds is the set that t stands for.
func (t Type) kinds() kinds {
	k := kindsOf(t.Kind)
	if t.Nullable {
		k |= kNull
	}
	return k
}

// accepts is the set of what can be written as t: a number of any kind where t
// is one.
func (t Type) accepts() kinds {
	k := t.kinds()
	if k&kNumber != 0 {
		k |= kNumber
	}
	for _, also := range t.Also {
		k |= kindsOf(also)
	}
	return k
}

// String names the kinds of t for people: "string or null".
func (t Type) String() string { return t.kinds().String() }

// WithArticle is String with "a" or "an" before it.
func (t Type) WithArticle() string { return t.kinds().withArticle() }

// Accepts reports whether some value of from can be written as t, as far as
// kinds go. It is false only if that is certain.
func (t Type) Accepts(from Type) bool { return t.accepts()&from.kinds() != 0 }

// FieldNames is in alphabetical order.
func (t Type) FieldNames() []string { return slices.Sorted(maps.Keys(t.Fields)) }

// elem is the type of what a list or map of this type holds.
func (t Type) elem() Type {
	if t.Elem == nil {
		return Type{}
	}
	return *t.Elem
}

// joinDepth is how deep two types are joined; below that nothing is known.
const joinDepth = 4

// Join is the type of a value that is of a or of b.
func Join(a, b Type) Type { return joinTypes(a, b, joinDepth) }

func joinTypes(a, b Type, depth int) Type {
	out := Type{Nullable: a.Nullable || b.Nullable || a.Kind == value.Null || b.Kind == value.Null}
	switch {
	case depth == 0 || a.Kind == "" || b.Kind == "":
		return Type{}
	case a.Kind == value.Null:
		b.Nullable = true
		return b
	case b.Kind == value.Null:
		a.Nullable = true
		return a
	case a.Kind == b.Kind:
		out.Kind = a.Kind
		out.Fields = joinFields(a.Fields, b.Fields, depth)
		if a.Elem != nil && b.Elem != nil {
			elem := joinTypes(*a.Elem, *b.Elem, depth-1)
			out.Elem = &elem
		}
		return out
	case a.kinds()&^kNumber&^kNull == 0 && b.kinds()&^kNumber&^kNull == 0:
		out.Kind = Number
		return out
	}
	return Type{}
}

// joinFields has the fields of both records: which of them is there is not known
// beforehand. Nil: nothing is known.
func joinFields(a, b map[string]Type, depth int) map[string]Type {
	if a == nil || b == nil {
		return nil
	}
	out := maps.Clone(a)
	for _, name := range slices.Sorted(maps.Keys(b)) {
		out[name] = b[name]
		if other, ok := a[name]; ok {
			out[name] = joinTypes(other, b[name], depth-1)
		}
	}
	return out
}

// Result is what is known of every result.
func (p *Program) Result() Type { return p.result.asType() }

// asType tells what is known of a node's values.
func (s static) asType() Type {
	t := s.typ
	k := s.kinds &^ kNull
	switch {
	case s.kinds&kOptional != 0:
		return Type{}
	case t.Kind == "" || kindsOf(t.Kind)&^kNull != k:
		t = Type{Kind: kindOfSet(k)}
	}
	t.Nullable, t.Optional = s.kinds&kNull != 0 && t.Kind != "" && t.Kind != value.Null, false
	return t
}

// kindOfSet is the Kind for a set without null; "" if there is none.
func kindOfSet(k kinds) value.Kind {
	if k == 0 {
		return value.Null
	}
	if kind, ok := k.single(); ok {
		return kind
	}
	if k&^kNumber == 0 {
		return Number
	}
	return ""
}
