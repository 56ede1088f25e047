package script_test

import (
	"slices"
	"strings"
	"testing"

	"rondo/topology/script"
)

const branchesFile = `workflow: branches
version: 1
messages:
  Go:   {topic: in, key: event.id}
  Note: {topic: in, key: event.id}
  Done: {topic: in, key: event.id}
start: {Go: {set: {all: 1}}}
anytime:
  Note:
    set: {said: =event.text}
    do: [{rest: {wait: 1h}}]
do:
  - legs:
      for: {each: leg, in: [a, b], parallel: 2}
      do:
        - own: {set: {place: =index}}
        - both:
            fork:
              left:  [{hear: {set: {side: =leg + ' left'}, listen: {Done: {when: event.leg == leg}}, timeout: 1h}}]
              right: [{also: {set: {other: 1}, wait: 2h}}]
`

const branchesScript = `workflow: branches.yaml
tests:
  - name: what each branch sees
    script:
      - in: {Go: {id: a}}
      - {vars: {all: 1, leg: a, place: 0}, of: legs/0}
      - {vars: {all: 1, leg: b, place: 1, side: b left, other: null}, of: legs/1/both/left}
      - {vars: {other: 1, side: null}, of: legs/1/both/right}
      - in: {Note: {id: a, text: x}}
      - in: {Note: {id: a, text: y}}
      - {vars: {said: x}, of: anytime.Note}
      - {vars: {said: y, all: 1}, of: anytime.Note/1}
`

// TestVarsSeeBranches: iterations, branches of forks and reactions have variables of
// their own, and see those around them.
func TestVarsSeeBranches(t *testing.T) {
	plan := planOfText(t, branchesFile)
	suite, found := script.Parse("x.test.yaml", []byte(branchesScript))
	if suite == nil {
		t.Fatal(found)
	}
	if found := suite.Check(nil, plan); len(found) > 0 {
		t.Fatal(found)
	}
	if failure := suite.Tests[0].Run(plan); failure != nil {
		t.Error(failure)
	}
	for _, c := range []struct{ line, want string }{
		{"{vars: {place: 0}, of: legs/1}", "expected: variables of legs/1 {place: 0}\n  actual:   {all: 1, leg: \"b\", place: 1} (place is 1)"},
		{"{vars: {place: 0}, of: legs/2}", "there is no branch legs/2; there is legs/0, legs/0/both/left, legs/0/both/right, legs/1, legs/1/both/left, legs/1/both/right"},
		{"{vars: {said: x}, of: anytime.Note}", "there is no branch anytime.Note; there is"},
		{"{vars: {leg: a}}", "(leg is null)"},
	} {
		suite, found := script.Parse("x.test.yaml", []byte("workflow: w\ntests:\n- name: n\n  script:\n  - in: {Go: {id: a}}\n  - "+c.line))
		if suite == nil {
			t.Fatal(found)
		}
		if failure := suite.Tests[0].Run(plan); failure == nil || !strings.Contains(failure.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", c.line, failure, c.want)
		}
	}
}

func TestFindingsAboutBranches(t *testing.T) {
	suite, found := script.Parse("x.test.yaml", []byte("workflow: w\ntests:\n- name: n\n  script:\n  - {vars: {sid: 1}, of: legs/0/both/left}\n  - {vars: {side: 1}, of: legs/0}\n  - {vars: {all: 1}, of: own}\n"))
	if suite == nil {
		t.Fatal(found)
	}
	wantFindings(t, suite.Check(nil, planOfText(t, branchesFile)), `
		5:13: no such branch has a variable sid (did you mean side?)
		6:13: no such branch has a variable side (here belongs one of all, leg, place)
		7:26: no branch begins at own (legs/0 is an iteration of a loop, both/left a branch of a fork, anytime.OrderCancelled a reaction)`)
	_, found = script.Parse("x.test.yaml", []byte("workflow: w\ntests:\n- name: n\n  script:\n  - {at: legs, of: legs/0}\n"))
	wantFindings(t, found, "5:20: of names a branch whose vars are meant; at has none")
}

// TestAwayIsNobodyThere: what falls due while no node is there fires afterwards, once
// for a schedule, which tells how many it has missed.
func TestAwayIsNobodyThere(t *testing.T) {
	plan := planOfText(t, `workflow: sweep
version: 1
messages: {Sweep: {topic: out}}
again: ended
start: {every: 1h, set: {missed: =event.missed}}
do:
  - sweep: {send: Sweep, with: {missed: =missed}}
  - rest: {wait: 5m}
`)
	suite, found := script.Parse("x.test.yaml", []byte(`workflow: sweep.yaml
tests:
  - name: a schedule that has missed two
    script:
      - after: 1h
      - out: {Sweep: {missed: 0}}
      - away: 3h
      - out: {Sweep: {missed: 2}}
      - at: rest
`))
	if suite == nil {
		t.Fatal(found)
	}
	if found := suite.Check(nil, plan); len(found) > 0 {
		t.Fatal(found)
	}
	var reached []string
	if failure := suite.Tests[0].Play(func(d script.Decided) { reached = append(reached, d.Decision.Reached()...) }, plan); failure != nil {
		t.Error(failure)
	}
	if !slices.Contains(reached, "schedule: missed") {
		t.Errorf("reached %s", reached)
	}
}
