package topology

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"

	"rondo/topology/diag"
)

func TestDurationsAreWholeNumbersWithUnits(t *testing.T) {
	const day = 24 * time.Hour
	tests := map[string]time.Duration{
		"0s": 0, "1ms": time.Millisecond, "200ms": 200 * time.Millisecond, "5s": 5 * time.Second,
		"90s": 90 * time.Second, "1m": time.Minute, "1h30m": 90 * time.Minute, "1h30m5s7ms": 90*time.Minute + 5*time.Second + 7*time.Millisecond,
		"1d": day, "1d12h": 36 * time.Hour, "2w": 14 * day, "1w1d": 8 * day, "15250w": 15250 * 7 * day,
	}
	for text, want := range tests {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", " ", "5", "5.5", "1.5s", "-5s", "+5s", "5 s", "s", "5S", "5M", "1y", "1mo", "5us", "5ns", "5µs",
		"1m1h", "1s1s", "1h 5m", "5s.", "５s", "15251w", "99999999999999999999s", "1h0x5m",
	} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestDurationsAreWrittenAsTheyAreRead(t *testing.T) {
	tests := map[time.Duration]string{
		0: "0s", time.Millisecond: "1ms", 1500 * time.Millisecond: "1s500ms", 90 * time.Minute: "1h30m",
		36 * time.Hour: "1d12h", 14 * 24 * time.Hour: "2w", 8 * 24 * time.Hour: "8d", time.Microsecond: "0s",
	}
	for d, want := range tests {
		if got := FormatDuration(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}

// templateOf reads the value of `with` in a step.
func templateOf(t *testing.T, text string) (*Template, diag.List) {
	t.Helper()
	def, list := parseText(oneStep("{send: Ask, await: {Told: {}}, with: " + text + "}"))
	return def.Do[0].Action.(*Send).With, list
}

func TestScalarsAreThoseOfYAML12(t *testing.T) {
	decimal, _, err := apd.NewFromString("9223372036854775808")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]any{
		"null": nil, "~": nil, "Null": nil, "true": true, "True": true, "FALSE": false, "yes": "yes", "no": "no", "on": "on",
		"0": int64(0), "-0": int64(0), "42": int64(42), "-42": int64(-42), "+42": int64(42), "0x1F": int64(31), "0o17": int64(15),
		"9223372036854775807": int64(math.MaxInt64), "9223372036854775808": decimal,
		"1.5": 1.5, "-.5": -.5, "5.": 5.0, "1e3": 1000.0, "1.0": 1.0, "0.5": 0.5, "-0.5": -0.5, "0e1": 0.0,
		"1_000": "1_000", "0b101": "0b101", "1:30": "1:30", "2024-01-01": "2024-01-01", "2024-01-01T10:00:00Z": "2024-01-01T10:00:00Z",
		"1.2.3": "1.2.3", "+": "+", ".": ".", "abc": "abc", `"5"`: "5", `'true'`: "true", `""`: "", `"null"`: "null", "0123abc": "0123abc",
	}
	for text, want := range tests {
		got, list := templateOf(t, text)
		if len(list) > 0 || got.Expr != nil || !reflect.DeepEqual(got.Literal, want) {
			t.Errorf("%s: got %#v, want %#v; %v", text, got.Literal, want, list)
		}
	}
}

func TestNumbersThatPeopleReadDifferentlyAreRefused(t *testing.T) {
	for text, code := range map[string]string{
		"01": codeLeadingZero, "-01": codeLeadingZero, "007": codeLeadingZero, "00": codeLeadingZero, "01.5": codeLeadingZero, "08": codeLeadingZero,
		".inf": codeBadNumber, "-.Inf": codeBadNumber, ".NaN": codeBadNumber, "1e400": codeBadNumber, "0xFFFFFFFFFFFFFFFFF": codeBadNumber,
		strings.Repeat("9", 35): codeBadNumber,
	} {
		if _, list := templateOf(t, text); len(list) != 1 || list[0].Code != code {
			t.Errorf("%s: got %v, want %s", text, list, code)
		}
	}
}

func TestExpressionsStandAtAnyDepth(t *testing.T) {
	def, list := parseText(oneStep(`
      send: Ask
      await: {Told: {}}
      with:
        a: [=x, {b: "=y + 1", c: "='=z'"}, [[=w]]]
        d: = v 
        e: "a=b"
        f: >-
          =first +
          second`))
	if len(list) > 0 {
		t.Fatal(list)
	}
	var texts []string
	collect(def.Do[0].Action.(*Send).With, &texts)
	want := []string{"x", "y + 1", "'=z'", "w", "v", "first + second"}
	if !reflect.DeepEqual(texts, want) {
		t.Errorf("got %q, want %q", texts, want)
	}
}

func collect(t *Template, texts *[]string) {
	if t.Expr != nil {
		*texts = append(*texts, t.Expr.Text)
	}
	for _, item := range t.List {
		collect(item, texts)
	}
	for _, f := range t.Map {
		collect(f.Value, texts)
	}
}

func TestEmptyMappingsAndListsAreNoNull(t *testing.T) {
	if got, _ := templateOf(t, "{}"); got.Map == nil || got.List != nil {
		t.Errorf("{} was read as %+v", got)
	}
	if got, _ := templateOf(t, "[]"); got.List == nil || got.Map != nil {
		t.Errorf("[] was read as %+v", got)
	}
}

// TestEachCharacterOfAnExpressionHasItsPlace marks one character of an expression
// with § in the file, and asks for its place by its offset in the text.
func TestEachCharacterOfAnExpressionHasItsPlace(t *testing.T) {
	for name, body := range map[string]string{
		"plain":               "{if: aa + §b, send: Go}",
		"plain with blanks":   "{set: {x: =   aa + §b}, send: Go}",
		"double quotes":       `{if: "aa + §b", send: Go}`,
		"escapes":             `{if: "a\u0061 + '\n\"' + §b", send: Go}`,
		"single quotes":       `{if: 'a == ''x'' || §b', send: Go}`,
		"expression":          "{set: {x: =aa + §b}, send: Go}",
		"quoted expression":   `{set: {x: "=aa + §b"}, send: Go}`,
		"wide characters":     "{set: {日: =名 + '語' + §b}, send: Go}",
		"plain over lines":    "\n      send: Go\n      if: aa\n        + bb\n        + §b",
		"quoted over lines":   "\n      send: Go\n      if: \"aa\n        + §b\"",
		"escaped line break":  "\n      send: Go\n      if: \"aa \\\n        + §b\"",
		"folded block":        "\n      send: Go\n      if: >-\n        aa +\n        bb +\n        §b",
		"folded with empties": "\n      send: Go\n      if: >\n\n        aa +\n\n        §b\n",
		"literal block":       "\n      send: Go\n      if: |\n        aa +\n          §b",
		"block expression":    "\n      send: Go\n      set:\n        x: >-\n          =aa +\n          §b",
		"block with comment":  "\n      send: Go\n      if: >-  # why\n        aa +\n        §b",
	} {
		t.Run(name, func(t *testing.T) {
			text := oneStep(body)
			want := placeOf(t, text, '§')
			def, _ := parseText(text)
			expr := def.Do[0].If
			if expr == nil {
				expr = def.Do[0].Set[0].Value.Expr
			}
			offset := len([]rune(expr.Text[:strings.Index(expr.Text, "§")]))
			if got := expr.At(offset); got != want {
				t.Errorf("%q: character %d is at %v, want %v", expr.Text, offset, got, want)
			}
		})
	}
}

func placeOf(t *testing.T, text string, mark rune) diag.Pos {
	t.Helper()
	for i, line := range diag.Lines([]byte(text)) {
		for j, c := range []rune(line) {
			if c == mark {
				return diag.Pos{File: "test.yaml", Line: i + 1, Column: j + 1}
			}
		}
	}
	t.Fatal("no mark")
	return diag.Pos{}
}

func TestWhatIsNoSlipIsLeftAlone(t *testing.T) {
	for name, body := range map[string]string{
		"comment with a blank":       "{set: {a: 1}} # comment",
		"comment after an expr":      "\n      set:\n        a: =key # comment\n      send: Go",
		"comment far away":           "\n      set:\n        a: =key   #comment\n      send: Go",
		"double comment sign":        "\n      set:\n        a: =key ## comment\n      send: Go",
		"hash in a text":             "{set: {a: a#b, b: =key}}",
		"quoted comma":               `{set: {a: "=max(key, 2)"}}`,
		"comma in a block mapping":   "\n      set:\n        a: =max(key, 2)\n      send: Go",
		"negation in quotes":         `{if: "!has(key.a)", send: Go}`,
		"negation of an expr":        "{set: {a: =!true}}",
		"inequality":                 "{if: key != 'a', send: Go}",
		"closed brackets":            "{set: {a: =f(1) + g(2), b: 1}}",
		"brackets in a text":         `{set: {a: "=size('(') + 1"}}`,
		"text with a smile":          `{set: {a: ":(", b: 1}}`,
		"equality in an expr word":   "{if: key == 'a', send: Go}",
		"equals sign within a text":  "{set: {a: b=c}}",
		"paths of unknown variables": "{send: Ask, await: {Told: {}}, with: {file: report.pdf, host: example.com}}",
		"quoted path":                `{send: Ask, await: {Told: {}}, with: {text: "event.id"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			text := oneStep(body)
			_, list := parseText(text)
			for _, d := range list {
				if d.Code != codeUnusedMessage {
					t.Errorf("%s\nin\n%s", d, text)
				}
			}
		})
	}
}

func TestSlipsAreMendedSoThatTheyAreReportedOnce(t *testing.T) {
	for body, want := range map[string]string{
		"{set: {a: =max(key, 2)}, send: Go}":            "max(key, 2)",
		"{if: !done && ok, send: Go}":                   "!done && ok",
		"{if: !done, send: Go}":                         "!done",
		"{if: max(1, 2) > min(3, 4), send: Go}":         "max(1, 2) > min(3, 4)",
		"{set: {a: =max(min(1, 2), min(3))}, send: Go}": "max(min(1, 2), min(3))",
		"{set: {a: ='x, y' + key}, send: Go}":           "'x, y' + key",
		"{if: =a > 1, send: Go}":                        "a > 1",
		"\n      if: !done   # not yet\n      send: Go": "!done",
	} {
		def, list := parseText(oneStep(body))
		list = slices.DeleteFunc(list, func(d diag.Diagnostic) bool { return d.Code == codeUnusedMessage })
		if len(list) != 1 || list[0].Severity != diag.Error {
			t.Errorf("%s: got %v", body, list)
			continue
		}
		expr := def.Do[0].If
		if expr == nil {
			expr = def.Do[0].Set[0].Value.Expr
		}
		if expr.Text != want {
			t.Errorf("%s: read as %q, want %q", body, expr.Text, want)
		}
	}
}
