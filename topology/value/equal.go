package value

import (
	"bytes"
	"cmp"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// Equal reports whether a and b are the same value: numbers by value across
// their kinds, lists and maps by what is in them, null only to null. It decides
// as deep as the values are.
func Equal(a, b Value) bool {
	switch a := a.(type) {
	case string:
		b, ok := b.(string)
		return ok && a == b
	case int64:
		if b, ok := b.(int64); ok {
			return a == b
		}
		return IsNumber(b) && compareNumbers(a, b) == 0
	case nil:
		return b == nil
	case bool:
		b, ok := b.(bool)
		return ok && a == b
	case float64, *apd.Decimal:
		return IsNumber(b) && compareNumbers(a, b) == 0
	case []byte:
		b, ok := b.([]byte)
		return ok && bytes.Equal(a, b)
	case time.Time:
		b, ok := b.(time.Time)
		return ok && a.Equal(b)
	case time.Duration:
		b, ok := b.(time.Duration)
		return ok && a == b
	case []any:
		b, ok := b.([]any)
		return ok && equalLists(a, b)
	case *Map:
		b, ok := b.(*Map)
		return ok && equalMaps(a, b)
	}
	return false
}

func equalLists(a, b []any) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func equalMaps(a, b *Map) bool {
	if a.Len() != b.Len() {
		return false
	}
	for i := range a.Len() {
		keyA, valueA := a.At(i)
		keyB, valueB := b.At(i)
		if keyA != keyB || !Equal(valueA, valueB) {
			return false
		}
	}
	return true
}

// Compare orders a and b: -1, 0 or +1. Numbers are ordered by value, text by
// code point, bytes, timestamps and durations in their nature, false before
// true. It is false where there is no order: null, lists, maps, two kinds that
// are not both numbers.
func Compare(a, b Value) (int, bool) {
	switch a := a.(type) {
	case int64, float64, *apd.Decimal:
		if !IsNumber(b) {
			return 0, false
		}
		return compareNumbers(a, b), true
	case string:
		b, ok := b.(string)
		return cmp.Compare(a, b), ok
	case []byte:
		b, ok := b.([]byte)
		return bytes.Compare(a, b), ok
	case time.Time:
		b, ok := b.(time.Time)
		return a.Compare(b), ok
	case time.Duration:
		b, ok := b.(time.Duration)
		return cmp.Compare(a, b), ok
	case bool:
		b, ok := b.(bool)
		return compareBools(a, b), ok
	}
	return 0, false
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return +1
}
