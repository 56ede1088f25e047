package script_test

import (
	"os"
	"strings"
	"testing"

	"rondo/topology"
	"rondo/topology/script"
	"rondo/topology/value"
)

// happened is what a script lets happen.
func happened(t *testing.T, test script.Test) []script.Happening {
	t.Helper()
	var out []script.Happening
	now := topology.Instant(1_800_000_000_000)
	for _, s := range test.Steps {
		switch s.Word {
		case "in":
			headers := map[string]string{}
			for name, v := range s.Headers.All() {
				headers[name] = v.(string)
			}
			out = append(out, script.Happening{At: now, In: &script.Incoming{Message: s.Message, Payload: s.Payload, Key: s.Key, Headers: headers}, Echo: s.Echo})
		case "after":
			now = now.Add(s.After)
			out = append(out, script.Happening{At: now})
		case "act":
			out = append(out, script.Happening{At: now, Act: s.Act})
		case "child":
			out = append(out, script.Happening{At: now, Child: &s.Child})
		}
	}
	return out
}

// replays records what a test lets happen, and plays the recorded script.
func replays(t *testing.T, test script.Test, plan *topology.Plan, lookups ...topology.Lookup) string {
	t.Helper()
	all := happened(t, test)
	all[0].Lookups = lookups
	recording, err := script.Record(test.Name, all, plan)
	if err != nil {
		t.Fatal(err)
	}
	text := recording.Text
	suite, found := script.Parse("x.test.yaml", append([]byte("workflow: w.yaml\ntests:\n"), text...))
	if suite == nil {
		t.Fatalf("%v\n%s", found, text)
	}
	if found := suite.Check(nil, plan); len(found) > 0 {
		t.Errorf("%v\n%s", found, text)
	}
	if failure := suite.Tests[0].Run(plan); failure != nil {
		t.Errorf("%v\n%s", failure, text)
	}
	return string(text)
}

// TestARecordedScriptPasses: whatever a script lets happen can be recorded, and
// the recorded script, which lists everything that is sent, passes.
func TestARecordedScriptPasses(t *testing.T) {
	src, err := os.ReadFile("../../examples/checkout/checkout.test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	suite, found := script.Parse("checkout.test.yaml", src)
	if suite == nil {
		t.Fatal(found)
	}
	plan := planOf(t, "../../examples/checkout/checkout.yaml")
	for _, test := range suite.Tests {
		t.Run(test.Name, func(t *testing.T) { replays(t, test, plan) })
	}
}

func TestARecordedScriptSaysWhatHasHappened(t *testing.T) {
	suite, found := script.Parse("x.test.yaml", []byte(`workflow: w
tests:
  - name: "an order: with 'quotes'"
    script:
      - in: {Placed: {id: "1", amount: 30, at: 2026-01-01, note: "yes", more: [1.5, null, {a b: true}]}, headers: {trace: "#1"}}
      - act: {set: {amount: 31}}
      - act: {cancel: {reason: a mistake}}
  - name: billed
    script:
      - in: {Placed: {id: o-1, amount: 30}}
      - after: 90s
      - child: {key: o-1-b, completed: {invoice: i-1}}
  - name: not billed
    script:
      - in: {Placed: {id: o-1, amount: 30}}
      - child: {failed: {error: no-credit, message: sorry}}
`))
	if suite == nil {
		t.Fatal(found)
	}
	plan := compileText(t, orderWorkflow)
	var got strings.Builder
	for _, test := range suite.Tests {
		got.WriteString(replays(t, test, plan, topology.Lookup{Table: "profile", Key: "o-1", Row: value.MapOf(map[string]value.Value{"segment": "vip"}), Found: true}))
	}
	want := `  - name: "an order: with 'quotes'"
    script:
      - table: {profile: {o-1: {segment: vip}}}
      - in:  {Placed: {amount: 30, at: "2026-01-01", id: "1", more: [1.5, null, {"a b": true}], note: "yes"}, headers: {trace: "#1"}}
      - run: {workflow: billing, key: "1-b", with: {amount: 30}}
      - act: {set: {amount: 31}}
      - act: {cancel: {reason: "a mistake"}}
      - end: cancelled
  - name: billed
    script:
      - table: {profile: {o-1: {segment: vip}}}
      - in:  {Placed: {amount: 30, id: o-1}}
      - run: {workflow: billing, key: o-1-b, with: {amount: 30}}
      - after: 1m30s
      - child: {completed: {invoice: i-1}, key: o-1-b}
      - out: {Done: {invoice: i-1, vip: {segment: vip}}}
      - end: completed
  - name: "not billed"
    script:
      - table: {profile: {o-1: {segment: vip}}}
      - in:  {Placed: {amount: 30, id: o-1}}
      - run: {workflow: billing, key: o-1-b, with: {amount: 30}}
      - child: {failed: {data: null, error: no-credit, message: sorry}}
      - end: {failed: no-credit}
`
	if got.String() != want {
		t.Errorf("recorded:\n%s\nwant:\n%s", got.String(), want)
	}
}

func TestWhatCannotBePlayedIsNotRecorded(t *testing.T) {
	plan := compileText(t, orderWorkflow)
	if text, err := script.Record("n", []script.Happening{{At: 1, In: &script.Incoming{Message: "Nothing"}}}, plan); err == nil ||
		!strings.Contains(err.Error(), "input 1 of the history cannot be played") {
		t.Errorf("%v, %v", text, err)
	}
}

// TestARecordedScriptHasWholeNumbersBeyond64BitsAsNumbers: they come in again as what
// they were, and no text.
func TestARecordedScriptHasWholeNumbersBeyond64BitsAsNumbers(t *testing.T) {
	plan := planOfText(t, `
workflow: w
version: 1
messages:
  Go:   {topic: a, key: event.id}
  Told: {topic: b}
start: {Go: {set: {big: =event.big}}}
do: [{tell: {send: Told, with: {more: =big + 1}}}]
`)
	suite, found := script.Parse("x.test.yaml", []byte(`workflow: w.yaml
tests:
  - name: wide
    script:
      - in: {Go: {id: k, big: 18446744073709551616}}
      - out: {Told: {more: 18446744073709551617}}
`))
	if suite == nil {
		t.Fatal(found)
	}
	text := replays(t, suite.Tests[0], plan)
	for _, want := range []string{"big: 18446744073709551616,", "more: 18446744073709551617}"} {
		if !strings.Contains(text, want) {
			t.Errorf("the script does not have %q:\n%s", want, text)
		}
	}
}
