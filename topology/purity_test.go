package topology_test

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Decisions are the same bytes on every machine, for ever. So nothing here may
// ask the time, roll dice, touch the machine, or do two things at once.
var (
	purePackages = []string{".", "value", "expr", "calendar"}

	bannedImports = []string{
		"crypto/rand", "hash/maphash", "log", "log/slog", "math/rand", "math/rand/v2", "net", "net/http",
		"os", "os/exec", "os/signal", "os/user", "path/filepath", "plugin", "runtime", "runtime/debug", "syscall", "testing", "unsafe",
	}
	bannedCalls = []string{
		"time.After", "time.AfterFunc", "time.LoadLocation", "time.Local", "time.NewTicker", "time.NewTimer", "time.Now",
		"time.Since", "time.Sleep", "time.Tick", "time.Until",
	}
	// mapRanges are the functions that range over maps and why their results do
	// not depend on the order.
	mapRanges = map[string]string{
		"value.MapOf":                         "sorts the keys",
		"expr.functionNames":                  "sorts them",
		"expr.compiler.sortedReads":           "sorts them",
		"expr.callNode.unknownZone":           "uses the only one of them",
		"topology.sortedKeys":                 "sorts them",
		"topology.parser.isExpressionWord":    "asks whether there is any",
		"topology.compiler.reach":             "sets that grow until nothing changes",
		"topology.wayGraph.settle":            "sets that grow until nothing changes",
		"topology.wayGraph.linkCompensations": "edges of a graph whose closure is computed",
	}
)

func TestDecidingIsPure(t *testing.T) {
	exports := exportFiles(t)
	ranges := map[string]bool{}
	for _, dir := range purePackages {
		checkPackage(t, dir, exports, ranges)
	}
	for name := range mapRanges {
		if !ranges[name] {
			t.Errorf("%s ranges over no map any more: take it from the list", name)
		}
	}
}

// exportFiles are the compiled forms of all packages that ours import.
func exportFiles(t *testing.T) map[string]string {
	args := []string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}"}
	for _, dir := range purePackages {
		args = append(args, "./"+dir)
	}
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	files := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		path, file, _ := strings.Cut(line, "\t")
		files[path] = file
	}
	return files
}

func checkPackage(t *testing.T, dir string, exports map[string]string, ranges map[string]bool) {
	fset := token.NewFileSet()
	var files []*ast.File
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	lookup := func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }
	config := types.Config{Importer: importer.ForCompiler(fset, "gc", lookup)}
	if _, err := config.Check(dir, fset, files, info); err != nil {
		t.Fatal(err)
	}
	c := purityChecker{t, fset, info, ranges}
	for _, file := range files {
		c.imports(file)
		for _, decl := range file.Decls {
			c.declaration(file.Name.Name, decl)
		}
	}
}

type purityChecker struct {
	t      *testing.T
	fset   *token.FileSet
	info   *types.Info
	ranges map[string]bool
}

func (c purityChecker) fail(at token.Pos, format string, args ...any) {
	c.t.Errorf("%s: %s", c.fset.Position(at), fmt.Sprintf(format, args...))
}

func (c purityChecker) imports(file *ast.File) {
	for _, spec := range file.Imports {
		if path := strings.Trim(spec.Path.Value, `"`); slices.Contains(bannedImports, path) {
			c.fail(spec.Pos(), "imports %s", path)
		}
	}
}

func (c purityChecker) declaration(pkg string, decl ast.Decl) {
	name := pkg + "." + functionName(decl)
	ast.Inspect(decl, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			c.fail(n.Pos(), "starts a goroutine")
		case *ast.SelectStmt, *ast.SendStmt:
			c.fail(n.Pos(), "uses a channel")
		case *ast.Ident:
			c.use(n, name)
		case *ast.RangeStmt:
			c.rangeOver(n, name)
		}
		return true
	})
}

// use finds banned calls, however their package is named, and iterators over
// maps whose order is not made good at once.
func (c purityChecker) use(id *ast.Ident, function string) {
	object := c.info.Uses[id]
	if object == nil || object.Pkg() == nil {
		return
	}
	if called := object.Pkg().Path() + "." + object.Name(); slices.Contains(bannedCalls, called) {
		c.fail(id.Pos(), "uses %s", called)
	}
	if object.Pkg().Path() == "maps" && slices.Contains([]string{"All", "Keys", "Values"}, object.Name()) && !c.isSorted(id) {
		c.fail(id.Pos(), "%s goes through a map in random order: wrap maps.%s in slices.Sorted", function, object.Name())
	}
}

// isSorted reports whether a use of maps.Keys stands on a line with slices.Sorted.
func (c purityChecker) isSorted(id *ast.Ident) bool {
	position := c.fset.Position(id.Pos())
	src, err := os.ReadFile(position.Filename)
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.Contains(strings.Split(string(src), "\n")[position.Line-1], "slices.Sorted")
}

func (c purityChecker) rangeOver(n *ast.RangeStmt, function string) {
	if _, isMap := c.info.Types[n.X].Type.Underlying().(*types.Map); !isMap {
		return
	}
	c.ranges[function] = true
	if mapRanges[function] == "" {
		c.fail(n.Pos(), "%s ranges over a map, whose order is random", function)
	}
}

func functionName(decl ast.Decl) string {
	f, ok := decl.(*ast.FuncDecl)
	if !ok {
		return ""
	}
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return f.Name.Name
	}
	receiver := f.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	if name, ok := receiver.(*ast.Ident); ok {
		return name.Name + "." + f.Name.Name
	}
	return f.Name.Name
}
