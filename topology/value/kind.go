package value

import (
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/cockroachdb/apd/v3"
)

// Kind is what a Value is, by the name that authors of workflows know.
type Kind string

const (
	Null      Kind = "null"
	Bool      Kind = "bool"
	Int       Kind = "int"
	Double    Kind = "double"
	Decimal   Kind = "decimal"
	String    Kind = "string"
	Bytes     Kind = "bytes"
	Timestamp Kind = "timestamp"
	Duration  Kind = "duration"
	List      Kind = "list"
	MapKind   Kind = "map"
)

// KindOf returns the kind of v, and "" for a Go type that is no Value.
func KindOf(v Value) Kind {
	switch v.(type) {
	case nil:
		return Null
	case bool:
		return Bool
	case int64:
		return Int
	case float64:
		return Double
	case *apd.Decimal:
		return Decimal
	case string:
		return String
	case []byte:
		return Bytes
	case time.Time:
		return Timestamp
	case time.Duration:
		return Duration
	case []any:
		return List
	case *Map:
		return MapKind
	}
	return ""
}

// IsNumber reports whether v is an int, a double or a decimal.
func IsNumber(v Value) bool {
	switch v.(type) {
	case int64, float64, *apd.Decimal:
		return true
	}
	return false
}

// Check reports the first thing that keeps v from being stored or sent: NaN, an
// infinity, text that is not UTF-8, nesting beyond DepthMax, more than nodesMax
// values in it (one that is shared counts each time), a Go type that is no
// Value. The error names no place within v.
func Check(v Value, nodesMax int) error {
	c := checker{left: nodesMax}
	return c.check(v, 0)
}

type checker struct{ left int }

func (c *checker) check(v Value, depth int) error {
	if c.left--; c.left < 0 {
		return ErrTooLarge
	}
	switch v := v.(type) {
	case nil, bool, int64, []byte, time.Time, time.Duration:
		return nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return ErrNotFinite
		}
		return nil
	case *apd.Decimal:
		if v.Form != apd.Finite {
			return ErrNotFinite
		}
		return nil
	case string:
		if !utf8.ValidString(v) {
			return ErrNotUTF8
		}
		return nil
	case []any:
		if depth >= DepthMax {
			return ErrTooDeep
		}
		for _, item := range v {
			if err := c.check(item, depth+1); err != nil {
				return err
			}
		}
		return nil
	case *Map:
		return c.checkMap(v, depth)
	}
	return fmt.Errorf("%T %w", v, ErrNoValue)
}

func (c *checker) checkMap(m *Map, depth int) error {
	if depth >= DepthMax {
		return ErrTooDeep
	}
	for i := range m.Len() {
		if !utf8.ValidString(m.keys[i]) {
			return ErrNotUTF8
		}
		if err := c.check(m.vals[i], depth+1); err != nil {
			return err
		}
	}
	return nil
}
