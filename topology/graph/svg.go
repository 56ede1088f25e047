package graph

import (
	"fmt"
	"slices"
	"strings"
)

// colour is how a kind of node looks.
type colour struct{ fill, line, text string }

var colours = map[nodeKind]colour{
	kindStart: {"#e3f4e5", "#3a7d44", "#1d2b1f"},
	kindWork:  {"#eaf1fb", "#3b6fb6", "#1b2a41"},
	kindWait:  {"#fdf5dc", "#b58900", "#3b3009"},
	kindPick:  {"#f1eafa", "#7a52b3", "#2b1d40"},
	kindGroup: {"#fafafa", "#9a9a9a", "#333333"},
	kindEnd:   {"#e8e8e8", "#666666", "#222222"},
	kindFail:  {"#fbe7e6", "#b5403a", "#45140f"},
	kindUndo:  {"#ffffff", "#888888", "#444444"},
	kindExit:  {"#666666", "#666666", "#666666"},
}

var edgeColours = map[edgeKind]string{edgeFlow: "#444444", edgeError: "#b5403a", edgeUndo: "#888888"}

// SVG draws the picture by the layout of this package.
func (p *Picture) SVG() string {
	l := p.layout()
	var out strings.Builder
	width, height := l.width+2*margin, l.height+2*margin+titleHeight
	fmt.Fprintf(&out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" font-family=\"Helvetica, Arial, sans-serif\" font-size=\"%d\">\n", width, height, width, height, fontSize)
	fmt.Fprintf(&out, "<title>%s</title>\n", xmlText(p.title))
	out.WriteString("<defs>")
	for _, kind := range []edgeKind{edgeFlow, edgeError, edgeUndo} {
		fmt.Fprintf(&out, "<marker id=\"%s\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0,0 L8,4 L0,8 z\" fill=\"%s\"/></marker>", kind, edgeColours[kind])
	}
	out.WriteString("</defs>\n")
	fmt.Fprintf(&out, "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", width, height)
	fmt.Fprintf(&out, "<text x=\"%d\" y=\"%d\" font-size=\"%d\" font-weight=\"bold\" fill=\"#222222\">%s</text>\n", margin, margin+titleFont, titleFont, xmlText(p.title))
	l.draw(&out, margin, margin+titleHeight)
	out.WriteString("</svg>\n")
	return out.String()
}

// draw writes a laid-out group whose left upper corner is at x, y: boxes first,
// then ways, then the texts of these, so that nothing hides a text.
func (l *layered) draw(out *strings.Builder, x, y int) {
	for _, b := range l.boxes {
		b.draw(out, x+b.x, y+b.y)
	}
	for _, w := range l.ways {
		w.draw(out, x, y)
	}
	for _, w := range l.ways {
		w.drawLabel(out, x, y)
	}
}

func (b *box) draw(out *strings.Builder, x, y int) {
	n, c := b.node, colours[b.node.kind]
	radius, dash := 6, ""
	switch n.kind {
	case kindStart, kindEnd, kindFail:
		radius = min(b.height/2, 18)
	case kindUndo:
		dash = " stroke-dasharray=\"5 3\""
	case kindExit:
		fmt.Fprintf(out, "<circle cx=\"%d\" cy=\"%d\" r=\"%d\" fill=\"%s\"/>\n", x+b.width/2, y+b.height/2, b.height/2, c.fill)
		return
	}
	if n.kind == kindPick {
		const cut = 10
		fmt.Fprintf(out, "<polygon points=\"%d,%d %d,%d %d,%d %d,%d %d,%d %d,%d\" fill=\"%s\" stroke=\"%s\"/>\n", x+cut, y, x+b.width-cut, y, x+b.width, y+b.height/2,
			x+b.width-cut, y+b.height, x+cut, y+b.height, x, y+b.height/2, c.fill, c.line)
	} else {
		fmt.Fprintf(out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"%d\" fill=\"%s\" stroke=\"%s\"%s/>\n", x, y, b.width, b.height, radius, c.fill, c.line, dash)
	}
	b.drawTexts(out, x, y, c)
	if b.inner != nil {
		b.inner.draw(out, x+(b.width-b.inner.width)/2, y+groupPadding+b.headHeight)
	}
}

func (b *box) drawTexts(out *strings.Builder, x, y int, c colour) {
	for i, t := range b.texts {
		weight := ""
		if t.bold {
			weight = " font-weight=\"bold\""
		}
		// In a box texts stand in the middle, behind the clock to its right.
		left, anchor := x+b.width/2, " text-anchor=\"middle\""
		if t.clock || b.inner != nil {
			left, anchor = x+padding, ""
		}
		base := y + padding + i*lineHeight + fontSize - 1
		if t.clock {
			if b.inner == nil {
				left = x + (b.width-t.width())/2
			}
			drawClock(out, left+clockSize/2, base-clockSize/2+1, c.text)
			left += clockSize + clockGap
		}
		fmt.Fprintf(out, "<text x=\"%d\" y=\"%d\" fill=\"%s\"%s%s>%s</text>\n", left, base, c.text, weight, anchor, xmlText(t.text))
	}
}

func drawClock(out *strings.Builder, x, y int, colour string) {
	const r = clockSize / 2
	fmt.Fprintf(out, "<g stroke=\"%s\" fill=\"none\"><circle cx=\"%d\" cy=\"%d\" r=\"%d\"/><path d=\"M%d,%d V%d M%d,%d H%d\"/></g>\n", colour, x, y, r-1, x, y, y-r+3, x, y, x+r-3)
}

func (w *way) draw(out *strings.Builder, x, y int) {
	var path strings.Builder
	for i, p := range w.points {
		command := "L"
		if i == 0 {
			command = "M"
		}
		fmt.Fprintf(&path, "%s%d,%d ", command, x+p.x, y+p.y)
	}
	dash := ""
	if w.kind != edgeFlow {
		dash = " stroke-dasharray=\"5 3\""
	}
	fmt.Fprintf(out, "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-linejoin=\"round\"%s marker-end=\"url(#%s)\"/>\n", strings.TrimSpace(path.String()), edgeColours[w.kind], dash, w.kind)
}

func (w *way) drawLabel(out *strings.Builder, x, y int) {
	for i, line := range w.label {
		fmt.Fprintf(out, "<text x=\"%d\" y=\"%d\" font-size=\"%d\" fill=\"%s\" stroke=\"#ffffff\" stroke-width=\"3\" paint-order=\"stroke\">%s</text>\n",
			x+w.labelAt.x, y+w.labelAt.y+i*trackHeight, labelFont, edgeColours[w.kind], xmlText(line))
	}
}

func xmlText(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\"", "&quot;").Replace(text)
}

// Sizes, in pixels.
const (
	margin       = 16
	titleFont    = 17
	titleHeight  = 30
	fontSize     = 13
	labelFont    = 12
	lineHeight   = 18
	padding      = 10
	groupPadding = 14
	clockSize    = 12
	clockGap     = 5
	boxGap       = 36 // between boxes of a layer
	trackHeight  = 18 // between ways that run side by side
	laneWidth    = 14
	kink         = 8  // less than this to the side is no turn
	textMax      = 46 // characters of a line; a single word may be longer
	wordMax      = 64 // characters of a word that is shown whole
	textLines    = 4  // into which a long text is wrapped
	labelLines   = 2  // the same, of a way's label
)

// text is a line of a box.
type text struct {
	text        string
	bold, clock bool
}

func (t text) width() int {
	w := textWidth(t.text, fontSize)
	if t.bold {
		w = w * 11 / 10
	}
	if t.clock {
		w += clockSize + clockGap
	}
	return w
}

// glyphs are the widths of the characters from ' ' to '~' in Helvetica, in
// thousandths of the font's size.
var glyphs = []int{
	278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
	1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
	333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
}

// textWidth is how wide a text is at most. Fonts that take Helvetica's place are
// up to a fifth wider.
func textWidth(s string, size int) int {
	sum := 0
	for _, c := range s {
		if c >= ' ' && c <= '~' {
			sum += glyphs[c-' ']
		} else {
			sum += 1000
		}
	}
	return sum * size * 12 / 10 / 1000
}

// clip cuts a long text.
func clip(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most-1]) + "…"
}

// wrapped breaks a text between its words into lines, no more than so many: what is
// left over is cut.
func wrapped(s string, width, most int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		switch {
		case line == "":
			line = word
		case len([]rune(line))+1+len([]rune(word)) <= width:
			line += " " + word
		case len(lines)+1 == most:
			return append(lines, clip(line+" …", width))
		default:
			lines, line = append(lines, clip(line, wordMax)), word
		}
	}
	if line == "" {
		return nil
	}
	return append(lines, clip(line, wordMax))
}

func textsOf(n *node) []text {
	var out []text
	if n.title != "" {
		out = append(out, text{text: clip(n.title, wordMax), bold: true})
	}
	for _, line := range n.lines {
		for _, part := range wrapped(line, textMax, textLines) {
			out = append(out, text{text: part})
		}
	}
	if n.clock != "" {
		out = append(out, text{text: clip(n.clock, wordMax), clock: true})
	}
	return slices.Clip(out)
}
