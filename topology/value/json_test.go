package value

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"
)

func TestJSONBecomesValues(t *testing.T) {
	for _, c := range []struct {
		json string
		want Value
	}{
		{`null`, nil}, {` true `, true}, {`false`, false},
		{`0`, int64(0)}, {`-0`, int64(0)}, {`9223372036854775807`, int64(math.MaxInt64)}, {`-9223372036854775808`, int64(math.MinInt64)},
		{`9223372036854775808`, decimal(t, "9223372036854775808")},
		{`1.0`, 1.0}, {`1e3`, 1000.0}, {`-1.5E-3`, -0.0015}, {`1e-400`, 0.0},
		{`"2026-03-01T00:00:00Z"`, "2026-03-01T00:00:00Z"}, {`""`, ""}, {`"é😀"`, "é😀"},
		{`"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"`, "\"\\/\b\f\n\r\té😀"},
		{`[]`, []any{}}, {`[1, [2], {}]`, []any{int64(1), []any{int64(2)}, mapOf()}},
		{`{"b": 1, "a": {"": null}}`, mapOf("b", int64(1), "a", mapOf("", nil))},
	} {
		got, err := FromJSON([]byte(c.json))
		if err != nil || string(AppendCanonical(nil, got)) != string(AppendCanonical(nil, c.want)) {
			t.Errorf("%s: got %s (%T), %v; want %s (%T)", c.json, Format(got), got, err, Format(c.want), c.want)
		}
	}
}

func TestBadJSONIsRefusedWithItsPlace(t *testing.T) {
	deep := strings.Repeat("[", DepthMax+1) + strings.Repeat("]", DepthMax+1)
	for _, c := range [][2]string{
		{``, "the JSON text ends where a value is expected (byte 0)"},
		{`{"a":1,"b":2,"a":3}`, `the key "a" stands twice in one object (byte 0)`},
		{`[{"a":1,"\u0061":2}]`, `the key "a" stands twice in one object (byte 1)`},
		{`{"a":1} x`, "something follows the JSON value (byte 8)"},
		{`{a:1}`, "a key in quotes is expected (byte 1)"},
		{`{"a" 1}`, `a colon is expected behind the key "a" (byte 5)`},
		{`{"a":1 "b":2}`, "a comma or '}' is expected (byte 7)"},
		{`[1 2]`, "a comma or ']' is expected (byte 3)"},
		{`[1,]`, "']' does not begin a JSON value (byte 3)"},
		{`'a'`, `'\'' does not begin a JSON value (byte 0)`},
		{`tru`, "not a JSON value (true, false and null are the only words) (byte 0)"},
		{`01`, "not a JSON number (byte 1)"},
		{`1.`, "not a JSON number: digits are expected behind the point (byte 2)"},
		{`1e`, "not a JSON number: the exponent has no digits (byte 2)"},
		{`1e400`, "the number 1e400 is too large for a double (byte 0)"},
		{`12345678901234567890123456789012345`, "the number 12345678901234567890123456789012345 has more than 34 digits (byte 0)"},
		{"\"a\nb\"", "a control character in text must be escaped (byte 2)"},
		{`"a`, "the text has no closing quote (byte 2)"},
		{`"a\`, "the text has no closing quote (byte 2)"},
		{`"\x"`, `\x is no escape in JSON (byte 1)`},
		{`"\u12g4"`, `\u needs four hexadecimal digits (byte 1)`},
		{`"a\ud83d"`, `\ud83d is half of a surrogate pair (byte 2)`},
		{`"\ude00\ud83d"`, `\ude00 is half of a surrogate pair (byte 1)`},
		{"\"a\xff\"", "text is not valid UTF-8 (byte 1)"},
		{"\"\\n\xff\"", "text is not valid UTF-8 (byte 1)"},
		{deep, "lists and maps are nested deeper than 128 (byte 128)"},
	} {
		_, err := FromJSON([]byte(c[0]))
		var bad *JSONError
		if !errors.As(err, &bad) || err.Error() != c[1] {
			t.Errorf("%s: got %v, want %s", c[0], err, c[1])
		}
	}
}

func TestValuesBecomeJSON(t *testing.T) {
	for _, c := range []struct {
		v    Value
		want string
	}{
		{nil, "null"}, {true, "true"}, {int64(-7), "-7"}, {2.0, "2.0"}, {0.1, "0.1"}, {1e21, "1e+21"}, {1e-7, "1e-07"},
		{math.Copysign(0, -1), "-0.0"}, {decimal(t, "1.10"), `"1.10"`}, {decimal(t, "1E+3"), `"1000"`}, {decimal(t, "1E+50"), `"1E+50"`},
		{"a\"\\\n\x01é", `"a\"\\\n\u0001é"`}, {[]byte("hi"), `"aGk="`},
		{time.Date(2026, 3, 1, 1, 0, 0, 5e8, time.FixedZone("", 3600)), `"2026-03-01T00:00:00.5Z"`},
		{1500 * time.Millisecond, `"1.5s"`}, {[]any(nil), "[]"}, {(*Map)(nil), "{}"},
		{mapOf("b", int64(1), "a", []any{int64(1), "x"}), `{"a":[1,"x"],"b":1}`},
	} {
		got, err := ToJSON(c.v)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %s, %v; want %s", Format(c.v), got, err, c.want)
		}
	}
}

func TestWhatCannotBeJSONIsRefused(t *testing.T) {
	deep := Value("x")
	for range DepthMax + 1 {
		deep = []any{deep}
	}
	for _, c := range []struct {
		v    Value
		want string
	}{
		{[]any{math.NaN()}, "NaN and infinity cannot be stored or sent"},
		{&apd.Decimal{Form: apd.Infinite}, "NaN and infinity cannot be stored or sent"},
		{mapOf("a", "\xff"), "text is not valid UTF-8"}, {mapOf("\xff", nil), "text is not valid UTF-8"},
		{deep, "lists and maps are nested deeper than 128"}, {mapOf("a", deep), "lists and maps are nested deeper than 128"},
		{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), "the year 10000 cannot be written as RFC 3339"}, {[]any{42}, "int is no value"},
	} {
		got, err := AppendJSON([]byte("kept"), c.v)
		if err == nil || err.Error() != c.want || string(got) != "kept" {
			t.Errorf("got %s, %v; want %s", got, err, c.want)
		}
	}
}

// strictness is why FromJSON may refuse what is JSON all the same.
var strictness = []string{"stands twice", "not valid UTF-8", "surrogate", "too large for a double", "more than 34 digits", "nested deeper"}

func FuzzFromJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5,"x\u00e9\ud83d\ude00"],"b":{"c":null}}`, `-0.0e+1`, `123456789012345678901234`, "\"\xff\"", `{"a":1,"a":2}`, `[[[]]]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		v, err := FromJSON(src)
		if err != nil {
			if json.Valid(src) && !containsAny(err.Error(), strictness) {
				t.Fatalf("%q is JSON but was refused: %v", src, err)
			}
			return
		}
		if !json.Valid(src) {
			t.Fatalf("%q is no JSON but was read as %s", src, Format(v))
		}
		if err := Check(v, len(src)+1); err != nil {
			t.Fatalf("%q gave what cannot be stored: %v", src, err)
		}
		roundTrip(t, v)
	})
}

func containsAny(s string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}

// roundTrip writes v and reads it again: the same, but for what JSON lacks.
func roundTrip(t *testing.T, v Value) {
	t.Helper()
	text, err := ToJSON(v)
	if err != nil {
		t.Fatalf("%s: %v", Format(v), err)
	}
	if !json.Valid(text) {
		t.Fatalf("%s became %s, which is no JSON", Format(v), text)
	}
	back, err := FromJSON(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if got, want := AppendCanonical(nil, back), AppendCanonical(nil, asJSON(v)); string(got) != string(want) {
		t.Fatalf("%s came back as %s", Format(asJSON(v)), Format(back))
	}
}

// asJSON is v as it comes back from JSON.
func asJSON(v Value) Value {
	switch v := v.(type) {
	case *apd.Decimal, []byte, time.Time, time.Duration:
		text, _ := ToJSON(v)
		return strings.Trim(string(text), `"`)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = asJSON(item)
		}
		return out
	case *Map:
		var b MapBuilder
		for key, item := range v.All() {
			b.Add(key, asJSON(item))
		}
		m, _, _ := b.Map()
		return m
	}
	return v
}

func FuzzToJSON(f *testing.F) {
	f.Add([]byte("\x08\x02\x01a\x05\x07\x03xyz"))
	f.Add([]byte("\x07\x03\x01\x02\x03\x04\x05\x06"))
	f.Fuzz(func(t *testing.T, src []byte) {
		v := (&arbitrary{src: src}).value(0)
		if err := Check(v, 1<<20); err != nil {
			if _, jsonErr := ToJSON(v); jsonErr == nil {
				t.Fatalf("%s was written although %v", Format(v), err)
			}
			return
		}
		roundTrip(t, v)
	})
}

// arbitrary turns bytes into a value, any bytes into some.
type arbitrary struct{ src []byte }

func (a *arbitrary) byte() byte {
	if len(a.src) == 0 {
		return 0
	}
	c := a.src[0]
	a.src = a.src[1:]
	return c
}

func (a *arbitrary) bytes() []byte {
	n := min(int(a.byte()), len(a.src))
	out := a.src[:n]
	a.src = a.src[n:]
	return out
}

func (a *arbitrary) bits() (n uint64) {
	for range 8 {
		n = n<<8 | uint64(a.byte())
	}
	return n
}

func (a *arbitrary) value(depth int) Value {
	switch a.byte() % 11 {
	case 1:
		return a.byte()&1 == 1
	case 2:
		return int64(a.bits())
	case 3:
		return math.Float64frombits(a.bits())
	case 4:
		return apd.New(int64(a.bits()), int32(int8(a.byte())))
	case 5:
		return string(a.bytes())
	case 6:
		return a.bytes()
	case 7:
		return time.Unix(int64(a.bits()%250e9), 5).UTC()
	case 8:
		return time.Duration(a.bits())
	case 9:
		return a.list(depth)
	case 10:
		return a.object(depth)
	}
	return nil
}

func (a *arbitrary) list(depth int) Value {
	out := []any{}
	for n := a.byte() % 8; n > 0 && depth < 20; n-- {
		out = append(out, a.value(depth+1))
	}
	return out
}

func (a *arbitrary) object(depth int) Value {
	entries := map[string]Value{}
	for n := a.byte() % 8; n > 0 && depth < 20; n-- {
		entries[string(a.bytes())] = a.value(depth + 1)
	}
	return MapOf(entries)
}

var event = []byte(`{"type":"OrderPlaced","order_id":"o-123456","customer":{"id":"c-99","name":"Maria Schmidt","vip":true},` +
	`"card_token":"tok_abcdef","total":129.95,"currency":"EUR","placed_at":"2026-03-01T12:00:00Z","items":[{"sku":"a-1","qty":2,"price":19.99},` +
	`{"sku":"b-7","qty":1,"price":89.97}],"address":{"street":"Hauptstraße 5","zip":"10115","city":"Berlin","country":"DE"},"note":null}`)

func BenchmarkFromJSON(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(event)))
	for b.Loop() {
		if _, err := FromJSON(event); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkToJSON(b *testing.B) {
	v, err := FromJSON(event)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	buf := make([]byte, 0, 1024)
	for b.Loop() {
		if buf, err = AppendJSON(buf[:0], v); err != nil {
			b.Fatal(err)
		}
	}
}
