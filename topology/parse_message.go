package topology

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"rondo/topology/diag"
)

// workflow reads the file's mapping. It never returns nil.
func (p *parser) workflow(n *yaml.Node) *Definition {
	def := &Definition{Pos: p.page.token(n).pos, Again: AgainNever}
	if !p.mapping(n, "a definition") {
		return def
	}
	f := p.fields(n, InWorkflow, span{p.page.at(n.Line, n.Column), 1}, "the file")
	p.gaps.anyWord = f.vague
	maps.Copy(p.gaps.words, f.meant)
	maps.Copy(p.gaps.missing, f.missing)
	p.identity(def, &f)
	p.contents(def, &f)
	f.done()
	return def
}

// contents reads what the workflow says of itself, its name apart.
func (p *parser) contents(def *Definition, f *fields) {
	p.each(f, "messages", func(e entry) { def.Messages = p.messages(e) })
	_, said := f.byName["messages"]
	p.gaps.messages = said && len(def.Messages) == 0
	p.each(f, "tables", func(e entry) { def.Tables = p.tables(e) })
	p.word("again", func() {
		def.Again = Again(p.choice(f, "again", string(AgainNever)))
		if e, written := f.byName["again"]; written {
			def.AgainPos = p.page.token(e.value).pos
		}
	})
	p.each(f, "start", func(e entry) { p.start(def, e) })
	p.word("deadline", func() { def.Deadline = p.when(f, "deadline", positiveTimer) })
	p.each(f, "anytime", func(e entry) { def.Anytime = p.messageRules(e) })
	p.each(f, "do", func(e entry) { def.Do = p.steps(e) })
	p.each(f, "catch", func(e entry) { def.Catch = p.errorRules(e) })
	p.each(f, "output", func(e entry) { def.Output = p.template(e.value) })
	def.Search, def.SearchPos = p.search(f)
	p.word("keep", func() {
		if d, at, ok := p.fixed(f, "keep", keepBounds); ok {
			def.Keep = &When{Pos: at, Duration: d}
		}
	})
	p.each(f, "migrate", func(e entry) { def.Migrate = p.migration(e) })
}

// each reads a word of the file, if it stands there with a value.
func (p *parser) each(f *fields, name string, read func(entry)) {
	p.word(name, func() {
		if e, ok := f.take(name); ok {
			read(e)
		}
	})
}

func (p *parser) identity(def *Definition, f *fields) {
	if e, ok := f.take("workflow"); ok {
		if name, ok := p.scalar(e.value, "`workflow`", "a name"); ok {
			def.Name, def.Pos = name, p.page.token(e.value).pos
			p.checkKebab(p.page.token(e.value), "workflow", name)
		}
	}
	if e, ok := f.take("version"); ok {
		def.Version = p.version(e.value, "version")
	}
	if e, ok := f.take("doc"); ok {
		def.Doc, _ = p.scalar(e.value, "`doc`", "a text")
	}
}

func (p *parser) version(n *yaml.Node, word string) int {
	text, ok := p.scalar(n, "`"+word+"`", "a whole number")
	if !ok {
		return 0
	}
	v, err := strconv.Atoi(text)
	if err != nil || v < 1 || v > 1<<31-1 || strconv.Itoa(v) != text {
		p.report(p.page.token(n), codeBadNumber, fmt.Sprintf("`%s` must be a whole number from 1, not `%s`", word, text)).
			help("versions begin with `version: 1` and count up with each change that is deployed")
		return 0
	}
	return v
}

func (p *parser) search(f *fields) ([]string, []diag.Pos) {
	e, ok := f.take("search")
	if !ok {
		return nil, nil
	}
	names, places := p.names(e, "[order_id, status]")
	for i, name := range names {
		p.checkVariable(spanOf(places[i], name), name)
	}
	if len(names) > searchMax {
		p.report(spanOf(places[searchMax], names[searchMax]), codeTooMany, fmt.Sprintf("`search` names %d variables; at most %d can be searched by", len(names), searchMax))
	}
	return names, places
}

// searchMax is how many variables an instance can be found by.
const searchMax = 8

// names reads a list of different names.
func (p *parser) names(e entry, example string) ([]string, []diag.Pos) {
	word := e.key.Value
	if !p.sequence(e.value, "`"+word+"`", word+": "+example) {
		return nil, nil
	}
	var names []string
	var places []diag.Pos
	first := map[string]diag.Pos{}
	for _, item := range e.value.Content {
		name, ok := p.scalar(item, "an item of `"+word+"`", "a name")
		if !ok {
			continue
		}
		if before, ok := first[name]; ok {
			p.report(p.page.token(item), codeDuplicateKey, fmt.Sprintf("`%s` stands here twice", name)).
				related(spanOf(before, name), "first written here").
				help("keep one of the two")
			continue
		}
		first[name] = p.page.token(item).pos
		names, places = append(names, name), append(places, p.page.token(item).pos)
	}
	return names, places
}

// choice reads a word with a few values.
func (p *parser) choice(f *fields, word, otherwise string) string {
	e, ok := f.take(word)
	if !ok {
		return otherwise
	}
	w, _ := p.words.find(f.place, word)
	text, ok := p.scalar(e.value, "`"+word+"`", "one of "+listed(w.Choices))
	if !ok {
		return otherwise
	}
	if !slices.Contains(w.Choices, text) {
		r := p.report(p.page.token(e.value), codeBadChoice, fmt.Sprintf("`%s` cannot be `%s`", word, text))
		if r.suggest(text, w.Choices) == "" {
			r.help("it is one of " + listed(w.Choices))
		}
		return otherwise
	}
	return text
}

func (p *parser) messages(e entry) []*Message {
	if !p.mapping(e.value, "`messages`") {
		return nil
	}
	if len(e.value.Content) == 0 && !p.hasHoles(e.value) {
		p.report(p.page.token(e.key), codeEmptyValue, "`messages` declares no message").
			help("declare one: `Ordered: {topic: shop.orders}`")
	}
	var out []*Message
	for i := 0; i+1 < len(e.value.Content); i += 2 {
		out = append(out, p.message(entry{e.value.Content[i], e.value.Content[i+1]}))
	}
	return out
}

func (p *parser) message(e entry) *Message {
	at := p.page.token(e.key)
	m := &Message{Name: e.key.Value, Pos: at.pos, Type: e.key.Value, Early: Early{Mode: "hold"}}
	p.checkMessageName(at, m.Name)
	m.unknown = !p.whole(func() { p.fillMessage(m, e, at) })
	return m
}

func (p *parser) fillMessage(m *Message, e entry, at span) {
	if isEmpty(e.value) {
		p.report(at, codeEmptyValue, fmt.Sprintf("`%s` has no value", m.Name)).help("write its topic: {topic: …}")
		return
	}
	if !p.mapping(e.value, "a message") {
		return
	}
	f := p.fields(e.value, InMessage, at, "`"+m.Name+"`")
	p.onWire(m, &f)
	m.Key = p.expression(&f, "key")
	m.When = p.expression(&f, "when")
	m.ID = p.expression(&f, "id")
	p.correlate(m, &f)
	p.early(m, &f)
	m.Limit = p.limit(&f)
	m.Timeout = p.when(&f, "timeout", positiveTimer)
	m.Retry = p.retry(&f)
	f.done()
}

// onWire reads what a message looks like in Kafka.
func (p *parser) onWire(m *Message, f *fields) {
	if m.Topic, m.TopicPos = p.text(f, "topic"); m.Topic != "" {
		p.checkTopic(m.Topic, m.TopicPos)
	}
	if name, _ := p.text(f, "type"); name != "" {
		m.Type = name
	}
	m.Format = p.choice(f, "format", "")
	m.Schema, m.SchemaPos = p.text(f, "schema")
	p.checkFormat(m.Format, m.Schema, m.SchemaPos)
}

// checkFormat refuses a schema beside a format that has none.
func (p *parser) checkFormat(format, schema string, pos diag.Pos) {
	if schema != "" && (format == "text" || format == "bytes") {
		p.report(spanOf(pos, schema), codeWordExcludes, fmt.Sprintf("a payload of format `%s` has no schema", format)).
			help("remove `schema`, or take the format `avro` or `json`")
	}
}

// text reads a word whose value is a text that is not empty.
func (p *parser) text(f *fields, word string) (string, diag.Pos) {
	e, ok := f.take(word)
	if !ok {
		return "", diag.Pos{}
	}
	at := p.page.token(e.value)
	text, ok := p.scalar(e.value, "`"+word+"`", "a text")
	if ok && strings.TrimSpace(text) == "" {
		p.report(at, codeEmptyValue, fmt.Sprintf("`%s` is empty", word)).help("write a value, or remove `" + word + "`")
		return "", at.pos
	}
	return text, at.pos
}

func (p *parser) correlate(m *Message, f *fields) {
	e, ok := f.take("correlate")
	if !ok {
		return
	}
	at := p.page.token(e.value)
	name, ok := p.scalar(e.value, "`correlate`", "the name of a variable")
	if !ok {
		return
	}
	if strings.HasPrefix(name, "=") {
		p.report(at, codeWrongType, "`correlate` must be the name of a variable, not an expression").
			help("name the variable that holds the other key: correlate: payment")
		return
	}
	m.Correlate, m.CorrelatePos = name, at.pos
	p.checkVariable(at, name)
}

// early reads what becomes of an event that comes too soon: a choice, or how
// long it is held for an instance to come.
func (p *parser) early(m *Message, f *fields) {
	e, ok := f.byName["early"]
	if !ok || e.value.Kind != yaml.ScalarNode || !beginsWithDigit.MatchString(e.value.Value) {
		m.Early.Mode = p.choice(f, "early", "hold")
		return
	}
	if d, _, ok := p.fixed(f, "early", positiveTimer); ok {
		m.Early.Hold = d
	}
}

// The attempts of a call that has `retry` without saying more.
const (
	retryAttempts = 3
	retryBackoff  = time.Second
	retryFactor   = 2000
	retryMax      = time.Hour
	attemptsMax   = 10_000
)

// retry reads the attempts of a call, with what holds for words that are not
// there.
func (p *parser) retry(f *fields) *Retry {
	e, ok := f.take("retry")
	if !ok || !p.mapping(e.value, "`retry`") {
		return nil
	}
	inner := p.fields(e.value, InRetry, p.page.token(e.key), "`retry`")
	r := &Retry{
		Pos:      p.page.token(e.key).pos,
		Attempts: retryAttempts, Backoff: retryBackoff, Factor: retryFactor, Max: retryMax,
		Errors: []string{"timeout"},
	}
	p.attempts(r, &inner)
	p.pauses(r, &inner)
	if n, ok := p.thousandths(&inner, "factor", 1000, 1_000_000); ok {
		r.Factor = n
	}
	if n, ok := p.thousandths(&inner, "jitter", 0, 1000); ok {
		r.Jitter = n
	}
	if e, ok := inner.take("errors"); ok {
		p.retryErrors(r, e)
	}
	inner.done()
	return r
}

func (p *parser) attempts(r *Retry, f *fields) {
	e, ok := f.take("attempts")
	if !ok {
		return
	}
	text, ok := p.scalar(e.value, "`attempts`", "a whole number or `unlimited`")
	if !ok {
		return
	}
	if text == "unlimited" {
		r.Attempts = 0
		return
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > attemptsMax {
		p.report(p.page.token(e.value), codeBadRetry, fmt.Sprintf("`attempts` must be a whole number from 1 to %d, not `%s`", attemptsMax, text)).
			help("the first attempt counts; `unlimited` needs `within` or a `deadline`")
		return
	}
	r.Attempts = n
}

func (p *parser) pauses(r *Retry, f *fields) {
	if d, _, ok := p.fixed(f, "backoff", anyTimer); ok {
		r.Backoff = d
		r.Max = max(r.Max, d)
	}
	if d, at, ok := p.fixed(f, "max", anyTimer); ok {
		r.Max = d
		if d < r.Backoff {
			p.report(spanOf(at, FormatDuration(d)), codeBadRetry, fmt.Sprintf("`max` is shorter than `backoff`, %s", FormatDuration(r.Backoff))).
				help("`backoff` is the first pause, `max` the longest")
		}
	}
	if d, _, ok := p.fixed(f, "within", positiveTimer); ok {
		r.Within = d
	}
}

func (p *parser) retryErrors(r *Retry, e entry) {
	names, places := p.names(e, "[timeout]")
	for i, name := range names {
		at := spanOf(places[i], name)
		switch name {
		case "deadline", "cancelled", "fault", anyError:
			p.report(at, codeReservedName, fmt.Sprintf("an attempt cannot be made again after `%s`", name)).
				help("name `timeout`, or errors that the call's outcomes raise")
		default:
			p.checkErrorName(at, name)
		}
	}
	if len(names) > 0 {
		r.Errors, r.ErrorPos = names, places
	}
}
