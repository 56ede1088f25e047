package layout

import (
	"strings"
	"unicode"

	yaml "go.yaml.in/yaml/v4"

	"rondo/topology/diag"
)

// position is a place in the file, from 1.
type position struct{ line, column int }

func (p position) before(q position) bool {
	return p.line < q.line || p.line == q.line && p.column < q.column
}

// found is a comment as it stands in the file.
type found struct {
	comment
	position
	own  bool   // nothing else stands on its line
	dash bool   // only the `-` of an item stands before it
	flow *frame // the innermost `{` or `[` around it
}

// scanner goes over the text between the nodes, where all comments are: it is
// told the nodes in the order of the file, and steps over what they hold.
type scanner struct {
	lines    [][]rune
	at       position
	frames   []*frame
	comments []*found
}

func newScanner(src []byte) *scanner {
	s := &scanner{at: position{1, 1}}
	for _, l := range diag.Lines(src) {
		s.lines = append(s.lines, []rune(l))
	}
	return s
}

// rest is what stands in the line behind the place.
func (s *scanner) rest() []rune {
	if s.at.line > len(s.lines) || s.at.column > len(s.lines[s.at.line-1]) {
		return nil
	}
	return s.lines[s.at.line-1][s.at.column-1:]
}

// to goes to a place and takes the comments on the way.
func (s *scanner) to(target position) {
	for s.at.before(target) && s.at.line <= len(s.lines) {
		rest := s.rest()
		switch {
		case len(rest) == 0:
			s.at = position{s.at.line + 1, 1}
		case rest[0] == '#':
			s.take(rest)
		default:
			s.at.column++
		}
	}
}

// take takes the comment that begins here.
func (s *scanner) take(rest []rune) {
	before := strings.TrimSpace(string(s.lines[s.at.line-1][:s.at.column-1]))
	c := &found{position: s.at, own: before == "", dash: before != "" && strings.Trim(before, "- ") == ""}
	c.text = strings.TrimRightFunc(string(rest), unicode.IsSpace)
	c.blank = s.isBlank(s.at.line-1) && c.own
	if len(s.frames) > 0 {
		c.flow = s.frames[len(s.frames)-1]
	}
	s.comments = append(s.comments, c)
	s.at = position{s.at.line + 1, 1}
}

func (s *scanner) isBlank(line int) bool {
	return line >= 1 && line <= len(s.lines) && strings.TrimSpace(string(s.lines[line-1])) == ""
}

func (s *scanner) finish() { s.to(position{len(s.lines) + 1, 1}) }

func (s *scanner) open(f *frame) {
	s.to(position{f.line, f.column})
	s.at.column++
	s.frames = append(s.frames, f)
}

// close goes to the bracket that closes a flow collection.
func (s *scanner) close(f *frame) {
	for s.at.line <= len(s.lines) {
		rest := s.rest()
		if len(rest) > 0 && (rest[0] == '}' || rest[0] == ']') {
			break
		}
		s.step()
	}
	f.end = s.at
	s.at.column++
	s.frames = s.frames[:len(s.frames)-1]
}

// toDash goes to the `-` of the next item of a list whose items begin at a column. It
// may stand lines above the item's value.
func (s *scanner) toDash(column int) {
	for s.at.line <= len(s.lines) {
		if rest := s.rest(); s.at.column == column && len(rest) > 0 && rest[0] == '-' {
			return
		}
		s.step()
	}
}

// step passes one character that belongs to no node, or a comment, or the end of a line.
func (s *scanner) step() {
	if len(s.rest()) == 0 {
		s.at = position{s.at.line + 1, 1}
		return
	}
	s.to(position{s.at.line, s.at.column + 1})
}

// skip goes behind a scalar.
func (s *scanner) skip(n *yaml.Node) {
	s.to(position{n.Line, n.Column})
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		s.skipQuoted('"')
	case n.Style&yaml.SingleQuotedStyle != 0:
		s.skipQuoted('\'')
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		s.skipBlock(n.Value)
	default:
		s.skipPlain(n.Value)
	}
}

func (s *scanner) skipQuoted(quote rune) {
	s.at.column++
	for s.at.line <= len(s.lines) {
		rest := s.rest()
		switch {
		case len(rest) == 0:
			s.at = position{s.at.line + 1, 1}
		case quote == '"' && rest[0] == '\\', quote == '\'' && len(rest) > 1 && rest[0] == '\'' && rest[1] == '\'':
			s.at.column += 2
		case rest[0] == quote:
			s.at.column++
			return
		default:
			s.at.column++
		}
	}
}

// skipPlain passes as many characters as the value has, blanks left out: in
// them alone the text of the file may differ.
func (s *scanner) skipPlain(value string) {
	for _, c := range value {
		if unicode.IsSpace(c) {
			continue
		}
		for s.at.line <= len(s.lines) {
			rest := s.rest()
			if len(rest) == 0 {
				s.at = position{s.at.line + 1, 1}
				continue
			}
			s.at.column++
			if !unicode.IsSpace(rest[0]) {
				break
			}
		}
	}
}

// skipBlock passes a `|` or `>` block: its header, whose comment is taken, and
// its lines.
func (s *scanner) skipBlock(value string) {
	s.to(position{s.at.line + 1, 1})
	s.skipPlain(value)
}

// place gives each comment to the entry that it is about, and notes where empty
// lines stand.
func (r *reader) place() {
	for _, at := range r.order {
		above := at.line - 1
		if above > 0 && strings.HasPrefix(string(r.scan.lines[above-1]), "---") {
			above-- // the mark of a document is not written
		}
		at.entry.blank = r.scan.isBlank(above) && !at.in.inFlow() && !r.isFirstOnLine(at)
	}
	for _, c := range r.scan.comments {
		switch {
		case c.dash:
			r.placeOnItem(c)
		case c.own && c.flow != nil:
			r.placeInFlow(c)
		case c.own:
			r.placeOwn(c)
		default:
			r.placeBehind(c)
		}
	}
}

// isFirstOnLine reports whether an entry begins the mapping of an item: the
// empty line stands before the item.
func (r *reader) isFirstOnLine(at *place) bool {
	return at.in.owner != nil && at.in.owner.in.node.kind == list && at.in.owner.line == at.line
}

func (f *frame) inFlow() bool {
	for ; f != nil; f = f.parent() {
		if f.flow {
			return true
		}
	}
	return false
}

func (f *frame) parent() *frame {
	if f.owner == nil {
		return nil
	}
	return f.owner.in
}

// next is the first entry behind a place, and prev the last before it.
func (r *reader) next(p position) *place {
	for _, at := range r.order {
		if p.before(at.position) {
			return at
		}
	}
	return nil
}

func (r *reader) prev(p position) *place {
	var last *place
	for _, at := range r.order {
		if p.before(at.position) {
			break
		}
		last = at
	}
	return last
}

// placeOnItem puts the comment behind the `-` of an item before the item.
func (r *reader) placeOnItem(c *found) {
	item := r.prev(c.position).entry
	c.blank, item.blank = item.blank, false
	item.head = append(item.head, c.comment)
}

// placeInFlow puts a comment on a line inside of brackets before the next entry
// in these, or behind the last.
func (r *reader) placeInFlow(c *found) {
	next := r.next(c.position)
	if next != nil && next.before(c.flow.end) {
		next.entry.head = append(next.entry.head, c.comment)
		return
	}
	c.flow.node.foot = append(c.flow.node.foot, c.comment)
}

// placeOwn puts a comment on a line of its own before the next entry, or, when it
// is indented further than that and something ends here, behind the last entry of that.
func (r *reader) placeOwn(c *found) {
	next, prev := r.next(c.position), r.prev(c.position)
	if next != nil && (c.column <= next.column || prev == nil || next.in.owner == prev) {
		next.entry.head = append(next.entry.head, c.comment)
		return
	}
	var in *frame
	for f := prev.in; f != nil; f = f.parent() {
		if f.inFlow() || next != nil && f.column <= next.column && in != nil {
			continue
		}
		if in = f; f.column <= c.column {
			break
		}
	}
	in.node.foot = append(in.node.foot, c.comment)
}

// placeBehind puts a comment behind the entry that begins on its line.
func (r *reader) placeBehind(c *found) {
	at := r.onLine(c)
	switch {
	case at == nil:
		r.placeOwn(c)
	case at.entry.tail == "":
		at.entry.tail = c.text
	default:
		at.entry.head = append(at.entry.head, c.comment)
	}
}

// onLine is the entry to which a comment behind something belongs: inside of
// brackets the last that begins on the line; else the last outside of brackets.
func (r *reader) onLine(c *found) *place {
	var last *place
	for _, at := range r.order {
		if c.before(at.position) {
			break
		}
		if c.flow != nil || !at.in.inFlow() {
			last = at
		}
	}
	return last
}
