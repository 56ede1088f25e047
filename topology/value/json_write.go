package value

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/cockroachdb/apd/v3"
)

// ToJSON writes v as JSON, keys in order, without blanks: a timestamp as RFC
// 3339 in UTC, a duration as "1.5s", bytes in base64, a decimal as text, a
// double always with a fraction or an exponent so that it reads back as one. It
// fails for what Check refuses and for years outside 0 to 9999.
func ToJSON(v Value) ([]byte, error) { return AppendJSON(nil, v) }

// JSONNumber is a number as it shall be written, where a schema wants a decimal to be
// a number. It is no Value: only what is written at once may hold it.
type JSONNumber string

// AppendJSON appends what ToJSON writes. On failure dst comes back as it was.
func AppendJSON(dst []byte, v Value) ([]byte, error) {
	out, err := appendJSON(dst, v, 0)
	if err != nil {
		return dst, err
	}
	return out, nil
}

func appendJSON(dst []byte, v Value, depth int) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return dst, ErrNotFinite
		}
		return appendDouble(dst, v), nil
	case *apd.Decimal:
		if v.Form != apd.Finite {
			return dst, ErrNotFinite
		}
		return append(append(append(dst, '"'), decimalText(v)...), '"'), nil
	case JSONNumber:
		return append(dst, v...), nil
	case string:
		if !utf8.ValidString(v) {
			return dst, ErrNotUTF8
		}
		return appendJSONText(dst, v), nil
	case []byte:
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), v), '"'), nil
	case time.Time:
		return appendJSONTime(dst, v.UTC())
	case time.Duration:
		return append(append(append(dst, '"'), DurationText(v)...), '"'), nil
	case []any:
		return appendJSONList(dst, v, depth)
	case *Map:
		return appendJSONMap(dst, v, depth)
	}
	return dst, fmt.Errorf("%T %w", v, ErrNoValue)
}

func appendJSONTime(dst []byte, t time.Time) ([]byte, error) {
	if year := t.Year(); year < 0 || year > 9999 {
		return dst, fmt.Errorf("the year %d cannot be written as RFC 3339", year)
	}
	return append(t.AppendFormat(append(dst, '"'), time.RFC3339Nano), '"'), nil
}

func appendJSONList(dst []byte, list []any, depth int) (_ []byte, err error) {
	if depth >= DepthMax {
		return dst, ErrTooDeep
	}
	dst = append(dst, '[')
	for i, item := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendJSON(dst, item, depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func appendJSONMap(dst []byte, m *Map, depth int) (_ []byte, err error) {
	if depth >= DepthMax {
		return dst, ErrTooDeep
	}
	dst = append(dst, '{')
	for i := range m.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		key, item := m.At(i)
		if !utf8.ValidString(key) {
			return dst, ErrNotUTF8
		}
		dst = append(appendJSONText(dst, key), ':')
		if dst, err = appendJSON(dst, item, depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// appendJSONText writes valid UTF-8 in quotes, escaping only what JSON demands.
func appendJSONText(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = appendJSONEscape(append(dst, s[start:i]...), c)
		start = i + 1
	}
	return append(append(dst, s[start:]...), '"')
}

func appendJSONEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}
