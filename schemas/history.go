package schemas

import (
	"bytes"
	"fmt"
	"slices"
	"sync"

	"rondo/topology"
	"rondo/topology/value"
)

// History is one decision: what it was about and what came of it.
type History struct {
	At         topology.Instant
	Workflow   string
	Desk       string // "" for an instance
	Key        string
	Version    int32  // of the definition that decided
	Definition string // its digest
	Semantics  int32  // topology.Semantics when it was decided
	Run        string // which life of the key

	Input   HistoryInput
	Message string // its name in the definition; "" without one

	Outcome    topology.Outcome
	Taker      string
	Trace      []topology.Trace
	Commands   []HistoryCommand
	Letters    []HistoryLetter
	Lookups    []HistoryLookup
	Fault      *topology.Fault
	DeadLetter *topology.DeadLetter
	Omitted    string // which of Trace, Commands and Letters are not here, and why; "" if all are

	Status    topology.Status  // of the instance afterwards; "" if there is none
	State     *[32]byte        // SHA-256 of the instance's record afterwards, then of the parts written; nil if none is kept or nothing changed
	NextTimer topology.Instant // when its next timer is due; 0: it has none
}

// InputKind is what a decision was about.
type InputKind string

const (
	InputEvent    InputKind = "event"
	InputTimer    InputKind = "timer"
	InputAct      InputKind = "act"
	InputContinue InputKind = "continue" // the decision before it had reached its bound of steps; of a desk: there is a newer version
	InputLetter   InputKind = "letter"
)

// inputKinds are the symbols of the schema's enum, in its order.
var inputKinds = []InputKind{InputEvent, InputTimer, InputAct, InputContinue, InputLetter}

// HistoryInput is the input of a decision.
type HistoryInput struct {
	Kind    InputKind
	Record  *topology.RecordRef // nil for a timer and a continuation
	Payload []byte              // the record's value on the wire; nil for a tombstone, or if omitted
	Headers []Header

	PayloadOmitted string // why Payload and Headers, or the letter's values, are not here ("larger than 16 KiB"); "" if they are
	Act            *topology.Act
	Letter         *topology.Letter
}

// PayloadKept is the PayloadOmitted of an event that the instance had kept: it
// is in the decision that kept it.
const PayloadKept = "the instance had kept the event since it came"

// HistoryCommand is a command that was sent, without its payload.
type HistoryCommand struct {
	ID          string
	Attempt     int32
	Message     string
	Topic       string
	Key         string
	Step        string
	Compensates string    // id of the command that it undoes; "" if none
	Value       *[32]byte // SHA-256 of the value on the wire; nil for a tombstone
}

// HistoryLetter is a letter that was written, without what it tells.
type HistoryLetter struct {
	Kind    topology.LetterKind
	To      topology.Address
	Command string // the call that it is about: its command id; "" if none
}

// HistoryLookup is a row of a table as the decision saw it.
type HistoryLookup struct {
	Table, Key string
	Found      bool
	Row        value.Value
	RowOmitted string // why Row is not here; "" if it is
}

var historyFormat = sync.OnceValue(func() *Format { return newFormat("history") })

// Encode returns h as it is written to the history topic. It fails for an
// unknown kind of input and for a value that cannot be stored. As every decision
// is followed by it, it writes the bytes directly; see EncodeInstance.
func (h History) Encode() ([]byte, error) {
	w := newRecordWriter(historyFormat())
	w.instant(h.At)
	w.text(h.Workflow)
	w.text(h.Desk)
	w.text(h.Key)
	w.long(int64(h.Version))
	w.text(h.Definition)
	w.long(int64(h.Semantics))
	w.text(h.Run)
	w.historyInput(h.Input)
	w.text(h.Message)
	w.text(string(h.Outcome))
	w.text(h.Taker)
	writeArray(w, h.Trace, w.trace)
	writeArray(w, h.Commands, w.historyCommand)
	writeArray(w, h.Letters, w.historyLetter)
	writeArray(w, h.Lookups, w.historyLookup)
	w.fault(h.Fault)
	w.deadLetter(h.DeadLetter)
	w.optionalText(h.Omitted)
	w.text(string(h.Status))
	w.sha256(h.State)
	if w.optional(h.NextTimer != 0) {
		w.instant(h.NextTimer)
	}
	b, err := w.done()
	if err != nil {
		return nil, fmt.Errorf("encode history record: %w", err)
	}
	return b, nil
}

func (w *recordWriter) historyInput(in HistoryInput) {
	w.enum(slices.Index(inputKinds, in.Kind), string(in.Kind))
	w.optionalRecordRef(in.Record)
	w.optionalBytes(in.Payload)
	writeArray(w, in.Headers, w.header)
	w.optionalText(in.PayloadOmitted)
	w.act(in.Act)
	w.letter(in.Letter)
}

func (w *recordWriter) trace(t topology.Trace) {
	w.text(t.Kind)
	w.text(t.Step)
	w.text(t.Text)
}

func (w *recordWriter) historyCommand(c HistoryCommand) {
	w.text(c.ID)
	w.long(int64(c.Attempt))
	w.text(c.Message)
	w.text(c.Topic)
	w.text(c.Key)
	w.text(c.Step)
	w.text(c.Compensates)
	w.sha256(c.Value)
}

func (w *recordWriter) historyLetter(l HistoryLetter) {
	w.text(string(l.Kind))
	w.address(l.To)
	w.text(l.Command)
}

func (w *recordWriter) historyLookup(l HistoryLookup) {
	w.text(l.Table)
	w.text(l.Key)
	w.bool(l.Found)
	w.value(l.Row)
	w.optionalText(l.RowOmitted)
}

func (w *recordWriter) fault(f *topology.Fault) {
	if w.optional(f != nil) {
		w.text(f.Kind)
		w.text(f.Place)
		w.text(f.Text)
	}
}

func (w *recordWriter) deadLetter(d *topology.DeadLetter) {
	if w.optional(d != nil) {
		w.text(d.Reason)
		w.text(d.Text)
	}
}

func (w *recordWriter) sha256(sum *[32]byte) {
	if w.optional(sum != nil) {
		w.b = append(w.b, sum[:]...)
	}
}

// DecodeHistory reads what Encode wrote, in this or a former version. An
// *UnknownFormatError reports a newer one.
func DecodeHistory(b []byte) (History, error) {
	n, err := historyFormat().decode(b)
	if err != nil {
		return History{}, err
	}
	r := &recordReader{}
	nextTimer, _ := unwrap[int64](n, "nextTimer", "long")
	omitted, _ := unwrap[string](n, "omitted", "string")
	h := History{
		At:         topology.Instant(get[int64](n, "at")),
		Workflow:   get[string](n, "workflow"),
		Desk:       get[string](n, "desk"),
		Key:        get[string](n, "key"),
		Version:    get[int32](n, "version"),
		Definition: get[string](n, "definition"),
		Semantics:  get[int32](n, "semantics"),
		Run:        get[string](n, "run"),
		Input:      r.historyInput(get[fields](n, "input")),
		Message:    get[string](n, "message"),
		Outcome:    topology.Outcome(get[string](n, "outcome")),
		Taker:      get[string](n, "taker"),
		Trace:      sliceOf(n, "trace", traceOf),
		Commands:   sliceOf(n, "commands", historyCommandOf),
		Letters:    sliceOf(n, "letters", historyLetterOf),
		Lookups:    sliceOf(n, "lookups", r.historyLookup),
		Fault:      faultOf(n),
		DeadLetter: deadLetterOf(n),
		Omitted:    omitted,
		Status:     topology.Status(get[string](n, "status")),
		State:      sha256Of(n, "state"),
		NextTimer:  topology.Instant(nextTimer),
	}
	if r.err != nil {
		return History{}, fmt.Errorf("decode history record: %w", r.err)
	}
	return h, nil
}

func (r *recordReader) historyInput(n fields) HistoryInput {
	payload, _ := unwrap[[]byte](n, "payload", "bytes")
	omitted, _ := unwrap[string](n, "payloadOmitted", "string")
	return HistoryInput{
		Kind:           InputKind(get[string](n, "kind")),
		Record:         unwrapRecordRef(n, "record"),
		Payload:        bytes.Clone(payload),
		Headers:        sliceOf(n, "headers", headerOf),
		PayloadOmitted: omitted,
		Act:            r.act(n),
		Letter:         r.letter(n, "letter"),
	}
}

func traceOf(n fields) topology.Trace {
	return topology.Trace{Kind: get[string](n, "kind"), Step: get[string](n, "step"), Text: get[string](n, "text")}
}

func historyLetterOf(n fields) HistoryLetter {
	return HistoryLetter{
		Kind:    topology.LetterKind(get[string](n, "kind")),
		To:      addressOf(get[fields](n, "to")),
		Command: get[string](n, "command"),
	}
}

func (r *recordReader) historyLookup(n fields) HistoryLookup {
	omitted, _ := unwrap[string](n, "rowOmitted", "string")
	return HistoryLookup{
		Table:      get[string](n, "table"),
		Key:        get[string](n, "key"),
		Found:      get[bool](n, "found"),
		Row:        r.value(n, "row"),
		RowOmitted: omitted,
	}
}

func historyCommandOf(n fields) HistoryCommand {
	return HistoryCommand{
		ID:          get[string](n, "id"),
		Attempt:     get[int32](n, "attempt"),
		Message:     get[string](n, "message"),
		Topic:       get[string](n, "topic"),
		Key:         get[string](n, "key"),
		Step:        get[string](n, "step"),
		Compensates: get[string](n, "compensates"),
		Value:       sha256Of(n, "value"),
	}
}

func faultOf(n fields) *topology.Fault {
	inner, ok := unwrap[fields](n, "fault", "rondo.Fault")
	if !ok {
		return nil
	}
	return &topology.Fault{
		Kind: get[string](inner, "kind"), Place: get[string](inner, "place"), Text: get[string](inner, "text"),
	}
}

func deadLetterOf(n fields) *topology.DeadLetter {
	inner, ok := unwrap[fields](n, "deadLetter", "rondo.DeadLetter")
	if !ok {
		return nil
	}
	return &topology.DeadLetter{Reason: get[string](inner, "reason"), Text: get[string](inner, "text")}
}

func sha256Of(n fields, name string) *[32]byte {
	b, ok := unwrap[[]byte](n, name, "rondo.Sha256")
	if !ok {
		return nil
	}
	sum := [32]byte(b)
	return &sum
}
