package schemas

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cockroachdb/apd/v3"

	"rondo/topology/value"
)

// The letters of rondo.Value's shape.
const (
	shapeNull      = 'n'
	shapeTrue      = 't'
	shapeFalse     = 'f'
	shapeInt       = 'i'
	shapeDouble    = 'd'
	shapeDecimal   = 'm'
	shapeText      = 's'
	shapeBytes     = 'y'
	shapeTimestamp = 'T'
	shapeDuration  = 'D'
	shapeList      = '['
	shapeMap       = '{'
)

// valueParts is a value taken apart into what a record rondo.Value holds.
type valueParts struct {
	shape   []byte
	ints    []int64
	doubles []float64
	texts   []string
	blobs   [][]byte
}

// forget lets go of what the parts point to.
func (p *valueParts) forget() {
	clear(p.texts[:cap(p.texts)])
	clear(p.blobs[:cap(p.blobs)])
	p.reset()
}

func (p *valueParts) reset() {
	p.shape, p.ints, p.doubles, p.texts, p.blobs = p.shape[:0], p.ints[:0], p.doubles[:0], p.texts[:0], p.blobs[:0]
}

// add takes v apart. It fails for what cannot be stored: NaN, infinity, a value
// nested too deeply.
func (p *valueParts) add(v value.Value, depth int) error {
	switch v := v.(type) {
	case nil:
		p.shape = append(p.shape, shapeNull)
	case bool:
		if v {
			p.shape = append(p.shape, shapeTrue)
		} else {
			p.shape = append(p.shape, shapeFalse)
		}
	case int64:
		p.shape, p.ints = append(p.shape, shapeInt), append(p.ints, v)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return value.ErrNotFinite
		}
		p.shape, p.doubles = append(p.shape, shapeDouble), append(p.doubles, v)
	case string:
		p.shape, p.texts = append(p.shape, shapeText), append(p.texts, v)
	case []byte:
		p.shape, p.blobs = append(p.shape, shapeBytes), append(p.blobs, v)
	case *apd.Decimal:
		if v.Form != apd.Finite {
			return value.ErrNotFinite
		}
		p.shape, p.texts = append(p.shape, shapeDecimal), append(p.texts, v.String())
	case time.Time:
		p.shape, p.ints = append(p.shape, shapeTimestamp), append(p.ints, v.Unix(), int64(v.Nanosecond()))
	case time.Duration:
		p.shape, p.ints = append(p.shape, shapeDuration), append(p.ints, int64(v))
	case []any:
		return p.addList(v, depth+1)
	case *value.Map:
		return p.addMap(v, depth+1)
	default:
		return fmt.Errorf("%T is not a value", v)
	}
	return nil
}

func (p *valueParts) addList(list []any, depth int) error {
	if depth > value.DepthMax {
		return value.ErrTooDeep
	}
	p.shape, p.ints = append(p.shape, shapeList), append(p.ints, int64(len(list)))
	for _, item := range list {
		if err := p.add(item, depth); err != nil {
			return err
		}
	}
	return nil
}

func (p *valueParts) addMap(m *value.Map, depth int) error {
	if depth > value.DepthMax {
		return value.ErrTooDeep
	}
	p.shape, p.ints = append(p.shape, shapeMap), append(p.ints, int64(m.Len()))
	for key, v := range m.All() {
		p.texts = append(p.texts, key)
		if err := p.add(v, depth); err != nil {
			return err
		}
	}
	return nil
}

// valueOf returns the value that goavro gave as a record rondo.Value.
func valueOf(record any) (value.Value, error) {
	n := record.(fields)
	r := valueReader{
		shape: get[string](n, "shape"), ints: get[[]any](n, "ints"), doubles: get[[]any](n, "doubles"),
		texts: get[[]any](n, "texts"), blobs: get[[]any](n, "blobs"),
	}
	v, err := r.next(0)
	if err != nil {
		return nil, err
	}
	if len(r.shape)+len(r.ints)+len(r.doubles)+len(r.texts)+len(r.blobs) > 0 {
		return nil, errShape
	}
	return v, nil
}

var errShape = errors.New("a stored value whose shape and content do not belong together")

// valueReader puts a value together again.
type valueReader struct {
	shape                       string
	ints, doubles, texts, blobs []any
}

// take removes the first of a list.
func take[T any](list *[]any) (v T, err error) {
	if len(*list) == 0 {
		return v, errShape
	}
	v = (*list)[0].(T)
	*list = (*list)[1:]
	return v, nil
}

func (r *valueReader) next(depth int) (value.Value, error) {
	if r.shape == "" {
		return nil, errShape
	}
	letter := r.shape[0]
	r.shape = r.shape[1:]
	switch letter {
	case shapeNull:
		return nil, nil
	case shapeTrue, shapeFalse:
		return letter == shapeTrue, nil
	case shapeInt:
		return first(&r.ints)
	case shapeDouble:
		return first(&r.doubles)
	case shapeText:
		return first(&r.texts)
	case shapeDecimal:
		return r.decimal()
	case shapeBytes:
		b, err := take[[]byte](&r.blobs)
		return append([]byte{}, b...), err
	case shapeTimestamp:
		return r.timestamp()
	case shapeDuration:
		nanos, err := take[int64](&r.ints)
		return time.Duration(nanos), err
	case shapeList:
		return r.list(depth + 1)
	case shapeMap:
		return r.mapping(depth + 1)
	}
	return nil, errShape
}

// first is take for what is a value as it stands.
func first(list *[]any) (value.Value, error) { return take[any](list) }

func (r *valueReader) timestamp() (value.Value, error) {
	seconds, err := take[int64](&r.ints)
	if err != nil {
		return nil, err
	}
	nanos, err := take[int64](&r.ints)
	if err != nil || nanos < 0 || nanos >= int64(time.Second) {
		return nil, errShape
	}
	return time.Unix(seconds, nanos).UTC(), nil
}

// decimal reads a decimal that was a value when it was stored. It asks for less
// than value.ParseDecimal, so that a range that was narrowed since then does not
// make old records unreadable.
func (r *valueReader) decimal() (value.Value, error) {
	const textMax = 200
	text, err := take[string](&r.texts)
	if err != nil || len(text) > textMax {
		return nil, errShape
	}
	d, _, err := apd.NewFromString(text)
	if err != nil || d.Form != apd.Finite {
		return nil, fmt.Errorf("%q is not a decimal", text)
	}
	return d, nil
}

// count reads how many values a list or a map has. Each of them has a letter of
// the shape, so a count that claims more is refused before it takes memory.
func (r *valueReader) count(depth int) (int, error) {
	if depth > value.DepthMax {
		return 0, value.ErrTooDeep
	}
	n, err := take[int64](&r.ints)
	if err != nil || n < 0 || n > int64(len(r.shape)) {
		return 0, errShape
	}
	return int(n), nil
}

func (r *valueReader) list(depth int) (value.Value, error) {
	n, err := r.count(depth)
	if err != nil {
		return nil, err
	}
	list := make([]any, n)
	for i := range list {
		if list[i], err = r.next(depth); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (r *valueReader) mapping(depth int) (value.Value, error) {
	n, err := r.count(depth)
	if err != nil {
		return nil, err
	}
	var m value.MapBuilder
	m.Grow(n)
	for range n {
		key, err := take[string](&r.texts)
		if err != nil {
			return nil, err
		}
		v, err := r.next(depth)
		if err != nil {
			return nil, err
		}
		m.Add(key, v)
	}
	return builtMap(&m)
}

func builtMap(b *value.MapBuilder) (value.Value, error) {
	m, twice, ok := b.Map()
	if !ok {
		return nil, fmt.Errorf("the key %q stands twice in one map", twice)
	}
	return m, nil
}
