package workload

import "github.com/twmb/franz-go/pkg/kgo"

// single plays workflows that take one event and send one record.
type single struct {
	tag, kind   string
	begin, done string
	value       payload
}

// openSingle sends an event of a kind to one topic and waits for what comes out
// of another.
func openSingle(kind, begin, done string) func(Casting) (Player, error) {
	return func(c Casting) (Player, error) {
		value, err := encode("begin.avsc", map[string]any{"text": greeting})
		return &single{tag: c.Tag, kind: kind, begin: Topic(c.Prefix, begin), done: Topic(c.Prefix, done), value: value}, err
	}
}

func (p *single) Begin(n int64) *kgo.Record {
	id := caseID(p.tag, n)
	return event(p.begin, p.kind, id, p.value.of(id))
}

func (p *single) See(r *kgo.Record) Sighting {
	if n := caseOf(p.tag, r.Key); n >= 0 && r.Topic == p.done {
		return Sighting{Case: n}
	}
	return stranger
}

// Sleepers are laid down by LieDown, one for each case, and woken by GetUp, whose
// load must have the same tag: the nth case wakes the nth.
var (
	LieDown = &Workload{
		Name: "lie-down", Short: "an instance that begins to wait", Definition: sleeperFile,
		Inputs: []string{"sleep.begin"}, Outputs: []string{"sleep.asleep"}, Closed: []int{4096},
		Records: 1, Steps: 1, open: openSingle("Begin", "sleep.begin", "sleep.asleep"),
	}
	GetUp = &Workload{
		Name: "get-up", Short: "an instance that has waited, and is woken", Definition: sleeperFile,
		Inputs: []string{"sleep.wake"}, Outputs: []string{"sleep.awake"}, Closed: []int{128},
		Records: 1, Steps: 1, open: openSingle("Wake", "sleep.wake", "sleep.awake"),
	}
)

const sleeperFile = "sleeper.yaml"
