package layout

import (
	"strings"
	"unicode/utf8"
)

const (
	// widthMax is how long a line may be before it is broken, where it can be.
	widthMax = 120
	// commentColumn is where comments behind lines begin, from 0, if the lines are
	// shorter.
	commentColumn = 44
	// foldWidth is the width of the lines of a folded text, from the margin.
	foldWidth   = 100
	indentation = 2
)

// Print writes a mapping as a file.
func Print(root *Node) []byte {
	p := &printer{}
	if len(root.entries) == 0 {
		p.put(0, "{}", "")
		p.comments(0, root.foot)
	} else {
		p.block(root, 0)
	}
	return []byte(p.text())
}

// line is one line of the file, with the comment behind it.
type line struct {
	text    string
	comment string
}

type printer struct {
	lines []line
	// inner is true until the first line of a mapping or list is written: no
	// empty line stands there.
	inner bool
}

func (p *printer) put(indent int, text, comment string) {
	p.lines = append(p.lines, line{strings.Repeat(" ", indent) + text, comment})
	p.inner = false
}

func (p *printer) blank(wanted bool) {
	if wanted && !p.inner && len(p.lines) > 0 {
		p.lines = append(p.lines, line{})
	}
}

func (p *printer) comments(indent int, list []comment) {
	for _, c := range list {
		p.blank(c.blank)
		p.put(indent, c.text, "")
	}
}

// block writes the entries of a mapping or list, each from the margin.
func (p *printer) block(n *Node, indent int) {
	p.inner = true
	columns := columnsOf(n, indent)
	for i, e := range n.entries {
		p.comments(indent, e.head)
		p.blank(e.blank)
		if n.kind == list {
			p.item(e, indent)
		} else {
			p.entry(e, indent, "", columns[i])
		}
	}
	p.comments(indent, n.foot)
}

// entry writes `key: value` behind what stands on the line already (the `- ` of
// an item), with the value at the column, counted from the key.
func (p *printer) entry(e *Entry, indent int, before string, at column) {
	key := keyText(e.Key) + ":"
	lead := before + key
	margin := indent - len(before)
	if text, ok := e.Value.inline(indent + width(key) + 1); ok {
		text = text[:at.behind] + strings.Repeat(" ", at.pad) + text[at.behind:]
		p.put(margin, lead+strings.Repeat(" ", max(at.value-width(key), 1))+text, e.tail)
		return
	}
	p.value(e, indent, margin, lead+" ")
}

// item writes `- value`.
func (p *printer) item(e *Entry, indent int) {
	n := e.Value
	if text, ok := n.inline(indent + indentation); ok {
		p.put(indent, "- "+text, e.tail)
		return
	}
	if n.kind == mapping && e.tail == "" && len(n.entries) > 0 && len(n.entries[0].head) == 0 {
		columns := columnsOf(n, indent+indentation)
		p.entry(n.entries[0], indent+indentation, "- ", columns[0])
		rest := *n
		rest.entries = n.entries[1:]
		p.rest(&rest, indent+indentation, columns[1:])
		return
	}
	p.value(e, indent, indent, "- ")
}

// rest writes the entries of an item's mapping behind the first.
func (p *printer) rest(n *Node, indent int, columns []column) {
	for i, e := range n.entries {
		p.comments(indent, e.head)
		p.blank(e.blank)
		p.entry(e, indent, "", columns[i])
	}
	p.comments(indent, n.foot)
}

// value writes a value that does not stand on one line behind lead.
func (p *printer) value(e *Entry, indent, margin int, lead string) {
	n := e.Value
	if !n.isScalar() {
		p.put(margin, strings.TrimSuffix(lead, " "), e.tail)
		p.block(n, indent+indentation)
		return
	}
	header, lines := n.lines(indent + indentation)
	p.put(margin, lead+header, e.tail)
	for _, l := range lines {
		if l == "" {
			p.lines = append(p.lines, line{})
			continue
		}
		p.put(indent+indentation, l, "")
	}
}

// lines is a scalar as a block of lines; without lines, the header is all.
func (n *Node) lines(indent int) (header string, lines []string) {
	if header, lines, ok := literalLines(n.text); ok {
		return header, lines
	}
	if lines := folded(n.text, max(foldWidth-indent, 40)); lines != nil {
		return ">-", lines
	}
	return n.scalar(false), nil
}

// inline is a value on one line, if it can and may stand there from a column on.
func (n *Node) inline(column int) (string, bool) {
	if n.isScalar() {
		text := n.scalar(false)
		if _, _, ok := literalLines(n.text); ok {
			return "", false
		}
		return text, n.kind == plainScalar || column+width(text) <= widthMax
	}
	if n.needsLines() {
		return "", false
	}
	text := n.flow()
	return text, len(n.entries) == 0 || column+width(text) <= widthMax
}

// flow is a value inside of `{}` or `[]`, or one of these.
func (n *Node) flow() string {
	if n.isScalar() {
		return n.scalar(true)
	}
	parts := make([]string, len(n.entries))
	for i, e := range n.entries {
		parts[i] = e.Value.flow()
		if n.kind == mapping {
			parts[i] = keyText(e.Key) + ": " + parts[i]
		}
	}
	if n.kind == list {
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// column says where the value of an entry stands.
type column struct {
	value       int // counted from the key; 0: behind the key
	behind, pad int // so many blanks more behind so many bytes of the value
}

// columnsOf says for each entry of a mapping where its value stands: names of messages have their values in one column, as far as no empty
// line or comment stands between them.
func columnsOf(n *Node, indent int) []column {
	columns := make([]column, len(n.entries))
	if n.kind != mapping {
		return columns
	}
	for begin := 0; begin < len(n.entries); {
		end, widest := begin, 0
		for end < len(n.entries) && (end == begin || !n.entries[end].blank && len(n.entries[end].head) == 0) {
			key := keyText(n.entries[end].Key) + ":"
			if _, ok := n.entries[end].Value.inline(indent + width(key) + 1); ok {
				widest = max(widest, width(key)+1)
			}
			end++
		}
		for i := begin; i < end && isMessageName(n.entries[i].Key); i++ {
			columns[i].value = widest
		}
		alignKeys(n.entries[begin:end], columns[begin:end], indent)
		begin = end
	}
	return columns
}

// alignKeys puts the `key` of messages that stand below one another, behind their
// topics, into one column.
func alignKeys(entries []*Entry, columns []column, indent int) {
	widest := 0
	for _, e := range entries {
		if topic := topicBeforeKey(e, indent); topic != "" {
			widest = max(widest, width(topic))
		}
	}
	for i, e := range entries {
		if topic := topicBeforeKey(e, indent); topic != "" && columns[i].value > 0 {
			columns[i].behind, columns[i].pad = len(topic), widest-width(topic)
		}
	}
}

// topicBeforeKey is how a message on one line begins that goes on with its key; ""
// for others.
func topicBeforeKey(e *Entry, indent int) string {
	n := e.Value
	if n.kind != mapping || len(n.entries) < 2 || n.entries[0].Key != "topic" || n.entries[1].Key != "key" {
		return ""
	}
	if _, ok := n.inline(indent + width(keyText(e.Key)) + 2); !ok {
		return ""
	}
	return "{topic: " + n.entries[0].Value.flow() + ", "
}

func isMessageName(key string) bool { return key != "" && key[0] >= 'A' && key[0] <= 'Z' }

func width(text string) int { return utf8.RuneCountInString(text) }

// text joins the lines. Comments behind neighbouring lines stand in one column.
func (p *printer) text() string {
	var out strings.Builder
	for begin := 0; begin < len(p.lines); {
		end, column := begin, commentColumn
		for end < len(p.lines) && p.lines[end].comment != "" {
			column = max(column, width(p.lines[end].text)+2)
			end++
		}
		if end == begin {
			out.WriteString(p.lines[begin].text + "\n")
			begin++
			continue
		}
		for _, l := range p.lines[begin:end] {
			out.WriteString(l.text + strings.Repeat(" ", column-width(l.text)) + l.comment + "\n")
		}
		begin = end
	}
	return out.String()
}
