package graph_test

import (
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rondo/topology"
	"rondo/topology/graph"
	"rondo/topology/internal/definitiontest"
	"rondo/topology/layout"
)

var update = flag.Bool("update", false, "rewrite the golden files, and the graphs in the READMEs of the examples")

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func definition(t *testing.T, path string) *topology.Definition {
	t.Helper()
	def, found := topology.Parse(path, []byte(read(t, path)), func(string) ([]byte, error) { return nil, nil })
	if found.HasErrors() {
		t.Fatal(found)
	}
	return def
}

func TestGoldenGraphs(t *testing.T) {
	for _, path := range []string{"../testdata/complete.yaml", "../../examples/checkout/checkout.yaml"} {
		p := graph.Of(definition(t, path))
		name := strings.TrimSuffix(filepath.Base(path), ".yaml")
		for ext, text := range map[string]string{".mmd": p.Mermaid(), ".dot": p.DOT(), ".svg": p.SVG()} {
			golden := filepath.Join("testdata", name+ext)
			if *update {
				if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := read(t, golden); text != want {
				t.Errorf("%s is not what is drawn now (look at it, then run make generate)", golden)
			}
		}
	}
}

func TestTheCheckoutShowsWhatMatters(t *testing.T) {
	got := graph.Of(definition(t, "../../examples/checkout/checkout.yaml")).Mermaid()
	for _, want := range []string{
		"reserve<br>send ReserveStock<br>await StockReserved, StockRejected<br>⏱ within 2s, 5 attempts", // what, and the clock
		"undo reserve<br>send ReleaseStock",            // the compensation
		`-.->|"StockRejected: out-of-stock"|`,          // an error
		`subgraph n2["at any time"]`,                   // aside
		`["if something fails"]`,                       // the workflow's catch
		`-.->|"PaymentDeclined"|`,                      // a catch of the step
		`-->|"otherwise"|`, "all within 1d", "failed:", // a condition, the deadline, an end
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
}

const begin, end = "<!-- graph: rondo graph -o mermaid; make generate writes it -->\n", "<!-- end of graph -->\n"

// TestBranchesStandInTheOrderOfTheFile looks at where the SVG has the alternatives
// of a switch and their conditions: from left to right.
func TestBranchesStandInTheOrderOfTheFile(t *testing.T) {
	def, found := topology.Parse("w.yaml", []byte(`workflow: w
version: 1
messages: {Go: {topic: go}, A: {topic: out}, B: {topic: out}, C: {topic: out}, D: {topic: out}}
start: {Go: {}}
do:
  - pick:
      switch:
        - {when: key == 'a', send: A}
        - {when: key == 'b', do: [{b: {send: B, compensate: {send: D}}}]}
        - {send: C}
`), nil)
	if found.HasErrors() {
		t.Fatal(found)
	}
	svg := graph.Of(def).SVG()
	last := 0
	for _, text := range []string{"send A", "send B", "send C"} {
		m := regexp.MustCompile(`<text x="(\d+)"[^>]*>` + text + `<`).FindStringSubmatch(svg)
		if m == nil {
			t.Fatalf("%s is not drawn:\n%s", text, svg)
		}
		x, err := strconv.Atoi(m[1])
		if err != nil || x <= last {
			t.Errorf("%s stands at %s, and what is before it in the file at %d", text, m[1], last)
		}
		last = x
	}
}

// TestTheExamplesShowTheirGraphs keeps the graph in each example's README.
func TestTheExamplesShowTheirGraphs(t *testing.T) {
	pages, err := filepath.Glob("../../examples/*/README.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, page := range pages {
		folder := filepath.Dir(page)
		path := filepath.Join(folder, filepath.Base(folder)+".yaml")
		block := begin + "\n```mermaid\n" + graph.Of(definition(t, path)).Mermaid() + "```\n\n" + end
		text := read(t, page)
		want := withBlock(text, block)
		if *update && text != want {
			if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if text != want {
			t.Errorf("%s does not show the graph of %s as it is now: run make generate", page, filepath.Base(path))
		}
	}
}

// withBlock puts the graph where it was; else in the place of one that was drawn by
// hand, or at the end of the page.
func withBlock(page, block string) string {
	if before, rest, ok := strings.Cut(page, begin); ok {
		_, after, _ := strings.Cut(rest, end)
		return before + block + after
	}
	if before, rest, ok := strings.Cut(page, "```mermaid\n"); ok {
		_, after, _ := strings.Cut(rest, "```\n")
		return before + block + after
	}
	return page + "\n## The whole of it\n\n" + block
}

// element is what matters of an SVG.
type element struct{ x, y, width, height float64 }

// TestAnyDefinitionCanBeDrawn draws any definition: the SVG is XML, all that is drawn
// is inside of it, and a second drawing has the same bytes.
func TestAnyDefinitionCanBeDrawn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		def := definitiontest.Any().Draw(t, "definition")
		text, err := layout.Write(def)
		if err != nil {
			t.Fatal(err)
		}
		def, found := topology.Parse("w.yaml", text, func(string) ([]byte, error) { return nil, nil })
		if found.HasErrors() {
			t.Fatal(found)
		}
		first, second := graph.Of(def), graph.Of(def)
		if first.SVG() != second.SVG() || first.Mermaid() != second.Mermaid() || first.DOT() != second.DOT() {
			t.Fatal("two drawings of one definition differ")
		}
		if err := checkSVG(first.SVG()); err != nil {
			t.Fatalf("%v in the drawing of\n%s", err, text)
		}
	})
}

func checkSVG(svg string) error {
	dec := xml.NewDecoder(strings.NewReader(svg))
	var page element
	for {
		token, err := dec.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		at := attributes(start)
		switch start.Name.Local {
		case "svg":
			page = at
		case "rect", "text":
			if at.x < 0 || at.y < 0 || at.x+at.width > page.width || at.y+at.height > page.height {
				return fmt.Errorf("%v is not on the page %v", at, page)
			}
		}
	}
}

func attributes(start xml.StartElement) element {
	var e element
	for _, a := range start.Attr {
		for name, field := range map[string]*float64{"x": &e.x, "y": &e.y, "width": &e.width, "height": &e.height} {
			if a.Name.Local == name {
				fmt.Sscanf(a.Value, "%g", field)
			}
		}
	}
	return e
}
