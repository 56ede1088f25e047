package bench

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/s2"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/audit"
	"rondo/internal/bench/loop"
	"rondo/internal/bench/workload"
	"rondo/schemas"
)

// lesson is what a loop must write in the engine's place, as the engine has
// shown it: for each kind of input an example of what was written for one.
type lesson struct {
	prefix   string // of the engine's topics
	kinds    []*inputKind
	progress *kgo.Record // nil: none was written
}

// inputKind is one kind of input: what a loop can tell apart.
type inputKind struct {
	message string // header `type`
	step    string // header `rondo-step`; "": it begins a case
	example *answered
	others  []*answered // the newest that had as much written, so that they show what differs; at most mostOthers
}

// answered is an input, and what was written for it.
type answered struct {
	input   *kgo.Record
	kind    *inputKind
	written []*kgo.Record
	state   *kgo.Record // in the changelog; nil: none
}

// learn looks at everything that the engine has read and written so far.
func (s *session) learn(ctx context.Context, e *engine, w *workload.Workload) (lesson, error) {
	cfg := s.cluster.config(e.app)
	l := &learner{lesson: lesson{prefix: e.app}, at: map[string]*answered{}, cases: map[string][]*answered{}, states: map[string][]*kgo.Record{}}
	own := cfg.OwnTopics()
	type reading struct {
		topic string
		take  func(*kgo.Record) error
	}
	var readings []reading
	for _, name := range w.Inputs {
		readings = append(readings, reading{workload.Topic(e.app, name), l.input})
	}
	for _, name := range w.Outputs {
		readings = append(readings, reading{workload.Topic(e.app, name), l.output})
	}
	readings = append(readings, reading{own.History, l.history}, reading{own.Changelog, l.change})
	for _, r := range readings {
		if err := audit.Scan(ctx, cfg, r.topic, r.take); err != nil {
			return lesson{}, fmt.Errorf("learn what the engine writes: %w", err)
		}
	}
	return l.finish()
}

// learner brings together what belongs to one input.
type learner struct {
	lesson
	at     map[string]*answered     // by the input's coordinates
	cases  map[string][]*answered   // by the key of the history, in the order of their decisions
	states map[string][]*kgo.Record // by the key of the changelog, in their order
}

func coordinates(topic string, partition int32, offset int64) string {
	return fmt.Sprintf("%s/%d/%d", topic, partition, offset)
}

func headerOf(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

func (l *learner) input(r *kgo.Record) error {
	message, step := headerOf(r, "type"), headerOf(r, "rondo-step")
	at := slices.IndexFunc(l.kinds, func(k *inputKind) bool { return k.message == message && k.step == step })
	if at < 0 {
		at, l.kinds = len(l.kinds), append(l.kinds, &inputKind{message: message, step: step})
	}
	l.at[coordinates(r.Topic, r.Partition, r.Offset)] = &answered{input: r, kind: l.kinds[at]}
	return nil
}

func (l *learner) output(r *kgo.Record) error {
	cause := headerOf(r, "rondo-cause")
	a := l.at[cause]
	if a == nil {
		return fmt.Errorf("%s was caused by %q, which is no input", coordinates(r.Topic, r.Partition, r.Offset), cause)
	}
	a.written = append(a.written, r)
	return nil
}

func (l *learner) history(r *kgo.Record) error {
	h, err := schemas.DecodeHistory(r.Value)
	if err != nil {
		return err
	}
	if h.Input.Record == nil {
		return nil // a timer: no loop has any
	}
	a := l.at[coordinates(h.Input.Record.Topic, h.Input.Record.Partition, h.Input.Record.Offset)]
	if a == nil {
		return nil // of what the load does not write
	}
	a.written = append(a.written, r)
	l.cases[string(r.Key)] = append(l.cases[string(r.Key)], a)
	return nil
}

func (l *learner) change(r *kgo.Record) error {
	switch key := string(r.Key); {
	case strings.HasPrefix(key, "@progress"):
		l.progress = r
	default:
		l.states[key] = append(l.states[key], r)
	}
	return nil
}

// finish picks an example for each kind of input.
func (l *learner) finish() (lesson, error) {
	for key, decided := range l.cases {
		states := l.states[key]
		for i, a := range decided {
			// Decisions of one transaction share the last one's state.
			if n := len(states) - len(decided) + i; n >= 0 && n < len(states) {
				a.state = states[n]
			} else if len(states) > 0 {
				a.state = states[len(states)-1]
			}
		}
	}
	for _, a := range l.at {
		if better(a, a.kind.example) {
			a.kind.example = a
		}
	}
	for _, a := range l.at {
		if e := a.kind.example; a != e && len(a.written) == len(e.written) {
			a.kind.others = append(a.kind.others, a)
		}
	}
	for _, k := range l.kinds {
		slices.SortFunc(k.others, func(a, b *answered) int { return b.input.Timestamp.Compare(a.input.Timestamp) })
		k.others = k.others[:min(len(k.others), mostOthers)]
		if len(k.example.written) == 0 {
			return lesson{}, fmt.Errorf("learn what the engine writes: nothing was written for %s (step %q)", k.message, k.step)
		}
	}
	// A loop takes the first route that fits: those that ask for more come first.
	slices.SortStableFunc(l.kinds, func(a, b *inputKind) int { return strings.Compare(b.step, a.step) })
	return l.lesson, nil
}

// better prefers what came later: it was written by an engine that had warmed up.
func better(a, than *answered) bool {
	switch {
	case than == nil:
		return true
	case len(a.written) == 0:
		return false
	}
	return len(than.written) == 0 || a.input.Timestamp.After(than.input.Timestamp)
}

// spec is what a loop is told whose topics have another prefix.
func (l lesson) spec(prefix string) loop.Spec {
	var spec loop.Spec
	for _, k := range l.kinds {
		route := loop.Route{Headers: []loop.HeaderMatch{{Key: "type", Value: k.message}}}
		if k.step != "" {
			route.Headers = append(route.Headers, loop.HeaderMatch{Key: "rondo-step", Value: k.step})
		}
		for i, r := range k.example.written {
			route.Outputs = append(route.Outputs, l.output(r, k.example.input, prefix, k.like(i)))
		}
		if r := k.example.state; r != nil {
			out := l.output(r, k.example.input, prefix, k.likeState())
			out.PerKey = true
			route.Outputs = append(route.Outputs, out)
		}
		spec.Routes = append(spec.Routes, route)
	}
	if l.progress != nil {
		out := l.output(l.progress, &kgo.Record{}, prefix, nil)
		spec.Progress = &out
	}
	return spec
}

// mostOthers is how many cases are looked at to see what differs: about as many as
// meet in a batch.
const mostOthers = 16

// like is what was written in other cases where the example's ith record was.
func (k *inputKind) like(i int) (others [][]byte) {
	for _, a := range k.others {
		others = append(others, a.written[i].Value)
	}
	return others
}

func (k *inputKind) likeState() (others [][]byte) {
	for _, a := range k.others {
		if a.state != nil {
			others = append(others, a.state.Value)
		}
	}
	return others
}

// valueLike makes values like this one. As many bytes of it are noise as it adds to
// what it compresses to together with those of other cases: a batch of them shall be
// as large on the wire. Bytes at the same place cannot be compared, for a number that
// is longer moves all that is behind it.
func valueLike(example []byte, others [][]byte) loop.Value {
	if len(others) == 0 {
		return loop.Value{Bytes: example}
	}
	noise := min(noiseOf(example, slices.Concat(others...)), len(example))
	return loop.Value{Bytes: example[:len(example)-noise], Size: len(example)}
}

// A copy of Snappy's has three bytes and stands for at most 64.
const copyBytes, copiedBytes = 3, 64

// noiseOf is how many bytes of noise cost as much as a value behind others, the rest
// being copied from them.
func noiseOf(example, others []byte) int {
	adds := len(s2.EncodeSnappy(nil, slices.Concat(others, example))) - len(s2.EncodeSnappy(nil, others))
	copies := copyBytes * (len(example) + copiedBytes - 1) / copiedBytes
	return max((adds-copies)*copiedBytes/(copiedBytes-copyBytes), 0)
}

// output writes records like r, which was written for an input, with values like
// its own and those of other cases.
func (l lesson) output(r, input *kgo.Record, prefix string, others [][]byte) loop.Output {
	key := string(input.Key)
	out := loop.Output{
		Topic: prefix + strings.TrimPrefix(r.Topic, l.prefix),
		Key:   like(r.Key, key), Value: valueLike(r.Value, others),
	}
	for _, h := range r.Headers {
		text := like(h.Value, key)
		switch h.Key {
		case "rondo-cause":
			text = loop.Text{Text: "{at}"}
		case "rondo-command-id":
			text = loop.Text{Bytes: len(h.Value)}
		}
		out.Headers = append(out.Headers, loop.Header{Name: h.Key, Text: text})
	}
	return out
}

// like is a template that makes texts like this one for other keys.
func like(text []byte, key string) loop.Text {
	if !utf8.Valid(text) {
		return loop.Text{Bytes: len(text)}
	}
	if key == "" {
		return loop.Text{Text: string(text)}
	}
	return loop.Text{Text: strings.ReplaceAll(string(text), key, "{key}")}
}
