package services

import (
	"math/big"
	"testing"
	"testing/fstest"

	"rondo/schemas"
)

const moneySchema = `{"type": "record", "name": "Money", "namespace": "a.b", "doc": "Some.", "fields": [
	{"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}, "doc": "In euros."},
	{"name": "parts", "type": {"type": "array", "items": {"type": "record", "name": "Part", "fields": [{"name": "qty", "type": "long"}]}}},
	{"name": "note", "type": ["null", "string"], "default": null}]}`

// The fingerprint is what tells a reader the schema, whoever wrote the record.
func TestTheFingerprintIsAvrosAlsoWithLogicalTypes(t *testing.T) {
	want, err := schemas.ParseSchema([]byte(moneySchema))
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseSchema([]byte(moneySchema))
	if err != nil {
		t.Fatal(err)
	}
	if got.name != "Money" || got.print != want.Fingerprint() {
		t.Errorf("%s with fingerprint %x, want %x", got.name, got.print, want.Fingerprint())
	}
}

func TestWhatIsWrittenCanBeRead(t *testing.T) {
	codecs, err := LoadCodecs(fstest.MapFS{"money.avsc": {Data: []byte(moneySchema)}}, "Money")
	if err != nil {
		t.Fatal(err)
	}
	event, err := codecs.Write("Money", map[string]any{
		"amount": big.NewRat(1050, 100), "parts": []any{map[string]any{"qty": int64(7)}}, "note": map[string]any{"string": "hello"},
	})
	if err != nil {
		t.Fatal(err)
	}
	name, native, err := codecs.Read(event.Value)
	if err != nil {
		t.Fatal(err)
	}
	amount, _ := native["amount"].(*big.Rat)
	if name != "Money" || amount == nil || amount.FloatString(2) != "10.50" || Text(native, "note") != "hello" {
		t.Errorf("read %s %v", name, native)
	}
	if _, err := LoadCodecs(fstest.MapFS{}, "Money"); err == nil {
		t.Error("a schema that is missing is not missed")
	}
}
