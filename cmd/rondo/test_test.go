package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"rondo/internal/kafkatest"
)

// TestExamplesReachEverything runs the scripts of every example: together they
// reach each step, branch and outcome of its workflow.
func TestExamplesReachEverything(t *testing.T) {
	r := rondo(t, "test", "--coverage-min", "100", "../../examples/...")
	if r.code != exitDone {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// parcelTests are scripts of parcelFile, of which one is right.
const parcelTests = `workflow: parcel.yaml
tests:
  - name: a parcel that is sent
    script:
      - in:  {Ordered: {id: p-1}}
      - out: {Send: {id: p-1}}
      - in:  {Sent: {id: p-1}}
      - end: completed
`

const wrongTest = `  - name: a parcel for another
    script:
      - in:  {Ordered: {id: p-1, to: {name: Ada}}}
      - vars: {order: {id: p-1, to: {name: Bob}}}
`

// times are what differs between two runs.
var times = regexp.MustCompile(`[0-9.]+(µs|ms|s)\b|"seconds": [0-9.]+|time="[0-9.]+"`)

func TestTestsThatPass(t *testing.T) {
	folder(t, map[string]string{"parcel.yaml": parcelFile, "parcel.test.yaml": parcelTests})
	r := rondo(t, "test")
	want := "ok    parcel.test.yaml: 1 test (T)\nPASS: 1 test in 1 file, 4 lines, T\n"
	if got := times.ReplaceAllString(r.stdout, "T"); r.code != exitDone || r.stderr != "" || got != want {
		t.Errorf("exit code %d\n%s%s", r.code, got, r.stderr)
	}
}

func TestATestThatFailsShowsAllThatIsNeeded(t *testing.T) {
	folder(t, map[string]string{"parcel.yaml": parcelFile, "parcel.test.yaml": parcelTests + wrongTest})
	r := rondo(t, "test", "--transcript", "--coverage", "parcel.test.yaml")
	if r.code != exitFailed || r.stderr != "" {
		t.Errorf("exit code %d, stderr %s", r.code, r.stderr)
	}
	golden(t, "test-fails.txt", times.ReplaceAllString(r.stdout, "T"))
}

func TestScriptsThatDoNotFitAreNotRun(t *testing.T) {
	wrong := strings.NewReplacer("Sent:", "Snet:", "parcel.yaml", "parcel.yaml\nworkflows: [other.yaml]").Replace(parcelTests)
	folder(t, map[string]string{"parcel.yaml": parcelFile, "parcel.test.yaml": parcelTests, "a.test.yaml": wrong, "b.test.yaml": strings.ReplaceAll(parcelTests, "Sent:", "Snet:")})
	r := rondo(t, "test")
	if r.code != exitDefinition {
		t.Errorf("exit code %d, stderr %s", r.code, r.stderr)
	}
	golden(t, "test-wrong.txt", times.ReplaceAllString(r.stdout, "T"))
}

func TestADefinitionThatIsWrongIsShown(t *testing.T) {
	folder(t, map[string]string{"parcel.yaml": wrongFile, "parcel.test.yaml": parcelTests})
	r := rondo(t, "test")
	if r.code != exitDefinition || !strings.Contains(r.stdout, "error[unknown-message]") || !strings.Contains(r.stdout, "parcel.yaml:9:") {
		t.Errorf("exit code %d\n%s", r.code, r.stdout)
	}
}

func TestRunPicksTestsByName(t *testing.T) {
	folder(t, map[string]string{"parcel.yaml": parcelFile, "parcel.test.yaml": parcelTests + wrongTest})
	if r := rondo(t, "test", "--run", "is sent$"); r.code != exitDone || !strings.Contains(r.stdout, "1 test in 1 file") {
		t.Errorf("exit code %d\n%s", r.code, r.stdout)
	}
	rondo(t, "test", "--run", "nothing").want(t, exitUsage, "rondo: no test has a name that matches --run nothing")
}

func TestCoverageMin(t *testing.T) {
	folder(t, map[string]string{"parcel.yaml": parcelFile, "parcel.test.yaml": parcelTests})
	r := rondo(t, "test", "--coverage-min", "76")
	r.want(t, exitFailed, "rondo: the tests reach 75.0 % of parcel, less than --coverage-min 76: --coverage lists the rest")
	if !strings.Contains(r.stdout, "parcel.yaml:9:77: outcome `parcel: timeout` was not reached") {
		t.Error(r.stdout)
	}
	if r := rondo(t, "test", "--coverage-min", "75"); r.code != exitDone {
		t.Errorf("exit code %d\n%s", r.code, r.stdout)
	}
}

func TestTestsTellProgramsTheSame(t *testing.T) {
	folder(t, map[string]string{"parcel.yaml": parcelFile, "parcel.test.yaml": parcelTests + wrongTest})
	r := rondo(t, "test", "--json")
	var got struct {
		Passed        bool
		Tests, Failed int
		Suites        []struct {
			File  string
			Tests []struct {
				Name    string
				Line    int
				Passed  bool
				Failure *struct {
					Line, Column     int
					Expected, Actual string
					Fields           []struct {
						Path    string
						Differs bool
					}
				}
			}
		}
		Coverage []struct {
			Workflow  string
			Percent   float64
			Unreached []struct{ Name, File string }
		}
	}
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil {
		t.Fatalf("%v in %s", err, r.stdout)
	}
	if r.code != exitFailed || got.Passed || got.Tests != 2 || got.Failed != 1 {
		t.Errorf("exit code %d, %+v", r.code, got)
	}
	tests := got.Suites[0].Tests
	if !tests[0].Passed || tests[1].Passed || tests[1].Line != 9 || tests[1].Failure.Line != 12 || tests[1].Failure.Column != 44 ||
		tests[1].Failure.Fields[1].Path != "order.to.name" || !tests[1].Failure.Fields[1].Differs {
		t.Errorf("tests: %+v", tests)
	}
	if got.Coverage[0].Percent != 75 || got.Coverage[0].Unreached[0].Name != "parcel: timeout" {
		t.Errorf("coverage: %+v", got.Coverage)
	}
}

func TestJUnitIsForBuildServers(t *testing.T) {
	folder(t, map[string]string{"parcel.yaml": parcelFile, "parcel.test.yaml": parcelTests + wrongTest, "wrong.test.yaml": "tests: 4"})
	if r := rondo(t, "test", "--junit", "out.xml"); r.code != exitDefinition {
		t.Errorf("exit code %d\n%s", r.code, r.stdout)
	}
	b, err := os.ReadFile("out.xml")
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(b, new(struct{})); err != nil {
		t.Errorf("%v in %s", err, b)
	}
	golden(t, "test-junit.xml", times.ReplaceAllString(string(b), "T"))
}

// signs is a writer that says when a text has been written.
type signs struct {
	mu   sync.Mutex
	text bytes.Buffer
	sign string
	seen chan string // what was written up to the sign
}

func (s *signs) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(b)
	if strings.Contains(s.text.String(), s.sign) {
		s.seen <- s.text.String()
		s.text.Reset()
	}
	return len(b), nil
}

func TestWatchRunsAgainWhenAFileChanges(t *testing.T) {
	dir := folder(t, map[string]string{"parcel.yaml": parcelFile, "parcel.test.yaml": parcelTests})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	stdout := &signs{sign: "PASS: ", seen: make(chan string, 10)}
	stderr := &signs{sign: "Ctrl-C", seen: make(chan string, 10)}
	ended := make(chan int)
	go func() { ended <- run(ctx, []string{"test", "--watch"}, stdout, stderr) }()
	await := func(what string, s *signs) string {
		t.Helper()
		select {
		case text := <-s.seen:
			return text
		case <-ctx.Done():
			t.Fatalf("%s: nothing is run", what)
			return ""
		}
	}
	await("at first", stdout)
	if text := await("at first", stderr); !strings.Contains(text, "watching 2 files; Ctrl-C stops") {
		t.Errorf("stderr: %s", text)
	}
	for _, c := range []struct{ what, name, text string }{
		{"a definition that changes", "parcel.yaml", parcelFile + "# more\n"},
		{"a new file of tests", "more.test.yaml", parcelTests},
	} {
		write(t, dir+"/"+c.name, c.text)
		await(c.what, stdout)
		await(c.what, stderr)
	}
	write(t, dir+"/more.test.yaml", "no tests")
	await("a file that is wrong", stderr)
	if err := os.Remove(dir + "/more.test.yaml"); err != nil {
		t.Fatal(err)
	}
	await("a file that is gone", stdout)
	cancel()
	if code := <-ended; code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

// blocks are the YAML examples of a page that begin with a text.
func blocks(t *testing.T, page, beginning string) []string {
	t.Helper()
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, block := range strings.Split(string(b), "```yaml\n")[1:] {
		if block, _, _ = strings.Cut(block, "```"); strings.HasPrefix(block, beginning) {
			out = append(out, block)
		}
	}
	if len(out) == 0 {
		t.Fatalf("%s has no example that begins with %q", page, beginning)
	}
	return out
}

// TestOlderVersionsAreMigrated: a file of tests names the file of an older version,
// with which an instance begins that is migrated then.
func TestOlderVersionsAreMigrated(t *testing.T) {
	next := strings.Replace(parcelFile, "version: 1", "version: 2\nmigrate: {from: 1}", 1)
	migrates := strings.Replace(parcelTests, "tests:", "older: [parcel-1.yaml]\ntests:", 1) + `  - name: a parcel that is on its way moves
    script:
      - deploy: 1
      - in:  {Ordered: {id: p-1}}
      - out: {Send: {id: p-1}}
      - deploy: 2
      - migrates: stays
      - act: migrate
      - in:  {Sent: {id: p-1}}
      - end: completed
`
	folder(t, map[string]string{"parcel.yaml": next, "parcel-1.yaml": parcelFile, "parcel.test.yaml": migrates})
	r := rondo(t, "test", "--coverage")
	if r.code != exitDone || !strings.Contains(r.stdout, "coverage of parcel: 75.0 %") || strings.Contains(r.stdout, "parcel-1.yaml") {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	write(t, "parcel-1.yaml", strings.Replace(parcelFile, "do:", "doo:", 1))
	if r := rondo(t, "test"); r.code != exitDefinition || !strings.Contains(r.stdout, "parcel-1.yaml") {
		t.Errorf("an older version that is wrong: exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// TestThePagesShowTestsThatPass: whoever copies an example sees what is said.
func TestThePagesShowTestsThatPass(t *testing.T) {
	greet := blocks(t, "../../README.md", "workflow: greet\n")[0]
	greets := blocks(t, "../../README.md", "workflow: greet.yaml\n")[0]
	checkout := blocks(t, "../../docs/testing.md", "workflow: checkout.yaml\n")[0]
	example, err := filepath.Abs("../../examples/checkout")
	if err != nil {
		t.Fatal(err)
	}
	dir := folder(t, map[string]string{"greet.yaml": greet, "greet.test.yaml": greets})
	if err := os.CopyFS(dir+"/checkout", os.DirFS(example)); err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/checkout/checkout.test.yaml", checkout)
	if r := rondo(t, "test"); r.code != exitDone || !strings.Contains(r.stdout, "PASS: 2 tests in 2 files, 19 lines") {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// TestAHistoryBecomesATest: what a real instance has seen is printed as a script,
// which passes.
func TestAHistoryBecomesATest(t *testing.T) {
	cluster := kafkatest.Embedded(t, 1)
	withNode(t, cluster)
	instance := []string{"--workflow", "parcel", "--key", "o-1"}
	for _, act := range [][]string{{"set", "--data", `{"tries": 2}`, "--reason", "by hand"}, {"cancel", "--reason", "enough"}} {
		if r := rondo(t, append(append([]string{"act"}, act...), instance...)...); r.code != exitDone {
			t.Fatalf("%+v", r)
		}
	}
	r := rondo(t, "test", "--record", "parcel/o-1")
	if r.code != exitDone || r.stderr != "" {
		t.Fatalf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	for _, line := range []string{"workflow: parcel.yaml # version 1", "in:  {Ordered: {id: o-1", "out: {Send: {id: o-1}}",
		`act: {set: {tries: 2}}`, `act: {cancel: {reason: enough}}`, "end: cancelled"} {
		if !strings.Contains(r.stdout, line) {
			t.Errorf("nothing of %q in\n%s", line, r.stdout)
		}
	}
	write(t, "recorded.test.yaml", r.stdout)
	if again := rondo(t, "test", "recorded.test.yaml"); again.code != exitDone {
		t.Errorf("exit code %d\n%s\n%s", again.code, again.stdout, r.stdout)
	}
	rondo(t, "test", "--record", "parcel/nobody").want(t, exitFailed, "rondo: the history knows nothing of parcel/nobody: rondo instances list shows what there is")
	rondo(t, "test", "--record", "parcel").want(t, exitUsage, "rondo: --record parcel names no instance: write WORKFLOW/KEY, as checkout/o-1")
}
