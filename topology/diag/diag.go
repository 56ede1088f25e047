// Package diag holds what is told to the author of a file: where, what, and
// what to do. It knows nothing of the language.
package diag

import "fmt"

// Pos is a place in a file; Line and Column count from 1, Column in characters.
// The zero Pos is "no place".
type Pos struct {
	File   string
	Line   int
	Column int
}

// IsZero reports whether p is no place.
func (p Pos) IsZero() bool { return p.Line == 0 }

func (p Pos) String() string {
	if p.IsZero() {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Severity tells whether a diagnostic stops the definition.
type Severity int

const (
	Error   Severity = iota // the definition is not run
	Warning                 // the definition is run
)

// Diagnostic is one finding: `checkout.yaml:12:7: error[unknown-message]: …`.
type Diagnostic struct {
	Severity Severity
	Code     string // kebab-case, stable: "unknown-message"
	Pos      Pos
	Length   int // characters under the caret, at least 1
	Message  string
	Help     string // what to do, or ""
	Related  []Related
}

// Related is a second place that explains a diagnostic ("first declared here").
type Related struct {
	Pos     Pos
	Message string
}

// List is all findings of one file, in the order of their places.
type List []Diagnostic

// HasErrors reports whether any finding is an Error.
func (l List) HasErrors() bool {
	for _, d := range l {
		if d.Severity == Error {
			return true
		}
	}
	return false
}
