package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"rondo/processor"
	"rondo/topology/diag"
)

// DefaultListen is where a node's HTTP endpoints answer.
const DefaultListen = "127.0.0.1:7070"

// maxFileBytes bounds what is read: a configuration is a page or two.
const maxFileBytes = 1 << 20

// File is what rondo.yaml says, with the defaults filled in.
type File struct {
	// Node is checked, but for its Definitions: those are in files that the
	// caller has to read.
	Node processor.Config
	// Definitions are files and folders.
	Definitions []string
	// Listen is where the HTTP endpoints answer; "" is nowhere.
	Listen string

	// Profiles says whether the HTTP endpoints give profiles too.
	Profiles bool
}

// Surroundings are what a file may refer to.
type Surroundings struct {
	Getenv   func(name string) (string, bool)
	ReadFile func(name string) ([]byte, error)
}

// Process is the surroundings of the running program.
func Process() Surroundings {
	return Surroundings{Getenv: os.LookupEnv, ReadFile: os.ReadFile}
}

// Load reads the file of that name. If anything in it is wrong, the list says
// so and the File is not to be used; src is the text for showing the places,
// in which secrets that should not be there are covered. err is only about
// reading the file.
func Load(name string, in Surroundings) (f *File, src []byte, list diag.List, err error) {
	src, err = in.ReadFile(name)
	if err != nil {
		return nil, nil, nil, err
	}
	f, list = Parse(name, src, in)
	return f, cover(src, list), list, nil
}

// cover replaces what stands where a secret was found, up to the end of the
// line, so that an excerpt does not carry it into logs.
func cover(src []byte, list diag.List) []byte {
	lines := strings.Split(string(src), "\n")
	for _, d := range list {
		if d.Code != CodeSecret || d.Pos.Line > len(lines) {
			continue
		}
		line := []rune(lines[d.Pos.Line-1])
		from := min(d.Pos.Column-1, len(line))
		lines[d.Pos.Line-1] = string(line[:from]) + strings.Repeat("*", len(line)-from)
	}
	return []byte(strings.Join(lines, "\n"))
}

// Parse reads src as the content of the file called name.
func Parse(name string, src []byte, in Surroundings) (*File, diag.List) {
	r := &reader{
		name:  name,
		in:    in,
		out:   &File{Listen: DefaultListen},
		found: map[string]diag.Pos{},
	}
	root, ok := r.tree(src)
	if !ok {
		return r.out, r.list
	}
	if root != nil {
		r.mapping(root, nil)
	}
	r.out.Node = r.out.Node.WithDefaults()
	if !filepath.IsAbs(r.out.Node.DataDir) && r.found["data-dir"].IsZero() {
		r.out.Node.DataDir = r.relative(r.out.Node.DataDir)
	}
	r.validate()
	slices.SortStableFunc(r.list, func(a, b diag.Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
	return r.out, r.list
}

// reader walks the tree of one file.
type reader struct {
	name  string
	in    Surroundings
	out   *File
	found map[string]diag.Pos // keys that are in the file
	bad   []string            // paths whose value could not be read
	list  diag.List
}

// tree parses the file. An empty file has a nil tree; ok is false where what
// is there makes no sense as a whole.
func (r *reader) tree(src []byte) (root *yaml.Node, ok bool) {
	top := diag.Pos{File: r.name, Line: 1, Column: 1}
	if len(src) > maxFileBytes {
		r.add(top, 1, CodeSyntax, fmt.Sprintf("the file has %d bytes, which is no configuration", len(src)), "")
		return nil, false
	}
	if d, found := diag.NotUTF8(r.name, src); found {
		r.add(d.Pos, d.Length, CodeSyntax, d.Message, d.Help)
		return nil, false
	}
	doc, err := document(src)
	if err != nil {
		r.syntax(err)
		return nil, false
	}
	if doc == nil || doc.Kind == yaml.ScalarNode && doc.Tag == "!!null" {
		return nil, true // what is missing is said by validate
	}
	if doc.Kind != yaml.MappingNode {
		r.at(doc, CodeValue, "a configuration is a list of keys with values, such as app: shop", "")
		return nil, false
	}
	return doc, true
}

var errSeveral = errors.New("there are several documents (---) in the file, and only one is read")

// document parses the one document of src; nil if there is none.
func document(src []byte) (*yaml.Node, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(src))
	if err != nil {
		return nil, err
	}
	var first, second yaml.Node
	switch err := loader.Load(&first); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err
	}
	if err := loader.Load(&second); !errors.Is(err, io.EOF) {
		return nil, cmp.Or(err, errSeveral)
	}
	if len(first.Content) == 0 {
		return nil, nil
	}
	return first.Content[0], nil
}

func (r *reader) syntax(err error) {
	pos := diag.Pos{File: r.name, Line: 1, Column: 1}
	text := err.Error()
	if le, ok := errors.AsType[*yaml.LoadError](err); ok {
		if le.Mark.Line > 0 {
			pos.Line, pos.Column = le.Mark.Line, max(le.Mark.Column, 1)
		}
		text = le.Message
	}
	r.add(pos, 1, CodeSyntax, "this is not YAML: "+text, "")
}

// mapping reads the keys of n, which stand under the path at.
func (r *reader) mapping(n *yaml.Node, at []string) {
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if first := seen[key.Value]; first != nil {
			r.twice(key, first)
			continue
		}
		seen[key.Value] = key
		r.entry(key, value, append(slices.Clone(at), key.Value))
	}
}

func (r *reader) twice(key, first *yaml.Node) {
	r.list = append(r.list, diag.Diagnostic{
		Code: CodeDuplicate, Pos: r.pos(key), Length: width(key),
		Message: fmt.Sprintf("%s is given twice", key.Value),
		Help:    "remove one of them",
		Related: []diag.Related{{Pos: r.pos(first), Message: "first given here"}},
	})
}

func (r *reader) entry(key, value *yaml.Node, at []string) {
	r.found[strings.Join(at, ".")] = r.pos(key)
	if value.Kind == yaml.AliasNode || value.Anchor != "" {
		r.unread(value, at, "anchors and aliases are not used here", "write the value where it belongs")
		return
	}
	if group, ok := groupAt(at); ok {
		r.group(group, value, at)
		return
	}
	k, ok := keyAt(at)
	if !ok {
		r.unknown(key, at)
		return
	}
	if value.Kind == yaml.ScalarNode && value.Tag == "!!null" {
		r.unread(key, at, key.Value+" has no value", "remove the key for the default ("+k.Default+"), or write as in: "+firstLine(k.Example))
		return
	}
	k.read(r, at, value)
}

func (r *reader) group(g Group, value *yaml.Node, at []string) {
	if isOff(value, at) {
		r.out.Listen = ""
		return
	}
	if value.Kind != yaml.MappingNode {
		r.unread(value, at, at[len(at)-1]+" holds keys with values", "one of "+strings.Join(childrenOf(at), ", "))
		return
	}
	if g.open != nil {
		g.open(r.out, at)
	}
	r.mapping(value, at)
}

// isOff reports whether a group is `http: off`, which says the same as its key.
func isOff(value *yaml.Node, at []string) bool {
	return len(at) == 1 && at[0] == "http" && value.Kind == yaml.ScalarNode && value.Value == "off"
}

func (r *reader) unknown(key *yaml.Node, at []string) {
	siblings := childrenOf(at[:len(at)-1])
	help := "the keys here are " + strings.Join(siblings, ", ")
	if meant, ok := diag.Suggest(key.Value, siblings); ok {
		help = fmt.Sprintf("did you mean %s?", meant)
	}
	r.at(key, CodeUnknownKey, fmt.Sprintf("%s is not a key of the configuration", strings.Join(at, ".")), help)
}

// validate adds what processor.Config finds wrong, at the key that it is about.
func (r *reader) validate() {
	err := r.out.Node.Validate()
	if err == nil {
		return
	}
	for _, one := range split(err) {
		var field *processor.FieldError
		if !errors.As(one, &field) || slices.Contains(r.bad, field.Field) {
			continue // the value itself could not be read, and that is said already
		}
		code, pos := CodeValue, r.nearest(field.Field)
		if r.found[field.Field].IsZero() {
			code = CodeMissing
		}
		r.add(pos, 1, code, field.Error(), "")
	}
}

// split takes apart what errors.Join has joined.
func split(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// nearest is the place of a key, or of the closest group that is in the file.
func (r *reader) nearest(path string) diag.Pos {
	for path != "" {
		if pos, ok := r.found[path]; ok {
			return pos
		}
		path = path[:max(strings.LastIndexByte(path, '.'), 0)]
	}
	return diag.Pos{File: r.name, Line: 1, Column: 1}
}

// unread reports a value that cannot be read, so that it is not reported again.
func (r *reader) unread(n *yaml.Node, at []string, message, help string) {
	r.bad = append(r.bad, strings.Join(at, "."))
	r.at(n, CodeValue, message, help)
}

func (r *reader) at(n *yaml.Node, code, message, help string) {
	r.add(r.pos(n), width(n), code, message, help)
}

func (r *reader) add(pos diag.Pos, length int, code, message, help string) {
	r.list = append(r.list, diag.Diagnostic{Code: code, Pos: pos, Length: length, Message: message, Help: help})
}

func (r *reader) pos(n *yaml.Node) diag.Pos {
	return diag.Pos{File: r.name, Line: n.Line, Column: n.Column}
}

// width is how many characters of the line to underline.
func width(n *yaml.Node) int {
	if n.Kind != yaml.ScalarNode {
		return 1
	}
	return max(len([]rune(firstLine(n.Value))), 1)
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// relative makes a path in the file relative to the file's folder.
func (r *reader) relative(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(r.name), path)
}
