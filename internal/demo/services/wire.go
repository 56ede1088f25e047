package services

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/demo/ledger"
)

// TypeOf is the header `type` of a record, "" without one.
func TypeOf(r *kgo.Record) string { return header(r, "type") }

func header(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// ReadJSON decodes the value of a record of the given type.
func ReadJSON(r *kgo.Record, kind string, into any) error {
	if err := json.Unmarshal(r.Value, into); err != nil {
		return fmt.Errorf("decode %s: %w", kind, err)
	}
	return nil
}

// JSON is an event with its type in the header.
func JSON(kind string, v any) (Answer, error) {
	value, err := json.Marshal(v)
	if err != nil {
		return Answer{}, fmt.Errorf("encode %s: %w", kind, err)
	}
	return Answer{Value: value, Type: kind}, nil
}

// Tell sends an event of the post's own accord.
func (p *Post) Tell(topic, key string, a Answer, after time.Duration, task *Task) {
	p.Send(a.record(topic, key, nil), after, task)
}

// IDFor makes an id out of a command's id: the same for the same command, so
// that a service that has forgotten it says the same again.
func IDFor(prefix, commandID string) string {
	h := fnv.New64a()
	h.Write([]byte(commandID)) // a hash's Write never fails
	return fmt.Sprintf("%s-%016x", prefix, h.Sum64())
}

// DeedOf reads a record of the ledger; ok is false for another topic's, and for
// one that cannot be read, of which the verdict complains.
func DeedOf(r *kgo.Record) (e ledger.Entry, ok bool) {
	if r.Topic != ledger.Topic {
		return ledger.Entry{}, false
	}
	e, err := ledger.Unmarshal(r.Value)
	return e, err == nil
}
