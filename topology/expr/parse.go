package expr

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/parser"
)

// textMax is how many characters an expression may have.
const textMax = 10_000

// celParser is CEL's grammar with optionals and names in backticks. Macros are
// left out: what binds a variable is compiled as it stands (macro.go).
var celParser = func() *parser.Parser {
	p, err := parser.NewParser(
		parser.EnablePrattParser(true),
		parser.EnableOptionalSyntax(true),
		parser.EnableIdentEscapeSyntax(true),
		parser.EnableVariadicOperatorASTs(true),
		parser.MaxRecursionDepth(100),
		parser.ExpressionSizeCodePointLimit(textMax),
	)
	if err != nil {
		panic("the options of the CEL parser: " + err.Error())
	}
	return p
}()

// parse returns the syntax tree, or what is wrong.
func parse(text string) (*ast.AST, []Issue) {
	if issue, bad := refuse(text); bad {
		return nil, []Issue{issue}
	}
	tree, errs := celParser.Parse(common.NewTextSource(text))
	if found := errs.GetErrors(); len(found) > 0 {
		return nil, []Issue{syntaxIssue(text, firstError(text, found))}
	}
	return tree, nil
}

// refuse finds what is no matter of grammar.
func refuse(text string) (Issue, bool) {
	trimmed := strings.TrimSpace(text)
	start := utf8.RuneCountInString(text[:len(text)-len(strings.TrimLeftFunc(text, unicode.IsSpace))])
	at := span{int32(start), 1}
	switch {
	case !utf8.ValidString(text):
		return span{0, 1}.issue(IssueSyntax, "the expression is not valid UTF-8", ""), true
	case utf8.RuneCountInString(text) > textMax:
		return span{0, 1}.issue(IssueTooLong, "the expression is longer than 10,000 characters", "set variables in steps before, and compute with them"), true
	case trimmed == "":
		return span{0, 1}.issue(IssueSyntax, "the expression is empty", "write a value, such as true or event.total"), true
	case trimmed[0] == '=' && !strings.HasPrefix(trimmed, "=="):
		return at.issue(IssueNeedlessEquals, "the expression begins with `=`", "leave it out: `=` marks expressions where a value may also be a literal, and it stands once"), true
	}
	return Issue{}, false
}

// parseError is the first thing that the parser objects to.
type parseError struct {
	offset  int // characters
	message string
}

// firstError takes the one that comes first: the others mostly follow from it.
func firstError(text string, found []*common.Error) parseError {
	best := parseError{offset: -1}
	for _, e := range found {
		offset := offsetOf(text, e.Location)
		if best.offset < 0 || offset < best.offset {
			best = parseError{offset, e.Message}
		}
	}
	return best
}

// offsetOf turns a line from 1 and a column from 0 into an offset.
func offsetOf(text string, at common.Location) int {
	line, offset := 1, 0
	for _, c := range text {
		if line >= at.Line() {
			break
		}
		if offset++; c == '\n' {
			line++
		}
	}
	return min(offset+max(at.Column(), 0), utf8.RuneCountInString(text))
}
