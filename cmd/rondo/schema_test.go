package main

import (
	"encoding/json"
	"testing"
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
