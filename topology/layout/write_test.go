package layout_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

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

// TestGeneratedDefinitionsAreReadAsTheSame also puts comments wherever one can
// stand: they stay, and change nothing.
func TestGeneratedDefinitionsAreReadAsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		def := definitiontest.Any().Draw(t, "definition")
		text, err := layout.Write(def)
		if err != nil {
			t.Fatal(err)
		}
		again, found := parse(text)
		if again == nil {
			t.Fatalf("%v in\n%s", found, text)
		}
		for _, f := range found {
			if f.Severity == diag.Error {
				t.Fatalf("%v in\n%s", f, text)
			}
		}
		if diff := definitiontest.Diff(def, again); diff != "" {
			t.Fatalf("read as another definition: %s\n%s", diff, text)
		}
		if out := formattedBy(t, text); !bytes.Equal(out, text) {
			t.Fatalf("Format makes of\n%s\nthis:\n%s", text, out)
		}
		formattedBy(t, commented(t, text))
	})
}

// formattedBy is formatted, for rapid.
func formattedBy(t *rapid.T, src []byte) []byte {
	out, err := layout.Format("w.yaml", src)
	if err != nil {
		t.Fatalf("%v in\n%s", err, src)
	}
	before, _ := parse(src)
	after, _ := parse(out)
	if diff := definitiontest.Diff(before, after); diff != "" {
		t.Fatalf("means something else: %s\n%s\n%s", diff, src, out)
	}
	if again, err := layout.Format("w.yaml", out); err != nil || !bytes.Equal(out, again) {
		t.Fatalf("%v; formatted again, what was\n%s\nis\n%s", err, out, again)
	}
	return out
}

// commented puts comments and empty lines between and behind the lines of a file
// that are no text.
func commented(t *rapid.T, src []byte) []byte {
	var out []string
	text := -1 // the indentation of what a block of text belongs to; -1: none
	for line := range strings.Lines(string(src)) {
		line = strings.TrimSuffix(line, "\n")
		indent := len(line) - len(strings.TrimLeft(line, " "))
		if text >= 0 && (line == "" || indent > text) {
			out = append(out, line)
			continue
		}
		text = -1
		opens := strings.HasSuffix(line, ">-") || strings.HasSuffix(line, "|-") || strings.HasSuffix(line, "|")
		switch rapid.IntRange(0, 9).Draw(t, "comment") {
		case 0:
			out = append(out, strings.Repeat(" ", rapid.IntRange(0, 12).Draw(t, "indent"))+"# "+rapid.StringMatching(`[ -~]{0,20}`).Draw(t, "text"))
		case 1:
			out = append(out, "", "   #x")
		case 2:
			line += "  # behind"
		}
		out = append(out, line)
		if opens {
			if text = indent; strings.HasPrefix(strings.TrimLeft(line, " "), "- ") && strings.Contains(line, ": ") {
				text += 2 * strings.Count(line[:strings.IndexFunc(line, func(c rune) bool { return c != ' ' && c != '-' })], "-")
			}
		}
	}
	return []byte(strings.Join(out, "\n") + "\n")
}
