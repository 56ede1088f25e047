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

func TestCompareSaysWhatChangesAtEachStep(t *testing.T) {
	newer := strings.NewReplacer("version: 1", "version: 2\nmigrate: {from: 1, steps: {later: pause}}", "timeout: 5s", "timeout: 6s",
		"later: {listen: {Hold: {}, Drop: {}, Reject: {}}}", "pause: {set: {b: 1}, wait: 1h}", "rest: {wait: =now + duration('5m')}", "rest: {listen: {Hold: {when: b == c, set: {c: 1}}}}",
		"inside", "within").Replace(standingFile)
	c := Compare(planOf(t, standingFile), planOf(t, newer))
	var out strings.Builder
	fmt.Fprintf(&out, "%s %d %d %v %v\n", c.Workflow, c.From, c.To, c.Migrates, c.Unset)
	for _, s := range c.Steps {
		fmt.Fprintf(&out, "%s to %q: %s %s\n", s.Place, s.To, s.Fate, strings.Join(s.Changes, "; "))
	}
	want := `w 1 2 true [b c]
ask to "ask": stays it holds Drop no more; it holds Reject no more; ` + "`timeout` differs; its action or reactions differ" + `
inside to "": gone 
later to "pause": afresh 
rest to "rest": stuck it waits, and listens now
`
	want = strings.Replace(want, "it holds Drop no more; it holds Reject no more; ", "", 1)
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
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
	if c.Migrates || len(c.Steps) != 4 || len(c.Unset) > 0 {
		t.Errorf("got %+v", c)
	}
	for _, s := range c.Steps {
		if s.Fate != FateStays || len(s.Changes) > 0 {
			t.Errorf("got %+v", s)
		}
	}
}
