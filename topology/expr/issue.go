package expr

// Codes of issues. They are stable: people look them up.
const (
	IssueSyntax          = "expression-syntax"
	IssueTooLong         = "expression-too-long"
	IssueNeedlessEquals  = "needless-equals"
	IssueUnknownVariable = "unknown-variable"
	IssueUnknownField    = "unknown-field"
	IssueUnknownFunction = "unknown-function"
	IssueUnknownTable    = "unknown-table"
	IssueWrongArguments  = "wrong-arguments"
	IssueWrongKind       = "wrong-kind"
	IssueNeverEqual      = "never-equal"
	IssueAlwaysFails     = "always-fails"
	IssueNotACondition   = "not-a-condition"
)

// Issue is what is wrong with an expression's text. Any issue means that there
// is no program.
type Issue struct {
	Offset  int // characters before the place
	Length  int // characters, at least 1
	Code    string
	Message string
	Help    string // what to do, or ""
}

func (s span) issue(code, message, help string) Issue {
	return Issue{Offset: int(s.offset), Length: max(1, int(s.length)), Code: code, Message: message, Help: help}
}
