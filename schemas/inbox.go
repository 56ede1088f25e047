package schemas

import (
	"bytes"
	"fmt"
	"sync"

	"rondo/topology"
)

// InboxKind is what an Inbox record tells.
type InboxKind string

const (
	InboxEvent InboxKind = "event" // a record of a source, for an instance of this partition
	InboxAct   InboxKind = "act"   // an operator's act on an instance of this partition
)

// Inbox is what one partition tells another.
type Inbox struct {
	Kind     InboxKind
	Workflow string
	Message  string // the message's name in the definition; for an event only
	Key      string // of the instance

	Source  *topology.RecordRef // nil for an act
	Value   []byte              // the source record's value; nil is a tombstone
	Headers []Header            // the source record's, in their order

	Act *topology.Act // for an act only
}

var inboxFormat = sync.OnceValue(func() *Format { return newFormat("inbox") })

// Encode returns i as it is written to the inbox topic. It fails for an unknown
// kind and for an act whose data cannot be stored.
func (i Inbox) Encode() ([]byte, error) {
	act, err := optionalAct(i.Act)
	if err != nil {
		return nil, fmt.Errorf("encode inbox record: %w", err)
	}
	return inboxFormat().encode(fields{
		"kind": string(i.Kind), "workflow": i.Workflow, "message": i.Message, "key": i.Key,
		"source":  optionalRecordRef(i.Source),
		"value":   optional(i.Value != nil, "bytes", i.Value),
		"headers": arrayOf(i.Headers, headerNative),
		"act":     act,
	})
}

// DecodeInbox reads what Encode wrote, in this or a former version. An
// *UnknownFormatError reports a newer one.
func DecodeInbox(b []byte) (Inbox, error) {
	n, err := inboxFormat().decode(b)
	if err != nil {
		return Inbox{}, err
	}
	act, err := unwrapAct(n, "act")
	if err != nil {
		return Inbox{}, fmt.Errorf("decode inbox record: %w", err)
	}
	v, _ := unwrap[[]byte](n, "value", "bytes")
	return Inbox{
		Kind:     InboxKind(get[string](n, "kind")),
		Workflow: get[string](n, "workflow"),
		Message:  get[string](n, "message"),
		Key:      get[string](n, "key"),
		Source:   unwrapRecordRef(n, "source"),
		Value:    bytes.Clone(v),
		Headers:  sliceOf(n, "headers", headerOf),
		Act:      act,
	}, nil
}
