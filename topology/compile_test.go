package topology

import (
	"strings"
	"testing"

	"rondo/topology/diag"
	"rondo/topology/value"
)

func compileText(t *testing.T, text string) (*Plan, diag.List) {
	t.Helper()
	def, found := Parse("w.yaml", []byte("workflow: test\nversion: 1\n"+text), nil)
	if found.HasErrors() {
		t.Fatalf("parse: %v", found)
	}
	return Compile(def, Options{Application: "shop"})
}

// All that is wrong with the expressions is told at once, each at its place.
func TestCompileReportsEveryExpressionAtItsPlace(t *testing.T) {
	plan, found := compileText(t, `messages:
  Go:  {topic: in, key: evnt.id}
  Ask: {topic: out}
  Yes: {topic: in, key: event.id}
start: {Go: {set: {n: =event.n}}}
deadline: =m
do:
  - a: {if: n + 1, send: Ask, with: {x: [1, {y: "=nn"}]}, await: {Yes: {when: error.name == "x", set: {z: =command.id}}}, timeout: 1s}
  - b: {set: {n: =event.n}}
  - c: {wait: "=duration('5 minutes')", then: =stp}
`)
	if plan != nil {
		t.Error("a plan in spite of errors")
	}
	want := []string{
		"w.yaml:4:25: error[unknown-variable]",
		"w.yaml:8:12: error[unknown-variable]",
		"w.yaml:10:13: error[not-a-condition]",
		"w.yaml:10:51: error[unknown-variable]",
		"w.yaml:10:79: error[unknown-variable]",
		"w.yaml:11:19: error[unknown-variable]",
		"w.yaml:12:17: error[always-fails]",
		"w.yaml:12:48: error[unknown-variable]",
	}
	var got []string
	for _, d := range found {
		text, _, _ := strings.Cut(d.String(), ":"+" `")
		got = append(got, text[:min(len(text), strings.Index(text, "]")+1)])
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("found:\n%s\nwant:\n%s\n\n%v", strings.Join(got, "\n"), strings.Join(want, "\n"), found)
	}
}

func TestCompileRefusesWhatLeadsNowhere(t *testing.T) {
	def := &Definition{Name: "w", Version: 1,
		Messages: []*Message{{Name: "Go", Topic: "in"}},
		Start:    []*Rule{{Name: "Go", Alternatives: []*Step{{}}}, {Name: "Nobody", Alternatives: []*Step{{}}}},
		Do:       []*Step{{Name: "a", Then: &Target{Name: "nowhere"}}, {Name: "a"}},
	}
	plan, found := Compile(def, Options{})
	text := ""
	for _, d := range found {
		text += d.String() + "\n"
	}
	for _, want := range []string{`no message "Nobody"`, `cannot go to "nowhere"`, `two steps "a"`} {
		if !strings.Contains(text, want) {
			t.Errorf("nothing of %s in:\n%s", want, text)
		}
	}
	if plan != nil {
		t.Error("a plan in spite of errors")
	}
}

func TestTopicsOfAPlan(t *testing.T) {
	plan, _ := compileText(t, `messages:
  Go:    {topic: b, key: event.id}
  Yes:   {topic: a, key: event.id}
  Note:  {topic: b, key: event.id}
  Ask:   {topic: d}
  Tell:  {topic: c}
start: {Go: {}}
anytime: {Note: {}}
do:
  - a: {send: Ask, await: {Yes: {}}, timeout: 1s, compensate: {send: Tell}}
`)
	if got := strings.Join(plan.Reads(), " "); got != "a b" {
		t.Errorf("reads %s", got)
	}
	if got := strings.Join(plan.Writes(), " "); got != "c d" {
		t.Errorf("writes %s", got)
	}
}

// A compensation keeps the variables that it reads, and no others.
func TestCompensationKeepsWhatItReads(t *testing.T) {
	plan, found := compileText(t, `messages:
  Go:   {topic: in, key: event.id}
  Ask:  {topic: out}
  Yes:  {topic: in, key: event.id}
start: {Go: {set: {a: 1, b: 2, c: 3, d: 4}}}
do:
  - s: {send: Ask, with: {d: =d}, compensate: {if: b > 0, send: Ask, with: {x: [=a + 1, {y: =undoes.id, z: =error.name}]}, await: {Yes: {when: event.c == c}}, timeout: 1s}}
`)
	if found.HasErrors() {
		t.Fatal(found)
	}
	if got := strings.Join(plan.nodes["s"].kept, " "); got != "a b c" {
		t.Errorf("keeps %s", got)
	}
}

// What can still be listened for, from where.
func TestReachOfListens(t *testing.T) {
	plan, found := compileText(t, `messages:
  Go:   {topic: in, key: event.id}
  A:    {topic: in, key: event.id}
  B:    {topic: in, key: event.id}
  C:    {topic: in, key: event.id}
  D:    {topic: in, key: event.id}
  E:    {topic: in, key: event.id}
  F:    {topic: in, key: event.id}
start: {Go: {}}
anytime: {F: {then: last}}
do:
  - first: {wait: 1s}
  - a: {listen: {A: {}}, timeout: 1s, catch: {timeout: {do: [{c: {listen: {C: {}}, timeout: 1s}}], then: last}}}
  - block: {do: [{b: {listen: {B: {then: exit}}, timeout: 1s}}, {inner: {wait: 1s}}]}
  - last: {wait: 1s}
  - jump: {then: "='b' + 'lock'", if: key != ''}
catch:
  any: {do: [{e: {listen: {E: {}}, timeout: 1s}}, {failed: {end: {fail: gone}}}]}
`)
	if found.HasErrors() {
		t.Fatal(found)
	}
	for place, want := range map[string]string{
		"first": "ABC", "a": "ABC", "block": "ABC", "b": "ABC", "inner": "ABC", "last": "ABC", "e": "E", "c": "ABC",
	} {
		got := ""
		for _, message := range []string{"A", "B", "C", "D", "E"} {
			if listens := plan.listeners[message]; listens != nil && plan.nodes[place].reach.meets(listens, nil) {
				got += message
			}
		}
		if got != want {
			t.Errorf("from %s: %s, want %s", place, got, want)
		}
	}
	if !plan.rescue.meets(plan.listeners["E"], nil) || plan.rescue.meets(plan.listeners["A"], nil) {
		t.Error("what the workflow's catch listens for")
	}
	if !plan.aside.meets(plan.listeners["B"], nil) {
		t.Error("where anytime can lead")
	}
}

// Literals are put together once, when the plan is made.
func TestTemplatesWithoutExpressionsAreLiterals(t *testing.T) {
	c := &compiler{names: map[context]scope{}}
	in := &Template{Map: []Field{{Name: "b", Value: &Template{List: []*Template{{Literal: int64(1)}, {Literal: "x"}}}}, {Name: "a", Value: &Template{Map: []Field{}}}}}
	out := c.template(in, context{})
	if !out.fixed() || value.Format(out.literal) != `{a: {}, b: [1, "x"]}` {
		t.Errorf("%+v", out)
	}
}
