package topology

import (
	"slices"
	"testing"
)

// TestScopesOfVariables: whose a variable is, what a loop's item may be called, and
// what branches may set at the same time.
func TestScopesOfVariables(t *testing.T) {
	const head = `workflow: w
version: 1
messages:
  Go:   {topic: in}
  Note: {topic: in}
  Hint: {topic: in}
start: {Go: {set: {n: 0}}}
`
	const hear = "listen: {Note: {}}, timeout: 1m"
	for _, c := range []struct{ name, text, code string }{
		{"an item that hides a variable", "do: [{a: {for: {each: n, in: [1]}, do: [{b: {" + hear + "}}]}}]", codeHiddenVariable},
		{"an item that hides an item", "do: [{a: {for: {each: x, in: [1]}, do: [{b: {for: {each: x, in: [2]}, do: [{c: {" + hear + "}}]}}]}}]", codeHiddenVariable},
		{"loops that follow each other", "do: [{a: {for: {each: x, in: [1]}, do: [{b: {" + hear + "}}]}}, {c: {for: {each: x, in: [2]}, do: [{d: {" + hear + "}}]}}]", ""},
		{"a branch's own name outside", "do: [{a: {fork: {l: [{b: {set: {own: 1}}}], r: [{c: {" + hear + "}}]}}}, {d: {set: {n: =own}}}]", "unknown-variable"},
		{"a branch's own name in another branch", "do: [{a: {fork: {l: [{b: {set: {own: 1}}}], r: [{c: {set: {n: =own}}}]}}}]", "unknown-variable"},
		{"an own name of each branch", "do: [{a: {fork: {l: [{b: {set: {own: =key}}}], r: [{c: {set: {own: =key}}}]}}}]", ""},
		{"index outside", "do: [{a: {set: {n: =index}}}]", "unknown-variable"},
		{"index in while", "do: [{a: {for: {while: index < 3}, do: [{b: {" + hear + "}}]}}]", "unknown-variable"},
		{"two branches set from events", "do: [{a: {fork: {l: [{b: {set: {n: =key}}}], r: [{c: {set: {n: =key}}}]}}}]", codeBranchesSet},
		{"one branch sets, one counts", "do: [{a: {fork: {l: [{b: {set: {n: =key}}}], r: [{c: {set: {n: =n + 1}}}]}}}]", codeBranchesSet},
		{"branches count, or set constants", "do: [{a: {fork: {l: [{b: {set: {n: =n + 1}}}], r: [{c: {set: {n: 5}}}]}}}]", ""},
		{"the only branch that sets", "do: [{a: {fork: {l: [{b: {set: {n: =key}}}, {d: {set: {n: =key}}}], r: [{c: {" + hear + "}}]}}}]", ""},
		{"the main line sets too", "do: [{a: {fork: {l: [{b: {set: {n: =key}}}], r: [{c: {" + hear + "}}]}}}, {d: {set: {n: =key}}}]", ""},
		{"forks that follow each other", "do: [{a: {fork: {l: [{b: {set: {n: =key}}}], r: [{c: {" + hear + "}}]}}}, {d: {fork: {l: [{e: {set: {n: =key}}}], r: [{f: {" + hear + "}}]}}}]", ""},
		{"iterations at once", "do: [{a: {for: {each: x, in: [1], parallel: 2}, do: [{b: {set: {n: =x}}}]}}]", codeBranchesSet},
		{"iterations one after another", "do: [{a: {for: {each: x, in: [1]}, do: [{b: {set: {n: =x}}}]}}]", ""},
		{"iterations at once collect into their own", "do: [{a: {for: {each: x, in: [1], parallel: 2}, do: [{b: {for: {each: y, in: [1]}, do: [{c: {" + hear + "}}], collect: {ys: =y}}}]}}]", ""},
		{"anytime alone", "anytime: {Hint: {set: {n: =event.n}}}\ndo: [{b: {" + hear + "}}]", ""},
		{"anytime beside a branch", "anytime: {Hint: {set: {n: =event.n}}}\ndo: [{a: {fork: {l: [{b: {set: {n: =key}}}], r: [{c: {" + hear + "}}]}}}]", codeBranchesSet},
		{"two reactions of anytime", "anytime: {Hint: {set: {n: =event.n}}, Note: {set: {n: =event.n}}}\ndo: [{b: {wait: 1m}}]", codeBranchesSet},
		{"alternatives of one reaction", "anytime: {Hint: [{when: event.n > 1, set: {n: =event.n}}, {set: {n: =event.m}}]}\ndo: [{b: {wait: 1m}}]", ""},
	} {
		def, found := Parse("w.yaml", []byte(head+c.text+"\n"), nil)
		if found.HasErrors() {
			t.Errorf("%s: %v", c.name, found)
			continue
		}
		_, found = Compile(def, Options{})
		if codes := codesOf(found); c.code == "" && found.HasErrors() || c.code != "" && !slices.Contains(codes, c.code) {
			t.Errorf("%s: %v", c.name, found)
		}
	}
}
