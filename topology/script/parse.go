package script

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"

	"rondo/topology"
	"rondo/topology/diag"
	"rondo/topology/value"
)

// CodeBadScript is the code of findings about the form of a script, or about
// names that its workflow does not have.
const CodeBadScript = "bad-script"

const (
	// sourceMaxBytes bounds a file of tests.
	sourceMaxBytes = 1 << 20
	// nestingMax bounds how deep mappings and lists may be nested in it.
	nestingMax = 100
	// findingsMax bounds what is reported for one file.
	findingsMax = 100
	// countMax bounds `attempt` and `times`.
	countMax = 10_000
)

// Parse reads a file of tests. It reports everything that is wrong with their
// form, as places in file; the Suite is nil then.
func Parse(file string, src []byte) (*Suite, diag.List) {
	p := &suiteParser{reporter: reporter{file: file}}
	root := p.load(src)
	if root == nil {
		return nil, p.found
	}
	suite := p.suite(root)
	suite.File = file
	if len(p.found) > 0 {
		return nil, p.found.Sorted()
	}
	return suite, nil
}

// reporter collects findings in one file.
type reporter struct {
	file  string
	found diag.List
}

func (r *reporter) pos(n *yaml.Node) diag.Pos {
	return diag.Pos{File: r.file, Line: max(n.Line, 1), Column: max(n.Column, 1)}
}

func (r *reporter) report(n *yaml.Node, format string, args ...any) *diag.Diagnostic {
	d := diag.Diagnostic{Code: CodeBadScript, Pos: r.pos(n), Length: lengthOf(n), Message: fmt.Sprintf(format, args...)}
	if len(r.found) >= findingsMax {
		return &d
	}
	r.found = append(r.found, d)
	return &r.found[len(r.found)-1]
}

// lengthOf is how many characters of the file a node takes, as far as it is on
// one line: at least 1.
func lengthOf(n *yaml.Node) int {
	if n.Kind != yaml.ScalarNode {
		return 1
	}
	length := utf8.RuneCountInString(n.Value)
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		length += 2
	}
	return max(1, length)
}

// unknown reports a name that is none of those that can stand there.
func (r *reporter) unknown(n *yaml.Node, names []string, format string, args ...any) {
	d := r.report(n, format, args...)
	if name, ok := diag.Suggest(n.Value, names); ok {
		d.Help = fmt.Sprintf("did you mean `%s`?", name)
	} else if len(names) > 0 {
		d.Help = "here belongs one of " + shortList(names)
	}
}

// shortList names what there is, but not hundreds of it.
func shortList(names []string) string {
	const most = 20
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// suiteParser turns YAML nodes into a Suite. It reports what is wrong and goes
// on with what is left.
type suiteParser struct{ reporter }

// tooDeep bounds the nesting while the library reads, before there is a tree.
type tooDeep struct{}

func (tooDeep) CheckDepth(depth int, _ *yaml.DepthContext) error {
	if depth > nestingMax {
		return fmt.Errorf("mappings and lists are nested more than %d deep", nestingMax)
	}
	return nil
}

// CheckAlias is part of the plugin's interface; aliases are refused, never
// expanded.
func (tooDeep) CheckAlias(int, int) error { return nil }

// load reads the one document of the file; nil if there is none to go on with.
func (p *suiteParser) load(src []byte) *yaml.Node {
	top := &yaml.Node{Line: 1, Column: 1}
	if len(src) > sourceMaxBytes {
		p.report(top, "the file has %d bytes; at most %d are read: split it", len(src), sourceMaxBytes)
		return nil
	}
	if d, found := diag.NotUTF8(p.file, src); found {
		d.Code = CodeBadScript
		p.found = append(p.found, d)
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(src), yaml.WithV4Defaults(), yaml.WithPlugin(tooDeep{}))
	if err != nil {
		panic("set up the YAML loader: " + err.Error()) // the options are constants
	}
	var doc yaml.Node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0:
		p.report(top, "the file has no tests").Help = "begin with `workflow: FILE` and `tests:`"
		return nil
	case err != nil:
		p.syntax(err)
		return nil
	}
	var next yaml.Node
	if err := loader.Load(&next); !errors.Is(err, io.EOF) {
		p.report(&yaml.Node{Line: next.Line, Column: next.Column}, "a file of tests is one document: remove what follows the `---`")
	}
	return doc.Content[0]
}

func (p *suiteParser) syntax(err error) {
	at, text := yaml.Node{}, err.Error()
	if bad := (*yaml.LoadError)(nil); errors.As(err, &bad) {
		at.Line, at.Column = bad.Mark.Line, bad.Mark.Column
		if bad.Message != "" {
			text = bad.Message
		}
	}
	p.report(&at, "this is not YAML: %s", text)
}

// fields calls of for each entry of a mapping.
func (p *suiteParser) fields(n *yaml.Node, what string, of func(key, v *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		p.report(n, "%s must be a mapping", what)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Kind != yaml.ScalarNode:
			p.report(key, "a key must be a text")
			continue
		case seen[key.Value]:
			p.report(key, "`%s` stands here twice: keep one of the two", key.Value)
			continue
		}
		seen[key.Value] = true
		of(key, n.Content[i+1])
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
		return ""
	}
	return n.Value
}

func (p *suiteParser) value(n *yaml.Node) value.Value {
	v, err := ValueOf(n)
	if err == nil {
		return v
	}
	at := n
	if bad := (*valueError)(nil); errors.As(err, &bad) {
		at = bad.at
	}
	p.report(at, "%v", err)
	return nil
}

func (p *suiteParser) suite(n *yaml.Node) *Suite {
	suite := &Suite{}
	tests := false
	p.fields(n, "a file of tests", func(key, v *yaml.Node) {
		switch key.Value {
		case "workflow":
			suite.Workflow = File{p.text(v, "`workflow`"), p.pos(v)}
		case "workflows":
			p.items(v, "`workflows`", func(item *yaml.Node) {
				suite.Workflows = append(suite.Workflows, File{p.text(item, "a file of `workflows`"), p.pos(item)})
			})
		case "older":
			p.items(v, "`older`", func(item *yaml.Node) {
				suite.Older = append(suite.Older, File{p.text(item, "a file of `older`"), p.pos(item)})
			})
		case "tests":
			tests = true
			p.items(v, "`tests`", func(item *yaml.Node) { suite.Tests = append(suite.Tests, p.test(item)) })
		default:
			p.unknown(key, []string{"workflow", "workflows", "older", "tests"}, "`%s` is no word of a file of tests", key.Value)
		}
	})
	if suite.Workflow.Name == "" && n.Kind == yaml.MappingNode {
		p.report(n, "`workflow` is missing: the file of the definition")
	}
	if !tests && n.Kind == yaml.MappingNode {
		p.report(n, "`tests` is missing: a list of scripts, each with a `name`")
	}
	p.distinct(suite)
	return suite
}

// distinct reports tests of one name: reports tell them apart by it.
func (p *suiteParser) distinct(suite *Suite) {
	first := map[string]diag.Pos{}
	for _, t := range suite.Tests {
		if before, ok := first[t.Name]; ok && t.Name != "" {
			d := p.report(&yaml.Node{Line: t.Pos.Line, Column: t.Pos.Column}, "two tests have the name %q", t.Name)
			d.Related = []diag.Related{{Pos: before, Length: 1, Message: "first used here"}}
			continue
		}
		first[t.Name] = t.Pos
	}
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
			p.unknown(key, []string{"name", "script"}, "`%s` is no word of a test", key.Value)
		}
	})
	if t.Name == "" && n.Kind == yaml.MappingNode {
		p.report(n, "`name` is missing: a sentence that says what the test shows")
	}
	return t
}

// step reads `- in: {…}`, with `key` and `workflow` beside the word, or `- late`
// alone.
func (p *suiteParser) step(n *yaml.Node) Step {
	s := Step{Pos: p.pos(n), Times: 1, at: n}
	if n.Kind == yaml.ScalarNode && n.Value == wordLate {
		s.Word = wordLate
		return s
	}
	before := len(p.found)
	p.fields(n, "a line of a script", func(key, v *yaml.Node) {
		switch {
		case key.Value == "key":
			s.Key, s.where.key = p.keyText(v), v
		case key.Value == "workflow":
			s.Workflow, s.where.workflow = p.text(v, "`workflow`"), v
		case key.Value == "of":
			s.Branch, s.where.branch = p.text(v, "`of`"), v
		case s.Word != "":
			p.report(key, "one word belongs on a line, and here stands `%s` already", s.Word)
		default:
			s.Word, s.at = key.Value, v
			p.word(&s, key, v)
		}
	})
	if s.Branch != "" && s.Word != wordVars && s.Word != "" {
		p.report(s.where.branch, "`of` names a branch whose `vars` are meant; `%s` has none", s.Word)
	}
	if s.Word == "" && len(p.found) == before {
		p.report(n, "a line of a script needs a word: one of %s", strings.Join(stepWords, ", "))
	}
	return s
}

// keyText reads a key, which may look like a number.
func (p *suiteParser) keyText(n *yaml.Node) string { return p.text(n, "`key`") }

func (p *suiteParser) word(s *Step, key, v *yaml.Node) {
	switch s.Word {
	case wordIn:
		p.incoming(s, v)
	case wordOut:
		p.outgoing(s, v)
	case wordRun:
		p.begun(s, v)
	case wordAfter, wordAway:
		p.after(s, v)
	case wordAt:
		s.Texts = p.texts(v, "`at`")
	case wordVars:
		s.where.payload = v
		s.Payload = p.mapping(v, "`vars` must be a mapping from variables to their values")
	case wordEnd:
		p.end(s, v)
	case wordIncident, wordDeadLetter:
		s.Texts = []string{p.text(v, "`"+s.Word+"`")}
	case wordLate:
		s.Message, s.where.message = p.text(v, "`late`"), v
	case wordTable:
		p.table(s, v)
	case wordAct:
		p.act(s, v)
	case wordChild:
		p.child(s, v)
	case wordDeploy:
		p.deploy(s, v)
	case wordMigrates:
		p.migrates(s, v)
	default:
		p.unknown(key, stepWords, "`%s` is no word of a script", key.Value)
	}
}

// mapping reads a mapping of values; an empty one if it is something else.
func (p *suiteParser) mapping(n *yaml.Node, otherwise string) *value.Map {
	if n.Kind != yaml.MappingNode {
		p.report(n, "%s", otherwise)
		return &value.Map{}
	}
	m, _ := p.value(n).(*value.Map)
	return m
}

// isMessage tells a message's name from a word.
func isMessage(name string) bool { return name != "" && name[0] >= 'A' && name[0] <= 'Z' }

func (p *suiteParser) incoming(s *Step, n *yaml.Node) {
	p.fields(n, "`in`", func(key, v *yaml.Node) {
		switch {
		case isMessage(key.Value):
			p.message(s, key, v)
		case key.Value == "headers":
			s.Headers, s.where.headers = p.headers(v), v
		case key.Value == "key":
			s.Key, s.where.key = p.keyText(v), v
		case key.Value == "echo":
			s.Echo, s.where.echo = p.text(v, "`echo`"), v
		default:
			p.unknown(key, []string{"headers", "key", "echo"}, "`%s` is neither a message nor a word of `in`", key.Value)
		}
	})
	p.needMessage(s, n)
}

func (p *suiteParser) message(s *Step, key, v *yaml.Node) {
	if s.Message != "" {
		p.report(key, "one message belongs on a line, and here stands `%s` already", s.Message)
		return
	}
	s.Message, s.Payload = key.Value, p.value(v)
	s.where.message, s.where.payload = key, v
}

func (p *suiteParser) needMessage(s *Step, n *yaml.Node) {
	if s.Message == "" && n.Kind == yaml.MappingNode {
		p.report(n, "`%s` names no message: `%s: {OrderPlaced: {…}}`", s.Word, s.Word)
	}
}

// headers reads what goes into headers: texts, or what has one form as text.
func (p *suiteParser) headers(n *yaml.Node) *value.Map {
	m := p.mapping(n, "`headers` must be a mapping")
	for name, v := range m.All() {
		switch v.(type) {
		case *value.Map, []any, nil:
			p.report(n, "the header `%s` must be a text", name)
		}
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
			s.Headers, s.where.headers = p.headers(v), v
		case key.Value == "attempt":
			s.Attempt, s.where.attempt = p.count(v, "`attempt`"), v
		case key.Value == "times":
			s.Times = p.count(v, "`times`")
		default:
			p.unknown(key, []string{"attempt", "headers", "times"}, "`%s` is neither a message nor a word of `out`", key.Value)
		}
	})
	p.needMessage(s, n)
}

func (p *suiteParser) count(n *yaml.Node, what string) int {
	v, isInt := p.value(n).(int64)
	if !isInt || v < 1 || v > countMax {
		p.report(n, "%s must be a whole number from 1 to %d", what, countMax)
		return 1
	}
	return int(v)
}

func (p *suiteParser) after(s *Step, n *yaml.Node) {
	d, err := topology.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		p.report(n, "`%s` must be a duration", s.Word).Help = topology.DurationHelp(n.Value)
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

// endings are how an instance, or a child, can end.
var endings = []string{
	string(topology.StatusCompleted), string(topology.StatusFailed), string(topology.StatusCancelled), string(topology.StatusTerminated),
}

// end reads `completed`, or `{failed: out-of-stock}`.
func (p *suiteParser) end(s *Step, n *yaml.Node) {
	status := n
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 {
		status = n.Content[0]
		s.Texts = []string{status.Value, p.text(n.Content[1], "the error's name")}
	} else {
		s.Texts = []string{p.text(n, "`end`")}
	}
	if s.Texts[0] != "" && !topology.Status(s.Texts[0]).Final() {
		p.unknown(status, endings, "`end` must be completed, failed, cancelled or terminated")
	}
}

// begun reads `run: billing`, or `run: {workflow: billing, key: o-1, with: {…}}`.
func (p *suiteParser) begun(s *Step, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		s.Child.Workflow, s.where.child = p.text(n, "`run`"), n
		return
	}
	p.fields(n, "`run`", func(key, v *yaml.Node) {
		switch key.Value {
		case "workflow":
			s.Child.Workflow, s.where.child = p.text(v, "`workflow`"), v
		case "key":
			s.Child.Key = p.keyText(v)
		case "with":
			s.Payload, s.where.payload = p.value(v), v
		default:
			p.unknown(key, []string{"workflow", "key", "with"}, "`%s` is no word of `run`", key.Value)
		}
	})
	if s.Child.Workflow == "" && n.Kind == yaml.MappingNode {
		p.report(n, "`run` names no workflow: `run: {workflow: billing, key: o-1}`")
	}
}

// child reads `child: completed`, or `child: {completed: {…}}`, with the child's
// `workflow` and `key` if there are several.
func (p *suiteParser) child(s *Step, n *yaml.Node) {
	words := append([]string{"workflow", "key"}, endings...)
	if n.Kind == yaml.ScalarNode {
		p.outcome(s, n, nil, endings)
		return
	}
	p.fields(n, "`child`", func(key, v *yaml.Node) {
		switch {
		case key.Value == "workflow":
			s.Child.Workflow, s.where.child = p.text(v, "`workflow`"), v
		case key.Value == "key":
			s.Child.Key = p.keyText(v)
		case s.Child.Status != "":
			p.report(key, "a child has one outcome, and here stands `%s` already", s.Child.Status)
		default:
			p.outcome(s, key, v, words)
		}
	})
	if s.Child.Status == "" && n.Kind == yaml.MappingNode {
		p.report(n, "`child` says no outcome: `child: {completed: {…}}`, or `child: {failed: {error: out-of-stock}}`")
	}
}

func (p *suiteParser) outcome(s *Step, key, v *yaml.Node, words []string) {
	status := topology.Status(key.Value)
	if !status.Final() {
		p.unknown(key, words, "`%s` is no outcome of a child", key.Value)
		status = topology.StatusCompleted
	}
	s.Child.Status = status
	switch {
	case status == topology.StatusCompleted && v != nil:
		s.Child.Output = p.value(v)
	case status != topology.StatusCompleted:
		s.Child.Failure = p.failure(key, v)
	}
}

// failure reads `out-of-stock`, or `{error: out-of-stock, message:, data:}`; what
// is not said is what such an end says by itself.
func (p *suiteParser) failure(key, n *yaml.Node) *topology.Failure {
	f := &topology.Failure{Name: key.Value}
	switch {
	case n == nil:
	case n.Kind == yaml.ScalarNode:
		f.Name = p.text(n, "the error's name")
	default:
		p.fields(n, "`"+key.Value+"`", func(key, v *yaml.Node) {
			switch key.Value {
			case "error":
				f.Name = p.text(v, "`error`")
			case "message":
				f.Message = p.text(v, "`message`")
			case "data":
				f.Data = p.value(v)
			default:
				p.unknown(key, []string{"error", "message", "data"}, "`%s` is no part of an error", key.Value)
			}
		})
	}
	return f
}

// table reads `{profile: {u-1: {…}}}`; a row that is null is removed.
func (p *suiteParser) table(s *Step, n *yaml.Node) {
	s.where.payload = n
	s.Payload = p.mapping(n, "`table` must be a mapping from tables to their rows")
	for name, rows := range s.Payload.(*value.Map).All() {
		if _, isMap := rows.(*value.Map); !isMap {
			p.report(n, "the rows of `%s` must be a mapping from keys to rows", name)
		}
	}
}

// deploy reads the number of a version.
func (p *suiteParser) deploy(s *Step, n *yaml.Node) {
	version, isInt := p.value(n).(int64)
	if !isInt || version < 1 || version > math.MaxInt32 {
		p.report(n, "`deploy` must be the number of a version")
	}
	s.Version = int(version)
}

// What becomes of an instance that is migrated, as `migrates` says it.
const (
	migratesStays     = "stays"
	migratesAfresh    = "afresh"
	migratesOtherwise = "otherwise"
	migratesRefused   = "refused"
)

// migrates reads `stays`, `{afresh: {ask: rest}}`, or `{refused: no step ask}`, a part
// of the reason.
func (p *suiteParser) migrates(s *Step, n *yaml.Node) {
	const form = "`migrates` must be `stays`, `{afresh: {old: new}}` or `{refused: why}`"
	words := []string{migratesStays, migratesAfresh, migratesOtherwise, migratesRefused}
	if n.Kind == yaml.ScalarNode {
		if n.Value != migratesStays {
			p.unknown(n, words, form)
		}
		return
	}
	before := len(p.found)
	p.fields(n, "`migrates`", func(key, v *yaml.Node) {
		switch key.Value {
		case migratesAfresh:
			s.Afresh = p.mappings(v, "`afresh`")
		case migratesOtherwise:
			s.Otherwise = p.mappings(v, "`otherwise`")
		case migratesRefused:
			s.Texts = []string{p.text(v, "`refused`")}
		default:
			p.unknown(key, words, "`%s` is nothing that becomes of an instance", key.Value)
		}
	})
	if len(s.Afresh)+len(s.Otherwise)+len(s.Texts) == 0 && len(p.found) == before {
		p.report(n, form)
	}
}

// mappings reads `{old: new}`.
func (p *suiteParser) mappings(n *yaml.Node, what string) []topology.StepMapping {
	var out []topology.StepMapping
	p.fields(n, what, func(old, to *yaml.Node) {
		out = append(out, topology.StepMapping{Old: old.Value, New: p.text(to, "a step")})
	})
	return out
}

// act reads `cancel`, or `{set: {card: c-2}}`, or `{cancel: {reason: …}}`.
func (p *suiteParser) act(s *Step, n *yaml.Node) {
	s.Act = &topology.Act{Principal: "script"}
	switch {
	case n.Kind == yaml.ScalarNode:
		p.actKind(s, n)
	case n.Kind == yaml.MappingNode && len(n.Content) != 2:
		p.report(n, "`act` says one thing that an operator does: `act: {cancel: {reason: …}}`")
	default:
		p.fields(n, "`act`", func(key, v *yaml.Node) {
			p.actKind(s, key)
			p.actData(s.Act, v)
		})
	}
}

func (p *suiteParser) actKind(s *Step, n *yaml.Node) {
	s.Act.Kind = p.text(n, "`act`")
	for _, kind := range acts {
		if kind == s.Act.Kind {
			return
		}
	}
	p.unknown(n, acts, "`%s` is nothing that an operator can do", n.Value)
}

// actData reads what is done: reason and principal apart, but of `set`, whose
// data are all variables.
func (p *suiteParser) actData(a *topology.Act, n *yaml.Node) {
	data := p.value(n)
	m, isMap := data.(*value.Map)
	if isMap && a.Kind != topology.ActSet {
		take := func(name string, into *string) {
			if v, ok := m.Lookup(name); ok {
				*into, _ = v.(string)
				m = m.Without(name)
			}
		}
		take("reason", &a.Reason)
		take("principal", &a.Principal)
		take("step", &a.Step)
		if data = m; m.Len() == 0 {
			data = nil
		}
	}
	if a.Kind == topology.ActMigrate && data != nil {
		p.report(n, "an instance migrates to the version that is deployed: `act: migrate`")
	}
	if text, isText := data.(string); isText && a.Kind == topology.ActJump {
		a.Step, data = text, nil
	}
	a.Data = data
}
