package value

import (
	"bytes"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"
)

func decimal(t testing.TB, text string) *apd.Decimal {
	t.Helper()
	d, err := ParseDecimal(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func mapOf(entries ...any) *Map {
	var b MapBuilder
	for i := 0; i < len(entries); i += 2 {
		b.Add(entries[i].(string), entries[i+1])
	}
	m, _, _ := b.Map()
	return m
}

// ladder is numbers in ascending order; within one rung all are equal.
func ladder(t testing.TB) [][]Value {
	return [][]Value{
		{-math.MaxFloat64},
		{int64(math.MinInt64), decimal(t, "-9223372036854775808")},
		{int64(-1), -1.0, decimal(t, "-1.00")},
		{int64(0), 0.0, math.Copysign(0, -1), decimal(t, "0.0"), decimal(t, "-0")},
		{5e-324, decimal(t, "5E-324")},
		{0.1, decimal(t, "0.10")},
		{int64(1), 1.0, decimal(t, "1"), decimal(t, "1.000")},
		{1.5, decimal(t, "1.5")},
		{int64(1000), 1000.0, decimal(t, "1E+3")},
		{int64(1<<53 - 1), float64(1<<53 - 1)},
		{int64(1 << 53), float64(1 << 53), decimal(t, "9007199254740992")},
		{int64(1<<53 + 1)},
		{decimal(t, "9223372036854775806.5")},
		{int64(math.MaxInt64), decimal(t, "9223372036854775807")},
		{float64(1 << 63), decimal(t, "9223372036854776000")}, // by its shortest text
		{decimal(t, "18446744073709551616")},
		{1e23, decimal(t, "1E23")},
		{math.MaxFloat64},
	}
}

func TestNumbersFormOneLineAcrossTheirKinds(t *testing.T) {
	rungs := ladder(t)
	for i, rung := range rungs {
		for _, a := range rung {
			for j, other := range rungs {
				for _, b := range other {
					want := min(max(i-j, -1), 1)
					if got, ok := Compare(a, b); !ok || got != want {
						t.Errorf("Compare(%T %s, %T %s) = %d, %v; want %d", a, Format(a), b, Format(b), got, ok, want)
					}
					if Equal(a, b) != (i == j) {
						t.Errorf("Equal(%T %s, %T %s) = %v", a, Format(a), b, Format(b), i != j)
					}
					if bytes.Equal(AppendKey(nil, a), AppendKey(nil, b)) != (i == j) {
						t.Errorf("keys of %T %s and %T %s: %q, %q", a, Format(a), b, Format(b), AppendKey(nil, a), AppendKey(nil, b))
					}
				}
			}
		}
	}
}

// samples holds values no two of which are equal.
func samples(t testing.TB) []Value {
	at := time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC)
	return []Value{
		nil, false, true, int64(0), int64(1), 1.5, decimal(t, "1.10"), "", "1", "a", "ab", []byte{}, []byte("a"),
		at, at.Add(1), time.Duration(0), time.Second, []any{}, []any{nil}, []any{int64(1)}, []any{int64(1), int64(2)},
		[]any{[]any{int64(1)}, int64(2)}, []any{[]any{int64(1), int64(2)}}, mapOf(), mapOf("a", nil), mapOf("a", int64(1)),
		mapOf("a", int64(1), "b", int64(2)), mapOf("b", int64(1)), []any{mapOf("a", int64(1))},
	}
}

func TestOnlyTheSameIsEqual(t *testing.T) {
	all := samples(t)
	for i, a := range all {
		for j, b := range all {
			if Equal(a, b) != (i == j) {
				t.Errorf("Equal(%s, %s) = %v", Format(a), Format(b), i != j)
			}
			if bytes.Equal(AppendCanonical(nil, a), AppendCanonical(nil, b)) != (i == j) {
				t.Errorf("canonical bytes of %s and %s", Format(a), Format(b))
			}
			if bytes.Equal(AppendKey(nil, a), AppendKey(nil, b)) != (i == j) {
				t.Errorf("keys of %s and %s", Format(a), Format(b))
			}
		}
	}
}

func TestCanonicalBytesTellKindsApart(t *testing.T) {
	pairs := [][2]Value{{int64(1), 1.0}, {1.1, decimal(t, "1.1")}, {decimal(t, "1.1"), decimal(t, "1.10")}, {0.0, math.Copysign(0, -1)}}
	for _, p := range pairs {
		if bytes.Equal(AppendCanonical(nil, p[0]), AppendCanonical(nil, p[1])) {
			t.Errorf("%T %s and %T %s have the same bytes", p[0], Format(p[0]), p[1], Format(p[1]))
		}
	}
}

// The bytes are compared with those of other versions and machines.
func TestCanonicalBytesDoNotChange(t *testing.T) {
	v := mapOf("n", nil, "b", true, "i", int64(-2), "d", 1.5, "m", decimal(t, "1.10"), "s", "é", "y", []byte{0xFF},
		"w", time.Date(2026, 3, 1, 0, 0, 0, 7, time.UTC), "u", time.Millisecond, "l", []any{int64(1)})
	want := "{\n\x01bt\x01dd?\xf8\x00\x00\x00\x00\x00\x00\x01ii\xff\xff\xff\xff\xff\xff\xff\xfe\x01l[\x01i\x00\x00\x00\x00\x00\x00\x00\x01" +
		"\x01mm\x06110e-2\x01nn\x01ss\x02é\x01uu\x00\x00\x00\x00\x00\x0fB@\x01ww\x00\x00\x00\x00i\xa3\x81\x80\x00\x00\x00\x07\x01yb\x01\xff"
	if got := string(AppendCanonical(nil, v)); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestOnlySomeKindsAreOrdered(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ascending := [][2]Value{
		{"a", "b"}, {"Z", "a"}, {"z", "é"}, {[]byte{1}, []byte{1, 0}}, {false, true}, {at, at.Add(1)}, {-time.Second, time.Second},
	}
	for _, p := range ascending {
		if c, ok := Compare(p[0], p[1]); !ok || c != -1 {
			t.Errorf("Compare(%s, %s) = %d, %v", Format(p[0]), Format(p[1]), c, ok)
		}
		if c, ok := Compare(p[1], p[0]); !ok || c != +1 {
			t.Errorf("Compare(%s, %s) = %d, %v", Format(p[1]), Format(p[0]), c, ok)
		}
	}
	for _, p := range [][2]Value{{nil, nil}, {nil, int64(1)}, {"1", int64(1)}, {[]any{}, []any{}}, {mapOf(), mapOf()}, {at, "2026"}} {
		if _, ok := Compare(p[0], p[1]); ok {
			t.Errorf("Compare(%s, %s) has an order", Format(p[0]), Format(p[1]))
		}
	}
}

func TestFormatIsForPeople(t *testing.T) {
	v := mapOf("n", nil, "b", true, "i", int64(-2), "d", 2.0, "m", decimal(t, "1.10"), "s", "é\"\n", "y", []byte("hi"),
		"w", time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), "u", 90*time.Second, "l", []any{int64(1), []any{}}, "order id", mapOf())
	want := `{b: true, d: 2.0, i: -2, l: [1, []], m: 1.10, n: null, "order id": {}, s: "é\"\n", u: 90s, w: 2026-03-01T00:00:00Z, y: b"aGk="}`
	if got := Format(v); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDurationTextIsInSeconds(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 90 * time.Second: "90s", 1500 * time.Millisecond: "1.5s", -1: "-0.000000001s",
		math.MinInt64: "-9223372036.854775808s", 24 * time.Hour: "86400s",
	} {
		if got := DurationText(d); got != want {
			t.Errorf("%d: got %s, want %s", int64(d), got, want)
		}
	}
}

func TestParseDecimalKeepsTheRange(t *testing.T) {
	for _, text := range []string{"1.10", "-2.5E+3", "+1", "0.1234567890123456789012345678901234", "9E400", "1E-400"} {
		if _, err := ParseDecimal(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		"":                                    `"" is not a decimal`,
		"NaN":                                 `"NaN" is not a decimal`,
		"Infinity":                            `"Infinity" is not a decimal`,
		"1.2.3":                               `"1.2.3" is not a decimal`,
		"1E+6145":                             `"1E+6145" is beyond the range of decimals`,
		"1E-6144":                             `"1E-6144" is beyond the range of decimals`,
		"12345678901234567890123456789012345": `"12345678901234567890123456789012345" has more than 34 digits`,
	} {
		if _, err := ParseDecimal(text); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestCheckFindsWhatCannotBeStored(t *testing.T) {
	deep := Value("x")
	for range DepthMax {
		deep = []any{deep}
	}
	wide := []any{int64(1), int64(2), int64(3)}
	for _, v := range append(samples(t), deep) {
		if err := Check(v, 1000); err != nil {
			t.Errorf("%s: %v", Format(v), err)
		}
	}
	for _, c := range []struct {
		v    Value
		want error
	}{
		{math.NaN(), ErrNotFinite}, {[]any{math.Inf(1)}, ErrNotFinite}, {&apd.Decimal{Form: apd.NaN}, ErrNotFinite},
		{"\xff", ErrNotUTF8}, {mapOf("\xff", nil), ErrNotUTF8}, {[]any{deep}, ErrTooDeep}, {mapOf("a", deep), ErrTooDeep},
		{[]any{wide, wide, wide, wide}, ErrTooLarge},
	} {
		if err := Check(c.v, 10+DepthMax); err != c.want && c.want != ErrTooLarge {
			t.Errorf("%s: got %v, want %v", Format(c.v), err, c.want)
		}
		if c.want == ErrTooLarge {
			if err := Check(c.v, 10); err != c.want {
				t.Errorf("%s: got %v, want %v", Format(c.v), err, c.want)
			}
		}
	}
	if err := Check(42, 1000); err == nil || err.Error() != "int is no value" {
		t.Errorf("a Go int: %v", err)
	}
}

func TestMapIsOrderedAndNeverChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		model := map[string]Value{}
		m := (*Map)(nil)
		for range rapid.IntRange(0, 20).Draw(t, "steps") {
			key := rapid.StringMatching(`[a-e]{0,2}`).Draw(t, "key")
			before, image := m, Format(m)
			switch rapid.IntRange(0, 2).Draw(t, "act") {
			case 0:
				v := rapid.Int64().Draw(t, "v")
				m, model[key] = m.With(key, v), v
			case 1:
				m = m.Without(key)
				delete(model, key)
			case 2:
				other := mapOf(key, "merged", "z", int64(1))
				m = m.Merge(other)
				model[key], model["z"] = "merged", int64(1)
			}
			if Format(before) != image {
				t.Fatalf("the map changed: %s, was %s", Format(before), image)
			}
		}
		if !Equal(m, MapOf(model)) || !slices.IsSorted(m.Keys()) || m.Len() != len(model) {
			t.Fatalf("got %s, want %s", Format(m), Format(MapOf(model)))
		}
	})
}

func TestMapBuilderTellsWhatStandsTwice(t *testing.T) {
	var b MapBuilder
	for _, key := range []string{"c", "b", "a", "c", "b"} {
		b.Add(key, nil)
	}
	if _, twice, ok := b.Map(); ok || twice != "b" {
		t.Errorf("got %q, %v", twice, ok)
	}
}

func TestSizeFollowsTheContent(t *testing.T) {
	for _, c := range []struct {
		v    Value
		want int
	}{{nil, 8}, {int64(1), 8}, {"abc", 11}, {[]byte("abc"), 11}, {[]any{"abc", nil}, 27}, {mapOf("ab", "abc"), 29}, {decimal(t, "1"), 24}} {
		if got := Size(c.v); got != c.want {
			t.Errorf("Size(%s) = %d, want %d", Format(c.v), got, c.want)
		}
	}
}

// TestWideWholeIsWhatJSONReadsAsADecimal: its digits read back as the same decimal, and
// nothing else has any.
func TestWideWholeIsWhatJSONReadsAsADecimal(t *testing.T) {
	for text, want := range map[string]string{
		"9223372036854775808":                 "9223372036854775808",
		"-9223372036854775809":                "-9223372036854775809",
		"1234567890123456789012345678901234":  "1234567890123456789012345678901234",
		"1E+33":                               "1000000000000000000000000000000000",
		"9223372036854775808.00":              "9223372036854775808",
		"1E+34":                               "", // JSON would have more digits than are read
		"9223372036854775807":                 "",
		"-9223372036854775808":                "",
		"9223372036854775808.5":               "",
		"1.50":                                "",
		"0":                                   "",
		"0E+40":                               "",
		"12345678901234567890.12345678901234": "",
	} {
		d, err := ParseDecimal(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, ok := WideWhole(d)
		if got != want || ok != (want != "") {
			t.Errorf("%s gives %q, %t; want %q", text, got, ok, want)
		}
		if !ok {
			continue
		}
		if back, err := FromJSON([]byte(got)); err != nil || KindOf(back) != Decimal || !Equal(back, d) {
			t.Errorf("%s reads back as %v, %v", got, back, err)
		}
	}
}
