package topology

import (
	"path/filepath"
	"strings"
	"testing"

	"rondo/topology/diag"
	"rondo/topology/expr"
	"rondo/topology/value"
)

// testTypes is what the schemas of testdata/typed would tell.
func testTypes() *Types {
	record := func(fields map[string]expr.Type) expr.Type { return expr.Type{Kind: value.MapKind, Fields: fields} }
	text, whole := expr.Type{Kind: value.String}, expr.Type{Kind: value.Int}
	line := record(map[string]expr.Type{"sku": text, "qty": whole})
	note := expr.Type{Kind: value.String, Nullable: true, Optional: true}
	return &Types{
		Messages: map[string]expr.Type{
			"Placed": record(map[string]expr.Type{
				"order_id": text, "total": {Kind: value.Decimal}, "note": note, "items": {Kind: value.List, Elem: &line}, "due": {Kind: value.Timestamp}}),
			"Charge": record(map[string]expr.Type{
				"order_id": text, "amount": whole, "currency": {Kind: value.String, Symbols: []string{"EUR", "USD"}, Optional: true},
				"lines": {Kind: value.List, Elem: &line, Optional: true}, "tags": {Kind: value.MapKind, Elem: &text, Optional: true}, "note": note}),
			"Charged": record(map[string]expr.Type{"order_id": text, "amount": whole, "payment_id": text}),
		},
		Tables: map[string]expr.Type{"profile": record(map[string]expr.Type{"segment": text})},
	}
}

// typed is what types tell of a definition.
func typed(def *Definition, types Types) diag.List {
	found := &findings{}
	checkTypes(def, types, found)
	return found.sorted()
}

func TestWhatSchemasTellIsChecked(t *testing.T) {
	shown := map[string]bool{}
	for _, path := range definitionsIn(t, "testdata/typed") {
		name := filepath.Base(path)
		src := readFile(t, path)
		def, list := Parse(name, src, func(string) ([]byte, error) { return nil, nil })
		if list.HasErrors() {
			t.Fatalf("%s:\n%s", name, rendered(t, list, src))
		}
		found := typed(def, *testTypes())
		golden(t, strings.TrimSuffix(path, ".yaml")+".txt", rendered(t, found, src))
		for _, code := range codesOf(found) {
			shown[code] = true
		}
	}
	for _, code := range constantsIn(t, "types_codes.go") {
		if !shown[code] {
			t.Errorf("no definition in testdata/typed shows %s", code)
		}
	}
}

func TestWhereNothingIsKnownOnlyNullIsSpokenOf(t *testing.T) {
	for _, path := range definitionsIn(t, "testdata/typed") {
		def, _ := Parse(path, readFile(t, path), func(string) ([]byte, error) { return nil, nil })
		for _, d := range typed(def, Types{}) {
			if d.Code == codeMissingField || d.Code == codePayload || strings.Contains(d.Message, "event has no field") {
				t.Errorf("%s: %s", path, d)
			}
		}
	}
}

// TestVariablesAreWhatIsAssignedToThem asks for the kind of a variable.
func TestVariablesAreWhatIsAssignedToThem(t *testing.T) {
	for set, want := range map[string]string{
		"{n: 0}":                           "int",
		"{n: =n + 1}":                      "number",
		"{n: 0, m: =n + 1, o: =m}":         "int",
		"{n: 0, m: =n / 2}":                "int",
		"{n: 'a'}":                         "string",
		"{n: [1, 2.5]}":                    "list",
		"{n: {a: 1}}":                      "map",
		"{n: =event}":                      "any",
		"{n: =x, x: =n}":                   "any",
		"{n: {a: =n}}":                     "map",
		"{n: =now}":                        "timestamp",
		"{n: null}":                        "null",
		"{n: \"=[1].filter(i, i > 1)\"}":   "list",
		"{n: \"=true ? 1 : 2.5\"}":         "number",
		"{n: \"=true ? 1 : 'a'\"}":         "any",
		"{n: \"=coalesce(null, 'a')\"}":    "string",
		"{n: =decimal('1'), m: =n + 1}":    "decimal",
		"{n: =instance.attempt}":           "int",
		"{n: \"=event.?a.orValue(true)\"}": "any",
	} {
		def, list := parseText(oneStep("{set: " + set + "}"))
		if list.HasErrors() {
			t.Fatal(list)
		}
		learner := newTyper(def, Types{}, newOutline(def))
		learner.learn()
		got := string(learner.vars["n"].Kind)
		if got == "" {
			got = "any"
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", set, got, want)
		}
	}
}

func TestTypingEndsForVariablesThatGrow(t *testing.T) {
	def, _ := parseText(oneStep("{set: {a: {b: =a, c: =d}, d: [=a, =d]}}"))
	if found := typed(def, Types{}); found.HasErrors() {
		t.Error(found)
	}
}
