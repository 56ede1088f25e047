package processor

import (
	"fmt"
	"strings"
	"testing"

	"rondo/schemas"
	"rondo/topology"
)

// largest is the history of a decision with as much of everything as there can be.
func largest(commands, payload, rows, text int) schemas.History {
	h := schemas.History{
		At: 1, Workflow: "w", Key: "k", Run: "in/0/1", Outcome: topology.Taken, Status: topology.StatusIncident, State: &[32]byte{7},
		Input: schemas.HistoryInput{
			Kind: schemas.InputEvent, Record: &topology.RecordRef{Topic: "in", Partition: 3, Offset: 9, Key: []byte("k")},
			Payload: []byte(strings.Repeat("p", payload)), Headers: []schemas.Header{{Key: "h", Value: []byte("v")}},
		},
		Fault:      &topology.Fault{Kind: "limit.size", Text: strings.Repeat("f", text)},
		DeadLetter: &topology.DeadLetter{Reason: "dead", Text: strings.Repeat("d", text)},
	}
	for i := range commands {
		h.Trace = append(h.Trace, topology.Trace{Kind: "send", Step: fmt.Sprint("step-", i), Text: "Tell"})
		h.Commands = append(h.Commands, schemas.HistoryCommand{ID: fmt.Sprintf("%032d", i), Attempt: 1, Message: "Tell", Topic: "out", Key: strings.Repeat("c", 100), Step: "step"})
		h.Letters = append(h.Letters, schemas.HistoryLetter{Kind: topology.LetterRun, To: topology.Address{Workflow: "w", Key: fmt.Sprint(i)}})
	}
	for i := range 10 {
		h.Lookups = append(h.Lookups, schemas.HistoryLookup{Table: "t", Key: fmt.Sprint(i), Found: i > 0, Row: strings.Repeat("r", rows/10)})
	}
	return h
}

func TestHistoryRecordThatWouldBeTooLargeKeepsItsCoordinatesAndSaysWhatIsGone(t *testing.T) {
	const most = 100_000
	for _, c := range []struct {
		name                          string
		commands, payload, rows, text int
		payloadGone, rowsGone         bool
		omitted                       string
	}{
		{"fits", 10, 10_000, 10_000, 10, false, false, ""},
		{"payload", 10, 200_000, 10_000, 10, true, false, ""},
		{"payload and rows", 10, 200_000, 200_000, 10, true, true, ""},
		{"trace", 570, 10_000, 10_000, 10, true, true, "the trace of 570 entries"},
		{"all", 1000, 200_000, 200_000, 200_000, true, true, "the trace, 1000 commands, 1000 letters and 10 lookups"},
	} {
		b, err := encodeHistory(largest(c.commands, c.payload, c.rows, c.text), most)
		if err != nil || len(b) > most {
			t.Fatalf("%s: %d bytes, %v", c.name, len(b), err)
		}
		h, err := schemas.DecodeHistory(b)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if h.Input.Record.Offset != 9 || h.Key != "k" || h.Outcome != topology.Taken || h.State == nil {
			t.Errorf("%s: coordinates: %+v", c.name, h)
		}
		if gone := h.Input.PayloadOmitted != ""; gone != c.payloadGone || gone != (h.Input.Payload == nil) {
			t.Errorf("%s: payload of %d bytes, omitted %q", c.name, len(h.Input.Payload), h.Input.PayloadOmitted)
		}
		if len(h.Lookups) > 1 && (h.Lookups[1].RowOmitted != "") != c.rowsGone {
			t.Errorf("%s: row omitted: %q", c.name, h.Lookups[1].RowOmitted)
		}
		if !strings.HasPrefix(h.Omitted, c.omitted) || (h.Omitted == "") != (c.omitted == "") {
			t.Errorf("%s: omitted %q", c.name, h.Omitted)
		}
	}
}

func TestTextIsCutBetweenCharacters(t *testing.T) {
	for text, want := range map[string]string{"short": "short", "12345678": "12345678", "123456789": "12345…", "1234é6789": "1234…"} {
		if got := cut(text, 8); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
