package script

import (
	"fmt"
	"io"
	"strings"

	"github.com/clipperhouse/displaywidth"

	"rondo/topology/diag"
)

// CodeScriptDiffers is the code of a script that differs from what the workflow
// does.
const CodeScriptDiffers = "script-differs"

// Failure is where a script differs from what the workflow does.
type Failure struct {
	Test       string
	Pos        diag.Pos
	Length     int // characters under the caret, at least 1
	Expected   string
	Actual     string
	Rows       []Row  // the expected fields beside the actual ones; none if it is not about fields
	Transcript string // what happened up to there
}

func (f *Failure) Error() string {
	out := &strings.Builder{}
	fmt.Fprintf(out, "%s: %s\n", f.Pos, f.Test)
	f.sides(out)
	f.rest(out)
	return out.String()
}

func (f *Failure) sides(out *strings.Builder) {
	fmt.Fprintf(out, "  expected: %s\n  actual:   %s\n\n", f.Expected, f.Actual)
}

// Diagnostic is the failure in one sentence, with its place.
func (f *Failure) Diagnostic() diag.Diagnostic {
	return diag.Diagnostic{Code: CodeScriptDiffers, Pos: f.Pos, Length: max(1, f.Length),
		Message: "expected " + clip(f.Expected, sentenceMax) + ", got " + clip(f.Actual, sentenceMax)}
}

// Detail writes what belongs below the Diagnostic: both sides if they were too
// long for it, the comparison of fields, and the transcript up to the difference.
func (f *Failure) Detail(w io.Writer) error {
	out := &strings.Builder{}
	if isLong(f.Expected) || isLong(f.Actual) {
		f.sides(out)
	}
	f.rest(out)
	_, err := io.WriteString(w, out.String())
	return err
}

func isLong(text string) bool { return clip(text, sentenceMax) != text }

func (f *Failure) rest(out *strings.Builder) {
	if len(f.Rows) > 0 {
		f.table(out)
		out.WriteString("\n")
	}
	out.WriteString("  what happened:\n")
	for line := range strings.Lines(f.Transcript) {
		out.WriteString("    " + line)
	}
}

const (
	cellMax     = 48  // of a comparison's column
	sentenceMax = 160 // of one side of a Diagnostic
)

// table writes the rows in three columns, and marks those that differ.
func (f *Failure) table(out *strings.Builder) {
	rows := append([]Row{{Path: "field", Expected: "expected", Actual: "actual"}}, f.Rows...)
	var widths [2]int
	for i := range rows {
		r := &rows[i]
		r.Expected, r.Actual = clip(r.Expected, cellMax), clip(r.Actual, cellMax)
		if r.Actual == "" {
			r.Actual = "(missing)"
		}
		widths[0] = max(widths[0], displaywidth.String(r.Path))
		widths[1] = max(widths[1], displaywidth.String(r.Expected))
	}
	for _, r := range rows {
		mark := " "
		if r.Differs {
			mark = "≠"
		}
		line := fmt.Sprintf("  %s %s  %s  %s", mark, pad(r.Path, widths[0]), pad(r.Expected, widths[1]), r.Actual)
		out.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-displaywidth.String(text)))
}

// clip cuts a text to so many characters.
func clip(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most-1]) + "…"
}
