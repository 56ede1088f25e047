package processor

import (
	"testing"

	"rondo/topology"
	"rondo/topology/value"
)

// An event that its instance had kept, and that cannot be used when its turn
// comes, is a dead letter like any other: with its coordinates and what it said.
func TestDeadLetterOfAKeptEventHasItsCoordinatesAndContent(t *testing.T) {
	event := &topology.Event{
		Record:  topology.RecordRef{Topic: "in", Partition: 3, Offset: 42, Time: 1000, Key: []byte("k")},
		Payload: value.MapOf(map[string]value.Value{"id": "j-1", "n": int64(7)}),
	}
	record, err := keptRecord(event)
	if err != nil {
		t.Fatal(err)
	}
	if coordinates(record) != "in/3/42" || string(record.Key) != "k" || string(record.Value) != `{"id":"j-1","n":7}` {
		t.Errorf("got %s, key %q, value %s", coordinates(record), record.Key, record.Value)
	}
	if len(record.Headers) != 1 || record.Headers[0].Key != headerDeadForm {
		t.Errorf("it does not say that its bytes are elsewhere: %v", record.Headers)
	}
	d := decisionOf{decision: topology.Decision{Event: event}}
	if ref, ok := d.about(); !ok || ref.Offset != 42 {
		t.Errorf("the decision is about %+v", ref)
	}
	event.Payload = nil
	if record, err = keptRecord(event); err != nil || record.Value != nil {
		t.Errorf("a tombstone came back as %q (%v)", record.Value, err)
	}
}

// The history names the message of an event also if the instance had kept it. An act
// that has an event decided again is no event.
func TestTheHistoryNamesTheMessageOfEveryEvent(t *testing.T) {
	event := &topology.Event{Message: "Paid"}
	relay := &topology.Letter{Kind: topology.LetterRelay, Event: event}
	for name, c := range map[string]struct {
		d    decisionOf
		want string
	}{
		"it came":             {decisionOf{input: topology.Input{Event: event}}, "Paid"},
		"handed on":           {decisionOf{input: topology.Input{Letter: relay}}, "Paid"},
		"kept":                {decisionOf{decision: topology.Decision{Event: event}}, "Paid"},
		"a timer":             {decisionOf{input: topology.Input{Timer: true}}, ""},
		"another letter":      {decisionOf{input: topology.Input{Letter: &topology.Letter{Kind: topology.LetterGrant}}}, ""},
		"an act on its cause": {decisionOf{input: topology.Input{Act: &topology.Act{Kind: topology.ActRetry}}, decision: topology.Decision{Event: event}}, ""},
	} {
		if got := c.d.message(); got != c.want {
			t.Errorf("%s: the message is %q, want %q", name, got, c.want)
		}
	}
}
