package diag

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func at(line, column int) Pos { return Pos{File: "a.yaml", Line: line, Column: column} }

func render(t *testing.T, list List, source string, color bool) string {
	t.Helper()
	var out strings.Builder
	if err := Render(&out, list, SourceOf("a.yaml", []byte(source)), color); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func expect(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAFindingIsShownWithExcerptPlacesAndHelp(t *testing.T) {
	got := render(t, List{{
		Code: "unknown-message", Pos: at(10, 3), Length: 4, Message: "no message is called `Goo`", Help: "did you mean `Go`?\nor declare it",
		Related: []Related{{Pos: at(2, 1), Length: 2, Message: "declared here"}, {Pos: Pos{File: "b.yaml", Line: 1, Column: 1}, Message: "and there"}},
	}}, "one\ntwo\n3\n4\n5\n6\n7\n8\n9\n  Gooo: {}\n", false)
	expect(t, got, "error[unknown-message]: no message is called `Goo`\n"+
		`  --> a.yaml:10:3
   |
 2 | two
   | -- declared here
...
10 |   Gooo: {}
   |   ^^^^
  ::: b.yaml:1:1
   |
   = help: did you mean `+"`Go`?"+`
           or declare it

1 error
`)
}

func TestNeighbouringLinesStandTogether(t *testing.T) {
	got := render(t, List{{
		Severity: Warning, Code: "c", Pos: at(2, 1), Length: 1, Message: "m",
		Related: []Related{{Pos: at(1, 1), Length: 1, Message: "before"}, {Pos: at(2, 3), Length: 1, Message: "beside"}},
	}}, "a\nb c\n", false)
	expect(t, got, `warning[c]: m
 --> a.yaml:2:1
  |
1 | a
  | - before
2 | b c
  | ^
  |   - beside

1 warning
`)
}

func TestWithoutASourceThePlaceIsEnough(t *testing.T) {
	var out strings.Builder
	list := List{{Code: "c", Pos: at(2, 1), Message: "m", Help: "h"}, {Code: "d", Message: "nowhere"}, {Code: "e", Pos: Pos{File: "a.yaml"}, Message: "a whole file"}}
	if err := Render(&out, list, nil, false); err != nil {
		t.Fatal(err)
	}
	expect(t, out.String(), `error[c]: m
 --> a.yaml:2:1
  = help: h

error[d]: nowhere

error[e]: a whole file
 --> a.yaml

3 errors
`)
}

func TestPlacesBeyondTheTextAreNoTrouble(t *testing.T) {
	for _, p := range []Pos{at(1, 99), at(99, 1), at(1, 0), at(-1, -1), at(0, 5)} {
		got := render(t, List{{Code: "c", Pos: p, Length: 1000, Message: "m"}}, "abc\n", false)
		if !strings.Contains(got, "error[c]: m") {
			t.Errorf("%v: %s", p, got)
		}
	}
}

func TestTheCaretStandsUnderWideCharactersAndTabs(t *testing.T) {
	got := render(t, List{{Code: "c", Pos: at(1, 5), Length: 2, Message: "m"}}, "\t日本 ab\n", false)
	expect(t, strings.Join(strings.Split(got, "\n")[3:5], "\n"), "1 |     日本 ab\n  |          ^^")
}

func TestLongLinesAreCutAroundTheCaret(t *testing.T) {
	line := strings.Repeat("x", 5000) + "HERE" + strings.Repeat("y", 5000)
	got := render(t, List{{Code: "c", Pos: at(1, 5001), Length: 4, Message: "m"}}, line, false)
	lines := strings.Split(got, "\n")
	text, marks := []rune(lines[3]), lines[4]
	if len(text) > excerptWidth+10 || text[4] != '…' || text[len(text)-1] != '…' {
		t.Errorf("not cut: %s", lines[3])
	}
	if column := strings.Index(marks, "^^^^"); string(text[column:column+4]) != "HERE" {
		t.Errorf("the caret is elsewhere:\n%s\n%s", lines[3], marks)
	}
}

func TestNothingDisturbsTheTerminal(t *testing.T) {
	got := render(t, List{{
		Code: "c", Pos: Pos{File: "a.yaml", Line: 1, Column: 1}, Message: "a\x1b[31m\u202eb", Help: "h\x07\nnext",
		Related: []Related{{Pos: at(1, 2), Message: "\x9b2J"}},
	}}, "\x1b]0;title\x07 \u202e\u200b ok\n", false)
	for _, c := range got {
		if c != '\n' && disturbing(c) {
			t.Errorf("%q is written to the terminal:\n%q", c, got)
		}
	}
	if !strings.Contains(got, "        next") {
		t.Errorf("help of two lines: %q", got)
	}
}

func TestColorIsOnlyWhereItIsAskedFor(t *testing.T) {
	list := List{{Code: "c", Pos: at(1, 1), Length: 3, Message: "m", Help: "h"}, {Severity: Warning, Code: "w", Pos: at(1, 1), Message: "n"}}
	plain, colored := render(t, list, "abc\n", false), render(t, list, "abc\n", true)
	if strings.Contains(plain, "\x1b") {
		t.Errorf("color without being asked: %q", plain)
	}
	for _, want := range []string{"\x1b[1;31merror[c]\x1b[0m", "\x1b[1;31m^^^\x1b[0m", "\x1b[1;33mwarning[w]\x1b[0m", "\x1b[1;36mhelp\x1b[0m"} {
		if !strings.Contains(colored, want) {
			t.Errorf("no %q in %q", want, colored)
		}
	}
}

func TestAnEmptyListWritesNothing(t *testing.T) {
	expect(t, render(t, nil, "a", false), "")
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestRenderReturnsTheErrorOfTheWriter(t *testing.T) {
	if err := Render(failing{}, List{{Code: "c"}}, nil, false); err == nil {
		t.Error("no error")
	}
}

func TestJSONSaysTheSame(t *testing.T) {
	list := List{{
		Severity: Warning, Code: "c", Pos: at(3, 4), Length: 5, Message: "m", Help: "h",
		Related: []Related{{Pos: at(1, 2), Length: 2, Message: "r"}},
	}, {Code: "d", Message: "n"}}
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, string(text), `[{"severity":"warning","code":"c","file":"a.yaml","line":3,"column":4,"length":5,"message":"m","help":"h",`+
		`"related":[{"file":"a.yaml","line":1,"column":2,"length":2,"message":"r"}]},{"severity":"error","code":"d","message":"n"}]`)
	var back List
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, list) {
		t.Errorf("read back as %+v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`[{"severity":"fatal"}]`), &back); err == nil {
		t.Error("an unknown severity is read")
	}
}

func TestAListIsSortedAndSaysNothingTwice(t *testing.T) {
	list := List{
		{Code: "b", Pos: at(2, 1), Message: "m"}, {Severity: Warning, Code: "a", Pos: at(1, 1), Message: "w"}, {Code: "z", Pos: at(1, 1), Message: "e"},
		{Code: "b", Pos: at(2, 1), Message: "m"}, {Code: "b", Pos: at(2, 1), Message: "other"}, {Code: "b", Pos: at(1, 9), Message: "m"},
	}
	var got []string
	for _, d := range list.Sorted() {
		got = append(got, d.String())
	}
	expect(t, strings.Join(got, "\n"), `a.yaml:1:1: error[z]: e
a.yaml:1:1: warning[a]: w
a.yaml:1:9: error[b]: m
a.yaml:2:1: error[b]: m
a.yaml:2:1: error[b]: other`)
	if list[0].Code != "b" || list[1].Code != "a" {
		t.Error("the list itself was changed")
	}
}

func TestTheSummaryCounts(t *testing.T) {
	e, w := Diagnostic{}, Diagnostic{Severity: Warning}
	for want, list := range map[string]List{
		"no findings": nil, "1 error": {e}, "2 errors": {e, e}, "1 warning": {w}, "2 errors, 3 warnings": {w, e, w, e, w},
	} {
		expect(t, list.Summary(), want)
	}
}

func TestWarningsAreNoErrors(t *testing.T) {
	if (List{{Severity: Warning}}).HasErrors() || !(List{{Severity: Warning}, {}}).HasErrors() {
		t.Error("HasErrors")
	}
}

func TestSuggestions(t *testing.T) {
	words := []string{"send", "listen", "timeout", "retry", "with", "OrderPlaced", "order_id", "new-card", "attempts"}
	for name, want := range map[string]string{
		"sned": "send", "sendd": "send", "lisen": "listen", "timeuot": "timeout", "retries": "retry", "wiht": "with",
		"orderplaced": "OrderPlaced", "OrderPlacd": "OrderPlaced", "order-placed": "OrderPlaced", "id_order": "order_id", "newCard": "new-card", "attempt": "attempts",
		"xyz": "", "colour": "", "a": "", "": "", "send": "", strings.Repeat("x", 200): "",
	} {
		got, ok := Suggest(name, words)
		if got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", name, got, ok, want)
		}
	}
}

func TestShortNamesResembleOnlyWhatIsNear(t *testing.T) {
	for _, test := range []struct{ name, candidate, want string }{
		{"x", "y", ""}, {"x", "xy", ""}, {"a", "of", ""}, {"ab", "ac", ""}, {"to", "do", ""},
		{"X", "x", "x"}, {"fi", "if", "if"}, {"id", "ids", "ids"}, {"idd", "id", "id"}, {"skus", "sku", "sku"}, {"nmu", "num", "num"},
	} {
		if got, _ := Suggest(test.name, []string{test.candidate}); got != test.want {
			t.Errorf("%s, where %s is known: got %q, want %q", test.name, test.candidate, got, test.want)
		}
	}
}

func TestTheNearestOfSeveralIsSuggested(t *testing.T) {
	if got, _ := Suggest("StockReservd", []string{"StockRejected", "StockReserved", "StockReserve"}); got != "StockReserved" {
		t.Errorf("got %s", got)
	}
}

func TestLinesAreThoseOfYAML(t *testing.T) {
	got := Lines([]byte("\ufeffa\r\nb\rc\n\nd\u0085e\u2028f\u2029"))
	if want := []string{"a", "b", "c", "", "d", "e", "f"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestEachEssayHasATitleAndAText(t *testing.T) {
	for _, code := range Codes() {
		text, ok := Explain(code)
		if !ok || !strings.HasPrefix(text, "# "+code+"\n\n") || len(text) < 100 {
			t.Errorf("%s: %q", code, text)
		}
	}
	if _, ok := Explain("no-such-code"); ok {
		t.Error("an essay on nothing")
	}
	if _, ok := Explain("../diag"); ok {
		t.Error("an essay from elsewhere")
	}
}
