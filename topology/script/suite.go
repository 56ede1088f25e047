package script

import (
	"fmt"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"rondo/topology"
	"rondo/topology/diag"
	"rondo/topology/value"
)

// Suite is the tests in one file.
type Suite struct {
	Workflow string // the definition's file, as the suite names it: beside the suite
	Tests    []Test
}

// Test is one script.
type Test struct {
	Name  string
	Pos   diag.Pos
	Steps []Step
}

// Step is one line of a script: something that happens, or something expected.
type Step struct {
	Pos  diag.Pos
	Word string // in, out, after, at, vars, end, incident, late, dead-letter, act
	Key  string // of the instance; "" is that of the last `in`

	Message string // in, out, late: a message's name; "" for `out: none` and any late one
	Payload value.Value
	Headers *value.Map
	Echo    string        // in: a step, whose latest command the service answers
	Attempt int           // out; 0 is any
	Times   int           // out, from 1
	After   time.Duration // after
	Texts   []string      // at: places; end: status, error name; incident: kind; dead-letter: reason
	Act     *topology.Act // act
}

// codeBadScript is the code of all findings in a script.
const codeBadScript = "bad-script"

// Parse reads a file of tests. It reports everything that is wrong with their
// form, as places in file; the Suite is nil then.
func Parse(file string, src []byte) (*Suite, diag.List) {
	p := &suiteParser{file: file}
	var root yaml.Node
	if err := yaml.Unmarshal(src, &root); err != nil {
		p.report(&yaml.Node{Line: 1, Column: 1}, "this is not YAML: %v", err)
		return nil, p.found
	}
	if len(root.Content) == 0 {
		p.report(&yaml.Node{Line: 1, Column: 1}, "the file has no tests")
		return nil, p.found
	}
	suite := p.suite(root.Content[0])
	if len(p.found) > 0 {
		return nil, p.found.Sorted()
	}
	return suite, nil
}

type suiteParser struct {
	file  string
	found diag.List
}

func (p *suiteParser) pos(n *yaml.Node) diag.Pos {
	return diag.Pos{File: p.file, Line: n.Line, Column: n.Column}
}

func (p *suiteParser) report(n *yaml.Node, format string, args ...any) {
	p.found = append(p.found, diag.Diagnostic{
		Code: codeBadScript, Pos: p.pos(n), Length: max(1, len(n.Value)), Message: fmt.Sprintf(format, args...),
	})
}

// fields calls of for each entry of a mapping.
func (p *suiteParser) fields(n *yaml.Node, what string, of func(key, v *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		p.report(n, "%s must be a mapping", what)
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		of(n.Content[i], n.Content[i+1])
	}
}

// items calls of for each item of a list.
func (p *suiteParser) items(n *yaml.Node, what string, of func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		p.report(n, "%s must be a list", what)
		return
	}
	for _, item := range n.Content {
		of(item)
	}
}

func (p *suiteParser) text(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode || n.Value == "" {
		p.report(n, "%s must be text", what)
	}
	return n.Value
}

func (p *suiteParser) value(n *yaml.Node) value.Value {
	v, err := ValueOf(n)
	if err != nil {
		p.report(n, "%v", err)
	}
	return v
}

func (p *suiteParser) suite(n *yaml.Node) *Suite {
	suite := &Suite{}
	p.fields(n, "a file of tests", func(key, v *yaml.Node) {
		switch key.Value {
		case "workflow":
			suite.Workflow = p.text(v, "`workflow`")
		case "tests":
			p.items(v, "`tests`", func(item *yaml.Node) { suite.Tests = append(suite.Tests, p.test(item)) })
		default:
			p.unknown(key, "workflow", "tests")
		}
	})
	if suite.Workflow == "" {
		p.report(n, "`workflow` is missing: the file of the definition")
	}
	return suite
}

func (p *suiteParser) unknown(key *yaml.Node, words ...string) {
	help := "here belongs one of " + strings.Join(words, ", ")
	if name, ok := diag.Suggest(key.Value, words); ok {
		help = fmt.Sprintf("did you mean `%s`?", name)
	}
	p.report(key, "`%s` is no word of a script", key.Value)
	p.found[len(p.found)-1].Help = help
}

func (p *suiteParser) test(n *yaml.Node) Test {
	t := Test{Pos: p.pos(n)}
	p.fields(n, "a test", func(key, v *yaml.Node) {
		switch key.Value {
		case "name":
			t.Name = p.text(v, "`name`")
		case "script":
			p.items(v, "`script`", func(item *yaml.Node) { t.Steps = append(t.Steps, p.step(item)) })
		default:
			p.unknown(key, "name", "script")
		}
	})
	if t.Name == "" {
		p.report(n, "`name` is missing: a sentence that says what the test shows")
	}
	return t
}

var stepWords = []string{"in", "out", "after", "at", "vars", "end", "incident", "late", "dead-letter", "act"}

// step reads `- in: {…}`, with `key` beside the word, or `- late` alone.
func (p *suiteParser) step(n *yaml.Node) Step {
	s := Step{Pos: p.pos(n), Times: 1}
	if n.Kind == yaml.ScalarNode && n.Value == "late" {
		s.Word = "late"
		return s
	}
	p.fields(n, "a line of a script", func(key, v *yaml.Node) {
		if key.Value == "key" {
			s.Key = p.text(v, "`key`")
			return
		}
		if s.Word != "" {
			p.report(key, "one word belongs on a line, and here stands `%s` already", s.Word)
			return
		}
		s.Word = key.Value
		p.word(&s, key, v)
	})
	return s
}

func (p *suiteParser) word(s *Step, key, v *yaml.Node) {
	switch s.Word {
	case "in":
		p.incoming(s, v)
	case "out":
		p.outgoing(s, v)
	case "after":
		p.after(s, v)
	case "at":
		s.Texts = p.texts(v, "`at`")
	case "vars":
		s.Payload = p.value(v)
		if _, isMap := s.Payload.(*value.Map); !isMap {
			p.report(v, "`vars` must be a mapping from variables to their values")
		}
	case "end":
		p.end(s, v)
	case "incident", "dead-letter":
		s.Texts = []string{p.text(v, "`"+s.Word+"`")}
	case "late":
		s.Message = p.text(v, "`late`")
	case "act":
		p.act(s, v)
	default:
		p.unknown(key, stepWords...)
	}
}

// isMessage tells a message's name from a word.
func isMessage(name string) bool { return name != "" && name[0] >= 'A' && name[0] <= 'Z' }

func (p *suiteParser) incoming(s *Step, n *yaml.Node) {
	p.fields(n, "`in`", func(key, v *yaml.Node) {
		switch {
		case isMessage(key.Value):
			p.message(s, key, v)
		case key.Value == "headers":
			s.Headers = p.headers(v)
		case key.Value == "key":
			s.Key = p.text(v, "`key`")
		case key.Value == "echo":
			s.Echo = p.text(v, "`echo`")
		default:
			p.unknown(key, "headers", "key", "echo")
		}
	})
	p.needMessage(s, n)
}

func (p *suiteParser) message(s *Step, key, v *yaml.Node) {
	if s.Message != "" {
		p.report(key, "one message belongs on a line, and here stands `%s` already", s.Message)
	}
	s.Message, s.Payload = key.Value, p.value(v)
}

func (p *suiteParser) needMessage(s *Step, n *yaml.Node) {
	if s.Message == "" && n.Kind == yaml.MappingNode {
		p.report(n, "`%s` names no message: `%s: {OrderPlaced: {…}}`", s.Word, s.Word)
	}
}

func (p *suiteParser) headers(n *yaml.Node) *value.Map {
	m, isMap := p.value(n).(*value.Map)
	if !isMap {
		p.report(n, "`headers` must be a mapping")
	}
	return m
}

func (p *suiteParser) outgoing(s *Step, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.Value == "none" {
		return
	}
	p.fields(n, "`out`", func(key, v *yaml.Node) {
		switch {
		case isMessage(key.Value):
			p.message(s, key, v)
		case key.Value == "headers":
			s.Headers = p.headers(v)
		case key.Value == "attempt":
			s.Attempt = p.count(v, "`attempt`")
		case key.Value == "times":
			s.Times = p.count(v, "`times`")
		default:
			p.unknown(key, "attempt", "headers", "times")
		}
	})
	p.needMessage(s, n)
}

func (p *suiteParser) count(n *yaml.Node, what string) int {
	v, isInt := p.value(n).(int64)
	if !isInt || v < 1 || v > 10_000 {
		p.report(n, "%s must be a whole number from 1", what)
		return 1
	}
	return int(v)
}

func (p *suiteParser) after(s *Step, n *yaml.Node) {
	d, err := topology.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		p.report(n, "`after` must be a duration like 10s")
	}
	s.After = d
}

func (p *suiteParser) texts(n *yaml.Node, what string) []string {
	if n.Kind == yaml.ScalarNode {
		return []string{p.text(n, what)}
	}
	var out []string
	p.items(n, what, func(item *yaml.Node) { out = append(out, p.text(item, what)) })
	return out
}

// end reads `completed`, or `{failed: out-of-stock}`.
func (p *suiteParser) end(s *Step, n *yaml.Node) {
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 {
		s.Texts = []string{p.text(n.Content[0], "`end`"), p.text(n.Content[1], "the error's name")}
	} else {
		s.Texts = []string{p.text(n, "`end`")}
	}
	if !topology.Status(s.Texts[0]).Final() {
		p.report(n, "`end` must be completed, failed, cancelled or terminated")
	}
}

// act reads `cancel`, or `{set: {card: c-2}}`, or `{cancel: {reason: …}}`.
func (p *suiteParser) act(s *Step, n *yaml.Node) {
	s.Act = &topology.Act{Principal: "script"}
	if n.Kind == yaml.ScalarNode {
		s.Act.Kind = p.text(n, "`act`")
		return
	}
	p.fields(n, "`act`", func(key, v *yaml.Node) {
		s.Act.Kind = key.Value
		data := p.value(v)
		if m, isMap := data.(*value.Map); isMap && key.Value != topology.ActSet {
			if reason, ok := m.Lookup("reason"); ok {
				s.Act.Reason = fmt.Sprint(reason)
				data = m.Without("reason")
			}
		}
		s.Act.Data = data
	})
}
