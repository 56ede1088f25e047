package schemas

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"rondo/topology"
	"rondo/topology/value"
)

func message(name, format, schema string) *topology.Message {
	return &topology.Message{Name: name, Type: name, Topic: "shop.orders", Format: format, Schema: schema}
}

var orderFiles = map[string][]byte{"order.avsc": []byte(orderSchema), "pay.avsc": []byte(paymentSchema)}

func newReader(t testing.TB, registry *Registry, messages ...*topology.Message) *Reader {
	t.Helper()
	r, err := NewReader(messages, orderFiles, registry, 0)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func headers(pairs ...string) []Header {
	var out []Header
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, Header{Key: pairs[i], Value: []byte(pairs[i+1])})
	}
	return out
}

// registryWith is a registry that has the schemas under the ids 1, 2, 3.
func registryWith(t testing.TB, schemas ...sr.Schema) (*Registry, *srfake.Registry) {
	t.Helper()
	fake := srfake.New()
	t.Cleanup(fake.Close)
	for i, s := range schemas {
		fake.SeedSchema("shop.orders-value", i+1, i+1, s)
	}
	r, err := NewRegistry(RegistryConfig{URLs: []string{fake.URL()}})
	if err != nil {
		t.Fatal(err)
	}
	return r, fake
}

func encodedOrder(t testing.TB, frame []byte) []byte {
	t.Helper()
	b, err := mustSchema(t, orderSchema).appendTo(frame, order())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func object(t testing.TB) []byte {
	return encodedOrder(t, appendSingleObjectHeader(nil, mustSchema(t, orderSchema).Fingerprint()))
}

func TestRecordsAreDecodedByWhatTheyAre(t *testing.T) {
	registry, _ := registryWith(t, sr.Schema{Schema: orderSchema}, sr.Schema{Schema: `{}`, Type: sr.TypeJSON}, sr.Schema{Schema: `x`, Type: sr.TypeProtobuf})
	jsonOrder := []byte(`{"type":"OrderPlaced","order_id":"o-1"}`)
	avroNames := []string{"com.acme.shop.OrderPlaced", "OrderPlaced"}
	avro, json, open := message("OrderPlaced", "avro", ""), message("OrderPlaced", "json", ""), message("OrderPlaced", "", "")
	file := message("OrderPlaced", "", "order.avsc")
	for name, c := range map[string]struct {
		reader *Reader
		raw    Raw
		types  []string
		want   value.Value
	}{
		"json, by its field":        {newReader(t, nil, json), Raw{Value: jsonOrder}, []string{"OrderPlaced"}, mapOf1("type", "OrderPlaced", "order_id", "o-1")},
		"json, by its header":       {newReader(t, nil, json), Raw{Value: jsonOrder, Headers: headers("type", "X")}, []string{"X"}, mapOf1("type", "OrderPlaced", "order_id", "o-1")},
		"json, by CloudEvents":      {newReader(t, nil, json), Raw{Value: jsonOrder, Headers: headers("ce_type", "Y")}, []string{"Y"}, mapOf1("type", "OrderPlaced", "order_id", "o-1")},
		"json, header type first":   {newReader(t, nil, json), Raw{Value: jsonOrder, Headers: headers("ce_type", "Y", "type", "X")}, []string{"X"}, mapOf1("type", "OrderPlaced", "order_id", "o-1")},
		"json, type is a number":    {newReader(t, nil, json), Raw{Value: []byte(`{"type":5}`)}, nil, mapOf1("type", int64(5))},
		"json behind a schema id":   {newReader(t, nil, json), Raw{Value: append(confluentHeader(99), jsonOrder...)}, []string{"OrderPlaced"}, mapOf1("type", "OrderPlaced", "order_id", "o-1")},
		"json, found out":           {newReader(t, nil, open), Raw{Value: []byte(` [1]`)}, nil, []any{int64(1)}},
		"json schema, found out":    {newReader(t, registry, open), Raw{Value: append(confluentHeader(2), jsonOrder...)}, []string{"OrderPlaced"}, mapOf1("type", "OrderPlaced", "order_id", "o-1")},
		"text":                      {newReader(t, nil, message("Note", "text", "")), Raw{Value: []byte("grüße")}, nil, "grüße"},
		"text of nothing":           {newReader(t, nil, message("Note", "text", "")), Raw{Value: []byte{}}, nil, ""},
		"bytes":                     {newReader(t, nil, message("Blob", "bytes", "")), Raw{Value: []byte{0xc3, 1, 0xff}, Headers: headers("type", "Blob")}, []string{"Blob"}, []byte{0xc3, 1, 0xff}},
		"avro of the registry":      {newReader(t, registry, avro), Raw{Value: encodedOrder(t, confluentHeader(1))}, avroNames, order()},
		"the same, found out":       {newReader(t, registry, open), Raw{Value: encodedOrder(t, confluentHeader(1))}, avroNames, order()},
		"the same, with a file":     {newReader(t, registry, file), Raw{Value: encodedOrder(t, confluentHeader(1))}, avroNames, order()},
		"an id in a header":         {newReader(t, registry, avro), Raw{Value: encodedOrder(t, nil), Headers: headers(headerSchema, string(confluentHeader(1)))}, avroNames, order()},
		"avro single object":        {newReader(t, nil, avro), Raw{Value: object(t)}, avroNames, order()},
		"the same, found out ":      {newReader(t, nil, open), Raw{Value: object(t)}, avroNames, order()},
		"the same, with a registry": {newReader(t, registry, avro), Raw{Value: object(t)}, avroNames, order()},
		"bare avro, one message":    {newReader(t, nil, file), Raw{Value: encodedOrder(t, nil)}, avroNames, order()},
		"bare avro, by header": {newReader(t, nil, file, message("Paid", "json", "")), Raw{Value: encodedOrder(t, nil), Headers: headers("type", "OrderPlaced")},
			[]string{"OrderPlaced"}, order()},
		"bare avro of a union": {newReader(t, nil, message("Paid", "avro", "pay.avsc")), Raw{Value: []byte{4, 0}}, []string{"pay.Cash", "Cash"}, mapOf1("note", nil)},
		"json beside avro": {newReader(t, nil, file, message("Paid", "json", "")), Raw{Value: jsonOrder, Headers: headers("type", "Paid")},
			[]string{"Paid"}, mapOf1("type", "OrderPlaced", "order_id", "o-1")},
		"a tombstone":           {newReader(t, nil, avro), Raw{Headers: headers("type", "OrderPlaced")}, []string{"OrderPlaced"}, nil},
		"a tombstone, unnamed":  {newReader(t, nil, avro), Raw{}, nil, nil},
		"an empty header names": {newReader(t, nil, json), Raw{Value: jsonOrder, Headers: headers("type", "")}, []string{"OrderPlaced"}, mapOf1("type", "OrderPlaced", "order_id", "o-1")},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := c.reader.Decode(context.Background(), c.raw)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Join(d.Types, " ") != strings.Join(c.types, " ") {
				t.Errorf("types %v, want %v", d.Types, c.types)
			}
			if !value.Equal(d.Payload, c.want) || value.KindOf(d.Payload) != value.KindOf(c.want) {
				t.Errorf("payload %s, want %s", value.Format(d.Payload), value.Format(c.want))
			}
			// What is told without decoding must be the same.
			if types, ok := c.reader.Types(c.raw); ok && strings.Join(types, " ") != strings.Join(c.types, " ") {
				t.Errorf("Types gives %v, want %v", types, c.types)
			}
		})
	}
}

func TestTypesAreToldWithoutDecodingWhenTheyCanBe(t *testing.T) {
	registry, fake := registryWith(t, sr.Schema{Schema: orderSchema})
	r := newReader(t, registry, message("OrderPlaced", "avro", ""))
	framed := Raw{Value: encodedOrder(t, confluentHeader(1))}
	if _, ok := r.Types(framed); ok {
		t.Error("a schema that was never read told its types")
	}
	if _, err := r.Decode(context.Background(), framed); err != nil {
		t.Fatal(err)
	}
	fake.Close()
	if types, ok := r.Types(framed); !ok || len(types) != 2 {
		t.Errorf("got %v, %v", types, ok)
	}
	if types, ok := r.Types(Raw{Value: object(t)}); !ok || len(types) != 2 {
		t.Errorf("a single object: got %v, %v", types, ok)
	}
	if types, ok := r.Types(Raw{Value: []byte("{}"), Headers: headers("ce_type", "X")}); !ok || types[0] != "X" {
		t.Errorf("a header: got %v, %v", types, ok)
	}
	if _, ok := newReader(t, nil, message("A", "json", "")).Types(Raw{Value: []byte("{}")}); ok {
		t.Error("JSON told its type without being decoded")
	}
}

func TestReaderKnowsItsMessages(t *testing.T) {
	r := newReader(t, nil, message("A", "json", ""), message("B", "json", ""))
	for _, c := range []struct {
		types []string
		raw   Raw
		want  bool
	}{
		{[]string{"A"}, Raw{}, true},
		{[]string{"x.B", "B"}, Raw{}, true},
		{[]string{"C"}, Raw{Value: []byte("{}")}, false},
		{nil, Raw{Value: []byte("{}")}, true},
		{nil, Raw{}, false},
	} {
		if got := r.Knows(c.types, c.raw); got != c.want {
			t.Errorf("%v, %q: got %v", c.types, c.raw.Value, got)
		}
	}
}

func TestMessagesOfOneTypeMayDifferInFormat(t *testing.T) {
	paid, bare := message("Paid", "json", ""), message("PaidBare", "avro", "order.avsc")
	bare.Type = "Paid"
	r := newReader(t, nil, paid, bare)
	for _, b := range [][]byte{[]byte(`{"a":1}`), object(t)} {
		if _, err := r.Decode(context.Background(), Raw{Value: b, Headers: headers("type", "Paid")}); err != nil {
			t.Errorf("%q: %v", b, err)
		}
	}
}

func TestSchemaByGUID(t *testing.T) {
	guid := "\x01" + "0123456789abcdef"
	f := newFakeRegistry(t, guidHandler(t))
	r := newReader(t, f.registry(t), message("OrderPlaced", "avro", ""))
	d, err := r.Decode(context.Background(), Raw{Value: encodedOrder(t, nil), Headers: headers(headerSchema, guid)})
	if err != nil || !value.Equal(d.Payload, order()) {
		t.Errorf("got %s (%v)", value.Format(d.Payload), err)
	}
}

func TestUndecodableSaysWhatAPersonNeeds(t *testing.T) {
	registry, _ := registryWith(t, sr.Schema{Schema: orderSchema}, sr.Schema{Schema: `{}`, Type: sr.TypeJSON}, sr.Schema{Schema: `x`, Type: sr.TypeProtobuf},
		sr.Schema{Schema: `{"type":"fixed","name":"F","size":-1}`})
	whole := encodedOrder(t, confluentHeader(1))
	unknown := append(appendSingleObjectHeader(nil, 0x1122334455667788), 1, 2, 3)
	avro, open := message("OrderPlaced", "avro", ""), message("OrderPlaced", "", "")
	file := message("OrderPlaced", "", "order.avsc")
	for name, c := range map[string]struct {
		reader *Reader
		raw    Raw
		code   string
		want   string
	}{
		"json":                {newReader(t, nil, open), Raw{Value: []byte(`{"a":`)}, CodeUndecodable, "JSON: "},
		"empty":               {newReader(t, nil, open), Raw{Value: []byte{}}, CodeUndecodable, "JSON: "},
		"text":                {newReader(t, nil, message("N", "text", "")), Raw{Value: []byte{0xff}}, CodeUndecodable, "not valid UTF-8"},
		"too large":           {newReader(t, nil, open), Raw{Value: make([]byte, PayloadBytesMax+1)}, CodeTooLarge, "786433 bytes; an event may have 786432"},
		"headers too large":   {newReader(t, nil, open), Raw{Key: []byte("k"), Value: []byte("{}"), Headers: headers("trace", strings.Repeat("x", PayloadBytesMax-7))}, CodeTooLarge, "have 786433 bytes; an event may have 786432"},
		"no registry":         {newReader(t, nil, avro), Raw{Value: whole}, CodeUndecodable, "schema id 1 of a schema registry, but no registry is configured"},
		"no registry, open":   {newReader(t, nil, open), Raw{Value: whole}, CodeUndecodable, "schema id 1 of a schema registry, but no registry is configured"},
		"no registry, file":   {newReader(t, nil, file), Raw{Value: whole}, CodeUndecodable, "or it begins with the schema id 1, and no schema registry is configured"},
		"unknown id":          {newReader(t, registry, avro), Raw{Value: encodedOrder(t, confluentHeader(77))}, CodeUndecodable, "the schema registry has no schema id 77"},
		"protobuf":            {newReader(t, registry, avro), Raw{Value: encodedOrder(t, confluentHeader(3))}, CodeUndecodable, "schema id 3 is PROTOBUF, which cannot be read"},
		"schema is wrong":     {newReader(t, registry, avro), Raw{Value: encodedOrder(t, confluentHeader(4))}, CodeUndecodable, "schema id 4 cannot be used: avro schema: fixed F"},
		"cut":                 {newReader(t, registry, avro), Raw{Value: whole[:len(whole)-9]}, CodeUndecodable, "schema id 1: Avro com.acme.shop.OrderPlaced: byte 113, field items[2].price: double of 8 bytes, but only 0 are left"},
		"too long":            {newReader(t, registry, avro), Raw{Value: append(whole[:len(whole):len(whole)], 1)}, CodeUndecodable, "1 bytes are left over"},
		"unknown fingerprint": {newReader(t, nil, avro), Raw{Value: unknown}, CodeUndecodable, "fingerprint 1122334455667788, which none of the definition's schema files has"},
		"the same, with file": {newReader(t, nil, file), Raw{Value: unknown}, CodeUndecodable, "or, if it is framed: the value names the Avro schema with the fingerprint 1122334455667788"},
		"unframed":            {newReader(t, registry, file), Raw{Value: []byte("x")}, CodeUndecodable, "does not begin with the id of a schema"},
		"unframed, no file":   {newReader(t, nil, avro), Raw{Value: []byte("x")}, CodeUndecodable, "no message tells its schema"},
		"header of 3 bytes":   {newReader(t, registry, avro), Raw{Value: whole, Headers: headers(headerSchema, "abc")}, CodeUndecodable, "the header __value_schema_id has 3 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.reader.Decode(context.Background(), c.raw)
			var bad *Undecodable
			if !errors.As(err, &bad) {
				t.Fatalf("got %v", err)
			}
			if bad.Code != c.code || !strings.Contains(bad.Text, c.want) {
				t.Errorf("got %v\nwant %s: %s", err, c.code, c.want)
			}
			if errors.Is(err, ErrRegistryUnavailable) {
				t.Error("it would be waited for")
			}
		})
	}
}

func TestRegistryThatDoesNotAnswerIsNoReasonForADeadLetter(t *testing.T) {
	registry, fake := registryWith(t, sr.Schema{Schema: orderSchema})
	fake.Close()
	raw := Raw{Value: encodedOrder(t, confluentHeader(1)), Headers: headers("type", "OrderPlaced")}
	_, err := newReader(t, registry, message("OrderPlaced", "avro", "")).Decode(context.Background(), raw)
	var bad *Undecodable
	if !errors.Is(err, ErrRegistryUnavailable) || errors.As(err, &bad) {
		t.Errorf("got %v", err)
	}
}

func TestWrongMessageIsRefusedBeforeAnythingIsRead(t *testing.T) {
	for _, c := range []struct {
		message *topology.Message
		files   map[string][]byte
		want    string
	}{
		{message("A", "avro", "none.avsc"), nil, "message A: schema file none.avsc is not among the definition's files"},
		{message("A", "json", "order.avsc"), orderFiles, "message A: the schema order.avsc is for Avro, but the format is json"},
		{message("A", "", "schemas/order.txt"), map[string][]byte{"schemas/order.txt": []byte("{}")}, "an Avro schema ends in .avsc, a JSON Schema in .json"},
		{message("A", "avro", "a.avsc"), map[string][]byte{"a.avsc": []byte(`{"type":"enum"}`)}, "schema file a.avsc: avro schema: enum"},
	} {
		_, err := NewReader([]*topology.Message{c.message}, c.files, nil, 0)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

func TestAvroSchemaMayHaveAnyFileName(t *testing.T) {
	r, err := NewReader([]*topology.Message{message("A", "avro", "schemas/order.json")}, map[string][]byte{"schemas/order.json": []byte(orderSchema)}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if d, err := r.Decode(context.Background(), Raw{Value: encodedOrder(t, nil)}); err != nil || !value.Equal(d.Payload, order()) {
		t.Errorf("got %s (%v)", value.Format(d.Payload), err)
	}
}

func TestHeadersAreTextWhereTheyCanBe(t *testing.T) {
	got := HeaderMap([]Header{{"a", []byte("first")}, {"b", nil}, {"c", []byte{0xff}}, {"a", []byte("last")}, {"\xff", []byte("x")}})
	want := mapOf1("a", "last", "b", nil, "c", []byte{0xff})
	if !value.Equal(got, want) {
		t.Errorf("got %s", value.Format(got))
	}
}

func TestSchemaIDIsBigEndian(t *testing.T) {
	if h := confluentHeader(0x01020304); binary.BigEndian.Uint32(h[1:]) != 0x01020304 || h[0] != 0 || len(h) != 5 {
		t.Errorf("got %x", h)
	}
}
