package topology

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"rondo/topology/diag"
)

// start reads what begins an instance: messages with their reactions, and
// beside them the words of a schedule and of a child.
func (p *parser) start(def *Definition, e entry) {
	if !p.ruleMapping(e) {
		return
	}
	n := e.value
	if len(n.Content) == 0 && !p.hasHoles(n) {
		p.report(p.page.token(e.key), codeEmptyValue, "`start` names no message").
			help("name one: `start: {Message: {}}`, or a schedule: `start: {every: 15m}`")
	}
	words := *n
	words.Content = nil
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i]; p.isStartWord(key.Value) {
			words.Content = append(words.Content, key, n.Content[i+1])
			continue
		}
		def.Start = append(def.Start, p.rule(entry{n.Content[i], n.Content[i+1]}))
	}
	p.holed[&words] = p.holed[n]
	f := p.fields(&words, InStart, p.page.token(e.key), "`start`")
	p.schedule(def, &f)
	if run, ok := f.take("run"); ok {
		def.Child = p.rule(run).Alternatives
	}
	f.done()
}

// isStartWord reports whether a key of `start` is a word, or a misspelt one, and
// no message.
func (p *parser) isStartWord(name string) bool {
	if _, ok := p.words.find(InStart, name); ok {
		return true
	}
	if name == "" || name[0] < 'a' || name[0] > 'z' {
		return false
	}
	_, near := diag.Suggest(name, p.words.names[InStart])
	return near
}

// schedule reads `every`, or `cron` with `zone`, and what a firing does.
func (p *parser) schedule(def *Definition, f *fields) {
	s := &Schedule{Reaction: &Step{}}
	if d, at, ok := p.fixed(f, "every", positiveTimer); ok {
		s.Every, s.Pos = d, at
	}
	if text, at := p.text(f, "cron"); text != "" {
		s.Cron, s.CronPos, s.Pos = text, at, at
		p.checkCron(s)
	}
	if text, at := p.text(f, "zone"); text != "" {
		s.Zone, s.ZonePos = text, at
		p.checkZone(s)
	}
	s.Key = p.expression(f, "key")
	s.Reaction.Set = p.variables(f, "set")
	s.Reaction.Pos = s.Pos
	if s.Every > 0 || s.Cron != "" {
		def.Schedule = s
	}
}

// limit reads how a command is bounded.
func (p *parser) limit(f *fields) *Limit {
	e, ok := f.take("limit")
	if !ok || !p.mapping(e.value, "`limit`") {
		return nil
	}
	at := p.page.token(e.key)
	inner := p.fields(e.value, InLimit, at, "`limit`")
	l := &Limit{Pos: at.pos}
	p.rate(l, &inner)
	if inner.has("open") {
		l.Open = p.count(&inner, "open", 1, 1_000_000)
	} else {
		inner.taken["open"] = true
	}
	if len(inner.entries) == 0 && len(inner.meant) == 0 && !p.hasHoles(e.value) {
		p.report(at, codeEmptyValue, "`limit` bounds nothing").help("write `limit: {rate: 50/s}`, `{open: 20}` or both")
	}
	inner.done()
	return l
}

var ratePattern = regexp.MustCompile(`^([1-9][0-9]{0,5})/(s|m|h|d)$`)

func (p *parser) rate(l *Limit, f *fields) {
	e, ok := f.take("rate")
	if !ok {
		return
	}
	text, ok := p.scalar(e.value, "`rate`", "a rate, like 50/s")
	if !ok {
		return
	}
	m := ratePattern.FindStringSubmatch(text)
	if m == nil {
		p.report(p.page.token(e.value), codeBadRate, fmt.Sprintf("`%s` is no rate", text)).
			help("write a whole number up to 999,999 for each s, m, h or d: 50/s, 100/m")
		return
	}
	l.Rate, _ = strconv.Atoi(m[1]) // the pattern has digits only
	l.Per = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": day}[m[2]]
}

// tables reads the reference tables.
func (p *parser) tables(e entry) []*Table {
	if !p.mapping(e.value, "`tables`") {
		return nil
	}
	var out []*Table
	for i := 0; i+1 < len(e.value.Content); i += 2 {
		out = append(out, p.table(entry{e.value.Content[i], e.value.Content[i+1]}))
	}
	return out
}

func (p *parser) table(e entry) *Table {
	at := p.page.token(e.key)
	t := &Table{Name: e.key.Value, Pos: at.pos}
	p.checkSnake(at, "table", t.Name)
	if isEmpty(e.value) {
		p.report(at, codeEmptyValue, fmt.Sprintf("`%s` has no value", t.Name)).help("write its topic: {topic: …}")
		return t
	}
	if !p.mapping(e.value, "a table") {
		return t
	}
	f := p.fields(e.value, InTable, at, "`"+t.Name+"`")
	if t.Topic, t.TopicPos = p.text(&f, "topic"); t.Topic != "" {
		p.checkTopic(t.Topic, t.TopicPos)
	}
	t.Format = p.choice(&f, "format", "")
	t.Schema, t.SchemaPos = p.text(&f, "schema")
	p.checkFormat(t.Format, t.Schema, t.SchemaPos)
	f.done()
	return t
}

// migration reads how instances of an older version come to this one.
func (p *parser) migration(e entry) *Migration {
	if !p.mapping(e.value, "`migrate`") {
		return nil
	}
	at := p.page.token(e.key)
	f := p.fields(e.value, InMigrate, at, "`migrate`")
	m := &Migration{Pos: at.pos}
	if from, ok := f.take("from"); ok {
		m.From, m.Pos = p.version(from.value, "from"), p.page.token(from.value).pos
	}
	if steps, ok := f.take("steps"); ok && p.mapping(steps.value, "`steps`") {
		m.Steps = p.stepMappings(steps.value)
	}
	m.Set = p.variables(&f, "set")
	f.done()
	return m
}

func (p *parser) stepMappings(n *yaml.Node) []StepMapping {
	var out []StepMapping
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if isEmpty(value) {
			p.empty(entry{key, value}, "write the step's new name")
			continue
		}
		name, ok := p.scalar(value, "`"+key.Value+"`", "the new name of the step")
		if !ok {
			continue
		}
		out = append(out, StepMapping{Old: key.Value, New: name, Pos: p.page.token(key).pos, NewPos: p.page.token(value).pos})
	}
	return out
}
