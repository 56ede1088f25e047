package topology

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	yaml "go.yaml.in/yaml/v4"

	"rondo/topology/diag"
)

const (
	// sourceMaxBytes bounds a definition and each schema file that it names.
	sourceMaxBytes = 1 << 20
	// nestingMax bounds how deep mappings and lists may be nested in the file: a
	// step takes about four levels, and blocks may be nested 16 deep.
	nestingMax = 100
)

// Parse reads a definition from YAML and checks its structure: the words and
// their values, names, jumps, limits, and what is legal but hardly meant
// (warnings). It finds all in one run. The inside of expressions is checked by
// Compile, also for a definition with errors.
//
// Findings name the file as file. Parse asks files for the schema files that the
// definition names, by the name written there; nil has none.
//
// The list is sorted by place. The definition is nil when src cannot be read as
// YAML at all. When the list has errors the definition holds what was understood
// (no nil elements, but empty names and missing values) and what was not (see
// gaps); Compile makes no Plan of it, but finds what else is wrong.
func Parse(file string, src []byte, files func(name string) ([]byte, error)) (*Definition, diag.List) {
	p := &parser{
		findings: &findings{},
		page:     newPage(file, src),
		words:    newVocabulary(),
		broken:   map[*yaml.Node]bool{},
		holed:    map[*yaml.Node]bool{},
		gaps:     newGaps(),
	}
	root := p.load(src)
	if root == nil {
		return nil, p.findings.sorted()
	}
	if !p.looksLikeWorkflow(root) {
		return nil, p.findings.sorted()
	}
	p.refuse(root)
	def := p.workflow(root)
	def.Source = bytes.Clone(src)
	def.Files = p.schemas(def, files)
	newChecker(def, p).check()
	if p.list.HasErrors() {
		def.gaps = p.gaps
	}
	return def, p.findings.sorted()
}

// parser turns YAML nodes into a Definition. It reports what is wrong and goes
// on with what is left, so that one error hides no other and causes none.
type parser struct {
	*findings
	page  *page
	words *vocabulary

	// broken nodes have been reported: whoever meets one says nothing more.
	broken map[*yaml.Node]bool
	// holed mappings had entries that were refused: what they lack is not missed.
	holed map[*yaml.Node]bool
	gaps  *gaps
	// faults counts what was reported of the part of the file that is being read,
	// see whole.
	faults int
	// unmarked are literals of which the author may have forgotten the `=`.
	unmarked []unmarked
}

// findings collects diagnostics, each once and no more than findingsMax.
type findings struct {
	list    diag.List
	dropped int
}

// findingsMax bounds what is reported for one file: nobody reads more, and a
// hostile file must not make a report many times its size.
const findingsMax = 200

func (f *findings) full() bool { return len(f.list) >= findingsMax }

func (f *findings) sorted() diag.List {
	list := f.list.Sorted()
	if f.dropped > 0 && len(list) > 0 {
		list = append(list, diag.Diagnostic{
			Code:    codeTooManyFindings,
			Pos:     diag.Pos{File: list[0].Pos.File},
			Message: diag.CountOf(f.dropped, "more finding is", "more findings are") + " not shown",
			Help:    "mend the first ones and check again",
		})
	}
	return list
}

// load reads the one document of the file; nil if there is none to go on with.
func (p *parser) load(src []byte) *yaml.Node {
	if len(src) > sourceMaxBytes {
		p.report(p.page.file0(), codeFileTooLarge,
			fmt.Sprintf("the file has %d bytes; at most %d are read", len(src), sourceMaxBytes)).
			help("split the workflow, or move large literals into the services")
		return nil
	}
	if d, found := diag.NotUTF8(p.page.file, src); found {
		p.report(span{d.Pos, d.Length}, codeNotUTF8, d.Message).help(d.Help)
		return nil
	}
	if at, found := p.page.first(src, isUnprintable); found {
		p.report(at, codeYAMLSyntax, "the file holds a control character, which YAML forbids").help("remove it")
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(src), yaml.WithV4Defaults(), yaml.WithPlugin(limits{}))
	if err != nil {
		panic("set up the YAML loader: " + err.Error()) // the options are constants
	}
	root := p.document(loader)
	if root == nil {
		return nil
	}
	p.onlyDocument(loader)
	return root
}

func (p *parser) document(loader *yaml.Loader) *yaml.Node {
	var doc yaml.Node
	err := loader.Load(&doc)
	if err != nil && !errors.Is(err, io.EOF) {
		p.syntax(err)
		return nil
	}
	if err != nil || len(doc.Content) == 0 || isEmpty(doc.Content[0]) {
		p.report(p.page.file0(), codeEmptyFile, "the file holds no definition").
			help("begin with `workflow: NAME` and `version: 1`")
		return nil
	}
	return doc.Content[0]
}

// looksLikeWorkflow refuses what is something else altogether, such as the file
// of another tool: to go through its words one by one would help nobody.
func (p *parser) looksLikeWorkflow(root *yaml.Node) bool {
	if root.Kind != yaml.MappingNode {
		return true // said where the file's words are read
	}
	for i := 0; i < len(root.Content); i += 2 {
		name := root.Content[i].Value
		if _, near := diag.Suggest(name, []string{"workflow", "messages", "start"}); near || name == "do" {
			return true
		}
	}
	p.report(p.page.file0(), codeEmptyFile, "the file holds no workflow: it has none of `workflow`, `messages`, `start` and `do`").
		help("begin with `workflow: NAME` and `version: 1`; keep files of other tools in another folder")
	return false
}

// onlyDocument reports what follows the first document.
func (p *parser) onlyDocument(loader *yaml.Loader) {
	var next yaml.Node
	switch err := loader.Load(&next); {
	case errors.Is(err, io.EOF):
	case err != nil:
		p.syntax(err)
	default:
		p.report(p.page.dashes(next.Line), codeSeveralDocuments, "the file holds several documents").
			help("a file holds one definition: remove the `---`, or move what follows into a file of its own")
	}
}

// limits bounds the nesting while the library reads, before there is a tree.
type limits struct{}

var errTooDeep = errors.New("nested too deep")

func (limits) CheckDepth(depth int, _ *yaml.DepthContext) error {
	if depth > nestingMax {
		return errTooDeep
	}
	return nil
}

// CheckAlias is part of the plugin's interface; aliases are refused, never expanded.
func (limits) CheckAlias(int, int) error { return nil }

// finding is a diagnostic that is still being written. It is added when it is
// made, so that a caller who has no more to say needs no closing word.
type finding struct {
	d     *diag.Diagnostic
	shown bool
}

// report adds an error at a span.
func (f *findings) report(at span, code, message string) finding {
	return f.put(diag.Error, at, code, message)
}

// warn adds a warning at a span.
func (f *findings) warn(at span, code, message string) finding {
	return f.put(diag.Warning, at, code, message)
}

func (f *findings) put(s diag.Severity, at span, code, message string) finding {
	d := diag.Diagnostic{Severity: s, Code: code, Pos: at.pos, Length: max(at.length, 1), Message: message}
	if f.full() {
		f.dropped++
		return finding{d: &d}
	}
	f.list = append(f.list, d)
	return finding{d: &f.list[len(f.list)-1], shown: true}
}

// help sets what the author should do; several lines are shown as such.
func (f finding) help(text string) finding {
	f.d.Help = text
	return f
}

// related adds a second place.
func (f finding) related(at span, message string) finding {
	f.d.Related = append(f.d.Related, diag.Related{Pos: at.pos, Length: max(at.length, 1), Message: message})
	return f
}

// suggest adds "did you mean", when one of the candidates is near to name. It
// returns the candidate, or "".
func (f finding) suggest(name string, candidates []string) string {
	if !f.shown {
		return "" // searching is the costly part of a report
	}
	meant, ok := diag.Suggest(name, candidates)
	if !ok {
		return ""
	}
	f.help("did you mean `" + meant + "`?")
	return meant
}
