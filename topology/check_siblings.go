package topology

import (
	"fmt"
	"regexp"
	"strings"

	"rondo/topology/diag"
	"rondo/topology/expr"
	"rondo/topology/value"
)

// The codes of what is found between definitions; each has an essay in diag/explain.
const (
	codeUnknownWorkflow = "unknown-workflow"
	codeNoChild         = "no-child"
	codeNotGiven        = "not-given"
)

// CheckSiblings looks at what definitions that are checked together say of each
// other: whether a workflow that a `run` names is among them and begins for a
// parent, and whether what the one reads of `with` or of `output` is given by the
// other. All are warnings, for another version may be deployed. Of several versions
// the newest counts, as for children that begin. The list is sorted by place.
func CheckSiblings(defs []*Definition) diag.List {
	c := &siblings{findings: &findings{}, newest: map[string]*Definition{}}
	for _, d := range defs {
		if d.Name == "" {
			return nil // it may be the one that is named
		}
		if before := c.newest[d.Name]; before == nil || before.Version <= d.Version {
			c.newest[d.Name] = d
		}
	}
	for _, d := range defs {
		d.EachStep(func(s *Step) {
			if run, ok := s.Action.(*Run); ok && !s.unknown && kebabName.MatchString(run.Workflow) {
				c.run(s, run)
			}
		})
	}
	return c.sorted()
}

type siblings struct {
	*findings
	newest map[string]*Definition // by name
}

func (c *siblings) run(s *Step, run *Run) {
	child, at := c.newest[run.Workflow], spanOf(run.Pos, run.Workflow)
	switch {
	case child == nil:
		f := c.warn(at, codeUnknownWorkflow, fmt.Sprintf("none of the workflows that are checked here is called `%s`", run.Workflow))
		if f.suggest(run.Workflow, sortedKeys(c.newest)) == "" {
			f.help("check its file together with this one; if it is deployed already, all is well")
		}
	case child.gaps.mayHave("start", "output"):
	case child.Child == nil:
		c.warn(at, codeNoChild, fmt.Sprintf("`%s` begins for no parent, so this raises `%s`", run.Workflow, errorRunRefused)).
			related(spanOf(child.Pos, child.Name), "its `start` has no `run`").
			help("add `run: {}` to the `start` of `" + run.Workflow + "`")
	default:
		c.given(s, run, child)
	}
}

// given compares what each of the two gives with what the other reads. Of several
// alternatives only the first condition is tried for sure.
func (c *siblings) given(s *Step, run *Run, child *Definition) {
	at := spanOf(run.Pos, run.Workflow)
	if with, known := fieldsGiven(run.With); known {
		for _, read := range missingReads(child.Child, with) {
			c.warn(at, codeNotGiven, fmt.Sprintf("the start of `%s` reads `event.%s`, which `with` does not give", child.Name, read.field)).
				related(read.at, "read here").
				help("add `" + read.field + "` to the `with` of this `run`")
		}
	}
	output, known := fieldsGiven(child.Output)
	if !known {
		return
	}
	for _, rule := range run.Await {
		for _, read := range missingReads(rule.Alternatives, output) {
			f := c.warn(read.at, codeNotGiven, fmt.Sprintf("the `output` of `%s` has no `%s`", child.Name, read.field))
			if f.suggest(read.field, output.FieldNames()) == "" {
				f.help("add `" + read.field + "` to the `output` of `" + child.Name + "`")
			}
			f.related(spanOf(child.Pos, child.Name), "the child")
		}
	}
}

// fieldsGiven is a value as the record that it makes; known is false where that is
// not seen from its text. No value at all is a record without fields: reading any
// fails.
func fieldsGiven(v *Template) (of expr.Type, known bool) {
	of = expr.Type{Kind: value.MapKind, Fields: map[string]expr.Type{}}
	if v == nil {
		return of, true
	}
	if v.Map == nil || v.unknown {
		return of, false
	}
	for _, f := range v.Map {
		of.Fields[f.Name] = expr.Type{}
	}
	return of, true
}

// fieldRead is where a field of `event` is read that is not there.
type fieldRead struct {
	field string
	at    span
}

// missingReads are the fields that alternatives read of an event that has others.
func missingReads(alternatives []*Step, event expr.Type) []fieldRead {
	if len(alternatives) == 0 {
		return nil
	}
	first := alternatives[0]
	read := []*Expr{first.When}
	if len(alternatives) == 1 {
		read = append(read, first.If)
		for _, a := range first.Set {
			read = a.Value.expressions(read)
		}
	}
	var out []fieldRead
	seen := map[string]bool{}
	for _, e := range read {
		for _, r := range missingIn(e, event) {
			if !seen[r.field] {
				seen[r.field] = true
				out = append(out, r)
			}
		}
	}
	return out
}

// expressions appends those of a template.
func (v *Template) expressions(out []*Expr) []*Expr {
	if v == nil {
		return out
	}
	out = append(out, v.Expr)
	for _, item := range v.List {
		out = item.expressions(out)
	}
	for _, f := range v.Map {
		out = f.Value.expressions(out)
	}
	return out
}

// asksWhetherThere finds expressions that know that a field may not be there.
var asksWhetherThere = regexp.MustCompile(`\bhas\(|\.\?|\[\?|\bin event\b`)

// missingIn are the fields that an expression reads of an event without asking
// whether they are there.
func missingIn(e *Expr, event expr.Type) []fieldRead {
	if e == nil || asksWhetherThere.MatchString(e.Text) {
		return nil
	}
	_, issues := expr.Compile(e.Text, expr.Scope{nameEvent: event})
	var out []fieldRead
	for _, i := range issues {
		if i.Code == expr.IssueUnknownField && strings.HasPrefix(i.Message, nameEvent+" ") {
			text := []rune(e.Text)
			field := strings.Trim(string(text[i.Offset:min(i.Offset+i.Length, len(text))]), "`'\"")
			out = append(out, fieldRead{field, span{e.At(i.Offset), i.Length}})
		}
	}
	return out
}
