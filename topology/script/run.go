package script

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"rondo/topology"
	"rondo/topology/diag"
	"rondo/topology/value"
)

// Failure is where a script differs from what the workflow does.
type Failure struct {
	Test       string
	Pos        diag.Pos
	Expected   string
	Actual     string
	Transcript string // what happened up to there
}

func (f *Failure) Error() string {
	return fmt.Sprintf("%s: %s\n  expected: %s\n  actual:   %s\n\n%s", f.Pos, f.Test, f.Expected, f.Actual, f.Transcript)
}

// Run plays a script against a plan and returns the first difference, nil if
// there is none. Scripts are strict: each command that is sent must be listed by
// an `out`, in the order of sending, before something else happens.
func (t Test) Run(plan *topology.Plan) *Failure {
	r := &runner{test: t, world: New(plan)}
	r.teller = NewTeller(&r.told)
	for _, s := range t.Steps {
		if failure := r.step(s); failure != nil {
			return failure
		}
	}
	return r.nothingSent(Step{Pos: t.Pos})
}

type runner struct {
	test   Test
	world  *World
	told   bytes.Buffer
	teller *Teller

	key     string    // of the last `in`
	pending []Sent    // commands that no `out` has listed yet
	last    []Decided // of the last thing that happened
}

func (r *runner) fail(s Step, expected, format string, args ...any) *Failure {
	return &Failure{Test: r.test.Name, Pos: s.Pos, Expected: expected, Actual: fmt.Sprintf(format, args...), Transcript: r.told.String()}
}

func (r *runner) step(s Step) *Failure {
	switch s.Word {
	case "in", "after", "act":
		return r.happens(s)
	case "out":
		return r.out(s)
	case "at":
		return r.at(s)
	case "vars":
		return r.vars(s)
	case "end":
		return r.end(s)
	case "incident":
		return r.incident(s)
	case "late":
		return r.late(s)
	default:
		return r.deadLetter(s)
	}
}

// nothingSent fails if there are commands that no `out` has listed.
func (r *runner) nothingSent(s Step) *Failure {
	if len(r.pending) == 0 {
		return nil
	}
	return r.fail(s, "no command", "%s", commandText(r.pending[0]))
}

func commandText(c Sent) string {
	text := c.Message + " " + value.Format(c.Payload)
	if c.Attempt > 1 {
		text += fmt.Sprintf(", attempt %d", c.Attempt)
	}
	return text
}

// happens lets something happen.
func (r *runner) happens(s Step) *Failure {
	if failure := r.nothingSent(s); failure != nil {
		return failure
	}
	before := len(r.world.Sent)
	decided, failure := r.play(s)
	if failure != nil {
		return failure
	}
	r.last = decided
	r.pending = slices.Clone(r.world.Sent[before:])
	r.teller.Tell(decided)
	return nil
}

func (r *runner) play(s Step) ([]Decided, *Failure) {
	var decided []Decided
	var err error
	switch s.Word {
	case "in":
		fmt.Fprintf(&r.told, "in %s %s\n", s.Message, value.Format(s.Payload))
		decided, err = r.incoming(s)
	case "after":
		fmt.Fprintf(&r.told, "after %s\n", topology.FormatDuration(s.After))
		decided, err = r.world.After(s.After)
	default:
		fmt.Fprintf(&r.told, "act %s\n", s.Act.Kind)
		decided, err = r.world.Act(r.keyOf(s), s.Act)
	}
	if err != nil {
		return nil, r.fail(s, "something that can happen", "%v", err)
	}
	return decided, nil
}

func (r *runner) incoming(s Step) ([]Decided, error) {
	in := Incoming{Message: s.Message, Payload: s.Payload, Key: s.Key, Headers: map[string]string{}}
	for name, v := range s.Headers.All() {
		in.Headers[name] = headerText(v)
	}
	if s.Echo != "" {
		id, ok := r.commandOf(s.Echo)
		if !ok {
			return nil, fmt.Errorf("the step %s has sent no command that could be answered", s.Echo)
		}
		in.Echo = id
	}
	decided, err := r.world.In(in)
	if len(decided) > 0 && decided[0].Key != "" {
		r.key = decided[0].Key
	}
	return decided, err
}

func headerText(v value.Value) string {
	if text, ok := v.(string); ok {
		return text
	}
	return value.Format(v)
}

// commandOf returns the id of the latest command of a step.
func (r *runner) commandOf(step string) (string, bool) {
	for _, c := range slices.Backward(r.world.Sent) {
		if c.Step == step {
			return c.ID, true
		}
	}
	return "", false
}

func (r *runner) keyOf(s Step) string {
	if s.Key != "" {
		return s.Key
	}
	return r.key
}

// out expects the next commands.
func (r *runner) out(s Step) *Failure {
	if s.Message == "" {
		return r.nothingSent(s)
	}
	for range s.Times {
		expected := s.Message + " " + value.Format(s.Payload)
		if s.Attempt > 0 {
			expected += fmt.Sprintf(", attempt %d", s.Attempt)
		}
		if len(r.pending) == 0 {
			return r.fail(s, expected, "no command")
		}
		c := r.pending[0]
		if difference := s.differs(c); difference != "" {
			return r.fail(s, expected, "%s (%s)", commandText(c), difference)
		}
		r.pending = r.pending[1:]
	}
	return nil
}

// differs says in what a command is not the expected one; "" if it is.
func (s Step) differs(c Sent) string {
	switch {
	case c.Message != s.Message:
		return "another message"
	case s.Attempt > 0 && c.Attempt != s.Attempt:
		return "another attempt"
	case s.Key != "" && c.Instance != s.Key:
		return "of the instance " + c.Instance
	}
	if difference := Difference(s.Payload, c.Payload); difference != "" {
		return difference
	}
	for name, want := range s.Headers.All() {
		if got, _ := c.Headers.Lookup(name); got != headerText(want) {
			return "header " + name
		}
	}
	return ""
}

// instance returns the instance that a step speaks of, or a failure.
func (r *runner) instance(s Step, expected string) (*topology.Instance, *Failure) {
	i := r.world.Instances[r.keyOf(s)]
	if i == nil {
		return nil, r.fail(s, expected, "there is no instance %q", r.keyOf(s))
	}
	return i, nil
}

func (r *runner) at(s Step) *Failure {
	expected := "at " + strings.Join(s.Texts, ", ")
	i, failure := r.instance(s, expected)
	if failure != nil {
		return failure
	}
	places := i.Places()
	want := slices.Clone(s.Texts)
	slices.Sort(places)
	slices.Sort(want)
	if !slices.Equal(places, want) {
		return r.fail(s, expected, "%s", stateText(i, false))
	}
	return nil
}

func (r *runner) vars(s Step) *Failure {
	expected := "variables " + value.Format(s.Payload)
	i, failure := r.instance(s, expected)
	if failure != nil {
		return failure
	}
	for name, want := range s.Payload.(*value.Map).All() {
		got, _ := i.Vars.Lookup(name) // one that is not set is null
		if difference := differenceAt(name, want, got); difference != "" {
			return r.fail(s, expected, "%s (%s)", value.Format(i.Vars), difference)
		}
	}
	return nil
}

// end expects that the instance has ended. One that is not remembered has told
// its end with its last decision.
func (r *runner) end(s Step) *Failure {
	if failure := r.nothingSent(s); failure != nil {
		return failure
	}
	expected := strings.Join(s.Texts, " ")
	status, failed := r.ended(r.keyOf(s))
	if status != s.Texts[0] || len(s.Texts) > 1 && failed != s.Texts[1] {
		return r.fail(s, expected, "%s", strings.TrimSpace(status+" "+failed))
	}
	return nil
}

func (r *runner) ended(key string) (status, failed string) {
	if i := r.world.Instances[key]; i != nil {
		if i.Failure != nil {
			failed = i.Failure.Name
		}
		return string(i.Status), failed
	}
	for _, d := range slices.Backward(r.last) {
		for _, step := range d.Decision.Trace {
			if d.Key == key && step.Kind == "end" {
				status, failed, _ = strings.Cut(step.Text, " ")
				return status, failed
			}
		}
	}
	return "no instance", ""
}

// incident expects that the instance has stopped: with `fault.expression`, or
// the kind alone.
func (r *runner) incident(s Step) *Failure {
	expected := "an incident of kind " + s.Texts[0]
	i, failure := r.instance(s, expected)
	switch {
	case failure != nil:
		return failure
	case i.Incident == nil:
		return r.fail(s, expected, "%s", stateText(i, false))
	case strings.TrimPrefix(s.Texts[0], "fault.") != i.Incident.Fault.Kind:
		return r.fail(s, expected, "%s at %s: %s", i.Incident.Fault.Kind, i.Incident.Fault.Place, i.Incident.Fault.Text)
	}
	return nil
}

// late expects that what came last was late.
func (r *runner) late(s Step) *Failure {
	for _, d := range r.last {
		if d.Decision.Outcome == topology.Late {
			return nil
		}
	}
	return r.fail(s, "late", "%s", r.outcomes())
}

func (r *runner) deadLetter(s Step) *Failure {
	for _, d := range r.last {
		if d.Decision.DeadLetter != nil && d.Decision.DeadLetter.Reason == s.Texts[0] {
			return nil
		}
	}
	return r.fail(s, "a dead letter: "+s.Texts[0], "%s", r.outcomes())
}

func (r *runner) outcomes() string {
	var out []string
	for _, d := range r.last {
		text := string(d.Decision.Outcome)
		if d.Decision.DeadLetter != nil {
			text += " letter: " + d.Decision.DeadLetter.Reason
		}
		out = append(out, text)
	}
	if len(out) == 0 {
		return "nothing has happened"
	}
	return strings.Join(out, ", ")
}

// Difference says where got is not want, "" if it covers it: fields that want does
// not name are free, at any depth; numbers compare by value.
func Difference(want, got value.Value) string { return differenceAt("", want, got) }

func differenceAt(path string, want, got value.Value) string {
	switch want := want.(type) {
	case *value.Map:
		if got, isMap := got.(*value.Map); isMap {
			return mapDifference(path, want, got)
		}
	case []any:
		if got, isList := got.([]any); isList && len(got) == len(want) {
			return listDifference(path, want, got)
		}
	default:
		if value.Equal(want, got) {
			return ""
		}
	}
	if path == "" {
		path = "the payload"
	}
	return fmt.Sprintf("%s is %s", path, value.Format(got))
}

func mapDifference(path string, want, got *value.Map) string {
	for name, v := range want.All() {
		at := strings.TrimPrefix(path+"."+name, ".")
		field, ok := got.Lookup(name)
		if !ok {
			return at + " is missing"
		}
		if difference := differenceAt(at, v, field); difference != "" {
			return difference
		}
	}
	return ""
}

func listDifference(path string, want, got []any) string {
	for i := range want {
		if difference := differenceAt(fmt.Sprintf("%s[%d]", path, i), want[i], got[i]); difference != "" {
			return difference
		}
	}
	return ""
}
