package topology

import (
	"fmt"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// entry is one `key: value` of a mapping.
type entry struct{ key, value *yaml.Node }

// fields is a mapping whose keys are words of one place.
type fields struct {
	p       *parser
	place   Place
	entries []entry // known words, in the order of the file
	byName  map[string]entry
	taken   map[string]bool
	// meant are the words that misspelt keys stand for: they are not missed.
	meant   map[string]bool
	missing map[string]bool // required words that are not there
	vague   bool            // a key was not understood and may stand for any word
}

// fields reads a mapping of words. It reports keys that are no words of the
// place, and what the words demand of each other. Missing words are put to the
// owner's span and name.
func (p *parser) fields(n *yaml.Node, place Place, owner span, name string) fields {
	f := fields{p: p, place: place, byName: map[string]entry{}, taken: map[string]bool{}, meant: map[string]bool{}, missing: map[string]bool{}}
	for i := 0; i+1 < len(n.Content); i += 2 {
		f.add(entry{n.Content[i], n.Content[i+1]})
	}
	f.checkActions()
	f.vague = p.hasHoles(n) || f.vague
	if !f.vague {
		f.checkNeighbours()
		f.checkMissing(owner, name)
	}
	return f
}

func (f *fields) add(e entry) {
	name := e.key.Value
	if _, ok := f.p.words.find(f.place, name); !ok {
		f.unknown(e)
		return
	}
	f.entries = append(f.entries, e)
	f.byName[name] = e
}

// gist is what a word is for, as the end of a sentence.
func gist(w Word) string {
	first, _, _ := strings.Cut(w.Doc, ". ")
	return lowerFirst(strings.TrimSuffix(first, "."))
}

// unknown reports a key that is no word of the place.
func (f *fields) unknown(e entry) {
	f.p.lose(e.value)
	f.p.loseName(e.key.Value)
	name, at := e.key.Value, f.p.page.token(e.key)
	if places := f.p.words.elsewhere(f.place, name); len(places) > 0 && !slices.Contains(f.p.words.names[f.place], name) {
		f.p.report(at, codeMisplacedWord, fmt.Sprintf("`%s` cannot stand in %s", name, placeName(f.place))).
			help(misplacedHelp(f.place, name, places))
		return
	}
	r := f.p.report(at, codeUnknownWord, fmt.Sprintf("`%s` is no word of %s", name, placeName(f.place)))
	meant := r.suggest(name, f.p.words.names[f.place])
	f.meant[meant] = true
	f.vague = f.vague || meant == ""
	if isEmpty(e.value) && strings.Contains(name, ":") {
		r.help("put a blank behind the `:`")
		return
	}
	if meant == "" {
		r.help("the words here are " + listed(f.p.words.names[f.place]))
	}
}

func misplacedHelp(place Place, name string, places []Place) string {
	switch {
	case place == InStep && name == "when":
		return "a step is left out with `if`; `when` chooses between alternatives"
	case place == InCompensation && name == "then":
		return "undoing goes on by itself"
	case place == InCompensation && name == "compensate":
		return "a compensation is not itself undone"
	}
	texts := make([]string, len(places))
	for i, p := range places {
		texts[i] = placeName(p)
	}
	return "it is a word of " + listed(texts)
}

func placeName(p Place) string {
	switch p {
	case InWorkflow:
		return "the workflow"
	case InMessage:
		return "a message"
	case InStep:
		return "a step"
	case InReaction:
		return "a reaction"
	case InCompensation:
		return "a compensation"
	case InTable:
		return "a table"
	default:
		return "`" + string(p) + "`"
	}
}

// listed writes names as "a, b and c".
func listed(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = n
		if !strings.ContainsAny(n, " `") {
			quoted[i] = "`" + n + "`"
		}
	}
	if len(quoted) < 2 {
		return strings.Join(quoted, "")
	}
	return strings.Join(quoted[:len(quoted)-1], ", ") + " and " + quoted[len(quoted)-1]
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// has reports whether a word stands here, or was meant to.
func (f *fields) has(name string) bool {
	_, ok := f.byName[name]
	return ok || f.meant[name]
}

// checkNeighbours reports words that need another one, or bear it not.
func (f *fields) checkNeighbours() {
	for _, e := range f.entries {
		w, _ := f.p.words.find(f.place, e.key.Value)
		if len(w.Needs) > 0 && !slices.ContainsFunc(w.Needs, f.has) {
			f.p.report(f.p.page.token(e.key), codeWordNeeds, fmt.Sprintf("`%s` does nothing here: it belongs to %s", w.Name, neededText(w))).
				help("add what it belongs to, or remove `" + w.Name + "`")
			f.p.lose(e.value)
		}
		for _, other := range w.Excludes {
			if o, ok := f.byName[other]; ok {
				f.excluded(e.key, o.key)
			}
		}
	}
}

// excluded reports a word beside one that it does not bear.
func (f *fields) excluded(key, other *yaml.Node) {
	if w, _ := f.p.words.find(f.place, other.Value); w.Action {
		f.p.report(f.p.page.token(key), codeWordExcludes, fmt.Sprintf("`%s` beside `%s` is never followed", key.Value, other.Value)).
			related(f.p.page.token(other), "this leaves at once").
			help("remove one of the two")
		return
	}
	f.p.report(f.p.page.token(key), codeWordExcludes, fmt.Sprintf("`%s` and `%s` cannot stand side by side", key.Value, other.Value)).
		related(f.p.page.token(other), "the other one").
		help("keep one of the two")
}

// neededText lists what a word needs.
func neededText(w Word) string { return strings.Replace(listed(w.Needs), " and ", " or ", 1) }

func (f *fields) checkActions() {
	var first *yaml.Node
	for _, e := range f.entries {
		w, _ := f.p.words.find(f.place, e.key.Value)
		switch {
		case !w.Action || slices.ContainsFunc(w.PartOf, f.has):
		case first == nil:
			first = e.key
		default:
			f.p.report(f.p.page.token(e.key), codeTwoActions, fmt.Sprintf("`%s` is a second action beside `%s`", w.Name, first.Value)).
				related(f.p.page.token(first), "the first action").
				help("a step does one thing: make two steps, or a block with `do`")
			f.loseAll()
		}
	}
}

// loseAll notes all that stands here: only one of two actions is kept.
func (f *fields) loseAll() {
	for _, e := range f.entries {
		f.p.lose(e.value)
	}
}

func (f *fields) checkMissing(owner span, owned string) {
	for _, name := range f.p.words.names[f.place] {
		w, _ := f.p.words.find(f.place, name)
		if w.Required && !f.has(name) {
			f.missing[name] = true
			f.p.report(owner, codeMissingWord, fmt.Sprintf("%s has no `%s`", owned, name)).
				help(fmt.Sprintf("add `%s`: %s", name, gist(w)))
		}
	}
}

// take gives the entry of a word, if it stands here with a value that can be
// read.
func (f *fields) take(name string) (entry, bool) {
	f.taken[name] = true
	e, ok := f.byName[name]
	if !ok || f.p.isBroken(e.value) {
		return e, false
	}
	if isEmpty(e.value) {
		f.p.empty(e, "write a value, or remove `"+name+"`")
		return e, false
	}
	return e, true
}

// action is the first action of the mapping, or "".
func (f *fields) action() string {
	for _, e := range f.entries {
		if w, _ := f.p.words.find(f.place, e.key.Value); w.Action && !slices.ContainsFunc(w.PartOf, f.has) {
			return w.Name
		}
	}
	return ""
}

// done panics when a word of the table was not taken: a word without a parser.
func (f *fields) done() {
	for _, name := range f.p.words.names[f.place] {
		if !f.taken[name] {
			panic(fmt.Sprintf("the word %q of %q has no parser", name, f.place))
		}
	}
}

func (p *parser) empty(e entry, advice string) {
	p.spoil(e.value)
	p.report(p.page.token(e.key), codeEmptyValue, fmt.Sprintf("`%s` has no value", e.key.Value)).help(advice)
}

// wrongType reports a value of another kind than was expected.
func (p *parser) wrongType(n *yaml.Node, what, want string) finding {
	p.spoil(n)
	return p.report(p.page.token(n), codeWrongType, fmt.Sprintf("%s must be %s, not %s", what, want, kindText(n)))
}

func kindText(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		if !isPlain(n) {
			return "a text"
		}
		return map[string]string{"!!int": "a number", "!!float": "a number", "!!bool": "a truth value", "!!null": "null"}[n.Tag] + textIfOther(n.Tag)
	}
	return "this"
}

func textIfOther(tag string) string {
	switch tag {
	case "!!int", "!!float", "!!bool", "!!null":
		return ""
	}
	return "a text"
}

// mapping reports whether n is a mapping, and says so if it is not.
func (p *parser) mapping(n *yaml.Node, what string) bool {
	if p.isBroken(n) {
		return false
	}
	if n.Kind != yaml.MappingNode {
		p.wrongType(n, what, "a mapping").help("write `name: value` on lines of their own, or `{name: value}`")
		return false
	}
	return true
}

// sequence is mapping for lists.
func (p *parser) sequence(n *yaml.Node, what, example string) bool {
	if p.isBroken(n) {
		return false
	}
	if n.Kind != yaml.SequenceNode {
		p.wrongType(n, what, "a list").help("write " + example)
		return false
	}
	return true
}

// scalar gives the text of a scalar, as it is written.
func (p *parser) scalar(n *yaml.Node, what, want string) (string, bool) {
	if p.isBroken(n) {
		return "", false
	}
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" && isPlain(n) {
		p.wrongType(n, what, want)
		return "", false
	}
	return n.Value, true
}
