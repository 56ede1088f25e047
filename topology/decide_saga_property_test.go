package topology_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rondo/topology"
	"rondo/topology/script"
	"rondo/topology/value"
)

// TestWhatWasDoneIsUndoneInReverse plays anything to made-up workflows whose
// compensations begin and end with a command of their own, and compares those with
// what was done, as the commands and the answers tell it:
//
//   - what is undone was done, or is in doubt, and is undone once;
//   - it is undone once nothing is left that was done after it, in the same branch or
//     in one that the branch has begun since;
//   - when the instance has failed, nothing is left.
func TestWhatWasDoneIsUndoneInReverse(t *testing.T) {
	undone := 0
	rapid.Check(t, func(t *rapid.T) {
		def := sagaDefinition(t)
		t.Log(textOf(def))
		p := &sagaPlay{play: newPlay(t, compiled(t, def, topology.Limits{StepsAtOnce: 7, StepsUnasked: 200})), model: newSagaModel(def)}
		for range rapid.IntRange(1, 60).Draw(t, "length") {
			p.step()
		}
		undone += p.model.undone
	})
	if undone == 0 && !testing.Short() {
		t.Error("nothing was undone")
	}
}

// sagaDefinition draws a workflow of which the commands tell what it has done and
// undone: each step that can be undone sends one, and is taken back by an answer M2;
// each compensation sends Undoing first and Undone last. It ends by failing only.
func sagaDefinition(t *rapid.T) *topology.Definition {
	d := newDrawer(t)
	d.saga = true
	def := &topology.Definition{Name: "any", Version: 1, Messages: d.messages(), Again: d.again()}
	def.Tables = []*topology.Table{{Name: "rows", Topic: "rows"}}
	for _, name := range []string{"Undoing", "Undone"} {
		def.Messages = append(def.Messages, &topology.Message{Name: name, Type: name, Topic: "out"})
	}
	def.Do = append(d.steps(2, nil), &topology.Step{Name: "last", If: &topology.Expr{Text: "m != 1"}, Action: &topology.Raise{Error: "oops"}})
	d.starts(def, names(def.Do))
	if d.chance(3) {
		d.aside = true
		def.Anytime = []*topology.Rule{{Name: "M3", Alternatives: d.alternatives(1, names(def.Do))}}
		d.aside = false
	}
	if d.chance(2) {
		def.Catch = []*topology.Rule{{Name: "any", Alternatives: []*topology.Step{{Action: &topology.Block{Do: []*topology.Step{
			{Name: "undo", Action: &topology.Undo{}}, {Name: "failed", Action: &topology.End{Fail: expression("error.name")}},
		}}}}}}
	}
	return def
}

// undoable draws a step that can be undone.
func (d *drawer) undoable(s *topology.Step, targets []string) {
	if d.chance(6) {
		s.If = &topology.Expr{Text: pick(d, "m < 3", "n > 0")}
	}
	send := &topology.Send{Message: pick(d, "C", "D"), With: expression("{'n': n}")}
	if d.chance(2) {
		send.Await = []*topology.Rule{{Name: "M1", Alternatives: []*topology.Step{{}}},
			{Name: "M2", Alternatives: []*topology.Step{{Action: &topology.Raise{Error: "oops"}}}}}
		d.callTimes(s)
		if d.chance(3) {
			s.Catch = []*topology.Rule{{Name: "any", Alternatives: d.alternatives(0, targets)}}
		}
	}
	s.Action = send
	s.Compensate = &topology.Step{Action: &topology.Block{Do: d.toldUndoing()}}
}

// toldUndoing draws the steps of a compensation that tells when it begins and ends.
func (d *drawer) toldUndoing() []*topology.Step {
	d.undoing = true
	defer func() { d.undoing = false }()
	d.n += 3
	tell := func(n int, message string) *topology.Step {
		return &topology.Step{Name: fmt.Sprint("s", d.n-n), Action: &topology.Send{Message: message}}
	}
	out := []*topology.Step{tell(0, "Undoing"), tell(1, "Undone")}
	if d.room > 0 && d.chance(2) {
		between := &topology.Step{Name: fmt.Sprint("s", d.n-2)}
		between.Action = &topology.Block{Do: d.steps(1, nil)}
		if d.chance(2) {
			between.Catch = []*topology.Rule{{Name: "any", Alternatives: []*topology.Step{{}}}}
		}
		out = slices.Insert(out, 1, between)
	}
	return out
}

// sagaPlay plays with answers that say which command they are for.
type sagaPlay struct {
	*play
	model *sagaModel
}

func (p *sagaPlay) step() {
	var act func(w *script.World) ([]script.Decided, error)
	switch rapid.IntRange(0, 9).Draw(p.t, "step") {
	case 0, 1, 2, 3, 4, 5:
		act = p.comes()
	case 6, 7, 8:
		act = p.time()
	default:
		key := rapid.SampledFrom([]string{"a", "b"}).Draw(p.t, "key")
		kind := rapid.SampledFrom([]string{"cancel", "pause", "resume", "resume", "retry", "retry", "terminate"}).Draw(p.t, "act")
		act = func(w *script.World) ([]script.Decided, error) {
			return w.Act(key, &topology.Act{Kind: kind, Principal: "ann"})
		}
	}
	for _, d := range p.inBoth(act) {
		p.checkDecision(d)
		p.checkKept(d)
		p.model.decided(p.t, d)
	}
	p.checkRest()
}

// comes draws an event; one of those that may answer a call answers an open one of
// this run.
func (p *sagaPlay) comes() func(w *script.World) ([]script.Decided, error) {
	in := script.Incoming{Message: rapid.SampledFrom([]string{"Go", "M1", "M1", "M1", "M2", "M3"}).Draw(p.t, "message"), Payload: anyPayload(p.t, "")}
	if in.Message == "M1" || in.Message == "M2" {
		key, _ := in.Payload.(*value.Map).Lookup("id")
		if open := p.model.openOf(p.memory.Instance(key.(string))); len(open) > 0 {
			in.Echo = rapid.SampledFrom(open).Draw(p.t, "answers")
		} else {
			in.Message = "Go"
		}
	}
	return func(w *script.World) ([]script.Decided, error) { return w.In(in) }
}

// sagaModel is what was done and undone, as commands and answers tell it.
type sagaModel struct {
	paths  map[string][]side // by step: the branches in which it stands, the outermost first
	calls  map[string]bool   // steps that can be undone and await an answer
	does   map[string]bool   // steps that can be undone
	runs   map[string]*sagaRun
	undone int
}

// side is a branch, as the definition has it.
type side struct {
	step   string // the fork
	branch int
	any    bool // one of many that run at once: of a loop, or of `anytime`
	visit  int  // of the fork
}

type sagaRun struct {
	done   []*deed // in order
	visits map[string]int

	over    bool
	unknown bool // what was done
}

// deed is what a step has done.
type deed struct {
	command, step          string
	path                   []side
	answered, begun, ended bool
	refused                bool
}

func newSagaModel(def *topology.Definition) *sagaModel {
	m := &sagaModel{paths: map[string][]side{}, calls: map[string]bool{}, does: map[string]bool{}, runs: map[string]*sagaRun{}}
	m.steps(def.Do, nil)
	m.rules(def.Anytime, []side{{any: true}})
	m.rules(def.Start, nil)
	m.rules(def.Catch, nil)
	return m
}

func (m *sagaModel) rules(rules []*topology.Rule, path []side) {
	for _, r := range rules {
		m.steps(r.Alternatives, path)
	}
}

func (m *sagaModel) steps(steps []*topology.Step, path []side) {
	for _, s := range steps {
		m.paths[s.Name] = path
		m.does[s.Name] = s.Compensate != nil
		m.rules(s.Catch, path)
		m.within(s, path)
	}
}

func (m *sagaModel) within(s *topology.Step, path []side) {
	in := func(inner side) []side { return append(slices.Clone(path), inner) }
	switch a := s.Action.(type) {
	case *topology.Send:
		m.calls[s.Name] = len(a.Await) > 0
		m.rules(a.Await, path)
	case *topology.Run:
		m.rules(a.Await, path)
	case *topology.Listen:
		m.rules(a.Rules, path)
	case *topology.Switch:
		m.steps(a.Alternatives, path)
	case *topology.Block:
		m.steps(a.Do, path)
	case *topology.Fork:
		for i, b := range a.Branches {
			m.steps(b.Do, in(side{step: s.Name, branch: i}))
		}
	case *topology.For:
		if a.Parallel > 1 {
			path = in(side{step: s.Name, any: true})
		}
		m.steps(a.Do, path)
	}
}

// decided notes what a decision has done and undone, in its order.
func (m *sagaModel) decided(t *rapid.T, d script.Decided) {
	if d.Decision.Run == "" || d.Decision.Fault != nil && len(d.Decision.Commands) == 0 {
		return
	}
	r := m.runOf(d)
	if r.unknown {
		return
	}
	commands := d.Decision.Commands
	for _, note := range d.Decision.Trace {
		switch note.Kind {
		case "enter":
			r.visits[note.Step]++
		case "send", "retry":
			m.sent(t, r, commands[0])
			commands = commands[1:]
		case "take":
			if r.taken(m, note.Step, d); r.unknown {
				return
			}
		}
	}
	r.checkEnd(t, d.Decision.Status)
}

func (m *sagaModel) runOf(d script.Decided) *sagaRun {
	name := d.To.String() + " " + d.Decision.Run
	if m.runs[name] == nil {
		m.runs[name] = &sagaRun{visits: map[string]int{}}
	}
	return m.runs[name]
}

// openOf are the commands of the run of an instance that were not answered, or, so
// that there are late answers, the latest.
func (m *sagaModel) openOf(i *topology.Instance) []string {
	if i == nil || m.runs[i.Address().String()+" "+i.Run] == nil {
		return nil
	}
	var open []string
	done := m.runs[i.Address().String()+" "+i.Run].done
	for at, x := range done {
		if m.calls[x.step] && (!x.answered || at == len(done)-1) {
			open = append(open, x.command)
		}
	}
	return open
}

func (m *sagaModel) sent(t *rapid.T, r *sagaRun, c topology.Command) {
	switch {
	case c.Message == "Undoing":
		r.begins(t, c.Compensates)
	case c.Message == "Undone":
		m.undone++
		x := r.find(c.Compensates)
		if x == nil || !x.begun || x.ended {
			t.Fatalf("%s is undone, and was not begun or is undone already: %+v", c.Compensates, x)
		}
		x.ended = true
	case c.Compensates != "" || !m.does[c.Step]:
	case c.Attempt == 1:
		r.done = append(r.done, m.deedOf(r, c))
	default: // another attempt of what was taken back
		if x := r.find(c.ID); x == nil {
			t.Fatalf("attempt %d of %s without a first", c.Attempt, c.ID)
		} else if x.refused {
			r.done = slices.DeleteFunc(r.done, func(other *deed) bool { return other == x })
			r.done = append(r.done, m.deedOf(r, c))
		}
	}
}

func (m *sagaModel) deedOf(r *sagaRun, c topology.Command) *deed {
	path := slices.Clone(m.paths[c.Step])
	for i := range path {
		path[i].visit = r.visits[path[i].step]
	}
	return &deed{command: c.ID, step: c.Step, path: path}
}

func (r *sagaRun) find(command string) *deed {
	for _, x := range r.done {
		if x.command == command {
			return x
		}
	}
	return nil
}

// taken: a call was answered. M2 says that nothing was done. An answer to an earlier
// run of the key may be taken by any call: then it is not known what was done here.
func (r *sagaRun) taken(m *sagaModel, place string, d script.Decided) {
	e := d.Decision.Event
	if e == nil {
		e = d.Input.Event
	}
	step, answer, _ := strings.Cut(place, ".")
	if e == nil || !m.does[step] || !m.calls[step] || answer != "M1" && answer != "M2" {
		return
	}
	x := r.find(e.CommandID)
	if x == nil || x.step != step {
		r.unknown = true
		return
	}
	if x.refused && answer == "M1" { // done all the same, and only now known to be
		r.done = append(slices.DeleteFunc(r.done, func(other *deed) bool { return other == x }), x)
	}
	x.answered, x.refused = true, answer == "M2"
}

// begins: a compensation begins. It may do so again if it had not come to its end.
func (r *sagaRun) begins(t *rapid.T, command string) {
	at := slices.IndexFunc(r.done, func(x *deed) bool { return x.command == command })
	if at < 0 || r.done[at].ended || r.done[at].refused {
		t.Fatalf("%q is being undone, and was not done, or is undone", command)
	}
	x := r.done[at]
	x.begun = true
	for _, y := range r.done[at+1:] {
		if !y.ended && !y.refused && x.isBefore(y) {
			t.Fatalf("%s (%s) is being undone before %s (%s), which was done after it", x.step, x.command, y.step, y.command)
		}
	}
}

// isBefore reports whether x, which was done before y, was so in the same branch or
// in one that has begun y's, and not side by side with it.
func (x *deed) isBefore(y *deed) bool {
	if len(x.path) > len(y.path) || !slices.Equal(x.path, y.path[:len(x.path)]) {
		return false
	}
	return !slices.ContainsFunc(x.path, func(s side) bool { return s.any }) &&
		!slices.ContainsFunc(y.path, func(s side) bool { return s == side{any: true, visit: s.visit} })
}

// checkEnd: what fails leaves nothing behind that was done.
func (r *sagaRun) checkEnd(t *rapid.T, status topology.Status) {
	if status != topology.StatusFailed && status != topology.StatusCancelled || r.over {
		return
	}
	r.over = true
	for _, x := range r.done {
		if !x.ended && !x.refused {
			t.Fatalf("%s, and %s (%s) was not undone", status, x.step, x.command)
		}
	}
}

// checkKept: what comes in is kept, or has an outcome; what was kept has one, or is
// told of, once; none comes from nowhere.
func (p *play) checkKept(d script.Decided) {
	if d.Plan == nil || d.To.Desk != "" {
		return
	}
	to := d.To.String()
	due := keptBy(p.t, p.last[to])
	if e := eventOf(&topology.Kept{Event: d.Input.Event, Letter: d.Input.Letter}); e != nil {
		due[e.Record.String()] = e.Message
	}
	p.last[to] = d.Decision.Instance
	now := keptBy(p.t, d.Decision.Instance)
	for ref := range now {
		if due[ref] == "" {
			p.t.Fatalf("%s keeps %s, which has not come", to, ref)
		}
		delete(due, ref)
	}
	told := toldOf(d)
	for _, ref := range slices.Sorted(maps.Keys(due)) {
		message := due[ref]
		if told[ref] == 0 && told[message] == 0 {
			p.t.Fatalf("%s: %s %s is lost: %+v", to, message, ref, d.Decision)
		}
		if told[ref] == 0 {
			told[message]--
		}
		if p.over[to+" "+ref] {
			p.t.Fatalf("%s: %s %s is counted twice", to, message, ref)
		}
		p.over[to+" "+ref] = true
	}
}

// toldOf counts what a decision says of events, by record and by message.
func toldOf(d script.Decided) map[string]int {
	told := map[string]int{}
	for _, e := range []*topology.Event{d.Input.Event, d.Decision.Event} {
		if e != nil && d.Decision.Outcome != topology.Held && d.Decision.Outcome != topology.Queued {
			told[e.Record.String()]++
		}
	}
	if l := d.Input.Letter; l != nil && l.Event != nil {
		told[l.Event.Record.String()]++
	}
	for _, note := range d.Decision.Trace {
		switch note.Kind {
		case "take", "late", "start", "repeat":
			told[note.Text]++
		}
	}
	return told
}

func eventOf(k *topology.Kept) *topology.Event {
	if k != nil && k.Event == nil && k.Letter != nil {
		return k.Letter.Event
	}
	if k == nil {
		return nil
	}
	return k.Event
}

// keptBy are the messages of the events that an instance keeps, by record.
func keptBy(t *rapid.T, i *topology.Instance) map[string]string {
	out := map[string]string{}
	if i == nil {
		return out
	}
	kept := slices.Concat(i.Held, i.Queue, i.Starts)
	if i.Incident != nil {
		kept = append(kept, i.Incident.Input)
	}
	for _, k := range kept {
		if e := eventOf(k); e != nil {
			if out[e.Record.String()] != "" {
				t.Fatalf("%s keeps %s twice", i.Address(), e.Record)
			}
			out[e.Record.String()] = e.Message
		}
	}
	return out
}
