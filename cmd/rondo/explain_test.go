package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const findingsPage = "../../docs/findings.md"

// faultKinds are codes of what goes wrong while a workflow runs, and not of findings
// about a file: constants that look the same.
var faultKinds = []string{"expression", "limit.cost", "limit.size", "limit.payload", "undecodable"}

// TestEveryCodeIsExplained looks through the source for the codes of findings: each
// can be asked for, and each that can be asked for is found somewhere.
func TestEveryCodeIsExplained(t *testing.T) {
	emitted := codesInSource(t, "../..")
	if len(emitted) < 80 {
		t.Fatalf("only %d codes found in the source: %v", len(emitted), emitted)
	}
	for _, code := range slices.Sorted(maps.Keys(emitted)) {
		if text, err := explain(code); err != nil || len(text) < 60 {
			t.Errorf("%s (%s) is not explained: %v", code, emitted[code], err)
		}
	}
	for _, code := range allCodes() {
		if emitted[code] == "" {
			t.Errorf("%s is explained, and nothing says it", code)
		}
	}
}

// codesInSource are the codes of findings, each with a place that has it.
func codesInSource(t *testing.T, root string) map[string]string {
	t.Helper()
	codes := map[string]string{}
	files := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, text := range codesOf(file) {
			if code, err := strconv.Unquote(text.Value); err == nil && !slices.Contains(faultKinds, code) {
				codes[code] = files.Position(text.Pos()).String()
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return codes
}

var (
	codeConstant = regexp.MustCompile(`^(code|Code|Issue)[A-Z]`)
	codeText     = regexp.MustCompile(`^"[a-z0-9]+(-[a-z0-9]+)+"$`)
	// reporters are functions that take the code of a finding.
	reporters = []string{"report", "warn", "put", "structural", "issue", "add"}
)

// codesOf are the texts of a file that are codes: constants named as such, and texts
// written where a code is asked for.
func codesOf(file *ast.File) []*ast.BasicLit {
	var out []*ast.BasicLit
	note := func(e ast.Expr) {
		if text, ok := e.(*ast.BasicLit); ok && text.Kind == token.STRING {
			out = append(out, text)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if codeConstant.MatchString(name.Name) && i < len(n.Values) {
					note(n.Values[i])
				}
			}
		case *ast.CompositeLit:
			for _, e := range n.Elts {
				if field, ok := e.(*ast.KeyValueExpr); ok && isNamed(field.Key, "Code") && isNamed(n.Type, "Diagnostic", "Issue") {
					note(field.Value)
				}
			}
		case *ast.CallExpr:
			for _, arg := range n.Args {
				if text, ok := arg.(*ast.BasicLit); ok && codeText.MatchString(text.Value) && isNamed(n.Fun, reporters...) {
					note(text)
				}
			}
		}
		return true
	})
	return out
}

// isNamed reports whether an expression is one of these names, of a package or of a
// value as well.
func isNamed(e ast.Expr, names ...string) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return slices.Contains(names, e.Name)
	case *ast.SelectorExpr:
		return slices.Contains(names, e.Sel.Name)
	}
	return false
}

// TestDocsListAllCodes holds docs/findings.md to what can be said.
func TestDocsListAllCodes(t *testing.T) {
	want := findingsDoc(t)
	if *update {
		if err := os.WriteFile(findingsPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(findingsPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/findings.md does not list what can be said: make generate")
	}
}

func findingsDoc(t *testing.T) string {
	var out strings.Builder
	out.WriteString(`# Findings

What ` + "`rondo check`, `rondo test`" + ` and the reading of a configuration say about a file, by the code in brackets.
` + "`rondo explain CODE`" + ` says more, with an example. A warning is legal, but hardly meant; all else is an error, and
the file is not run.

<!-- generated from what rondo explain says: make generate -->

| Code | What it is |
|---|---|
`)
	for _, code := range allCodes() {
		text, err := explain(code)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "| `%s` | %s |\n", code, strings.ReplaceAll(firstSentence(text), "|", `\|`))
	}
	return out.String()
}

// firstSentence of an essay, whose title is left out.
func firstSentence(essay string) string {
	if strings.HasPrefix(essay, "# ") {
		_, essay, _ = strings.Cut(essay, "\n\n")
	}
	paragraph, _, _ := strings.Cut(essay, "\n\n")
	line := strings.Join(strings.Fields(paragraph), " ")
	if at := strings.Index(line, ". "); at >= 0 {
		line = line[:at]
	}
	return strings.TrimRight(line, ".:,") + "."
}
