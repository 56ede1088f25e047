package schemas

import (
	"bytes"
	"fmt"
	"sync"

	"rondo/topology"
)

// History is one decision: what it was about and what came of it.
type History struct {
	At         topology.Instant
	Workflow   string
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
	Fault      *topology.Fault
	DeadLetter *topology.DeadLetter

	Status    topology.Status  // of the instance afterwards; "" if there is none
	State     *[32]byte        // SHA-256 of the instance's record afterwards; nil if none is kept
	NextTimer topology.Instant // when its next timer is due; 0: it has none
}

// InputKind is what a decision was about.
type InputKind string

const (
	InputEvent    InputKind = "event"
	InputTimer    InputKind = "timer"
	InputAct      InputKind = "act"
	InputContinue InputKind = "continue" // the decision before it had reached its bound of steps
)

// HistoryInput is the input of a decision.
type HistoryInput struct {
	Kind    InputKind
	Record  *topology.RecordRef // nil for a timer and a continuation
	Payload []byte              // the record's value on the wire; nil for a tombstone, or if omitted
	Headers []Header

	PayloadOmitted string // why Payload and Headers are not here ("larger than 16 KiB"); "" if they are
	Act            *topology.Act
}

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

var historyFormat = sync.OnceValue(func() *Format { return newFormat("history") })

// Encode returns h as it is written to the history topic. It fails for an
// unknown kind of input and for an act whose data cannot be stored.
func (h History) Encode() ([]byte, error) {
	input, err := historyInputNative(h.Input)
	if err != nil {
		return nil, fmt.Errorf("encode history record: %w", err)
	}
	return historyFormat().encode(fields{
		"at": int64(h.At), "workflow": h.Workflow, "key": h.Key, "version": h.Version,
		"definition": h.Definition, "semantics": h.Semantics, "run": h.Run,
		"input": input, "message": h.Message,
		"outcome": string(h.Outcome), "taker": h.Taker,
		"trace":      arrayOf(h.Trace, traceNative),
		"commands":   arrayOf(h.Commands, historyCommandNative),
		"fault":      faultNative(h.Fault),
		"deadLetter": deadLetterNative(h.DeadLetter),
		"status":     string(h.Status),
		"state":      sha256Native(h.State),
		"nextTimer":  optional(h.NextTimer != 0, "long", int64(h.NextTimer)),
	})
}

// DecodeHistory reads what Encode wrote, in this or a former version. An
// *UnknownFormatError reports a newer one.
func DecodeHistory(b []byte) (History, error) {
	n, err := historyFormat().decode(b)
	if err != nil {
		return History{}, err
	}
	input, err := historyInputOf(get[fields](n, "input"))
	if err != nil {
		return History{}, fmt.Errorf("decode history record: %w", err)
	}
	nextTimer, _ := unwrap[int64](n, "nextTimer", "long")
	return History{
		At:         topology.Instant(get[int64](n, "at")),
		Workflow:   get[string](n, "workflow"),
		Key:        get[string](n, "key"),
		Version:    get[int32](n, "version"),
		Definition: get[string](n, "definition"),
		Semantics:  get[int32](n, "semantics"),
		Run:        get[string](n, "run"),
		Input:      input,
		Message:    get[string](n, "message"),
		Outcome:    topology.Outcome(get[string](n, "outcome")),
		Taker:      get[string](n, "taker"),
		Trace:      sliceOf(n, "trace", traceOf),
		Commands:   sliceOf(n, "commands", historyCommandOf),
		Fault:      faultOf(n),
		DeadLetter: deadLetterOf(n),
		Status:     topology.Status(get[string](n, "status")),
		State:      sha256Of(n, "state"),
		NextTimer:  topology.Instant(nextTimer),
	}, nil
}

func historyInputNative(in HistoryInput) (fields, error) {
	act, err := optionalAct(in.Act)
	if err != nil {
		return nil, err
	}
	return fields{
		"kind":           string(in.Kind),
		"record":         optionalRecordRef(in.Record),
		"payload":        optional(in.Payload != nil, "bytes", in.Payload),
		"headers":        arrayOf(in.Headers, headerNative),
		"payloadOmitted": optional(in.PayloadOmitted != "", "string", in.PayloadOmitted),
		"act":            act,
	}, nil
}

func historyInputOf(n fields) (HistoryInput, error) {
	act, err := unwrapAct(n, "act")
	if err != nil {
		return HistoryInput{}, err
	}
	payload, _ := unwrap[[]byte](n, "payload", "bytes")
	omitted, _ := unwrap[string](n, "payloadOmitted", "string")
	return HistoryInput{
		Kind:           InputKind(get[string](n, "kind")),
		Record:         unwrapRecordRef(n, "record"),
		Payload:        bytes.Clone(payload),
		Headers:        sliceOf(n, "headers", headerOf),
		PayloadOmitted: omitted,
		Act:            act,
	}, nil
}

func traceNative(t topology.Trace) any {
	return fields{"kind": t.Kind, "step": t.Step, "text": t.Text}
}

func traceOf(n fields) topology.Trace {
	return topology.Trace{Kind: get[string](n, "kind"), Step: get[string](n, "step"), Text: get[string](n, "text")}
}

func historyCommandNative(c HistoryCommand) any {
	return fields{
		"id": c.ID, "attempt": c.Attempt, "message": c.Message, "topic": c.Topic, "key": c.Key,
		"step": c.Step, "compensates": c.Compensates, "value": sha256Native(c.Value),
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

func faultNative(f *topology.Fault) any {
	if f == nil {
		return nil
	}
	return fields{"rondo.Fault": fields{"kind": f.Kind, "place": f.Place, "text": f.Text}}
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

func deadLetterNative(d *topology.DeadLetter) any {
	if d == nil {
		return nil
	}
	return fields{"rondo.DeadLetter": fields{"reason": d.Reason, "text": d.Text}}
}

func deadLetterOf(n fields) *topology.DeadLetter {
	inner, ok := unwrap[fields](n, "deadLetter", "rondo.DeadLetter")
	if !ok {
		return nil
	}
	return &topology.DeadLetter{Reason: get[string](inner, "reason"), Text: get[string](inner, "text")}
}

func sha256Native(sum *[32]byte) any {
	if sum == nil {
		return nil
	}
	return fields{"rondo.Sha256": sum[:]}
}

func sha256Of(n fields, name string) *[32]byte {
	b, ok := unwrap[[]byte](n, name, "rondo.Sha256")
	if !ok {
		return nil
	}
	sum := [32]byte(b)
	return &sum
}
