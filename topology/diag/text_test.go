package diag

import (
	"strings"
	"testing"
)

func TestWhatIsNotUTF8HasItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		"app: shop\n":            "",
		"":                       "",
		"a: é\nb: caf\xe9\n":     "f:2:7: the file is not UTF-8 text",
		"\xef\xbb\xbfb: \xe9":    "f:1:4: the file is not UTF-8 text",
		"\xff\xfea\x00:\x00":     "f: the file is text in UTF-16, and only UTF-8 is read",
		"\x7fELF\x02\x00\xff: x": "f: the file is no text, but binary",
	} {
		d, found := NotUTF8("f", []byte(text))
		got := ""
		if found {
			got = d.Pos.String() + ": " + d.Message
		}
		if got != want || found && d.Help == "" {
			t.Errorf("%q: %s (help: %s), want %s", text, got, d.Help, want)
		}
	}
}

func TestABinaryFileIsNotShown(t *testing.T) {
	var out strings.Builder
	d := Diagnostic{Code: "x", Pos: Pos{File: "f", Line: 1, Column: 1}, Message: "no"}
	if err := Render(&out, List{d}, SourceOf("f", []byte("abc\x00\x01\xff")), false); err != nil {
		t.Fatal(err)
	}
	if want := "error[x]: no\n --> f:1:1\n\n1 error\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
