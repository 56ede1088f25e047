package script

import (
	"bytes"
	"fmt"
	"slices"

	yaml "go.yaml.in/yaml/v4"

	"rondo/topology"
	"rondo/topology/value"
)

// Run plays a script against a workflow, whose plan is the first, and returns
// the first difference, nil if there is none. The other plans are those of
// workflows that it runs as children.
//
// Scripts are strict: each command that is sent and each child that is begun
// must be listed, in order, before something else happens; and so must an
// incident and a dead letter.
func (t Test) Run(plans ...*topology.Plan) *Failure { return t.Play(nil, plans...) }

// Play is Run, and tells seen of each decision.
func (t Test) Play(seen func(Decided), plans ...*topology.Plan) *Failure {
	if t.newRunner(seen, plans).run() == nil {
		return nil
	}
	// Once more, with somebody who tells: that costs as much as deciding, and
	// most scripts need it not.
	again := t.newRunner(nil, plans)
	again.tell()
	return again.run()
}

// Transcript tells what happens when the script is played.
func (t Test) Transcript(plans ...*topology.Plan) string {
	r := t.newRunner(nil, plans)
	r.tell()
	if failure := r.run(); failure != nil {
		return failure.Transcript
	}
	return r.told.String()
}

// runner plays one script.
type runner struct {
	test   Test
	plans  []*topology.Plan
	world  *World
	seen   func(Decided) // may be nil
	told   bytes.Buffer
	teller *Teller // nil: nobody listens

	key      string             // of the last `in`
	pending  []emission         // what no `out` or `run` has listed yet
	open     []stop             // incidents and dead letters that nobody has expected yet
	children []*topology.Letter // that began those which are waited for and are not here, oldest first
	last     []Decided          // of the last thing that happened
}

func (t Test) newRunner(seen func(Decided), plans []*topology.Plan) *runner {
	return &runner{test: t, plans: plans, world: New(plans[0], plans[1:]...), seen: seen}
}

func (r *runner) tell() { r.teller = NewTeller(&r.told) }

func (r *runner) run() *Failure {
	for i := range r.test.Steps {
		if failure := r.step(&r.test.Steps[i]); failure != nil {
			return failure
		}
	}
	return r.settled(&Step{Pos: r.test.Pos})
}

// fail makes a failure at the line s.
func (r *runner) fail(s *Step, expected, format string, args ...any) *Failure {
	f := &Failure{Test: r.test.Name, Pos: s.Pos, Length: 1, Expected: expected, Actual: fmt.Sprintf(format, args...), Transcript: r.told.String()}
	if s.at != nil {
		f.at(s.at)
	}
	return f
}

// at moves the caret to a node of the script.
func (f *Failure) at(n *yaml.Node) *Failure {
	if n != nil {
		f.Pos.Line, f.Pos.Column, f.Length = n.Line, n.Column, lengthOf(n)
	}
	return f
}

// step does one line: something happens, or something is expected.
func (r *runner) step(s *Step) *Failure {
	switch s.Word {
	case wordIn, wordAfter, wordAway, wordAct, wordChild:
		return r.happens(s)
	case wordTable:
		r.table(s)
		return nil
	case wordDeploy:
		return r.deploy(s)
	case wordMigrates:
		return r.migrates(s)
	case wordOut:
		return r.out(s)
	case wordRun:
		return r.runs(s)
	case wordAt:
		return r.at(s)
	case wordVars:
		return r.vars(s)
	case wordEnd:
		return r.end(s)
	case wordIncident:
		return r.incident(s)
	case wordLate:
		return r.late(s)
	default:
		return r.deadLetter(s)
	}
}

// happens lets something happen, once everything that went before is settled.
func (r *runner) happens(s *Step) *Failure {
	if failure := r.settled(s); failure != nil {
		return failure
	}
	if r.teller != nil {
		r.told.WriteString(s.told() + "\n")
	}
	decided, failure := r.play(s)
	if failure != nil {
		return failure
	}
	r.last = decided
	for i := range decided {
		r.note(&decided[i])
	}
	if r.teller != nil {
		r.teller.Tell(decided)
	}
	return nil
}

// note keeps of a decision what later lines may ask for.
func (r *runner) note(d *Decided) {
	r.pending = append(r.pending, emissionsOf(d)...)
	r.open = append(r.open, stopsOf(d)...)
	for i := range d.Decision.Letters {
		r.noteLetter(&d.Decision.Letters[i])
	}
	if begun := d.Input.Letter; begun != nil && begun.Kind == topology.LetterBegin && d.Decision.Outcome == topology.Started {
		r.key = d.Key
	}
	if r.seen != nil {
		r.seen(*d)
	}
}

// noteLetter keeps who waits for a child that is not here.
func (r *runner) noteLetter(l *topology.Letter) {
	switch {
	case planNamed(r.plans, l.To.Workflow) != nil:
	case l.Kind == topology.LetterRun && l.Awaited:
		r.children = append(r.children, l)
	case l.Kind == topology.LetterCancel:
		r.children = slices.DeleteFunc(r.children, func(child *topology.Letter) bool { return child.Command == l.Command })
	}
}

// told is how a transcript tells what happens in a line.
func (s *Step) told() string {
	switch s.Word {
	case wordIn:
		return "in " + s.Message + " " + value.Format(s.Payload)
	case wordAfter, wordAway:
		return s.Word + " " + topology.FormatDuration(s.After)
	case wordAct:
		return "act " + s.Act.Kind
	}
	return "child " + s.Child.text()
}

func (r *runner) play(s *Step) ([]Decided, *Failure) {
	var decided []Decided
	var err error
	switch s.Word {
	case wordIn:
		return r.incoming(s)
	case wordAfter:
		decided, err = r.world.After(s.After)
	case wordAway:
		decided, err = r.world.Away(s.After)
	case wordAct:
		decided, err = r.world.ActAt(r.address(s), s.Act)
	default:
		return r.playChild(s)
	}
	if err != nil {
		return nil, r.fail(s, "something that can happen", "%v", err)
	}
	return decided, nil
}

func (r *runner) incoming(s *Step) ([]Decided, *Failure) {
	in := Incoming{Message: s.Message, Workflow: s.Workflow, Payload: s.Payload, Key: s.Key}
	if s.Headers.Len() > 0 {
		in.Headers = make(map[string]string, s.Headers.Len())
		for name, v := range s.Headers.All() {
			in.Headers[name] = headerText(v)
		}
	}
	if s.Echo != "" {
		id, ok := r.commandOf(s.Echo)
		if !ok {
			return nil, r.fail(s, "a command of the step "+s.Echo, "it has sent none that could be answered").at(s.where.echo)
		}
		in.Echo = id
	}
	decided, err := r.world.In(in)
	if err != nil {
		return nil, r.fail(s, "something that can happen", "%v", err)
	}
	r.key = keyOf(decided, r.key)
	return decided, nil
}

// keyOf is the key of the first instance that was decided about, a desk being
// none; that of before if there is none.
func keyOf(decided []Decided, before string) string {
	for i := range decided {
		if d := &decided[i]; d.To.Desk == "" && d.Key != "" {
			return d.Key
		}
	}
	return before
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

// address is the instance that a line speaks of.
func (r *runner) address(s *Step) topology.Address {
	to := topology.Address{Workflow: s.Workflow, Key: s.Key}
	if to.Workflow == "" {
		to.Workflow = r.plans[0].Definition().Name
	}
	if to.Key == "" {
		to.Key = r.key
	}
	return to
}

// table sets rows of tables; a row that is null is removed.
func (r *runner) table(s *Step) {
	for name, rows := range s.Payload.(*value.Map).All() {
		for key, row := range rows.(*value.Map).All() {
			r.world.SetRow(name, key, row)
		}
	}
	if r.teller != nil {
		fmt.Fprintf(&r.told, "table %s\n", value.Format(s.Payload))
	}
}

// deploy deploys a version.
func (r *runner) deploy(s *Step) *Failure {
	if failure := r.settled(s); failure != nil {
		return failure
	}
	name := r.address(s).Workflow
	p := versionOf(r.plans, name, s.Version)
	if p == nil {
		return r.fail(s, "something that can happen", "there is no version %d of %s", s.Version, name)
	}
	if r.teller != nil {
		fmt.Fprintf(&r.told, "deploy %s version %d\n", name, s.Version)
	}
	r.world.Deploy(p)
	return nil
}

// playChild plays the outcome of a child whose workflow is not here.
func (r *runner) playChild(s *Step) ([]Decided, *Failure) {
	fits := slices.DeleteFunc(slices.Clone(r.children), func(l *topology.Letter) bool { return !s.Child.is(l.To) })
	if len(fits) != 1 {
		return nil, r.fail(s, "one child that is waited for: "+s.Child.named(), "%s", r.waitedFor(fits))
	}
	begun := fits[0]
	r.children = slices.DeleteFunc(r.children, func(l *topology.Letter) bool { return l == begun })
	outcome := topology.Letter{Kind: topology.LetterOutcome, To: begun.From, From: begun.To, Command: begun.Command, Status: s.Child.Status, Value: s.Child.Output}
	if s.Child.Failure != nil {
		failure := *s.Child.Failure
		failure.At = r.world.Now
		outcome.Failure = &failure
	}
	decided, err := r.world.Deliver(outcome)
	if err != nil {
		return nil, r.fail(s, "something that can happen", "%v", err)
	}
	return decided, nil
}

// waitedFor says which children are waited for: those that fit, if they are too
// many, or all.
func (r *runner) waitedFor(fits []*topology.Letter) string {
	if len(fits) == 0 {
		fits = r.children
	}
	if len(fits) == 0 {
		return "none is waited for"
	}
	var names []string
	for _, l := range fits {
		names = append(names, l.To.String())
	}
	return shortList(names)
}

// is reports whether c may be the child at an address.
func (c *Child) is(to topology.Address) bool {
	return (c.Workflow == "" || c.Workflow == to.Workflow) && (c.Key == "" || c.Key == to.Key)
}

func (c *Child) named() string {
	switch {
	case c.Workflow == "" && c.Key == "":
		return "whichever"
	case c.Key == "":
		return c.Workflow
	case c.Workflow == "":
		return "key " + c.Key
	}
	return c.Workflow + "/" + c.Key
}

func (c *Child) text() string {
	text := string(c.Status)
	if c.Failure != nil && c.Failure.Name != text {
		text += " " + c.Failure.Name
	}
	if c.Output != nil {
		text += " " + value.Format(c.Output)
	}
	return text
}
