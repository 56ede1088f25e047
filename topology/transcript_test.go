package topology_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"rondo/topology"
	"rondo/topology/script"
	"rondo/topology/value"
)

var update = flag.Bool("update-transcripts", false, "write what is decided into testdata/transcripts")

// TestTranscripts runs testdata/transcripts: what comes in, and below it what is
// decided. A file begins with the workflow; a line `----` stands between an
// input and its decisions. The words are those of run below.
//
//	go test ./topology -run Transcripts -update-transcripts
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/transcripts/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) { runTranscript(t, file) })
	}
}

func runTranscript(t *testing.T, file string) {
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	var tr *transcript
	for i, block := range strings.Split(string(src), "\n\n") {
		head, _, _ := strings.Cut(block, "\n----")
		head = strings.Trim(head, "\n")
		if i > 0 {
			out.WriteString("\n")
		}
		fmt.Fprintf(&out, "%s\n", head)
		if strings.HasPrefix(head, "#") && !strings.Contains(head, "\nworkflow") && !strings.HasPrefix(head, "workflow") {
			if !hasInput(head) {
				continue
			}
		}
		if tr == nil {
			tr = newTranscript(t, head)
			continue
		}
		fmt.Fprintf(&out, "----\n%s", tr.run(head))
	}
	if *update {
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, want := strings.TrimSpace(out.String()), strings.TrimSpace(string(src)); got != want {
		t.Errorf("%s differs (-update-transcripts writes it):\n%s", file, firstDifference(want, got))
	}
}

// hasInput reports whether there is anything but comments.
func hasInput(head string) bool {
	return slices.ContainsFunc(strings.Split(head, "\n"), func(line string) bool { return !strings.HasPrefix(line, "#") })
}

// firstDifference shows the first lines that differ, with those before.
func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	i := 0
	for i < len(w) && i < len(g) && w[i] == g[i] {
		i++
	}
	from := max(0, i-8)
	show := func(lines []string) string { return strings.Join(lines[from:min(len(lines), i+12)], "\n") }
	return "expected:\n" + show(w) + "\n\nactual:\n" + show(g)
}

// transcript is a world and how what it does is told.
type transcript struct {
	t      *testing.T
	world  *script.World
	out    *bytes.Buffer
	teller *script.Teller
	key    string // of the last input
}

// newTranscript reads the head of a file: `limits {Held: 2}`, if any, then
// `workflow FILE` or the YAML itself; behind `---` others that it runs.
func newTranscript(t *testing.T, head string) *transcript {
	lines := strings.Split(head, "\n")
	for len(lines) > 0 && strings.HasPrefix(lines[0], "#") {
		lines = lines[1:]
	}
	limits := topology.Limits{}
	if text, ok := strings.CutPrefix(lines[0], "limits "); ok {
		limits = limitsOf(t, text)
		lines = lines[1:]
	}
	name, text := "workflow.yaml", strings.Join(lines, "\n")
	if file, ok := strings.CutPrefix(lines[0], "workflow "); ok {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name, text = filepath.Join(filepath.Dir(file), filepath.Base(file)), string(src)
	}
	var plans []*topology.Plan
	for _, text := range strings.Split(text, "\n---\n") {
		plans = append(plans, compile(t, name, text, limits))
	}
	out := &bytes.Buffer{}
	return &transcript{t: t, world: script.New(plans[0], plans[1:]...), out: out, teller: script.NewTeller(out)}
}

// compile makes a plan of YAML. A workflow without a `workflow` line gets one.
func compile(t testing.TB, name, text string, limits topology.Limits) *topology.Plan {
	t.Helper()
	if !strings.Contains("\n"+text, "\nversion:") {
		text = "workflow: test\nversion: 1\n" + text
	}
	files := func(file string) ([]byte, error) { return os.ReadFile(filepath.Join(filepath.Dir(name), file)) }
	def, found := topology.Parse(name, []byte(text), files)
	if found.HasErrors() {
		t.Fatalf("parse: %v", found)
	}
	plan, found := topology.Compile(def, topology.Options{Application: "shop", Encode: encodeJSON, Limits: limits})
	if found.HasErrors() {
		t.Fatalf("compile: %v", found)
	}
	return plan
}

// limitsOf reads the fields of topology.Limits by their names.
func limitsOf(t *testing.T, text string) topology.Limits {
	v, err := script.ParseValue(text)
	if err != nil {
		t.Fatal(err)
	}
	var limits topology.Limits
	for name, n := range v.(*value.Map).All() {
		reflect.ValueOf(&limits).Elem().FieldByName(name).SetInt(n.(int64))
	}
	return limits
}

func encodeJSON(m *topology.Message, v value.Value) ([]byte, error) {
	if fields, ok := v.(*value.Map); ok {
		if _, bad := fields.Lookup("unwritable"); bad {
			return nil, fmt.Errorf("the schema has no field unwritable")
		}
	}
	return value.ToJSON(v)
}

// run lets something happen and tells what was decided.
func (tr *transcript) run(head string) string {
	tr.out.Reset()
	for _, line := range strings.Split(head, "\n") {
		if strings.HasPrefix(line, "#") || line == "" {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "in":
			tr.in(rest)
		case "after":
			d, err := topology.ParseDuration(rest)
			if err != nil {
				tr.t.Fatal(err)
			}
			tr.tell(tr.world.After(d))
		case "act":
			tr.act(rest)
		case "timer":
			tr.timer()
		case "vars":
			fmt.Fprintf(tr.out, "  %s\n", value.Format(tr.world.Instance(tr.key).Vars))
		default:
			tr.t.Fatalf("no such word: %q", line)
		}
	}
	return tr.out.String()
}

// in reads `Message {payload}` with `echo=STEP` or `key=KEY` before the payload.
func (tr *transcript) in(text string) {
	words := strings.Fields(text)
	in := script.Incoming{Message: words[0]}
	rest := strings.TrimPrefix(text, words[0])
	for _, word := range words[1:] {
		name, v, ok := strings.Cut(word, "=")
		if !ok || strings.ContainsAny(name, "{:") {
			break
		}
		rest = strings.TrimPrefix(strings.TrimLeft(rest, " "), word)
		switch name {
		case "echo":
			in.Echo = tr.commandOf(v)
		case "key":
			in.Key = v
		default:
			tr.t.Fatalf("no such word: %q", word)
		}
	}
	payload, err := script.ParseValue(rest)
	if err != nil {
		tr.t.Fatal(err)
	}
	in.Payload = payload
	decided, err := tr.world.In(in)
	if len(decided) > 0 {
		tr.key = decided[0].Key
	}
	tr.tell(decided, err)
}

// commandOf returns the id of the command "#2", or of the latest one of a step.
func (tr *transcript) commandOf(name string) string {
	for i := len(tr.world.Sent) - 1; i >= 0; i-- {
		if c := tr.world.Sent[i]; c.Step == name || tr.teller.Number(c.ID) == name {
			return c.ID
		}
	}
	return name
}

// act reads `cancel`, `set {x: 1}`, `fail name`.
func (tr *transcript) act(text string) {
	kind, rest, _ := strings.Cut(text, " ")
	act := &topology.Act{Kind: kind, Principal: "ann"}
	if kind == topology.ActJump {
		act.Step, rest = rest, ""
	}
	data, err := script.ParseValue(rest)
	if err != nil {
		tr.t.Fatal(err)
	}
	act.Data = data
	tr.tell(tr.world.Act(tr.key, act))
}

// timer lets a timer come although none is due, as one does that was disarmed
// while it was on its way.
func (tr *transcript) timer() {
	inst, in := tr.world.Instance(tr.key), topology.Input{At: tr.world.Now, Timer: true}
	decision := tr.world.Plan.Decide(inst, tr.key, in)
	if decision.Changed || len(decision.Commands) > 0 {
		tr.t.Errorf("a timer that is no longer armed changes something: %+v", decision)
	}
	tr.tell([]script.Decided{{At: in.At, To: inst.Address(), Key: tr.key, Input: in, Decision: decision}}, nil)
}

func (tr *transcript) tell(decided []script.Decided, err error) {
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.teller.Tell(decided)
}
