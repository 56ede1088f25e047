package topology

import (
	"fmt"
	"slices"
	"strings"

	"rondo/topology/diag"
	"rondo/topology/expr"
	"rondo/topology/value"
)

// wholePayload is the path of a payload that is no part of another.
const wholePayload = "the payload"

// unionField, in a map, names the member of a union that the map is.
const unionField = "@type"

// payload checks what a command says against its schema.
func (t *typer) payload(a *Send, s *sight, at place) {
	of, _ := t.template(a.With, s, at)
	m := t.messages[a.Message]
	if !t.reporting || m == nil {
		return
	}
	p := &payloadCheck{t: t, message: m, sight: s, at: at}
	want := t.types.Messages[m.Name]
	switch {
	case a.With == nil && at.step.unknown, a.With != nil && a.With.unknown:
	case a.With == nil:
		p.missing(want, expr.Type{Kind: value.MapKind}, a.Pos, len(a.Message), wholePayload)
	case a.With.Expr == nil && a.With.List == nil && a.With.Map == nil && a.With.Literal == nil: // a tombstone
	default:
		want.Nullable = want.Kind != "" // an expression may give a tombstone
		p.template(a.With, want, of, wholePayload)
	}
}

// payloadCheck compares a payload with the type that its schema gives it.
type payloadCheck struct {
	t       *typer
	message *Message
	sight   *sight
	at      place
}

// template compares a template, of which the type is known, with what is wanted.
func (p *payloadCheck) template(v *Template, want, of expr.Type, path string) {
	switch {
	case want.Kind == "", v.unknown:
	case v.Map != nil && want.Kind == value.MapKind:
		p.fields(v, want, of, path)
	case v.List != nil && want.Kind == value.List && want.Elem != nil:
		for i, item := range v.List {
			p.template(item, *want.Elem, p.typeOf(item), fmt.Sprintf("%s[%d]", path, i))
		}
	case !want.Accepts(of):
		p.mismatch(v, want, of, path)
	case v.Expr != nil:
		p.result(v, want, of, path, 0)
	default:
		p.literal(v, want, path)
	}
}

// typeOf is the type of a part of a template that was walked before; what is
// wrong with its expressions is not said again.
func (p *payloadCheck) typeOf(v *Template) expr.Type {
	p.t.reporting = false
	defer func() { p.t.reporting = true }()
	of, _ := p.t.template(v, p.sight, p.at)
	return of
}

func (p *payloadCheck) fields(v *Template, want, of expr.Type, path string) {
	for _, f := range v.Map {
		name := under(path, f.Name)
		fieldType := p.typeOf(f.Value)
		switch field, ok := want.Fields[f.Name]; {
		case want.Fields == nil && want.Elem != nil:
			p.template(f.Value, *want.Elem, fieldType, name)
		case want.Fields == nil || f.Name == unionField:
		case !ok:
			p.unknown(f.Pos, f.Name, want)
		default:
			p.template(f.Value, field, fieldType, name)
		}
	}
	p.missing(want, of, v.Pos, 1, path)
}

// missing reports the fields that a schema demands and a payload does not have.
func (p *payloadCheck) missing(want, of expr.Type, at diag.Pos, length int, path string) {
	var names []string
	for _, name := range want.FieldNames() {
		if field, has := of.Fields[name]; !want.Fields[name].Optional && (!has || field.Optional && field.Kind == "") {
			names = append(names, name)
		}
	}
	if len(names) == 0 || path != wholePayload && of.Fields == nil {
		return
	}
	where := p.message.Name
	if path != wholePayload {
		where = quotedPath(path)
	}
	p.t.report(at, length, codeMissingField, fmt.Sprintf("%s needs %s, which %s missing here", where, listed(names), isOrAre(names)),
		"its schema has no default for it: add `"+names[0]+"`", schemaPlace(p.message)...)
}

func isOrAre(names []string) string {
	if len(names) == 1 {
		return "is"
	}
	return "are"
}

func (p *payloadCheck) unknown(at diag.Pos, name string, want expr.Type) {
	help := "its fields are: " + strings.Join(want.FieldNames(), ", ")
	if near, ok := diag.Suggest(name, want.FieldNames()); ok {
		help = "did you mean `" + near + "`?"
	}
	p.t.report(at, len([]rune(name)), expr.IssueUnknownField, fmt.Sprintf("%s has no field `%s`", p.message.Name, name), help, schemaPlace(p.message)...)
}

// result compares what is known of an expression's result.
func (p *payloadCheck) result(v *Template, want, of expr.Type, path string, depth int) {
	if depth > typeDepth || want.Kind != of.Kind {
		return
	}
	if want.Elem != nil && of.Elem != nil {
		p.part(v, *want.Elem, *of.Elem, path+"[]", depth)
	}
	if want.Fields == nil || of.Fields == nil {
		return
	}
	for _, name := range of.FieldNames() {
		field, ok := want.Fields[name]
		if !ok && name != unionField {
			p.wrong(v, fmt.Sprintf("this has a field `%s`, which %s has not", name, p.message.Name), "its fields are: "+strings.Join(want.FieldNames(), ", "))
			continue
		}
		p.part(v, field, of.Fields[name], under(path, name), depth)
	}
	p.missing(want, of, v.Expr.Pos, len([]rune(v.Expr.Text)), path)
}

func (p *payloadCheck) part(v *Template, want, of expr.Type, path string, depth int) {
	if !want.Accepts(of) {
		p.mismatch(v, want, of, path)
		return
	}
	p.result(v, want, of, path, depth+1)
}

func (p *payloadCheck) mismatch(v *Template, want, of expr.Type, path string) {
	if want.Kind != value.Null && want.Nullable && of.Kind != value.Null {
		want.Nullable = false // that null would do as well helps nobody
	}
	p.wrong(v, quotedPath(path)+" needs "+want.WithArticle()+", but this is "+of.WithArticle(), "")
}

// literal finds texts that are no symbol, and fractions where a whole number is
// needed.
func (p *payloadCheck) literal(v *Template, want expr.Type, path string) {
	switch x := v.Literal.(type) {
	case string:
		if want.Symbols != nil && !slices.Contains(want.Symbols, x) {
			help := "it is one of " + listed(want.Symbols)
			if near, ok := diag.Suggest(x, want.Symbols); ok {
				help = "did you mean `" + near + "`?"
			}
			p.wrong(v, fmt.Sprintf("%s cannot be `%s`", quotedPath(path), x), help)
		}
	case float64:
		if want.Kind == value.Int && x != float64(int64(x)) {
			p.wrong(v, quotedPath(path)+" needs a whole number", "")
		}
	}
}

func (p *payloadCheck) wrong(v *Template, message, help string) {
	at, length := v.Pos, 1
	if v.Expr != nil {
		at, length = v.Expr.Pos, len([]rune(v.Expr.Text))
	}
	p.t.report(at, length, codePayload, message, help, schemaPlace(p.message)...)
}

// under is the path of a field.
func under(path, name string) string {
	if path == wholePayload {
		return name
	}
	return path + "." + name
}

func quotedPath(path string) string {
	if path == wholePayload {
		return path
	}
	return "`" + path + "`"
}
