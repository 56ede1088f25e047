package topology

import (
	"time"

	"rondo/topology/value"
)

// Instant is a point in time in milliseconds since the Unix epoch, the
// resolution of every time that a decision sees. Zero is "none".
type Instant int64

// InstantOf rounds t down to milliseconds.
func InstantOf(t time.Time) Instant { return Instant(t.UnixMilli()) }

// Time returns i in UTC.
func (i Instant) Time() time.Time { return time.UnixMilli(int64(i)).UTC() }

// Add returns i moved by d, rounded up to a millisecond: a timer is never early.
func (i Instant) Add(d time.Duration) Instant {
	return i + Instant((d+time.Millisecond-1)/time.Millisecond)
}

// RecordRef is where a record stands in Kafka.
type RecordRef struct {
	Topic     string
	Partition int32
	Offset    int64
	Time      Instant
	Key       []byte
}

// Record is a record of an input topic, decoded, before it is matched to a
// message of a definition.
type Record struct {
	Ref     RecordRef
	Types   []string // names on the wire, most exact first: header, Avro full name, Avro short name, JSON `type`
	Headers *value.Map
	Payload value.Value // null for a tombstone
	Bytes   int         // of value, key and headers on the wire; 0: not known
}

// untyped reports whether r does not tell what it is. A tombstone has nothing to
// be told apart by.
func (r *Record) untyped() bool { return len(r.Types) == 0 && r.Payload != nil }

// Event is a record that was matched to a message and has found its instance.
type Event struct {
	Message   string // its name in the definition
	Record    RecordRef
	Headers   *value.Map
	Payload   value.Value
	ID        string // what the message's `id` gives; "" without one
	CommandID string // the header rondo-command-id that a service echoed; "" without one
}

// Input is what one decision is about: at most one of Event, Timer, Act and
// Letter is set; none: what the instance owes.
type Input struct {
	At     Instant // the time of the decision; never before the instance's last
	Event  *Event
	Timer  bool // the instance's next timer (Instance.NextTimer) is due
	Act    *Act
	Letter *Letter

	// Older is, for the act `migrate`, the plan of the version that the instance has
	// now. The act is decided by the plan of the version that it shall have.
	Older *Plan

	// Refused says why what a timer of a living instance, or a letter to it, leads to
	// cannot be written, for it was tried: the instance becomes an incident instead.
	// What was to begin one is turned away; "" else.
	Refused string

	// Tables are the rows that `lookup` finds; nil: none. They are part of the
	// input: the same rows give the same decision (Decision.Lookups).
	Tables Tables
}

// Tables finds rows of the definition's tables.
type Tables interface {
	// Row returns the row of a table under a key; false if there is none.
	Row(table, key string) (value.Value, bool)
}

// Act is an operator's act on one instance.
type Act struct {
	Kind      string // cancel, terminate, pause, resume, shift (resume, relative timers moved), retry, skip, fail, set, jump, migrate
	Principal string
	Reason    string
	Step      string
	Data      value.Value
}
