package topology

import (
	"go/ast"
	goparser "go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rondo/topology/diag"
)

// parseText parses a definition that names no files.
func parseText(text string) (*Definition, diag.List) {
	return Parse("test.yaml", []byte(text), nil)
}

// checkedText parses and compiles a definition and gives all that is found, as
// `rondo check` does.
func checkedText(name string, src []byte, files func(string) ([]byte, error), types *Types) (*Plan, diag.List) {
	def, list := Parse(name, src, files)
	if def == nil {
		return nil, list
	}
	plan, found := Compile(def, Options{Application: "test", Types: types})
	return plan, append(list, found...).Sorted()
}

// rendered is the list as a person sees it.
func rendered(t *testing.T, list diag.List, source []byte) string {
	t.Helper()
	var out strings.Builder
	file := ""
	if len(list) > 0 {
		file = list[0].Pos.File
	}
	if err := diag.Render(&out, list, diag.SourceOf(file, source), false); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// oneStep is a definition around the body of one step.
func oneStep(body string) string {
	return `workflow: one
version: 1
messages: {Go: {topic: go}, Ask: {topic: asks}, Told: {topic: told}}
start: {Go: {}}
deadline: 1h
do:
  - only: ` + body + "\n"
}

func codesOf(list diag.List) []string {
	var codes []string
	for _, d := range list {
		codes = append(codes, d.Code)
	}
	return codes
}

const diagnosticsDir = "testdata/diagnostics"

func diagnosticsFiles(name string) ([]byte, error) {
	if name == "schemas/there.avsc" {
		return []byte(`"string"`), nil
	}
	return nil, os.ErrNotExist
}

func TestWrongDefinitionsAreExplainedInFull(t *testing.T) {
	for _, path := range definitionsIn(t, diagnosticsDir) {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			src := readFile(t, path)
			_, list := checkedText(name, src, diagnosticsFiles, nil)
			golden(t, strings.TrimSuffix(path, ".yaml")+".txt", rendered(t, list, src))
		})
	}
}

func definitionsIn(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no definitions in %s: %v", dir, err)
	}
	return paths
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestEachFindingHasAPlaceInItsFile(t *testing.T) {
	for _, path := range definitionsIn(t, diagnosticsDir) {
		src := readFile(t, path)
		_, list := checkedText(path, src, diagnosticsFiles, nil)
		lines := diag.Lines(src)
		for _, d := range list {
			if d.Pos.IsZero() && (d.Code == codeEmptyFile || d.Code == codeTooManyFindings) {
				continue
			}
			if d.Pos.Line < 1 || d.Pos.Line > len(lines) || d.Pos.Column < 1 || d.Length < 1 {
				t.Errorf("%s: no such place", d)
			}
			if end := d.Pos.Column - 1 + d.Length; end > len([]rune(lines[d.Pos.Line-1])) {
				t.Errorf("%s: %d characters go beyond the line", d, d.Length)
			}
		}
		if !slices.EqualFunc(list, list.Sorted(), func(a, b diag.Diagnostic) bool { return reflect.DeepEqual(a, b) }) && path != filepath.Join(diagnosticsDir, "many-findings.yaml") {
			t.Errorf("%s: findings are not sorted, or say things twice", path)
		}
	}
}

func TestCheckoutParsesWithoutFindings(t *testing.T) {
	dir := filepath.Join("..", "examples", "checkout")
	src := readFile(t, filepath.Join(dir, "checkout.yaml"))
	def, list := Parse("checkout.yaml", src, func(name string) ([]byte, error) {
		return os.ReadFile(filepath.Join(dir, name))
	})
	if len(list) > 0 {
		t.Fatalf("findings:\n%s", rendered(t, list, src))
	}
	var steps []string
	for _, s := range def.Do {
		steps = append(steps, s.Name)
	}
	if want := []string{"reserve", "pay", "enough", "new-card", "label", "done"}; !slices.Equal(steps, want) {
		t.Errorf("steps are %v, want %v", steps, want)
	}
	if def.Name != "checkout" || def.Version != 1 || len(def.Messages) != 15 || len(def.Files) != 4 {
		t.Errorf("read %s@%d with %d messages and %d files", def.Name, def.Version, len(def.Messages), len(def.Files))
	}
	pay := def.Do[1]
	if pay.Then.Name != "label" || pay.Retry.Attempts != 3 || pay.Timeout.Duration != 5*time.Second || pay.Compensate == nil {
		t.Errorf("pay was read as %+v", pay)
	}
	if call := pay.Action.(*Send); call.Message != "ChargeCard" || len(call.Await) != 2 {
		t.Errorf("the call of pay was read as %+v", call)
	}
}

func TestEveryCodeIsShown(t *testing.T) {
	shown := map[string]bool{
		codeFileTooLarge: true, codeNotUTF8: true, // their files are made by tests of their own
	}
	for _, path := range definitionsIn(t, diagnosticsDir) {
		_, list := checkedText(path, readFile(t, path), diagnosticsFiles, nil)
		for _, c := range codesOf(list) {
			shown[c] = true
		}
	}
	for _, code := range constantsIn(t, "check_codes.go") {
		if !shown[code] {
			t.Errorf("no definition in %s shows %s", diagnosticsDir, code)
		}
	}
}

// constantsIn are the values of the text constants of a file.
func constantsIn(t *testing.T, file string) []string {
	t.Helper()
	var values []string
	inspect(t, file, func(n ast.Node) {
		if decl, ok := n.(*ast.GenDecl); ok && decl.Tok == token.CONST {
			for _, spec := range decl.Specs {
				values = append(values, literalOf(t, spec.(*ast.ValueSpec).Values[0]))
			}
		}
	})
	if len(values) == 0 {
		t.Fatalf("%s has no constants", file)
	}
	return values
}

func literalOf(t *testing.T, e ast.Expr) string {
	t.Helper()
	text, err := strconv.Unquote(e.(*ast.BasicLit).Value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func inspect(t *testing.T, file string, visit func(ast.Node)) {
	t.Helper()
	tree, err := goparser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(tree, func(n ast.Node) bool { visit(n); return true })
}

func TestFilesThatAreNoTextAreRefused(t *testing.T) {
	tests := map[string]struct {
		src  []byte
		code string
		pos  diag.Pos
	}{
		"too large": {append([]byte("workflow: a\n"), make([]byte, sourceMaxBytes)...), codeFileTooLarge, diag.Pos{File: "f"}},
		"not UTF-8": {[]byte("workflow: a\ndoc: \xff\n"), codeNotUTF8, diag.Pos{File: "f", Line: 2, Column: 6}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			def, list := Parse("f", test.src, nil)
			if def != nil || len(list) != 1 || list[0].Code != test.code || list[0].Pos != test.pos {
				t.Errorf("got %v, %v", def, list)
			}
		})
	}
}

func TestTheLargestFileIsRead(t *testing.T) {
	src := []byte(oneStep("{set: {a: 1}}"))
	src = append(src, "# "...)
	src = append(src, []byte(strings.Repeat("x", sourceMaxBytes-len(src)))...)
	if def, list := Parse("f", src, nil); def == nil || list.HasErrors() {
		t.Errorf("got %v", list)
	}
}

func TestTheExamplesInTheDocsAreRight(t *testing.T) {
	texts := map[string]string{"docs/language.md": string(readFile(t, "../docs/language.md"))}
	for _, code := range diag.Codes() {
		texts[code], _ = diag.Explain(code)
	}
	found := 0
	for name, text := range texts {
		for _, block := range strings.Split(text, "```yaml\n")[1:] {
			example, _, _ := strings.Cut(block, "```")
			if !strings.HasPrefix(example, "workflow:") {
				continue // a piece
			}
			found++
			if _, list := parseText(example); len(list) > 0 {
				t.Errorf("%s: an example has findings:\n%s", name, rendered(t, list, []byte(example)))
			}
		}
	}
	if found < 2 {
		t.Errorf("found %d whole examples only", found)
	}
}
