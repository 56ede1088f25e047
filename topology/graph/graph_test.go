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

// drawn is the Mermaid and the SVG of steps under a usual head.
func drawn(t *testing.T, steps string) (mermaid, svg string) {
	t.Helper()
	def, found := topology.Parse("w.yaml", []byte(`workflow: w
version: 1
messages: {Go: {topic: go}, Ask: {topic: a}, Yes: {topic: b}, No: {topic: b}, Tell: {topic: c}}
start: {Go: {set: {order: =event}}}
deadline: 1h
do:
`+steps), nil)
	if found.HasErrors() {
		t.Fatal(found)
	}
	p := graph.Of(def)
	return p.Mermaid(), p.SVG()
}

// TestAWayIntoTheBlockAroundIsDrawn: drawn to the block itself it would be drawn by
// none of the forms as one can see it.
func TestAWayIntoTheBlockAroundIsDrawn(t *testing.T) {
	mermaid, svg := drawn(t, `
  - try:
      do:
        - ask: {send: Ask, await: {Yes: {}}}
        - more: {if: order.more, then: try}
`)
	if !strings.Contains(mermaid, `n4 -->|"if so"| n3`) {
		t.Errorf("no way back to the first step of the block:\n%s", mermaid)
	}
	if !strings.Contains(svg, ">if so<") {
		t.Errorf("no way back:\n%s", svg)
	}
}

// TestWhatABlockCatchesIsDrawnFromTheBlock with what raises it inside, and the step's
// other outcomes keep their names.
func TestWhatABlockCatchesIsDrawnFromTheBlock(t *testing.T) {
	mermaid, svg := drawn(t, `
  - try:
      do:
        - ask: {send: Ask, await: {Yes: {}, No: {raise: refused}}}
        - tell: {send: Tell}
      catch: {refused: {then: sorry}}
  - done: {send: Tell, then: exit}
  - sorry: {send: Tell}
`)
	for _, want := range []string{`n2 -.->|"No: refused"| n6`, `n3 -->|"Yes"| n4`} {
		if !strings.Contains(mermaid, want) {
			t.Errorf("%s is missing in\n%s", want, mermaid)
		}
	}
	if strings.Contains(mermaid, "n3 -.->") {
		t.Errorf("an error is drawn to the block that stands around its step:\n%s", mermaid)
	}
	for _, want := range []string{">No: refused<", ">Yes<"} {
		if !strings.Contains(svg, want) {
			t.Errorf("%s is missing in the SVG", want)
		}
	}
}

// TestOneOfSeveralWaysToTheEndOfABlockIsMarked: else a loop back would seem to be
// taken each time.
func TestOneOfSeveralWaysToTheEndOfABlockIsMarked(t *testing.T) {
	mermaid, _ := drawn(t, `
  - try:
      do:
        - ask: {send: Ask, await: {Yes: {}, No: {then: ask}}}
`)
	for _, want := range []string{`n3 -->|"No"| n3`, `n3 -->|"Yes"| n5`} {
		if !strings.Contains(mermaid, want) {
			t.Errorf("%s is missing in\n%s", want, mermaid)
		}
	}
}

func TestAChildWhoseOutcomeIsOfNoKindGoesOn(t *testing.T) {
	mermaid, _ := drawn(t, `
  - bill: {run: billing, await: {completed: {when: event.paid, then: done}}}
  - unpaid: {send: Tell, then: exit}
  - done: {send: Tell}
`)
	if !strings.Contains(mermaid, `n2 -->|"otherwise"| n3`) {
		t.Errorf("no way to the next step:\n%s", mermaid)
	}
}

// TestSeveralWaysOutOfABlockTellTheirStep: in the SVG they begin at the block.
func TestSeveralWaysOutOfABlockTellTheirStep(t *testing.T) {
	_, svg := drawn(t, `
  - block:
      do:
        - kind: {switch: [{when: order.big, send: Tell}, {end: complete}]}
        - tell: {send: Tell}
  - last: {send: Tell}
`)
	if !strings.Contains(svg, ">kind: otherwise<") {
		t.Errorf("it is not told which step ends the instance:\n%s", svg)
	}
}

// TestLongTextsAreWrapped: names are not cut, and neither is a condition that four
// lines can hold.
func TestLongTextsAreWrapped(t *testing.T) {
	_, svg := drawn(t, `
  - ask: {if: order.customer_since_years >= 10 && order.total_of_all_positions < 100, send: Tell}
`)
	for _, want := range []string{">if order.customer_since_years &gt;= 10 &amp;&amp;<", ">order.total_of_all_positions &lt; 100<"} {
		if !strings.Contains(svg, want) {
			t.Errorf("%s is missing in\n%s", want, svg)
		}
	}
	if strings.Contains(svg, "…") {
		t.Error("something was cut")
	}
}

// TestMermaidTakesNoTextForItsOwn: a directive within a text would be left out and
// obeyed, and branches are turned round where Mermaid turns them.
func TestMermaidTakesNoTextForItsOwn(t *testing.T) {
	mermaid, _ := drawn(t, `
  - f:
      fork:
        first: [{a: {if: "order.a == '%%{init}%% #35; <b>'", send: Tell}}]
        last: [{b: {send: Tell}}]
`)
	if !strings.Contains(mermaid, "#37;#37;{init}#37;#37; #35;35; #lt;b#gt;") {
		t.Errorf("not escaped:\n%s", mermaid)
	}
	if strings.Index(mermaid, `"last"`) > strings.Index(mermaid, `"first"`) {
		t.Errorf("the last branch is written last, and so shown first:\n%s", mermaid)
	}
	if !strings.Contains(mermaid, "class n2,n3,n5 group") {
		t.Errorf("groups have the colours of a theme:\n%s", mermaid)
	}
}

// TestABlockEnteredAgainIsNoCutEdge: Graphviz refuses to cut an edge at a border
// inside of which both its ends are.
func TestABlockEnteredAgainIsNoCutEdge(t *testing.T) {
	def, found := topology.Parse("w.yaml", []byte(`workflow: w
version: 1
messages: {Go: {topic: go}, Ask: {topic: a}, Yes: {topic: b}, No: {topic: b}}
start: {Go: {}}
deadline: 1h
do: [{try: {do: [{ask: {send: Ask, await: {Yes: {}, No: {raise: refused}}}}], catch: {refused: {then: try}}}}]
`), nil)
	if found.HasErrors() {
		t.Fatal(found)
	}
	dot := graph.Of(def).DOT()
	if !strings.Contains(dot, `label="No: refused", style=dashed]`) {
		t.Errorf("the way back is cut at the block's border:\n%s", dot)
	}
}
