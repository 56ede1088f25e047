package topology

import (
	"strings"
	"unicode"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"

	"rondo/topology/diag"
)

// span is a piece of one line of the file, in characters.
type span struct {
	pos    diag.Pos
	length int
}

// spanOf is the span of a name that stands at pos.
func spanOf(pos diag.Pos, name string) span {
	return span{pos, max(utf8.RuneCountInString(name), 1)}
}

// page is the text of the file by lines, for finding where tokens end: the YAML
// library tells where they begin.
type page struct {
	file  string
	lines [][]rune
}

func newPage(file string, src []byte) *page {
	p := &page{file: file}
	if len(src) > sourceMaxBytes {
		return p
	}
	for _, l := range diag.Lines(src) {
		p.lines = append(p.lines, []rune(l))
	}
	return p
}

func (p *page) at(line, column int) diag.Pos {
	return diag.Pos{File: p.file, Line: line, Column: column}
}

// file0 is the file as a whole.
func (p *page) file0() span { return span{pos: diag.Pos{File: p.file}} }

// rest is what stands in a line from a column on; nil beyond its end.
func (p *page) rest(line, column int) []rune {
	if line < 1 || line > len(p.lines) || column < 1 || column > len(p.lines[line-1]) {
		return nil
	}
	return p.lines[line-1][column-1:]
}

// first is the place of the first character that is meant, if there is one.
func (p *page) first(src []byte, meant func(c rune) bool) (span, bool) {
	for at := 0; at < len(src); {
		c, size := utf8.DecodeRune(src[at:])
		if meant(c) {
			lines := diag.Lines(append(src[:at:at], 'x'))
			return span{p.at(len(lines), utf8.RuneCountInString(lines[len(lines)-1])), 1}, true
		}
		at += size
	}
	return span{}, false
}

// isUnprintable is a character that YAML forbids.
func isUnprintable(c rune) bool {
	return c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0xFFFE || c == 0xFFFF
}

// dashes is the `---` at or before a line where a document begins.
func (p *page) dashes(line int) span {
	for l := min(line, len(p.lines)); l > 0 && l > line-2; l-- {
		if strings.HasPrefix(string(p.lines[l-1]), "---") {
			return span{p.at(l, 1), 3}
		}
	}
	return span{p.at(max(line, 1), 1), 1}
}

// token is the span of a node: of a scalar what is written on its first line,
// of a mapping or list its first character.
func (p *page) token(n *yaml.Node) span {
	at := span{p.at(n.Line, n.Column), 1}
	text := p.rest(n.Line, n.Column)
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "" || isTagged(n):
		at.length = wordLength(text)
	case n.Kind != yaml.ScalarNode:
	case n.Style&yaml.DoubleQuotedStyle != 0:
		return p.quoted(n, text, '"')
	case n.Style&yaml.SingleQuotedStyle != 0:
		return p.quoted(n, text, '\'')
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		at.length = wordLength(text)
	default:
		at.length = plainLength(text, []rune(n.Value))
	}
	at.length = max(at.length, 1)
	return at
}

// quoted is the span of a quoted text without its quotes, if it is written as
// it is read, else with them.
func (p *page) quoted(n *yaml.Node, text []rune, quote rune) span {
	length, value := quotedLength(text, quote), []rune(n.Value)
	if len(value) > 0 && length == len(value)+2 && plainLength(text[1:], value) == len(value) {
		return span{p.at(n.Line, n.Column+1), len(value)}
	}
	return span{p.at(n.Line, n.Column), max(length, 1)}
}

// wordLength is the number of characters up to the next blank. It looks no
// further than a name may be long.
func wordLength(text []rune) int {
	text = text[:min(len(text), nameMaxLength)]
	for i, c := range text {
		if unicode.IsSpace(c) {
			return i
		}
	}
	return len(text)
}

// quotedLength is the length of a quoted text with its quotes, as far as it is
// on this line.
func quotedLength(text []rune, quote rune) int {
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote == '"':
			i++
		case text[i] == quote && quote == '\'' && i+1 < len(text) && text[i+1] == quote:
			i++
		case text[i] == quote:
			return i + 1
		}
	}
	return len(text)
}

// plainLength is how far text and value are the same.
func plainLength(text, value []rune) int {
	n := 0
	for n < len(text) && n < len(value) && text[n] == value[n] {
		n++
	}
	return n
}

// expr makes the expression that a scalar holds from the character at skip on
// (behind the `=`), with the places of its characters.
func (p *page) expr(n *yaml.Node, skip int) *Expr {
	text := []rune(n.Value)
	for skip < len(text) && unicode.IsSpace(text[skip]) {
		skip++
	}
	end := len(text)
	for end > skip && unicode.IsSpace(text[end-1]) {
		end--
	}
	turns := p.places(n)
	e := &Expr{Text: string(text[skip:end])}
	whole := &Expr{Pos: p.at(turns[0].Line, turns[0].Column), turns: turns[1:]}
	e.Pos = whole.At(skip)
	for _, t := range turns {
		if t.Offset > skip && t.Offset < end {
			e.turns = append(e.turns, turn{t.Offset - skip, t.Line, t.Column})
		}
	}
	return e
}

// places aligns the value of a scalar with the text of the file. The two differ
// in blanks (folding, indentation) and escapes only, so it pairs the other
// characters one by one. The first turn is at offset 0.
func (p *page) places(n *yaml.Node) []turn {
	r := p.reader(n)
	turns := []turn{{0, r.line, r.column}}
	last := turns[0]
	for i, c := range []rune(n.Value) {
		if unicode.IsSpace(c) {
			r.blank()
			continue
		}
		at, ok := r.next()
		if !ok {
			break
		}
		if at.Line != last.Line || at.Column-last.Column != i-last.Offset {
			last = turn{i, at.Line, at.Column}
			if i == 0 {
				turns[0] = last
			} else {
				turns = append(turns, last)
			}
		}
	}
	return turns
}

// scalarReader goes over the characters of a scalar in the file, leaving out
// blanks and taking an escape as one.
type scalarReader struct {
	page         *page
	line, column int
	quote        rune // ' or " or 0
}

// reader stands at the first character of the scalar's content.
func (p *page) reader(n *yaml.Node) *scalarReader {
	r := &scalarReader{page: p, line: n.Line, column: n.Column}
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		r.quote, r.column = '"', r.column+1
	case n.Style&yaml.SingleQuotedStyle != 0:
		r.quote, r.column = '\'', r.column+1
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		r.line, r.column = r.line+1, 1
		r.skipBlanks()
	}
	return r
}

func (r *scalarReader) skipBlanks() {
	for r.line <= len(r.page.lines) {
		text := r.page.rest(r.line, r.column)
		switch {
		case len(text) == 0 || (r.quote == '"' && len(text) == 1 && text[0] == '\\'):
			r.line, r.column = r.line+1, 1
		case unicode.IsSpace(text[0]):
			r.column++
		default:
			return
		}
	}
}

// blank passes one blank of the value, where the file has one at this place, be
// it as an escape.
func (r *scalarReader) blank() {
	text := r.page.rest(r.line, r.column)
	switch {
	case len(text) > 0 && unicode.IsSpace(text[0]):
		r.column++
	case len(text) > 1 && text[0] == '\\' && r.quote == '"':
		r.column += r.unit(text)
	}
}

// next gives the place of the next character that is no blank.
func (r *scalarReader) next() (turn, bool) {
	r.skipBlanks()
	text := r.page.rest(r.line, r.column)
	if len(text) == 0 {
		return turn{}, false
	}
	at := turn{Line: r.line, Column: r.column}
	r.column += r.unit(text)
	return at, true
}

// unit is the number of characters in the file that make one of the value.
func (r *scalarReader) unit(text []rune) int {
	switch {
	case r.quote == '\'' && len(text) > 1 && text[0] == '\'' && text[1] == '\'':
		return 2
	case r.quote == '"' && len(text) > 1 && text[0] == '\\':
		return 2 + map[rune]int{'x': 2, 'u': 4, 'U': 8}[text[1]]
	}
	return 1
}
