package expr

import "fmt"

// Codes of errors.
const (
	CodeExpression = "expression" // what is computed does not work with these values
	CodeCost       = "limit.cost" // Limits.Cost or Limits.TextBytes is passed
	CodeSize       = "limit.size" // the result is nested too deeply or is too large
)

// Limits are what one evaluation may take.
type Limits struct {
	Cost      int // nodes, turns of loops, and what functions go through
	TextBytes int // of a text or of bytes that are built
}

// DefaultLimits are those of a Program that Within has not given others.
func DefaultLimits() Limits { return Limits{Cost: 100_000, TextBytes: 256 << 10} }

// resultMax is how many values may be within a result.
const resultMax = 1 << 20

// Error is why an evaluation failed. Only its Code may enter what is compared
// between machines and versions: texts become better over time.
type Error struct {
	Code   string
	Text   string // for a person; names fields and variables, never their values
	Offset int    // characters before the place in the expression's text
	Length int    // characters, at least 1

	// hint completes the text, or is nil. It is asked once, of the error that
	// comes out: one that `||` passes over in each turn of a loop need not know
	// what may have been meant.
	hint func() string
}

func (e *Error) Error() string { return e.Text }

// absorbable reports whether `&&` and `||` may pass over the error.
func (e *Error) absorbable() bool { return e.Code == CodeExpression }

// finished completes the text.
func (e *Error) finished() *Error {
	if e.hint == nil {
		return e
	}
	done := *e
	done.Text, done.hint = e.Text+e.hint(), nil
	return &done
}

// span is a place in the expression's text, in characters.
type span struct{ offset, length int32 }

func (s span) to(other span) span {
	start := min(s.offset, other.offset)
	return span{start, max(s.offset+s.length, other.offset+other.length) - start}
}

func (s span) fail(format string, args ...any) *Error {
	return &Error{Code: CodeExpression, Text: fmt.Sprintf(format, args...), Offset: int(s.offset), Length: max(1, int(s.length))}
}

func (s span) limit(code, format string, args ...any) *Error {
	err := s.fail(format, args...)
	err.Code = code
	return err
}
