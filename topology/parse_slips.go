package topology

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	yaml "go.yaml.in/yaml/v4"
)

// Three slips leave valid YAML that means something else: a comma that splits an
// expression, a `!` that becomes a tag, a ` #` that begins a comment. They are
// known by their shape. So are expressions that make the YAML invalid.

// isExpressionWord reports whether name is a word whose value is an expression
// without `=`.
func (p *parser) isExpressionWord(name string) bool {
	for _, words := range p.words.words {
		if k := words[name].Kind; k == KindExpression || k == KindItems {
			return true
		}
	}
	return false
}

// unclosed counts what brackets a piece of an expression leaves open (negative: what
// it closes too much) and reports whether a quoted text in it is not closed.
func unclosed(text string) (brackets int, quote bool) {
	var in rune
	for _, c := range text {
		switch {
		case in != 0:
			if c == in {
				in = 0
			}
		case c == '\'' || c == '"':
			in = c
		case strings.ContainsRune("([{", c):
			brackets++
		case strings.ContainsRune(")]}", c):
			brackets--
		}
	}
	return brackets, in != 0
}

// isSplit reports whether a scalar of a flow collection may be the beginning of
// an expression whose rest YAML has taken for something else.
func isSplit(n *yaml.Node) bool {
	if !isPlain(n) {
		return false
	}
	brackets, quote := unclosed(n.Value)
	return brackets > 0 || quote && strings.HasPrefix(n.Value, "=")
}

// isClosed reports whether a text leaves nothing open.
func isClosed(text string) bool {
	brackets, quote := unclosed(text)
	return brackets == 0 && !quote
}

// splitPieces bounds how many pieces are joined to one expression.
const splitPieces = 50

// joinSplitValues mends `{x: =max(a, b)}`, which YAML reads as two keys, `x`
// and `b)`.
func (p *parser) joinSplitValues(n *yaml.Node) {
	if n.Style&yaml.FlowStyle == 0 {
		return
	}
	kept := make([]*yaml.Node, 0, len(n.Content))
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		text, pieces := rejoin(value, func(k int) *yaml.Node {
			at := i + 2*k
			if at+1 < len(n.Content) && isEmpty(n.Content[at+1]) {
				return n.Content[at]
			}
			return nil
		})
		if pieces > 0 {
			p.reportSplit(key.Value+": ", value, text)
		}
		kept = append(kept, key, value)
		i += 2 * pieces
	}
	n.Content = kept
}

// joinSplitItems mends `[=max(a, b)]`, which YAML reads as two items.
func (p *parser) joinSplitItems(n *yaml.Node) {
	if n.Style&yaml.FlowStyle == 0 {
		return
	}
	kept := make([]*yaml.Node, 0, len(n.Content))
	for i := 0; i < len(n.Content); i++ {
		item := n.Content[i]
		text, pieces := rejoin(item, func(k int) *yaml.Node {
			if i+k < len(n.Content) {
				return n.Content[i+k]
			}
			return nil
		})
		if pieces > 0 {
			p.reportSplit("", item, text)
		}
		kept = append(kept, item)
		i += pieces
	}
	n.Content = kept
}

// rejoin puts together the pieces of a split expression: its beginning and the
// k-th piece behind it, from 1. No pieces: it was not split.
func rejoin(begin *yaml.Node, piece func(k int) *yaml.Node) (text string, pieces int) {
	if !isSplit(begin) {
		return "", 0
	}
	text = begin.Value
	for k := 1; k <= splitPieces; k++ {
		next := piece(k)
		if next == nil || !isPlain(next) {
			return "", 0
		}
		if text += ", " + next.Value; isClosed(text) {
			return text, k
		}
	}
	return "", 0
}

// reportSplit reports a scalar whose whole text was meant, and puts that in its
// place.
func (p *parser) reportSplit(key string, n *yaml.Node, text string) {
	at := p.page.token(n)
	n.Value = text
	whole := []rune(text)
	if plainLength(p.page.rest(at.pos.Line, at.pos.Column), whole) == len(whole) {
		at.length = len(whole)
	}
	p.report(at, codeSplitExpression, "YAML ends this value at the comma; what follows became an entry of its own").
		help("put the whole value in quotes: " + key + quoteYAML(text))
}

// restoreNegation mends `if: !done && x`, which YAML reads as `x` under the tag
// `!done`.
func (p *parser) restoreNegation(key, value *yaml.Node) {
	if value.Kind != yaml.ScalarNode || !isTagged(value) {
		return
	}
	at := span{p.page.at(value.Line, value.Column), 1}
	text := expressionText(p.page.rest(value.Line, value.Column))
	if text == "" {
		return
	}
	at.length = len([]rune(text))
	p.report(at, codeLostNegation, "YAML takes a `!` at the beginning for a tag, and the condition loses it").
		help("put the expression in quotes: " + key.Value + ": " + quoteYAML(text))
	value.Value, value.Tag, value.Anchor = text, "!!str", ""
	value.Style &^= yaml.TaggedStyle
}

// findCut reports `=a #b`, which YAML ends at the blank. A comment with a blank
// behind the `#` is taken for one.
func (p *parser) findCut(n *yaml.Node) {
	if !isPlain(n) || isEmpty(n) || p.broken[n] {
		return
	}
	at := p.page.token(n)
	if at.length != len([]rune(n.Value)) {
		return // over several lines
	}
	rest := p.page.rest(n.Line, n.Column+at.length)
	blanks := 0
	for blanks < len(rest) && (rest[blanks] == ' ' || rest[blanks] == '\t') {
		blanks++
	}
	if blanks == 0 || blanks == len(rest) || rest[blanks] != '#' {
		return
	}
	p.reportCut(n, at, strings.TrimSpace(n.Value+string(rest)), blanks, rest[blanks+1:])
}

// reportCut tells an expression that a `#` has cut from one with a comment
// behind it.
func (p *parser) reportCut(n *yaml.Node, at span, whole string, blanks int, comment []rune) {
	const text = "YAML ends this expression at the ` #`: the rest is a comment"
	switch {
	case !isClosed(n.Value):
		p.spoil(n)
		p.report(at, codeCutExpression, text).help("put the whole expression in quotes: " + quoteYAML(whole))
	case blanks == 1 && len(comment) > 0 && !unicode.IsSpace(comment[0]) && comment[0] != '#':
		p.warn(at, codeCutExpression, text).
			help("if it belongs to the expression: " + quoteYAML(whole) + "\nif it is a comment, put a blank behind the `#`")
	}
}

// expressionStart finds where an expression may begin on a line: behind a `:`,
// `[`, `,` or `-`, with `=`; or behind a word that takes an expression.
var expressionStart = regexp.MustCompile(`(?:[:,\[{]\s+|[\[{]|^\s*-\s+)=|\b(?:when|if|until|key|id): `)

// tornExpression finds the expression in which the library stopped reading, and
// how it would be written in quotes.
func (p *page) tornExpression(at span) (span, string, bool) {
	line := p.rest(at.pos.Line, 1)
	before := string(line[:max(0, min(at.pos.Column-1, len(line)))])
	starts := expressionStart.FindAllStringIndex(before, -1)
	if len(starts) == 0 {
		return span{}, "", false
	}
	end := starts[len(starts)-1][1]
	if before[end-1] == '=' {
		end--
	}
	column := len([]rune(before[:end])) + 1
	text := expressionText(p.rest(at.pos.Line, column))
	if len([]rune(text)) < at.pos.Column-column {
		return span{}, "", false // it was complete before the place of the error
	}
	return span{p.at(at.pos.Line, column), len([]rune(text))}, quoteYAML(text), true
}

// expressionText is the longest beginning of text that may be one expression:
// up to a comma or bracket that closes what is around it. It reads a thousand
// characters at most.
func expressionText(text []rune) string {
	text = text[:min(len(text), 1000)]
	depth, in := 0, rune(0)
	for i, c := range text {
		switch {
		case in != 0:
			if c == in {
				in = 0
			}
		case c == '\'' || c == '"':
			in = c
		case strings.ContainsRune("([{", c):
			depth++
		case strings.ContainsRune(")]}", c) && depth == 0, c == ',' && depth == 0:
			return strings.TrimSpace(string(text[:i]))
		case strings.ContainsRune(")]}", c):
			depth--
		case c == '#' && i > 0 && unicode.IsSpace(text[i-1]):
			return strings.TrimSpace(string(text[:i]))
		}
	}
	return strings.TrimSpace(string(text))
}

// quoteYAML writes a text in the quotes that need the fewest escapes.
func quoteYAML(text string) string {
	switch {
	case !strings.ContainsAny(text, `"\`):
		return `"` + text + `"`
	case !strings.Contains(text, "'"):
		return "'" + text + "'"
	default:
		return fmt.Sprintf(`"%s"`, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text))
	}
}
