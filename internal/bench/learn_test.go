package bench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/klauspost/compress/s2"
)

// A loop's records must be as large on the wire as the engine's: also where the
// values of two cases have different lengths.
func TestValuesLikeTheEnginesCompressAsTheirsDo(t *testing.T) {
	noise := rand.NewChaCha8([32]byte{})
	random := func(n int) []byte {
		b := make([]byte, n)
		noise.Read(b)
		return b
	}
	fixed := random(420)
	value := func(number int) []byte {
		return slices.Concat(fixed[:200], fmt.Appendf(nil, "/%d/", number), fixed[200:], random(64))
	}
	var others [][]byte
	for i := range mostOthers {
		others = append(others, value(10+i))
	}
	example := value(9)
	like := valueLike(example, others)
	var ours, theirs []byte
	for i := range 40 {
		theirs = append(theirs, value(i)...)
		ours = append(append(ours, like.Bytes...), random(max(like.Size-len(like.Bytes), 0))...)
	}
	a, b := len(s2.EncodeSnappy(nil, ours)), len(s2.EncodeSnappy(nil, theirs))
	if like.Size != len(example) || float64(a) < 0.85*float64(b) || float64(a) > 1.15*float64(b) {
		t.Errorf("a batch of a loop's has %d bytes, the engine's %d; each has %d and %d", a, b, like.Size, len(example))
	}
}
