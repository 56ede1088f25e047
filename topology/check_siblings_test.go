package topology

import (
	"strings"
	"testing"
)

func TestSiblings(t *testing.T) {
	parent := func(do string) string { return workflowOf("deadline: 1h\nkeep: 1h\ndo: [" + do + "]") }
	child := func(run, rest string) string {
		return "workflow: parcel\nversion: 1\nstart: {run: " + run + "}\n" + rest + "\ndo: [{a: {wait: 1s}}]"
	}
	const noChild = "workflow: parcel\nversion: 1\nmessages: {Go: {topic: go}}\nstart: {Go: {}}\ndo: [{a: {wait: 1s}}]"
	tests := []struct{ name, parent, child, want string }{
		{"a child among them", `{r: {run: parcel}}`, child("{}", ""), ""},
		{"a child that is misspelt", `{r: {run: parcle}}`, child("{}", ""), "unknown-workflow: did you mean `parcel`?"},
		{"another child", `{r: {run: invoice}}`, child("{}", ""), "unknown-workflow: check its file together with this one; if it is deployed already, all is well"},
		{"a child in a compensation", `{r: {send: Ask, compensate: {run: invoice}}}`, child("{}", ""), "unknown-workflow: check its file together with this one; if it is deployed already, all is well"},
		{"a child for no parent", `{r: {run: parcel}}`, noChild, "no-child: add `run: {}` to the `start` of `parcel`"},
		{"a child whose start was not understood", `{r: {run: parcel}}`, strings.Replace(noChild, "Go: {}", "rnu: {}", 1), ""},

		{"all that the child reads", `{r: {run: parcel, with: {to: =key}}}`, child("{set: {to: =event.to}}", ""), ""},
		{"less than the child reads", `{r: {run: parcel, with: {too: =key}}}`, child("{set: {to: =event.to}}", ""), "not-given: add `to` to the `with` of this `run`"},
		{"nothing, which the child reads", `{r: {run: parcel}}`, child("{set: {to: {zip: =event.to}}}", ""), "not-given: add `to` to the `with` of this `run`"},
		{"a value that is not seen through", `{r: {run: parcel, with: =x}}`, child("{set: {to: =event.to}}", ""), ""},
		{"less, of which the child asks", `{r: {run: parcel, with: {}}}`, child(`{set: {to: "=event.?to.orValue(1)", x: "=has(event.x) ? event.x : 1"}}`, ""), ""},
		{"less, in the second alternative", `{r: {run: parcel, with: {a: 1}}}`, child(`[{when: event.a == 1}, {set: {to: =event.to}}]`, ""), ""},
		{"less than the first condition reads", `{r: {run: parcel, with: {a: 1}}}`, child(`[{when: event.b == 1}, {}]`, ""), "not-given: add `b` to the `with` of this `run`"},
		{"the whole event", `{r: {run: parcel, with: {a: 1}}}`, child(`{set: {all: =event}}`, ""), ""},

		{"what the child gives", `{r: {run: parcel, await: {completed: {set: {x: =event.signed}}}}}`, child("{}", "output: {signed: 1}"), ""},
		{"what it nearly gives", `{r: {run: parcel, await: {completed: {set: {x: =event.signd}}}}}`, child("{}", "output: {signed: 1}"), "not-given: did you mean `signed`?"},
		{"what it does not give", `{r: {run: parcel, await: {completed: {set: {x: =event.at}}}}}`, child("{}", ""), "not-given: add `at` to the `output` of `parcel`"},
		{"an output that is not seen through", `{r: {run: parcel, await: {completed: {set: {x: =event.at}}}}}`, child("{}", "output: =key"), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, _ := Parse("p.yaml", []byte(parent(test.parent)), nil)
			c, _ := Parse("c.yaml", []byte(test.child), nil)
			var got []string
			for _, d := range CheckSiblings([]*Definition{p, c}) {
				got = append(got, d.Code+": "+d.Help)
			}
			if text := strings.Join(got, "\n"); text != test.want {
				t.Errorf("got %q, want %q", text, test.want)
			}
		})
	}
}

func TestTheNewestSiblingCounts(t *testing.T) {
	parent, _ := parseText(workflowOf("keep: 1h\ndo: [{r: {run: parcel}}]"))
	older, _ := parseText("workflow: parcel\nversion: 1\nmessages: {Go: {topic: go}}\nstart: {Go: {}}\ndo: [{a: {wait: 1s}}]")
	newer, _ := parseText("workflow: parcel\nversion: 2\nstart: {run: {}}\ndo: [{a: {wait: 1s}}]")
	if list := CheckSiblings([]*Definition{newer, parent, older}); len(list) > 0 {
		t.Error(list)
	}
	if list := CheckSiblings([]*Definition{parent, older}); len(list) != 1 || list[0].Code != codeNoChild {
		t.Error(list)
	}
}
