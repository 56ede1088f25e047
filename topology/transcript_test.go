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
	"time"

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
	t     *testing.T
	world *script.World
	ids   map[string]string // command id → #1, #2, …
	key   string            // of the last input
}

// newTranscript reads the head of a file: `limits {Held: 2}`, if any, then
// `workflow FILE` or the YAML itself.
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
	return &transcript{t: t, world: script.New(compile(t, name, text, limits)), ids: map[string]string{}}
}

// compile makes a plan of YAML. A workflow without a `workflow` line gets one.
func compile(t testing.TB, name, text string, limits topology.Limits) *topology.Plan {
	t.Helper()
	if !strings.Contains(text, "\nversion:") {
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
	var out strings.Builder
	for _, line := range strings.Split(head, "\n") {
		if strings.HasPrefix(line, "#") || line == "" {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "in":
			tr.in(&out, rest)
		case "after":
			d, err := topology.ParseDuration(rest)
			if err != nil {
				tr.t.Fatal(err)
			}
			decided, err := tr.world.After(d)
			tr.tell(&out, decided, err)
		case "act":
			tr.act(&out, rest)
		case "vars":
			tr.vars(&out)
		default:
			tr.t.Fatalf("no such word: %q", line)
		}
	}
	return out.String()
}

// in reads `Message {payload}` with `echo=STEP` or `key=KEY` before the payload.
func (tr *transcript) in(out *strings.Builder, text string) {
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
	tr.tell(out, decided, err)
}

// commandOf returns the id of the command "#2", or of the latest one of a step.
func (tr *transcript) commandOf(name string) string {
	for i := len(tr.world.Sent) - 1; i >= 0; i-- {
		if c := tr.world.Sent[i]; c.Step == name || tr.ids[c.ID] == name {
			return c.ID
		}
	}
	return name
}

// act reads `cancel`, `set {x: 1}`, `fail name`.
func (tr *transcript) act(out *strings.Builder, text string) {
	kind, rest, _ := strings.Cut(text, " ")
	data, err := script.ParseValue(rest)
	if err != nil {
		tr.t.Fatal(err)
	}
	decided, err := tr.world.Act(tr.key, &topology.Act{Kind: kind, Principal: "ann", Data: data})
	tr.tell(out, decided, err)
}

func (tr *transcript) vars(out *strings.Builder) {
	fmt.Fprintf(out, "  %s\n", value.Format(tr.world.Instances[tr.key].Vars))
}

func (tr *transcript) tell(out *strings.Builder, decided []script.Decided, err error) {
	if err != nil {
		tr.t.Fatal(err)
	}
	if len(decided) == 0 {
		out.WriteString("  nothing happens\n")
	}
	for _, d := range decided {
		tr.tellOne(out, d)
	}
}

func (tr *transcript) since(at topology.Instant) string {
	return "+" + topology.FormatDuration(time.Duration(at-script.Start)*time.Millisecond)
}

func (tr *transcript) tellOne(out *strings.Builder, d script.Decided) {
	fmt.Fprintf(out, "%s %s", tr.since(d.At), d.Decision.Outcome)
	if d.Decision.Taker != "" {
		fmt.Fprintf(out, " by %s", d.Decision.Taker)
	}
	if d.Decision.DeadLetter != nil {
		fmt.Fprintf(out, " letter: %s: %s", d.Decision.DeadLetter.Reason, d.Decision.DeadLetter.Text)
	}
	out.WriteString("\n")
	tr.tellTrace(out, d.Decision)
	if f := d.Decision.Fault; f != nil {
		fmt.Fprintf(out, "  INCIDENT %s at %s: %s\n", f.Kind, f.Place, f.Text)
	}
	tr.tellState(out, d)
}

// tellTrace tells what happened, with the commands where they were sent.
func (tr *transcript) tellTrace(out *strings.Builder, d topology.Decision) {
	next := 0
	for i, step := range d.Trace {
		switch step.Kind {
		case "enter":
			continue
		case "start", "take":
			if step.Step == d.Taker {
				continue
			}
		case "set":
			if i > 0 && d.Trace[i-1].Kind == "set" && d.Trace[i-1].Step == step.Step {
				continue
			}
			fmt.Fprintf(out, "  %s\n", strings.TrimSpace(step.Step+" sets "+strings.Join(setBy(d.Trace[i:]), ", ")))
			continue
		case "send", "retry":
			tr.tellCommand(out, d.Commands[next])
			next++
			continue
		}
		fmt.Fprintf(out, "  %s\n", strings.Join(strings.Fields(step.Kind+" "+step.Step+" "+step.Text), " "))
	}
	if next != len(d.Commands) {
		tr.t.Errorf("%d commands are not in the trace", len(d.Commands)-next)
	}
}

// setBy returns the variables that one step sets, from the first entry on.
func setBy(trace []topology.Trace) []string {
	var names []string
	for _, step := range trace {
		if step.Kind != "set" || step.Step != trace[0].Step {
			break
		}
		names = append(names, step.Text)
	}
	return names
}

func (tr *transcript) tellCommand(out *strings.Builder, c topology.Command) {
	if tr.ids[c.ID] == "" {
		tr.ids[c.ID] = fmt.Sprintf("#%d", len(tr.ids)+1)
	}
	fmt.Fprintf(out, "  %s sends %s %s %s", c.Step, c.Message, value.Format(tr.named(c.Payload)), tr.ids[c.ID])
	if c.Attempt > 1 {
		fmt.Fprintf(out, " attempt %d", c.Attempt)
	}
	if c.Compensates != "" {
		fmt.Fprintf(out, " undoes %s", tr.ids[c.Compensates])
	}
	if c.Headers.Len() > 0 {
		fmt.Fprintf(out, " headers %s", value.Format(c.Headers))
	}
	out.WriteString("\n")
}

// named shows ids of commands by their numbers.
func (tr *transcript) named(v value.Value) value.Value {
	switch v := v.(type) {
	case string:
		if name := tr.ids[v]; name != "" {
			return name
		}
	case *value.Map:
		for key, item := range v.All() {
			v = v.With(key, tr.named(item))
		}
		return v
	}
	return v
}

func (tr *transcript) tellState(out *strings.Builder, d script.Decided) {
	i := d.Decision.Instance
	if !d.Decision.Changed || i == nil {
		return
	}
	fmt.Fprintf(out, "  = %s", i.Status)
	if len(i.Places()) > 0 {
		fmt.Fprintf(out, " at %s", strings.Join(i.Places(), ", "))
	}
	if due, ok := i.NextTimer(); ok {
		fmt.Fprintf(out, ", until %s", tr.since(due))
	}
	if len(i.Held) > 0 {
		fmt.Fprintf(out, ", holds %d", len(i.Held))
	}
	if len(i.Queue)+len(i.Starts) > 0 {
		fmt.Fprintf(out, ", queue of %d", len(i.Queue)+len(i.Starts))
	}
	if len(i.Entries) > 0 {
		out.WriteString(", to undo:")
		for _, e := range i.Entries {
			fmt.Fprintf(out, " %s", e.Place)
			if !e.Done {
				out.WriteString("?")
			}
		}
	}
	if d.Decision.More {
		out.WriteString(", more")
	}
	out.WriteString("\n")
}
