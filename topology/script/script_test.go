package script_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"rondo/topology"
	"rondo/topology/diag"
	"rondo/topology/script"
	"rondo/topology/value"
)

func planOf(t testing.TB, file string) *topology.Plan {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	files := func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(filepath.Dir(file), name)) }
	def, found := topology.Parse(file, src, files)
	if found.HasErrors() {
		t.Fatal(found)
	}
	plan, found := topology.Compile(def, topology.Options{Application: "test"})
	if found.HasErrors() {
		t.Fatal(found)
	}
	return plan
}

// TestExamples runs the scripts of every example.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/*/*.test.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		suite, found := script.Parse(file, src)
		if suite == nil {
			t.Fatal(found)
		}
		plan := planOf(t, filepath.Join(filepath.Dir(file), suite.Workflow.Name))
		if found := suite.Check(nil, plan); len(found) > 0 {
			t.Error(found)
		}
		for _, test := range suite.Tests {
			t.Run(test.Name, func(t *testing.T) {
				if failure := test.Run(plan); failure != nil {
					t.Error(failure)
				}
			})
		}
	}
}

const placed = `{OrderPlaced: {order_id: o-1, card_token: c-1, total: 30, items: [{sku: a, qty: 2}], address: null}}`

// TestDifferences: a script that differs fails, and says how.
func TestDifferences(t *testing.T) {
	plan := planOf(t, "../../examples/checkout/checkout.yaml")
	for _, c := range []struct{ name, script, want string }{
		{"a command that is not listed at the end", "in: " + placed, "expected: no command\n  actual:   ReserveStock"},
		{"a command that is not listed before the next input", "in: " + placed + "\n- in: " + placed, "expected: no command\n  actual:   ReserveStock"},
		{"out: none", "in: " + placed + "\n- out: none", "expected: no command\n  actual:   ReserveStock"},
		{"another message", "in: " + placed + "\n- out: {ChargeCard: {}}", "(another message)"},
		{"another field", "in: " + placed + "\n- out: {ReserveStock: {order_id: o-2}}", `(order_id is "o-1")`},
		{"a field within a list", "in: " + placed + "\n- out: {ReserveStock: {items: [{qty: 1}]}}", `(items[0].qty is 2)`},
		{"a list of another length", "in: " + placed + "\n- out: {ReserveStock: {items: []}}", `(items is [{qty: 2, sku: "a"}])`},
		{"a field that is missing", "in: " + placed + "\n- out: {ReserveStock: {price: 1}}", `(price is missing)`},
		{"another attempt", "in: " + placed + "\n- out: {ReserveStock: {}, attempt: 2}", `(another attempt)`},
		{"too few", "in: " + placed + "\n- out: {ReserveStock: {}, times: 2}", `actual:   no command`},
		{"another instance", "in: " + placed + "\n- {out: {ReserveStock: {}}, key: o-2}", `(of the instance o-1)`},
		{"another place", "in: " + placed + "\n- out: {ReserveStock: {}}\n- at: pay", "expected: at pay\n  actual:   running at reserve"},
		{"another variable", "in: " + placed + "\n- vars: {card: c-2}", `(card is "c-1")`},
		{"not ended", "in: " + placed + "\n- out: {ReserveStock: {}}\n- end: completed", "expected: completed\n  actual:   running"},
		{"no incident", "in: " + placed + "\n- incident: fault.expression", "actual:   running at reserve"},
		{"not late", "in: " + placed + "\n- late", "expected: late\n  actual:   started"},
		{"no dead letter", "in: " + placed + "\n- dead-letter: no-key", "actual:   started"},
		{"no instance", "at: pay", `there is no instance ""`},
		{"no such message", "in: {Nothing: {}}", `the workflow has no message "Nothing"`},
		{"no such command to echo", "in: {StockReserved: {}, echo: reserve}", `it has sent none that could be answered`},
		{"a message of another key", "in: " + placed + "\n- {at: reserve, key: o-2}", `there is no instance "o-2"`},
	} {
		suite, found := script.Parse("x.test.yaml", []byte("workflow: w\ntests:\n- name: '"+c.name+"'\n  script:\n  - "+strings.ReplaceAll(c.script, "\n", "\n  ")))
		if suite == nil {
			t.Errorf("%s: %v", c.name, found)
			continue
		}
		failure := suite.Tests[0].Run(plan)
		if failure == nil || !strings.Contains(failure.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", c.name, failure, c.want)
		}
	}
}

// TestFindings: what is wrong with the form of a script is told at once.
func TestFindings(t *testing.T) {
	suite, found := script.Parse("x.test.yaml", []byte("workflow: w\ntests: *all"))
	if suite != nil {
		t.Error("a suite in spite of errors")
	}
	wantFindings(t, found, "2:8: this is not YAML: unknown anchor 'all' referenced")
	_, found = script.Parse("x.test.yaml", []byte(`workfloww: checkout.yaml
tests:
  - script:
      - inn: {OrderPlaced: {}}
      - in: {order_id: o-1}
      - in: {OrderPlaced: {}, CardUpdated: {}}
      - out: {OrderPlaced: {}, attempt: 0}
      - after: 10
      - end: soon
      - vars: 4
      - {in: {OrderPlaced: {}}, out: none}
      - nothing
      - at: []
      - act: {}
      - act: cancle
      - run: {key: o-1}
      - child: {key: o-1}
      - child: {compleeted: {}}
      - child: {failed: {eror: x}}
      - table: {profile: 4}
      - {key: o-1}
      - in: {OrderPlaced: {zip: 01234}}
      - in: {OrderPlaced: {a: 1, a: 2}}
      - in: {OrderPlaced: !!set {a}}
  - name: twice
  - name: twice
---
`))
	wantFindings(t, found, `
		1:1: workflow is missing: the file of the definition
		1:1: workfloww is no word of a file of tests (did you mean workflow?)
		3:5: name is missing: a sentence that says what the test shows
		4:9: inn is no word of a script (did you mean in?)
		5:13: in names no message: in: {OrderPlaced: {…}}
		5:14: order_id is neither a message nor a word of in (here belongs one of headers, key, echo)
		6:31: one message belongs on a line, and here stands OrderPlaced already
		7:41: attempt must be a whole number from 1 to 10000
		8:16: after must be a duration (write 10s for seconds, or 10ms, 10m, 10h, 10d, 10w)
		9:14: end must be completed, failed, cancelled or terminated (here belongs one of completed, failed, cancelled, terminated)
		10:15: vars must be a mapping from variables to their values
		11:33: one word belongs on a line, and here stands in already
		12:9: a line of a script must be a mapping
		14:14: act says one thing that an operator does: act: {cancel: {reason: …}}
		15:14: cancle is nothing that an operator can do (did you mean cancel?)
		16:14: run names no workflow: run: {workflow: billing, key: o-1}
		17:16: child says no outcome: child: {completed: {…}}, or child: {failed: {error: out-of-stock}}
		18:17: compleeted is no outcome of a child (did you mean completed?)
		19:26: eror is no part of an error (did you mean error?)
		20:16: the rows of profile must be a mapping from keys to rows
		21:9: a line of a script needs a word: one of in, out, run, after, at, vars, end, incident, late, dead-letter, table, act, child, deploy, migrates, away
		22:33: 01234 begins with a zero: put a text in quotes, or leave the zero out
		23:27: "a" stands here twice: keep one of the two
		26:5: two tests have the name "twice"
		27:1: a file of tests is one document: remove what follows the ---`)
}

// wantFindings compares findings with lines of line:column: message (help).
func wantFindings(t *testing.T, found diag.List, want string) {
	t.Helper()
	var got []string
	for _, d := range found {
		line := strings.TrimPrefix(strings.Replace(d.String(), "error["+d.Code+"]: ", "", 1), "x.test.yaml:")
		if d.Help != "" {
			line += " (" + d.Help + ")"
		}
		got = append(got, strings.ReplaceAll(line, "`", ""))
	}
	var wanted []string
	for line := range strings.Lines(strings.TrimSpace(want)) {
		wanted = append(wanted, strings.TrimSpace(line))
	}
	if !slices.Equal(got, wanted) {
		t.Errorf("findings:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(wanted, "\n"))
	}
}

// TestCheckFindsNamesThatTheWorkflowHasNot: all of them, each with what was
// probably meant.
func TestCheckFindsNamesThatTheWorkflowHasNot(t *testing.T) {
	suite, found := script.Parse("x.test.yaml", []byte(`workflow: checkout.yaml
tests:
  - name: names
    script:
      - in: {OrderPlacd: {}}
      - in: {ReserveStock: {}}
      - in: {StockReserved: {}, echo: resrve}
      - out: {RserveStock: {}}
      - out: {StockReserved: {}}
      - at: [reserve, pya]
      - at: Pay
      - vars: {crad: 1, declines: 0}
      - late: PaymentCapturd
      - table: {profile: {}}
      - run: billing
      - child: {workflow: billing, completed: {}}
      - {at: pay, workflow: chekout}
      - act: {set: {crd: 1}}
      - act: {jump: lable}
`))
	if suite == nil {
		t.Fatal(found)
	}
	wantFindings(t, suite.Check(nil, planOf(t, "../../examples/checkout/checkout.yaml")), `
		5:14: OrderPlacd does not come to the workflow (did you mean OrderPlaced?)
		6:14: ReserveStock does not come to the workflow (here belongs one of OrderPlaced, OrderCancelled, CardUpdated, StockReserved, StockRejected, PaymentCaptured, PaymentDeclined, LabelPrinted)
		7:39: there is no step resrve (did you mean reserve?)
		8:15: RserveStock is not sent by the workflow (did you mean ReserveStock?)
		9:15: StockReserved is not sent by the workflow (here belongs one of ReserveStock, ReleaseStock, ChargeCard, RefundPayment, PrintLabel, OrderCompleted, OrderFailed)
		10:23: there is no step pya (did you mean pay?)
		11:13: there is no step Pay (did you mean pay?)
		12:16: the workflow has no variable crad (did you mean card?)
		13:15: PaymentCapturd does not come to the workflow (did you mean PaymentCaptured?)
		14:17: there is no table profile
		15:14: the workflow runs no billing
		16:27: the workflow runs no billing
		17:29: the file of tests names no workflow chekout (did you mean checkout?)
		18:21: the workflow has no variable crd (did you mean card?)
		19:21: there is no step lable (did you mean label?)`)
}

// TestCheckHasPayloadsMadeByTheWire: what no service could send is found, and
// what comes in is what would have been decoded.
func TestCheckHasPayloadsMadeByTheWire(t *testing.T) {
	suite, found := script.Parse("x.test.yaml", []byte(`workflow: checkout.yaml
tests:
  - name: payloads
    script:
      - in: {OrderPlaced: {total: 1}}
      - in: {OrderPlaced: {total: x}}
`))
	if suite == nil {
		t.Fatal(found)
	}
	wantFindings(t, suite.Check(strict{}, planOf(t, "../../examples/checkout/checkout.yaml")), `
		6:27: no service could send this: checkout.OrderPlaced.total is text`)
	if got := suite.Tests[0].Steps[0].Payload; got != "decoded" {
		t.Errorf("the payload is %v", got)
	}
}

// strict is a Wire by whose schemas `total` and `segment` are no "x".
type strict struct{}

func (strict) Carry(def *topology.Definition, m *topology.Message, payload value.Value) (value.Value, error) {
	if total, _ := payload.(*value.Map).Lookup("total"); total == "x" {
		return nil, errors.New(def.Name + "." + m.Name + ".total is text")
	}
	return "decoded", nil
}

func (strict) CarryRow(_ *topology.Definition, table *topology.Table, row value.Value) (value.Value, error) {
	if row == nil {
		return nil, nil
	}
	if segment, _ := row.(*value.Map).Lookup("segment"); segment == "x" {
		return nil, errors.New("segment is none of vip, new")
	}
	return "decoded by " + table.Name, nil
}

// TestCheckHasRowsMadeByTheWire: so are rows of tables; a row that is null is a
// tombstone and fits always.
func TestCheckHasRowsMadeByTheWire(t *testing.T) {
	suite, found := script.Parse("x.test.yaml", []byte(`workflow: personalise.yaml
tests:
  - name: rows
    script:
      - table: {profile: {u-1: {segment: vip}, u-2: null}}
      - table:
          profile:
            u-1: {segment: vip}
            u-2: {segment: x}
      - table: {profil: {u-1: {segment: x}}}
`))
	if suite == nil {
		t.Fatal(found)
	}
	wantFindings(t, suite.Check(strict{}, planOf(t, "../../examples/personalise/personalise.yaml")), `
		9:18: no record of user.profiles could hold this row: segment is none of vip, new
		10:17: there is no table profil (did you mean profile?)`)
	if got := value.Format(suite.Tests[0].Steps[0].Payload); got != `{profile: {u-1: "decoded by profile", u-2: null}}` {
		t.Errorf("the rows are %s", got)
	}
}

// FuzzParse: any file gives a suite or findings within it, and a suite that fits
// can be played, to its end or to a difference.
func FuzzParse(f *testing.F) {
	src, err := os.ReadFile("../../examples/checkout/checkout.test.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(src))
	for _, line := range []string{
		"in: {OrderPlaced: {order_id: o-1}}", "out: {ReserveStock: {}, attempt: 2, times: 3, headers: {a: b}}", "act: {set: {card: 1}}",
		"act: {migrate: {to: 2}}", "child: {failed: {error: x, data: []}}", "run: {workflow: w, with: {}}", "table: {t: {k: null}}", "late",
		"{at: [pay], key: 4, workflow: w}", "after: 10000d", "vars: {card: {a: [1, {b: 2}]}}", "end: {failed: x}",
	} {
		f.Add("workflow: checkout.yaml\ntests:\n- name: n\n  script:\n  - in: " + placed + "\n  - " + line)
	}
	plan := planOf(f, "../../examples/checkout/checkout.yaml")
	f.Fuzz(func(t *testing.T, text string) {
		suite, found := script.Parse("x.test.yaml", []byte(text))
		if (suite == nil) == (len(found) == 0) {
			t.Fatalf("suite %v, findings %v", suite, found)
		}
		var out strings.Builder
		if err := diag.Render(&out, found, diag.SourceOf("x.test.yaml", []byte(text)), false); err != nil {
			t.Fatal(err)
		}
		if suite == nil || suite.Check(nil, plan).HasErrors() {
			return
		}
		for _, test := range suite.Tests {
			if failure := test.Run(plan); failure != nil && failure.Error() == "" {
				t.Error("a failure that says nothing")
			}
		}
	})
}

// BenchmarkScript plays the checkout's scripts; an operation is all of them.
func BenchmarkScript(b *testing.B) {
	src, err := os.ReadFile("../../examples/checkout/checkout.test.yaml")
	if err != nil {
		b.Fatal(err)
	}
	suite, _ := script.Parse("checkout.test.yaml", src)
	plan := planOf(b, "../../examples/checkout/checkout.yaml")
	steps := 0
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for b.Loop() {
		for _, test := range suite.Tests {
			steps += len(test.Steps)
			if failure := test.Run(plan); failure != nil {
				b.Fatal(failure)
			}
		}
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(steps)/b.Elapsed().Seconds(), "steps/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(steps), "ns/step")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(steps), "allocs/step")
}

// TestLateNamesWhatHadBeenKept: an event that was queued while the instance stood still,
// or that a mailbox has handed on, is known by its name when it turns out to be late.
func TestLateNamesWhatHadBeenKept(t *testing.T) {
	const workflow = `
workflow: w
version: 1
messages:
  Go:   {topic: in, key: event.id}
  Done: {topic: in, key: event.id}
  Paid: {topic: in, key: event.payment, correlate: payment}
  Ask:  {topic: out}
keep: 1h
start: {Go: {set: {payment: =event.payment}}}
do: [{ask: {send: Ask, await: {Done: {}, Paid: {}}, timeout: 1m}}]
`
	const begins = `
  - name: x
    script:
      - in: {Go: {id: k, payment: p}}
      - out: {Ask: {}}
`
	for name, lines := range map[string]string{
		"queued": `
      - act: pause
      - after: 10m
      - in: {Done: {id: k}}
      - act: resume
      - late: Done
      - end: {failed: timeout}`,
		"handed on by a mailbox, then queued": `
      - act: pause
      - after: 10m
      - in: {Paid: {payment: p}}
      - act: resume
      - late: Paid
      - end: {failed: timeout}`,
		"handed on by a mailbox": `
      - act: pause
      - after: 10m
      - in: {Paid: {payment: p}}
      - act: terminate
      - late: Paid
      - end: terminated`,
	} {
		plan := planOfText(t, workflow)
		if failure := parsed(t, begins+lines).Run(plan); failure != nil {
			t.Errorf("%s: %v", name, failure)
		}
		other := strings.NewReplacer("late: Done", "late: Go", "late: Paid", "late: Go").Replace(lines)
		if failure := parsed(t, begins+other).Run(plan); failure == nil {
			t.Errorf("%s: something else is late too", name)
		}
	}
}

// parsed is the only test of a suite.
func parsed(t *testing.T, tests string) *script.Test {
	t.Helper()
	suite, found := script.Parse("x.test.yaml", []byte("workflow: w.yaml\ntests:"+tests))
	if suite == nil {
		t.Fatal(found)
	}
	return &suite.Tests[0]
}
