package value

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// AppendCanonical appends the canonical bytes of v: a tag for its kind, then a
// form of fixed or announced length. Two values have the same bytes only if
// they have the same kinds and content throughout (a decimal's trailing zeros
// included), so a digest over them tells any difference. The form is for
// digests, not for storage; it does not change between versions. A Go type that
// is no Value is a broken invariant, and panics.
func AppendCanonical(dst []byte, v Value) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, 'n')
	case bool:
		return appendBool(dst, v)
	case int64:
		return binary.BigEndian.AppendUint64(append(dst, 'i'), uint64(v))
	case float64:
		return binary.BigEndian.AppendUint64(append(dst, 'd'), math.Float64bits(v))
	case *apd.Decimal:
		return appendText(append(dst, 'm'), decimalDigits(v))
	case string:
		return appendText(append(dst, 's'), v)
	case []byte:
		return append(binary.AppendUvarint(append(dst, 'b'), uint64(len(v))), v...)
	case time.Time:
		return appendTime(dst, v)
	case time.Duration:
		return binary.BigEndian.AppendUint64(append(dst, 'u'), uint64(v))
	case []any:
		return appendList(dst, v, AppendCanonical)
	case *Map:
		return appendMap(dst, v, AppendCanonical)
	}
	panic(fmt.Sprintf("%T is no value", v))
}

// AppendKey is like AppendCanonical up to equality: values that are Equal have
// the same bytes, others have not.
func AppendKey(dst []byte, v Value) []byte {
	switch v := v.(type) {
	case int64, float64, *apd.Decimal:
		return append(appendNumberKey(append(dst, 'N'), v), ';')
	case []any:
		return appendList(dst, v, AppendKey)
	case *Map:
		return appendMap(dst, v, AppendKey)
	}
	return AppendCanonical(dst, v)
}

// decimalDigits writes a decimal's coefficient and exponent as they are: "110e-2"
// for 1.10. What is not finite has its name.
func decimalDigits(d *apd.Decimal) string {
	if d.Form != apd.Finite {
		return d.Form.String()
	}
	text := d.Coeff.String() + "e" + strconv.Itoa(int(d.Exponent))
	if d.Negative {
		text = "-" + text
	}
	return text
}

func appendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 't')
	}
	return append(dst, 'f')
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendTime(dst []byte, t time.Time) []byte {
	dst = binary.BigEndian.AppendUint64(append(dst, 'w'), uint64(t.Unix()))
	return binary.BigEndian.AppendUint32(dst, uint32(t.Nanosecond()))
}

func appendList(dst []byte, list []any, item func([]byte, Value) []byte) []byte {
	dst = binary.AppendUvarint(append(dst, '['), uint64(len(list)))
	for _, v := range list {
		dst = item(dst, v)
	}
	return dst
}

func appendMap(dst []byte, m *Map, item func([]byte, Value) []byte) []byte {
	dst = binary.AppendUvarint(append(dst, '{'), uint64(m.Len()))
	for key, v := range m.All() {
		dst = item(appendText(dst, key), v)
	}
	return dst
}
