package schemas

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"
	"github.com/linkedin/goavro/v2"

	"rondo/topology/value"
)

const orderSchema = `{"type":"record","name":"OrderPlaced","namespace":"com.acme.shop","fields":[
	{"name":"order_id","type":"string"},
	{"name":"customer","type":"long"},
	{"name":"placed","type":"long"},
	{"name":"card_token","type":["null","string"],"default":null},
	{"name":"total","type":"double"},
	{"name":"express","type":"boolean"},
	{"name":"channel","type":{"type":"enum","name":"Channel","symbols":["WEB","APP","SHOP"]}},
	{"name":"address","type":{"type":"record","name":"Address","fields":[
		{"name":"street","type":"string"},{"name":"zip","type":"string"},{"name":"country","type":"string"}]}},
	{"name":"items","type":{"type":"array","items":{"type":"record","name":"Item","fields":[
		{"name":"sku","type":"string"},{"name":"qty","type":"int"},{"name":"price","type":"double"}]}}}]}`

const everythingSchema = `{"type":"record","name":"Everything","namespace":"com.acme","fields":[
	{"name":"n","type":"null"},{"name":"b","type":"boolean"},{"name":"i","type":"int"},{"name":"l","type":"long"},
	{"name":"f","type":"float"},{"name":"d","type":"double"},{"name":"y","type":"bytes"},{"name":"s","type":"string"},
	{"name":"x","type":{"type":"fixed","name":"X","size":3}},
	{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}},
	{"name":"a","type":{"type":"array","items":"int"}},
	{"name":"m","type":{"type":"map","values":{"type":"array","items":"string"}}},
	{"name":"u","type":["null","long","string","X","E",{"type":"map","values":"int"},{"type":"array","items":"double"},"Everything"]}]}`

func mapOf1(pairs ...any) *value.Map {
	m := map[string]value.Value{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	return value.MapOf(m)
}

func order() *value.Map {
	item := func(sku string, qty int64, price float64) any { return mapOf1("sku", sku, "qty", qty, "price", price) }
	return mapOf1("order_id", "o-1234567", "customer", int64(424242), "placed", int64(1763000000000), "card_token", "tok_1a2b3c4d",
		"total", 129.85, "express", true, "channel", "APP",
		"address", mapOf1("street", "Invalidenstr. 117", "zip", "10115", "country", "DE"),
		"items", []any{item("sku-1", 2, 19.95), item("sku-2", 1, 49.95), item("sku-3", 4, 10.0)})
}

// goavro reads what is written here and writes what is read here, by the
// schema as its author wrote it.
func TestGoavroReadsAndWritesTheSame(t *testing.T) {
	everything := mapOf1("n", nil, "b", true, "i", int64(-5), "l", int64(math.MinInt64), "f", 1.5, "d", -0.1, "y", []byte{0, 255},
		"s", "grüße", "x", []byte("abc"), "e", "B", "a", []any{int64(1), int64(-1)}, "m", mapOf1("k", []any{"v"}), "u", nil)
	native := map[string]any{"n": nil, "b": true, "i": int32(-5), "l": int64(math.MinInt64), "f": float32(1.5), "d": -0.1, "y": []byte{0, 255},
		"s": "grüße", "x": []byte("abc"), "e": "B", "a": []any{int32(1), int32(-1)}, "m": map[string]any{"k": []any{"v"}}, "u": nil}
	with := func(v value.Value) *value.Map { return everything.With("u", v) }
	withNative := func(member string, v any) map[string]any {
		out := map[string]any{}
		for k, v := range native {
			out[k] = v
		}
		out["u"] = map[string]any{member: v}
		return out
	}
	for name, c := range map[string]struct {
		value  *value.Map
		native map[string]any
	}{
		"null":   {everything, native},
		"long":   {with(int64(7)), withNative("long", int64(7))},
		"string": {with("C"), withNative("string", "C")},
		"fixed":  {with([]byte("xyz")), withNative("com.acme.X", []byte("xyz"))},
		"map":    {with(mapOf1("q", int64(1))), withNative("map", map[string]any{"q": int32(1)})},
		"array":  {with([]any{1.5}), withNative("array", []any{1.5})},
		"record": {with(everything), withNative("com.acme.Everything", native)},
	} {
		t.Run(name, func(t *testing.T) {
			codec, err := goavro.NewCodec(everythingSchema)
			if err != nil {
				t.Fatal(err)
			}
			want, err := codec.BinaryFromNative(nil, c.native)
			if err != nil {
				t.Fatal(err)
			}
			s := mustSchema(t, everythingSchema)
			got, err := s.Encode(c.value)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("encoded %x\nwant    %x", got, want)
			}
			back, err := s.Decode(want)
			if err != nil {
				t.Fatal(err)
			}
			if !value.Equal(back, c.value) {
				t.Errorf("decoded %s\nwant    %s", value.Format(back), value.Format(c.value))
			}
		})
	}
}

// goavro would put a name without a namespace into the one around it, and take
// a type called "map" for a map.
func TestOddNamesDoNotConfuseGoavro(t *testing.T) {
	s := mustSchema(t, `{"type":"record","name":"R","namespace":"a","fields":[
		{"name":"e","type":["null",{"type":"enum","name":"E","namespace":"","symbols":["X"]}]},
		{"name":"f","type":["null",{"type":"record","name":"map","fields":[{"name":"array","type":{"type":"array","items":"E"}}]}]},
		{"name":"g","type":["null","a.map",{"type":"map","values":"a.map"}]}]}`)
	inner := mapOf1("array", []any{"X"})
	v := mapOf1("e", "X", "f", inner, "g", mapOf1("k", inner))
	b, err := s.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := s.Decode(b); err != nil || !value.Equal(back, v) {
		t.Errorf("got %s (%v)", value.Format(back), err)
	}
}

func TestMapsAreWrittenInTheOrderOfTheirKeys(t *testing.T) {
	s := mustSchema(t, `{"type":"map","values":{"type":"map","values":["null","long",{"type":"map","values":"string"}]}}`)
	keys := map[string]value.Value{}
	for i := range 200 {
		keys[strings.Repeat("k", i)] = mapOf1("z", int64(1), "a", nil, "m", mapOf1("x", "1", "y", "2"))
	}
	first, err := s.Encode(value.MapOf(keys))
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if again, err := s.Encode(value.MapOf(keys)); err != nil || !bytes.Equal(first, again) {
			t.Fatalf("the same map gave other bytes (%v)", err)
		}
	}
	codec, err := goavro.NewCodec(`{"type":"map","values":{"type":"map","values":["null","long",{"type":"map","values":"string"}]}}`)
	if err != nil {
		t.Fatal(err)
	}
	if _, rest, err := codec.NativeFromBinary(first); err != nil || len(rest) > 0 {
		t.Errorf("goavro: %v, %d bytes left over", err, len(rest))
	}
}

func dec(text string) *apd.Decimal {
	d, err := value.ParseDecimal(text)
	if err != nil {
		panic(err)
	}
	return d
}

// Each row of the table of values: what the wire holds, what the language sees.
func TestLogicalTypesBothWays(t *testing.T) {
	fixed := func(size int, logical string) string {
		return `{"type":"fixed","name":"F","size":` + string(rune('0'+size/10)) + string(rune('0'+size%10)) + `,` + logical + `}`
	}
	at := time.Date(2026, 1, 31, 10, 20, 30, 123456789, time.UTC)
	for _, c := range []struct {
		schema string
		native any // what goavro takes for the plain type
		value  value.Value
	}{
		{`{"type":"int","logicalType":"date"}`, int32(20484), "2026-01-31"},
		{`{"type":"int","logicalType":"date"}`, int32(-719162), "0001-01-01"},
		{`{"type":"int","logicalType":"time-millis"}`, int32(37230123), "10:20:30.123"},
		{`{"type":"int","logicalType":"time-millis"}`, int32(0), "00:00:00"},
		{`{"type":"long","logicalType":"time-micros"}`, int64(86399999999), "23:59:59.999999"},
		{`{"type":"long","logicalType":"timestamp-millis"}`, at.UnixMilli(), at.Truncate(time.Millisecond)},
		{`{"type":"long","logicalType":"timestamp-millis"}`, int64(-1), time.Unix(-1, 999000000).UTC()},
		{`{"type":"long","logicalType":"timestamp-micros"}`, at.UnixMicro(), at.Truncate(time.Microsecond)},
		{`{"type":"long","logicalType":"timestamp-nanos"}`, at.UnixNano(), at},
		{`{"type":"long","logicalType":"local-timestamp-millis"}`, at.UnixMilli(), "2026-01-31T10:20:30.123"},
		{`{"type":"long","logicalType":"local-timestamp-micros"}`, int64(0), "1970-01-01T00:00:00"},
		{`{"type":"long","logicalType":"local-timestamp-nanos"}`, int64(-1), "1969-12-31T23:59:59.999999999"},
		{fixed(12, `"logicalType":"duration"`), []byte{1, 0, 0, 0, 2, 0, 0, 0, 0xbc, 0x0b, 0, 0}, "P1M2DT3.004S"},
		{fixed(12, `"logicalType":"duration"`), make([]byte, 12), "PT0S"},
		{fixed(12, `"logicalType":"duration"`), []byte{0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}, "P1D"},
		{fixed(16, `"logicalType":"uuid"`), []byte("0123456789abcdef"), "30313233-3435-3637-3839-616263646566"},
		{`{"type":"string","logicalType":"uuid"}`, "30313233-3435-3637-3839-616263646566", "30313233-3435-3637-3839-616263646566"},
		{`{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`, []byte{0x04, 0xd2}, dec("12.34")},
		{`{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`, []byte{0}, dec("0.00")},
		{`{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`, []byte{0xff}, dec("-0.01")},
		{`{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`, []byte{0x80}, dec("-1.28")},
		{`{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`, []byte{0x00, 0x80}, dec("1.28")},
		{`{"type":"bytes","logicalType":"decimal","precision":34}`, bytes.Repeat([]byte{0x11}, 14), dec("346153123902321841902033088614673")},
		{fixed(16, `"logicalType":"decimal","precision":30,"scale":3`), append(bytes.Repeat([]byte{0xff}, 15), 0xfe), dec("-0.002")},
		// Logical types that do not fit what is under them count for nothing.
		{`{"type":"string","logicalType":"date"}`, "x", "x"},
		{`{"type":"bytes","logicalType":"decimal","precision":2,"scale":3}`, []byte{1}, []byte{1}},
		{`{"type":"long","logicalType":"somebody's"}`, int64(3), int64(3)},
	} {
		s := mustSchema(t, c.schema)
		wire, err := s.codec.BinaryFromNative(nil, c.native)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Decode(wire)
		if err != nil || value.Format(got) != value.Format(c.value) || value.KindOf(got) != value.KindOf(c.value) {
			t.Errorf("%s: decoded %s (%v), want %s", c.schema, value.Format(got), err, value.Format(c.value))
		}
		back, err := s.Encode(c.value)
		if err != nil || !bytes.Equal(back, wire) {
			t.Errorf("%s: encoded %x (%v), want %x", c.schema, back, err, wire)
		}
	}
}

// What goavro knows of logical types, it must see as we do.
func TestGoavroSeesTheSameTimes(t *testing.T) {
	at := time.Date(2026, 1, 31, 10, 20, 30, 123000000, time.UTC)
	for _, c := range []struct {
		schema string
		native any
		value  value.Value
	}{
		{`{"type":"long","logicalType":"timestamp-millis"}`, at, at},
		{`{"type":"long","logicalType":"timestamp-micros"}`, at, at},
		{`{"type":"int","logicalType":"date"}`, at.Truncate(24 * time.Hour), "2026-01-31"},
		{`{"type":"int","logicalType":"time-millis"}`, 10*time.Hour + 20*time.Minute, "10:20:00"},
		{`{"type":"long","logicalType":"time-micros"}`, 10*time.Hour + time.Microsecond, "10:00:00.000001"},
	} {
		codec, err := goavro.NewCodec(c.schema)
		if err != nil {
			t.Fatal(err)
		}
		wire, err := codec.BinaryFromNative(nil, c.native)
		if err != nil {
			t.Fatal(err)
		}
		got, err := mustSchema(t, c.schema).Decode(wire)
		if err != nil || !value.Equal(got, c.value) {
			t.Errorf("%s: got %s (%v), want %s", c.schema, value.Format(got), err, value.Format(c.value))
		}
	}
}

func TestValuesAreConvertedToTheSchema(t *testing.T) {
	midnight := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		schema  string
		v, want value.Value // want is what is read back
	}{
		{`"int"`, 5.0, int64(5)},
		{`"int"`, dec("5.00"), int64(5)},
		{`"long"`, dec("9223372036854775807"), int64(math.MaxInt64)},
		{`"long"`, 1e15, int64(1e15)},
		{`"double"`, int64(5), 5.0},
		{`"double"`, dec("0.1"), 0.1},
		{`"float"`, 0.1, float64(float32(0.1))},
		{`{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}`, int64(12), dec("12.00")},
		{`{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}`, 10.1, dec("10.10")},
		{`{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}`, dec("1.5E+2"), dec("150.00")},
		{`{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}`, dec("1.1000"), dec("1.10")},
		{`{"type":"int","logicalType":"date"}`, midnight, "2026-01-31"},
		{`{"type":"long","logicalType":"timestamp-millis"}`, time.Unix(0, 1_999_999).UTC(), time.Unix(0, 1_000_000).UTC()},
		{`{"type":"fixed","name":"P","size":12,"logicalType":"duration"}`, "P1Y2W1DT1H1M1.5S", "P12M15DT3661.5S"},
		{`{"type":"fixed","name":"P","size":12,"logicalType":"duration"}`, 90 * time.Second, "PT90S"},
		{`["null","double"]`, int64(5), 5.0},
		{`["null","long","double"]`, 5.0, 5.0},
		{`["null","double","long"]`, int64(5), int64(5)},
		{`["null","long"]`, 5.0, int64(5)},
		{`["float","double"]`, 0.1, 0.1},
		{`["null",{"type":"bytes","logicalType":"decimal","precision":5,"scale":2},"double"]`, 1.5, 1.5},
		{`[{"type":"enum","name":"E","symbols":["A"]},"string"]`, "B", "B"},
	} {
		s := mustSchema(t, c.schema)
		b, err := s.Encode(c.v)
		if err != nil {
			t.Errorf("%s: encode %s: %v", c.schema, value.Format(c.v), err)
			continue
		}
		got, err := s.Decode(b)
		if err != nil || value.Format(got) != value.Format(c.want) {
			t.Errorf("%s: %s came back as %s (%v), want %s", c.schema, value.Format(c.v), value.Format(got), err, value.Format(c.want))
		}
	}
}

const paymentSchema = `[
	{"type":"record","name":"Card","namespace":"pay","fields":[{"name":"number","type":"string"},{"name":"amount","type":"double"}]},
	{"type":"record","name":"Voucher","namespace":"pay","fields":[{"name":"number","type":"string"},{"name":"amount","type":"long"}]},
	{"type":"record","name":"Cash","namespace":"pay","fields":[{"name":"note","type":["null","string"],"default":null}]}]`

func TestUnionTakesTheFirstExactFitOrWhatTypeNames(t *testing.T) {
	s := mustSchema(t, paymentSchema)
	for _, c := range []struct {
		v    *value.Map
		want string
	}{
		{mapOf1("number", "1", "amount", 1.5), "pay.Card"},
		{mapOf1("number", "1", "amount", int64(1)), "pay.Voucher"},
		{mapOf1("number", "1", "amount", int64(1), "@type", "pay.Card"), "pay.Card"},
		{mapOf1("number", "1", "amount", 2.0, "@type", "Voucher"), "pay.Voucher"},
		{mapOf1(), "pay.Cash"},
	} {
		b, err := s.Encode(c.v)
		if err != nil {
			t.Errorf("%s: %v", value.Format(c.v), err)
			continue
		}
		if names := s.typeNames(b); len(names) != 2 || names[0] != c.want {
			t.Errorf("%s became %v, want %s", value.Format(c.v), names, c.want)
		}
	}
}

func TestDefaultsFillMissingFields(t *testing.T) {
	s := mustSchema(t, `{"type":"record","name":"R","fields":[
		{"name":"i","type":"int","default":7},
		{"name":"d","type":"double","default":1},
		{"name":"s","type":"string","default":"x"},
		{"name":"y","type":"bytes","default":"\u00ff\u0000"},
		{"name":"x","type":{"type":"fixed","name":"X","size":2},"default":"ab"},
		{"name":"u","type":["null","string"],"default":null},
		{"name":"v","type":["string","null"],"default":null},
		{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]},"default":"B"},
		{"name":"a","type":{"type":"array","items":"long"},"default":[1,2]},
		{"name":"m","type":{"type":"map","values":"boolean"},"default":{"z":true,"a":false}},
		{"name":"t","type":{"type":"long","logicalType":"timestamp-millis"},"default":0},
		{"name":"r","type":{"type":"record","name":"Inner","fields":[{"name":"p","type":"int"},{"name":"q","type":"int","default":2}]},"default":{"p":1}}]}`)
	b, err := s.Encode(mapOf1())
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Decode(b)
	want := mapOf1("i", int64(7), "d", 1.0, "s", "x", "y", []byte{255, 0}, "x", []byte("ab"), "u", nil, "v", nil, "e", "B",
		"a", []any{int64(1), int64(2)}, "m", mapOf1("a", false, "z", true), "t", time.Unix(0, 0).UTC(), "r", mapOf1("p", int64(1), "q", int64(2)))
	if err != nil || !value.Equal(got, want) {
		t.Errorf("got  %s (%v)\nwant %s", value.Format(got), err, value.Format(want))
	}
}

func TestWhatDoesNotFitNamesItsField(t *testing.T) {
	record := func(fields string) string { return `{"type":"record","name":"a.R","fields":[` + fields + `]}` }
	items := `{"name":"items","type":{"type":"array","items":{"type":"record","name":"I","fields":[{"name":"qty","type":"int"}]}}}`
	for _, c := range []struct {
		schema string
		v      value.Value
		want   string
	}{
		{`"int"`, 2.5, "2.5 is not a whole number"},
		{`"int"`, int64(1) << 40, "1099511627776 is not an int of 32 bits"},
		{`"long"`, 1e19, "1e+19 has more than 64 bits"},
		{`"long"`, dec("9223372036854775808"), "has more than 64 bits"},
		{`"long"`, apd.New(1, -6000), "is not a whole number"},
		{`"long"`, apd.New(1, 6000), "has more than 64 bits"},
		{`"long"`, math.NaN(), "a whole number is needed, not a double"},
		{`"double"`, math.Inf(1), "NaN and infinity"},
		{`"double"`, "1", "a number is needed, not a text"},
		{`"double"`, apd.New(1, 400), "out of the range of a double"},
		{`"float"`, 1e300, "out of the range of a float"},
		{`"string"`, nil, "a text is needed, not null"},
		{`"string"`, "\xff", "not valid UTF-8"},
		{`"boolean"`, int64(1), "a boolean is needed, not a whole number"},
		{`"null"`, false, "null is needed, not a boolean"},
		{`"bytes"`, "x", "bytes is needed, not a text"},
		{`{"type":"fixed","name":"F","size":3}`, []byte("ab"), "F has 3 bytes, not 2"},
		{`{"type":"enum","name":"E","symbols":["A","B"]}`, "C", `"C" is no symbol of E: [A, B]`},
		{`{"type":"enum","name":"E","symbols":["A","B"]}`, int64(1), "a symbol of E is needed"},
		{`{"type":"array","items":"int"}`, mapOf1(), "a list is needed, not a map"},
		{`{"type":"map","values":"int"}`, []any{}, "a map is needed, not a list"},
		{`{"type":"map","values":"int"}`, mapOf1("a", "x"), `field ["a"]: a whole number is needed, not a text`},
		{record(items), mapOf1("items", []any{mapOf1("qty", int64(1)), mapOf1("qty", "x")}), "field items[1].qty: a whole number is needed, not a text"},
		{record(items), mapOf1("items", []any{mapOf1()}), "field items[0].qty: is missing and has no default"},
		{record(items), mapOf1("items", []any{mapOf1("qty", int64(1), "Q_ty", nil)}), `field items[0]: a.I has no field "Q_ty" (did you mean "qty"?)`},
		{record(`{"name":"a","type":"int","default":"x"}`), mapOf1(), "field a: is missing, and its default in the schema does not fit"},
		{record(`{"name":"a","type":["null","int"]}`), mapOf1("a", "x"), "field a: a whole number is needed, not a text"},
		{record(`{"name":"a","type":["string","int"]}`), mapOf1("a", nil), "field a: null fits no member of the union [string, int]"},
		{record(`{"name":"a","type":"int"}`), "x", "a map for the record a.R is needed"},
		{record(``), mapOf1("@type", "b.R"), `has no field "@type"`},
		{paymentSchema, mapOf1("number", int64(1)), "a map fits no member of the union [pay.Card, pay.Voucher, pay.Cash]; field number: a text is needed"},
		{paymentSchema, mapOf1("@type", "pay.Check"), "@type is pay.Check, which is no record of the union"},
		{`{"type":"int","logicalType":"date"}`, "31.1.2026", "is not a date such as 2006-01-31"},
		{`{"type":"int","logicalType":"date"}`, time.Unix(1, 0).UTC(), "not a time of the day"},
		{`{"type":"int","logicalType":"date"}`, int64(5), "a date as text"},
		{`{"type":"int","logicalType":"time-millis"}`, "10:20", "is not a time such as"},
		{`{"type":"int","logicalType":"time-millis"}`, "10:20:30.1234", "is finer than time-millis"},
		{`{"type":"int","logicalType":"time-millis"}`, "10:20:30.0000000001", "is not a time such as"},
		{`{"type":"long","logicalType":"local-timestamp-micros"}`, "2026-01-31T10:20:30Z", "is not a time such as"},
		{`{"type":"long","logicalType":"timestamp-millis"}`, int64(5), "a timestamp, such as timestamp(text), is needed"},
		{`{"type":"long","logicalType":"timestamp-nanos"}`, time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC), "1678 to 2262"},
		{`{"type":"fixed","name":"P","size":12,"logicalType":"duration"}`, "P", "is not a period"},
		{`{"type":"fixed","name":"P","size":12,"logicalType":"duration"}`, "P1DT", "is not a period"},
		{`{"type":"fixed","name":"P","size":12,"logicalType":"duration"}`, "1D", "is not a period"},
		{`{"type":"fixed","name":"P","size":12,"logicalType":"duration"}`, "P999999999Y", "too long for Avro"},
		{`{"type":"fixed","name":"P","size":12,"logicalType":"duration"}`, -time.Second, "does not fit into the milliseconds"},
		{`{"type":"string","logicalType":"uuid"}`, "nope", `"nope" is not a UUID`},
		{`{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}`, []byte("x"), "a UUID as text is needed"},
		{`{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}`, 1.005, "1.005 is not exact at scale 2; round(x, 2) makes it so"},
		{`{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}`, int64(1000), "has more than 5 digits at scale 2"},
		{`{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}`, apd.New(1, -6000), "is not exact at scale 2"},
		{`{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}`, "1.00", "a number is needed, not a text"},
		{`{"type":"fixed","name":"D","size":1,"logicalType":"decimal","precision":5,"scale":0}`, int64(128), "does not fit into the 1 bytes of D"},
	} {
		_, err := mustSchema(t, c.schema).Encode(c.v)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %s:\n got %v\nwant %s", c.schema, value.Format(c.v), err, c.want)
		}
	}
}

func TestDeepValueIsRefusedInBothDirections(t *testing.T) {
	s := mustSchema(t, `{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}`)
	var v value.Value
	for range value.DepthMax {
		v = mapOf1("next", v)
	}
	b, err := s.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := s.Decode(b); err != nil || !value.Equal(back, v) {
		t.Errorf("a value at the bound: %v", err)
	}
	if _, err := s.Encode(mapOf1("next", v)); err == nil {
		t.Error("a value beyond the bound was encoded")
	}
	if _, err := s.Decode(append([]byte{2}, b...)); err == nil || !strings.Contains(err.Error(), "nested deeper") {
		t.Errorf("a datum beyond the bound: %v", err)
	}
}

// Records that look alike make the choice of a union's member a matter of
// trying, which must end.
func TestChoosingAmongLookalikesEnds(t *testing.T) {
	s := mustSchema(t, `{"type":"record","name":"A","fields":[{"name":"x","type":["null",
		{"type":"record","name":"B","fields":[{"name":"x","type":["null","B","A","double"]}]},"A"]}]}`)
	var v value.Value = "fits nowhere"
	for range 60 {
		v = mapOf1("x", v)
	}
	if _, err := s.Encode(v); err == nil {
		t.Error("a text was encoded as a double")
	}
}
