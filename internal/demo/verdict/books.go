package verdict

import (
	"fmt"
	"strings"
	"time"
)

// Place is where a record stands.
type Place struct {
	Topic     string
	Partition int32
	Offset    int64
}

// String is topic/partition/offset, the form of the header rondo-cause.
func (p Place) String() string {
	return fmt.Sprintf("%s/%d/%d", p.Topic, p.Partition, p.Offset)
}

// MarshalText makes a Place readable in JSON.
func (p Place) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Record is what the verdict looks at of one record.
type Record struct {
	Place
	Time    time.Time
	Key     string
	Value   []byte
	Headers map[string]string
}

// Type is the header `type`, "" without one.
func (r *Record) Type() string { return r.Headers["type"] }

// Topics names the topics of a story by what they are to the orchestrator.
type Topics struct {
	Inputs      []string // what it reads, but for its own inbox
	Commands    []string // what it writes
	Tables      []string // what it looks up
	Ledger      string   // deeds of the services
	DeadLetters string   // inputs that it could not use
	Inbox       string   // inputs that it sends itself; "" if it has none
	Changelog   string   // what it stores; "" if the story does not ask
}

// Read lists the topics that the orchestrator reads.
func (t Topics) Read() []string {
	read := append([]string{}, t.Inputs...)
	if t.Inbox != "" {
		read = append(read, t.Inbox)
	}
	return read
}

// All lists every topic once.
func (t Topics) All() []string {
	all := []string{t.Ledger, t.DeadLetters}
	if t.Changelog != "" {
		all = append(all, t.Changelog)
	}
	all = append(append(all, t.Read()...), t.Commands...)
	return append(all, t.Tables...)
}

// Books are the records of a run, each kind in the order of its partitions.
type Books struct {
	// Run begins the keys of the run's cases. Records of other cases, left by
	// an earlier run on the same cluster, are not looked at.
	Run string

	Inputs      []Record
	Commands    []Record
	Tables      []Record
	Ledger      []Record
	DeadLetters []Record
	Changelog   []Record

	// Open are partitions whose end is behind a transaction that nobody ended.
	Open []Place
	// Unread are inputs that the orchestrator's group had not read at the end:
	// Offset is the first of them.
	Unread []Place
}

// ofRun reports whether a case belongs to this run.
func (b *Books) ofRun(key string) bool { return strings.HasPrefix(key, b.Run) }
