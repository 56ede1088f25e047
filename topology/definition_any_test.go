package topology_test

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"rondo/topology"
	"rondo/topology/value"
)

// anyDefinition draws a small workflow: everything that the language has, put
// together without sense.
func anyDefinition(t *rapid.T) *topology.Definition {
	d := newDrawer(t)
	def := &topology.Definition{Name: "any", Version: 1, Messages: d.messages(), Again: d.again()}
	def.Tables = []*topology.Table{{Name: "rows", Topic: "rows"}}
	if d.chance(4) {
		def.Deadline = d.when(time.Minute)
	}
	def.Do = d.steps(2, nil)
	top := names(def.Do)
	d.starts(def, top)
	if d.chance(2) {
		d.aside = true
		def.Anytime = []*topology.Rule{{Name: "M2", Alternatives: d.alternatives(1, top)}}
		d.aside = false
	}
	if d.chance(2) {
		def.Catch = []*topology.Rule{{Name: pick(d, "any", "oops", "timeout", "fault", "deadline"), Alternatives: []*topology.Step{d.lastResort(top)}}}
	}
	if d.chance(3) {
		def.Keep = &topology.When{Duration: time.Minute}
	}
	if d.chance(3) {
		def.Output = pick(d, expression("[n, m]"), expression("n + 1"))
		def.Search = []string{"n", "m"}
	}
	return def
}

// newerDefinition draws the next version of a workflow, to which its instances can
// come.
func newerDefinition(t *rapid.T, older *topology.Definition) *topology.Definition {
	def := anyDefinition(t)
	d := newDrawer(t)
	def.Version = older.Version + 1
	def.Migrate = &topology.Migration{From: older.Version}
	for _, name := range names(older.Do) {
		if d.chance(2) {
			def.Migrate.Steps = append(def.Migrate.Steps, topology.StepMapping{Old: name, New: pick(d, names(def.Do)...)})
		}
	}
	if d.chance(2) {
		def.Migrate.Set = []topology.Assignment{{Name: "m", Value: expression("0")}}
	}
	return def
}

func (d *drawer) again() topology.Again {
	return pick(d, topology.AgainNever, topology.AgainEnded, topology.AgainQueue, topology.AgainRestart)
}

func (d *drawer) messages() []*topology.Message {
	in := func(name, key string) *topology.Message {
		return &topology.Message{Name: name, Type: name, Topic: "in", Key: &topology.Expr{Text: key}}
	}
	id := "event.id"
	m1, m2, m3 := in("M1", id), in("M2", id), in("M3", id)
	m2.Early.Mode = pick(d, "", "hold", "drop", "reject")
	m3.ID = &topology.Expr{Text: "event.fill"}
	if d.chance(3) {
		m3.Key = &topology.Expr{Text: "[event.id, 'b']"}
	}
	if d.chance(4) {
		m1.Early.Hold = time.Minute
	}
	if d.chance(4) {
		m2.When = &topology.Expr{Text: "event.n != 5"}
	}
	c, other := &topology.Message{Name: "C", Type: "C", Topic: "out"}, &topology.Message{Name: "D", Type: "D", Topic: "out"}
	if d.chance(3) {
		c.Timeout, c.Retry = d.when(time.Second, 10*time.Second), d.retry()
	}
	return []*topology.Message{in("Go", id), in("Start", id), m1, m2, m3, c, other}
}

// starts draws what begins an instance. All of it sets the variables that steps read.
func (d *drawer) starts(def *topology.Definition, top []string) {
	set := func(n string) []topology.Assignment {
		return []topology.Assignment{{Name: "n", Value: expression(n)}, {Name: "m", Value: &topology.Template{Literal: int64(0)}}}
	}
	def.Start = []*topology.Rule{{Name: "Go", Alternatives: []*topology.Step{{Set: set("event.n")}}}}
	if d.chance(3) {
		first := &topology.Step{When: &topology.Expr{Text: "event.n != 1"}, Set: set("event.n")}
		second := &topology.Step{Set: set("0"), Action: d.call(0, top), Timeout: d.when(time.Second)}
		def.Start = append(def.Start, &topology.Rule{Name: "Start", Alternatives: []*topology.Step{first, second}})
	}
	if d.chance(4) {
		def.Child = []*topology.Step{{When: &topology.Expr{Text: "event != 5"}, Set: set("event")}}
	}
	if d.chance(6) {
		def.Schedule = &topology.Schedule{Every: time.Hour, Key: &topology.Expr{Text: "'a'"}, Reaction: &topology.Step{Set: set("event.missed")}}
		if d.chance(2) {
			def.Schedule.Every, def.Schedule.Cron, def.Schedule.Zone = 0, "*/20 * * * *", "Europe/Berlin"
		}
	}
}

// lastResort draws a reaction of the workflow's `catch`: it comes to no end of its own.
func (d *drawer) lastResort(top []string) *topology.Step {
	d.n += 2
	does, last := &topology.Step{Name: fmt.Sprint("s", d.n-1)}, &topology.Step{Name: fmt.Sprint("s", d.n)}
	does.Action = &topology.Block{Do: d.steps(1, nil)}
	switch pick(d, 0, 1, 2) {
	case 0:
		last.Action = &topology.Raise{Error: "wrong"}
	case 1:
		last.Action = &topology.End{Fail: expression("error.name")}
	default:
		last.Then = &topology.Target{Name: pick(d, top...)}
	}
	return &topology.Step{Action: &topology.Block{Do: []*topology.Step{does, last}}}
}

func expression(text string) *topology.Template {
	return &topology.Template{Expr: &topology.Expr{Text: text}}
}

func names(steps []*topology.Step) []string {
	var out []string
	for _, s := range steps {
		out = append(out, s.Name)
	}
	return out
}

type drawer struct {
	t *rapid.T
	n int // steps so far

	room int // for more that leads on to more: what is drawn has an end

	aside   bool // in an `anytime` reaction, whose blocks cannot be left by a jump
	beside  int  // forks and loops around
	undoing bool // in a compensation, which is not itself undone
	saga    bool // what is done and undone is to be told from the commands: see sagaDefinition
}

func newDrawer(t *rapid.T) *drawer { return &drawer{t: t, room: 25} }

// chance is true once in n.
func (d *drawer) chance(n int) bool { return rapid.IntRange(1, n).Draw(d.t, "chance") == 1 }

func pick[T any](d *drawer, of ...T) T { return rapid.SampledFrom(of).Draw(d.t, "pick") }

// steps draws a list. Jumps may go to its steps and to those outside.
func (d *drawer) steps(depth int, outside []string) []*topology.Step {
	steps := make([]*topology.Step, rapid.IntRange(1, 3).Draw(d.t, "steps"))
	for i := range steps {
		d.n++
		steps[i] = &topology.Step{Name: fmt.Sprintf("s%d", d.n)}
	}
	targets := append(names(steps), outside...)
	for _, s := range steps {
		switch {
		case !d.undoing && d.chance(9):
			s.Action = &topology.Undo{} // which stands alone
			continue
		case d.saga && !d.undoing && d.chance(2):
			d.undoable(s, targets)
			continue
		}
		d.fill(s, depth, targets)
		if !d.undoing && !d.saga && d.room > 0 && d.chance(3) {
			s.Compensate = d.compensation()
		}
	}
	return steps
}

// fill draws what a step or reaction does.
func (d *drawer) fill(s *topology.Step, depth int, targets []string) {
	if d.chance(4) {
		s.If = &topology.Expr{Text: pick(d, "m < 3", "n == null", "n > 0", "true")}
	}
	if d.chance(3) {
		s.Set = []topology.Assignment{d.assignment()}
	}
	d.action(s, depth, targets)
	if depth > 0 && d.room > 0 && d.chance(3) {
		for _, name := range pick(d, []string{"any"}, []string{"timeout", "oops"}, []string{"fault", "any"}) {
			s.Catch = append(s.Catch, &topology.Rule{Name: name, Alternatives: d.alternatives(depth-1, targets)})
		}
	}
	switch s.Action.(type) {
	case *topology.Raise, *topology.End:
		return
	}
	if len(targets) > 0 && d.chance(4) {
		s.Then = d.target(targets)
	}
}

func (d *drawer) target(targets []string) *topology.Target {
	if d.chance(6) {
		return &topology.Target{Expr: &topology.Expr{Text: "'s1'"}}
	}
	return &topology.Target{Name: pick(d, append([]string{"exit"}, targets...)...)}
}

func (d *drawer) action(s *topology.Step, depth int, targets []string) {
	kinds := 11
	if depth > 0 {
		kinds = 20
	}
	if d.room--; d.room < 0 {
		kinds = 4
	}
	switch rapid.IntRange(0, kinds).Draw(d.t, "action") {
	case 0:
	case 1:
		s.Action = &topology.Send{Message: "C", With: expression("{'n': n}")}
	case 2:
		s.Action = &topology.Send{Message: pick(d, "C", "D"), With: pick(d, nil, &topology.Template{}), Headers: []topology.Field{{Name: "h", Value: expression("n")}}}
	case 3:
		s.Action = &topology.Wait{For: d.when(0, time.Second, time.Minute)}
	case 4:
		s.Action = d.raise()
	case 5:
		d.end(s)
	case 6:
		s.Action = d.run(s, depth, targets)
	case 7:
		s.Action = d.call(depth, targets)
		d.callTimes(s)
	case 8, 9, 10:
		d.listen(s, depth, targets)
	case 11, 12:
		if d.aside {
			targets = nil
		}
		s.Action = &topology.Block{Do: d.steps(depth-min(depth, 1), targets)}
		d.timeout(s)
	case 13:
		s.Action = &topology.Switch{Alternatives: d.alternatives(depth-1, targets)}
	case 14, 15:
		s.Action = d.fork(depth, targets)
		d.timeout(s)
	case 16, 17:
		s.Action = d.loop(depth, targets)
		d.timeout(s)
	default:
		s.Action = d.call(depth, targets)
		d.callTimes(s)
	}
}

// raise draws one of an author's errors, or by an expression one of the engine's.
func (d *drawer) raise() *topology.Raise {
	out := &topology.Raise{Error: pick(d, "oops", "cancelled"), Data: expression("n + 1"), Message: &topology.Template{Literal: "it went wrong"}}
	if d.chance(4) {
		out.Error, out.Name = "", &topology.Expr{Text: pick(d, "'timeout'", "'fault'", "n")}
	}
	return out
}

// end draws an end; not where all that was done has to be undone.
func (d *drawer) end(s *topology.Step) {
	if d.saga {
		s.Action = d.raise()
		return
	}
	end := &topology.End{Fail: pick(d, nil, &topology.Template{Literal: value.Value("oops")}, expression("n"))}
	if end.Fail != nil {
		end.Data = expression("[n]")
	}
	s.Action = end
}

// when draws a time: one of these from now, also by an expression.
func (d *drawer) when(of ...time.Duration) *topology.When {
	at := pick(d, of...)
	text := fmt.Sprintf("duration('%s')", at)
	switch pick(d, 0, 0, 0, 1, 2) {
	case 1:
		return &topology.When{Expr: &topology.Expr{Text: text}}
	case 2:
		return &topology.When{Expr: &topology.Expr{Text: "now + " + text}}
	}
	return &topology.When{Duration: at}
}

// run draws the beginning of a child, awaited or not.
func (d *drawer) run(s *topology.Step, depth int, targets []string) *topology.Run {
	out := &topology.Run{Workflow: pick(d, "child", "child", "nobody"), With: expression("n")}
	if d.chance(2) {
		out.Key = &topology.Expr{Text: "'kid'"}
	}
	if d.chance(3) {
		return out
	}
	out.Await = []*topology.Rule{{Name: "completed", Alternatives: d.alternatives(depth-1, targets)}}
	if d.chance(2) {
		s.Timeout = d.when(time.Minute)
	}
	return out
}

// assignment draws one that branches may do at the same time, where there are any.
func (d *drawer) assignment() topology.Assignment {
	if d.beside == 0 && !d.aside && d.chance(4) {
		return topology.Assignment{Name: "row", Value: expression("lookup('rows', key)")}
	}
	name := pick(d, "n", "m", "own")
	values := []string{"m + 1", "n", "n + 1", "0"}
	if d.aside || d.beside > 0 {
		values = []string{map[string]string{"n": "n + 1", "m": "m + 1", "own": "1"}[name], "0"}
	}
	return topology.Assignment{Name: name, Value: expression(pick(d, values...))}
}

// inner draws the steps of a branch or an iteration.
func (d *drawer) inner(depth int, targets []string) []*topology.Step {
	if d.aside {
		targets = nil
	}
	d.beside++
	defer func() { d.beside-- }()
	return d.steps(depth-1, targets)
}

// join draws one that so many branches can meet.
func (d *drawer) join(branches int) topology.Join {
	return pick(d, topology.Join{}, topology.Join{Mode: "all"}, topology.Join{Mode: "any"}, topology.Join{Mode: "n", N: min(2, branches)})
}

func (d *drawer) fork(depth int, targets []string) *topology.Fork {
	branches := pick(d, 1, 2, 2, 3)
	out := &topology.Fork{Join: d.join(branches)}
	for i := range branches {
		out.Branches = append(out.Branches, topology.ForkBranch{Name: fmt.Sprint("b", i), Do: d.inner(depth, targets)})
	}
	return out
}

func (d *drawer) loop(depth int, targets []string) *topology.For {
	d.n++
	number := d.n
	out := &topology.For{Join: d.join(1), Parallel: pick(d, 1, 2, 3)}
	if d.chance(4) {
		out.While = &topology.Expr{Text: pick(d, "m < 3", "n == null", "true")}
	}
	if out.While == nil || d.chance(2) {
		out.Each = fmt.Sprint("item", number)
		out.In = expression(pick(d, "[1, 2, 3, 4, 5]", "[n]", "[]", "[m, null]", "n"))
	}
	if d.chance(2) {
		out.Collect = []topology.Assignment{{Name: fmt.Sprint("got", number), Value: expression(pick(d, "n", "index", "[n, m]", "n + 1"))}}
	}
	out.Do = d.inner(depth, targets)
	if out.Each != "" && d.chance(2) {
		out.Do[0].Set = append(out.Do[0].Set, topology.Assignment{Name: fmt.Sprint("own", number), Value: expression(fmt.Sprintf("[%s, index]", out.Each))})
	}
	return out
}

func (d *drawer) timeout(s *topology.Step) {
	if d.chance(2) {
		s.Timeout = d.when(10 * time.Second)
	}
}

func (d *drawer) call(depth int, targets []string) *topology.Send {
	out := &topology.Send{Message: pick(d, "C", "D"), With: expression("{'n': n, 'id': command.id}")}
	for _, name := range pick(d, []string{"M1"}, []string{"M1", "M2"}, []string{"M3"}) {
		out.Await = append(out.Await, &topology.Rule{Name: name, Alternatives: d.alternatives(depth-1, targets)})
	}
	return out
}

// callTimes draws the timeout and retry of a call.
func (d *drawer) callTimes(s *topology.Step) {
	s.Timeout = d.when(time.Second, 10*time.Second)
	if d.chance(2) {
		s.Retry = d.retry()
	}
}

func (d *drawer) retry() *topology.Retry {
	out := &topology.Retry{Attempts: pick(d, 0, 2, 3), Backoff: pick(d, 0, time.Second), Factor: 2000, Max: time.Minute,
		Jitter: pick(d, 0, 1000), Errors: pick(d, []string{"timeout"}, []string{"oops", "timeout"})}
	if out.Attempts == 0 || d.chance(2) {
		out.Within = 30 * time.Second
	}
	return out
}

func (d *drawer) listen(s *topology.Step, depth int, targets []string) {
	out := &topology.Listen{}
	for _, name := range pick(d, []string{"M1"}, []string{"M2", "M3"}, nil) {
		out.Rules = append(out.Rules, &topology.Rule{Name: name, Alternatives: d.alternatives(depth-1, targets)})
	}
	if len(out.Rules) == 0 || d.chance(2) {
		out.Until = &topology.Expr{Text: pick(d, "m > 2", "n > 0", "false")}
	}
	if d.chance(2) {
		out.Idle = d.when(5 * time.Second)
	}
	d.timeout(s)
	s.Action = out
}

// alternatives draws one or two reactions.
func (d *drawer) alternatives(depth int, targets []string) []*topology.Step {
	out := make([]*topology.Step, pick(d, 1, 1, 2))
	for i := range out {
		out[i] = &topology.Step{}
		if i+1 < len(out) || d.chance(4) {
			out[i].When = &topology.Expr{Text: pick(d, "m < 2", "n == 1", "n > 0")}
		}
		d.fill(out[i], max(0, depth), targets)
	}
	return out
}

// compensation draws how a step is undone: by anything but what would undo that.
func (d *drawer) compensation() *topology.Step {
	s := &topology.Step{}
	d.undoing = true
	defer func() { d.undoing = false }()
	switch pick(d, 0, 0, 1, 2, 2, 3) {
	case 0:
		s.Action = &topology.Send{Message: "D", With: expression("{'n': n, 'undoes': undoes.id}")}
	case 1:
		s.Action = &topology.Send{Message: "D", Await: []*topology.Rule{{Name: "M1", Alternatives: []*topology.Step{{Action: pick[topology.Action](d, nil, &topology.Raise{Error: "oops"})}}}}}
		d.callTimes(s)
	case 2:
		d.fill(s, 1, nil)
	default:
		s.Action = &topology.Block{Do: d.steps(1, nil)}
		d.timeout(s)
	}
	if d.chance(3) {
		s.If = &topology.Expr{Text: "undoes.done"}
	}
	return s
}
