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

// EncodeInstance returns an instance as it is stored and written to the
// changelog. Equal instances give equal bytes. It fails for a value that cannot
// be stored, which no decision lets into an instance.
//
// Every decision that changes something is followed by it. So the bytes are
// written directly, in the order of avsc/instance.avsc, and not by goavro, which
// would take a map for each record: a tenth of the time, and of the garbage. That
// both write the same is a test.
func EncodeInstance(i *topology.Instance) ([]byte, error) {
	w := &instanceWriter{b: appendSingleObjectHeader(make([]byte, 0, 1024), instanceFormat().current.fingerprint)}
	w.instance(i)
	if w.err != nil {
		return nil, fmt.Errorf("encode instance %s/%s: %w", i.Workflow, i.Key, w.err)
	}
	return w.b, nil
}

// instanceWriter writes Avro's binary form. It keeps the first error.
type instanceWriter struct {
	b     []byte
	parts valueParts
	err   error
}

func (w *instanceWriter) long(n int64) { w.b = binary.AppendVarint(w.b, n) }

func (w *instanceWriter) instant(i topology.Instant) { w.long(int64(i)) }

func (w *instanceWriter) bool(v bool) {
	if v {
		w.b = append(w.b, 1)
		return
	}
	w.b = append(w.b, 0)
}

func (w *instanceWriter) text(s string) {
	w.long(int64(len(s)))
	w.b = append(w.b, s...)
}

func (w *instanceWriter) bytes(b []byte) {
	w.long(int64(len(b)))
	w.b = append(w.b, b...)
}

// optional writes the number of a union's member: 0 is null. It returns present.
func (w *instanceWriter) optional(present bool) bool {
	if present {
		w.long(1)
	} else {
		w.long(0)
	}
	return present
}

// writeArray writes a list as one block.
func writeArray[T any](w *instanceWriter, list []T, item func(T)) {
	if len(list) > 0 {
		w.long(int64(len(list)))
		for _, v := range list {
			item(v)
		}
	}
	w.long(0)
}

func (w *instanceWriter) instance(i *topology.Instance) {
	w.text(i.Workflow)
	w.text(i.Key)
	w.long(int64(i.Version))
	w.text(i.Run)
	w.text(string(i.Status))
	w.instant(i.Started)
	w.instant(i.At)
	writeArray(w, i.Branches, w.branch)
	w.value(i.Vars)
	writeArray(w, i.Entries, w.entry)
	writeArray(w, i.Held, w.kept)
	writeArray(w, i.Queue, w.kept)
	writeArray(w, i.Starts, w.kept)
	writeArray(w, i.Seen, w.text)
	w.incident(i.Incident)
	w.timer(i.Deadline)
	w.bool(i.DeadlinePassed)
	w.bool(i.Owed)
	w.long(i.Sent)
	w.long(i.Arms)
	w.long(i.Made)
	w.long(i.Steps)
	w.instant(i.EndedAt)
	w.timer(i.Forget)
	w.failure(i.Failure)
	w.value(i.Output)
	w.value(i.Search)
}

func (w *instanceWriter) branch(b *topology.Branch) {
	w.long(b.ID)
	w.long(b.Parent)
	w.text(string(b.Kind))
	w.text(b.Place)
	w.long(int64(len(b.Frames)))
	for i := range b.Frames {
		w.frame(&b.Frames[i])
	}
	if len(b.Frames) > 0 {
		w.long(0)
	}
	w.text(b.Next)
	w.value(b.Vars)
}

func (w *instanceWriter) frame(f *topology.Frame) {
	w.text(f.Place)
	w.instant(f.Since)
	w.event(f.Event)
	w.failure(f.Error)
	if f.Entry != nil {
		w.long(f.Entry.Seq)
	} else {
		w.long(0)
	}
	w.long(f.Mark)
	w.call(f.Call)
	w.timer(f.Timeout)
	w.timer(f.Wake)
}

func (w *instanceWriter) event(e *topology.Event) {
	if !w.optional(e != nil) {
		return
	}
	w.text(e.Message)
	w.text(e.Record.Topic)
	w.long(int64(e.Record.Partition))
	w.long(e.Record.Offset)
	w.instant(e.Record.Time)
	if w.optional(e.Record.Key != nil) {
		w.bytes(e.Record.Key)
	}
	w.value(e.Headers)
	w.value(e.Payload)
	w.text(e.ID)
	w.text(e.CommandID)
}

func (w *instanceWriter) failure(f *topology.Failure) {
	for ; w.optional(f != nil); f = f.Cause {
		w.text(f.Name)
		w.text(f.Message)
		w.text(f.Step)
		w.value(f.Data)
		w.instant(f.At)
	}
}

func (w *instanceWriter) call(c *topology.Call) {
	if !w.optional(c != nil) {
		return
	}
	w.text(c.Command)
	w.long(int64(c.Attempt))
	w.long(int64(c.Base))
	w.instant(c.First)
	w.bool(c.Over)
}

func (w *instanceWriter) timer(t topology.Timer) {
	w.instant(t.Due)
	w.long(t.Arm)
}

func (w *instanceWriter) entry(e *topology.Entry) {
	w.long(e.Seq)
	w.text(e.Place)
	w.long(e.Branch)
	w.text(e.Command)
	w.bool(e.Done)
	w.value(e.Vars)
}

func (w *instanceWriter) kept(k *topology.Kept) {
	w.instant(k.At)
	w.event(k.Event)
	if w.optional(k.Act != nil) {
		w.text(k.Act.Kind)
		w.text(k.Act.Principal)
		w.text(k.Act.Reason)
		w.text(k.Act.Step)
		w.value(k.Act.Data)
	}
	w.bool(k.Timer)
}

func (w *instanceWriter) incident(i *topology.Incident) {
	if !w.optional(i != nil) {
		return
	}
	w.instant(i.At)
	w.text(i.Fault.Kind)
	w.text(i.Fault.Place)
	w.text(i.Fault.Text)
	w.text(i.Place)
	if w.optional(i.Input != nil) {
		w.kept(i.Input)
	}
	w.long(i.Branch)
}

// value writes a rondo.Value. A map of variables that is nil is the empty map.
func (w *instanceWriter) value(v value.Value) {
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

func (w *instanceWriter) double(f float64) {
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
