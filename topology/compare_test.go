package topology

import (
	"fmt"
	"strings"
	"testing"
)

func planOf(t *testing.T, text string) *Plan {
	t.Helper()
	def, list := parseText(text)
	if list.HasErrors() {
		t.Fatal(list)
	}
	plan, found := Compile(def, Options{Application: "test"})
	if plan == nil {
		t.Fatal(found)
	}
	return plan
}

const standingFile = `workflow: w
version: 1
messages:
  Go: {topic: t}
  Ask: {topic: t}
  Told: {topic: t}
  Hold: {topic: t}
  Drop: {topic: t, early: drop}
  Reject: {topic: t, early: reject}
  Aside: {topic: t}
again: queue
start: {Go: {set: {a: 1}}}
deadline: 1h
anytime: {Aside: {}}
do:
  - ask: {send: Ask, await: {Told: {do: [{inside: {wait: 1s}}]}}, timeout: 5s}
  - later: {listen: {Hold: {}, Drop: {}, Reject: {}}}
  - rest: {wait: =now + duration('5m')}
`

func TestStandingsSayWhatBecomesOfEachMessage(t *testing.T) {
	var out strings.Builder
	for _, s := range planOf(t, standingFile).Standings() {
		fmt.Fprintf(&out, "%s (%s) takes %v anytime %v holds %v rejects %v drops %v starts %v ignores %v\n",
			s.Place, s.Does, s.Takes, s.Anytime, s.Holds, s.Rejects, s.Drops, s.Starts, s.Ignores)
	}
	want := `ask (calls Ask) takes [Told] anytime [Aside] holds [Hold] rejects [Reject] drops [Drop] starts [Go] ignores []
inside (waits) takes [] anytime [Aside] holds [Hold] rejects [Reject] drops [Drop] starts [Go] ignores [Told]
later (listens) takes [Hold Drop Reject] anytime [Aside] holds [] rejects [] drops [] starts [Go] ignores [Told]
rest (waits) takes [] anytime [Aside] holds [] rejects [] drops [] starts [Go] ignores [Told Hold Drop Reject]
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

// told writes a comparison a line for each thing that it says.
func comparisonText(c Comparison) string {
	var out strings.Builder
	list := func(label string, changes []Change) {
		for _, change := range changes {
			fmt.Fprintf(&out, "  %s: %s\n", label, strings.TrimSpace(fmt.Sprintf("%s %s [%s]", change.Step, change.Text, change.What)))
		}
	}
	fmt.Fprintf(&out, "%s %d %d %v\n", c.Workflow, c.From, c.To, c.Migrates)
	for _, s := range c.Steps {
		fmt.Fprintf(&out, "%s to %q: %s %s\n", s.Place, s.To, s.Fate, strings.Join(s.Refused, "; "))
		for _, name := range s.RefusedIf {
			fmt.Fprintf(&out, "  refused if: %s\n", name)
		}
		list("here", s.Here)
		list("ahead", s.Ahead)
		list("undo", s.Undo)
		list("null", s.Variables)
	}
	list("everywhere", c.Everywhere)
	return out.String()
}

const comparedFile = `workflow: w
version: 1
messages:
  Go: {topic: t}
  Ask: {topic: t}
  AskMore: {topic: t}
  Undo: {topic: t}
  Revoke: {topic: t}
  Tell: {topic: t}
  Told: {topic: t}
  Held: {topic: t}
  Aside: {topic: t}
  Pushed: {topic: t}
start: {Go: {set: {a: 1, left: 2}}}
deadline: 1h
anytime:
  Aside: {do: [{pause: {wait: 1s}}, {tell: {send: Tell}}]}
do:
  - ask:
      send: Ask
      with: {a: =a, b: 1}
      await: {Told: {set: {c: =event.c}}}
      timeout: 5s
      compensate: {send: Undo}
  - sides:
      fork:
        left: [{push: {listen: {Pushed: {}}}}]
        right: [{rest: {wait: 1s}}]
  - each:
      for: {each: item, in: [1, 2]}
      do: [{one: {send: AskMore, await: {Told: {}}, timeout: 1s}}]
  - child: {run: other, await: {completed: {}}}
  - last: {send: Tell, with: {a: =a}}
catch:
  any: {do: [{undo: compensate}, {failed: {end: {fail: =error.name}}}]}
`

// TestCompareSaysWhatChangesAtEachStep goes through reactions, branches, loops and
// children.
func TestCompareSaysWhatChangesAtEachStep(t *testing.T) {
	newer := strings.NewReplacer(
		"version: 1", "version: 2\nmigrate: {from: 1, steps: {ask: ask, rest: relax, child: await-it}}",
		"timeout: 5s", "timeout: 6s\n      retry: {attempts: 3, backoff: 1s}",
		"with: {a: =a, b: 1}", "with: {a: =a + 1, d: 1}",
		"compensate: {send: Undo}", "compensate: {send: Revoke}",
		"rest: {wait: 1s}", "relax: {wait: 1s}",
		"{one:", "{single:",
		"child: {run: other, await: {completed: {}}}", "await-it: {listen: {Held: {}}}",
		"last: {send: Tell, with: {a: =a}}", "last: {send: Tell, with: {a: =fresh}}\n  - more: {set: {fresh: 1}, send: Tell, with: {a: =fresh}}",
		"left: 2", "other: 2", "deadline: 1h", "deadline: 2h", "{tell: {send: Tell}}", "{tell: {send: Ask}}",
		"Pushed: {topic: t}", "Pushed: {topic: u}",
	).Replace(comparedFile)
	got := comparisonText(Compare(planOf(t, comparedFile), planOf(t, newer)))
	want := `w 1 2 true
pause to "pause": kept 
ask to "ask": kept 
  here: ask ` + "`" + `with` + "`" + `: a otherwise, d too, b no more [data]
  here: ask ` + "`" + `timeout` + "`" + ` 5s → 6s [timeout]
  here: ask ` + "`" + `retry` + "`" + ` is new: attempts 3, backoff 1s, factor 2, max 1h, errors timeout [retry]
  here: ask Held not read → held for later [message]
  ahead: single is new; it calls AskMore [step]
  ahead: await-it runs other → listens [action]
  ahead: last ` + "`" + `with` + "`" + `: a otherwise [data]
  ahead: last goes on to more, and not to the end of its list [next]
  ahead: more is new; it sends Tell [step]
  ahead: one is gone; it calls AskMore [step]
  undo: ask ` + "`" + `compensate` + "`" + ` sends Undo → sends Revoke [undo]
  null: last reads fresh, which may never have been set [variable]
push to "push": kept 
  ahead: single is new; it calls AskMore [step]
  ahead: await-it runs other → listens [action]
  ahead: last ` + "`" + `with` + "`" + `: a otherwise [data]
  ahead: last goes on to more, and not to the end of its list [next]
  ahead: more is new; it sends Tell [step]
  ahead: one is gone; it calls AskMore [step]
  undo: ask ` + "`" + `compensate` + "`" + ` sends Undo → sends Revoke [undo]
  null: last reads fresh, which may never have been set [variable]
rest to "relax": mapped 
  ahead: single is new; it calls AskMore [step]
  ahead: await-it runs other → listens [action]
  ahead: last ` + "`" + `with` + "`" + `: a otherwise [data]
  ahead: last goes on to more, and not to the end of its list [next]
  ahead: more is new; it sends Tell [step]
  ahead: one is gone; it calls AskMore [step]
  undo: ask ` + "`" + `compensate` + "`" + ` sends Undo → sends Revoke [undo]
  null: last reads fresh, which may never have been set [variable]
one to "": refused stands at one, and version 2 has no step one: map it in migrate.steps
child to "await-it": afresh 
  ahead: last ` + "`" + `with` + "`" + `: a otherwise [data]
  ahead: last goes on to more, and not to the end of its list [next]
  ahead: more is new; it sends Tell [step]
  undo: ask ` + "`" + `compensate` + "`" + ` sends Undo → sends Revoke [undo]
  null: last reads fresh, which may never have been set [variable]
  everywhere: tell sends Tell → sends Ask [action]
  everywhere: ` + "`" + `topic` + "`" + ` of message Pushed t → u [message]
  everywhere: the deadline 1h → 2h (one that is armed stays) [timeout]
  everywhere: left stays, and nothing reads it any more [variable]
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestCompareSaysWhatCannotBeUndone(t *testing.T) {
	newer := strings.NewReplacer("version: 1", "version: 3\nmigrate: {from: 2}", "      compensate: {send: Undo}\n", "", "Undo: {topic: t}", "", "Revoke: {topic: t}", "").Replace(comparedFile)
	c := Compare(planOf(t, comparedFile), planOf(t, newer))
	if c.Migrates || len(c.Steps) == 0 {
		t.Errorf("got %+v", c)
	}
	for _, s := range c.Steps {
		if want := s.Place != "pause"; (strings.Join(s.RefusedIf, "; ") == "has done ask, which version 3 cannot undo: give it a compensation there") != want {
			t.Errorf("%s is refused if it %v", s.Place, s.RefusedIf)
		}
	}
}

func TestAVersionComparedWithItselfChangesNothing(t *testing.T) {
	text := string(readFile(t, "../examples/checkout/checkout.yaml"))
	read := func(name string) ([]byte, error) { return readFile(t, "../examples/checkout/"+name), nil }
	plan := func(text string) *Plan {
		def, _ := Parse("c.yaml", []byte(text), read)
		p, found := Compile(def, Options{Application: "test"})
		if p == nil {
			t.Fatal(found)
		}
		return p
	}
	c := Compare(plan(text), plan("# a comment moves all places\n"+text))
	if c.Migrates || len(c.Steps) != 4 || len(c.Everywhere) > 0 {
		t.Errorf("got %+v", c)
	}
	for _, s := range c.Steps {
		if s.Fate != FateKept || len(s.Here)+len(s.Ahead)+len(s.Undo)+len(s.Variables)+len(s.RefusedIf) > 0 {
			t.Errorf("got %+v", s)
		}
	}
}
