package layout

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"rondo/topology"
	"rondo/topology/diag"
)

// Format writes a definition as its author has written it, in the canonical
// form: the same words and values in the same order, with all comments.
//
// It fails, with a *WrongError whose findings name the file as file, if the
// definition has errors, for then it is not known what is meant.
func Format(file string, src []byte) ([]byte, error) {
	if _, list := topology.Parse(file, src, noSchemas); list.HasErrors() {
		return nil, &WrongError{list}
	}
	root, err := read(src)
	if err != nil {
		return nil, fmt.Errorf("format the definition: %w", err)
	}
	out := Print(root)
	if err := same(src, out); err != nil {
		return nil, fmt.Errorf("format the definition: %w: it is left as it is (this is an error in Rondo)", err)
	}
	return out, nil
}

// noSchemas stands for the schema files, which the form does not depend on.
func noSchemas(string) ([]byte, error) { return nil, nil }

// WrongError says that a file cannot be formatted for it has errors.
type WrongError struct{ Findings diag.List }

func (e *WrongError) Error() string {
	for _, d := range e.Findings {
		if d.Severity == diag.Error {
			return fmt.Sprintf("line %d: %s", d.Pos.Line, d.Message)
		}
	}
	return "the definition has errors"
}

// same reports how two files differ in what they say: their values or their
// comments.
func same(a, b []byte) error {
	x, err := load(a)
	if err != nil {
		return err
	}
	y, err := load(b)
	if err != nil {
		return fmt.Errorf("the result cannot be read: %w", err)
	}
	if err := sameNode(x, y); err != nil {
		return err
	}
	before, after := commentsOf(a, x), commentsOf(b, y)
	slices.Sort(before)
	slices.Sort(after)
	if !slices.Equal(before, after) {
		return errors.New("a comment would be lost")
	}
	return nil
}

func sameNode(a, b *yaml.Node) error {
	if a.Kind != b.Kind || a.Tag != b.Tag || strings.TrimSpace(a.Value) != strings.TrimSpace(b.Value) || len(a.Content) != len(b.Content) {
		return fmt.Errorf("line %d would be read as something else", a.Line)
	}
	if a.Value != b.Value && !strings.HasPrefix(a.Value, "=") && !isExpression(a.Value, b.Value) {
		return fmt.Errorf("line %d would be read with other blanks", a.Line)
	}
	for i := range a.Content {
		if err := sameNode(a.Content[i], b.Content[i]); err != nil {
			return err
		}
	}
	return nil
}

// isExpression reports whether two texts differ only in blanks around them that
// were trimmed, which is done for expressions alone.
func isExpression(a, b string) bool { return strings.TrimSpace(a) == b }

// commentsOf lists the comments of a file.
func commentsOf(src []byte, root *yaml.Node) []string {
	r := &reader{scan: newScanner(src)}
	r.node(root, nil, "", false)
	r.scan.finish()
	var out []string
	for _, c := range r.scan.comments {
		out = append(out, c.text)
	}
	return out
}
