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

// Topics names the topics of the checkout by what they hold.
type Topics struct {
	Orders      string   // orders, cancellations and new cards of the shop
	Events      []string // answers of the services
	Commands    []string // commands to the services
	Status      string   // outcomes of the orders
	Ledger      string   // deeds of the services
	DeadLetters string   // inputs that the orchestrator could not use
	Inbox       string   // inputs that the orchestrator sends itself; "" if it has none
}

// Inputs lists the topics that the orchestrator reads.
func (t Topics) Inputs() []string {
	inputs := append([]string{t.Orders}, t.Events...)
	if t.Inbox != "" {
		inputs = append(inputs, t.Inbox)
	}
	return inputs
}

// All lists every topic once.
func (t Topics) All() []string {
	all := []string{t.Status, t.Ledger, t.DeadLetters}
	return append(append(all, t.Inputs()...), t.Commands...)
}

// Books are the records of a run, each kind in the order of its partitions.
type Books struct {
	// Run begins the ids of the run's orders. Records of other orders, left by
	// an earlier run on the same cluster, are not looked at.
	Run string

	Orders      []Record
	Events      []Record
	Commands    []Record // of every command topic, and of Topics.Status
	Ledger      []Record
	DeadLetters []Record

	// Open are partitions whose end is behind a transaction that nobody ended.
	Open []Place
	// Unread are inputs that the orchestrator's group had not read at the end:
	// Offset is the first of them.
	Unread []Place
}

// ofRun reports whether an order belongs to this run.
func (b *Books) ofRun(order string) bool { return strings.HasPrefix(order, b.Run) }
