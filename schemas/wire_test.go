package schemas

import (
	"context"
	"strings"
	"testing"
	"time"

	"rondo/topology"
	"rondo/topology/value"
)

const wireSchema = `{"type": "record", "name": "Paid", "fields": [
	{"name": "id", "type": "string"},
	{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
	{"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}},
	{"name": "sign", "type": ["null", "bytes"], "default": null},
	{"name": "tags", "type": {"type": "array", "items": "string"}, "default": []},
	{"name": "seen", "type": {"type": "map", "values": {"type": "long", "logicalType": "timestamp-millis"}}, "default": {}}
]}`

func wireOf(t *testing.T, m *topology.Message) *Wire {
	t.Helper()
	w, err := NewWire(context.Background(), &topology.Definition{Messages: []*topology.Message{m}, Files: map[string][]byte{"paid.avsc": []byte(wireSchema)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWireGivesWhatANodeWouldDecode(t *testing.T) {
	m := &topology.Message{Name: "Paid", Topic: "t", Format: "avro", Schema: "paid.avsc"}
	got, err := wireOf(t, m).Carry(context.Background(), m, mapOf1("id", "p-1", "at", "2026-01-31T12:00:00Z", "amount", "1.50",
		"sign", "AAE=", "seen", mapOf1("a", "2026-01-31T12:00:01Z")))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	want := mapOf1("id", "p-1", "at", at, "amount", dec("1.50"), "sign", []byte{0, 1}, "tags", []any{}, "seen", mapOf1("a", at.Add(time.Second)))
	if !value.Equal(got, want) {
		t.Errorf("got %s\nwant %s", value.Format(got), value.Format(want))
	}
	if again, err := wireOf(t, m).Carry(context.Background(), m, got); err != nil || !value.Equal(again, got) {
		t.Errorf("carried again it is %s, %v", value.Format(again), err)
	}
}

func TestWireRefusesWhatNoServiceCouldSend(t *testing.T) {
	m := &topology.Message{Name: "Paid", Topic: "t", Format: "avro", Schema: "paid.avsc"}
	for _, c := range []struct {
		payload value.Value
		want    string
	}{
		{mapOf1("idd", "p-1"), "idd"},
		{mapOf1("id", int64(1), "at", "2026-01-31T12:00:00Z", "amount", "1"), "id"},
		{mapOf1("id", "p-1", "at", "yesterday", "amount", "1"), "at"},
		{"paid", "record"},
	} {
		if got, err := wireOf(t, m).Carry(context.Background(), m, c.payload); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s is carried as %s, %v", value.Format(c.payload), value.Format(got), err)
		}
	}
}

// TestWireFillsInWhatATestLeavesOut: every type has a value that fits it.
func TestWireFillsInWhatATestLeavesOut(t *testing.T) {
	fields := map[string]string{
		"null": `"null"`, "boolean": `"boolean"`, "int": `"int"`, "long": `"long"`, "float": `"float"`, "double": `"double"`,
		"bytes": `"bytes"`, "string": `"string"`, "uuid": `{"type": "string", "logicalType": "uuid"}`,
		"fixed": `{"type": "fixed", "name": "F", "size": 3}`, "enum": `{"type": "enum", "name": "E", "symbols": ["A", "B"]}`,
		"array": `{"type": "array", "items": "int"}`, "map": `{"type": "map", "values": "int"}`,
		"record": `{"type": "record", "name": "R", "fields": [{"name": "x", "type": "int"}]}`,
		"union":  `["string", "int"]`, "optional": `["int", "null"]`,
		"decimal":  `{"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}`,
		"duration": `{"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"}`,
		"date":     `{"type": "int", "logicalType": "date"}`, "clock": `{"type": "int", "logicalType": "time-millis"}`,
		"micros": `{"type": "long", "logicalType": "time-micros"}`,
		"stamp":  `{"type": "long", "logicalType": "timestamp-micros"}`, "local": `{"type": "long", "logicalType": "local-timestamp-millis"}`,
	}
	for name, typ := range fields {
		m := &topology.Message{Name: "M", Topic: "t", Format: "avro", Schema: "m.avsc"}
		schema := `{"type": "record", "name": "M", "fields": [{"name": "left_out", "type": ` + typ + `}]}`
		w, err := NewWire(context.Background(), &topology.Definition{Messages: []*topology.Message{m}, Files: map[string][]byte{"m.avsc": []byte(schema)}}, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := w.Carry(context.Background(), m, &value.Map{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, ok := got.(*value.Map).Lookup("left_out"); !ok {
			t.Errorf("%s is not filled in: %s", name, value.Format(got))
		}
	}
}

func TestWireEndsWhereARecordHoldsItself(t *testing.T) {
	m := &topology.Message{Name: "M", Topic: "t", Format: "avro", Schema: "m.avsc"}
	schema := `{"type": "record", "name": "M", "fields": [{"name": "self", "type": "M"}]}`
	w, err := NewWire(context.Background(), &topology.Definition{Messages: []*topology.Message{m}, Files: map[string][]byte{"m.avsc": []byte(schema)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.Carry(context.Background(), m, &value.Map{}); err == nil {
		t.Errorf("a record without end is carried as %s", value.Format(got))
	}
}

func TestWireCarriesOtherFormats(t *testing.T) {
	for _, c := range []struct {
		format, schema string
		payload, want  value.Value
	}{
		{"", "", mapOf1("n", int64(1)), mapOf1("n", int64(1))},
		{"json", "", mapOf1("at", time.Unix(0, 0).UTC()), mapOf1("at", "1970-01-01T00:00:00Z")},
		{"text", "", "hallo", "hallo"},
		{"bytes", "", "AAE=", []byte{0, 1}},
		{"avro", "a.subject", mapOf1("n", int64(1)), mapOf1("n", int64(1))}, // nobody can be asked
		{"json", "", nil, nil},
	} {
		m := &topology.Message{Name: "Paid", Topic: "t", Format: c.format, Schema: c.schema}
		got, err := wireOf(t, m).Carry(context.Background(), m, c.payload)
		if err != nil || !value.Equal(got, c.want) {
			t.Errorf("%s: %s is carried as %s, %v", c.format, value.Format(c.payload), value.Format(got), err)
		}
	}
}

func TestWireCarriesRowsOfTables(t *testing.T) {
	rows := &topology.Table{Name: "paid", Topic: "t.rows", Format: "avro", Schema: "paid.avsc"}
	def := &topology.Definition{Tables: []*topology.Table{rows, {Name: "free", Topic: "t.free"}}, Files: map[string][]byte{"paid.avsc": []byte(wireSchema)}}
	w, err := NewWire(context.Background(), def, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.CarryRow(context.Background(), rows, mapOf1("id", "p-1", "at", "2026-01-31T12:00:00Z", "amount", "1.50"))
	want := mapOf1("id", "p-1", "at", time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), "amount", dec("1.50"), "sign", nil, "tags", []any{}, "seen", mapOf1())
	if err != nil || !value.Equal(got, want) {
		t.Errorf("got %s, %v\nwant %s", value.Format(got), err, value.Format(want))
	}
	if got, err := w.CarryRow(context.Background(), rows, mapOf1("id", int64(1))); err == nil || !strings.Contains(err.Error(), "id") {
		t.Errorf("carried as %s, %v", value.Format(got), err)
	}
	if got, err := w.CarryRow(context.Background(), rows, nil); got != nil || err != nil {
		t.Errorf("a tombstone is carried as %s, %v", value.Format(got), err)
	}
	if got, err := w.CarryRow(context.Background(), def.Tables[1], mapOf1("a", int64(1))); err != nil || value.Format(got) != "{a: 1}" {
		t.Errorf("a row without a schema is carried as %s, %v", value.Format(got), err)
	}
}

// TestWireCarriesWholeNumbersBeyond64BitsAsJSONNumbers: where no schema asks for a
// text, they come as a service would have written them.
func TestWireCarriesWholeNumbersBeyond64BitsAsJSONNumbers(t *testing.T) {
	const beyond = "123456789012345678901234567890"
	schemas := map[string]string{
		"":               "",
		"number.json":    `{"properties": {"n": {"type": "number"}}}`,
		"integer.json":   `{"properties": {"n": {"type": "integer"}}}`,
		"any.json":       `{"properties": {"n": {}}}`,
		"either.json":    `{"properties": {"n": {"type": ["string", "integer"]}}}`,
		"list-or-n.json": `{"properties": {"n": {"anyOf": [{"type": "array", "items": {"type": "number"}}, {"type": "number"}]}}}`,
	}
	for file, text := range schemas {
		m := &topology.Message{Name: "Counted", Topic: "t", Format: "json", Schema: file}
		w, err := NewWire(context.Background(), &topology.Definition{Messages: []*topology.Message{m}, Files: map[string][]byte{file: []byte(text)}}, nil)
		if err != nil {
			t.Fatalf("%q: %v", file, err)
		}
		for _, n := range []value.Value{dec(beyond), dec("-" + beyond), int64(5)} {
			got, err := w.Carry(context.Background(), m, mapOf1("n", n))
			if err != nil || string(value.AppendCanonical(nil, got)) != string(value.AppendCanonical(nil, mapOf1("n", n))) {
				t.Errorf("%q: %s is carried as %s, %v", file, value.Format(n), value.Format(got), err)
			}
		}
	}
	m := &topology.Message{Name: "Counted", Topic: "t", Format: "json", Schema: "text.json"}
	def := &topology.Definition{Messages: []*topology.Message{m}, Files: map[string][]byte{"text.json": []byte(`{"properties": {"n": {"type": "string"}}}`)}}
	w, err := NewWire(context.Background(), def, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.Carry(context.Background(), m, mapOf1("n", dec(beyond))); err == nil {
		t.Errorf("a number where the schema says text is carried as %s", value.Format(got))
	}
}

// TestWireCarriesRowsWithWholeNumbersBeyond64Bits: so do rows of tables.
func TestWireCarriesRowsWithWholeNumbersBeyond64Bits(t *testing.T) {
	rows := &topology.Table{Name: "counts", Topic: "t.rows"}
	w, err := NewWire(context.Background(), &topology.Definition{Tables: []*topology.Table{rows}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	row := mapOf1("n", []any{dec("18446744073709551616")})
	got, err := w.CarryRow(context.Background(), rows, row)
	if err != nil || string(value.AppendCanonical(nil, got)) != string(value.AppendCanonical(nil, row)) {
		t.Errorf("the row is %s, %v", value.Format(got), err)
	}
}
