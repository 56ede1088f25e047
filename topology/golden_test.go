package topology

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

// update writes what the tests of this package got over what they expected:
// `go test ./topology -update`, then review the difference.
var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with a file of the repository, or writes it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run go test ./topology -update)", err)
	}
	if string(want) != got {
		t.Errorf("%s differs (run go test ./topology -update and review).\n--- want\n%s\n--- got\n%s", path, want, got)
	}
}
