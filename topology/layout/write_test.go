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
		formattedBy(t, commented(text, func() sprinkle { return anySprinkle(t) }))
	})
}

// TestCommentsEverywhereStay puts comments around each line of all definitions, and of
// one whose texts belong to items and to keys that begin like items.
func TestCommentsEverywhereStay(t *testing.T) {
	files := definitionFiles(t)
	files["texts in items"] = []byte(textsInItems)
	for path, src := range files {
		text := formatted(t, path, src)
		formatted(t, path+" with comments before", commented(text, func() sprinkle { return sprinkle{before: []string{"", "   #x"}} }))
		formatted(t, path+" with comments behind", commented(text, func() sprinkle { return sprinkle{behind: "  # behind"} }))
	}
}

const textsInItems = `workflow: w
version: 1
messages: {Go: {topic: in}, C: {topic: out}}
start: {Go: {}}
do:
  - tell:
      send: C
      with:
        - "={'a': [1, 2]}"
        - -0: >-
            =order.total > 100
            && order.customer.name == 'a very long name' && order.lines.exists(l, l.sku == 'a' && l.qty > 0)
          other: |-
            one
            two
        - - - >-
              =order.total > 100
              && order.customer.name == 'a very long name' && order.lines.exists(l, l.sku == 'a' && l.qty > 0)
          - |
            one
            two
        - |-
          one

          two
`

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
// that are no text, where choose says so.
func commented(src []byte, choose func() sprinkle) []byte {
	var out []string
	text := -1 // the indentation of what a block of text belongs to; -1: none
	for line := range strings.Lines(string(src)) {
		line = strings.TrimSuffix(line, "\n")
		if text >= 0 && (line == "" || indentOf(line) > text) {
			out = append(out, line)
			continue
		}
		text = -1
		if strings.HasSuffix(line, ">-") || strings.HasSuffix(line, "|-") || strings.HasSuffix(line, "|") {
			text = ownerOfText(line)
		}
		s := choose()
		out = append(append(out, s.before...), line+s.behind)
	}
	return []byte(strings.Join(out, "\n") + "\n")
}

// sprinkle is what is put before and behind a line.
type sprinkle struct {
	before []string
	behind string
}

func anySprinkle(t *rapid.T) sprinkle {
	switch rapid.IntRange(0, 9).Draw(t, "comment") {
	case 0:
		indent := strings.Repeat(" ", rapid.IntRange(0, 12).Draw(t, "indent"))
		return sprinkle{before: []string{indent + "# " + rapid.StringMatching(`[ -~]{0,20}`).Draw(t, "text")}}
	case 1:
		return sprinkle{before: []string{"", "   #x"}}
	case 2:
		return sprinkle{behind: "  # behind"}
	}
	return sprinkle{}
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// ownerOfText is the column of the key or item to which the block of text that a line
// opens belongs: its lines stand further in. The `-` of a key like `-0` is no item's.
func ownerOfText(line string) int {
	column := indentOf(line)
	for strings.HasPrefix(line[column:], "- ") && strings.Contains(line[column+2:], " ") {
		column += 2
	}
	return column
}
