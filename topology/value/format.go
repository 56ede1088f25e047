package value

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// Format writes v for people, much like JSON: text in quotes, keys without where
// they are plain names, numbers, timestamps and durations as they are, bytes as
// b"…" in base64.
func Format(v Value) string { return string(appendFormat(nil, v, 0)) }

func appendFormat(dst []byte, v Value, depth int) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case int64, float64, *apd.Decimal:
		return append(dst, NumberText(v)...)
	case string:
		return appendJSONText(dst, strings.ToValidUTF8(v, "\uFFFD"))
	case []byte:
		return append(base64.StdEncoding.AppendEncode(append(dst, 'b', '"'), v), '"')
	case time.Time:
		return v.UTC().AppendFormat(dst, time.RFC3339Nano)
	case time.Duration:
		return append(dst, DurationText(v)...)
	case []any:
		return appendFormatList(dst, v, depth)
	case *Map:
		return appendFormatMap(dst, v, depth)
	}
	return fmt.Appendf(dst, "<%T>", v)
}

func appendFormatList(dst []byte, list []any, depth int) []byte {
	if depth >= DepthMax {
		return append(dst, "[…]"...)
	}
	dst = append(dst, '[')
	for i, item := range list {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = appendFormat(dst, item, depth+1)
	}
	return append(dst, ']')
}

func appendFormatMap(dst []byte, m *Map, depth int) []byte {
	if depth >= DepthMax {
		return append(dst, "{…}"...)
	}
	dst = append(dst, '{')
	for i := range m.Len() {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		key, item := m.At(i)
		if isName(key) {
			dst = append(dst, key...)
		} else {
			dst = appendJSONText(dst, strings.ToValidUTF8(key, "\uFFFD"))
		}
		dst = appendFormat(append(dst, ": "...), item, depth+1)
	}
	return append(dst, '}')
}

// isName reports whether s needs no quotes: letters, digits, _ and -, beginning
// with a letter or _.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != ""
}

// DurationText writes a duration in seconds: "1.5s", "-0.25s", "90s".
func DurationText(d time.Duration) string {
	sign, n := "", uint64(d)
	if d < 0 {
		sign, n = "-", -n
	}
	text := sign + strconv.FormatUint(n/1e9, 10)
	if fraction := n % 1e9; fraction != 0 {
		text += "." + strings.TrimRight(fmt.Sprintf("%09d", fraction), "0")
	}
	return text + "s"
}
