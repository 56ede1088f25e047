package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

func TestSchemaPrintsTheSchemaOfTheLanguage(t *testing.T) {
	r := rondo(t, "schema")
	var schema struct {
		Schema      string `json:"$schema"`
		Definitions map[string]any
	}
	if err := json.Unmarshal([]byte(r.stdout), &schema); err != nil || r.code != exitDone {
		t.Fatalf("exit code %d: %v", r.code, err)
	}
	if schema.Schema != "http://json-schema.org/draft-07/schema#" || schema.Definitions["step"] == nil {
		t.Errorf("%s with %d definitions", schema.Schema, len(schema.Definitions))
	}
}

// TestWhatInitWritesFitsTheSchema validates it as an editor does, and a slip in it.
func TestWhatInitWritesFitsTheSchema(t *testing.T) {
	folder(t, nil)
	if r := rondo(t, "init", "lodge"); r.code != exitDone {
		t.Fatalf("%+v", r)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(rondo(t, "schema").stdout))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("rondo.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("rondo.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("lodge/lodge.yaml")
	if err != nil {
		t.Fatal(err)
	}
	validate := func(text string) error {
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		asJSON, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(string(asJSON)))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(instance)
	}
	if err := validate(string(text)); err != nil {
		t.Error(err)
	}
	if err := validate(strings.Replace(string(text), "send:", "sned:", 1)); err == nil {
		t.Error("sned is taken for a word")
	}
}
