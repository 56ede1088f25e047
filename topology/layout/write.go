package layout

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"

	"rondo/topology"
)

// Write writes a definition in the canonical form. Parse reads it as an equal
// definition, with the places in the new text.
//
// It fails for what no text can say: literals of a type that YAML does not have
// (times, bytes, decimals with a fraction; say them with an expression), and an
// action that is none of topology's.
func Write(def *topology.Definition) ([]byte, error) {
	w := &writer{}
	root := w.definition(def)
	if err := errors.Join(w.errs...); err != nil {
		return nil, fmt.Errorf("write the definition of %s: %w", def.Name, err)
	}
	return Print(root), nil
}

// writer makes nodes of a definition and collects what it cannot write.
type writer struct{ errs []error }

func (w *writer) fail(format string, args ...any) *Node {
	w.errs = append(w.errs, fmt.Errorf(format, args...))
	return Null()
}

// words collects the entries of a mapping in the order of writing.
type words []*Entry

func (ws *words) add(word string, value *Node) {
	if value != nil {
		*ws = append(*ws, &Entry{Key: word, Value: value})
	}
}

func (ws *words) text(word, text string) {
	if text != "" {
		ws.add(word, Text(text))
	}
}

func (ws *words) expr(word string, e *topology.Expr) {
	if e != nil {
		ws.add(word, Bare(e.Text))
	}
}

func (ws *words) when(word string, t *topology.When) {
	if t != nil {
		ws.add(word, timeNode(t))
	}
}

// apart begins a new paragraph with the entries from the i-th on.
func (ws words) apart(i int) {
	if i < len(ws) {
		ws[i].Apart()
	}
}

func (w *writer) definition(def *topology.Definition) *Node {
	var ws words
	ws.text("workflow", def.Name)
	ws.add("version", Int(int64(def.Version)))
	ws.text("doc", def.Doc)
	w.contract(&ws, def)
	w.beginning(&ws, def)
	begin := len(ws)
	ws.add("do", w.steps(def.Do))
	ws.apart(begin)
	begin = len(ws)
	if def.Catch != nil {
		ws.add("catch", w.rules(def.Catch))
	}
	ws.apart(begin)
	w.ending(&ws, def)
	return Block(ws...)
}

// contract is what the workflow has to do with the world.
func (w *writer) contract(ws *words, def *topology.Definition) {
	begin := len(*ws)
	var messages words
	for _, m := range def.Messages {
		messages.add(m.Name, w.message(m))
	}
	if len(messages) > 0 {
		ws.add("messages", Block(messages...))
	}
	if def.Tables != nil {
		var tables words
		for _, t := range def.Tables {
			tables.add(t.Name, table(t))
		}
		ws.add("tables", Block(tables...))
	}
	ws.apart(begin)
}

func (w *writer) beginning(ws *words, def *topology.Definition) {
	begin := len(*ws)
	if def.Again != "" && def.Again != topology.AgainNever {
		ws.add("again", Text(string(def.Again)))
	}
	ws.add("start", w.start(def))
	ws.when("deadline", def.Deadline)
	ws.apart(begin)
	begin = len(*ws)
	if def.Anytime != nil {
		ws.add("anytime", w.rules(def.Anytime))
	}
	ws.apart(begin)
}

func (w *writer) ending(ws *words, def *topology.Definition) {
	begin := len(*ws)
	if def.Output != nil {
		ws.add("output", w.template(def.Output))
	}
	if def.Search != nil {
		ws.add("search", texts(def.Search))
	}
	ws.when("keep", def.Keep)
	if def.Migrate != nil {
		ws.add("migrate", w.migration(def.Migrate))
	}
	ws.apart(begin)
}

func (w *writer) message(m *topology.Message) *Node {
	var ws words
	ws.text("topic", m.Topic)
	if m.Type != m.Name {
		ws.text("type", m.Type)
	}
	ws.expr("key", m.Key)
	ws.expr("when", m.When)
	ws.text("format", m.Format)
	ws.text("schema", m.Schema)
	ws.text("correlate", m.Correlate)
	switch {
	case m.Early.Hold > 0:
		ws.add("early", duration(m.Early.Hold))
	case m.Early.Mode != "hold":
		ws.text("early", m.Early.Mode)
	}
	ws.expr("id", m.ID)
	ws.when("timeout", m.Timeout)
	ws.add("retry", retry(m.Retry))
	if m.Limit != nil {
		ws.add("limit", limit(m.Limit))
	}
	return Flow(ws...)
}

func table(t *topology.Table) *Node {
	var ws words
	ws.text("topic", t.Topic)
	ws.text("format", t.Format)
	ws.text("schema", t.Schema)
	return Flow(ws...)
}

// perNames are the units of a limit's rate.
var perNames = map[time.Duration]string{time.Second: "s", time.Minute: "m", time.Hour: "h", 24 * time.Hour: "d"}

func limit(l *topology.Limit) *Node {
	var ws words
	if l.Rate > 0 {
		ws.text("rate", strconv.Itoa(l.Rate)+"/"+perNames[l.Per])
	}
	if l.Open > 0 {
		ws.add("open", Int(int64(l.Open)))
	}
	return Flow(ws...)
}

func (w *writer) start(def *topology.Definition) *Node {
	ws := w.ruleEntries(def.Start)
	if def.Child != nil {
		ws.add("run", w.alternatives(def.Child))
	}
	if s := def.Schedule; s != nil {
		if s.Every > 0 {
			ws.add("every", duration(s.Every))
		}
		ws.text("cron", s.Cron)
		ws.text("zone", s.Zone)
		ws.expr("key", s.Key)
		if s.Reaction != nil && s.Reaction.Set != nil {
			ws.add("set", w.assignments(s.Reaction.Set))
		}
	}
	return Flow(ws...)
}

func (w *writer) migration(m *topology.Migration) *Node {
	var ws, steps words
	ws.add("from", Int(int64(m.From)))
	for _, s := range m.Steps {
		steps.add(s.Old, Text(s.New))
	}
	if m.Steps != nil {
		ws.add("steps", Flow(steps...))
	}
	if m.Set != nil {
		ws.add("set", w.assignments(m.Set))
	}
	return Flow(ws...)
}

// rules is `name → reaction`: below one another when there are several.
func (w *writer) rules(rules []*topology.Rule) *Node {
	ws := w.ruleEntries(rules)
	n := Flow(ws...)
	n.block = len(ws) > 1
	return n
}

func (w *writer) ruleEntries(rules []*topology.Rule) words {
	var ws words
	for _, r := range rules {
		ws.add(r.Name, w.alternatives(r.Alternatives))
	}
	return ws
}

// alternatives is one reaction as it is, several as a list.
func (w *writer) alternatives(steps []*topology.Step) *Node {
	if len(steps) == 1 {
		return w.body(steps[0])
	}
	return w.cases(steps)
}

func (w *writer) cases(steps []*topology.Step) *Node {
	n := Steps()
	for _, s := range steps {
		n.entries = append(n.entries, &Entry{Value: w.body(s)})
	}
	return n
}

func (w *writer) steps(steps []*topology.Step) *Node {
	n := Steps()
	for _, s := range steps {
		n.entries = append(n.entries, &Entry{Value: Block(&Entry{Key: s.Name, Value: w.body(s)})})
	}
	return n
}

// body is a step without its name.
func (w *writer) body(s *topology.Step) *Node {
	if isBareUndo(s) {
		return Text("compensate")
	}
	var ws words
	ws.expr("when", s.When)
	ws.expr("if", s.If)
	if s.Set != nil {
		ws.add("set", w.assignments(s.Set))
	}
	w.action(&ws, s.Action)
	ws.when("timeout", s.Timeout)
	ws.add("retry", retry(s.Retry))
	if s.Catch != nil {
		ws.add("catch", w.rules(s.Catch))
	}
	ws.add("then", target(s.Then))
	if s.Compensate != nil {
		ws.add("compensate", w.body(s.Compensate))
	}
	return Step(ws...)
}

// isBareUndo reports whether a step is nothing but the word `compensate`.
func isBareUndo(s *topology.Step) bool {
	_, undo := s.Action.(*topology.Undo)
	return undo && s.When == nil && s.If == nil && s.Set == nil && s.Timeout == nil && s.Retry == nil && s.Catch == nil && s.Then == nil && s.Compensate == nil
}

func (w *writer) action(ws *words, action topology.Action) {
	switch a := action.(type) {
	case nil:
	case *topology.Send:
		ws.text("send", a.Message)
		w.payload(ws, a.With)
		if a.Headers != nil {
			ws.add("headers", w.fields(a.Headers))
		}
		w.await(ws, a.Await)
	case *topology.Run:
		ws.text("run", a.Workflow)
		ws.expr("key", a.Key)
		w.payload(ws, a.With)
		w.await(ws, a.Await)
	case *topology.Listen:
		ws.add("listen", w.rules(a.Rules))
		ws.expr("until", a.Until)
		ws.when("idle", a.Idle)
	case *topology.Wait:
		ws.when("wait", a.For)
	case *topology.Switch:
		ws.add("switch", w.cases(a.Alternatives))
	case *topology.Block:
		ws.add("do", w.steps(a.Do))
	case *topology.Fork:
		w.fork(ws, a)
	case *topology.For:
		w.loop(ws, a)
	case *topology.Raise:
		w.raise(ws, a)
	case *topology.End:
		w.end(ws, a)
	case *topology.Undo:
		w.fail("`compensate` is a whole step: nothing can stand beside it")
	default:
		w.fail("there is no word for an action of type %T", action)
	}
}

func (w *writer) payload(ws *words, with *topology.Template) {
	if with != nil {
		ws.add("with", w.template(with))
	}
}

func (w *writer) await(ws *words, rules []*topology.Rule) {
	if rules != nil {
		ws.add("await", w.rules(rules))
	}
}

func (w *writer) fork(ws *words, a *topology.Fork) {
	var branches words
	for _, b := range a.Branches {
		branches.add(b.Name, w.steps(b.Do))
	}
	ws.add("fork", Block(branches...))
	join(ws, a.Join)
}

func join(ws *words, j topology.Join) {
	switch j.Mode {
	case "", "all":
	case "n":
		ws.add("join", Int(int64(j.N)))
	default:
		ws.text("join", j.Mode)
	}
}

func (w *writer) loop(ws *words, a *topology.For) {
	var head words
	head.text("each", a.Each)
	if a.In != nil {
		head.add("in", w.items(a.In))
	}
	head.expr("while", a.While)
	if a.Parallel > 1 {
		head.add("parallel", Int(int64(a.Parallel)))
	}
	ws.add("for", Flow(head...))
	ws.add("do", w.steps(a.Do))
	join(ws, a.Join)
	if a.Collect != nil {
		ws.add("collect", w.assignments(a.Collect))
	}
}

// items is what a loop goes over: an expression, without `=`, or a list.
func (w *writer) items(in *topology.Template) *Node {
	if in.Expr != nil {
		return Bare(in.Expr.Text)
	}
	return w.template(in)
}

func (w *writer) raise(ws *words, a *topology.Raise) {
	name := nameNode(a.Error, a.Name)
	if a.Message == nil && a.Data == nil {
		ws.add("raise", name)
		return
	}
	var inner words
	inner.add("error", name)
	w.details(&inner, a.Message, a.Data)
	ws.add("raise", Flow(inner...))
}

func nameNode(name string, expr *topology.Expr) *Node {
	if expr != nil {
		return Expression(expr.Text)
	}
	return Text(name)
}

func (w *writer) end(ws *words, a *topology.End) {
	if a.Fail == nil {
		if a.Message != nil || a.Data != nil {
			w.fail("`end: complete` has no message and no data: return them with `output`")
		}
		ws.text("end", "complete")
		return
	}
	var inner words
	inner.add("fail", w.template(a.Fail))
	w.details(&inner, a.Message, a.Data)
	ws.add("end", Flow(inner...))
}

func (w *writer) details(ws *words, message, data *topology.Template) {
	if message != nil {
		ws.add("message", w.template(message))
	}
	if data != nil {
		ws.add("data", w.template(data))
	}
}

func (w *writer) assignments(list []topology.Assignment) *Node {
	var ws words
	for _, a := range list {
		ws.add(a.Name, w.template(a.Value))
	}
	return Flow(ws...)
}

func (w *writer) fields(list []topology.Field) *Node {
	var ws words
	for _, f := range list {
		ws.add(f.Name, w.template(f.Value))
	}
	return Flow(ws...)
}

func (w *writer) template(t *topology.Template) *Node {
	switch {
	case t.Expr != nil:
		return Expression(t.Expr.Text)
	case t.Map != nil:
		return w.fields(t.Map)
	case t.List != nil:
		n := List()
		for _, item := range t.List {
			n.entries = append(n.entries, &Entry{Value: w.template(item)})
		}
		return n
	default:
		return w.literal(t.Literal)
	}
}

func (w *writer) literal(v any) *Node {
	switch v := v.(type) {
	case nil:
		return Null()
	case bool:
		return Bool(v)
	case int64:
		return Int(v)
	case float64:
		if n, ok := Float(v); ok {
			return n
		}
		return w.fail("%v is no number that can be stored or sent", v)
	case *apd.Decimal:
		if n, ok := Decimal(v); ok {
			return n
		}
		return w.fail("the decimal %s cannot be a literal: write the expression decimal('%s')", v, v)
	case string:
		if strings.HasPrefix(v, "=") {
			return w.fail("the text %q would be an expression: write the expression that gives it", v)
		}
		return Literal(v)
	default:
		return w.fail("a literal cannot be of type %T: write an expression", v)
	}
}

func timeNode(t *topology.When) *Node {
	if t.Expr != nil {
		return Expression(t.Expr.Text)
	}
	return duration(t.Duration)
}

func duration(d time.Duration) *Node { return Text(topology.FormatDuration(d)) }

func texts(list []string) *Node {
	n := List()
	for _, text := range list {
		n.entries = append(n.entries, &Entry{Value: Text(text)})
	}
	return n
}

func target(t *topology.Target) *Node {
	if t == nil {
		return nil
	}
	return nameNode(t.Name, t.Expr)
}

// retry writes what is not so anyway.
func retry(r *topology.Retry) *Node {
	if r == nil {
		return nil
	}
	var ws words
	switch r.Attempts {
	case 3:
	case 0:
		ws.text("attempts", "unlimited")
	default:
		ws.add("attempts", Int(int64(r.Attempts)))
	}
	if r.Backoff != time.Second {
		ws.add("backoff", duration(r.Backoff))
	}
	if r.Factor != 2000 {
		ws.add("factor", thousandths(r.Factor))
	}
	if r.Max != max(time.Hour, r.Backoff) {
		ws.add("max", duration(r.Max))
	}
	if r.Jitter != 0 {
		ws.add("jitter", thousandths(r.Jitter))
	}
	if r.Within > 0 {
		ws.add("within", duration(r.Within))
	}
	if len(r.Errors) != 1 || r.Errors[0] != "timeout" {
		ws.add("errors", texts(r.Errors))
	}
	return Flow(ws...)
}

func thousandths(n int) *Node {
	text := fmt.Sprintf("%d.%03d", n/1000, n%1000)
	return &Node{text: strings.TrimRight(strings.TrimRight(text, "0"), ".")}
}
