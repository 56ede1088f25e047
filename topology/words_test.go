package topology

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestEachWordIsDescribedForAPerson(t *testing.T) {
	for _, w := range Words() {
		if w.Doc == "" || !strings.HasSuffix(w.Doc, ".") || strings.ToUpper(w.Doc[:1]) != w.Doc[:1] && w.Doc[0] != '`' {
			t.Errorf("%s: the doc must be a sentence: %q", w.Name, w.Doc)
		}
		if len(w.In) == 0 || w.Kind == "" {
			t.Errorf("%s: no place or no kind", w.Name)
		}
		if (w.Kind == KindChoice || w.Kind == KindEarly) != (len(w.Choices) > 0) {
			t.Errorf("%s: choices and kind do not fit", w.Name)
		}
	}
}

func TestNoWordStandsTwiceInAPlace(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range Words() {
		for _, place := range w.In {
			if at := string(place) + "." + w.Name; seen[at] {
				t.Errorf("%s is described twice", at)
			} else {
				seen[at] = true
			}
		}
	}
}

func TestWordsSpeakOfWordsThatExist(t *testing.T) {
	v := newVocabulary()
	for _, w := range Words() {
		for _, other := range slices.Concat(w.Needs, w.Excludes, w.PartOf) {
			for _, place := range w.In {
				if _, ok := v.find(place, other); !ok {
					t.Errorf("%s in %s speaks of %s, which is no word there", w.Name, place, other)
				}
			}
		}
	}
}

// TestEachWordHasAParser gives every word a value and demands
// that it is not called unknown. Words without a parser panic.
func TestEachWordHasAParser(t *testing.T) {
	frames := map[Place]string{
		InWorkflow:     "%s: x\n",
		InMessage:      "messages: {M: {%s: x}}\n",
		InStep:         "do: [{s: {%s: x}}]\n",
		InReaction:     "anytime: {M: {%s: x}}\n",
		InCompensation: "do: [{s: {send: M, compensate: {%s: x}}}]\n",
		InRetry:        "messages: {M: {retry: {%s: x}}}\n",
		InRaise:        "do: [{s: {raise: {%s: x}}}]\n",
		InEnd:          "do: [{s: {end: {%s: x}}}]\n",
		InStart:        "start: {%s: x}\n",
		InTable:        "tables: {m: {%s: x}}\n",
		InLimit:        "messages: {M: {limit: {%s: x}}}\n",
		InFor:          "do: [{s: {for: {%s: x}}}]\n",
		InMigrate:      "migrate: {%s: x}\n",
	}
	for _, w := range Words() {
		for _, place := range w.In {
			_, list := parseText(fmt.Sprintf(frames[place], w.Name))
			for _, d := range list {
				about := strings.Contains(d.Message, "`"+w.Name+"`")
				if about && (d.Code == codeUnknownWord || d.Code == codeMisplacedWord || d.Code == codeUnknownMessage) {
					t.Errorf("%s in %s: %s", w.Name, place, d)
				}
			}
		}
	}
}

func TestTheReferenceHasTheTableOfWords(t *testing.T) {
	const path = "../docs/language.md"
	const begin, end = "<!-- words: generated from topology/words.go -->\n", "<!-- end of words -->\n"
	text := string(readFile(t, path))
	before, rest, ok := strings.Cut(text, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no section between %q and %q", path, begin, end)
	}
	want := before + begin + wordTables() + end + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if text != want {
		t.Errorf("the table of words in %s is not that of words.go (run go test ./topology -update)", path)
	}
}

// wordTables writes the words of each place as Markdown. Places with the same
// words but few share a table.
func wordTables() string {
	var out strings.Builder
	shown := map[string]bool{}
	for _, place := range Places() {
		words := wordsOnlyIn(place, shown)
		if len(words) == 0 {
			continue
		}
		fmt.Fprintf(&out, "\n### %s\n\n| Word | Value | Meaning |\n|---|---|---|\n", placeTitle(place))
		for _, w := range words {
			fmt.Fprintf(&out, "| `%s` | %s | %s |\n", w.Name, valueText(w), meaning(w))
		}
	}
	out.WriteString("\n")
	return out.String()
}

// wordsOnlyIn are the words of a place that no earlier table had.
func wordsOnlyIn(place Place, shown map[string]bool) []Word {
	var out []Word
	for _, w := range Words() {
		id := w.Name + w.Doc
		if slices.Contains(w.In, place) && !shown[id] {
			shown[id] = true
			out = append(out, w)
		}
	}
	return out
}

func placeTitle(p Place) string {
	return map[Place]string{
		InWorkflow: "The file",
		InMessage:  "A message",
		InStep:     "A step, a reaction or a compensation",
		InReaction: "Only in a reaction",
		InRetry:    "`retry`",
		InRaise:    "`raise` and `end` as mappings",
		InEnd:      "Only in `end`",
		InStart:    "`start`, beside the messages",
		InLimit:    "`limit`",
		InTable:    "A table",
		InFor:      "`for`",
		InMigrate:  "`migrate`",
	}[p]
}

func valueText(w Word) string {
	text := string(w.Kind)
	if len(w.Choices) > 0 {
		text = "`" + strings.Join(w.Choices, "`, `") + "`"
	}
	if w.Required {
		text += "; required"
	}
	return text
}

func meaning(w Word) string {
	text := w.Doc
	if len(w.Needs) > 0 {
		text += " Beside " + neededText(w) + "."
	}
	if w.Default != "" {
		text += " Without it: " + w.Default + "."
	}
	return text
}
