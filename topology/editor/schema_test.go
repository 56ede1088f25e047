package editor_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	yaml "go.yaml.in/yaml/v4"

	"rondo/topology"
	"rondo/topology/editor"
)

var update = flag.Bool("update", false, "rewrite the committed schema")

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(editor.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("rondo.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("rondo.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON is a YAML file as a validator sees it.
func asJSON(t *testing.T, src []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(src, &v); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(plain(v))
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// plain turns what only YAML has into what JSON has.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			v[k] = plain(x)
		}
	case []any:
		for i, x := range v {
			v[i] = plain(x)
		}
	case time.Time:
		return v.Format(time.RFC3339)
	}
	return v
}

func TestEveryDefinitionFits(t *testing.T) {
	s, n := compiled(t), 0
	for _, pattern := range []string{"../../examples/*/*.yaml", "../testdata/*.yaml", "../testdata/diagnostics/*.yaml", "../layout/testdata/*.yaml"} {
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
			if def == nil || found.HasErrors() {
				continue
			}
			n++
			if err := s.Validate(asJSON(t, src)); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	if n < 4 {
		t.Errorf("only %d definitions", n)
	}
}

func TestWhatIsWrongDoesNotFit(t *testing.T) {
	s := compiled(t)
	const head = "workflow: w\nversion: 1\nmessages: {Go: {topic: in}, C: {topic: out}}\nstart: {Go: {}}\n"
	if err := s.Validate(asJSON(t, []byte(head+"do: [{a: {send: C}}]\n"))); err != nil {
		t.Fatalf("what the others are made of: %v", err)
	}
	for name, src := range map[string]string{
		"no version":                "workflow: w\nmessages: {Go: {topic: in}}\nstart: {Go: {}}\ndo: [{a: {}}]\n",
		"no do":                     head,
		"a version of zero":         "workflow: w\nversion: 0\nstart: {Go: {}}\ndo: [{a: {}}]\n",
		"a workflow in capitals":    "workflow: W\nversion: 1\nstart: {Go: {}}\ndo: [{a: {}}]\n",
		"start without anything":    "workflow: w\nversion: 1\nstart: {}\ndo: [{a: {}}]\n",
		"cron and every":            "workflow: w\nversion: 1\nstart: {every: 5m, cron: '0 6 * * 1-5'}\ndo: [{a: {}}]\n",
		"a zone without a cron":     "workflow: w\nversion: 1\nstart: {every: 5m, zone: Europe/Berlin}\ndo: [{a: {}}]\n",
		"a message without topic":   "workflow: w\nversion: 1\nmessages: {Go: {key: event.id}}\nstart: {Go: {}}\ndo: [{a: {}}]\n",
		"a message in kebab-case":   "workflow: w\nversion: 1\nmessages: {go-now: {topic: in}}\nstart: {Go: {}}\ndo: [{a: {}}]\n",
		"a limit of nothing":        "workflow: w\nversion: 1\nmessages: {Go: {topic: in, limit: {}}}\nstart: {Go: {}}\ndo: [{a: {}}]\n",
		"a rate without a unit":     "workflow: w\nversion: 1\nmessages: {Go: {topic: in, limit: {rate: 50}}}\nstart: {Go: {}}\ndo: [{a: {}}]\n",
		"steps as a mapping":        head + "do: {a: {send: C}}\n",
		"no steps":                  head + "do: []\n",
		"a step called like a word": head + "do: [{send: {send: C}}]\n",
		"two steps in one item":     head + "do: [{a: {send: C}, b: {send: C}}]\n",
		"an unknown word":           head + "do: [{a: {sned: C}}]\n",
		"two actions":               head + "do: [{a: {send: C, wait: 5s}}]\n",
		"a block with a command":    head + "do: [{a: {send: C, do: [{b: {}}]}}]\n",
		"with without send":         head + "do: [{a: {with: {x: 1}}}]\n",
		"when on a step":            head + "do: [{a: {when: x > 1, send: C}}]\n",
		"then beside raise":         head + "do: [{a: {raise: oops, then: a}}]\n",
		"a time without a unit":     head + "do: [{a: {wait: 30}}]\n",
		"units from small to large": head + "do: [{a: {wait: 30s1h}}]\n",
		"an expression with an =":   head + "do: [{a: {if: '=x', send: C}}]\n",
		"a variable in capitals":    head + "do: [{a: {set: {X: 1}}}]\n",
		"a variable of the engine":  head + "do: [{a: {set: {event: 1}}}]\n",
		"an error in capitals":      head + "do: [{a: {raise: Oops}}]\n",
		"end with another word":     head + "do: [{a: {end: completed}}]\n",
		"end without a name":        head + "do: [{a: {end: {message: x}}}]\n",
		"too many attempts":         head + "do: [{a: {send: C, await: {Go: {}}, retry: {attempts: 0}}}]\n",
		"jitter beyond one":         head + "do: [{a: {send: C, await: {Go: {}}, retry: {jitter: 2}}}]\n",
		"a loop over nothing":       head + "do: [{a: {for: {parallel: 2}, do: [{b: {}}]}}]\n",
		"a join without a fork":     head + "do: [{a: {send: C, join: any}}]\n",
		"a fork of a list":          head + "do: [{a: {fork: [{b: {}}]}}]\n",
		"jumps out of undoing":      head + "do: [{a: {send: C, compensate: {send: C, then: a}}}]\n",
		"again by chance":           head + "again: sometimes\ndo: [{a: {}}]\n",
		"a migration from nowhere":  head + "do: [{a: {}}]\nmigrate: {steps: {b: a}}\n",
		"nine variables":            head + "do: [{a: {}}]\nsearch: [a, b, c, d, e, f, g, h, i]\n",
	} {
		if err := s.Validate(asJSON(t, []byte(src))); err == nil {
			t.Errorf("%s fits:\n%s", name, src)
		}
		if _, found := topology.Parse("w.yaml", []byte(src), nil); !found.HasErrors() {
			t.Errorf("%s: the check finds nothing wrong in\n%s", name, src)
		}
	}
}

func TestTheCommittedSchemaIsUpToDate(t *testing.T) {
	const path = "../../docs/rondo.schema.json"
	want := editor.Schema()
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what words.go says: run make generate", path)
	}
}

func TestEveryWordIsExplained(t *testing.T) {
	var doc struct {
		Definitions map[string]struct {
			Properties map[string]struct{ Description string }
		}
	}
	if err := json.Unmarshal(editor.Schema(), &doc); err != nil {
		t.Fatal(err)
	}
	for _, w := range topology.Words() {
		for _, place := range w.In {
			if text := doc.Definitions[string(place)].Properties[w.Name].Description; text == "" {
				t.Errorf("%s in %s has no description", w.Name, place)
			}
		}
	}
}
