package workload

import "github.com/twmb/franz-go/pkg/kgo"

// single plays workflows that take one event and send one record.
type single struct {
	tag         string
	begin, done string
	value       payload
}

func openSingle(schema string) func(Casting) (Player, error) {
	return func(c Casting) (Player, error) {
		value, err := encode(schema, map[string]any{"text": greeting})
		return &single{tag: c.Tag, begin: Topic(c.Prefix, topicBegin), done: Topic(c.Prefix, topicDone), value: value}, err
	}
}

func (p *single) Begin(n int64) *kgo.Record {
	id := caseID(p.tag, n)
	return event(p.begin, "Begin", id, p.value.of(id))
}

func (p *single) See(r *kgo.Record) Sighting {
	if n := caseOf(p.tag, r.Key); n >= 0 && r.Topic == p.done {
		return Sighting{Case: n}
	}
	return stranger
}
