package layout_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"rondo/topology/internal/definitiontest"
	"rondo/topology/layout"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestTheCanonicalForm(t *testing.T) {
	src, err := os.ReadFile("testdata/crooked.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got := formatted(t, "testdata/crooked.yaml", src)
	const golden = "testdata/crooked.golden"
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got (rewrite with -update):\n%s\nwant:\n%s", got, want)
	}
}

func TestFormattingKeepsTheMeaningAndTheComments(t *testing.T) {
	for path, src := range definitionFiles(t) {
		formatted(t, path, src)
	}
}

// formatted formats a file, and demands that it means the same, has as many
// comments, and is left as it is the next time.
func formatted(t testing.TB, path string, src []byte) []byte {
	t.Helper()
	out, err := layout.Format("w.yaml", src)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return nil
	}
	before, _ := parse(src)
	after, found := parse(out)
	if found.HasErrors() {
		t.Errorf("%s: %v in\n%s", path, found, out)
		return out
	}
	if diff := definitiontest.Diff(before, after); diff != "" {
		t.Errorf("%s means something else: %s\n%s", path, diff, out)
	}
	if again, err := layout.Format("w.yaml", out); err != nil || !bytes.Equal(out, again) {
		t.Errorf("%s: %v; formatted again, what was\n%s\nis\n%s", path, err, out, again)
	}
	return out
}

func TestAWrongDefinitionIsNotFormatted(t *testing.T) {
	_, err := layout.Format("w.yaml", []byte("workflow: w\nversion: 1\nmessages: {Go: {topic: in}}\nstart: {Go: {}}\ndo:\n  - a: {if: !done, end: complete}\n"))
	var wrong *layout.WrongError
	if !errors.As(err, &wrong) || !strings.Contains(err.Error(), "line 6") {
		t.Errorf("%v", err)
	}
}

// FuzzFormat demands of every file that Parse finds right: it means the same
// when it is formatted, keeps its comments, and is formatted the same again.
func FuzzFormat(f *testing.F) {
	for _, src := range definitionFiles(f) {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if def, found := parse(src); def == nil || found.HasErrors() {
			return
		}
		formatted(t, "the file", src)
	})
}

// TestCommentsStayWithWhatTheyAreAbout has the places where a comment could wander to a
// neighbour: behind the `-` of an item, and between a key or `-` and its value.
func TestCommentsStayWithWhatTheyAreAbout(t *testing.T) {
	const head = "workflow: w\nversion: 1\nmessages:\n  Go: {topic: in}\n  C:  {topic: out}\nstart: {Go: {}}\ndo:\n  - tell:\n      send: C\n      with:\n"
	for _, test := range []struct{ name, src, want string }{
		{"behind a -", "- a: 1\n\n-  # two\n  b: 2\n", "- a: 1\n\n# two\n- b: 2\n"},
		{"behind each - of an item in an item", "- 1\n-  # outer\n  -  # inner\n    - 3\n", "- 1\n# outer\n-\n  # inner\n  -\n    - 3\n"},
		{"between a - and its value", "- a: 1\n-\n  # two\n  b: 2\n", "- a: 1\n-\n  # two\n  b: 2\n"},
		{"between a - and its value, further in", "- a: 1\n-\n      # two\n  b: 2\n- 3\n", "- a: 1\n-\n  # two\n  b: 2\n- 3\n"},
		{"between a key and its value, further in", "x:\n      # a\n  a: 1\ny: 2\n", "x:\n  # a\n  a: 1\ny: 2\n"},
	} {
		got := formatted(t, test.name, []byte(head+indented(test.src)))
		if want := head + indented(test.want); string(got) != want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, got, want)
		}
	}
}

func indented(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if line != "\n" {
			out.WriteString("        ")
		}
		out.WriteString(line)
	}
	return out.String()
}
