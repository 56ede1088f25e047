package topology

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"rondo/topology/diag"
)

// FuzzParse demands of any bytes: no panic, a bounded number of findings with
// places in the file that can be rendered, the same findings again, and a
// definition without findings of errors that has what its doc says.
func FuzzParse(f *testing.F) {
	for _, dir := range []string{"testdata", diagnosticsDir, filepath.Join("testdata", "typed"), filepath.Join("..", "examples", "checkout")} {
		paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	noFiles := func(string) ([]byte, error) { return nil, errors.New("none") }
	f.Fuzz(func(t *testing.T, src []byte) {
		def, list := Parse("f.yaml", src, noFiles)
		_, again := Parse("f.yaml", bytes.Clone(src), noFiles)
		if first, second := rendered(t, list, src), rendered(t, again, src); first != second {
			t.Errorf("the same file has different findings:\n%s\n%s", first, second)
		}
		if len(list) > findingsMax+1 {
			t.Errorf("%d findings", len(list))
		}
		if def == nil && !list.HasErrors() {
			t.Error("no definition and no error")
		}
		if !list.HasErrors() && (def.Name == "" || def.Version < 1 || len(def.Do) == 0 || len(def.Start)+len(def.Child) == 0 && def.Schedule == nil) {
			t.Errorf("no errors, but read as\n%s", dump(def))
		}
		checkPlaces(t, list, len(diag.Lines(src)))
		if def == nil {
			return
		}
		plan, found := Compile(def, Options{Application: "fuzz", Types: testTypes()})
		checkPlaces(t, found, len(diag.Lines(src)))
		if (plan == nil) != (list.HasErrors() || found.HasErrors()) {
			t.Errorf("plan: %t, but found %v, %v", plan != nil, list, found)
		}
	})
}

func checkPlaces(t *testing.T, list diag.List, lines int) {
	for _, d := range list {
		if d.Pos.Line > max(lines, 1) || d.Code == "" || d.Message == "" {
			t.Errorf("%s: no such place in %d lines", d, lines)
		}
	}
}
