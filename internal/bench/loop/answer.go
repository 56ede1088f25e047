package loop

import (
	"bytes"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// answerer makes the records that answer others. One goroutine uses it.
type answerer struct {
	routes   []Route
	progress *Output
	noise    *rand.ChaCha8
	latest   map[onceOf]int // of the transaction: where in it that record is
}

// onceOf is what a transaction has one record of: see Output.PerKey.
type onceOf struct {
	topic, key string
}

// newAnswerer makes one of several; each has noise of its own.
func newAnswerer(s Spec, number int) *answerer {
	return &answerer{
		routes:   s.Routes,
		progress: s.Progress,
		noise:    rand.NewChaCha8([32]byte{byte(number), byte(number >> 8)}),
		latest:   make(map[onceOf]int),
	}
}

// answer adds what answers a record to out; false if no route fits.
func (a *answerer) answer(out []*kgo.Record, rec *kgo.Record) ([]*kgo.Record, bool) {
	for i := range a.routes {
		if a.routes[i].fits(rec) {
			for j := range a.routes[i].Outputs {
				out = a.add(out, &a.routes[i].Outputs[j], rec)
			}
			return out, true
		}
	}
	return out, false
}

func (a *answerer) add(out []*kgo.Record, o *Output, rec *kgo.Record) []*kgo.Record {
	made := a.make(o, rec)
	if !o.PerKey {
		return append(out, made)
	}
	of := onceOf{o.Topic, string(rec.Key)}
	if at, ok := a.latest[of]; ok {
		out[at] = made
		return out
	}
	a.latest[of] = len(out)
	return append(out, made)
}

// appendProgress appends the progress records of a transaction that has read
// from some partitions.
func (a *answerer) appendProgress(out []*kgo.Record, partitions map[int32]bool) []*kgo.Record {
	if a.progress == nil {
		return out
	}
	for p := range partitions {
		out = append(out, a.make(a.progress, &kgo.Record{Partition: p}))
	}
	return out
}

func (r *Route) fits(rec *kgo.Record) bool {
	if !bytes.HasPrefix(rec.Value, r.Prefix) {
		return false
	}
	for _, want := range r.Headers {
		if !hasHeader(rec, want) {
			return false
		}
	}
	return true
}

func hasHeader(rec *kgo.Record, want HeaderMatch) bool {
	for _, h := range rec.Headers {
		if h.Key == want.Key && string(h.Value) == want.Value {
			return true
		}
	}
	return false
}

func (a *answerer) make(o *Output, rec *kgo.Record) *kgo.Record {
	made := &kgo.Record{Topic: o.Topic, Partition: rec.Partition, Key: a.text(o.Key, rec), Value: a.value(o.Value, rec)}
	if len(o.Headers) > 0 {
		made.Headers = make([]kgo.RecordHeader, len(o.Headers))
		for i, h := range o.Headers {
			made.Headers[i] = kgo.RecordHeader{Key: h.Name, Value: a.text(h.Text, rec)}
		}
	}
	return made
}

// text fills a template in. Its noise is letters, as identifiers have them.
func (a *answerer) text(t Text, rec *kgo.Record) []byte {
	made := make([]byte, 0, max(t.Bytes, len(t.Text)+len(rec.Key)))
	made = appendTemplate(made, t.Text, rec)
	if t.Bytes == 0 {
		return made
	}
	const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
	made, noise := a.fill(made, t.Bytes)
	for i, b := range noise {
		noise[i] = letters[b%64]
	}
	return made
}

func appendTemplate(to []byte, template string, rec *kgo.Record) []byte {
	for {
		before, rest, found := strings.Cut(template, "{")
		to = append(to, before...)
		if !found {
			return to
		}
		switch {
		case strings.HasPrefix(rest, "key}"):
			to, template = append(to, rec.Key...), rest[len("key}"):]
		case strings.HasPrefix(rest, "at}"):
			to, template = appendCoordinates(to, rec), rest[len("at}"):]
		default:
			to, template = append(to, '{'), rest
		}
	}
}

func appendCoordinates(to []byte, rec *kgo.Record) []byte {
	to = append(append(to, rec.Topic...), '/')
	to = append(strconv.AppendInt(to, int64(rec.Partition), 10), '/')
	return strconv.AppendInt(to, rec.Offset, 10)
}

func (a *answerer) value(v Value, rec *kgo.Record) []byte {
	from := v.Bytes
	if v.Echo {
		from = rec.Value
	}
	if v.Size == 0 {
		return from // what is sent is never changed, so it may be shared
	}
	made, _ := a.fill(append(make([]byte, 0, max(v.Size, len(from))), from...), v.Size)
	return made
}

// fill brings text to a length, and says where the noise is.
func (a *answerer) fill(text []byte, length int) (filled, noise []byte) {
	if len(text) >= length {
		return text[:length], nil
	}
	from := len(text)
	text = append(text, make([]byte, length-from)...)
	a.noise.Read(text[from:]) // never fails
	return text, text[from:]
}

// payloadBytes is the size of a record without what the wire adds.
func payloadBytes(rec *kgo.Record) int64 {
	n := len(rec.Key) + len(rec.Value)
	for _, h := range rec.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return int64(n)
}

// answerAll is all that one transaction writes for what it has read, and how
// many records no route fitted. If there is none it writes no progress either.
func (a *answerer) answerAll(in []*kgo.Record) (out []*kgo.Record, unrouted int) {
	partitions := make(map[int32]bool)
	clear(a.latest)
	for _, rec := range in {
		var routed bool
		if out, routed = a.answer(out, rec); !routed {
			unrouted++
		}
		partitions[rec.Partition] = true
	}
	if len(out) == 0 {
		return nil, unrouted
	}
	return a.appendProgress(out, partitions), unrouted
}
