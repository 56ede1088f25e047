package layout

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// looksLikePath is a text that reads like `event.order_id`; as in the parser.
var looksLikePath = regexp.MustCompile(`^([a-z][a-z0-9_]*)(\.[A-Za-z_][A-Za-z0-9_]*)+$`)

// otherKind is what would not be a text without quotes: YAML 1.2's nulls, truth
// values and numbers, and what other programs that read YAML take for such.
var otherKind = regexp.MustCompile(`^(?:` +
	`~|null|Null|NULL|true|True|TRUE|false|False|FALSE|[yY]es|YES|[nN]o|NO|[oO]n|ON|[oO]ff|OFF` +
	`|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)` +
	`|[-+]?0[xX][0-9a-fA-F_]+|[-+]?0o?[0-7_]+|[-+]?0b[01_]+` +
	`|[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?` +
	`|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?` +
	`|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?` +
	`|<<|---|\.\.\.)$`)

// scalar writes a scalar on one line. In flow it stands inside of `{}` or `[]`.
func (n *Node) scalar(flow bool) string {
	switch {
	case n.kind == plainScalar:
		return n.text
	case n.quoted, n.kind == textScalar && otherKind.MatchString(n.text), !canBePlain(n.text, flow || n.kind == exprScalar):
		return quote(n.text)
	default:
		return n.text
	}
}

// keyText writes the key of an entry.
func keyText(key string) string {
	if key != "" && !strings.ContainsAny(key, "\"'\\") && canBePlain(key, true) && !notKey.MatchString(key) {
		return key
	}
	return quote(key)
}

// notKey are keys that YAML takes for no text.
var notKey = regexp.MustCompile(`^(?:<<|~|null|Null|NULL|---|\.\.\.)$`)

// canBePlain reports whether YAML reads a text without quotes as it is. Where
// strict is true, also inside of `{}` and `[]`.
func canBePlain(text string, strict bool) bool {
	if text == "" || text != strings.TrimSpace(text) || !onOneLine(text) {
		return false
	}
	if strings.ContainsRune(",[]{}#&*!|>'\"%@`?", rune(text[0])) || strings.HasPrefix(text, "---") || strings.HasPrefix(text, "...") {
		return false
	}
	if (text[0] == '-' || text[0] == ':') && (len(text) == 1 || text[1] == ' ' || text[0] == ':') {
		return false
	}
	if strings.Contains(text, ": ") || strings.HasSuffix(text, ":") || strings.Contains(text, " #") {
		return false
	}
	return !strict || !strings.ContainsAny(text, ",[]{}")
}

// onOneLine reports whether a text has only characters that stand for
// themselves on a line.
func onOneLine(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool {
		return !unicode.IsPrint(c) && c != ' ' || c == '\ufeff' || c == unicode.ReplacementChar
	})
}

// quote writes a text in the quotes that need the fewest escapes.
func quote(text string) string {
	switch {
	case !onOneLine(text):
		return escaped(text)
	case !strings.ContainsAny(text, `"\`):
		return `"` + text + `"`
	case !strings.Contains(text, "'"):
		return "'" + text + "'"
	default:
		return escaped(text)
	}
}

func escaped(text string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			out.WriteRune('\\')
			out.WriteRune(c)
		case c == '\n':
			out.WriteString(`\n`)
		case c == '\t':
			out.WriteString(`\t`)
		case c == '\r':
			out.WriteString(`\r`)
		case onOneLine(string(c)):
			out.WriteRune(c)
		case c <= 0xff:
			fmt.Fprintf(&out, `\x%02x`, c)
		case c <= 0xffff:
			fmt.Fprintf(&out, `\u%04x`, c)
		default:
			fmt.Fprintf(&out, `\U%08x`, c)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// folded breaks a text into the lines of a `>-` block: YAML joins them with one
// blank each, so it is broken at single blanks only. Nil: it cannot be broken,
// or not so that it is read as it was.
func folded(text string, width int) []string {
	if !onOneLine(text) || text != strings.TrimSpace(text) {
		return nil
	}
	var lines []string
	for _, part := range clauses(text, width) {
		lines = append(lines, filled(part, width)...)
	}
	if len(lines) < 2 {
		return nil
	}
	return lines
}

// clauses breaks a condition before its outermost `&&` and `||`.
func clauses(text string, width int) []string {
	if len([]rune(text)) <= width {
		return []string{text}
	}
	var out []string
	depth, in, begin := 0, rune(0), 0
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
		case strings.ContainsRune(")]}", c):
			depth--
		case depth == 0 && (strings.HasPrefix(text[i:], " && ") || strings.HasPrefix(text[i:], " || ")) && breaks(text, i):
			out = append(out, text[begin:i])
			begin = i + 1
		}
	}
	return append(out, text[begin:])
}

// breaks reports whether a line may end before the blank at i.
func breaks(text string, i int) bool {
	return text[i] == ' ' && i > 0 && i+1 < len(text) && text[i-1] != ' ' && text[i+1] != ' '
}

// filled breaks a text into lines of at most width characters, if its blanks
// allow that.
func filled(text string, width int) []string {
	var out []string
	begin, last, count := 0, -1, 0
	for i := range text {
		if count++; breaks(text, i) {
			if count > width+1 && last > begin {
				out = append(out, text[begin:last])
				begin, count = last+1, len([]rune(text[last+1:i]))+1
			}
			last = i
		}
	}
	if len([]rune(text[begin:])) > width && last > begin {
		out = append(out, text[begin:last])
		begin = last + 1
	}
	return append(out, text[begin:])
}

// literalLines are the lines of a `|` block that holds the text, and the block's
// header. Not ok: the text can only stand in quotes.
func literalLines(text string) (header string, lines []string, ok bool) {
	body := strings.TrimSuffix(text, "\n")
	header = "|-"
	if body != text {
		header = "|"
	}
	lines = strings.Split(body, "\n")
	if len(lines) < 2 || strings.HasPrefix(body, "\n") || strings.HasSuffix(body, "\n") || body == "" || unicode.IsSpace([]rune(body)[0]) {
		return "", nil, false
	}
	for _, line := range lines {
		if !onOneLine(line) || strings.TrimSpace(line) == "" && line != "" {
			return "", nil, false
		}
	}
	return header, lines, true
}
