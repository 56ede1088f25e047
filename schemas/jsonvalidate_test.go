package schemas

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"rondo/topology"
	"rondo/topology/value"
)

const orderJSONSchema = `{
  "$defs": {"money": {"type": "number", "minimum": 0}},
  "type": "object",
  "required": ["id", "items"],
  "additionalProperties": false,
  "properties": {
    "type": {"type": "string"},
    "id": {"type": "string", "minLength": 1},
    "total": {"$ref": "#/$defs/money"},
    "count": {"type": "integer"},
    "text": {"type": "string"},
    "either": {"anyOf": [{"type": "number"}, {"type": "string"}]},
    "maybe": {"type": ["null", "number"]},
    "free": {},
    "shape": {"oneOf": [
      {"type": "object", "properties": {"kind": {"const": "n"}, "v": {"type": "number"}}},
      {"type": "object", "properties": {"kind": {"const": "t"}, "v": {"type": "string"}}}]},
    "items": {"type": "array", "items": {"type": "object", "required": ["sku"], "properties": {
      "sku": {"type": "string"}, "qty": {"type": "integer", "minimum": 1}, "price": {"$ref": "#/$defs/money"}}}},
    "rates": {"type": "object", "additionalProperties": {"type": "number"}},
    "at": {"type": "string", "format": "date-time"}
  }
}`

func fits(t testing.TB, text string) *jsonSchema {
	t.Helper()
	s, err := compileJSONSchema("order.json", map[string][]byte{"order.json": []byte(text), "more.json": []byte(`{"type":"string"}`)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPayloadThatDoesNotFitItsJSONSchemaNamesThePlaceAndTheRule(t *testing.T) {
	files := map[string][]byte{"order.json": []byte(orderJSONSchema)}
	r, err := NewReader([]*topology.Message{message("Order", "", "order.json"), message("Other", "json", "")}, files, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`{"id":"a","items":[]}`: "",
		`{"id":"a","items":[{"sku":"x","qty":2,"price":1.5}],"total":123456789012345678901234567890}`: "",
		`{"items":[]}`:                                                  "the whole does not fit order.json: `required` names id",
		`{"id":"","items":[]}`:                                          "/id does not fit order.json: `minLength` is 1",
		`{"id":"a","items":[{"sku":"x","qty":0}]}`:                      "/items/0/qty does not fit order.json: `minimum` is 1",
		`{"id":"a","items":[{"sku":"x","qty":1.5}]}`:                    "/items/0/qty does not fit order.json: `type` is integer, and this is number",
		`{"id":"a","items":[{"qty":1},{"qty":"x"}]}`:                    "/items/0 does not fit order.json: `required` names sku",
		`{"id":"a","items":[],"b/c~d":1,"a":2}`:                         "the whole does not fit order.json: `additionalProperties` forbids a, b/c~d",
		`{"id":"a","items":[],"total":-1,"rates":{"a~/b":"x"}}`:         "/rates/a~0~1b does not fit order.json: `type` is number, and this is string",
		`{"id":"a","items":[],"shape":{"kind":"n","v":"x"}}`:            "/shape/kind does not fit order.json: `const`",
		`{"id":"a","items":[],"total":-123456789012345678901234567890}`: "/total does not fit order.json: `minimum` is 0",
		`[]`: "the whole does not fit order.json: `type` is object, and this is array",
	} {
		for range 5 { // the validator goes over maps
			_, err := r.Decode(context.Background(), Raw{Topic: "shop.orders", Value: []byte(text), Headers: headers("type", "Order")})
			var bad *Undecodable
			switch {
			case want == "" && err != nil:
				t.Errorf("%s: %v", text, err)
			case want != "" && (!errors.As(err, &bad) || bad.Code != CodeUndecodable || bad.Text != "JSON: "+want):
				t.Fatalf("%s:\n got %v\nwant %s", text, err, want)
			}
		}
	}
	for name, raw := range map[string]Raw{
		"another message": {Value: []byte(`{"a":1}`), Headers: headers("type", "Other")},
		"nobody's":        {Value: []byte(`{"type":"Unknown"}`)},
		"a tombstone":     {Headers: headers("type", "Order")},
	} {
		if _, err := r.Decode(context.Background(), raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.Decode(context.Background(), Raw{Value: []byte(`{"type":"Order"}`)}); err == nil {
		t.Error("the type in the payload does not lead to its schema")
	}
}

// A decimal is a number where the schema wants one, and text elsewhere.
func TestJSONIsWrittenAsItsSchemaSays(t *testing.T) {
	s := fits(t, orderJSONSchema)
	at := time.Date(2026, 1, 31, 10, 20, 30, 0, time.UTC)
	base := func(pairs ...any) value.Value {
		m := map[string]value.Value{"id": "a", "items": []any{}}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i].(string)] = pairs[i+1]
		}
		return value.MapOf(m)
	}
	for _, c := range []struct {
		name string
		v    value.Value
		want string // what stands beside id and items; or the error
	}{
		{"number", base("total", dec("10.50")), `"total":10.50`},
		{"number of 34 digits", base("total", dec("1234567890123456789012345678.901234")), `"total":1234567890123456789012345678.901234`},
		{"string", base("text", dec("10.50")), `"text":"10.50"`},
		{"nothing said", base("free", dec("10.50")), `"free":"10.50"`},
		{"either", base("either", dec("10.50")), `"either":"10.50"`},
		{"nullable number", base("maybe", dec("10.50")), `"maybe":10.50`},
		{"whole", base("count", dec("5.00")), `"count":5`},
		{"whole, large", base("count", dec("1E+20")), `"count":100000000000000000000`},
		{"whole from a double", base("count", 5.0), `"count":5`},
		{"double", base("total", 5.0), `"total":5.0`},
		{"not whole", base("count", dec("5.5")), "/count does not fit order.json: `type` is integer, and this is number"},
		{"in a list", value.MapOf(map[string]value.Value{"id": "a", "items": []any{value.MapOf(map[string]value.Value{"sku": "x", "price": dec("1.20")})}}),
			`{"id":"a","items":[{"price":1.20,"sku":"x"}]}`},
		{"in a map", base("rates", value.MapOf(map[string]value.Value{"eur": dec("1.10")})), `"rates":{"eur":1.10}`},
		{"branch by trying, number", base("shape", value.MapOf(map[string]value.Value{"kind": "n", "v": dec("1.5")})), `"shape":{"kind":"n","v":1.5}`},
		{"branch by trying, text", base("shape", value.MapOf(map[string]value.Value{"kind": "t", "v": dec("1.5")})), `"shape":{"kind":"t","v":"1.5"}`},
		{"timestamp", base("at", at), `"at":"2026-01-31T10:20:30Z"`},
		{"duration", base("text", 1500*time.Millisecond), `"text":"1.5s"`},
		{"bytes", base("text", []byte{1, 2}), `"text":"AQI="`},
		{"timestamp as number", base("total", at), "/total does not fit order.json: `type` is number, and this is string"},
		{"no date-time", base("at", "yesterday"), ""},
		{"lacks a field", value.MapOf(map[string]value.Value{"id": "a"}), "the whole does not fit order.json: `required` names items"},
		{"negative", base("total", dec("-0.01")), "/total does not fit order.json: `minimum` is 0"},
	} {
		b, err := s.encode(c.v, false)
		got := string(b)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestSchemaOfDraft7AssertsFormatsAndReadsItemsAsItIs(t *testing.T) {
	s := fits(t, `{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"at":{"format":"date-time"},
		"pair":{"items":[{"type":"string"},{"type":"number"}],"additionalItems":{"type":"integer"}}}}`)
	if b, err := s.encode(value.MapOf(map[string]value.Value{"pair": []any{dec("1.5"), dec("1.5"), dec("2.0")}}), false); err != nil || string(b) != `{"pair":["1.5",1.5,2]}` {
		t.Errorf("%s, %v", b, err)
	}
	if _, err := s.encode(value.MapOf(map[string]value.Value{"at": "yesterday"}), false); err == nil || err.Error() != "/at does not fit order.json: `format` is date-time" {
		t.Errorf("%v", err)
	}
}

func TestJSONSchemaThatCannotBeUsedIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{`:                                "cannot be used to check payloads",
		`{"type":"strng"}`:                 "cannot be used to check payloads",
		`{"pattern":"(?=a)"}`:              "cannot be used to check payloads",
		`{"$ref":"other.json"}`:            "not among the definition's files",
		`{"$ref":"https://example.com/x"}`: "not among the definition's files",
	} {
		_, err := compileJSONSchema("order.json", map[string][]byte{"order.json": []byte(text)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	s := fits(t, `{"properties":{"a":{"$ref":"more.json"}}}`)
	if _, err := s.encode(value.MapOf(map[string]value.Value{"a": int64(1)}), false); err == nil {
		t.Error("another file of the definition is not heeded")
	}
}

// A script says what matters to it.
func TestWireLetsFieldsOfAJSONSchemaBeMissing(t *testing.T) {
	m := message("Order", "", "order.json")
	def := &topology.Definition{Messages: []*topology.Message{m}, Files: map[string][]byte{"order.json": []byte(orderJSONSchema)}}
	w, err := NewWire(context.Background(), def, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Carry(context.Background(), m, value.MapOf(map[string]value.Value{"id": "a"})); err != nil {
		t.Error(err)
	}
	if _, err := w.Carry(context.Background(), m, value.MapOf(map[string]value.Value{"id": int64(1)})); err == nil || !strings.Contains(err.Error(), "/id does not fit") {
		t.Errorf("%v", err)
	}
}

func BenchmarkJSONSchema(b *testing.B) {
	schema := `{"type":"object","required":["order_id"],"properties":{"order_id":{"type":"string"},"total":{"type":"number"},
		"items":{"type":"array","items":{"type":"object","required":["sku"],"properties":{"sku":{"type":"string"},"qty":{"type":"integer","minimum":1},"price":{"type":"number"}}}}}}`
	v := value.MapOf(map[string]value.Value{"order_id": "o-1", "total": 30.5, "customer": "c-1", "items": []any{
		value.MapOf(map[string]value.Value{"sku": "a", "qty": int64(1), "price": 10.5}),
		value.MapOf(map[string]value.Value{"sku": "b", "qty": int64(2), "price": 10.0}),
	}})
	text, err := value.ToJSON(v)
	if err != nil {
		b.Fatal(err)
	}
	files := map[string][]byte{"order.json": []byte(schema)}
	for name, m := range map[string]*topology.Message{"without": message("Order", "json", ""), "with": message("Order", "", "order.json")} {
		r, err := NewReader([]*topology.Message{m}, files, nil, 0)
		if err != nil {
			b.Fatal(err)
		}
		how, err := writeMessageOf(context.Background(), m, nil, files, nil)
		if err != nil {
			b.Fatal(err)
		}
		raw := Raw{Value: text, Headers: headers("type", "Order")}
		b.Run("read/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Decode(context.Background(), raw); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("write/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := how.encode(v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
