package schemas

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"rondo/topology"
	"rondo/topology/expr"
)

// typeText writes a Type in one line: fields that may be left out have a ?.
func typeText(t expr.Type) string {
	text := string(t.Kind)
	switch {
	case t.Kind == "":
		text = "any"
	case t.Fields != nil:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(t.Fields)) {
			mark := ""
			if t.Fields[name].Optional {
				mark = "?"
			}
			parts = append(parts, name+mark+" "+typeText(t.Fields[name]))
		}
		text = "{" + strings.Join(parts, ", ") + "}"
	case t.Elem != nil:
		text += " of " + typeText(*t.Elem)
	}
	for _, also := range t.Also {
		text += "<" + string(also)
	}
	if t.Symbols != nil {
		text += fmt.Sprint(t.Symbols)
	}
	if t.Nullable {
		text += " or null"
	}
	return text
}

func TestTypesOfAvro(t *testing.T) {
	for schema, want := range map[string]string{
		`"int"`: "int", `"long"`: "int", `"float"`: "double", `"double"`: "double", `"boolean"`: "bool", `"bytes"`: "bytes", `"null"`: "null",
		`["null","string"]`: "string or null", `["int","string"]`: "any", `["null","int","string"]`: "any", `["string"]`: "string", `["null"]`: "null",
		`{"type":"array","items":["null","long"]}`:                                                                          "list of int or null",
		`{"type":"map","values":"double"}`:                                                                                  "map of double",
		`{"type":"enum","name":"E","symbols":["A","B"]}`:                                                                    "string[A B]",
		`{"type":"fixed","name":"F","size":3}`:                                                                              "bytes",
		`{"type":"long","logicalType":"timestamp-millis"}`:                                                                  "timestamp",
		`{"type":"long","logicalType":"timestamp-nanos"}`:                                                                   "timestamp",
		`{"type":"long","logicalType":"local-timestamp-millis"}`:                                                            "string",
		`{"type":"int","logicalType":"date"}`:                                                                               "string<timestamp",
		`{"type":"long","logicalType":"time-micros"}`:                                                                       "string",
		`{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`:                                                  "decimal",
		`{"type":"fixed","name":"D","size":12,"logicalType":"duration"}`:                                                    "string",
		`{"type":"string","logicalType":"uuid"}`:                                                                            "string",
		`{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":["null","R"],"default":null}]}`: "{a int, b? any}",
		`[{"type":"record","name":"x.Other","fields":[]},{"type":"record","name":"x.Message","fields":[{"name":"a","type":"int","default":1}]}]`: "{a? int}",
	} {
		s, err := ParseSchema([]byte(schema))
		if err != nil {
			t.Fatal(err)
		}
		if got := typeText(s.typeOf("Message")); got != want {
			t.Errorf("%s\n got  %s\n want %s", schema, got, want)
		}
	}
}

func TestTypesOfJSONSchema(t *testing.T) {
	const text = "<timestamp<duration<bytes<decimal"
	for schema, want := range map[string]string{
		`true`: "any", `{}`: "any", `{"type":"string"}`: "string" + text, `{"type":"integer"}`: "number", `{"type":["number","null"]}`: "number or null", `{"type":"null"}`: "null",
		`{"type":"boolean"}`: "bool", `{"type":["string","integer"]}`: "any", `{"enum":["a"],"type":"string"}`: "string" + text + "[a]",
		`{"type":"array","items":{"type":"boolean"}}`: "list of bool", `{"type":"array"}`: "list of any",
		`{"type":"object","properties":{"a":{"type":"boolean"},"b":{"type":"integer"}},"required":["a"]}`: "{a bool, b? number}",
		`{"properties":{"a":{"type":"boolean"}}}`:                                                         "{a? bool}",
		`{"type":"object","properties":{"a":{}},"additionalProperties":true}`:                             "map",
		`{"type":"object","properties":{"a":{}},"additionalProperties":false}`:                            "{a? any}",
		`{"type":"object","additionalProperties":{"type":"boolean"}}`:                                     "map of bool",
		`{"type":"object"}`: "map",
		`{"anyOf":[{"type":"null"},{"type":"boolean"}]}`: "bool or null", `{"oneOf":[{"type":"integer"},{"type":"boolean"}]}`: "any", `{"allOf":[{"type":"integer"}]}`: "any",
		`{"$ref":"#/$defs/N","$defs":{"N":{"type":"object","properties":{"next":{"$ref":"#/$defs/N"},"v":{"type":"boolean"}}}}}`: "{next? any, v? bool}",
		`{"$ref":"other.json"}`: "any",
	} {
		got, err := jsonSchemaType("s.json", []byte(schema))
		if err != nil || typeText(got) != want {
			t.Errorf("%s\n got  %s, %v\n want %s", schema, typeText(got), err, want)
		}
	}
}

func TestWrongJSONSchemasAreRefused(t *testing.T) {
	for schema, want := range map[string]string{
		`{`: "s.json is not JSON", `3`: "s.json is no JSON Schema", `{"type":"strng"}`: `"strng" is no type of JSON Schema, did you mean "string"?`, `{"type":["integer","nul"]}`: `did you mean "null"?`,
		`{"type":["date","string","null"]}`: `"date" is no type of JSON Schema; these are: array,`, `{"allOf":[{"type":"objekt"}]}`: `did you mean "object"?`,
		`{"properties":{"a":{"type":"bool"}}}`: `"bool" is no type of JSON Schema`, `{"$ref":"#/a/b"}`: "#/a/b leads nowhere",
		strings.Repeat(`{"type":"array","items":`, 200) + `true` + strings.Repeat(`}`, 200): "nested deeper",
	} {
		if _, err := jsonSchemaType("s.json", []byte(schema)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: got %v, want %s", schema, err, want)
		}
	}
}

// FuzzJSONSchema demands an answer to anything.
func FuzzJSONSchema(f *testing.F) {
	f.Add([]byte(`{"type":"object","properties":{"a":{"$ref":"#"}}}`))
	f.Add([]byte(`{"$ref":"#/a","a":{"$ref":"#/a"}}`))
	f.Add([]byte(`{"anyOf":[{"type":"null"},{"enum":[1]}],"allOf":3}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		first, err := jsonSchemaType("s.json", text)
		again, _ := jsonSchemaType("s.json", text)
		if err == nil && typeText(first) != typeText(again) {
			t.Errorf("two types of one schema: %s, %s", typeText(first), typeText(again))
		}
	})
}

func TestTypesOfADefinition(t *testing.T) {
	in := message("In", "", "in.json")
	def := &topology.Definition{
		Messages: []*topology.Message{in, message("Out", "avro", "order.avsc"), message("Text", "text", ""), message("Any", "", ""), message("Subject", "avro", "orders-value")},
		Tables:   []*topology.Table{{Name: "rates", Topic: "rates", Schema: "in.json"}},
		Files:    map[string][]byte{"in.json": []byte(`{"properties":{"a":{"type":"boolean"}}}`), "order.avsc": []byte(orderSchema)},
	}
	types, unusable, err := TypesOf(context.Background(), def, nil)
	if err != nil || len(unusable) > 0 {
		t.Fatal(unusable, err)
	}
	for name, want := range map[string]string{"In": "{a? bool}", "Text": "string", "Any": "any", "Subject": "any"} {
		if got := typeText(types.Messages[name]); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	if got := typeText(types.Tables["rates"]); got != "{a? bool}" {
		t.Errorf("rates: got %s", got)
	}
	if len(types.Messages["Out"].Fields) == 0 {
		t.Error("nothing is known of Out")
	}
}

func TestEachSchemaThatCannotBeUsedIsToldOnceAndTheOthersAreKnown(t *testing.T) {
	def := &topology.Definition{
		Messages: []*topology.Message{
			message("In", "", "in.json"), message("Again", "", "in.json"), message("Out", "avro", "out.avsc"),
			message("Lost", "avro", "lost.avsc"), message("Good", "avro", "order.avsc"), message("Needs", "avro", "needs.avsc"),
		},
		Files: map[string][]byte{
			"in.json": []byte(`{`), "out.avsc": []byte(`{"type":"recrd"}`), "lost.avsc": nil, "order.avsc": []byte(orderSchema),
			"needs.avsc": []byte(`{"type":"record","name":"A","fields":[{"name":"b","type":"B"}]}`),
		},
	}
	types, unusable, err := TypesOf(context.Background(), def, nil)
	if err != nil {
		t.Fatal(err)
	}
	var owners []string
	for _, u := range unusable {
		owners = append(owners, u.Owner)
	}
	if got := strings.Join(owners, ", "); got != "message In, message Out, message Needs" {
		t.Errorf("got %s: %v", got, unusable)
	}
	if len(types.Messages["Good"].Fields) == 0 || typeText(types.Messages["In"]) != "any" || typeText(types.Messages["Lost"]) != "any" {
		t.Errorf("got %v", types.Messages)
	}
}
