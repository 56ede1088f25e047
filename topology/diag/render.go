package diag

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
)

// Source gives the text of a file for excerpts; nil when it is not known.
type Source func(file string) []byte

// SourceOf is the Source of one file.
func SourceOf(file string, text []byte) Source {
	return func(name string) []byte {
		if name == file {
			return text
		}
		return nil
	}
}

// Render writes the list for a person:
//
//	error[unknown-message]: no message is called `StockReservd`
//	  --> checkout.yaml:31:9
//	   |
//	31 |         StockReservd: {set: {reservation: =event.reservation_id}}
//	   |         ^^^^^^^^^^^^
//	   |
//	   = help: did you mean `StockReserved`?
//
// and the summary at the end. An empty list writes nothing. What could disturb a
// terminal (control characters, marks that turn the direction of writing) is
// replaced; long lines are cut around the caret. It returns the first error of w.
func Render(w io.Writer, list List, source Source, color bool) error {
	if len(list) == 0 {
		return nil
	}
	out := &renderer{w: bufio.NewWriter(w), paint: painter(color), source: newPages(source)}
	for _, d := range list {
		out.finding(d)
	}
	out.line(out.paint(bold, list.Summary()))
	return out.w.Flush()
}

// RenderOne writes one finding as Render does, without a summary.
func RenderOne(w io.Writer, d Diagnostic, source Source, color bool) error {
	out := &renderer{w: bufio.NewWriter(w), paint: painter(color), source: newPages(source)}
	out.finding(d)
	return out.w.Flush()
}

const (
	// excerptWidth is the widest excerpt, in terminal cells.
	excerptWidth = 110
	// excerptRunes bounds an excerpt of characters that have no width.
	excerptRunes = 1000
)

// An ink is an ANSI select-graphic-rendition parameter.
type ink string

const (
	bold       ink = "1"
	boldRed    ink = "1;31"
	boldYellow ink = "1;33"
	boldBlue   ink = "1;34"
	boldCyan   ink = "1;36"
)

func painter(color bool) func(ink, string) string {
	return func(i ink, s string) string {
		if !color || s == "" {
			return s
		}
		return "\x1b[" + string(i) + "m" + s + "\x1b[0m"
	}
}

func inkOf(s Severity) ink {
	if s == Warning {
		return boldYellow
	}
	return boldRed
}

type renderer struct {
	w      *bufio.Writer
	paint  func(ink, string) string
	source *pages
}

// line writes one line. The buffered writer keeps the first error for Flush.
func (r *renderer) line(parts ...string) {
	text := strings.TrimRight(strings.Join(parts, ""), " ")
	r.w.WriteString(text)
	r.w.WriteByte('\n')
}

func (r *renderer) finding(d Diagnostic) {
	gutter := r.gutter(d)
	label := fmt.Sprintf("%s[%s]", d.Severity, d.Code)
	r.line(r.paint(inkOf(d.Severity), label), r.paint(bold, ": "+visible(d.Message)))
	if d.Pos != (Pos{}) {
		r.place(gutter, "-->", d.Pos)
	}
	here, elsewhere := marksOf(d)
	shown := r.excerpt(gutter, d.Pos.File, here)
	for _, m := range elsewhere {
		r.place(gutter, ":::", m.pos)
		shown = r.excerpt(gutter, m.pos.File, []mark{m}) || shown
	}
	if shown && d.Help != "" {
		r.line(r.bar(gutter, ""))
	}
	r.help(gutter, d.Help)
	r.line()
}

func (r *renderer) place(gutter int, arrow string, p Pos) {
	r.line(strings.Repeat(" ", gutter), r.paint(boldBlue, arrow), " ", visible(p.String()))
}

// gutter is the width of the widest line number that d shows.
func (r *renderer) gutter(d Diagnostic) int {
	last := d.Pos.Line
	for _, rel := range d.Related {
		last = max(last, rel.Pos.Line)
	}
	return len(strconv.Itoa(last))
}

func (r *renderer) bar(gutter int, number string) string {
	return r.paint(boldBlue, fmt.Sprintf("%*s |", gutter, number)) + " "
}

// excerpt shows the marked lines of one file with the marks beneath, as far as
// the file is known, and reports whether there were any.
func (r *renderer) excerpt(gutter int, file string, marks []mark) bool {
	shown := slices.DeleteFunc(slices.Clone(marks), func(m mark) bool { return !r.source.has(file, m.pos.Line) })
	if len(shown) == 0 {
		return false
	}
	r.line(r.bar(gutter, ""))
	last := 0
	for len(shown) > 0 {
		number := shown[0].pos.Line
		if last != 0 && number > last+1 {
			r.line(r.paint(boldBlue, "..."))
		}
		n := 1
		for n < len(shown) && shown[n].pos.Line == number {
			n++
		}
		r.marked(gutter, newStrip(r.source.line(file, number), shown[:n]), shown[:n])
		shown, last = shown[n:], number
	}
	return true
}

func (r *renderer) marked(gutter int, s strip, marks []mark) {
	r.line(r.bar(gutter, strconv.Itoa(marks[0].pos.Line)), s.text())
	for _, m := range marks {
		before, under := s.measure(m)
		sign, color := "-", boldBlue
		if m.primary {
			sign, color = "^", inkOf(m.severity)
		}
		line := strings.Repeat(sign, under)
		if m.label != "" {
			line += " " + visible(m.label)
		}
		r.line(r.bar(gutter, ""), strings.Repeat(" ", before), r.paint(color, line))
	}
}

func (r *renderer) help(gutter int, help string) {
	if help == "" {
		return
	}
	indent := strings.Repeat(" ", gutter+1)
	for i, l := range strings.Split(help, "\n") {
		if i == 0 {
			r.line(indent, r.paint(boldBlue, "="), " ", r.paint(boldCyan, "help"), ": ", visible(l))
			continue
		}
		r.line(indent, "        ", visible(l))
	}
}

// mark is one underlined span of an excerpt.
type mark struct {
	pos      Pos
	length   int
	label    string
	primary  bool
	severity Severity
}

// marksOf splits the places of d into those of its own file, in the order of
// lines with the primary one first on its line, and those of other files.
func marksOf(d Diagnostic) (here, elsewhere []mark) {
	here = []mark{{pos: d.Pos, length: d.Length, primary: true, severity: d.Severity}}
	for _, rel := range d.Related {
		m := mark{pos: rel.Pos, length: rel.Length, label: rel.Message}
		if rel.Pos.File == d.Pos.File {
			here = append(here, m)
		} else {
			elsewhere = append(elsewhere, m)
		}
	}
	slices.SortStableFunc(here, func(a, b mark) int { return a.pos.Line - b.pos.Line })
	return here, elsewhere
}

// strip is the part of a source line that is shown, rune by rune as it is
// displayed.
type strip struct {
	cells       []string
	from        int // the place of the first cell in the line, in runes
	left, right string
}

// newStrip shows a line from its beginning, if it fits, or else a window around
// the first mark. It looks at no more of the line than that: a line may be long.
func newStrip(line []rune, marks []mark) strip {
	s := strip{}
	if s.fill(line); len(s.cells) == len(line) {
		return s
	}
	s.from = back(line, clamp(marks[0].pos.Column-1, 0, len(line)), excerptWidth/3)
	s.fill(line)
	if s.from > 0 {
		s.left = "…"
	}
	if s.from+len(s.cells) < len(line) {
		s.right = "…"
	}
	return s
}

// fill takes the cells from s.from on that fit into an excerpt.
func (s *strip) fill(line []rune) {
	s.cells = nil
	width := 0
	for _, c := range line[s.from:] {
		shown := cell(c)
		if width += displaywidth.String(shown); width > excerptWidth || len(s.cells) >= excerptRunes {
			return
		}
		s.cells = append(s.cells, shown)
	}
}

// back is the first rune of those that fill width cells before i.
func back(line []rune, i, width int) int {
	last := max(i-excerptRunes, 0)
	for w := 0; i > last && w < width; i-- {
		w += displaywidth.String(cell(line[i-1]))
	}
	return i
}

func (s strip) text() string { return s.left + strings.Join(s.cells, "") + s.right }

// measure gives the cells before a mark and beneath it; at least one beneath.
func (s strip) measure(m mark) (before, under int) {
	start := clamp(m.pos.Column-1-s.from, 0, len(s.cells))
	end := clamp(m.pos.Column-1-s.from+max(m.length, 1), start, len(s.cells))
	return displaywidth.String(s.left) + width(s.cells[:start]), max(width(s.cells[start:end]), 1)
}

func width(cells []string) int {
	w := 0
	for _, c := range cells {
		w += displaywidth.String(c)
	}
	return w
}

func clamp(n, low, high int) int { return max(low, min(n, high)) }

// cell is how one character of a source line is displayed.
func cell(c rune) string {
	if c == '\t' {
		return "    "
	}
	if disturbing(c) {
		return string(utf8.RuneError)
	}
	return string(c)
}

// disturbing characters move the cursor, ring, colour, or change the order of
// what stands beside them.
func disturbing(c rune) bool {
	return unicode.IsControl(c) || unicode.In(c, unicode.Cf, unicode.Zl, unicode.Zp)
}

func visible(s string) string {
	return strings.Map(func(c rune) rune {
		if disturbing(c) {
			return utf8.RuneError
		}
		return c
	}, s)
}

// pages keeps the lines of files, split once.
type pages struct {
	source Source
	files  map[string][][]rune
}

func newPages(source Source) *pages { return &pages{source, map[string][][]rune{}} }

func (p *pages) lines(file string) [][]rune {
	lines, ok := p.files[file]
	if !ok && p.source != nil {
		text := p.source(file)
		if isBinary(text) {
			text = nil
		}
		for _, l := range Lines(text) {
			lines = append(lines, []rune(l))
		}
		p.files[file] = lines
	}
	return lines
}

func (p *pages) has(file string, line int) bool { return line >= 1 && line <= len(p.lines(file)) }

func (p *pages) line(file string, line int) []rune { return p.lines(file)[line-1] }

// Lines splits a text where YAML does: at LF, CR, CR LF, NEL, LS and PS. A byte
// order mark at the beginning belongs to no line.
func Lines(text []byte) []string {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	var lines []string
	for len(text) > 0 {
		end := bytes.IndexFunc(text, func(c rune) bool {
			return c == '\n' || c == '\r' || c == '\u0085' || c == '\u2028' || c == '\u2029'
		})
		if end < 0 {
			return append(lines, string(text))
		}
		lines = append(lines, string(text[:end]))
		_, size := utf8.DecodeRune(text[end:])
		if bytes.HasPrefix(text[end:], []byte("\r\n")) {
			size = 2
		}
		text = text[end+size:]
	}
	return lines
}
