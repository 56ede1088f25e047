package expr

import (
	"errors"
	"slices"

	"rondo/topology/value"
)

// Program is a compiled expression. It does not change; any number may evaluate
// it at once.
type Program struct {
	text   string
	at     span // of all that is not blank
	root   node
	result static
	reads  []string
	slots  int
	weight int
	most   Limits
}

// Compile checks an expression and prepares it for evaluation. If there are
// issues, all that were found are returned, in the order of their places, and no
// program.
func Compile(text string, vars Scope) (*Program, []Issue) {
	tree, issues := parse(text)
	if len(issues) > 0 {
		return nil, issues
	}
	c := &compiler{runes: []rune(text), source: tree.SourceInfo(), scope: vars, reads: map[string]bool{}}
	root, result := c.expr(tree.Expr())
	if len(c.issues) == 0 {
		c.checkResult(result)
	}
	if len(c.issues) > 0 {
		slices.SortStableFunc(c.issues, func(a, b Issue) int { return a.Offset - b.Offset })
		return nil, c.issues
	}
	return &Program{text: text, at: textSpan(c.runes), root: root, result: result, reads: c.sortedReads(), slots: c.slots, weight: c.weight, most: DefaultLimits()}, nil
}

// CompileCondition is like Compile for an expression that must be true or false:
// one that can be neither is an issue.
func CompileCondition(text string, vars Scope) (*Program, []Issue) {
	p, issues := Compile(text, vars)
	if len(issues) > 0 {
		return nil, issues
	}
	if p.result.kinds&kBool == 0 {
		message := "a condition is expected here, but this is " + p.result.kinds.withArticle()
		return nil, []Issue{p.at.issue(IssueNotACondition, message, conditionHelp(p.result))}
	}
	return p, nil
}

// Within returns the program with other limits. Both of them must be above 0.
func (p *Program) Within(most Limits) *Program {
	within := *p
	within.most = most
	return &within
}

// textSpan is the place of all that is not blank.
func textSpan(runes []rune) span {
	start, end := 0, len(runes)
	for start < end && isBlank(runes[start]) {
		start++
	}
	for end > start && isBlank(runes[end-1]) {
		end--
	}
	return span{int32(start), int32(end - start)}
}

func isBlank(c rune) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// checkResult finds a result that can never be a value.
func (c *compiler) checkResult(result static) {
	if result.kinds == kOptional {
		c.report(textSpan(c.runes), IssueWrongKind, "the result is an optional, which is no value", "end it with .orValue(…): what shall hold if there is none?")
	}
}

// Eval computes the value. The error is an *Error. The value can be stored and
// sent: it holds neither NaN nor infinity, is nested no deeper than
// value.DepthMax, and shares what it can with the bindings' values.
func (p *Program) Eval(b Bindings) (value.Value, error) {
	v, err := p.eval(b)
	if err != nil {
		return nil, err
	}
	return v, nil
}

func (p *Program) eval(b Bindings) (value.Value, *Error) {
	f := newFrame(b, p.slots, p.most)
	defer f.release()
	if err := f.spend(p.weight, p.at); err != nil {
		return nil, err
	}
	v, err := p.root.eval(f)
	if err != nil {
		return nil, err.finished()
	}
	return p.checked(v)
}

// checked keeps what cannot be stored from leaving.
func (p *Program) checked(v value.Value) (value.Value, *Error) {
	switch v.(type) {
	case bool, int64, nil:
		return v, nil
	case *optional:
		return nil, p.at.fail("the result is an optional: end it with .orValue(…)")
	}
	err := value.Check(v, resultMax)
	switch {
	case err == nil:
		return v, nil
	case errors.Is(err, value.ErrTooDeep), errors.Is(err, value.ErrTooLarge):
		return nil, p.at.limit(CodeSize, "the result is too large: %v", err)
	case errors.Is(err, value.ErrNoValue):
		return nil, p.at.fail("the result holds an optional: end it with .orValue(…)")
	}
	return nil, p.at.fail("the result: %v", err)
}

// Reads lists the variables of the scope that the expression uses, in
// alphabetical order.
func (p *Program) Reads() []string { return p.reads }

// Constant returns the value if it is the same each time.
func (p *Program) Constant() (value.Value, bool) {
	c, ok := p.root.(*constNode)
	if !ok {
		return nil, false
	}
	v, err := p.checked(c.v)
	return v, err == nil
}

// ResultKind returns the kind of every result, if that is known beforehand.
func (p *Program) ResultKind() (value.Kind, bool) { return p.result.kinds.single() }

// CanBe reports whether a result may have this kind. It is false only if that is
// certain.
func (p *Program) CanBe(kind value.Kind) bool { return p.result.kinds&kindsOf(kind) != 0 }

// String is the text of the expression.
func (p *Program) String() string { return p.text }
