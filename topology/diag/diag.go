// Package diag holds what is told to the author of a file: where, what, and
// what to do.
//
// A Diagnostic is one finding. A List holds those of one run; Render prints it
// in the manner of the Rust compiler, with an excerpt of the source and a caret
// under the smallest span that is wrong; its JSON form says the same to
// programs. Suggest finds the name that somebody probably meant. Explain has a
// short essay for each code, written in explain/CODE.md.
//
// The package knows nothing of the workflow language: only the essays do.
package diag

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Pos is a place in a file; Line and Column count from 1, Column in characters.
// The zero Pos is "no place".
type Pos struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// IsZero reports whether p is no place.
func (p Pos) IsZero() bool { return p.Line == 0 }

// String is file:line:column, or the file alone where there is no place.
func (p Pos) String() string {
	if p.IsZero() {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Compare orders places by file, line and column; a file as a whole stands behind
// the places in it.
func (p Pos) Compare(q Pos) int {
	return cmp.Or(
		strings.Compare(p.File, q.File),
		cmp.Compare(wholeFile(p), wholeFile(q)),
		cmp.Compare(p.Line, q.Line),
		cmp.Compare(p.Column, q.Column),
	)
}

func wholeFile(p Pos) int {
	if p.IsZero() {
		return 1
	}
	return 0
}

// Severity tells whether a diagnostic stops the definition.
type Severity int

const (
	Error   Severity = iota // the definition is not run
	Warning                 // the definition is run
)

func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// MarshalText makes a Severity its name in JSON.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (s *Severity) UnmarshalText(text []byte) error {
	switch string(text) {
	case "error":
		*s = Error
	case "warning":
		*s = Warning
	default:
		return fmt.Errorf("read severity %q: must be error or warning", text)
	}
	return nil
}

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
	Length  int // characters under the line, at least 1; 0 is 1
	Message string
}

// String is the diagnostic on one line, without help and related places.
func (d Diagnostic) String() string {
	text := fmt.Sprintf("%s[%s]: %s", d.Severity, d.Code, d.Message)
	if d.Pos == (Pos{}) {
		return text
	}
	return d.Pos.String() + ": " + text
}

// wire is a Diagnostic as JSON has it, with the place beside the message.
type wire struct {
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`
	Pos
	Length  int           `json:"length,omitempty"`
	Message string        `json:"message"`
	Help    string        `json:"help,omitempty"`
	Related []wireRelated `json:"related,omitempty"`
}

type wireRelated struct {
	Pos
	Length  int    `json:"length,omitempty"`
	Message string `json:"message"`
}

// MarshalJSON gives {severity, code, file, line, column, length, message, help,
// related: [{file, line, column, length, message}]}; what is empty is left out.
func (d Diagnostic) MarshalJSON() ([]byte, error) {
	out := wire{d.Severity, d.Code, d.Pos, d.Length, d.Message, d.Help, nil}
	for _, r := range d.Related {
		out.Related = append(out.Related, wireRelated{r.Pos, r.Length, r.Message})
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (d *Diagnostic) UnmarshalJSON(text []byte) error {
	var in wire
	if err := json.Unmarshal(text, &in); err != nil {
		return fmt.Errorf("read diagnostic: %w", err)
	}
	*d = Diagnostic{in.Severity, in.Code, in.Pos, in.Length, in.Message, in.Help, nil}
	for _, r := range in.Related {
		d.Related = append(d.Related, Related{r.Pos, r.Length, r.Message})
	}
	return nil
}

// List is the findings of one run, in the order of their places.
type List []Diagnostic

// HasErrors reports whether any finding is an Error.
func (l List) HasErrors() bool {
	return slices.ContainsFunc(l, func(d Diagnostic) bool { return d.Severity == Error })
}

// Sorted is l in the order of places, and at one place errors before warnings,
// without findings that say the same of the same place.
func (l List) Sorted() List {
	out := slices.Clone(l)
	slices.SortStableFunc(out, Diagnostic.compare)
	return slices.CompactFunc(out, func(a, b Diagnostic) bool { return a.compare(b) == 0 })
}

func (d Diagnostic) compare(e Diagnostic) int {
	return cmp.Or(
		d.Pos.Compare(e.Pos),
		cmp.Compare(d.Severity, e.Severity),
		strings.Compare(d.Code, e.Code),
		strings.Compare(d.Message, e.Message),
	)
}

// Summary counts the findings: "2 errors, 1 warning", or "no findings".
func (l List) Summary() string {
	var parts []string
	for _, s := range []Severity{Error, Warning} {
		if n := l.count(s); n > 0 {
			parts = append(parts, Count(n, s.String()))
		}
	}
	if len(parts) == 0 {
		return "no findings"
	}
	return strings.Join(parts, ", ")
}

func (l List) count(s Severity) int {
	n := 0
	for _, d := range l {
		if d.Severity == s {
			n++
		}
	}
	return n
}

// Count says how many there are of something whose plural is regular: "1 error",
// "2 errors".
func Count(n int, noun string) string { return CountOf(n, noun, noun+"s") }

// CountOf is Count where the plural is not regular: "1 copy", "2 copies".
func CountOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
