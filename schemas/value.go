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

// valueRecord returns v as goavro takes the record rondo.Value. It fails for
// what cannot be stored: NaN, infinity, a value nested too deeply.
func valueRecord(v value.Value) (fields, error) {
	var w valueWriter
	if err := w.add(v, 0); err != nil {
		return nil, err
	}
	return fields{
		"shape": string(w.shape), "ints": w.ints, "doubles": w.doubles, "texts": w.texts, "blobs": w.blobs,
	}, nil
}

// valueWriter takes a value apart.
type valueWriter struct {
	shape                       []byte
	ints, doubles, texts, blobs []any
}

func (w *valueWriter) add(v value.Value, depth int) error {
	switch v := v.(type) {
	case nil:
		w.shape = append(w.shape, shapeNull)
	case bool:
		w.addBool(v)
	case int64:
		w.shape, w.ints = append(w.shape, shapeInt), append(w.ints, v)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return value.ErrNotFinite
		}
		w.shape, w.doubles = append(w.shape, shapeDouble), append(w.doubles, v)
	case *apd.Decimal:
		if v.Form != apd.Finite {
			return value.ErrNotFinite
		}
		w.shape, w.texts = append(w.shape, shapeDecimal), append(w.texts, v.String())
	case string:
		w.shape, w.texts = append(w.shape, shapeText), append(w.texts, v)
	case []byte:
		w.shape, w.blobs = append(w.shape, shapeBytes), append(w.blobs, v)
	case time.Time:
		w.shape, w.ints = append(w.shape, shapeTimestamp), append(w.ints, v.Unix(), int64(v.Nanosecond()))
	case time.Duration:
		w.shape, w.ints = append(w.shape, shapeDuration), append(w.ints, int64(v))
	case []any:
		return w.addList(v, depth+1)
	case *value.Map:
		return w.addMap(v, depth+1)
	default:
		return fmt.Errorf("%T is not a value", v)
	}
	return nil
}

func (w *valueWriter) addBool(v bool) {
	if v {
		w.shape = append(w.shape, shapeTrue)
	} else {
		w.shape = append(w.shape, shapeFalse)
	}
}

func (w *valueWriter) addList(list []any, depth int) error {
	if depth > value.DepthMax {
		return value.ErrTooDeep
	}
	w.shape, w.ints = append(w.shape, shapeList), append(w.ints, int64(len(list)))
	for _, item := range list {
		if err := w.add(item, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *valueWriter) addMap(m *value.Map, depth int) error {
	if depth > value.DepthMax {
		return value.ErrTooDeep
	}
	w.shape, w.ints = append(w.shape, shapeMap), append(w.ints, int64(m.Len()))
	for key, v := range m.All() {
		w.texts = append(w.texts, key)
		if err := w.add(v, depth); err != nil {
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
