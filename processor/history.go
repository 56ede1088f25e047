package processor

import (
	"fmt"

	"rondo/schemas"
	"rondo/topology"
)

// encodeHistory encodes the history of a decision so that it has at most so many
// bytes. What would be larger loses what is found elsewhere, or can be decided
// again, and says so: first the input's payload, which is where its coordinates say;
// then the rows of tables; then what came of it. Whom the decision was about, what
// became of the input and the digest of the state always stay.
func encodeHistory(entry schemas.History, bytesMax int) ([]byte, error) {
	value, err := entry.Encode()
	if err != nil || len(value) <= bytesMax {
		return value, err
	}
	return encodeLess(entry, len(value), bytesMax)
}

// encodeLess encodes a history record that would have so many bytes, which are more
// than it may have.
func encodeLess(entry schemas.History, bytes, bytesMax int) (value []byte, err error) {
	for _, leaveOut := range []func(*schemas.History, string){omitPayload, omitRows, omitTrace, omitSent} {
		leaveOut(&entry, fmt.Sprintf("the history record would have %d bytes, and may have %d", bytes, bytesMax))
		if value, err = entry.Encode(); err != nil || len(value) <= bytesMax {
			break
		}
	}
	return value, err
}

func omitPayload(h *schemas.History, why string) {
	in := &h.Input
	if in.Payload == nil && in.Headers == nil && in.Letter == nil && in.Act == nil {
		return
	}
	in.PayloadOmitted = why
	in.Payload, in.Headers = nil, nil
	if in.Letter != nil {
		in.Letter = withoutValues(in.Letter)
	}
	if in.Act != nil {
		act := *in.Act
		act.Data, act.Reason = nil, cut(act.Reason, historyTextMax)
		in.Act = &act
	}
}

func omitRows(h *schemas.History, why string) {
	rows := make([]schemas.HistoryLookup, len(h.Lookups))
	for i, l := range h.Lookups {
		rows[i] = schemas.HistoryLookup{Table: l.Table, Key: l.Key, Found: l.Found, RowOmitted: l.RowOmitted}
		if l.Found {
			rows[i].RowOmitted = why
		}
	}
	h.Lookups = rows
}

func omitTrace(h *schemas.History, why string) {
	if len(h.Trace) > 0 {
		h.Omitted = fmt.Sprintf("the trace of %d entries: %s", len(h.Trace), why)
		h.Trace = nil
	}
}

// historyTextMax bounds each text that is left where nearly all is left out.
const historyTextMax = 16 << 10

func omitSent(h *schemas.History, why string) {
	h.Omitted = fmt.Sprintf("the trace, %d commands, %d letters and %d lookups: %s", len(h.Commands), len(h.Letters), len(h.Lookups), why)
	h.Commands, h.Letters, h.Lookups = nil, nil, nil
	if h.Fault != nil {
		h.Fault = &topology.Fault{Kind: h.Fault.Kind, Place: h.Fault.Place, Text: cut(h.Fault.Text, historyTextMax)}
	}
	if h.DeadLetter != nil {
		h.DeadLetter = &topology.DeadLetter{Reason: h.DeadLetter.Reason, Text: cut(h.DeadLetter.Text, historyTextMax)}
	}
}

// withoutValues is who told what about which call, and not what was told.
func withoutValues(l *topology.Letter) *topology.Letter {
	out := *l
	out.Value = nil
	if l.Event != nil {
		event := *l.Event
		event.Payload, event.Headers = nil, nil
		out.Event = &event
	}
	if l.Failure != nil {
		out.Failure = &topology.Failure{Name: l.Failure.Name, Step: l.Failure.Step, At: l.Failure.At}
	}
	return &out
}
