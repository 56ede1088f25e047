package schemas

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"

	"rondo/topology"
)

// InboxKind is what an Inbox record tells.
type InboxKind string

const (
	InboxEvent  InboxKind = "event"  // a record of a source, for an instance or a desk of this partition
	InboxAct    InboxKind = "act"    // an operator's act on an instance of this partition
	InboxLetter InboxKind = "letter" // what an instance or a desk tells one of this partition
)

// inboxKinds are the symbols of the schema's enum, in its order.
var inboxKinds = []InboxKind{InboxEvent, InboxAct, InboxLetter}

// Inbox is what one partition tells another, or itself.
type Inbox struct {
	Kind     InboxKind
	Workflow string
	Desk     string // "" for an instance
	Message  string // the message's name in the definition; for an event only
	Key      string // of the instance or the desk

	Source  *topology.RecordRef // nil for an act and a letter
	Value   []byte              // the source record's value; nil is a tombstone
	Headers []Header            // the source record's, in their order

	Act    *topology.Act    // for an act only
	Letter *topology.Letter // for a letter only; the fields above are empty but for the address
}

// NewLetter is a letter as it goes through the inbox.
func NewLetter(l *topology.Letter) Inbox {
	return Inbox{Kind: InboxLetter, Workflow: l.To.Workflow, Desk: l.To.Desk, Key: l.To.Key, Letter: l}
}

// Address is whom the record is for.
func (i Inbox) Address() topology.Address {
	return topology.Address{Workflow: i.Workflow, Desk: i.Desk, Key: i.Key}
}

var inboxFormat = sync.OnceValue(func() *Format { return newFormat("inbox") })

// Encode returns i as it is written to the inbox topic. It fails for an unknown
// kind and for an act or a letter with a value that cannot be stored.
func (i Inbox) Encode() ([]byte, error) {
	w := newRecordWriter(inboxFormat())
	w.enum(slices.Index(inboxKinds, i.Kind), string(i.Kind))
	w.text(i.Workflow)
	w.text(i.Desk)
	w.text(i.Message)
	w.text(i.Key)
	w.optionalRecordRef(i.Source)
	w.optionalBytes(i.Value)
	writeArray(w, i.Headers, w.header)
	w.act(i.Act)
	w.letter(i.Letter)
	b, err := w.done()
	if err != nil {
		return nil, fmt.Errorf("encode inbox record: %w", err)
	}
	return b, nil
}

// DecodeInbox reads what Encode wrote, in this or a former version. An
// *UnknownFormatError reports a newer one.
func DecodeInbox(b []byte) (Inbox, error) {
	n, err := inboxFormat().decode(b)
	if err != nil {
		return Inbox{}, err
	}
	r := &recordReader{}
	v, _ := unwrap[[]byte](n, "value", "bytes")
	i := Inbox{
		Kind:     InboxKind(get[string](n, "kind")),
		Workflow: get[string](n, "workflow"),
		Desk:     get[string](n, "desk"),
		Message:  get[string](n, "message"),
		Key:      get[string](n, "key"),
		Source:   unwrapRecordRef(n, "source"),
		Value:    bytes.Clone(v),
		Headers:  sliceOf(n, "headers", headerOf),
		Act:      r.act(n),
		Letter:   r.letter(n, "letter"),
	}
	if r.err == nil {
		r.err = i.check()
	}
	if r.err != nil {
		return Inbox{}, fmt.Errorf("decode inbox record: %w", r.err)
	}
	return i, nil
}

// check says what a record of its kind lacks: the topic takes what anybody writes.
func (i Inbox) check() error {
	switch {
	case i.Kind == InboxEvent && i.Source == nil:
		return errors.New("an event that has no source")
	case i.Kind == InboxAct && i.Act == nil:
		return errors.New("an act that has no act in it")
	case i.Kind == InboxLetter && i.Letter == nil:
		return errors.New("a letter that has no letter in it")
	case i.Kind == InboxLetter && i.Letter.To != i.Address():
		return fmt.Errorf("a letter to %s that is addressed to %s", i.Letter.To, i.Address())
	}
	return nil
}
