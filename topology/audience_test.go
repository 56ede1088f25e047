package topology

import (
	"slices"
	"strings"
	"testing"

	"rondo/topology/value"
)

func TestAudienceIsReadAsItWasWritten(t *testing.T) {
	for _, a := range []Audience{
		{"shop.orders", "shop", "", ""},
		{"shop.orders", "shop", "checkout", ""},
		{"shop.orders", "shop", "checkout", "o-1"},
		{"shop.orders", "shop", "checkout", "a/b c/"},
	} {
		if got, ok := ParseAudience(a.Topic, a.String()); !ok || got != a {
			t.Errorf("%s: read as %+v, %v", a, got, ok)
		}
		if got, ok := ParseAudience("payments", a.String()); ok {
			t.Errorf("%s, copied to another topic: %+v", a, got)
		}
	}
	for _, text := range []string{"", "shop.orders", "shop.orders ", " shop"} {
		if a, ok := ParseAudience("shop.orders", text); ok {
			t.Errorf("%q is read as %+v", text, a)
		}
	}
}

// invoices are told of by their number, or by the orders that are on them.
const invoices = `workflow: w
version: 1
messages:
  Sent: {topic: a, key: event.orders}
  Paid: {topic: a, key: event.invoice, correlate: invoice}
start: {Sent: {set: {invoice: =event.invoice}}}
do: [{rest: {listen: {Paid: {}}, timeout: 1h}}]
`

func invoicePlan(t *testing.T) *Plan {
	t.Helper()
	def, found := Parse("test.yaml", []byte(invoices), nil)
	if found.HasErrors() {
		t.Fatalf("%+v", found)
	}
	plan, found := Compile(def, Options{Application: "shop"})
	if found.HasErrors() {
		t.Fatalf("%+v", found)
	}
	return plan
}

// replayedFor are the headers of a record that was replayed; none for "".
func replayedFor(text string) *value.Map {
	if text == "" {
		return value.MapOf(nil)
	}
	return value.MapOf(map[string]value.Value{HeaderReplayFor: text})
}

func TestReplayedRecordIsForTheInstanceThatRefusedIt(t *testing.T) {
	plan := invoicePlan(t)
	orders := value.MapOf(map[string]value.Value{"orders": []any{"o-1", "o-2"}})
	for text, want := range map[string]string{
		"":              "o-1 o-2",
		"a shop":        "o-1 o-2",
		"a shop/w":      "o-1 o-2",
		"a shop/w/o-2":  "o-2",
		"a shop/w/gone": "o-1 o-2", // the key was mended since
		"b shop/w/o-2":  "o-1 o-2", // a copied header
		"a shop/v/o-2":  "o-1 o-2", // of another workflow: it is not asked at all
	} {
		m, ok := plan.Match(&Record{Ref: RecordRef{Topic: "a"}, Types: []string{"Sent"}, Headers: replayedFor(text), Payload: orders})
		if got := strings.Join(m.Keys, " "); !ok || m.Dead != nil || got != want {
			t.Errorf("%q: for %s (%+v), want %s", text, got, m.Dead, want)
		}
	}
}

func TestReplayedRecordIsHandedOnToTheInstanceThatRefusedIt(t *testing.T) {
	plan := invoicePlan(t)
	to := mailboxAddress("w", "invoice", "i-1")
	var box *Instance
	for _, key := range []string{"o-1", "o-2", "o-3"} {
		announce := &Letter{Kind: LetterAnnounce, To: to, From: Address{Workflow: "w", Key: key}, Run: "r"}
		box = plan.DecideAt(to, box, Input{At: 1, Letter: announce}).Instance
	}
	for text, want := range map[string][]string{
		"":              {"o-1", "o-2", "o-3"},
		"a shop/w/o-2":  {"o-2"},
		"a shop/w/i-1":  {"o-1", "o-2", "o-3"}, // the mailbox itself had refused it
		"a shop/w/gone": {"o-1", "o-2", "o-3"},
	} {
		e := &Event{Message: "Paid", Record: RecordRef{Topic: "a"}, Headers: replayedFor(text), Payload: value.MapOf(nil)}
		var got []string
		for _, l := range plan.DecideAt(to, box, Input{At: 2, Event: e}).Letters {
			got = append(got, l.To.Key)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: handed on to %v, want %v", text, got, want)
		}
	}
}
