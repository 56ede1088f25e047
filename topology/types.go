package topology

import (
	"maps"
	"slices"
	"strings"

	"rondo/topology/diag"
	"rondo/topology/expr"
	"rondo/topology/value"
)

// Types are what is known of payloads before anything runs. What has no entry
// may be anything.
type Types struct {
	Messages map[string]expr.Type // by message name
	Tables   map[string]expr.Type // of a row, by table name
}

// checkTypes looks at a definition once more, with what is known of its events,
// variables and rows: fields that a schema does not have, payloads that do not
// fit, and (as warnings) variables that may still be null where that fails. It
// takes every variable as the join of all that is assigned to it; one that may be
// set in a gap may be anything. It adds to what was found without types.
func checkTypes(def *Definition, types Types, found *findings) {
	o := newOutline(def)
	if found.full() || len(o.steps)*assignmentsOf(o) > typingMax {
		return
	}
	t := newTyper(def, types, o)
	t.findings, t.told = found, placesOf(found.list)
	t.learn()
	t.nulls = newNullness(o, def.gaps)
	t.reporting = true
	t.definition()
}

func newTyper(def *Definition, types Types, o *outline) *typer {
	t := &typer{def: def, types: types, outline: o, messages: map[string]*Message{}, vars: map[string]expr.Type{}}
	for _, m := range def.Messages {
		t.messages[m.Name] = m
	}
	t.names = variableNames(o)
	return t
}

// saidAt is a finding that needs no types. What types add to it is not said again.
type saidAt struct {
	code string
	at   diag.Pos
}

func placesOf(list diag.List) map[saidAt]bool {
	out := make(map[saidAt]bool, len(list))
	for _, d := range list {
		out[saidAt{d.Code, d.Pos}] = true
	}
	return out
}

const (
	// typingMax bounds steps times assignments of a definition that is typed:
	// beyond it nothing that a person wrote is missed.
	typingMax = 5_000_000
	// learnRounds is how often assignments are gone through until what is known of
	// variables stands still; what has not by then may be anything.
	learnRounds = 6
)

func assignmentsOf(o *outline) int {
	n := 1
	for _, s := range o.steps {
		n += len(s.Set)
	}
	return n
}

// typer walks a definition with the types of what expressions can refer to.
type typer struct {
	def      *Definition
	types    Types
	outline  *outline
	messages map[string]*Message
	nulls    *nullness

	names   []string             // of all variables
	vars    map[string]expr.Type // what is known of variables so far
	learnt  map[string]expr.Type // what this round has found
	pending bool                 // the expression reads a variable of which nothing is known yet

	*findings
	told      map[saidAt]bool
	reporting bool
}

// sight is what expressions of one place can refer to.
type sight struct {
	event   expr.Type
	message *Message // that `event` is; nil: none or one of several
	locals  map[string]expr.Type
	scope   expr.Scope // made when it is needed
}

// on is the sight of a reaction to a message.
func (t *typer) on(s *sight, name string) *sight {
	return &sight{event: t.types.Messages[name], message: t.messages[name], locals: s.locals}
}

// with is a sight with one more variable.
func (s *sight) with(name string, of expr.Type) *sight {
	locals := maps.Clone(s.locals)
	if locals == nil {
		locals = map[string]expr.Type{}
	}
	locals[name] = of
	return &sight{event: s.event, message: s.message, locals: locals}
}

// learn finds the types of variables: it begins with nothing, and goes through
// the assignments until nothing changes. A variable that is only set from itself
// may be anything; with that it goes on.
func (t *typer) learn() {
	for round := 0; round < learnRounds; round++ {
		t.learnt = map[string]expr.Type{}
		t.definition()
		stable := sameTypes(t.vars, t.learnt)
		before := t.vars
		t.vars, t.learnt = t.learnt, nil
		if round == learnRounds-1 {
			t.giveUp(before)
		} else if stable && !t.guessRest() {
			return
		}
	}
}

// guessRest takes variables of which nothing is known for anything; false: there
// are none.
func (t *typer) guessRest() bool {
	guessed := false
	for _, name := range t.names {
		if _, ok := t.vars[name]; !ok {
			t.vars[name], guessed = expr.Type{}, true
		}
	}
	return guessed
}

// giveUp takes what still changes for anything.
func (t *typer) giveUp(before map[string]expr.Type) {
	for _, name := range t.names {
		of := t.vars[name]
		if was, ok := before[name]; !ok || !sameType(was, of, typeDepth) {
			t.vars[name] = expr.Type{}
		}
	}
}

func sameTypes(a, b map[string]expr.Type) bool {
	return maps.EqualFunc(a, b, func(a, b expr.Type) bool { return sameType(a, b, typeDepth) })
}

// typeDepth is how deep types are compared; deeper ones count as the same.
const typeDepth = 4

func sameType(a, b expr.Type, depth int) bool {
	switch {
	case depth == 0:
		return true
	case a.Kind != b.Kind || a.Nullable != b.Nullable || (a.Elem == nil) != (b.Elem == nil) || (a.Fields == nil) != (b.Fields == nil):
		return false
	case a.Elem != nil && !sameType(*a.Elem, *b.Elem, depth-1):
		return false
	}
	return maps.EqualFunc(a.Fields, b.Fields, func(a, b expr.Type) bool { return sameType(a, b, depth-1) })
}

// assign notes what a variable is set to.
func (t *typer) assign(name string, of expr.Type) {
	if t.learnt == nil {
		return
	}
	if before, ok := t.learnt[name]; ok {
		of = expr.Join(before, of)
	}
	of.Optional, of.Also, of.Symbols = false, nil, nil
	if t.def.gaps.mayName(name) {
		of = expr.Type{}
	}
	t.learnt[name] = of
}

// The values that the engine gives to expressions.
var (
	typeText    = expr.Type{Kind: value.String}
	typeInt     = expr.Type{Kind: value.Int}
	typeInstant = expr.Type{Kind: value.Timestamp}
	typeMaybe   = expr.Type{Kind: value.String, Nullable: true}
	typeError   = expr.Type{Kind: value.MapKind, Fields: map[string]expr.Type{
		"name": typeText, "message": typeText, "step": typeText, "data": {}, "at": typeInstant, "cause": {}}}
	typeSchedule = expr.Type{Kind: value.MapKind, Fields: map[string]expr.Type{"scheduled": typeInstant, "missed": typeInt}}
)

// engineTypes are the types of the names that the engine sets, `event` apart.
func engineTypes() map[string]expr.Type {
	record := func(fields map[string]expr.Type, nullable bool) expr.Type {
		return expr.Type{Kind: value.MapKind, Fields: fields, Nullable: nullable}
	}
	return map[string]expr.Type{
		nameKey: typeText, nameNow: typeInstant, nameHeaders: {Kind: value.MapKind, Nullable: true}, "index": typeInt, nameError: typeError,
		nameRecord: record(map[string]expr.Type{
			"topic": typeText, "partition": typeInt, "offset": typeInt, "time": typeInstant, "key": typeMaybe}, true),
		nameInstance: record(map[string]expr.Type{
			"started": typeInstant, "attempt": {Kind: value.Int, Nullable: true}, "step": typeMaybe}, false),
		nameCommand: record(map[string]expr.Type{"id": typeText, "attempt": typeInt}, false),
		nameUndoes:  record(map[string]expr.Type{"id": typeMaybe, "step": typeText, "done": {Kind: value.Bool}}, false),
	}
}

// scopeOf is the scope of a sight. It has every name: that a name exists in a
// place is not looked at here.
func (t *typer) scopeOf(s *sight) expr.Scope {
	if s.scope != nil {
		return s.scope
	}
	scope := expr.Scope{}
	for _, name := range t.names {
		scope[name] = orNull(t.vars[name])
	}
	maps.Copy(scope, engineTypes())
	scope[nameEvent] = s.event
	maps.Copy(scope, s.locals)
	s.scope = scope.WithTables(t.tables())
	return s.scope
}

// tables are the rows of all tables, known or not.
func (t *typer) tables() map[string]expr.Type {
	rows := map[string]expr.Type{}
	for _, table := range t.def.Tables {
		rows[table.Name] = t.types.Tables[table.Name]
	}
	return rows
}

// orNull is a type of which a value may be null as well.
func orNull(of expr.Type) expr.Type {
	of.Nullable = of.Kind != "" && of.Kind != value.Null
	return of
}

// expr compiles an expression with what is known, and gives the type of its
// result.
func (t *typer) expr(e *Expr, s *sight, at place) expr.Type {
	return t.compile(e, s, at, expr.Compile)
}

func (t *typer) condition(e *Expr, s *sight, at place) {
	if e != nil && t.reporting {
		t.compile(e, s, at, expr.CompileCondition)
	}
}

func (t *typer) compile(e *Expr, s *sight, at place, compile compileFunc) expr.Type {
	if t.reporting && t.full() {
		return expr.Type{}
	}
	scope := t.scopeOf(s)
	program, issues := compile(e.Text, scope)
	if len(issues) > 0 {
		t.issues(e, s, issues)
		return expr.Type{}
	}
	for _, name := range program.Reads() {
		if _, known := t.vars[name]; !known && !t.reporting && t.isVariable(name, s) {
			t.pending = true
		}
	}
	if t.reporting {
		t.nullReads(e, s, at, program, compile)
	}
	return program.Result()
}

func (t *typer) isVariable(name string, s *sight) bool {
	_, local := s.locals[name]
	return !local && name != "index" && !slices.Contains(builtInVariables(), name)
}

// typeCodes are the issues that types can bring about; all others have been found
// without.
var typeCodes = []string{expr.IssueUnknownField, expr.IssueWrongKind, expr.IssueNeverEqual, expr.IssueNotACondition}

func (t *typer) issues(e *Expr, s *sight, issues []expr.Issue) {
	if !t.reporting {
		return
	}
	for _, issue := range issues {
		at := e.At(issue.Offset)
		if !slices.Contains(typeCodes, issue.Code) || t.told[saidAt{issue.Code, at}] {
			continue
		}
		var related []diag.Related
		if issue.Code == expr.IssueUnknownField && strings.HasPrefix(issue.Message, nameEvent) && s.message != nil {
			related = schemaPlace(s.message)
		}
		t.report(at, issue.Length, issue.Code, issue.Message, issue.Help, related...)
	}
}

// schemaPlace is where a message names its schema.
func schemaPlace(m *Message) []diag.Related {
	if m.Schema == "" {
		return nil
	}
	return []diag.Related{{Pos: m.SchemaPos, Length: len([]rune(m.Schema)), Message: "the schema of " + m.Name}}
}

// template gives the type of a template; false: it reads a variable of which
// nothing is known yet.
func (t *typer) template(v *Template, s *sight, at place) (of expr.Type, known bool) {
	t.pending = false
	of = t.templateType(v, s, at)
	return of, !t.pending
}

func (t *typer) templateType(v *Template, s *sight, at place) expr.Type {
	switch {
	case v == nil:
		return expr.Type{Kind: value.Null}
	case v.unknown:
		t.parts(v, s, at)
		return expr.Type{}
	case v.Expr != nil:
		return t.expr(v.Expr, s, at)
	case v.List != nil:
		return t.listType(v.List, s, at)
	case v.Map != nil:
		of := expr.Type{Kind: value.MapKind, Fields: make(map[string]expr.Type, len(v.Map))}
		for _, f := range v.Map {
			of.Fields[f.Name] = t.templateType(f.Value, s, at)
		}
		return of
	}
	return literalType(v.Literal)
}

// parts walks what was understood of a value that was not as a whole.
func (t *typer) parts(v *Template, s *sight, at place) {
	for _, item := range v.List {
		t.templateType(item, s, at)
	}
	t.fields(v.Map, s, at)
}

func (t *typer) listType(items []*Template, s *sight, at place) expr.Type {
	of := expr.Type{Kind: value.List}
	for i, item := range items {
		elem := t.templateType(item, s, at)
		if i > 0 {
			elem = expr.Join(*of.Elem, elem)
		}
		of.Elem = &elem
	}
	return of
}

func literalType(v value.Value) expr.Type { return expr.Type{Kind: value.KindOf(v)} }
