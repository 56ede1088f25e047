package value

import (
	"time"

	"github.com/cockroachdb/apd/v3"
)

// Size estimates how many bytes v takes, for limits. It depends on the value
// alone: 8 for what has a fixed size, 16 for a timestamp, 24 for a decimal, and
// 8 beside the content of text, bytes, a list, a map and each of its keys.
func Size(v Value) int {
	switch v := v.(type) {
	case string:
		return 8 + len(v)
	case []byte:
		return 8 + len(v)
	case time.Time:
		return 16
	case *apd.Decimal:
		return 24
	case []any:
		size := 8
		for _, item := range v {
			size += Size(item)
		}
		return size
	case *Map:
		size := 8
		for key, item := range v.All() {
			size += 8 + len(key) + Size(item)
		}
		return size
	}
	return 8
}
