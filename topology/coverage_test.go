package topology_test

import (
	"fmt"
	"maps"
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
again: ended
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
		"9 outcome again: repeated", "9 outcome start.Begun", "11 outcome deadline", "12 outcome anytime.More", "12 branch anytime.More: if not",
		"14 step ask", "16 outcome ask.Told", "16 outcome ask.Told.2", "17 outcome ask: timeout", "18 branch ask.catch.timeout",
		"19 branch ask.compensate", "19 branch ask.compensate: done", "19 branch ask.compensate: in doubt",
		"20 step kind", "20 branch kind: if not", "20 branch kind.1", "20 branch kind.2",
		"21 step hear", "21 outcome hear: idle", "21 outcome hear.Told", "21 outcome hear: until",
		"22 branch catch.any", "22 step undo", "22 step failed",
	}
	if !slices.Equal(got, want) {
		t.Errorf("spots:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestWhatAgainDoesByDefaultIsNoSpot: a suite need not try what nobody has written.
func TestWhatAgainDoesByDefaultIsNoSpot(t *testing.T) {
	for _, again := range []string{"", "again: never\n"} {
		plan := compile(t, "covered.yaml", strings.Replace(coveredWorkflow, "again: ended\n", again, 1), topology.Limits{})
		if slices.ContainsFunc(plan.Spots(), func(s topology.Spot) bool { return strings.HasPrefix(s.Name, "again") }) {
			t.Errorf("with %q: %+v", again, plan.Spots())
		}
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
		"Begun {id: a}; Begun {id: a}",
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

const turnsWorkflow = `workflow: turns
version: 1
again: queue
messages:
  Go:    {topic: a, key: event.id}
  Note:  {topic: a, key: event.id, id: event.n}
  Hurry: {topic: a, key: event.id, early: drop}
  Ask:   {topic: b}
  Told:  {topic: a, key: event.id}
tables: {shop: {topic: t}}
start: {Go: {when: event.ok, set: {n: =event.n, row: "=lookup('shop', key)"}}}
do:
  - ask: {send: Ask, await: {Told: {when: event.n == n}}, timeout: 1s, retry: {attempts: 2, backoff: 1s}, catch: {timeout: {}}}
  - kind: {switch: [{when: n > 5, set: {n: 5}}]}
  - loop: {for: {each: i, in: "n > 2 ? [1, 2] : []", while: n < 4, parallel: 2}, join: any, do: [{rest: {wait: 1s}}]}
  - both: {fork: {fast: [{one: {wait: 1s}}], slow: [{two: {wait: 1m}}]}, join: any}
  - kid: {run: child, await: {completed: {}}, timeout: 1h, catch: {any: {}}}
  - hear: {listen: {Note: {}, Hurry: {}}, timeout: 2s, idle: 1s, until: n > 100, catch: {timeout: {}}}
`

// TestEveryTurnIsReached: what is no step of its own, and can come of one all the same.
func TestEveryTurnIsReached(t *testing.T) {
	plan := compile(t, "turns.yaml", turnsWorkflow, topology.Limits{})
	missing := map[string]bool{}
	for _, s := range plan.Spots() {
		if strings.Contains(s.Name, ":") {
			missing[s.Name] = true
		}
	}
	for _, want := range []string{
		"again: queued", "Note: duplicate", "Hurry: early", "start.Go: when not", "lookup shop: no row", "ask: timeout", "ask: retry", "ask.Told: when not", "kind: none",
		"loop: empty", "loop: while", "loop: join", "both: join", "kid: timeout", "kid: failed", "hear: timeout", "hear: idle", "hear: until", "hear: held",
	} {
		if !missing[want] {
			t.Errorf("%s is no spot", want)
		}
	}
	for lines, want := range map[string]string{
		"Go {id: a, ok: false}":                                                                              "start.Go: when not",
		"Go {id: a, ok: true, n: 1}; Go {id: a, ok: true}":                                                   "again: queued, lookup shop: no row",
		"Go {id: a, ok: true, n: 1}; Hurry {id: a}; +1s; +1s":                                                "Hurry: early, ask: retry, lookup shop: no row",
		"Go {id: a, ok: true, n: 1}; Told {id: a, n: 2}; +4s":                                                "ask.Told: when not, ask: retry, ask: timeout, both: join, kind: none, lookup shop: no row, loop: empty",
		"Go {id: a, ok: true, n: 6}; Told {id: a, n: 6}":                                                     "lookup shop: no row, loop: empty, loop: while",
		"Go {id: a, ok: true, n: 3}; Told {id: a, n: 3}; +1s":                                                "kind: none, lookup shop: no row, loop: join",
		"Go {id: a, ok: true, n: 6}; Told {id: a, n: 6}; Note {id: a, n: 1}; +1h1s; Note {id: a, n: 1}; +3s": "Note: duplicate, both: join, hear: held, hear: idle, kid: timeout, lookup shop: no row, loop: empty, loop: while",
	} {
		got := map[string]bool{}
		for _, name := range reachedBy(t, plan, lines) {
			if strings.Contains(name, ": ") {
				got[name] = true
			}
		}
		if text := strings.Join(slices.Sorted(maps.Keys(got)), ", "); text != want {
			t.Errorf("%s reaches %s\nwant %s", lines, text, want)
		}
	}
}
