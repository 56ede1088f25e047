package schemas

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"runtime"
	"strings"
	"testing"

	"rondo/topology"
	"rondo/topology/value"
)

// hostile are data that a decoder which trusts them would die of: claims of
// items, lengths and depths that are not there.
var hostile = []struct{ schema, hex, want string }{
	{`{"type":"array","items":"long"}`, "feffffff0f", "claims 2147483647 items"},
	{`{"type":"array","items":"null"}`, "feffffff0f00", "claims 2147483647 items"},
	{`{"type":"array","items":"null"}`, strings.Repeat("909c01", 10) + "00", "claims 9992 items"},
	{`{"type":"array","items":"int"}`, "ffffffffffffffffff0102", "claims 9223372036854775808 items"},
	{`{"type":"map","values":"long"}`, "feffffff0f", "claims 2147483647 items"},
	{`{"type":"array","items":{"type":"record","name":"E","fields":[]}}`, "feffffff0f00", "claims"},
	{`"bytes"`, "feffffffffffffffff01", "but only 0 are left"},
	{`"bytes"`, "01", "negative length -1"},
	{`"string"`, "01", "negative length -1"},
	{`"string"`, "feffffff0f", "bytes, but only 0 are left"},
	{`"long"`, "80808080808080808080", "longer than 64 bits"},
	{`"long"`, "8080", "ends within a number"},
	{`"int"`, "808080808000", "longer than 32 bits"},
	{`"int"`, "8080808010", "longer than 32 bits"},
	{`"boolean"`, "02", "a boolean is 0 or 1"},
	{`"boolean"`, "", "ends within a boolean"},
	{`"double"`, "00000000", "double of 8 bytes, but only 4 are left"},
	{`["null","int"]`, "01", "member -1 of a union of 2"},
	{`["null","int"]`, "0a", "member 5 of a union of 2"},
	{`{"type":"enum","name":"E","symbols":["A","B"]}`, "01", "symbol -1 of enum E"},
	{`{"type":"enum","name":"E","symbols":["A","B"]}`, "0a", "symbol 5 of enum E"},
	{`{"type":"fixed","name":"F","size":2147483647}`, "00", "fixed of 2147483647 bytes"},
	{`{"type":"record","name":"R","fields":[{"name":"r","type":"R"}]}`, "", "nested deeper"},
	{`{"type":"record","name":"R","fields":[{"name":"r","type":["null","R"]}]}`, strings.Repeat("02", 1000), "nested deeper"},
	{`{"type":"array","items":["long",{"type":"map","values":"long"}]}`, "0402", "ends within a number"},
	{`{"type":"map","values":"int"}`, "04" + "0261" + "02" + "0261" + "04" + "00", "stands twice"},
	{`"string"`, "02ff", "not valid UTF-8"},
	{`{"type":"map","values":"int"}`, "02" + "02ff" + "02" + "00", "not valid UTF-8"},
	{`{"type":"int","logicalType":"time-millis"}`, "01", "-1 is not a time of a day"},
	{`{"type":"int","logicalType":"date"}`, "feffffff0f", "outside the years"},
	{`{"type":"long","logicalType":"timestamp-millis"}`, "feffffffffffffffff01", "outside the years"},
	{`{"type":"long","logicalType":"local-timestamp-micros"}`, "ffffffffffffffffff01", "outside the years"},
	{`{"type":"bytes","logicalType":"decimal","precision":50,"scale":2}`, "28" + strings.Repeat("11", 20), "more than 34 digits"},
}

func TestHostileDataIsRefusedInLittleMemory(t *testing.T) {
	for _, c := range hostile {
		s := mustSchema(t, c.schema)
		b, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err = s.Decode(b)
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: got %v, want %s", c.schema, c.hex, err, c.want)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
			t.Errorf("%s %s: %d bytes were allocated", c.schema, c.hex, grown)
		}
	}
}

func TestSizedBlocksAreRead(t *testing.T) {
	// Java writes a negative count and the block's size when it is asked to.
	b, err := hex.DecodeString("03" + "04" + "02" + "04" + "02" + "06" + "00")
	if err != nil {
		t.Fatal(err)
	}
	got, err := mustSchema(t, `{"type":"array","items":"int"}`).Decode(b)
	if err != nil || !value.Equal(got, []any{int64(1), int64(2), int64(3)}) {
		t.Errorf("got %s (%v)", value.Format(got), err)
	}
}

// FuzzAvro decodes arbitrary bytes by schemas that hold every type. What is
// decoded must be encoded to something that decodes to the same.
func FuzzAvro(f *testing.F) {
	var all []*Schema
	for _, text := range []string{orderSchema, everythingSchema, paymentSchema,
		`{"type":"record","name":"R","fields":[{"name":"r","type":["null","R"]},{"name":"a","type":{"type":"array","items":"null"}}]}`,
		`{"type":"record","name":"L","fields":[
			{"name":"a","type":{"type":"int","logicalType":"date"}},{"name":"b","type":{"type":"int","logicalType":"time-millis"}},
			{"name":"c","type":{"type":"long","logicalType":"time-micros"}},{"name":"d","type":{"type":"long","logicalType":"timestamp-millis"}},
			{"name":"e","type":{"type":"long","logicalType":"timestamp-nanos"}},{"name":"f","type":{"type":"long","logicalType":"local-timestamp-micros"}},
			{"name":"g","type":{"type":"fixed","name":"D","size":12,"logicalType":"duration"}},{"name":"h","type":{"type":"string","logicalType":"uuid"}},
			{"name":"i","type":{"type":"bytes","logicalType":"decimal","precision":34,"scale":4}},
			{"name":"j","type":{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}}]}`,
		`{"type":"map","values":["null","long",{"type":"map","values":"double"}]}`} {
		s := mustSchema(f, text)
		f.Add(uint8(len(all)), []byte{})
		all = append(all, s)
	}
	f.Add(uint8(0), encodedOrder(f, nil))
	for _, c := range hostile {
		b, err := hex.DecodeString(c.hex)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(3), b)
	}
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		s := all[int(which)%len(all)]
		v, err := s.Decode(b)
		if err != nil || value.Check(v, 10_000_000) != nil {
			return // NaN is read, but not written
		}
		again, err := s.Encode(v)
		if err != nil {
			if strings.Contains(err.Error(), "is not a UUID") {
				return // it is not checked on the way in
			}
			t.Fatalf("%x was decoded to %s, which is not encoded: %v", b, value.Format(v), err)
		}
		back, err := s.Decode(again)
		if err != nil || !bytes.Equal(value.AppendCanonical(nil, back), value.AppendCanonical(nil, v)) {
			t.Fatalf("%s came back as %s (%v)", value.Format(v), value.Format(back), err)
		}
	})
}

// FuzzSchema parses arbitrary text. What is a schema has a canonical form that
// is one too, and decodes anything without a panic.
func FuzzSchema(f *testing.F) {
	for _, text := range []string{orderSchema, everythingSchema, paymentSchema, `"int"`, `int`, `["null","long"]`} {
		f.Add([]byte(text), []byte{0, 1, 2})
	}
	f.Fuzz(func(t *testing.T, text, datum []byte) {
		s, err := ParseSchema(text)
		if err != nil {
			return
		}
		// With namespaces it may be none: a name without one reads as in the
		// namespace around it.
		if _, err := ParseSchema([]byte(s.Canonical())); err != nil && !strings.Contains(s.Canonical(), ".") {
			t.Fatalf("%q: the canonical form %s: %v", text, s.Canonical(), err)
		}
		v, err := s.Decode(datum)
		if err == nil {
			_, _ = s.Encode(v)
		}
		_ = s.typeNames(datum)
	})
}

// FuzzReader gives a reader arbitrary values and schema headers.
func FuzzReader(f *testing.F) {
	object := object(f)
	for _, b := range [][]byte{object, object[:12], []byte(`{"type":"A"}`), append(confluentHeader(1), object...), {0, 0, 0, 0, 1}, {0xc3, 1}, {}} {
		f.Add(b, []byte("A"), []byte{})
		f.Add(b, []byte{}, append([]byte{1}, b...))
	}
	readers := []*Reader{
		newReader(f, nil, message("A", "", "")),
		newReader(f, nil, message("A", "avro", "order.avsc")),
		newReader(f, nil, message("A", "avro", "pay.avsc"), message("B", "json", ""), message("C", "text", ""), message("D", "bytes", "")),
	}
	f.Fuzz(func(t *testing.T, b, typ, id []byte) {
		raw := Raw{Value: b, Headers: []Header{{"type", typ}}}
		if len(id) > 0 {
			raw.Headers = append(raw.Headers, Header{headerSchema, id})
		}
		for _, r := range readers {
			types, ok := r.Types(raw)
			d, err := r.Decode(context.Background(), raw)
			var bad *Undecodable
			if err != nil && (!errors.As(err, &bad) || bad.Text == "") {
				t.Fatalf("an error that says nothing: %v", err)
			}
			if err == nil && ok && strings.Join(types, " ") != strings.Join(d.Types, " ") {
				t.Fatalf("Types gives %v, Decode %v", types, d.Types)
			}
		}
	})
}

// FuzzRecords gives arbitrary bytes to the decoders of Rondo's own records.
// What is decoded and written is read and written as the same again.
func FuzzRecords(f *testing.F) {
	records := ownRecords()
	for i, r := range records {
		b, err := r.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), b[singleObjectHeaderBytes:])
	}
	type record interface{ Encode() ([]byte, error) }
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		r := records[int(which)%len(records)]
		v, err := r.decode(append(appendSingleObjectHeader(nil, r.format.Schema().Fingerprint()), body...))
		if err != nil || hasOddAct(v) {
			return
		}
		b, err := v.(record).Encode()
		if err != nil {
			t.Fatalf("%+v is not encoded: %v", v, err)
		}
		back, err := r.decode(b)
		if err != nil {
			t.Fatalf("%+v was written and is not read: %v", v, err)
		}
		// The bytes are compared, for what is written is in order and what was
		// read need not be.
		if again, err := back.(record).Encode(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%+v came back as %+v (%v)", v, back, err)
		}
	})
}

// hasOddAct reports data that no act could have had: NaN, text that is not
// UTF-8.
func hasOddAct(record any) bool {
	var act *topology.Act
	switch r := record.(type) {
	case Inbox:
		act = r.Act
	case History:
		act = r.Input.Act
	}
	return act != nil && value.Check(act.Data, 10_000_000) != nil
}
