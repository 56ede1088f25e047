package topology

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

func isEmpty(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "" && isPlain(n) && n.Tag == "!!null"
}

// isPlain reports whether a scalar is written without quotes on one line or
// several, not as a block.
func isPlain(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode &&
		n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
}

func isTagged(n *yaml.Node) bool { return n.Style&yaml.TaggedStyle != 0 || n.Tag == "!" }

// refuse goes over the tree before it is read. It reports what the language
// does not have of YAML (tags, anchors, keys that are no text, keys twice) and
// expressions that YAML has torn apart. What can be mended is mended in the
// tree, so that it is reported once; what cannot is marked broken.
func (p *parser) refuse(n *yaml.Node) {
	switch n.Kind {
	case yaml.AliasNode:
		p.refuseAlias(n)
		return
	case yaml.MappingNode:
		p.refuseInMapping(n)
	case yaml.SequenceNode:
		p.joinSplitItems(n)
		for _, item := range n.Content {
			p.refuse(item)
		}
	case yaml.ScalarNode:
		if strings.HasPrefix(n.Value, "=") {
			p.findCut(n)
		}
	}
	p.refuseAnchor(n)
	p.refuseTag(n)
}

func (p *parser) refuseAlias(n *yaml.Node) {
	p.spoil(n)
	p.report(p.page.token(n), codeYAMLAnchor, fmt.Sprintf("`*%s` is a YAML alias; definitions have none", n.Value)).
		help("write the value out; an expression that begins with `*` is put in quotes")
}

func (p *parser) refuseAnchor(n *yaml.Node) {
	if n.Anchor == "" || p.broken[n] {
		return
	}
	at := p.page.token(n)
	p.report(at, codeYAMLAnchor, fmt.Sprintf("`&%s` is a YAML anchor; definitions have none", n.Anchor)).
		help("remove it and write the value out where it is needed")
}

func (p *parser) refuseTag(n *yaml.Node) {
	if !isTagged(n) || p.broken[n] {
		return
	}
	p.spoil(n)
	p.report(p.page.token(n), codeYAMLTag, fmt.Sprintf("`%s` is a YAML tag; definitions have none", n.Tag)).
		help("remove it; a text that begins with `!` is put in quotes")
}

// refuseInMapping looks at keys, and at values with the knowledge of their key.
func (p *parser) refuseInMapping(n *yaml.Node) {
	p.joinSplitValues(n)
	first := map[string]*yaml.Node{}
	kept := n.Content[:0]
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if !p.refuseKey(key) {
			p.holed[n] = true
			p.lose(key)
			p.lose(value)
			continue
		}
		if before, ok := first[key.Value]; ok {
			p.report(p.page.token(key), codeDuplicateKey, fmt.Sprintf("`%s` stands here twice", key.Value)).
				related(p.page.token(before), "first written here").
				help("keep one of the two")
			p.holed[n] = true
			p.lose(key)
			p.lose(value)
			continue
		}
		first[key.Value] = key
		if p.isExpressionWord(key.Value) {
			p.restoreNegation(key, value)
			p.findCut(value)
		}
		p.refuse(value)
		kept = append(kept, key, value)
	}
	n.Content = kept
}

// refuseKey reports a key that is no name and tells whether it is one.
func (p *parser) refuseKey(key *yaml.Node) bool {
	switch {
	case key.Kind == yaml.AliasNode:
		p.refuseAlias(key)
	case key.Tag == "!!merge":
		p.report(p.page.token(key), codeYAMLAnchor, "`<<` is a YAML merge key; definitions have none").
			help("write the entries out")
	case key.Kind != yaml.ScalarNode:
		p.report(p.page.token(key), codeBadKey, "a key must be a text, not a mapping or a list")
	case key.Value == "":
		p.report(p.page.token(key), codeBadKey, "a key is empty")
	case isTagged(key):
		p.refuseTag(key)
	default:
		p.refuseAnchor(key)
		return true
	}
	return false
}

// syntax reports what the YAML library found. It stops at the first error.
func (p *parser) syntax(err error) {
	var at *yaml.LoadError
	switch {
	case strings.Contains(err.Error(), errTooDeep.Error()): // the library does not wrap it
		p.report(p.deepest(err), codeTooDeep, fmt.Sprintf("mappings and lists are nested more than %d deep", nestingMax)).
			help("move inner steps into blocks of their own, further out")
	case !errors.As(err, &at):
		p.report(p.page.file0(), codeYAMLSyntax, "the file cannot be read as YAML: "+err.Error())
	case at.Stage == "composer" && strings.HasPrefix(at.Message, "unknown anchor"):
		p.report(p.page.mark(at.Mark), codeYAMLAnchor, "a value begins with `*`, which makes it a YAML alias; definitions have none").
			help("put an expression that begins with `*` in quotes")
	default:
		p.badSyntax(at)
	}
}

func (p *parser) deepest(err error) span {
	var at *yaml.LoadError
	if errors.As(err, &at) && at.Mark.Line > 0 {
		return p.page.mark(at.Mark)
	}
	return p.page.file0()
}

func (p *page) mark(m yaml.Mark) span {
	if m.Line == 0 {
		return p.file0()
	}
	line := min(m.Line, max(len(p.lines), 1))
	return span{p.at(line, max(m.Column, 1)), 1}
}

func (p *parser) badSyntax(err *yaml.LoadError) {
	at := p.page.mark(err.Mark)
	if value, quoted, ok := p.page.tornExpression(at); ok {
		p.report(value, codeYAMLSyntax, "YAML cannot read this expression without quotes").help("write it as " + quoted)
		return
	}
	text, advice := syntaxText(err, p.page.rest(at.pos.Line, at.pos.Column))
	f := p.report(at, codeYAMLSyntax, text).help(advice)
	if cut := p.page.commentBetween(err.ContextMark.Line, err.Mark.Line); cut {
		f.help("a `#` behind a blank begins a comment: put a text that holds one in quotes\n" + advice)
	}
	if before := err.ContextMark; before.Line > 0 && before.Line != err.Mark.Line {
		f.related(p.page.mark(before), "in what begins here")
	}
}

// commentBetween reports whether a comment that may be none (without a blank
// behind the `#`) stands on the lines in which a bracket is not closed.
func (p *page) commentBetween(first, last int) bool {
	for line := max(first, 1); first > 0 && line < last && line < first+20; line++ {
		if maybeComment.MatchString(string(p.rest(line, 1))) {
			return true
		}
	}
	return false
}

var maybeComment = regexp.MustCompile(`\s#[^\s#]`)

// syntaxText says in plain words what the library says in those of the YAML
// specification.
func syntaxText(err *yaml.LoadError, rest []rune) (text, advice string) {
	found := ""
	if len(rest) > 0 {
		found = string(rest[0])
	}
	switch m := err.Message; {
	case strings.Contains(m, "expected key"):
		return "the indentation does not fit, or something follows a value that was complete",
			"bring the line to the column of its neighbours, or put the whole value in quotes"
	case strings.Contains(m, "expected ',' or '}'"):
		return "a `{` is not closed", "put `,` between entries and `}` at the end"
	case strings.Contains(m, "expected ',' or ']'"):
		return "a `[` is not closed", "put `,` between items and `]` at the end"
	case strings.Contains(m, "expected '-' indicator"):
		return "an item of a list must begin with `- `", "bring the line to the column of its neighbours"
	case strings.Contains(m, "mapping values are not allowed"):
		return "a `:` stands where no value can begin",
			"put a text that holds `: ` in quotes, or check the indentation of this line and the one above"
	case strings.Contains(m, "block sequence entries are not allowed"):
		return "a list cannot begin here", "put the list on lines of its own, below the key"
	case strings.Contains(m, "could not find expected ':'"):
		return "a key without `:` and a blank behind it", "write `key: value`"
	case found == "\t":
		return "a tab; YAML is indented with blanks", "replace the tab by blanks"
	case found == ">" || found == "|":
		return "a block of lines cannot stand inside of `{ }` or `[ ]`", "put the key on a line of its own, or the value in quotes"
	case strings.Contains(m, "cannot start any token"):
		return fmt.Sprintf("a value cannot begin with `%s` without quotes", found), "put the value in quotes"
	case strings.Contains(m, "unexpected end of stream") && strings.Contains(err.ContextMsg, "quoted"):
		return "a quoted text is not closed", "add the closing quote"
	case strings.Contains(m, "unknown escape character"):
		return "an unknown escape in a text in double quotes", "write `\\\\` for a backslash, or use single quotes"
	case strings.Contains(m, "incompatible YAML document"):
		return "the file asks for another version of YAML", "remove the line `%YAML`: definitions are YAML 1.2"
	default:
		return "this is not YAML: " + m, ""
	}
}
