package schemas

import (
	"fmt"
	"strings"
	"testing"

	"github.com/linkedin/goavro/v2"
)

func mustSchema(t testing.TB, text string, others ...*Schema) *Schema {
	t.Helper()
	s, err := ParseSchema([]byte(text), others...)
	if err != nil {
		t.Fatalf("parse %s: %v", text, err)
	}
	return s
}

// The vectors are those of Apache Avro, share/test/data/schema-tests.txt.
func TestFingerprintsAreThoseOfAvro(t *testing.T) {
	for _, c := range []struct {
		schema, canonical string
		fingerprint       int64
	}{
		{`"null"`, `"null"`, 7195948357588979594},
		{`{"type":"null"}`, `"null"`, 7195948357588979594},
		{`"boolean"`, `"boolean"`, -6970731678124411036},
		{`"int"`, `"int"`, 8247732601305521295},
		{`"long"`, `"long"`, -3434872931120570953},
		{`"float"`, `"float"`, 5583340709985441680},
		{`"double"`, `"double"`, -8181574048448539266},
		{`"bytes"`, `"bytes"`, 5746618253357095269},
		{`"string"`, `"string"`, -8142146995180207161},
		{`[ "int"  ]`, `["int"]`, -5232228896498058493},
		{`[ "int" , {"type":"boolean"} ]`, `["int","boolean"]`, 5392556393470105090},
		{`{"fields":[], "type":"record", "name":"foo"}`, `{"name":"foo","type":"record","fields":[]}`, -4824392279771201922},
		{`{"fields":[], "type":"record", "name":"foo", "namespace":"x.y"}`,
			`{"name":"x.y.foo","type":"record","fields":[]}`, 5916914534497305771},
		{`{"fields":[], "type":"record", "name":"a.b.foo", "namespace":"x.y"}`,
			`{"name":"a.b.foo","type":"record","fields":[]}`, -4616218487480524110},
		{`{"fields":[], "type":"record", "name":"foo", "doc":"Useful info"}`,
			`{"name":"foo","type":"record","fields":[]}`, -4824392279771201922},
		{`{"fields":[{"type":{"type":"boolean"}, "name":"f1"}], "type":"record", "name":"foo"}`,
			`{"name":"foo","type":"record","fields":[{"name":"f1","type":"boolean"}]}`, 7843277075252814651},
		{`{"type":"enum", "name":"foo", "symbols":["A1"]}`,
			`{"name":"foo","type":"enum","symbols":["A1"]}`, -6342190197741309591},
		{`{"namespace":"x.y.z", "type":"fixed", "name":"foo", "doc":"foo bar", "size":32}`,
			`{"name":"x.y.z.foo","type":"fixed","size":32}`, -3064184465700546786},
		{`{"name":"PigValue","type":"record","fields":[{"name":"value", "type":["null", "int", "long", "PigValue"]}]}`,
			`{"name":"PigValue","type":"record","fields":[{"name":"value","type":["null","int","long","PigValue"]}]}`, -1759257747318642341},
		{`{"items":{"type":"null"}, "type":"array"}`, `{"type":"array","items":"null"}`, -589620603366471059},
		{`{"values":"string", "type":"map"}`, `{"type":"map","values":"string"}`, -8732877298790414990},
	} {
		s := mustSchema(t, c.schema)
		if s.Canonical() != c.canonical {
			t.Errorf("canonical form of %s\n got %s\nwant %s", c.schema, s.Canonical(), c.canonical)
		}
		if int64(s.Fingerprint()) != c.fingerprint {
			t.Errorf("fingerprint of %s is %d, want %d", c.schema, int64(s.Fingerprint()), c.fingerprint)
		}
	}
}

// goavro prefixes a namespace within a namespace, which Avro does not.
func TestNamesBelongToTheNearestNamespace(t *testing.T) {
	s := mustSchema(t, `{"type":"record","name":"A","namespace":"a","fields":[
		{"name":"b","type":{"type":"record","name":"B","namespace":"b.c","fields":[
			{"name":"d","type":{"type":"enum","name":"D","symbols":["X"]}},
			{"name":"a","type":["null","a.A"]}]}},
		{"name":"e","type":{"type":"fixed","name":"x.E","size":1}},
		{"name":"f","type":{"type":"enum","name":"F","namespace":"","symbols":["Y"]}},
		{"name":"g","type":["null","b.c.D","F","x.E"]}]}`)
	want := `{"name":"a.A","type":"record","fields":[` +
		`{"name":"b","type":{"name":"b.c.B","type":"record","fields":[` +
		`{"name":"d","type":{"name":"b.c.D","type":"enum","symbols":["X"]}},` +
		`{"name":"a","type":["null","a.A"]}]}},` +
		`{"name":"e","type":{"name":"x.E","type":"fixed","size":1}},` +
		`{"name":"f","type":{"name":"F","type":"enum","symbols":["Y"]}},` +
		`{"name":"g","type":["null","b.c.D","F","x.E"]}]}`
	if s.Canonical() != want {
		t.Errorf("got  %s\nwant %s", s.Canonical(), want)
	}
}

// goavro leaves a name as it stands in the text where the canonical form has
// the full name, so the texts here name their types in full.
func TestFingerprintAgreesWithGoavro(t *testing.T) {
	for _, text := range []string{orderSchema, strings.Replace(everythingSchema, `"Everything"]`, `"com.acme.Everything"]`, 1)} {
		codec, err := goavro.NewCodec(text)
		if err != nil {
			t.Fatal(err)
		}
		s := mustSchema(t, text)
		if s.Canonical() != codec.CanonicalSchema() || s.Fingerprint() != codec.Rabin {
			t.Errorf("got  %s\nwant %s", s.Canonical(), codec.CanonicalSchema())
		}
	}
}

func TestWrongSchemaIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		``:                              "not JSON",
		`{`:                             "not JSON",
		`"int" "long"`:                  "more text behind",
		`5`:                             "5 is not a type",
		`{}`:                            `without "type"`,
		`"nope"`:                        `unknown type "nope"`,
		`"strnig"`:                      `unknown type "strnig", did you mean "string"?`,
		`[]`:                            "without members",
		`["int","int"]`:                 "int twice",
		`["int",["long"]]`:              "directly within a union",
		`{"type":"array"}`:              `array without "items"`,
		`{"type":"map"}`:                `map without "values"`,
		`{"type":"record","name":"R"}`:  `record R without "fields"`,
		`{"type":"record","fields":[]}`: "name",
		`{"type":"record","name":"1R","fields":[]}`:                                                   "not a name",
		`{"type":"record","name":"long","fields":[]}`:                                                 "is a type of Avro",
		`{"type":"record","name":"R","fields":[5]}`:                                                   "not an object",
		`{"type":"record","name":"R","fields":[{"name":"a"}]}`:                                        `field a without "type"`,
		`{"type":"record","name":"R","fields":[{"name":"a-b","type":"int"}]}`:                         "not a name",
		`{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]}`: "field a twice",
		`{"type":"record","name":"R","fields":[{"name":"a","type":"S"}]}`:                             `field a: unknown type "S"`,
		`["null",{"type":"fixed","name":"F","size":2},{"type":"fixed","name":"F","size":2}]`:          "defined twice",
		`{"type":"enum","name":"E"}`:                                                                  `without "symbols"`,
		`{"type":"enum","name":"E","symbols":["A","A"]}`:                                              "symbol A twice",
		`{"type":"enum","name":"E","symbols":["ä"]}`:                                                  "not a name",
		`{"type":"fixed","name":"F"}`:                                                                 `without a "size"`,
		`{"type":"fixed","name":"F","size":0}`:                                                        `without a "size"`,
		strings.Repeat(`{"type":"array","items":`, 150) + `"int"` + strings.Repeat(`}`, 150):          "nested deeper than 100",
		`[` + strings.Repeat(`{"type":"array","items":"int"},`, 10_001) + `"int"]`:                    "array twice",
		`"` + strings.Repeat("a", schemaTextBytesMax) + `"`:                                           "more than 1048576",
	} {
		_, err := ParseSchema([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: got error %v, want %q", text, err, want)
		}
	}
}

func TestSchemaWithTooManyTypesIsRefused(t *testing.T) {
	var fields []string
	for i := range schemaTypesMax + 1 {
		fields = append(fields, fmt.Sprintf(`{"name":"f%d","type":"int"}`, i))
	}
	_, err := ParseSchema([]byte(`{"type":"record","name":"R","fields":[` + strings.Join(fields, ",") + `]}`))
	if err == nil || !strings.Contains(err.Error(), "more than 10000 types") {
		t.Errorf("got %v", err)
	}
}

func TestSchemaMayNameTypesOfOthers(t *testing.T) {
	address := mustSchema(t, `{"type":"record","name":"Address","namespace":"acme","fields":[{"name":"zip","type":"string"}]}`)
	order := mustSchema(t, `{"type":"record","name":"Order","namespace":"acme","fields":[{"name":"to","type":"Address"},{"name":"from","type":"Address"}]}`, address)
	want := `{"name":"acme.Order","type":"record","fields":[{"name":"to","type":{"name":"acme.Address","type":"record",` +
		`"fields":[{"name":"zip","type":"string"}]}},{"name":"from","type":"acme.Address"}]}`
	if order.Canonical() != want {
		t.Errorf("got %s", order.Canonical())
	}
}

func TestSchemaFilesMayBeInAnyOrder(t *testing.T) {
	files := map[string][]byte{
		"a.avsc":     []byte(`{"type":"record","name":"A","fields":[{"name":"b","type":"B"}]}`),
		"b.avsc":     []byte(`{"type":"record","name":"B","fields":[{"name":"c","type":"C"}]}`),
		"c.avsc":     []byte(`{"type":"enum","name":"C","symbols":["X"]}`),
		"notes.json": []byte(`not a schema`),
	}
	parsed, err := parseSchemaFiles(files, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(parsed) != 3 || parsed["a.avsc"].Name() != "A" {
		t.Errorf("got %v", parsed)
	}
	delete(files, "c.avsc")
	if _, err := parseSchemaFiles(files, nil); err == nil || !strings.Contains(err.Error(), "unknown type") {
		t.Errorf("without c.avsc: got %v", err)
	}
}
