package suite

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rondo/schemas"
	"rondo/topology"
	"rondo/topology/script"
)

// Happenings are the inputs in the history of one instance, as a script can let
// them happen. It fails for what a script cannot say: an instance that was begun
// by another or by a schedule, a payload that the history does not have.
func Happenings(ctx context.Context, history []schemas.History, wire *schemas.Wire) ([]script.Happening, error) {
	h := &historian{ctx: ctx, wire: wire, steps: map[string]string{}}
	for _, decision := range history {
		for _, c := range decision.Commands {
			h.steps[c.ID] = c.Step
		}
	}
	var out []script.Happening
	for i, decision := range history {
		happening, err := h.happening(decision)
		if err != nil {
			return nil, fmt.Errorf("decision %d of the history, at %s: %w", i+1, decision.At.Time().Format("2006-01-02T15:04:05.000Z"), err)
		}
		happening.At = decision.At
		for _, l := range decision.Lookups {
			if l.RowOmitted != "" {
				return nil, fmt.Errorf("decision %d of the history: the row %s of %s is not there (%s)", i+1, l.Key, l.Table, l.RowOmitted)
			}
			happening.Lookups = append(happening.Lookups, topology.Lookup{Table: l.Table, Key: l.Key, Row: l.Row, Found: l.Found})
		}
		out = append(out, happening)
	}
	return out, nil
}

type historian struct {
	ctx   context.Context
	wire  *schemas.Wire
	steps map[string]string // command id → the step that sent it
}

func (h *historian) happening(d schemas.History) (script.Happening, error) {
	switch d.Input.Kind {
	case schemas.InputEvent:
		return h.event(d)
	case schemas.InputAct:
		return script.Happening{Act: d.Input.Act}, nil
	case schemas.InputLetter:
		return h.letter(d)
	}
	return script.Happening{}, nil // time has passed
}

func (h *historian) event(d schemas.History) (out script.Happening, err error) {
	switch {
	case d.Input.PayloadOmitted == schemas.PayloadKept:
		return out, nil // it comes by itself
	case d.Input.PayloadOmitted != "":
		return out, fmt.Errorf("the event's payload is not in the history (%s): it is at %s", d.Input.PayloadOmitted, d.Input.Record)
	}
	ref := d.Input.Record
	out.In = &script.Incoming{Message: d.Message, Key: string(ref.Key), Headers: map[string]string{}}
	out.In.Payload, err = h.wire.Read(h.ctx, schemas.Raw{Topic: ref.Topic, Value: d.Input.Payload, Headers: d.Input.Headers})
	for _, header := range d.Input.Headers {
		switch {
		case header.Key == "rondo-command-id":
			out.Echo = h.steps[string(header.Value)]
		case !isOfTheWire(header.Key):
			out.In.Headers[header.Key] = string(header.Value)
		}
	}
	return out, err
}

// isOfTheWire reports whether a header says how a record is read, or is one of
// Rondo's own, so that a script need not have it.
func isOfTheWire(name string) bool {
	return strings.HasPrefix(name, "rondo-") || slices.Contains([]string{"type", "ce_type", "__value_schema_id"}, name)
}

func (h *historian) letter(d schemas.History) (out script.Happening, err error) {
	l := d.Input.Letter
	if d.Input.PayloadOmitted != "" {
		return out, fmt.Errorf("what %s told is not in the history (%s): it is at %s", l.From, d.Input.PayloadOmitted, d.Input.Record)
	}
	switch l.Kind {
	case topology.LetterRun:
		return out, fmt.Errorf("the instance was begun by %s: record that one", l.From)
	case topology.LetterBegin:
		return out, fmt.Errorf("the instance was begun by its schedule, which has its own clock in a script: write the first lines by hand (docs/testing.md)")
	case topology.LetterCancel:
		return out, fmt.Errorf("the instance was cancelled by %s: record that one", l.From)
	case topology.LetterOutcome:
		out.Child = &script.Child{Workflow: l.From.Workflow, Key: l.From.Key, Status: l.Status, Output: l.Value, Failure: l.Failure}
	case topology.LetterRelay:
		out.In = &script.Incoming{Message: l.Event.Message, Payload: l.Event.Payload, Key: string(l.Event.Record.Key)}
		out.Echo = h.steps[l.Event.CommandID]
	}
	return out, nil // the others come by themselves
}

// Drift says where a recorded script sends something else than the history has,
// "" if it does not: what nodes do that were away for a while, a script does not.
func Drift(history []schemas.History, sent []script.Sent) string {
	var was []string
	for _, d := range history {
		for _, c := range d.Commands {
			was = append(was, fmt.Sprintf("%s of %s, attempt %d", c.Message, c.Step, c.Attempt))
		}
	}
	for i, c := range sent {
		is := fmt.Sprintf("%s of %s, attempt %d", c.Message, c.Step, c.Attempt)
		switch {
		case i >= len(was):
			return "the script sends " + is + ", which the history has not"
		case is != was[i]:
			return "the history has " + was[i] + ", where the script sends " + is
		}
	}
	if len(sent) < len(was) {
		return "the history goes on with " + was[len(sent)] + ", where the script sends nothing"
	}
	return ""
}
