package schemas

import (
	"fmt"
	"math"

	"rondo/topology/value"
)

// bounds is how much a decoded datum may be.
type bounds struct {
	depth int // records, arrays and maps within one another
	parts int // types met while decoding: fields, items, entries
}

var (
	payloadBounds = bounds{depth: value.DepthMax, parts: 1_000_000}
	// Values are stored flat; what nests are an instance's branches and causes.
	ownBounds = bounds{depth: 500, parts: 50_000_000}
)

// partsOf is how many parts so many bytes may have. Most parts have a byte of
// their own; null and records of nothing have none, and would come in any number.
func (b bounds) partsOf(bytes int) int { return min(10_000+16*bytes, b.parts) }

// checkBinary walks over the Avro binary form of one datum of type n and
// returns how many bytes it has.
//
// It is there because goavro trusts what it reads: it allocates for as many
// items as a block claims to have, takes an item of no bytes any number of
// times, and follows a recursive schema until the stack ends. What has passed
// here needs memory in proportion to its bytes. It also finds the byte and the
// field that are wrong, which goavro does not tell.
func checkBinary(n *node, b []byte, limits bounds) (int, error) {
	w := binaryWalk{b: b, parts: limits.partsOf(len(b)), depthMax: limits.depth}
	if err := w.walk(n, 0); err != nil {
		return 0, err
	}
	return w.at, nil
}

// dataError is what is wrong with a datum, and where.
type dataError struct {
	at   int    // byte, counted from 0 at the start of the datum; -1: not known
	path string // "items[2].sku"
	text string
}

func (e *dataError) Error() string {
	switch {
	case e.path == "" && e.at < 0:
		return e.text
	case e.at < 0:
		return fmt.Sprintf("field %s: %s", e.path, e.text)
	case e.path == "":
		return fmt.Sprintf("byte %d: %s", e.at, e.text)
	}
	return fmt.Sprintf("byte %d, field %s: %s", e.at, e.path, e.text)
}

// under returns e with its path continued upwards by a field or an item.
func (e *dataError) under(part string) *dataError {
	switch {
	case e.path == "":
		e.path = part
	case e.path[0] == '[':
		e.path = part + e.path
	default:
		e.path = part + "." + e.path
	}
	return e
}

type binaryWalk struct {
	b        []byte
	at       int
	parts    int // still allowed
	depthMax int
}

func (w *binaryWalk) fail(format string, args ...any) *dataError {
	return &dataError{at: w.at, text: fmt.Sprintf(format, args...)}
}

func (w *binaryWalk) walk(n *node, depth int) *dataError {
	if w.parts--; w.parts < 0 {
		return w.fail("too many fields and items for one record")
	}
	switch n.kind {
	case kindNull:
		return nil
	case kindBoolean:
		return w.boolean()
	case kindInt:
		return w.int()
	case kindLong:
		_, err := w.long()
		return err
	case kindFloat:
		return w.skip(4, n)
	case kindDouble:
		return w.skip(8, n)
	case kindFixed:
		return w.skip(int64(n.size), n)
	case kindBytes, kindString:
		return w.sized(n)
	case kindEnum:
		return w.enum(n)
	case kindUnion:
		return w.union(n, depth)
	case kindRecord:
		return w.record(n, depth+1)
	default:
		return w.blocks(n, depth+1)
	}
}

func (w *binaryWalk) boolean() *dataError {
	if w.at >= len(w.b) {
		return w.fail("ends within a boolean")
	}
	if w.b[w.at] > 1 {
		return w.fail("a boolean is 0 or 1, not %d", w.b[w.at])
	}
	w.at++
	return nil
}

func (w *binaryWalk) int() *dataError {
	start := w.at
	v, err := w.long()
	if err == nil && (v < math.MinInt32 || v > math.MaxInt32 || w.at-start > 5) {
		w.at = start
		return w.fail("a number longer than 32 bits")
	}
	return err
}

func (w *binaryWalk) long() (int64, *dataError) {
	var v uint64
	for i := 0; i < 10; i++ {
		if w.at+i >= len(w.b) {
			return 0, w.fail("ends within a number")
		}
		c := w.b[w.at+i]
		if i == 9 && c > 1 {
			break
		}
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			w.at += i + 1
			return int64(v>>1) ^ -int64(v&1), nil
		}
	}
	return 0, w.fail("a number longer than 64 bits")
}

func (w *binaryWalk) skip(n int64, what *node) *dataError {
	if left := int64(len(w.b) - w.at); n > left {
		return w.fail("%s of %d bytes, but only %d are left", what.kind, n, left)
	}
	w.at += int(n)
	return nil
}

func (w *binaryWalk) sized(n *node) *dataError {
	start := w.at
	length, err := w.long()
	if err != nil {
		return err
	}
	if length < 0 {
		w.at = start
		return w.fail("%s of negative length %d", n.kind, length)
	}
	return w.skip(length, n)
}

func (w *binaryWalk) enum(n *node) *dataError {
	start := w.at
	i, err := w.long()
	if err == nil && (i < 0 || i >= int64(len(n.symbols))) {
		w.at = start
		return w.fail("symbol %d of enum %s, which has %d", i, n.name, len(n.symbols))
	}
	return err
}

func (w *binaryWalk) union(n *node, depth int) *dataError {
	start := w.at
	i, err := w.long()
	if err != nil {
		return err
	}
	if i < 0 || i >= int64(len(n.branches)) {
		w.at = start
		return w.fail("member %d of a union of %d", i, len(n.branches))
	}
	return w.walk(n.branches[i], depth)
}

func (w *binaryWalk) record(n *node, depth int) *dataError {
	if depth > w.depthMax {
		return w.fail("nested deeper than %d", w.depthMax)
	}
	for i := range n.fields {
		if err := w.walk(n.fields[i].typ, depth); err != nil {
			return err.under(n.fields[i].name)
		}
	}
	return nil
}

// blocks walks over an array or a map: blocks of a count and as many items,
// ended by a block of none. A negative count has a size in bytes behind it.
func (w *binaryWalk) blocks(n *node, depth int) *dataError {
	if depth > w.depthMax {
		return w.fail("nested deeper than %d", w.depthMax)
	}
	for item := int64(0); ; {
		start := w.at
		count, err := w.long()
		if err != nil || count == 0 {
			return err
		}
		if count < 0 {
			if _, err := w.long(); err != nil {
				return err
			}
			count = -count
		}
		if count < 0 || count > int64(w.parts) {
			w.at = start
			return w.fail("a block that claims %d items", uint64(count))
		}
		for last := item + count; item < last; item++ {
			if err := w.item(n, depth); err != nil {
				return err.under(fmt.Sprintf("[%d]", item))
			}
		}
	}
}

func (w *binaryWalk) item(n *node, depth int) *dataError {
	if n.kind == kindMap {
		if err := w.sized(mapKey); err != nil {
			return err
		}
	}
	return w.walk(n.item, depth)
}

var mapKey = &node{kind: kindString}
