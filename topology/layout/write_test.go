package layout_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"rondo/topology"
	"rondo/topology/diag"
	"rondo/topology/internal/definitiontest"
	"rondo/topology/layout"
)

// parse reads a definition whose schema files are there.
func parse(src []byte) (*topology.Definition, diag.List) {
	return topology.Parse("w.yaml", src, anyFile)
}

func anyFile(string) ([]byte, error) { return []byte("{}"), nil }

// definitionFiles are all definitions of the project that are right.
func definitionFiles(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, pattern := range []string{"../../examples/*/*.yaml", "../testdata/*.yaml", "../testdata/diagnostics/*.yaml", "testdata/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if def, found := parse(src); def != nil && !found.HasErrors() {
				out[path] = src
			}
		}
	}
	if len(out) < 3 {
		t.Fatalf("only %d definitions", len(out))
	}
	return out
}

func TestWhatIsWrittenIsReadAsTheSame(t *testing.T) {
	for path, src := range definitionFiles(t) {
		def, _ := parse(src)
		checkWritten(t, path, def)
	}
}

// checkWritten writes a definition, reads it, and demands the same one, and a
// text that Format leaves as it is.
func checkWritten(t testing.TB, path string, def *topology.Definition) {
	t.Helper()
	text, err := layout.Write(def)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	again, found := parse(text)
	if found.HasErrors() {
		t.Errorf("%s: %v in\n%s", path, found, text)
		return
	}
	if diff := definitiontest.Diff(def, again); diff != "" {
		t.Errorf("%s is read as another definition: %s\n%s", path, diff, text)
	}
	formatted, err := layout.Format("w.yaml", text)
	if err != nil || !bytes.Equal(formatted, text) {
		t.Errorf("%s: %v; Format makes of\n%s\nthis:\n%s", path, err, text, formatted)
	}
}
