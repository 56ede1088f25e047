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
	d := &drawer{t: t}
	key := &topology.Expr{Text: "event.id"}
	in := func(name string) *topology.Message {
		return &topology.Message{Name: name, Type: name, Topic: "in", Key: key}
	}
	messages := []*topology.Message{in("Go"), in("M1"), in("M2"), in("M3"), {Name: "C", Type: "C", Topic: "out"}, {Name: "D", Type: "D", Topic: "out"}}
	messages[3].ID = &topology.Expr{Text: "event.fill"}
	messages[2].Early.Mode = rapid.SampledFrom([]string{"", "hold", "drop", "reject"}).Draw(t, "early")
	again := rapid.SampledFrom([]topology.Again{topology.AgainNever, topology.AgainEnded, topology.AgainQueue, topology.AgainRestart}).Draw(t, "again")
	def := &topology.Definition{Name: "any", Version: 1, Messages: messages, Again: again}
	if d.chance(4) {
		def.Deadline = &topology.When{Duration: time.Minute}
	}
	def.Do = d.steps(2, nil)
	top := names(def.Do)
	def.Start = []*topology.Rule{{Name: "Go", Alternatives: []*topology.Step{{Set: []topology.Assignment{{Name: "n", Value: expression("event.n")}, {Name: "m", Value: &topology.Template{Literal: int64(0)}}}}}}}
	if d.chance(2) {
		d.aside = true
		def.Anytime = []*topology.Rule{{Name: "M2", Alternatives: d.alternatives(1, top)}}
	}
	d.aside = false
	if d.chance(2) {
		def.Catch = []*topology.Rule{{Name: rapid.SampledFrom([]string{"any", "oops", "timeout", "fault", "deadline"}).Draw(t, "caught"), Alternatives: d.alternatives(1, top)}}
	}
	if d.chance(3) {
		def.Keep = &topology.When{Duration: time.Minute}
	}
	return def
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

	aside  bool // in an `anytime` reaction, whose blocks cannot be left by a jump
	beside int  // forks and loops around
}

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
		d.fill(s, depth, targets)
		if d.chance(4) {
			s.Compensate = &topology.Step{}
			d.compensation(s.Compensate)
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
	if d.chance(4) {
		s.Then = d.target(targets)
	}
	if depth > 0 && d.chance(3) {
		for _, name := range pick(d, []string{"any"}, []string{"timeout", "oops"}, []string{"fault", "any"}) {
			s.Catch = append(s.Catch, &topology.Rule{Name: name, Alternatives: d.alternatives(depth-1, targets)})
		}
	}
}

func (d *drawer) target(targets []string) *topology.Target {
	if d.chance(6) {
		return &topology.Target{Expr: &topology.Expr{Text: "'s1'"}}
	}
	return &topology.Target{Name: pick(d, append([]string{"exit"}, targets...)...)}
}

func (d *drawer) action(s *topology.Step, depth int, targets []string) {
	kinds := 8
	if depth > 0 {
		kinds = 16
	}
	switch rapid.IntRange(0, kinds).Draw(d.t, "action") {
	case 0:
	case 1:
		s.Action = &topology.Send{Message: "C", With: expression("{'n': n}")}
	case 2:
		s.Action = &topology.Wait{For: &topology.When{Duration: pick(d, 0, time.Second, time.Minute)}}
	case 3:
		s.Action = &topology.Raise{Error: pick(d, "oops", "timeout", "cancelled"), Data: expression("n + 1")}
	case 4:
		s.Action = &topology.End{Fail: pick(d, nil, &topology.Template{Literal: value.Value("oops")}, expression("n"))}
	case 5:
		s.Action = &topology.Undo{}
	case 6:
		s.Action = d.call(depth, targets)
		d.callTimes(s)
	case 7, 8:
		d.listen(s, depth, targets)
	case 9:
		if d.aside {
			targets = nil
		}
		s.Action = &topology.Block{Do: d.steps(depth-1, targets)}
		d.timeout(s)
	case 10:
		s.Action = &topology.Switch{Alternatives: d.alternatives(depth-1, targets)}
	case 11, 12:
		s.Action = d.fork(depth, targets)
		d.timeout(s)
	case 13, 14:
		s.Action = d.loop(depth, targets)
		d.timeout(s)
	default:
		s.Action = d.call(depth, targets)
		d.callTimes(s)
	}
}

// assignment draws one that branches may do at the same time, where there are any.
func (d *drawer) assignment() topology.Assignment {
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

func (d *drawer) join() topology.Join {
	return pick(d, topology.Join{}, topology.Join{Mode: "all"}, topology.Join{Mode: "any"}, topology.Join{Mode: "n", N: 2})
}

func (d *drawer) fork(depth int, targets []string) *topology.Fork {
	out := &topology.Fork{Join: d.join()}
	for i := range pick(d, 1, 2, 2, 3) {
		out.Branches = append(out.Branches, topology.ForkBranch{Name: fmt.Sprint("b", i), Do: d.inner(depth, targets)})
	}
	return out
}

func (d *drawer) loop(depth int, targets []string) *topology.For {
	d.n++
	number := d.n
	out := &topology.For{Join: d.join(), Parallel: pick(d, 1, 2, 3)}
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
		s.Timeout = &topology.When{Duration: 10 * time.Second}
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
	s.Timeout = &topology.When{Duration: pick(d, time.Second, 10*time.Second)}
	if d.chance(2) {
		s.Retry = &topology.Retry{Attempts: pick(d, 0, 2, 3), Backoff: pick(d, 0, time.Second), Factor: 2000, Max: time.Minute,
			Jitter: pick(d, 0, 1000), Errors: pick(d, []string{"timeout"}, []string{"oops", "timeout"})}
		if s.Retry.Attempts == 0 || d.chance(2) {
			s.Retry.Within = 30 * time.Second
		}
	}
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
		out.Idle = &topology.When{Duration: 5 * time.Second}
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

// compensation draws how a step is undone.
func (d *drawer) compensation(s *topology.Step) {
	if d.chance(3) {
		s.If = &topology.Expr{Text: "undoes.done"}
	}
	s.Action = &topology.Send{Message: "D", With: expression("{'n': n, 'undoes': undoes.id}")}
	if d.chance(2) {
		s.Action = &topology.Send{Message: "D", Await: []*topology.Rule{{Name: "M1", Alternatives: []*topology.Step{{Action: pick[topology.Action](d, nil, &topology.Raise{Error: "oops"})}}}}}
		d.callTimes(s)
	}
}
