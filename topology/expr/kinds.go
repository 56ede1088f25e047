package expr

import (
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"

	"rondo/topology/value"
)

// kinds is a set of kinds of value, one bit each: what an expression may give,
// or what a function takes.
type kinds uint16

const (
	kNull kinds = 1 << iota
	kBool
	kInt
	kDouble
	kDecimal
	kString
	kBytes
	kTimestamp
	kDuration
	kList
	kMap
	kOptional

	kNumber  = kInt | kDouble | kDecimal
	kOrdered = kNumber | kString | kBytes | kTimestamp | kDuration | kBool
	kValue   = kOrdered | kNull | kList | kMap
	kAny     = kValue | kOptional
)

// kWhole marks a parameter that takes any number without a fraction, as an int.
const kWhole kinds = 1 << 15

// optional is what `.?` gives: a value or none. It lives within an expression
// only.
type optional struct {
	v       value.Value
	present bool
}

var none = &optional{}

// kindNames are in the order of the bits.
var kindNames = []string{
	"null", "bool", "int", "double", "decimal", "string", "bytes", "timestamp", "duration", "list", "map", "optional",
}

// kindOf is the kind of a value within an expression.
func kindOf(v value.Value) kinds {
	switch v.(type) {
	case string:
		return kString
	case int64:
		return kInt
	case nil:
		return kNull
	case bool:
		return kBool
	case float64:
		return kDouble
	case *apd.Decimal:
		return kDecimal
	case []byte:
		return kBytes
	case time.Time:
		return kTimestamp
	case time.Duration:
		return kDuration
	case []any:
		return kList
	case *value.Map:
		return kMap
	case *optional:
		return kOptional
	}
	return 0
}

// kindsOf is the set for a declared kind; "" is any value, Number any number.
func kindsOf(k value.Kind) kinds {
	if k == Number {
		return kNumber
	}
	for i, name := range kindNames {
		if name == string(k) {
			return 1 << i
		}
	}
	return kValue
}

// single is the only kind in the set, if there is one.
func (k kinds) single() (value.Kind, bool) {
	if k&(k-1) != 0 || k == 0 || k&kOptional != 0 {
		return "", false
	}
	return value.Kind(k.String()), true
}

// String names the set for people: "string", "a number", "list or map".
func (k kinds) String() string {
	if k&kWhole != 0 {
		return "whole number"
	}
	var names []string
	if k&kValue == kValue {
		return "value"
	}
	if k&kNumber == kNumber {
		names, k = append(names, "number"), k&^kNumber
	}
	for i, name := range kindNames {
		if k&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if len(names) > 1 {
		last := len(names) - 1
		return strings.Join(names[:last], ", ") + " or " + names[last]
	}
	return strings.Join(names, "")
}

// withArticle is String with "a" or "an" before it.
func (k kinds) withArticle() string {
	name := k.String()
	switch {
	case name == "null":
		return name
	case strings.HasPrefix(name, "int"), strings.HasPrefix(name, "optional"):
		return "an " + name
	}
	return "a " + name
}
