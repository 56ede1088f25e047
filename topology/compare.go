package topology

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"rondo/topology/diag"
	"rondo/topology/expr"
)

// Comparison is what would change for instances of one version that are migrated
// to another.
type Comparison struct {
	Workflow string       `json:"workflow"`
	From     int          `json:"from"`
	To       int          `json:"to"`
	Migrates bool         `json:"migrates"` // the newer version's `migrate` names the older one
	Steps    []StepChange `json:"steps"`    // where an instance of the older version can wait, in its order

	Unset []string `json:"unset,omitempty"` // variables that only the newer version sets, and `migrate` does not
}

// StepChange is what happens to an instance that waits at a place.
type StepChange struct {
	Place   string   `json:"place"`
	Pos     diag.Pos `json:"pos"`               // in the older version
	To      string   `json:"to,omitempty"`      // its place in the newer one; "" if there is none
	Fate    StepFate `json:"fate"`              //
	Changes []string `json:"changes,omitempty"` // for people
}

// StepFate is what becomes of an instance that waits at a step.
type StepFate string

const (
	FateStays  StepFate = "stays"  // it goes on waiting; timers, attempts and ids stay
	FateAfresh StepFate = "afresh" // its step is mapped to one that waits in another way: that is entered afresh
	FateStuck  StepFate = "stuck"  // its step waits in another way and is not mapped: it cannot be migrated
	FateGone   StepFate = "gone"   // its step is not there any more and not mapped: it cannot be migrated
)

// Compare tells what would change for instances of the older version at each
// place where they can wait.
func Compare(older, newer *Plan) Comparison {
	out := Comparison{Workflow: newer.definition.Name, From: older.definition.Version, To: newer.definition.Version, Steps: []StepChange{}}
	mapped := map[string]string{}
	if m := newer.definition.Migrate; m != nil && m.From == out.From {
		out.Migrates = true
		for _, step := range m.Steps {
			mapped[step.Old] = step.New
		}
	}
	after := map[string]Standing{}
	for _, s := range newer.Standings() {
		after[s.Place] = s
	}
	for _, s := range older.Standings() {
		out.Steps = append(out.Steps, changeAt(older, newer, s, after, mapped))
	}
	out.Unset = unsetVariables(older, newer)
	return out
}

func changeAt(older, newer *Plan, was Standing, after map[string]Standing, mapped map[string]string) StepChange {
	step, rest, _ := strings.Cut(was.Place, ".")
	to, isMapped := mapped[step]
	if !isMapped {
		to = step
	}
	if rest != "" {
		to += "." + rest
	}
	out := StepChange{Place: was.Place, Pos: was.Pos, To: to}
	now, waits := after[to]
	switch target := newer.nodes[to]; {
	case target == nil:
		out.Fate, out.To = FateGone, ""
	case waits && kindOfWait(was) == kindOfWait(now):
		out.Fate = FateStays
		out.Changes = changesOf(was, now, older.nodes[was.Place].step, target.step)
	case isMapped:
		out.Fate = FateAfresh
	default:
		out.Fate = FateStuck
		out.Changes = []string{"it " + was.Does + " no more"}
		if waits {
			out.Changes = []string{fmt.Sprintf("it %s, and %s now", was.Does, now.Does)}
		}
	}
	return out
}

// kindOfWait is the first word of what a step does.
func kindOfWait(s Standing) string {
	kind, _, _ := strings.Cut(s.Does, " ")
	return kind
}

// changesOf says for people in what two steps that wait alike differ.
func changesOf(was, now Standing, older, newer *Step) []string {
	var out []string
	if was.Does != now.Does {
		out = append(out, fmt.Sprintf("it %s, and %s now: the command that is under way stays", was.Does, now.Does))
	}
	out = append(out, listChanges("takes", was.Takes, now.Takes)...)
	out = append(out, listChanges("leaves to `anytime`", was.Anytime, now.Anytime)...)
	out = append(out, listChanges("holds", was.Holds, now.Holds)...)
	for _, part := range []struct {
		what     string
		was, now any
	}{
		{"`timeout` differs", older.Timeout, newer.Timeout}, {"`retry` differs", older.Retry, newer.Retry}, {"`catch` differs", older.Catch, newer.Catch},
		{"`then` differs", older.Then, newer.Then}, {"`compensate` differs: what was done is undone by the newer one, if `migrate.steps` names the step", older.Compensate, newer.Compensate}, {"its action or reactions differ", older.Action, newer.Action},
	} {
		if !sameMeaning(reflect.ValueOf(part.was), reflect.ValueOf(part.now)) {
			out = append(out, part.what)
		}
	}
	return out
}

func listChanges(verb string, was, now []string) []string {
	var out []string
	for _, name := range now {
		if !slices.Contains(was, name) {
			out = append(out, "it "+verb+" "+name+" too")
		}
	}
	for _, name := range was {
		if !slices.Contains(now, name) {
			out = append(out, "it "+verb+" "+name+" no more")
		}
	}
	return out
}

// sameMeaning compares two pieces of definitions without their places.
func sameMeaning(a, b reflect.Value) bool {
	if a.IsValid() != b.IsValid() {
		return false
	}
	if !a.IsValid() {
		return true
	}
	if a.Type() != b.Type() {
		return false
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return sameMeaning(a.Elem(), b.Elem())
	case reflect.Struct:
		return sameFields(a, b)
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !sameMeaning(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

var posType = reflect.TypeFor[diag.Pos]()

func sameFields(a, b reflect.Value) bool {
	if a.Type() == posType {
		return true
	}
	for i := range a.NumField() {
		f := a.Type().Field(i)
		if !f.IsExported() && a.Type() == reflect.TypeFor[Expr]() {
			continue // where its characters stand
		}
		if !f.IsExported() {
			return reflect.DeepEqual(a.Interface(), b.Interface()) // a value of another package, such as a decimal
		}
		if !sameMeaning(a.Field(i), b.Field(i)) {
			return false
		}
	}
	return true
}

// unsetVariables are what only the newer version sets, and its steps read.
func unsetVariables(older, newer *Plan) []string {
	known := variableNames(newOutline(older.definition))
	if m := newer.definition.Migrate; m != nil {
		for _, a := range m.Set {
			known = append(known, a.Name)
		}
	}
	read := readVariables(newer.definition)
	var out []string
	for _, name := range variableNames(newOutline(newer.definition)) {
		if !slices.Contains(known, name) && read[name] {
			out = append(out, name)
		}
	}
	return out
}

// readVariables are the variables that expressions of a definition read.
func readVariables(def *Definition) map[string]bool {
	read := map[string]bool{}
	scope := expr.NewScope(slices.Concat(variableNames(newOutline(def)), builtInVariables())...)
	rows := map[string]expr.Type{}
	for _, t := range def.Tables {
		rows[t.Name] = expr.Type{}
	}
	scope = scope.WithTables(rows)
	eachExpr(reflect.ValueOf(def), func(e *Expr) {
		if program, _ := expr.Compile(e.Text, scope); program != nil {
			for _, name := range program.Reads() {
				read[name] = true
			}
		}
	})
	return read
}

// eachExpr visits all expressions within a piece of a definition.
func eachExpr(v reflect.Value, visit func(*Expr)) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return
		}
		if e, ok := v.Interface().(*Expr); ok {
			visit(e)
			return
		}
		eachExpr(v.Elem(), visit)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				eachExpr(v.Field(i), visit)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		for i := range v.Len() {
			eachExpr(v.Index(i), visit)
		}
	}
}
