package schemas

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"sync"

	"rondo/topology"
	"rondo/topology/value"
)

// recordWriter writes Avro's binary form. It keeps the first error.
type recordWriter struct {
	b     []byte
	parts valueParts
	err   error
}

// recordWriters are kept with their memory: each decision writes two records or
// more, and nobody knows beforehand how long they are.
var recordWriters = sync.Pool{New: func() any { return new(recordWriter) }}

// Up to which length the memory of a record, and of the parts of a value, is
// kept for the next.
const (
	keptBytes = 64 << 10
	keptParts = 256
)

// newRecordWriter begins a record of a format. It ends with done.
func newRecordWriter(f *Format) *recordWriter {
	w := recordWriters.Get().(*recordWriter)
	w.b = appendSingleObjectHeader(w.b[:0], f.current.fingerprint)
	return w
}

// done returns the record in memory of its own. The writer must not be used any
// more.
func (w *recordWriter) done() ([]byte, error) {
	b, err := w.b, w.err
	if cap(b) <= keptBytes && max(cap(w.parts.texts), cap(w.parts.blobs)) <= keptParts {
		b = bytes.Clone(b)
		w.parts.forget()
		w.err = nil
		recordWriters.Put(w)
	}
	return b, err
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

func (w *recordWriter) optionalRecordRef(r *topology.RecordRef) {
	if w.optional(r != nil) {
		w.recordRef(*r)
	}
}

func (w *recordWriter) header(h Header) {
	w.text(h.Key)
	w.optionalBytes(h.Value)
}

// enum writes the number of a symbol; a negative one is no symbol.
func (w *recordWriter) enum(symbol int, name string) {
	if symbol < 0 && w.err == nil {
		w.err = fmt.Errorf("%q is no kind that can be written", name)
	}
	w.long(int64(symbol))
}

// optionalText writes null for "".
func (w *recordWriter) optionalText(s string) {
	if w.optional(s != "") {
		w.text(s)
	}
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
	w.long(l.Ask)
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
