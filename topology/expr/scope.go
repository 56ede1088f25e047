package expr

import (
	"maps"
	"slices"

	"cel.dev/cel-go/common/ast"

	"rondo/topology/value"
)

// Scope is the variables that an expression may use, with what is known of each.
type Scope map[string]Type

// NewScope returns a Scope of variables of which nothing is known but their
// names.
func NewScope(names ...string) Scope {
	s := make(Scope, len(names))
	for _, name := range names {
		s[name] = Type{}
	}
	return s
}

// names is in alphabetical order, so that suggestions are the same each time.
func (s Scope) names() []string {
	names := slices.Sorted(maps.Keys(s))
	return slices.DeleteFunc(names, func(name string) bool { return name == tablesEntry })
}

// Reserved are the names that the language gives a meaning; no variable of a
// workflow may have one. Which of them are in a Scope depends on the place.
var Reserved = []string{"key", "event", "headers", "record", "now", "instance", "command", "error", "index", "undoes"}

// CanName reports whether a variable may have this name, as far as CEL is
// concerned: `if`, `loop`, `package` and their like are words of CEL.
func CanName(name string) bool {
	tree, issues := parse(name)
	return len(issues) == 0 && tree.Expr().Kind() == ast.IdentKind && tree.Expr().AsIdent() == name
}

// reservedHelp tells where a reserved name can be used.
var reservedHelp = map[string]string{
	"event":   "`event` is the event that a reaction has taken: it exists in reactions and in the steps of their `do`",
	"error":   "`error` exists in `catch` and in compensations",
	"command": "`command` exists in a call's `with`, `headers` and `await`",
	"index":   "`index` exists within `for`",
	"undoes":  "`undoes` exists in `compensate`",
	"headers": "`headers` are those of the event that a reaction has taken",
	"record":  "`record` is the Kafka record of the event that a reaction has taken",
}

// Bindings gives variables their values.
type Bindings interface {
	// Lookup returns the value of a variable. One that is not set is null: nil,
	// true. False means that the name means nothing here, which Compile should
	// have found.
	Lookup(name string) (value.Value, bool)
}
