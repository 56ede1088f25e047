package suite

import (
	"context"
	"strings"
	"testing"

	"rondo/schemas"
	"rondo/topology"
	"rondo/topology/script"
	"rondo/topology/value"
)

var parcelMessages = []*topology.Message{{Name: "Sent", Topic: "events"}}

func parcelWire(t *testing.T) *schemas.Wire {
	t.Helper()
	wire, err := schemas.NewWire(context.Background(), &topology.Definition{Messages: parcelMessages}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

func TestHappeningsAreTheInputsOfAHistory(t *testing.T) {
	ref := &topology.RecordRef{Topic: "events", Offset: 3, Key: []byte("p-1")}
	header := func(key, text string) schemas.Header { return schemas.Header{Key: key, Value: []byte(text)} }
	got, err := Happenings(context.Background(), []schemas.History{
		{At: 1, Commands: []schemas.HistoryCommand{{ID: "id-1", Step: "send"}}, Input: schemas.HistoryInput{Kind: schemas.InputTimer}},
		{At: 2, Message: "Sent", Input: schemas.HistoryInput{Kind: schemas.InputEvent, Record: ref, Payload: []byte(`{"n":1}`),
			Headers: []schemas.Header{header("type", "Sent"), header("rondo-command-id", "id-1"), header("trace", "t-1")}}},
		{At: 3, Message: "Sent", Input: schemas.HistoryInput{Kind: schemas.InputEvent, Record: ref, PayloadOmitted: schemas.PayloadKept}},
		{At: 4, Input: schemas.HistoryInput{Kind: schemas.InputAct, Act: &topology.Act{Kind: "pause"}}},
		{At: 5, Input: schemas.HistoryInput{Kind: schemas.InputLetter, Letter: &topology.Letter{Kind: topology.LetterOutcome,
			From: topology.Address{Workflow: "billing", Key: "b-1"}, Status: topology.StatusCompleted, Value: "paid"}}},
		{At: 6, Input: schemas.HistoryInput{Kind: schemas.InputLetter, Letter: &topology.Letter{Kind: topology.LetterGrant}},
			Lookups: []schemas.HistoryLookup{{Table: "t", Key: "k", Row: "r", Found: true}}},
	}, parcelWire(t))
	if err != nil {
		t.Fatal(err)
	}
	in := got[1].In
	if len(got) != 6 || got[0].At != 1 || got[0].In != nil || in.Message != "Sent" || in.Key != "p-1" || got[1].Echo != "send" || len(in.Headers) != 1 || in.Headers["trace"] != "t-1" {
		t.Errorf("happenings: %+v, in %+v", got, in)
	}
	if n, _ := in.Payload.(*value.Map).Lookup("n"); n != int64(1) {
		t.Errorf("payload: %v", in.Payload)
	}
	if got[2].In != nil || got[3].Act.Kind != "pause" || got[4].Child.Key != "b-1" || got[4].Child.Output != "paid" || got[5].Lookups[0].Row != "r" || got[5].At != 6 {
		t.Errorf("happenings: %+v", got)
	}
}

func TestWhatAScriptCannotSayIsNoHappening(t *testing.T) {
	letter := func(kind topology.LetterKind) schemas.HistoryInput {
		return schemas.HistoryInput{Kind: schemas.InputLetter, Record: &topology.RecordRef{}, Letter: &topology.Letter{Kind: kind, From: topology.Address{Workflow: "order", Key: "o-1"}}}
	}
	omitted := schemas.HistoryInput{Kind: schemas.InputEvent, Record: &topology.RecordRef{Topic: "events", Offset: 3}, PayloadOmitted: "larger than 16 KiB"}
	unread := schemas.HistoryInput{Kind: schemas.InputEvent, Record: &topology.RecordRef{Topic: "elsewhere"}, Payload: []byte("1")}
	for _, c := range []struct {
		input schemas.HistoryInput
		want  string
	}{
		{letter(topology.LetterRun), "was begun by order/o-1: record that one"},
		{letter(topology.LetterBegin), "was begun by its schedule"},
		{letter(topology.LetterCancel), "was cancelled by order/o-1: record that one"},
		{omitted, "not in the history (larger than 16 KiB): it is at events/0/3"},
		{unread, "no message of the definition is in the topic elsewhere"},
	} {
		if got, err := Happenings(context.Background(), []schemas.History{{Input: c.input}}, parcelWire(t)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v, %v, want %s", got, err, c.want)
		}
	}
}

func TestDriftSaysWhereAScriptSendsSomethingElse(t *testing.T) {
	sent := func(message string, attempt int) script.Sent {
		return script.Sent{Command: topology.Command{Message: message, Step: "send", Attempt: attempt}, Instance: "p-1"}
	}
	was := []schemas.History{{Key: "p-1", Commands: []schemas.HistoryCommand{{Message: "Send", Step: "send", Attempt: 1}, {Message: "Send", Step: "send", Attempt: 2}}}}
	for _, c := range []struct {
		sent []script.Sent
		want string
	}{
		{[]script.Sent{sent("Send", 1), sent("Send", 2)}, ""},
		{[]script.Sent{sent("Send", 1)}, "the history goes on with Send of send, attempt 2, where the script sends nothing"},
		{[]script.Sent{sent("Send", 1), sent("Stop", 1)}, "the history has Send of send, attempt 2, where the script sends Stop of send, attempt 1"},
		{[]script.Sent{sent("Send", 1), sent("Send", 2), sent("Send", 3)}, "the script sends Send of send, attempt 3, which the history has not"},
	} {
		if got := Drift(was, c.sent); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
