package topology

import (
	"go/ast"
	goparser "go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rondo/topology/diag"
)

// warned is a definition, or what stands in it beside the usual start and messages,
// and, for what is found between files, a child.
type warned struct{ name, rest, child string }

// warningCase tells of one code which definitions deserve it, once each, and which
// nearly do: of those it must not be said.
type warningCase struct {
	code             string
	deserves, spares []warned
}

func TestEachWarningIsGivenWhereItIsDeserved(t *testing.T) {
	for _, test := range warningCases {
		for _, w := range test.deserves {
			t.Run(test.code+"/"+w.name, func(t *testing.T) {
				if got := warningsOf(t, w); !slices.Equal(got, []string{test.code}) {
					t.Errorf("got %v, want one %s\n%s", got, test.code, w.source())
				}
			})
		}
	}
}

func TestNoWarningIsGivenToWhatNearlyDeservesIt(t *testing.T) {
	for _, test := range warningCases {
		for _, w := range test.spares {
			t.Run(test.code+"/"+w.name, func(t *testing.T) {
				if got := warningsOf(t, w); slices.Contains(got, test.code) {
					t.Errorf("got %v\n%s", got, w.source())
				}
			})
		}
	}
}

func TestEveryWarningHasADefinitionThatDeservesItAndOneThatNearlyDoes(t *testing.T) {
	seen := map[string]bool{}
	for _, test := range warningCases {
		seen[test.code] = len(test.deserves) > 0 && len(test.spares) > 0
	}
	codes := warningCodes(t)
	if len(codes) < 16 {
		t.Fatalf("only %v were found in the source", codes)
	}
	for _, code := range codes {
		if !seen[code] {
			t.Errorf("of %s there is not one of each", code)
		}
	}
}

func (w warned) source() string {
	if strings.HasPrefix(w.rest, "workflow:") {
		return w.rest
	}
	out := "workflow: w\nversion: 2\n"
	if !regexp.MustCompile(`(?m)^messages:`).MatchString(w.rest) {
		out += "messages: {Go: {topic: go}, Ask: {topic: asks}, Told: {topic: told}, Refused: {topic: told}, Other: {topic: others}}\n"
	}
	if !regexp.MustCompile(`(?m)^start:`).MatchString(w.rest) {
		out += "start: {Go: {set: {order: =event}}}\n"
	}
	return out + w.rest
}

// warningsOf gives the codes of a definition's warnings. Those of unused messages
// are left out unless it has messages of its own.
func warningsOf(t *testing.T, w warned) []string {
	t.Helper()
	def, list := Parse("w.yaml", []byte(w.source()), nil)
	if def != nil {
		_, found := Compile(def, Options{Application: "test", Types: &Types{}})
		list = append(list, found...)
	}
	if w.child != "" {
		child, found := Parse("child.yaml", []byte(w.child), nil)
		list = append(append(list, found...), CheckSiblings([]*Definition{def, child})...)
	}
	if list.HasErrors() {
		t.Fatalf("%v\n%s", list, w.source())
	}
	list = slices.DeleteFunc(list, func(d diag.Diagnostic) bool {
		return d.Code == codeUnusedMessage && !strings.Contains(w.rest, "messages:")
	})
	return codesOf(list.Sorted())
}

// warningCodes are the codes that this package's source gives to warnings.
func warningCodes(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	values, named := map[string]string{}, map[string]bool{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := goparser.ParseFile(token.NewFileSet(), path, nil, goparser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				noteCode(values, n)
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "warn" {
					named[codeArgument(t, n)] = true
				}
			}
			return true
		})
	}
	var codes []string
	for _, name := range sortedKeys(named) {
		codes = append(codes, values[name])
	}
	return codes
}

// noteCode notes the value of a constant that is a code.
func noteCode(values map[string]string, n *ast.ValueSpec) {
	for i, name := range n.Names {
		if i < len(n.Values) && strings.HasPrefix(name.Name, "code") {
			if text, ok := n.Values[i].(*ast.BasicLit); ok {
				values[name.Name], _ = strconv.Unquote(text.Value)
			}
		}
	}
}

// codeArgument is the name of the constant by which a warning gives its code.
func codeArgument(t *testing.T, call *ast.CallExpr) string {
	t.Helper()
	for _, arg := range call.Args {
		if name, ok := arg.(*ast.Ident); ok && strings.HasPrefix(name.Name, "code") {
			return name.Name
		}
	}
	t.Fatalf("a warning without a code of a constant: %v", call.Args)
	return ""
}
