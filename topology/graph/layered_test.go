package graph

import (
	"os"
	"path/filepath"
	"testing"

	"rondo/topology"
)

func pictures(t *testing.T) map[string]*Picture {
	t.Helper()
	out := map[string]*Picture{}
	for _, pattern := range []string{"../testdata/*.yaml", "../../examples/*/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			def, found := topology.Parse(path, src, func(string) ([]byte, error) { return nil, nil })
			if def != nil && !found.HasErrors() {
				out[path] = Of(def)
			}
		}
	}
	if len(out) < 3 {
		t.Fatalf("only %d pictures", len(out))
	}
	return out
}

func TestTextsFitIntoTheirBoxes(t *testing.T) {
	for path, p := range pictures(t) {
		p.layout().all(func(l *layered) {
			for _, b := range l.boxes {
				for i, text := range b.texts {
					if text.width()+2*padding > b.width || padding+(i+1)*lineHeight > b.height+lineHeight-fontSize+padding {
						t.Errorf("%s: %q does not fit into its box of %d × %d", path, text.text, b.width, b.height)
					}
				}
			}
		})
	}
}

func TestBoxesDoNotOverlap(t *testing.T) {
	for path, p := range pictures(t) {
		p.layout().all(func(l *layered) {
			for i, a := range l.boxes {
				for _, b := range l.boxes[i+1:] {
					if a.x < b.x+b.width && b.x < a.x+a.width && a.y < b.y+b.height && b.y < a.y+a.height {
						t.Errorf("%s: %q and %q overlap", path, a.node.texts(""), b.node.texts(""))
					}
				}
			}
		})
	}
}

func TestNoWayRunsThroughABox(t *testing.T) {
	for path, p := range pictures(t) {
		p.layout().all(func(l *layered) {
			for _, w := range l.ways {
				for i := 1; i < len(w.points); i++ {
					for _, b := range l.boxes {
						if crosses(w.points[i-1], w.points[i], b) {
							t.Errorf("%s: the way from %q to %q runs through %q", path, w.from.node.texts(""), w.to.node.texts(""), b.node.texts(""))
						}
					}
				}
			}
		})
	}
}

// crosses reports whether a line, upright or level, goes through the inside of a box.
func crosses(p, q point, b *box) bool {
	left, right := min(p.x, q.x), max(p.x, q.x)
	up, down := min(p.y, q.y), max(p.y, q.y)
	return left < b.x+b.width && right > b.x && up < b.y+b.height && down > b.y
}

func (l *layered) all(do func(*layered)) {
	do(l)
	for _, b := range l.boxes {
		if b.inner != nil {
			b.inner.all(do)
		}
	}
}
