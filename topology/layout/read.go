package layout

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// templateWords are the words below which every scalar is a literal or begins
// with `=`.
var templateWords = []string{"with", "headers", "set", "message", "data", "output", "collect"}

// exprWords are the words whose value is an expression without `=`.
var exprWords = []string{"when", "if", "until", "key", "id", "in", "while"}

// reader makes nodes of a file.
type reader struct {
	scan *scanner
	// order are all entries, in the order of the file.
	order []*place
}

// place is where an entry stands in the file, for the comments around it.
type place struct {
	position
	entry *Entry
	in    *frame // the mapping or list that it belongs to
}

// frame is a mapping or list with its place.
type frame struct {
	node         *Node
	line, column int
	flow         bool
	end          position // of a flow collection: its closing bracket
	owner        *place   // the entry whose value it is; nil for the file
}

// read makes a tree of a file that Parse has found right.
func read(src []byte) (*Node, error) {
	root, err := load(src)
	if err != nil {
		return nil, err
	}
	r := &reader{scan: newScanner(src)}
	n := r.node(root, nil, "", false)
	r.scan.finish()
	r.place()
	return n, nil
}

func load(src []byte) (*yaml.Node, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(src), yaml.WithV4Defaults())
	if err != nil {
		return nil, fmt.Errorf("set up the YAML loader: %w", err)
	}
	var doc yaml.Node
	if err := loader.Load(&doc); err != nil {
		return nil, err
	}
	return doc.Content[0], nil
}

// node reads a value. word is the key that it stands behind; template is true
// below a word of templateWords.
func (r *reader) node(n *yaml.Node, owner *place, word string, template bool) *Node {
	template = template || slices.Contains(templateWords, word)
	switch n.Kind {
	case yaml.MappingNode:
		return r.mapping(n, owner, template)
	case yaml.SequenceNode:
		return r.list(n, owner, template || word == "in")
	default:
		return r.scalar(n, word, template)
	}
}

func (r *reader) frame(n *yaml.Node, owner *place, k kind) *frame {
	flow := n.Style&yaml.FlowStyle != 0
	f := &frame{node: &Node{kind: k, block: !flow}, line: n.Line, column: n.Column, flow: flow, owner: owner}
	if flow {
		r.scan.open(f)
	}
	return f
}

func (r *reader) mapping(n *yaml.Node, owner *place, template bool) *Node {
	f := r.frame(n, owner, mapping)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		e := &Entry{Key: key.Value}
		at := r.put(e, key.Line, key.Column, f)
		r.scan.skip(key)
		e.Value = r.node(value, at, key.Value, template)
	}
	r.close(f)
	return f.node
}

func (r *reader) list(n *yaml.Node, owner *place, template bool) *Node {
	f := r.frame(n, owner, list)
	for _, item := range n.Content {
		e := &Entry{}
		line, column := item.Line, item.Column
		if !f.flow {
			r.scan.toDash(n.Column)
			line, column = r.scan.at.line, n.Column
		}
		at := r.put(e, line, column, f)
		e.Value = r.node(item, at, "", template)
	}
	r.close(f)
	return f.node
}

func (r *reader) put(e *Entry, line, column int, f *frame) *place {
	at := &place{position{line, column}, e, f}
	f.node.entries = append(f.node.entries, e)
	r.order = append(r.order, at)
	return at
}

func (r *reader) close(f *frame) {
	if f.flow {
		r.scan.close(f)
	}
}

func (r *reader) scalar(n *yaml.Node, word string, template bool) *Node {
	r.scan.skip(n)
	const quotes = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle
	plain := n.Style&(quotes|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	switch {
	case strings.HasPrefix(n.Value, "="), !template && slices.Contains(exprWords, word):
		return Bare(strings.TrimSpace(n.Value))
	case plain && otherKind.MatchString(n.Value):
		return &Node{text: n.Value}
	case plain:
		return Text(n.Value)
	default:
		return Literal(n.Value)
	}
}
