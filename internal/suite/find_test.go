package suite

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestFindLooksBelowFolders(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"a/one.test.yaml", "a/b/two.test.yml", "a/.git/three.test.yaml", "a/one.yaml", "a/test.yaml", "four.test.yaml"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ paths, want []string }{
		{[]string{"."}, []string{"a/b/two.test.yml", "a/one.test.yaml", "four.test.yaml"}},
		{[]string{"..."}, []string{"a/b/two.test.yml", "a/one.test.yaml", "four.test.yaml"}},
		{[]string{"a/..."}, []string{"a/b/two.test.yml", "a/one.test.yaml"}},
		{[]string{"a/b", "a/one.test.yaml", "./a/one.test.yaml"}, []string{"a/b/two.test.yml", "a/one.test.yaml"}},
		{[]string{"a/one.yaml"}, []string{"a/one.yaml"}}, // whoever names a file means it
	} {
		got, err := Find(c.paths)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, %v", c.paths, got, err)
		}
	}
	if got, err := Find([]string{"nowhere"}); err == nil {
		t.Errorf("a path that is not there: %v", got)
	}
}
