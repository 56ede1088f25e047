package workload

import (
	"fmt"

	"github.com/linkedin/goavro/v2"
	"github.com/twmb/franz-go/pkg/kgo"
)

// counter plays workflows that add up. A case is one addition. The counters'
// answers come in the order of the additions, so the nth answer of a key belongs
// to its nth addition, and says n if each was counted once.
type counter struct {
	tag         string
	keys        int64
	begin, done string
	value       payload
	pending     map[string]*additions
}

// additions are those of one key.
type additions struct {
	waiting []int64 // cases, oldest first
	seen    int64   // answers that have come
}

// openCounter spreads the additions over so many keys.
func openCounter(keys int64) func(Casting) (Player, error) {
	return func(c Casting) (Player, error) {
		value, err := encode("add.avsc", map[string]any{"amount": int64(1)})
		return &counter{
			tag: c.Tag, keys: keys, value: value, pending: map[string]*additions{},
			begin: Topic(c.Prefix, topicBegin), done: Topic(c.Prefix, topicDone),
		}, err
	}
}

func (p *counter) Begin(n int64) *kgo.Record {
	id := caseID(p.tag, scatter(n, p.keys))
	a := p.pending[string(id)]
	if a == nil {
		a = &additions{}
		p.pending[string(id)] = a
	}
	a.waiting = append(a.waiting, n)
	return event(p.begin, "Add", id, p.value.of(id))
}

// scatter picks one of so many keys for a case, in no visible order.
func scatter(n, keys int64) int64 {
	h := uint64(n) * 0x9e3779b97f4a7c15
	return int64(h>>33) % keys
}

func (p *counter) See(r *kgo.Record) Sighting {
	if caseOf(p.tag, r.Key) < 0 || r.Topic != p.done {
		return stranger
	}
	a := p.pending[string(r.Key)]
	if a == nil || len(a.waiting) == 0 {
		return Sighting{Case: 0, Wrong: fmt.Sprintf("an answer of %s to no addition", r.Key)}
	}
	n := a.waiting[0]
	a.waiting = a.waiting[1:]
	a.seen++
	return Sighting{Case: n}
}

// Total reads a counter's answer: how much it has added up.
func Total(value []byte) (int64, error) {
	_, body, err := goavro.FingerprintFromSOE(value)
	if err != nil {
		return 0, fmt.Errorf("read a counter's answer: %w", err)
	}
	text, err := definitions.ReadFile("definitions/schemas/counted.avsc")
	if err != nil {
		return 0, fmt.Errorf("read a counter's answer: %w", err)
	}
	codec, err := goavro.NewCodec(string(text))
	if err != nil {
		return 0, fmt.Errorf("read a counter's answer: %w", err)
	}
	native, _, err := codec.NativeFromBinary(body)
	if err != nil {
		return 0, fmt.Errorf("read a counter's answer: %w", err)
	}
	fields, _ := native.(map[string]any)
	total, ok := fields["total"].(int64)
	if !ok {
		return 0, fmt.Errorf("read a counter's answer: it holds %v", native)
	}
	return total, nil
}
