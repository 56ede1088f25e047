package definitiontest

import (
	"fmt"
	"strings"
	"time"

	"pgregory.net/rapid"

	"rondo/topology"
)

// Any draws a definition in which any word may stand, with texts that are hard to
// write: it is right as Parse sees it, but makes no sense.
func Any() *rapid.Generator[*topology.Definition] {
	return rapid.Custom(func(t *rapid.T) *topology.Definition { return (&drawer{T: t}).definition() })
}

type drawer struct {
	*rapid.T
	steps int
}

func (d *drawer) chance(n int) bool { return rapid.IntRange(1, n).Draw(d.T, "chance") == 1 }

func (d *drawer) pick(of ...string) string { return rapid.SampledFrom(of).Draw(d.T, "pick") }

func (d *drawer) whole(low, high int) int { return rapid.IntRange(low, high).Draw(d.T, "whole") }

// expr draws an expression. It need not compile.
func (d *drawer) expr() *topology.Expr {
	text := d.pick("n", "max(a, b)", "{'a': [1, 2]}", "!done && x", "'it''s' + \"x\"", "a  ==  b", "a ? b : c", "a #b", "-n", "'x: y'", `'\\d+\t'`, "`in`", "a: b", "*x", "&x", "@x", "%x", "- x",
		"[1]", "x == 'yes'", "1", "true", "null", "'日本語 é'",
		"order.total > 100 && order.customer.name == 'a very long name' || order.lines.exists(l, l.sku == 'a' && l.qty > 0) && has(order.address)")
	if d.chance(4) {
		text = strings.TrimSpace(rapid.StringMatching(`[a-z][a-z0-9_.+*<>=&|?:#!@%é -]{0,60}`).Draw(d.T, "text"))
	}
	return &topology.Expr{Text: text}
}

func (d *drawer) maybeExpr(n int) *topology.Expr {
	if d.chance(n) {
		return d.expr()
	}
	return nil
}

func (d *drawer) template(depth int) *topology.Template {
	switch k := d.whole(0, 9); {
	case k < 3:
		return &topology.Template{Expr: d.expr()}
	case k == 3 && depth > 0:
		list := []*topology.Template{}
		for range d.whole(0, 3) {
			list = append(list, d.template(depth-1))
		}
		return &topology.Template{List: list}
	case k == 4 && depth > 0:
		return &topology.Template{Map: d.fields(depth)}
	default:
		return &topology.Template{Literal: d.literal()}
	}
}

func (d *drawer) fields(depth int) []topology.Field {
	out := []topology.Field{}
	for i := range d.whole(0, 3) {
		name := fmt.Sprintf("%s%d", d.pick("a", "a b", "key", "'q", "\"", "é", "a:b", "-", "- ", "#", "yes", "{", "x,y", "1.", "\t", "=", "?"), i)
		out = append(out, topology.Field{Name: name, Value: d.template(depth - 1)})
	}
	return out
}

func (d *drawer) literal() any {
	switch d.whole(0, 7) {
	case 0:
		return nil
	case 1:
		return d.chance(2)
	case 2:
		return rapid.Int64().Draw(d.T, "int")
	case 3:
		return rapid.Float64().Draw(d.T, "float")
	case 4, 5:
		return d.pick("", "x", "event.id", "01", "1", "1.0", "null", "~", "yes", "true", "- x", "a: b", "a #b", "#x", " x ", "a\nb", "a\nb\n", "\na", "a\n\n b\n", "\t", "*x", "!x", "&x", "it's", `"x"`, `it's "x"`,
			"2020-01-01", "---", "...", "0x1F", ".inf", "{", "[x]", "a,b", "?", "? x", ":", "x:", "%x", "@x", "`x`", "|", ">", "a\u0085b", "\u2028", "\ufeff", "\x01", "日本語", "12:30", "1_000", "<<", "compensate",
			strings.Repeat("long ", 40)+"text", strings.Repeat("x", 200), "two  blanks "+strings.Repeat("and more ", 20)+"x")
	default:
		text := rapid.String().Draw(d.T, "string")
		if strings.HasPrefix(text, "=") {
			text = "x" + text
		}
		return text
	}
}

func (d *drawer) assignments(names ...string) []topology.Assignment {
	var out []topology.Assignment
	for _, name := range names {
		if d.chance(2) {
			out = append(out, topology.Assignment{Name: name, Value: d.template(2)})
		}
	}
	return out
}

func (d *drawer) duration() time.Duration {
	return time.Duration(d.whole(1, 100_000_000)) * time.Millisecond
}

func (d *drawer) when() *topology.When {
	if d.chance(3) {
		return &topology.When{Expr: d.expr()}
	}
	return &topology.When{Duration: d.duration()}
}

func (d *drawer) maybeWhen(n int) *topology.When {
	if d.chance(n) {
		return d.when()
	}
	return nil
}

func (d *drawer) retry() *topology.Retry {
	if !d.chance(3) {
		return nil
	}
	backoff := d.duration()
	r := &topology.Retry{Attempts: d.whole(1, 10000), Backoff: backoff, Factor: d.whole(1000, 9999), Max: max(backoff+d.duration(), time.Hour), Jitter: d.whole(0, 1000), Errors: []string{"timeout"}}
	if d.chance(3) {
		r.Attempts, r.Within, r.Errors = 0, d.duration(), []string{"timeout", "oops"}
	}
	return r
}

func (d *drawer) definition() *topology.Definition {
	def := &topology.Definition{Name: "any", Version: d.whole(1, 9), Doc: d.pick("", "One sentence.", "Two: with a colon, and #more.", strings.Repeat("word ", 40)+"end"), Again: topology.AgainNever}
	for _, name := range []string{"Go", "M1", "M2", "C", "D"} {
		def.Messages = append(def.Messages, d.message(name))
	}
	if d.chance(3) {
		def.Tables = []*topology.Table{{Name: "profile", Topic: "user.profiles"}, {Name: "rates", Topic: "rates", Format: "json", Schema: "rates-value"}}
	}
	if d.chance(3) {
		def.Again = topology.Again(d.pick("ended", "queue", "restart"))
	}
	begin := &topology.Step{Set: []topology.Assignment{{Name: "n", Value: d.template(3)}, {Name: "m", Value: d.template(0)}}}
	def.Start = []*topology.Rule{{Name: "Go", Alternatives: append(d.alternatives(0), begin)}}
	if d.chance(3) {
		def.Child = d.alternatives(0)
	}
	if d.chance(3) {
		def.Schedule = d.schedule()
	}
	def.Deadline = &topology.When{Duration: d.duration()}
	if d.chance(2) {
		def.Anytime = []*topology.Rule{{Name: "M1", Alternatives: d.alternatives(0)}}
	}
	def.Do = d.list(2)
	if d.chance(2) {
		def.Catch = []*topology.Rule{{Name: "any", Alternatives: []*topology.Step{{Action: &topology.End{Fail: &topology.Template{Literal: "oops"}, Data: d.template(2)}}}}}
	}
	if d.chance(3) {
		def.Output, def.Search, def.Keep = d.template(3), []string{"n", "m"}, &topology.When{Duration: d.duration()}
	}
	if d.chance(3) {
		def.Migrate = &topology.Migration{From: 1, Set: d.assignments("n")}
		def.Version++
	}
	return def
}

func (d *drawer) schedule() *topology.Schedule {
	s := &topology.Schedule{Every: d.duration(), Key: d.maybeExpr(2), Reaction: &topology.Step{Set: d.assignments("n", "m")}}
	if d.chance(2) {
		s.Every, s.Cron, s.Zone = 0, "0 6 * * 1-5", d.pick("", "Europe/Berlin")
	}
	return s
}

func (d *drawer) message(name string) *topology.Message {
	m := &topology.Message{Name: name, Type: d.pick(name, "shop."+name), Topic: d.pick("in", "a.b-c_d"), Key: d.maybeExpr(2), When: d.maybeExpr(4), ID: d.maybeExpr(4), Early: topology.Early{Mode: d.pick("hold", "drop", "reject")}}
	if d.chance(4) {
		m.Early = topology.Early{Mode: "hold", Hold: d.duration()}
	}
	if d.chance(4) {
		m.Format, m.Schema = "json", d.pick("", "x-value", "schemas/x.json")
	}
	m.Retry, m.Timeout = d.retry(), d.maybeWhen(3)
	return m
}

func (d *drawer) alternatives(depth int) []*topology.Step {
	var out []*topology.Step
	for range d.whole(0, 2) {
		s := d.step("", depth)
		if _, bare := s.Action.(*topology.Undo); bare {
			s.Action = nil // the bare word has no condition
		}
		s.When = d.expr()
		out = append(out, s)
	}
	return append(out, d.step("", depth))
}

func (d *drawer) list(depth int) []*topology.Step {
	out := []*topology.Step{}
	for range d.whole(1, 3) {
		d.steps++
		out = append(out, d.step(fmt.Sprintf("s%d", d.steps), depth))
	}
	return out
}

func (d *drawer) rules(depth int, names ...string) []*topology.Rule {
	out := []*topology.Rule{}
	for _, name := range names {
		out = append(out, &topology.Rule{Name: name, Alternatives: d.alternatives(depth)})
	}
	return out
}

func (d *drawer) step(name string, depth int) *topology.Step {
	if d.chance(8) {
		return &topology.Step{Name: name, Action: &topology.Undo{}}
	}
	s := &topology.Step{Name: name, If: d.maybeExpr(4), Set: d.assignments("n", "m")}
	waits := d.action(s, depth)
	if waits {
		s.Timeout = d.maybeWhen(2)
	}
	if depth > 0 && d.chance(4) {
		s.Catch = d.rules(depth-1, "timeout", "any")
	}
	switch s.Action.(type) {
	case *topology.Raise, *topology.End:
	default:
		if d.chance(4) {
			s.Then = &topology.Target{Name: "exit"}
		} else if d.chance(6) {
			s.Then = &topology.Target{Expr: d.expr()}
		}
	}
	if name != "" && d.chance(4) {
		s.Compensate = &topology.Step{Action: &topology.Send{Message: "D", With: d.template(2)}}
	}
	return s
}

// action draws what a step does, and reports whether it may have a timeout.
func (d *drawer) action(s *topology.Step, depth int) bool {
	kinds := 7
	if depth > 0 {
		kinds = 12
	}
	switch d.whole(0, kinds) {
	case 0:
		return false
	case 1:
		s.Action = &topology.Send{Message: "D", With: d.template(3), Headers: d.fields(1)}
		return false
	case 2:
		s.Action, s.Retry = &topology.Send{Message: "C", With: d.template(2), Await: d.rules(0, "M1")}, d.retry()
	case 3:
		s.Action = &topology.Wait{For: d.when()}
		return false
	case 4:
		s.Action = &topology.Raise{Error: "oops", Message: d.template(0), Data: d.template(2)}
		return false
	case 5:
		s.Action = &topology.End{Fail: &topology.Template{Expr: d.expr()}, Message: d.template(0)}
		return false
	case 6:
		s.Action = &topology.Run{Workflow: "other", Key: d.maybeExpr(2), With: d.template(2), Await: d.rules(0, "completed")}
	case 7:
		s.Action = &topology.End{}
		return false
	case 8:
		s.Action = &topology.Listen{Rules: d.rules(depth-1, "M1", "M2"), Until: d.maybeExpr(2), Idle: d.maybeWhen(3)}
	case 9:
		s.Action = &topology.Switch{Alternatives: d.alternatives(depth - 1)}
		return false
	case 10:
		s.Action = &topology.Block{Do: d.list(depth - 1)}
	case 11:
		s.Action = &topology.Fork{Branches: []topology.ForkBranch{{Name: "left", Do: d.list(depth - 1)}, {Name: "right", Do: d.list(0)}}, Join: topology.Join{Mode: d.pick("all", "any")}}
	case 12:
		f := &topology.For{Each: "x", In: &topology.Template{Expr: d.expr()}, While: d.maybeExpr(2), Parallel: d.whole(1, 9), Do: d.list(depth - 1), Collect: d.assignments("all_of_it"), Join: topology.Join{Mode: "n", N: 2}}
		if d.chance(3) {
			f.In = &topology.Template{List: []*topology.Template{d.template(1), d.template(1)}}
		}
		s.Action = f
	}
	return true
}
