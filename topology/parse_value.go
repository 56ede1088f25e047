package topology

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/cockroachdb/apd/v3"
	yaml "go.yaml.in/yaml/v4"

	"rondo/topology/value"
)

// expression reads a field that holds an expression without `=`.
func (p *parser) expression(f *fields, word string) *Expr {
	e, ok := f.take(word)
	if !ok {
		return nil
	}
	return p.bareExpression(e)
}

func (p *parser) bareExpression(e entry) *Expr {
	word, n := e.key.Value, e.value
	if n.Kind != yaml.ScalarNode {
		p.wrongType(n, "`"+word+"`", "an expression").
			help("put it in quotes: " + word + ": \"…\"")
		return nil
	}
	if strings.HasPrefix(n.Value, "=") && !strings.HasPrefix(n.Value, "==") {
		at := p.page.token(n)
		p.report(at, codeNeedlessEquals, fmt.Sprintf("`%s` is always an expression and takes no `=`", word)).
			help("write " + word + ": " + p.asWritten(strings.TrimSpace(n.Value[1:]), n))
		return p.page.expr(n, 1)
	}
	expr := p.page.expr(n, 0)
	if expr.Text == "" {
		p.emptyExpression(n, "write an expression, or remove `"+word+"`")
		return nil
	}
	return expr
}

// asWritten writes a text in the style of the node that it came from.
func (p *parser) asWritten(text string, n *yaml.Node) string {
	if isPlain(n) {
		return text
	}
	return quoteYAML(text)
}

func (p *parser) emptyExpression(n *yaml.Node, advice string) {
	p.spoil(n)
	p.report(p.page.token(n), codeEmptyValue, "an expression is missing here").help(advice)
}

// marked reads a scalar that begins with `=`: nil and true when it does but is
// empty, which has been reported.
func (p *parser) marked(n *yaml.Node) (*Expr, bool) {
	if n.Kind != yaml.ScalarNode || !strings.HasPrefix(n.Value, "=") {
		return nil, false
	}
	expr := p.page.expr(n, 1)
	if expr.Text == "" {
		p.emptyExpression(n, "write one; the text `=` itself is written \"='='\"")
		return nil, true
	}
	return expr, true
}

// template reads a value in which expressions may stand at any depth. It never
// returns nil; what cannot be read is null, and unknown. What is wrong in a value
// does not make what it belongs to unknown.
func (p *parser) template(n *yaml.Node) *Template {
	t := &Template{Pos: p.page.token(n).pos}
	t.unknown = !p.whole(func() { p.fillTemplate(t, n) })
	return t
}

func (p *parser) fillTemplate(t *Template, n *yaml.Node) {
	if p.isBroken(n) {
		return
	}
	switch n.Kind {
	case yaml.MappingNode:
		t.Map = p.templateFields(n)
	case yaml.SequenceNode:
		t.List = make([]*Template, 0, len(n.Content))
		for _, item := range n.Content {
			t.List = append(t.List, p.template(item))
		}
	case yaml.ScalarNode:
		p.templateScalar(t, n)
	}
}

func (p *parser) templateFields(n *yaml.Node) []Field {
	p.hasHoles(n)
	out := make([]Field, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, item := n.Content[i], n.Content[i+1]
		if isEmpty(item) {
			p.emptyField(n, entry{key, item})
		}
		if isPlain(item) && (item.Value == key.Value || item.Value == "key" && namesIdentity.MatchString(key.Value)) {
			p.unmarked = append(p.unmarked, unmarked{p.page.token(item), item.Value})
		}
		out = append(out, Field{Name: key.Value, Pos: p.page.token(key).pos, Value: p.template(item)})
	}
	return out
}

// emptyField reports `key:` without a value, of which the most frequent cause in
// a flow mapping is a missing blank.
func (p *parser) emptyField(in *yaml.Node, e entry) {
	if name, rest, ok := strings.Cut(e.key.Value, ":"); ok && in.Style&yaml.FlowStyle != 0 && isPlain(e.key) {
		p.spoil(e.value)
		p.report(p.page.token(e.key), codeEmptyValue, fmt.Sprintf("`%s` has no value", e.key.Value)).
			help(fmt.Sprintf("put a blank behind the `:`: %s: %s", name, rest))
		return
	}
	p.empty(e, "write a value, or `null` if that is meant")
}

func (p *parser) templateScalar(t *Template, n *yaml.Node) {
	if expr, ok := p.marked(n); ok {
		t.Expr = expr
		return
	}
	if isEmpty(n) {
		p.spoil(n)
		p.report(p.page.token(n), codeEmptyValue, "a value is missing here").help("write `null` if that is meant")
		return
	}
	if isPlain(n) && (looksLikePath.MatchString(n.Value) || looksComputed.MatchString(n.Value)) {
		p.unmarked = append(p.unmarked, unmarked{p.page.token(n), n.Value})
	}
	t.Literal = p.literal(n)
}

// unmarked is a literal that reads like an expression, of which the author may have
// forgotten the `=`. One that is a single name is so only where its field has the
// same name, or, being `key`, where the field is an identity.
type unmarked struct {
	at   span
	text string
}

var (
	// looksLikePath is a text that reads like `event.order_id`.
	looksLikePath = regexp.MustCompile(`^([a-z][a-z0-9_]*)(\.[A-Za-z_][A-Za-z0-9_]*)+$`)
	// looksComputed is one with an operator, a call or an index, like `n + 1`, `size(items)`
	// or `items[0]`. Sentences have these too: whether all names in it are known decides.
	looksComputed = regexp.MustCompile("^[a-z(!-].*( ([-+*/%<>?]|[<>=!]=|&&|[|][|]|in) |\\(.*\\)$|\\[.*\\]|\\.`.+`)")
	// namesIdentity is a field that mostly holds the key of an instance, like `order_id`.
	namesIdentity = regexp.MustCompile("(^|_)(id|key)$|[a-z](Id|ID|Key)$")
)

// The scalars of YAML 1.2's core schema, and what only looks like one of its
// numbers.
var (
	wholePattern    = regexp.MustCompile(`^[-+]?[0-9]+$`)
	basedPattern    = regexp.MustCompile(`^0(x[0-9a-fA-F]+|o[0-7]+)$`)
	fractionPattern = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
	notNumbers      = regexp.MustCompile(`^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)
	leadingZero     = regexp.MustCompile(`^[-+]?0[0-9]`)
)

// literal reads a scalar as YAML 1.2 does.
func (p *parser) literal(n *yaml.Node) value.Value {
	if !isPlain(n) {
		return n.Value
	}
	switch n.Value {
	case "null", "Null", "NULL", "~", "":
		return nil
	case "true", "True", "TRUE":
		return true
	case "false", "False", "FALSE":
		return false
	}
	switch {
	case notNumbers.MatchString(n.Value):
		return p.badNumber(n, "is no number that can be stored or sent", "use `null`, or the text \""+n.Value+"\"")
	case basedPattern.MatchString(n.Value):
		return p.basedNumber(n)
	case !fractionPattern.MatchString(n.Value):
		return n.Value
	case leadingZero.MatchString(n.Value):
		return p.leadingZero(n)
	case wholePattern.MatchString(n.Value):
		return p.wholeNumber(n)
	default:
		return p.fraction(n)
	}
}

func (p *parser) badNumber(n *yaml.Node, text, advice string) value.Value {
	p.report(p.page.token(n), codeBadNumber, fmt.Sprintf("`%s` %s", n.Value, text)).help(advice)
	return nil
}

func (p *parser) leadingZero(n *yaml.Node) value.Value {
	sign := strings.Repeat("-", strings.Count(n.Value[:1], "-"))
	number := strings.TrimLeft(strings.TrimLeft(n.Value, "+-"), "0")
	if number == "" || !unicode.IsDigit(rune(number[0])) {
		number = "0" + number
	}
	p.report(p.page.token(n), codeLeadingZero, fmt.Sprintf("`%s` is a number with a leading zero", n.Value)).
		help(fmt.Sprintf("write \"%s\" for a text (a code, a postal code), or %s for the number", n.Value, sign+number))
	return n.Value
}

func (p *parser) basedNumber(n *yaml.Node) value.Value {
	i, err := strconv.ParseInt(n.Value, 0, 64)
	if err != nil {
		return p.badNumber(n, "does not fit into 64 bits", "write it in quotes as a text")
	}
	return i
}

// wholeNumber gives an int, or beyond 64 bits a decimal.
func (p *parser) wholeNumber(n *yaml.Node) value.Value {
	if i, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
		return i
	}
	d, _, err := apd.NewFromString(n.Value)
	if err != nil || d.NumDigits() > 34 {
		return p.badNumber(n, "has more than 34 digits", "write it in quotes as a text")
	}
	return d
}

func (p *parser) fraction(n *yaml.Node) value.Value {
	f, err := strconv.ParseFloat(n.Value, 64)
	if err != nil || math.IsInf(f, 0) {
		return p.badNumber(n, "is too large for a number", "write it in quotes as a text")
	}
	return f
}

// thousandths reads a number with at most three decimals, exactly.
func (p *parser) thousandths(f *fields, word string, low, high int) (int, bool) {
	e, ok := f.take(word)
	if !ok {
		return 0, false
	}
	text, ok := p.scalar(e.value, "`"+word+"`", "a number")
	if !ok {
		return 0, false
	}
	n, ok := parseThousandths(text)
	if !ok || n < low || n > high {
		p.report(p.page.token(e.value), codeBadRetry, fmt.Sprintf("`%s` must be a number from %s to %s with at most three decimals", word, thousandthsText(low), thousandthsText(high)))
		return 0, false
	}
	return n, true
}

var thousandthsPattern = regexp.MustCompile(`^([0-9]{1,6})(?:\.([0-9]{1,3}))?$`)

func parseThousandths(text string) (int, bool) {
	m := thousandthsPattern.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1] + (m[2] + "000")[:3])
	return n, err == nil
}

func thousandthsText(n int) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%d.%03d", n/1000, n%1000), "0"), ".")
}
