package script

import (
	"fmt"
	"slices"
	"strings"

	"rondo/topology"
	"rondo/topology/value"
)

// emission is what a decision gives that a script must list: a command, or a
// child that it begins.
type emission struct {
	from    topology.Address // of the instance
	command *topology.Command
	child   *topology.Letter
}

// emissionsOf are those of one decision, in the order of sending.
func emissionsOf(d *Decided) []emission {
	commands, letters := d.Decision.Commands, childrenOf(d.Decision.Letters)
	if len(commands)+len(letters) == 0 {
		return nil
	}
	out := make([]emission, 0, len(commands)+len(letters))
	command := func() {
		out = append(out, emission{from: d.To, command: &commands[0]})
		commands = commands[1:]
	}
	child := func() {
		out = append(out, emission{from: d.To, child: letters[0]})
		letters = letters[1:]
	}
	for _, t := range d.Decision.Trace {
		switch {
		case (t.Kind == "send" || t.Kind == "retry") && len(commands) > 0:
			command()
		case t.Kind == "run" && len(letters) > 0:
			child()
		}
	}
	for len(commands) > 0 {
		command()
	}
	for len(letters) > 0 {
		child()
	}
	return out
}

// childrenOf are the letters that begin children.
func childrenOf(letters []topology.Letter) []*topology.Letter {
	var out []*topology.Letter
	for i := range letters {
		if letters[i].Kind == topology.LetterRun {
			out = append(out, &letters[i])
		}
	}
	return out
}

func (e emission) text() string {
	if e.child != nil {
		return fmt.Sprintf("run %s, key %s, with %s", e.child.To.Workflow, e.child.To.Key, value.Format(e.child.Value))
	}
	text := e.command.Message + " " + value.Format(e.command.Payload)
	if e.command.Attempt > 1 {
		text += fmt.Sprintf(", attempt %d", e.command.Attempt)
	}
	return text
}

// stop is an incident, or a dead letter: "fault.expression", "dead-letter no-key".
type stop struct {
	key    string
	word   string // incident or dead-letter
	kind   string
	detail string
}

func stopsOf(d *Decided) []stop {
	var out []stop
	if f := d.Decision.Fault; f != nil {
		out = append(out, stop{d.Key, wordIncident, f.Kind, f.Text + " (" + f.Place + ")"})
	}
	if l := d.Decision.DeadLetter; l != nil {
		out = append(out, stop{d.Key, wordDeadLetter, l.Reason, l.Text})
	}
	return out
}

func (s stop) text() string { return s.word + ": " + s.kind + ": " + s.detail }

// settled fails if something has happened that the script has not listed.
func (r *runner) settled(s *Step) *Failure {
	if failure := r.nothingSent(s); failure != nil {
		return failure
	}
	if len(r.open) > 0 {
		return r.fail(s, "no "+r.open[0].word, "%s", r.open[0].text())
	}
	return nil
}

// nothingSent fails if there is something that no `out` or `run` has listed.
func (r *runner) nothingSent(s *Step) *Failure {
	if len(r.pending) == 0 {
		return nil
	}
	return r.fail(s, "no command", "%s", r.pending[0].text())
}

// out expects the next commands.
func (r *runner) out(s *Step) *Failure {
	if s.Message == "" {
		return r.nothingSent(s)
	}
	for range s.Times {
		if failure := r.outOnce(s); failure != nil {
			return failure
		}
		r.pending = r.pending[1:]
	}
	return nil
}

func (r *runner) outOnce(s *Step) *Failure {
	if len(r.pending) == 0 {
		return r.fail(s, s.outText(), "no command")
	}
	e := r.pending[0]
	c := e.command
	differs := func(why string) *Failure { return r.fail(s, s.outText(), "%s (%s)", e.text(), why) }
	switch {
	case c == nil:
		return differs("a child workflow").at(s.where.message)
	case c.Message != s.Message:
		return differs("another message").at(s.where.message)
	case s.Attempt > 0 && c.Attempt != s.Attempt:
		return differs("another attempt").at(s.where.attempt)
	case s.Key != "" && e.from.Key != s.Key:
		return differs("of the instance " + e.from.Key).at(s.where.key)
	case s.Workflow != "" && e.from.Workflow != s.Workflow:
		return differs("of the workflow " + e.from.Workflow).at(s.where.workflow)
	case !covers(s.Payload, c.Payload):
		return r.payloadDiffers(s, e, s.outText(), c.Payload)
	}
	return r.headersDiffer(s, e)
}

func (s *Step) outText() string {
	text := s.Message + " " + value.Format(s.Payload)
	if s.Attempt > 0 {
		text += fmt.Sprintf(", attempt %d", s.Attempt)
	}
	return text
}

func (r *runner) payloadDiffers(s *Step, e emission, expected string, got value.Value) *Failure {
	c := compare(s.Payload, got)
	f := r.fail(s, expected, "%s (%s)", e.text(), c.first.text()).at(nodeAt(s.where.payload, c.path))
	f.Rows = c.rows
	return f
}

func (r *runner) headersDiffer(s *Step, e emission) *Failure {
	for name, want := range s.Headers.All() {
		got, ok := e.command.Headers.Lookup(name)
		if ok && got == headerText(want) {
			continue
		}
		why := "header " + name + " is missing"
		if ok {
			why = "header " + name + " is " + value.Format(got)
		}
		return r.fail(s, s.outText()+", headers "+value.Format(s.Headers), "%s (%s)", e.text(), why).at(nodeAt(s.where.headers, []any{name}))
	}
	return nil
}

// runs expects that a child begins next.
func (r *runner) runs(s *Step) *Failure {
	expected := "run " + s.Child.Workflow
	if s.Child.Key != "" {
		expected += ", key " + s.Child.Key
	}
	if s.where.payload != nil {
		expected += ", with " + value.Format(s.Payload)
	}
	if len(r.pending) == 0 {
		return r.fail(s, expected, "no child")
	}
	e := r.pending[0]
	child := e.child
	differs := func(why string) *Failure { return r.fail(s, expected, "%s (%s)", e.text(), why) }
	switch {
	case child == nil:
		return differs("a command")
	case child.To.Workflow != s.Child.Workflow:
		return differs("another workflow").at(s.where.child)
	case s.Child.Key != "" && child.To.Key != s.Child.Key:
		return differs("another key")
	case s.Key != "" && e.from.Key != s.Key:
		return differs("of the instance " + e.from.Key).at(s.where.key)
	case s.Workflow != "" && e.from.Workflow != s.Workflow:
		return differs("of the workflow " + e.from.Workflow).at(s.where.workflow)
	case s.where.payload != nil && !covers(s.Payload, child.Value):
		return r.payloadDiffers(s, e, expected, child.Value)
	}
	r.pending = r.pending[1:]
	return nil
}

// instance returns the instance that a line speaks of, or a failure.
func (r *runner) instance(s *Step, expected string) (*topology.Instance, *Failure) {
	to := r.address(s)
	i := r.world.At(to)
	if i == nil {
		return nil, r.fail(s, expected, "%s", r.missing(to))
	}
	return i, nil
}

// missing says that there is no such instance, and which there are.
func (r *runner) missing(to topology.Address) string {
	text := fmt.Sprintf("there is no instance %q", to.Key)
	if to.Workflow != r.plans[0].Definition().Name {
		text += " of " + to.Workflow
	}
	var names []string
	for _, i := range r.world.Instances {
		if i.Desk == "" {
			names = append(names, i.Address().String())
		}
	}
	if len(names) == 0 {
		return text
	}
	slices.Sort(names)
	return text + "; there is " + shortList(names)
}

func (r *runner) at(s *Step) *Failure {
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

func (r *runner) vars(s *Step) *Failure {
	expected := "variables " + value.Format(s.Payload)
	if s.Branch != "" {
		expected = "variables of " + s.Branch + " " + value.Format(s.Payload)
	}
	i, failure := r.instance(s, expected)
	if failure != nil {
		return failure
	}
	all, ok := variables(i, s.Branch)
	if !ok {
		return r.fail(s, expected, "%s", missingBranch(i, s.Branch)).at(s.where.branch)
	}
	got := all
	for name := range s.Payload.(*value.Map).All() {
		if _, ok := got.Lookup(name); !ok {
			got = got.With(name, nil) // one that was never set is null
		}
	}
	if covers(s.Payload, got) {
		return nil
	}
	c := compare(s.Payload, got)
	f := r.fail(s, expected, "%s (%s)", value.Format(all), c.first.text()).at(nodeAt(s.where.payload, c.path))
	f.Rows = c.rows
	return f
}

// end expects that the instance has ended. One that is not remembered has told
// its end with its last decision.
func (r *runner) end(s *Step) *Failure {
	if failure := r.settled(s); failure != nil {
		return failure
	}
	expected := strings.Join(s.Texts, " ")
	status, failed := r.ended(r.address(s))
	if status != s.Texts[0] || len(s.Texts) > 1 && failed != s.Texts[1] {
		return r.fail(s, expected, "%s", strings.TrimSpace(status+" "+failed))
	}
	return nil
}

func (r *runner) ended(to topology.Address) (status, failed string) {
	if i := r.world.At(to); i != nil {
		if i.Failure != nil {
			failed = i.Failure.Name
		}
		if !i.Ended() {
			return stateText(i, false), ""
		}
		return string(i.Status), failed
	}
	for _, d := range slices.Backward(r.last) {
		for _, step := range d.Decision.Trace {
			if d.To == to && step.Kind == "end" {
				status, failed, named := strings.Cut(step.Text, " ")
				if !named && status != string(topology.StatusCompleted) {
					failed = status // the error is called like it
				}
				return status, failed
			}
		}
	}
	return r.missing(to), ""
}

// incident expects that the instance has stopped: with `fault.expression`, or
// the kind alone.
func (r *runner) incident(s *Step) *Failure {
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
	r.expect(wordIncident, i.Key, i.Incident.Fault.Kind)
	return nil
}

// migrates expects what becomes of the instance if it is migrated to the version that
// is deployed. Nothing happens to it.
func (r *runner) migrates(s *Step) *Failure {
	expected := s.migratesText()
	if _, failure := r.instance(s, expected); failure != nil {
		return failure
	}
	got, _ := r.world.CanMigrate(r.address(s))
	if s.fits(got) {
		return nil
	}
	return r.fail(s, expected, "%s", migratingText(got))
}

func (s *Step) fits(m topology.Migrating) bool {
	if len(s.Texts) > 0 {
		return slices.ContainsFunc(m.Refused, func(why string) bool { return strings.Contains(why, s.Texts[0]) })
	}
	return len(m.Refused) == 0 && sameMappings(s.Afresh, m.Afresh) && sameMappings(s.Otherwise, m.Otherwise)
}

// sameMappings compares what a script expects, each once, with what there is.
func sameMappings(want, got []topology.StepMapping) bool {
	return len(got) == len(want) &&
		!slices.ContainsFunc(got, func(at topology.StepMapping) bool { return !slices.Contains(want, plain(at)) })
}

// plain is a mapping without its places in files.
func plain(m topology.StepMapping) topology.StepMapping {
	return topology.StepMapping{Old: m.Old, New: m.New}
}

func (s *Step) migratesText() string {
	if len(s.Texts) > 0 {
		return migratesRefused + ": " + s.Texts[0]
	}
	return migratingText(topology.Migrating{Afresh: s.Afresh, Otherwise: s.Otherwise})
}

func migratingText(m topology.Migrating) string {
	if len(m.Refused) > 0 {
		return migratesRefused + ": " + strings.Join(m.Refused, "; ")
	}
	var texts []string
	for _, at := range m.Afresh {
		texts = append(texts, migratesAfresh+": "+at.Old+" as "+at.New)
	}
	for _, at := range m.Otherwise {
		texts = append(texts, migratesOtherwise+": "+at.Old+" as "+at.New)
	}
	if len(texts) > 0 {
		return strings.Join(texts, ", ")
	}
	return migratesStays
}

// expect notes that the script knows of a stop.
func (r *runner) expect(word, key, kind string) {
	r.open = slices.DeleteFunc(r.open, func(s stop) bool {
		return s.word == word && s.kind == kind && (s.key == key || word == wordDeadLetter)
	})
}

// late expects that what came last was late, or that a message was which had
// been kept.
func (r *runner) late(s *Step) *Failure {
	for _, d := range r.last {
		if d.late(s.Message) {
			return nil
		}
	}
	return r.fail(s, strings.TrimSpace("late "+s.Message), "%s", r.outcomes())
}

func (d Decided) late(message string) bool {
	if d.Decision.Outcome == topology.Late && (message == "" || d.message() == message) {
		return true
	}
	return slices.ContainsFunc(d.Decision.Trace, func(t topology.Trace) bool {
		return t.Kind == "late" && (message == "" || t.Text == message)
	})
}

// message is that of the event that was decided on: one that came, that a mailbox has
// handed on, or that the instance had kept; "" if it was none.
func (d Decided) message() string {
	switch in := d.Input; {
	case d.Decision.Event != nil:
		return d.Decision.Event.Message
	case in.Event != nil:
		return in.Event.Message
	case in.Letter != nil && in.Letter.Event != nil:
		return in.Letter.Event.Message
	}
	return ""
}

func (r *runner) deadLetter(s *Step) *Failure {
	for _, d := range r.last {
		if d.Decision.DeadLetter != nil && d.Decision.DeadLetter.Reason == s.Texts[0] {
			r.expect(wordDeadLetter, d.Key, s.Texts[0])
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
