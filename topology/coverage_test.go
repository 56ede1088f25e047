package topology_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rondo/topology"
	"rondo/topology/script"
)

const coveredWorkflow = `workflow: covered
version: 1
messages:
  Begun: {topic: a, key: event.id}
  Ask:   {topic: b}
  Told:  {topic: c, key: event.id}
  More:  {topic: c, key: event.id}
  Undo:  {topic: b}
start: {Begun: {set: {n: 0}}}
deadline: 1h
anytime: {More: {if: n > 0, set: {n: =n + 1}}}
do:
  - ask:
      send: Ask
      await: {Told: [{when: event.ok}, {raise: refused}]}
      timeout: 1s
      catch: {timeout: {}}
      compensate: {send: Undo}
  - kind: {if: n == 0, switch: [{when: n == 0, set: {n: 1}}, {set: {n: 2}}]}
  - hear: {listen: {Told: {}}, until: n > 5, idle: 1m}
catch: {any: {do: [{undo: compensate}, {failed: {end: {fail: =error.name}}}]}}
`

func TestSpotsAreAllThatCanBeReached(t *testing.T) {
	plan := compile(t, "covered.yaml", coveredWorkflow, topology.Limits{})
	var got []string
	for _, s := range plan.Spots() {
		got = append(got, fmt.Sprintf("%d %s %s", s.Pos.Line, s.Kind, s.Name))
	}
	want := []string{
		"9 outcome start.Begun", "10 outcome deadline", "11 outcome anytime.More", "11 branch anytime.More: if not",
		"13 step ask", "15 outcome ask.Told", "15 outcome ask.Told.2", "16 outcome ask: timeout", "17 branch ask.catch.timeout", "18 branch ask.compensate",
		"19 step kind", "19 branch kind: if not", "19 branch kind.1", "19 branch kind.2",
		"20 step hear", "20 outcome hear: timeout", "20 outcome hear.Told", "20 outcome hear: until",
		"21 branch catch.any", "21 step undo", "21 step failed",
	}
	if !slices.Equal(got, want) {
		t.Errorf("spots:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestEverySpotIsReached: whatever Spots lists is told by some decision, under
// the same name.
func TestEverySpotIsReached(t *testing.T) {
	plan := compile(t, "covered.yaml", coveredWorkflow, topology.Limits{})
	missing := map[string]bool{}
	for _, s := range plan.Spots() {
		missing[s.Name] = true
	}
	missing["kind.2"] = false // n is 0 wherever `kind` is not left out
	for _, lines := range []string{
		"Begun {id: a}; +1s; Told {id: a}; More {id: a}; More {id: a}; More {id: a}; More {id: a}; More {id: a}",
		"Begun {id: a}; More {id: a}; Told {id: a, ok: true}; +1m",
		"Begun {id: a}; Told {id: a, ok: false}",
		"Begun {id: a}; set; Told {id: a, ok: true}; +1h",
		"Begun {id: a}; pause; +1h; resume; +0s",
	} {
		for _, name := range reachedBy(t, plan, lines) {
			delete(missing, name)
		}
	}
	for name, is := range missing {
		if is {
			t.Errorf("%s is never reached", name)
		}
	}
}

// reachedBy plays inputs and returns the spots that they reach.
func reachedBy(t *testing.T, plan *topology.Plan, lines string) []string {
	t.Helper()
	w := script.New(plan)
	var reached []string
	for _, line := range strings.Split(lines, "; ") {
		var decided []script.Decided
		var err error
		name, payload, _ := strings.Cut(line, " ")
		switch {
		case line[0] == '+':
			d, bad := topology.ParseDuration(line[1:])
			if bad != nil {
				t.Fatal(bad)
			}
			decided, err = w.After(d)
		case name == "set":
			decided, err = w.Act("a", &topology.Act{Kind: name, Data: mapValue(t, "{n: 3}")})
		case payload == "":
			decided, err = w.Act("a", &topology.Act{Kind: name})
		default:
			decided, err = w.In(script.Incoming{Message: name, Payload: mapValue(t, payload)})
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range decided {
			reached = append(reached, d.Decision.Reached()...)
		}
	}
	return reached
}

func mapValue(t *testing.T, text string) any {
	t.Helper()
	v, err := script.ParseValue(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
