package script_test

import (
	"strings"
	"testing"

	"rondo/topology"
	"rondo/topology/script"
)

const orderWorkflow = `workflow: order
version: 1
messages:
  Placed: {topic: orders, key: event.id}
  Done:   {topic: status}
tables: {profile: {topic: profiles}}
start:
  Placed: {set: {amount: =event.amount, vip: "=lookup('profile', key)"}}
do:
  - bill:
      run: billing
      key: "key + '-b'"
      with: {amount: =amount}
      await: {completed: {set: {invoice: =event.invoice}}}
  - tell: {send: Done, with: {invoice: =invoice, vip: =vip}}
catch: {any: {end: {fail: =error.name, message: =error.message}}}
`

const billingWorkflow = `workflow: billing
version: 1
messages:
  Write:   {topic: billing.commands}
  Written: {topic: billing.events, key: event.id}
start: {run: {set: {amount: =event.amount}}}
do:
  - write: {send: Write, with: {amount: =amount}, await: {Written: {set: {number: =event.number}}}, timeout: 1h}
output: {invoice: =number}
`

const dailyWorkflow = `workflow: daily
version: 1
messages:
  Report: {topic: reports}
start: {every: 1d}
do:
  - report: {send: Report}
  - rest: {wait: 1h}
`

func compileText(t testing.TB, text string) *topology.Plan {
	t.Helper()
	def, found := topology.Parse("w.yaml", []byte(text), nil)
	if found.HasErrors() {
		t.Fatal(found)
	}
	plan, found := topology.Compile(def, topology.Options{Application: "test"})
	if found.HasErrors() {
		t.Fatal(found)
	}
	return plan
}

// play parses, checks and plays one script; "" is no difference.
func play(t *testing.T, lines string, plans ...*topology.Plan) string {
	t.Helper()
	suite, found := script.Parse("x.test.yaml", []byte("workflow: w\ntests:\n- name: n\n  script:\n  - "+strings.ReplaceAll(strings.TrimSpace(lines), "\n", "\n  - ")))
	if suite == nil {
		t.Fatal(found)
	}
	if found := suite.Check(nil, plans...); len(found) > 0 {
		return found[0].Message
	}
	if failure := suite.Tests[0].Run(plans...); failure != nil {
		return failure.Error()
	}
	return ""
}

func TestAScriptPlaysChildrenThatAreNotHere(t *testing.T) {
	order := compileText(t, orderWorkflow)
	const begun = "in: {Placed: {id: o-1, amount: 30}}\n"
	for _, c := range []struct{ name, lines, want string }{
		{"completed", begun + "run: {workflow: billing, key: o-1-b, with: {amount: 30}}\nat: bill\nchild: {completed: {invoice: i-1}}\nout: {Done: {invoice: i-1}}\nend: completed", ""},
		{"failed", begun + "run: billing\nchild: {failed: {error: no-credit, message: sorry}}\nend: {failed: no-credit}", ""},
		{"cancelled", begun + "run: billing\nchild: cancelled\nend: cancelled", ""},
		{"the child is named", begun + "run: billing\nchild: {workflow: billing, key: o-1-b, completed: {invoice: 1}}\nout: {Done: {}}\nend: completed", ""},
		{"of two orders", begun + "run: billing\nin: {Placed: {id: o-2, amount: 4}}\nrun: {workflow: billing, with: {amount: 4}}\n" +
			"child: {key: o-1-b, completed: {invoice: 1}}\n{out: {Done: {}}, key: o-1}\n{end: completed, key: o-1}\n{at: bill, key: o-2}", ""},
		{"cancelled with its parent", begun + "run: billing\nact: cancel\nend: cancelled\nchild: completed", "actual:   none is waited for"},
		{"not listed", begun + "at: bill", `actual:   run billing, key o-1-b, with {amount: 30}`},
		{"not listed before the next thing", begun + "child: completed", `expected: no command`},
		{"another workflow", begun + "out: {Done: {}}", "(a child workflow)"},
		{"another with", begun + "run: {workflow: billing, with: {amount: 31}}", "≠ amount  31        30"},
		{"another key", begun + "run: {workflow: billing, key: o-1}", "(another key)"},
		{"a command where a child is expected", begun + "run: billing\nchild: {completed: {invoice: 1}}\nrun: billing", "(a command)"},
		{"too many", begun + "run: billing\nrun: billing", "actual:   no child"},
		{"none waits", "child: completed", "none is waited for"},
		{"several wait", begun + "run: billing\nin: {Placed: {id: o-2, amount: 4}}\nrun: billing\nchild: completed", "actual:   billing/o-1-b, billing/o-2-b"},
		{"another child waits", begun + "run: billing\nchild: {key: o-2-b, completed: {}}", "actual:   billing/o-1-b"},
		{"no such child", "run: biling", "the workflow runs no `biling`"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := play(t, c.lines, order); !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestChildrenRunForReal(t *testing.T) {
	order, billing := compileText(t, orderWorkflow), compileText(t, billingWorkflow)
	const begun = "in: {Placed: {id: o-1, amount: 30}}\nrun: billing\n{out: {Write: {amount: 30}}, workflow: billing, key: o-1-b}\n"
	for _, c := range []struct{ name, lines, want string }{
		{"completed", begun + "{at: write, workflow: billing, key: o-1-b}\nat: bill\nin: {Written: {id: o-1-b, number: 7}}\n{out: {Done: {invoice: 7}}, key: o-1}\n{end: completed, key: o-1}", ""},
		{"failed", begun + "after: 1h\nend: {failed: timeout}\n{end: {failed: timeout}, workflow: billing, key: o-1-b}", ""},
		{"its variables", begun + "{vars: {amount: 31}, workflow: billing, key: o-1-b}", "(amount is 30)"},
		{"its acts", begun + "{act: {set: {amount: 31}}, workflow: billing, key: o-1-b}\n{vars: {amount: 31}, workflow: billing, key: o-1-b}", ""},
		{"of another workflow", begun + "in: {Written: {id: o-1-b, number: 7}}\n{out: {Done: {}}, workflow: billing}", "`Done` is not sent by the workflow"},
		{"no such instance", begun + "{at: write, workflow: billing, key: o-1}", `there is no instance "o-1" of billing; there is billing/o-1-b, order/o-1`},
		{"not played", begun + "child: {workflow: billing, completed: {}}", "billing runs here for real"},
		{"a step of the child", begun + "{at: bill, workflow: billing}", "there is no step `bill`"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := play(t, c.lines, order, billing); !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestTablesHaveTheRowsOfTheScript(t *testing.T) {
	order := compileText(t, orderWorkflow)
	got := play(t, `table: {profile: {o-1: {segment: vip}, o-2: {segment: new}}}
in: {Placed: {id: o-1, amount: 1}}
run: billing
vars: {vip: {segment: vip}}
table: {profile: {o-2: null}}
in: {Placed: {id: o-2, amount: 1}}
run: billing
vars: {vip: null}`, order)
	if got != "" {
		t.Error(got)
	}
}

func TestSchedulesFireAsTimePasses(t *testing.T) {
	daily := compileText(t, dailyWorkflow)
	if got := play(t, "after: 23h\nout: none\nafter: 1h\nout: {Report: {}}\nat: rest\nafter: 1h\nend: completed", daily); got != "" {
		t.Error(got)
	}
	if got := play(t, "after: 1d", daily); !strings.Contains(got, "actual:   Report {}") {
		t.Error(got)
	}
}

func TestAWorkflowIsNamedOnce(t *testing.T) {
	suite, found := script.Parse("x.test.yaml", []byte("workflow: order.yaml\nworkflows: [billing.yaml, order2.yaml]\ntests: []"))
	if suite == nil {
		t.Fatal(found)
	}
	order := compileText(t, orderWorkflow)
	wantFindings(t, suite.Check(nil, order, compileText(t, billingWorkflow), order),
		"2:27: the workflow order is named already (name older versions in older)")
}

// TestChildrenAndSchedulesAreCovered: every spot of a child and of a workflow
// with a schedule is reached under the name that the plan gives it.
func TestChildrenAndSchedulesAreCovered(t *testing.T) {
	order, billing, daily := compileText(t, orderWorkflow), compileText(t, billingWorkflow), compileText(t, dailyWorkflow)
	const begun = "in: {Placed: {id: o-1, amount: 30}}\nrun: billing\nout: {Write: {}}\n"
	reached := map[string]bool{}
	for _, c := range []struct {
		lines string
		plans []*topology.Plan
	}{
		{begun + "in: {Written: {id: o-1-b, number: 7}}\nout: {Done: {}}", []*topology.Plan{order, billing}},
		{begun + "after: 1h", []*topology.Plan{order, billing}},
		{begun + "in: {Placed: {id: o-1, amount: 30}}", []*topology.Plan{order, billing}},
		{"after: 1d\nout: {Report: {}}", []*topology.Plan{daily}},
		{"away: 3d\nout: {Report: {}}", []*topology.Plan{daily}},
	} {
		suite, found := script.Parse("x.test.yaml", []byte("workflow: w\ntests:\n- name: n\n  script:\n  - "+strings.ReplaceAll(c.lines, "\n", "\n  - ")))
		if suite == nil {
			t.Fatal(found)
		}
		failure := suite.Tests[0].Play(func(d script.Decided) {
			for _, name := range d.Decision.Reached() {
				reached[d.To.Workflow+" "+name] = true
			}
		}, c.plans...)
		if failure != nil {
			t.Error(failure)
		}
	}
	for _, plan := range []*topology.Plan{order, billing, daily} {
		for _, spot := range plan.Spots() {
			if name := plan.Definition().Name + " " + spot.Name; !reached[name] {
				t.Errorf("%s is not reached", name)
			}
		}
	}
}

func TestOperatorsJumpAndShift(t *testing.T) {
	checkout := planOf(t, "../../examples/checkout/checkout.yaml")
	const begun = "in: " + placed + "\nout: {ReserveStock: {}}\n"
	for _, lines := range []string{
		begun + "act: {jump: label}\nout: {PrintLabel: {}}\nat: label",
		begun + "act: {jump: {step: label, reason: by hand}}\nout: {PrintLabel: {}}\nat: label",
		begun + "act: pause\nafter: 1h\nact: shift\nat: reserve\nafter: 1s\nout: none\nat: reserve",
	} {
		if got := play(t, lines, checkout); got != "" {
			t.Errorf("%s\n%s", lines, got)
		}
	}
}
