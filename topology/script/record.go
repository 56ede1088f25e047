package script

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"

	"rondo/topology"
	"rondo/topology/value"
)

// Happening is something that has happened to an instance: at most one of In,
// Act and Child is set; none: time has passed.
type Happening struct {
	At    topology.Instant
	In    *Incoming
	Echo  string // of In: the step to whose command it was an answer; "" for none
	Act   *topology.Act
	Child *Child

	Lookups []topology.Lookup // the rows that were found then
}

// Recording is a test that was made of what has happened.
type Recording struct {
	Text []byte // an item of `tests`
	Sent []Sent // by the workflow, while it was played
}

// Record plays what has happened and returns it as a test, with what the
// workflow does as what is expected. It fails for what cannot happen in a script.
func Record(name string, happened []Happening, plans ...*topology.Plan) (*Recording, error) {
	r := &recorder{runner: Test{Name: name}.newRunner(nil, plans)}
	fmt.Fprintf(&r.out, "  - name: %s\n    script:\n", yamlText(name))
	for i, h := range happened {
		if i > 0 && h.At > happened[i-1].At {
			r.happens(Step{Word: wordAfter, After: time.Duration(h.At-happened[i-1].At) * time.Millisecond})
		}
		r.rows(h.Lookups)
		r.happening(h)
		if r.failed != nil {
			return nil, fmt.Errorf("input %d of the history cannot be played: %s", i+1, r.failed.Actual)
		}
	}
	r.standing()
	return &Recording{r.out.Bytes(), r.world.Sent}, nil
}

// recorder writes a script while it is played.
type recorder struct {
	*runner
	out    bytes.Buffer
	failed *Failure // what cannot be played
}

func (r *recorder) line(word, text, beside string) {
	if beside != "" {
		fmt.Fprintf(&r.out, "      - {%s: %s, %s}\n", word, text, beside)
		return
	}
	fmt.Fprintf(&r.out, "      - %-4s %s\n", word+":", text)
}

func (r *recorder) happening(h Happening) {
	switch {
	case h.In != nil:
		r.happens(r.incomingStep(h))
	case h.Act != nil:
		r.happens(Step{Word: wordAct, Key: r.key, Act: h.Act})
	case h.Child != nil:
		r.happens(Step{Word: wordChild, Child: *h.Child})
	}
}

// rows writes the rows of tables that are another now.
func (r *recorder) rows(lookups []topology.Lookup) {
	for _, l := range lookups {
		row, ok := r.world.rows.Row(l.Table, l.Key)
		if ok == l.Found && value.Equal(row, l.Row) {
			continue
		}
		r.world.SetRow(l.Table, l.Key, l.Row)
		r.line(wordTable, "{"+l.Table+": {"+yamlText(l.Key)+": "+yamlOf(l.Row)+"}}", "")
	}
}

// incomingStep keeps of a record what a script needs to say.
func (r *recorder) incomingStep(h Happening) Step {
	s := Step{Word: wordIn, Message: h.In.Message, Payload: h.In.Payload}
	if _, m := messageNamed(r.plans, &s); m != nil && m.Key == nil {
		s.Key = h.In.Key
	}
	headers := map[string]value.Value{}
	for name, text := range h.In.Headers {
		headers[name] = text
	}
	s.Headers = value.MapOf(headers)
	if _, sent := r.commandOf(h.Echo); sent {
		s.Echo = h.Echo
	}
	return s
}

// happens plays a line, writes it, and writes what the workflow does.
func (r *recorder) happens(s Step) {
	if r.failed != nil {
		return
	}
	r.line(s.Word, s.written(), "")
	if r.failed = r.runner.happens(&s); r.failed != nil {
		return
	}
	for _, e := range r.pending {
		r.emission(e)
	}
	for _, stop := range r.open {
		r.line(stop.word, stop.kind, "")
	}
	if slices.ContainsFunc(r.last, func(d Decided) bool { return d.Decision.Outcome == topology.Late }) {
		r.out.WriteString("      - late\n")
	}
	r.pending, r.open = nil, nil
}

// written is what stands behind the word of a line in which something happens.
func (s *Step) written() string {
	switch s.Word {
	case wordAfter:
		return topology.FormatDuration(s.After)
	case wordAct:
		return actText(s.Act)
	case wordChild:
		return s.Child.written()
	}
	parts := []string{s.Message + ": " + yamlOf(s.Payload)}
	if s.Headers.Len() > 0 {
		parts = append(parts, "headers: "+yamlOf(s.Headers))
	}
	if s.Key != "" {
		parts = append(parts, "key: "+yamlText(s.Key))
	}
	if s.Echo != "" {
		parts = append(parts, "echo: "+s.Echo)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// actText is an act as a script has it. Who did it is not part of it.
func actText(a *topology.Act) string {
	var data value.MapBuilder
	if m, isMap := a.Data.(*value.Map); isMap {
		for name, v := range m.All() {
			data.Add(name, v)
		}
	} else if text, isText := a.Data.(string); isText && a.Kind == topology.ActFail {
		data.Add("name", text)
	}
	if a.Kind != topology.ActSet {
		for _, part := range [...]struct{ name, text string }{{"reason", a.Reason}, {"step", a.Step}} {
			if part.text != "" {
				data.Add(part.name, part.text)
			}
		}
	}
	m, _, ok := data.Map()
	if !ok || m.Len() == 0 {
		return a.Kind
	}
	return "{" + a.Kind + ": " + yamlOf(m) + "}"
}

func (c *Child) written() string {
	parts := []string{}
	switch {
	case c.Failure == nil:
		parts = append(parts, string(c.Status)+": "+yamlOf(c.Output))
	default:
		what := value.MapOf(map[string]value.Value{"error": c.Failure.Name, "message": c.Failure.Message, "data": c.Failure.Data})
		parts = append(parts, string(c.Status)+": "+yamlOf(what))
	}
	if c.Workflow != "" {
		parts = append(parts, "workflow: "+c.Workflow)
	}
	if c.Key != "" {
		parts = append(parts, "key: "+yamlText(c.Key))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// emission writes the line that expects a command or a child. Ids of commands
// are left out: they belong to the application and the run.
func (r *recorder) emission(e emission) {
	beside := ""
	if main := r.plans[0].Definition().Name; e.from.Workflow != main {
		beside = "workflow: " + e.from.Workflow + ", key: " + yamlText(e.from.Key)
	}
	if e.child != nil {
		text := "workflow: " + e.child.To.Workflow + ", key: " + yamlText(e.child.To.Key)
		if e.child.Value != nil {
			text += ", with: " + yamlOf(r.withoutIDs(e.child.Value))
		}
		r.line(wordRun, "{"+text+"}", beside)
		return
	}
	text := e.command.Message + ": " + yamlOf(r.withoutIDs(e.command.Payload))
	if e.command.Attempt > 1 {
		text += fmt.Sprintf(", attempt: %d", e.command.Attempt)
	}
	r.line(wordOut, "{"+text+"}", beside)
}

// withoutIDs leaves out the fields that hold the id of a command.
func (r *recorder) withoutIDs(v value.Value) value.Value {
	m, isMap := v.(*value.Map)
	if !isMap {
		return v
	}
	out := m
	for name, item := range m.All() {
		if id, isText := item.(string); isText && slices.ContainsFunc(r.world.Sent, func(c Sent) bool { return c.ID == id }) {
			out = out.Without(name)
			continue
		}
		out = out.With(name, r.withoutIDs(item))
	}
	return out
}

// standing writes where the instance stands at the end.
func (r *recorder) standing() {
	i := r.world.Instance(r.key)
	switch {
	case i == nil:
		status, failed := r.ended(r.address(&Step{}))
		r.endLine(status, failed)
	case i.Ended():
		failed := ""
		if i.Failure != nil {
			failed = i.Failure.Name
		}
		r.endLine(string(i.Status), failed)
	default:
		r.line(wordAt, "["+strings.Join(i.Places(), ", ")+"]", "")
	}
}

func (r *recorder) endLine(status, failed string) {
	switch {
	case !topology.Status(status).Final(): // there never was one
	case failed == "" || failed == status:
		r.line(wordEnd, status, "")
	default:
		r.line(wordEnd, "{"+status+": "+yamlText(failed)+"}", "")
	}
}

// yamlOf writes a value on one line, as Parse reads it.
func yamlOf(v value.Value) string {
	switch v := v.(type) {
	case string:
		return yamlText(v)
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = yamlOf(item)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case *value.Map:
		var parts []string
		for name, item := range v.All() {
			parts = append(parts, yamlText(name)+": "+yamlOf(item))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case *apd.Decimal:
		if digits, ok := value.WideWhole(v); ok {
			return digits
		}
	}
	b, err := value.ToJSON(v)
	if err != nil {
		return yamlText(value.Format(v))
	}
	return string(b)
}

// plainText needs no quotes, and is no number, no boolean and no null.
var plainText = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*([-.][A-Za-z0-9_]+)*$`)

func yamlText(text string) string {
	switch strings.ToLower(text) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
	default:
		if plainText.MatchString(text) {
			return text
		}
	}
	b, err := value.ToJSON(text)
	if err != nil {
		b, _ = value.ToJSON(strings.ToValidUTF8(text, "\uFFFD"))
	}
	return string(b)
}
