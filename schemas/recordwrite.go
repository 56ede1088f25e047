package schemas

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/cockroachdb/apd/v3"

	"rondo/topology"
	"rondo/topology/value"
)

// recordWriter writes Avro's binary form. It keeps the first error.
type recordWriter struct {
	b     []byte
	parts valueParts
	err   error
}

func (w *recordWriter) long(n int64) { w.b = binary.AppendVarint(w.b, n) }

func (w *recordWriter) instant(i topology.Instant) { w.long(int64(i)) }

func (w *recordWriter) bool(v bool) {
	if v {
		w.b = append(w.b, 1)
		return
	}
	w.b = append(w.b, 0)
}

func (w *recordWriter) text(s string) {
	w.long(int64(len(s)))
	w.b = append(w.b, s...)
}

func (w *recordWriter) bytes(b []byte) {
	w.long(int64(len(b)))
	w.b = append(w.b, b...)
}

// optional writes the number of a union's member: 0 is null. It returns present.
func (w *recordWriter) optional(present bool) bool {
	if present {
		w.long(1)
	} else {
		w.long(0)
	}
	return present
}

// writeArray writes a list as one block.
func writeArray[T any](w *recordWriter, list []T, item func(T)) {
	if len(list) > 0 {
		w.long(int64(len(list)))
		for _, v := range list {
			item(v)
		}
	}
	w.long(0)
}

func (w *recordWriter) recordRef(r topology.RecordRef) {
	w.text(r.Topic)
	w.long(int64(r.Partition))
	w.long(r.Offset)
	w.instant(r.Time)
	w.optionalBytes(r.Key)
}

// optionalBytes writes null for nil.
func (w *recordWriter) optionalBytes(b []byte) {
	if w.optional(b != nil) {
		w.bytes(b)
	}
}

func (w *recordWriter) event(e *topology.Event) {
	if !w.optional(e != nil) {
		return
	}
	w.text(e.Message)
	w.recordRef(e.Record)
	w.value(e.Headers)
	w.value(e.Payload)
	w.text(e.ID)
	w.text(e.CommandID)
}

func (w *recordWriter) failure(f *topology.Failure) {
	for ; w.optional(f != nil); f = f.Cause {
		w.text(f.Name)
		w.text(f.Message)
		w.text(f.Step)
		w.value(f.Data)
		w.instant(f.At)
	}
}

func (w *recordWriter) act(a *topology.Act) {
	if !w.optional(a != nil) {
		return
	}
	w.text(a.Kind)
	w.text(a.Principal)
	w.text(a.Reason)
	w.text(a.Step)
	w.value(a.Data)
}

func (w *recordWriter) address(a topology.Address) {
	w.text(a.Workflow)
	w.text(a.Desk)
	w.text(a.Key)
}

func (w *recordWriter) letter(l *topology.Letter) {
	if !w.optional(l != nil) {
		return
	}
	w.text(string(l.Kind))
	w.address(l.To)
	w.address(l.From)
	w.text(l.Run)
	w.text(l.Command)
	w.text(l.Message)
	w.value(l.Value)
	w.bool(l.Awaited)
	w.text(string(l.Status))
	w.failure(l.Failure)
	w.event(l.Event)
}

// value writes a rondo.Value. A map of variables that is nil is the empty map.
func (w *recordWriter) value(v value.Value) {
	w.parts.reset()
	if err := w.parts.add(v, 0); err != nil && w.err == nil {
		w.err = err
	}
	w.text(string(w.parts.shape))
	writeArray(w, w.parts.ints, w.long)
	writeArray(w, w.parts.doubles, w.double)
	writeArray(w, w.parts.texts, w.text)
	writeArray(w, w.parts.blobs, w.bytes)
}

func (w *recordWriter) double(f float64) {
	w.b = binary.LittleEndian.AppendUint64(w.b, math.Float64bits(f))
}

// valueParts is a value taken apart, as valueWriter does it, but used again for
// the next one.
type valueParts struct {
	shape   []byte
	ints    []int64
	doubles []float64
	texts   []string
	blobs   [][]byte
}

func (p *valueParts) reset() {
	p.shape, p.ints, p.doubles, p.texts, p.blobs = p.shape[:0], p.ints[:0], p.doubles[:0], p.texts[:0], p.blobs[:0]
}

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
