package script_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rondo/topology"
	"rondo/topology/script"
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
		plan := planOf(t, filepath.Join(filepath.Dir(file), suite.Workflow))
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
		{"no such command to echo", "in: {StockReserved: {}, echo: reserve}", `the step reserve has sent no command`},
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
	suite, found := script.Parse("x.test.yaml", []byte(`workflows: checkout.yaml
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
`))
	if suite != nil {
		t.Error("a suite in spite of errors")
	}
	want := []string{
		"1:1: `workflow` is missing", "1:1: `workflows` is no word", "3:5: `name` is missing", "4:9: `inn` is no word", "5:14: `order_id` is no word",
		"5:13: `in` names no message", "6:31: one message belongs on a line", "7:41: `attempt` must be a whole number", "8:16: `after` must be a duration", "9:14: `end` must be",
		"10:15: `vars` must be", "11:33: one word belongs on a line", "12:9: a line of a script must be a mapping",
	}
	text := ""
	for _, d := range found {
		text += strings.Replace(d.String(), "error[bad-script]: ", "", 1) + "\n"
	}
	for _, w := range want {
		if !strings.Contains(text, "x.test.yaml:"+w) {
			t.Errorf("nothing of %q in\n%s", w, text)
		}
	}
}

func BenchmarkScript(b *testing.B) {
	src, err := os.ReadFile("../../examples/checkout/checkout.test.yaml")
	if err != nil {
		b.Fatal(err)
	}
	suite, _ := script.Parse("checkout.test.yaml", src)
	plan := planOf(b, "../../examples/checkout/checkout.yaml")
	steps := 0
	for b.Loop() {
		for _, test := range suite.Tests {
			steps += len(test.Steps)
			if failure := test.Run(plan); failure != nil {
				b.Fatal(failure)
			}
		}
	}
	b.ReportMetric(float64(steps)/b.Elapsed().Seconds(), "steps/s")
}
