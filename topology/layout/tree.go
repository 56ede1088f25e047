package layout

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// Node is a scalar, a mapping or a list that is to be written.
type Node struct {
	kind kind
	text string
	// quoted texts keep their quotes although they do not need them.
	quoted bool
	// block mappings and lists stand on lines of their own; the others do so only
	// when they do not fit on one.
	block   bool
	entries []*Entry
	foot    []comment // behind the last entry, on lines of their own
}

type kind int

const (
	plainScalar kind = iota // a number, truth value or null: written as it is
	textScalar              // a text, quoted where it must be
	exprScalar              // an expression, with or without `=`
	mapping
	list
)

// Entry is `key: value` of a mapping, or an item of a list (without a key).
type Entry struct {
	Key   string
	Value *Node

	head  []comment // on lines of their own before it
	tail  string    // behind it on its line, with the `#`
	blank bool      // an empty line before it
}

// comment is one line of comment, with the `#`.
type comment struct {
	text  string
	blank bool // an empty line before it
}

// Text is a text that is no expression.
func Text(text string) *Node { return &Node{kind: textScalar, text: text} }

// Literal is a text in a place where an expression might stand: one that reads
// like `event.id` gets quotes, so that nobody takes it for one.
func Literal(text string) *Node {
	n := Text(text)
	n.quoted = looksLikePath.MatchString(text)
	return n
}

// Bare is an expression in a place where only expressions stand.
func Bare(text string) *Node { return &Node{kind: exprScalar, text: text} }

// Expression is an expression in a place where a literal might stand: `=text`.
func Expression(text string) *Node { return Bare("=" + text) }

// Null is `null`.
func Null() *Node { return &Node{text: "null"} }

// Bool is `true` or `false`.
func Bool(b bool) *Node { return &Node{text: strconv.FormatBool(b)} }

// Int is a whole number.
func Int(i int64) *Node { return &Node{text: strconv.FormatInt(i, 10)} }

// Float is a number that is read as a double again; false if YAML has none for
// it (NaN, infinity).
func Float(f float64) (*Node, bool) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, false
	}
	text := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return &Node{text: text}, true
}

// Decimal is a number that is read as a decimal again; false unless it is whole
// and beyond 64 bits, for other numbers in a definition are ints or doubles.
func Decimal(d *apd.Decimal) (*Node, bool) {
	text := d.Text('f')
	if _, err := strconv.ParseInt(text, 10, 64); err == nil || d.Form != apd.Finite || strings.Contains(text, ".") || d.Exponent != 0 {
		return nil, false
	}
	return &Node{text: text}, true
}

// Flow is a mapping on one line, if it fits.
func Flow(entries ...*Entry) *Node { return &Node{kind: mapping, entries: entries} }

// Block is a mapping with a line for each entry.
func Block(entries ...*Entry) *Node { return &Node{kind: mapping, block: true, entries: entries} }

// List is a list on one line, if it fits.
func List(items ...*Node) *Node {
	n := &Node{kind: list}
	for _, item := range items {
		n.entries = append(n.entries, &Entry{Value: item})
	}
	return n
}

// Steps is a list with a line or more for each item.
func Steps(items ...*Node) *Node {
	n := List(items...)
	n.block = true
	return n
}

// blockWords are the words whose step reads better on lines of its own.
var blockWords = []string{"await", "until", "do", "fork", "for", "switch", "catch", "compensate", "migrate"}

// flowWordsMax is how many words a step has on one line at most.
const flowWordsMax = 4

// Step is the body of a step or reaction: on one line if it is simple.
func Step(entries ...*Entry) *Node {
	n := Flow(entries...)
	n.block = len(entries) > flowWordsMax || slices.ContainsFunc(entries, func(e *Entry) bool {
		return slices.Contains(blockWords, e.Key)
	})
	return n
}

// Apart puts an empty line before the entry.
func (e *Entry) Apart() *Entry {
	e.blank = true
	return e
}

// IsEmpty reports whether a mapping or list has nothing in it.
func (n *Node) IsEmpty() bool { return len(n.entries) == 0 && len(n.foot) == 0 }

func (n *Node) isScalar() bool { return n.kind <= exprScalar }

// needsLines reports whether a mapping or list cannot stand on one line, for it
// or something inside shall have lines of its own, or has a comment.
func (n *Node) needsLines() bool {
	return len(n.entries) > 0 && n.block || len(n.foot) > 0 || slices.ContainsFunc(n.entries, func(e *Entry) bool {
		return len(e.head) > 0 || e.tail != "" || e.Value.needsLines()
	})
}

// Number is a number as it is written.
func Number(text string) *Node { return &Node{text: text} }

// Joined is a mapping with the entries of two.
func (n *Node) Joined(other *Node) *Node {
	out := *n
	out.entries = slices.Concat(n.entries, other.entries)
	return &out
}
