// Package definitiontest compares definitions and draws them by chance, for the
// tests of what reads and writes them.
package definitiontest

import (
	"fmt"
	"reflect"

	"github.com/cockroachdb/apd/v3"

	"rondo/topology"
	"rondo/topology/diag"
)

// Diff names the first place in which two definitions say different things; ""
// if there is none. Places in the file and the source text are not compared, nor
// an empty list with none where both mean the same.
func Diff(a, b *topology.Definition) string {
	x, y := *a, *b
	for _, def := range []*topology.Definition{&x, &y} {
		def.Source, def.Files, def.SearchPos = nil, nil, nil
	}
	return differ{}.diff("definition", reflect.ValueOf(x), reflect.ValueOf(y))
}

type differ struct{}

func (d differ) diff(at string, a, b reflect.Value) string {
	if a.Kind() != b.Kind() || a.Type() != b.Type() {
		return fmt.Sprintf("%s: %v and %v", at, a, b)
	}
	switch x := a.Interface().(type) {
	case diag.Pos, []diag.Pos:
		return ""
	case *apd.Decimal:
		if y := b.Interface().(*apd.Decimal); x.Cmp(y) != 0 {
			return fmt.Sprintf("%s: %s and %s", at, x, y)
		}
		return ""
	case topology.Early:
		return d.early(at, x, b.Interface().(topology.Early))
	case topology.Join:
		return d.join(at, x, b.Interface().(topology.Join))
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return d.leaf(at, a.IsNil(), b.IsNil())
		}
		return d.diff(at, a.Elem(), b.Elem())
	case reflect.Struct:
		return d.fields(at, a, b)
	case reflect.Slice:
		return d.items(at, a, b)
	default:
		return d.leaf(at, a.Interface(), b.Interface())
	}
}

func (differ) leaf(at string, a, b any) string {
	if !reflect.DeepEqual(a, b) {
		return fmt.Sprintf("%s: %#v and %#v", at, a, b)
	}
	return ""
}

// early: hold is the default.
func (d differ) early(at string, a, b topology.Early) string {
	for _, e := range []*topology.Early{&a, &b} {
		if e.Hold == 0 && e.Mode == "" {
			e.Mode = "hold"
		}
		if e.Hold > 0 {
			e.Mode = ""
		}
	}
	return d.leaf(at, a, b)
}

// join: all is the default.
func (d differ) join(at string, a, b topology.Join) string {
	for _, j := range []*topology.Join{&a, &b} {
		j.Pos = diag.Pos{}
		if j.Mode == "" {
			j.Mode = "all"
		}
	}
	return d.leaf(at, a, b)
}

func (d differ) fields(at string, a, b reflect.Value) string {
	for i := range a.NumField() {
		f := a.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		if diff := d.diff(at+"."+f.Name, a.Field(i), b.Field(i)); diff != "" {
			return diff
		}
	}
	return ""
}

func (d differ) items(at string, a, b reflect.Value) string {
	if a.Len() != b.Len() || a.Len() == 0 && a.IsNil() != b.IsNil() && isTemplate(a) {
		return fmt.Sprintf("%s: %d and %d items", at, a.Len(), b.Len())
	}
	for i := range a.Len() {
		if diff := d.diff(fmt.Sprintf("%s[%d]", at, i), a.Index(i), b.Index(i)); diff != "" {
			return diff
		}
	}
	return ""
}

// isTemplate tells the lists of which none and an empty one are not the same.
func isTemplate(v reflect.Value) bool {
	switch v.Interface().(type) {
	case []*topology.Template, []topology.Field:
		return true
	}
	return false
}
