package audit

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"rondo/topology"
	"rondo/topology/expr"
	"rondo/topology/value"
)

// Where is a condition over an instance, in the language's expressions:
//
//	key workflow version status steps started     what every instance has
//	vars                                          its variables, as a map
//	any other name                                the variable of that name; null if it was never set
//
// Of an instance that has ended, the variables are those of its `search`.
type Where struct {
	program *expr.Program
	failed  int
	first   error
}

// fixedNames are those that every instance has.
var fixedNames = []string{"key", "workflow", "version", "status", "steps", "started", "vars"}

// ParseWhere compiles a condition. variables are the names that instances may have.
func ParseWhere(text string, variables []string) (*Where, error) {
	scope := expr.NewScope(slices.Concat(variables, fixedNames)...)
	program, issues := expr.CompileCondition(text, scope)
	if len(issues) == 0 {
		return &Where{program: program}, nil
	}
	var all []string
	for _, issue := range issues {
		text := fmt.Sprintf("column %d: %s", issue.Offset+1, issue.Message)
		if issue.Help != "" {
			text += " (" + issue.Help + ")"
		}
		all = append(all, text)
	}
	return nil, fmt.Errorf("%s", strings.Join(all, "; "))
}

// Holds reports whether the condition is true. One that fails is not: Failures
// counts them.
func (w *Where) Holds(i *topology.Instance) bool {
	v, err := w.program.Eval(names{i})
	holds, isBool := v.(bool)
	if err == nil && !isBool {
		err = fmt.Errorf("it gives %s, and not true or false", value.KindOf(v))
	}
	if err != nil {
		w.failed++
		if w.first == nil {
			w.first = fmt.Errorf("%s: %w", i.Address(), err)
		}
		return false
	}
	return holds
}

// Failures returns over how many instances the condition failed, and the first error.
func (w *Where) Failures() (int, error) { return w.failed, w.first }

// names binds the names of a condition to an instance.
type names struct{ i *topology.Instance }

func (n names) Lookup(name string) (value.Value, bool) {
	switch name {
	case "key":
		return n.i.Key, true
	case "workflow":
		return n.i.Workflow, true
	case "version":
		return int64(n.i.Version), true
	case "status":
		return string(n.i.Status), true
	case "started":
		return n.i.Started.Time(), true
	case "steps":
		steps := []any{}
		for _, place := range n.i.Places() {
			steps = append(steps, place)
		}
		return steps, true
	case "vars":
		return Variables(n.i), true
	}
	v, _ := Variables(n.i).Lookup(name)
	return v, true
}

// Variables are what is known of an instance's variables: all of a living one,
// those of `search` of one that has ended.
func Variables(i *topology.Instance) *value.Map {
	if i.Vars.Len() > 0 {
		return i.Vars
	}
	return value.MapOf(maps.Collect(i.Search.All()))
}
