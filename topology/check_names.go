package topology

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"rondo/topology/diag"
)

// The forms of names, as regular expressions. They keep messages, variables and
// steps apart wherever two of them could stand.
const (
	KebabPattern   = `^[a-z][a-z0-9]*(-[a-z0-9]+)*$`
	SnakePattern   = `^[a-z][a-z0-9_]*$`
	MessagePattern = `^[A-Z][A-Za-z0-9_]*$`
	TopicPattern   = `^[a-zA-Z0-9._-]{1,249}$`
)

var (
	kebabName   = regexp.MustCompile(KebabPattern)
	snakeName   = regexp.MustCompile(SnakePattern)
	messageName = regexp.MustCompile(MessagePattern)
	topicName   = regexp.MustCompile(TopicPattern)
)

// NameMaxLength bounds names, which become parts of headers, paths and ids.
const NameMaxLength = 100

const nameMaxLength = NameMaxLength

// ReservedVariables are the names that no variable has: the engine sets them, or
// the expression language keeps them for itself.
func ReservedVariables() []string { return slices.Concat(builtInVariables(), celWords()) }

// builtInVariables are set by the engine.
func builtInVariables() []string {
	return []string{"key", "event", "headers", "record", "now", "instance", "command", "error", "index", "undoes"}
}

// celWords cannot be variables, because CEL keeps them for itself.
func celWords() []string {
	return []string{
		"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop",
		"namespace", "null", "package", "return", "true", "var", "void", "while",
	}
}

// checkKebab checks the name of a step, an error or a workflow.
func (p *parser) checkKebab(at span, what, name string) {
	if !p.checkLength(at, name) || kebabName.MatchString(name) {
		return
	}
	f := p.report(at, codeBadName, fmt.Sprintf("`%s` is no name for a%s %s: they are in kebab-case, like `new-card`", name, vowel(what), what))
	if k := kebab(name); kebabName.MatchString(k) {
		f.help("write `" + k + "`")
		p.loseName(k)
	}
}

func vowel(what string) string {
	if strings.ContainsRune("aeiou", rune(what[0])) {
		return "n"
	}
	return ""
}

func (p *parser) checkLength(at span, name string) bool {
	if len(name) <= nameMaxLength {
		return true
	}
	p.report(at, codeBadName, fmt.Sprintf("a name has %d characters; at most %d", len(name), nameMaxLength))
	return false
}

func (p *parser) checkErrorName(at span, name string) {
	if strings.Contains(name, ".") && p.checkLength(at, name) {
		p.report(at, codeReservedName, fmt.Sprintf("`%s` has a dot: such error names are reserved", name)).
			help("write `" + kebab(name) + "`")
		return
	}
	p.checkKebab(at, "error", name)
}

func (p *parser) checkMessageName(at span, name string) {
	if !p.checkLength(at, name) || messageName.MatchString(name) {
		return
	}
	f := p.report(at, codeBadName, fmt.Sprintf("`%s` is no name for a message: they begin with a capital and have letters and digits", name))
	if c := capitals(name); messageName.MatchString(c) {
		p.loseName(c)
		f.help("write `" + c + "`; what stands on the wire is said by `type`: " + c + ": {type: " + name + ", …}")
	}
}

// capitals turns a text into a message's name: order-placed → OrderPlaced.
func capitals(text string) string {
	parts := strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune("-_. /", c) })
	for i, part := range parts {
		parts[i] = strings.ToUpper(part[:1]) + part[1:]
	}
	return strings.Join(parts, "")
}

func (p *parser) checkVariable(at span, name string) {
	switch {
	case !p.checkLength(at, name):
	case slices.Contains(builtInVariables(), name):
		p.report(at, codeReservedName, fmt.Sprintf("`%s` is set by Rondo and cannot be a variable", name)).
			help("take another name, like `my_" + name + "`")
	case slices.Contains(celWords(), name):
		p.report(at, codeReservedName, fmt.Sprintf("`%s` is a word of the expression language and cannot be a variable", name)).
			help("take another name, like `my_" + name + "`")
	default:
		p.checkSnake(at, "variable", name)
	}
}

// checkSnake checks the name of a variable or a table.
func (p *parser) checkSnake(at span, what, name string) {
	if !p.checkLength(at, name) || snakeName.MatchString(name) {
		return
	}
	f := p.report(at, codeBadName, fmt.Sprintf("`%s` is no name for a %s: they are in snake_case, like `card_token`", name, what))
	if s := strings.ReplaceAll(kebab(name), "-", "_"); snakeName.MatchString(s) {
		p.loseName(s)
		f.help("write `" + s + "`")
	}
}

func (p *parser) checkTopic(name string, pos diag.Pos) {
	if topicName.MatchString(name) && name != "." && name != ".." {
		return
	}
	f := p.report(spanOf(pos, name), codeBadTopic, fmt.Sprintf("`%s` is no name for a Kafka topic", name))
	switch {
	case len(name) > 249:
		f.help("a topic's name has at most 249 characters")
	default:
		f.help("a topic's name has letters, digits, `.`, `_` and `-` only")
	}
}
