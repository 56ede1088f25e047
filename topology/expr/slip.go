package expr

import (
	"strings"
	"unicode"
)

// slip is something that people write out of the habit of another language.
type slip struct {
	token         string // as it stands at the place of the error, or just before
	message, help string
}

// slips are tried in order.
var slips = []slip{
	{"===", "`===` is not CEL", "write `==`: it compares by value"},
	{"!==", "`!==` is not CEL", "write `!=`"},
	{"=>", "`=>` is not CEL", "macros take the variable as their first argument: list.map(x, x.price)"},
	{"->", "`->` is not CEL", "macros take the variable as their first argument: list.map(x, x.price)"},
	{"=", "`=` does not compare", "write `==` to compare; variables are set in `set`"},
	{"&", "`&` is not CEL", "write `&&`"},
	{"|", "`|` is not CEL", "write `||`"},
	{"<>", "`<>` is not CEL", "write `!=`"},
	{"??", "`??` is not CEL", "write coalesce(a, b) for a null, a.?b.orValue(c) for a missing field"},
	{"?.", "`?.` is not CEL", "the question mark stands behind the dot: a.?b.orValue(c)"},
	{"?[", "`?[` is not CEL", "the question mark stands within: a[?0].orValue(c)"},
	{"${", "`${…}` is not CEL", "write the expression itself, without `${` and `}`"},
	{"{{", "`{{…}}` is not CEL", "write the expression itself, without braces"},
	{";", "`;` is not CEL", "an expression is one value; leave the semicolon out"},
	{"#", "`#` is not CEL", "comments begin with `//`; for a size write size(list)"},
	{"“", "typographic quotes do not enclose a text", "write ' or \""},
	{"”", "typographic quotes do not enclose a text", "write ' or \""},
	{"„", "typographic quotes do not enclose a text", "write ' or \""},
	{"‘", "typographic quotes do not enclose a text", "write ' or \""},
	{"’", "typographic quotes do not enclose a text", "write ' or \""},
	{"≥", "`≥` is not CEL", "write `>=`"},
	{"≤", "`≤` is not CEL", "write `<=`"},
	{"≠", "`≠` is not CEL", "write `!=`"},
	{"**", "`**` is not CEL", "there is no power; write the product"},
	{"++", "`++` is not CEL", "write `x + 1`; variables are set in `set`"},
}

// wordSlips are words that stand where an operator is expected.
var wordSlips = map[string]slip{
	"and":      {message: "`and` is not CEL", help: "write `&&`"},
	"or":       {message: "`or` is not CEL", help: "write `||`"},
	"not":      {message: "`not` is not CEL", help: "write `!`"},
	"is":       {message: "`is` is not CEL", help: "write `==`; for null: x == null"},
	"then":     {message: "`if … then … else` is not CEL", help: "write condition ? a : b"},
	"else":     {message: "`if … then … else` is not CEL", help: "write condition ? a : b"},
	"if":       {message: "`if` is not CEL", help: "write condition ? a : b"},
	"mod":      {message: "`mod` is not CEL", help: "write `%`"},
	"div":      {message: "`div` is a function", help: "write div(a, b)"},
	"eq":       {message: "`eq` is not CEL", help: "write `==`"},
	"contains": {message: "`contains` is a function of texts", help: "write text.contains(part), or `item in list`"},
	"between":  {message: "`between` is not CEL", help: "write low <= x && x <= high"},
	"like":     {message: "`like` is not CEL", help: "write text.contains(part), startsWith, endsWith or matches"},
}

// syntaxIssue says what the parser objects to, in our words.
func syntaxIssue(text string, e parseError) Issue {
	runes := []rune(text)
	if i, ok := slipAt(runes, e.offset); ok {
		return i
	}
	if strings.Contains(e.message, "expected ':' in conditional") {
		if i, ok := optionalSlip(runes); ok {
			return i
		}
	}
	at := span{int32(e.offset), int32(max(1, len(wordAt(runes, e.offset))))}
	for _, known := range parserMessages {
		if strings.Contains(e.message, known.part) {
			help := known.help
			if known.open != 0 {
				help = openedHelp(runes, known.open)
			}
			return at.issue(IssueSyntax, known.message, help)
		}
	}
	if e.offset >= len(runes) {
		return at.issue(IssueSyntax, "the expression ends too early", openedHelp(runes, 0))
	}
	token := tokenAt(runes, e.offset)
	return at.issue(IssueSyntax, "`"+token+"` is not expected here", unexpectedHelp(token))
}

// unexpectedHelp says what to do about a token that stands where none of its kind
// can.
func unexpectedHelp(token string) string {
	switch {
	case strings.ContainsAny(token, ")]}"):
		return "it closes nothing: remove it, or open it before"
	case token == ",":
		return "a list is written [a, b]; arguments stand in brackets: f(a, b)"
	case token == "^":
		return "there is no power; write the product"
	case strings.ContainsAny(token, "=<>!+-*/%&|?:"):
		return "one operator stands between two values: == != < <= > >= && || + - * / % in"
	}
	return "an operator is missing before it, such as == or &&; a text stands in quotes"
}

// parserMessages turns what the parser says into what the author can use.
var parserMessages = []struct {
	part, message, help string
	open                rune // the bracket that is not closed
}{
	{part: "unterminated string", message: "the text has no closing quote", help: "a quote within a text needs a backslash, or the other kind of quote around it"},
	{part: "unescape", message: "the text has an escape that is not known", help: `the escapes are \n \r \t \\ \' \" \u00e9; r'…' takes backslashes as they are`},
	{part: "invalid int", message: "the number does not fit into an int of 64 bits", help: "write decimal('…')"},
	{part: "invalid uint", message: "the number does not fit into an int of 64 bits", help: "write decimal('…')"},
	{part: "invalid double", message: "the number is too large for a double", help: "write decimal('…')"},
	{part: "reserved identifier", message: "this word is reserved in CEL", help: "as the name of a field it can be written in backticks: event.`in`"},
	{part: "expected identifier after '.'", message: "a name is expected behind the dot", help: "odd names are written in backticks: event.`order-id`"},
	{part: "expected ':' in conditional", message: "`condition ? a` has no `: b`", help: "write condition ? a : b"},
	{part: "expected ':' in map", message: "a key of a map has no `: value`", help: "write {'key': value}"},
	{part: "expecting ')'", message: "a `(` is not closed", open: '('},
	{part: "expected ')'", message: "a `(` is not closed", open: '('},
	{part: "expected ']'", message: "a `[` is not closed", open: '['},
	{part: "expected '}'", message: "a `{` is not closed", open: '{'},
	{part: "recursion", message: "the expression is nested too deeply", help: "set variables in steps before, and compute with them"},
}

// slipAt looks for a known slip at the place of the error or right before it.
func slipAt(runes []rune, offset int) (Issue, bool) {
	word := wordAt(runes, offset)
	if s, ok := wordSlips[word]; ok {
		return span{int32(offset), int32(len(word))}.issue(IssueSyntax, s.message, s.help), true
	}
	before, start := wordBefore(runes, offset)
	if s, ok := wordSlips[before]; ok && word != "" {
		return span{int32(start), int32(len(before))}.issue(IssueSyntax, s.message, s.help), true
	}
	within := quoted(runes)
	for _, s := range slips {
		token := []rune(s.token)
		for at := min(offset, len(runes)-len(token)); at >= max(0, offset-len(token)); at-- {
			if string(runes[at:at+len(token)]) == s.token && !within[at] && !partOfOperator(runes, at, s.token) {
				return span{int32(at), int32(len(token))}.issue(IssueSyntax, s.message, s.help), true
			}
		}
	}
	return Issue{}, false
}

// optionalSlip looks for `a?.b` and `a?[0]`, which begin a condition in CEL whose
// end is then missed somewhere else.
func optionalSlip(runes []rune) (Issue, bool) {
	within := quoted(runes)
	for i := 0; i+1 < len(runes); i++ {
		token := string(runes[i : i+2])
		for _, s := range slips {
			if !within[i] && s.token == token && token[0] == '?' {
				return span{int32(i), 2}.issue(IssueSyntax, s.message, s.help), true
			}
		}
	}
	return Issue{}, false
}

// partOfOperator keeps "=" from being found in "==", "<=" and the like, "&" in
// "&&" and "|" in "||".
func partOfOperator(runes []rune, at int, token string) bool {
	if len(token) != 1 {
		return false
	}
	neighbour := func(i int, set string) bool {
		return i >= 0 && i < len(runes) && strings.ContainsRune(set, runes[i])
	}
	switch token {
	case "=":
		return neighbour(at-1, "=!<>") || neighbour(at+1, "=")
	case "&", "|":
		return neighbour(at-1, token) || neighbour(at+1, token)
	}
	return false
}

// quoted tells of each character whether it is within a text.
func quoted(runes []rune) []bool {
	out := make([]bool, len(runes))
	var in rune
	for i := 0; i < len(runes); i++ {
		c := runes[i]
		out[i] = in != 0
		switch {
		case in != 0 && c == '\\' && i+1 < len(runes):
			i++
			out[i] = true
		case in != 0 && c == in:
			in = 0
		case in == 0 && (c == '\'' || c == '"' || c == '`'):
			in = c
		}
	}
	return out
}

func isWordRune(c rune) bool { return c == '_' || unicode.IsLetter(c) || unicode.IsDigit(c) }

func wordAt(runes []rune, offset int) string {
	end := offset
	for end < len(runes) && isWordRune(runes[end]) {
		end++
	}
	return string(runes[min(offset, len(runes)):end])
}

// wordBefore is the word before the blanks before a place.
func wordBefore(runes []rune, offset int) (word string, start int) {
	end := min(offset, len(runes))
	for end > 0 && unicode.IsSpace(runes[end-1]) {
		end--
	}
	start = end
	for start > 0 && isWordRune(runes[start-1]) {
		start--
	}
	return string(runes[start:end]), start
}

// tokenAt is the word at a place, or the character.
func tokenAt(runes []rune, offset int) string {
	if word := wordAt(runes, offset); word != "" {
		return word
	}
	return string(runes[offset])
}

// openedHelp names the innermost bracket that is still open at the end: of the
// given kind, or of any (0).
func openedHelp(runes []rune, kind rune) string {
	var open []int
	within := quoted(runes)
	for i, c := range runes {
		switch {
		case within[i]:
		case strings.ContainsRune("([{", c):
			open = append(open, i)
		case strings.ContainsRune(")]}", c) && len(open) > 0:
			open = open[:len(open)-1]
		}
	}
	for i := len(open) - 1; i >= 0; i-- {
		if kind == 0 || runes[open[i]] == kind {
			return "the `" + string(runes[open[i]]) + "` before `" + excerpt(runes[open[i]+1:]) + "` is not closed"
		}
	}
	return ""
}

// excerpt is the first few characters.
func excerpt(runes []rune) string {
	if len(runes) > 12 {
		return string(runes[:12]) + "…"
	}
	return string(runes)
}
