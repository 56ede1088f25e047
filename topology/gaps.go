package topology

import (
	"slices"

	yaml "go.yaml.in/yaml/v4"
)

// gaps are the parts of a definition that Parse did not understand and has
// reported. A definition with gaps is never run, but all of it that was understood
// is checked as if it were right. So that no finding is caused by another, every
// desk asks here before it says that something is missing: what is not there may
// stand in a gap. Beside this, steps, messages and values of which a part was not
// understood are marked as unknown where they stand.
//
// A nil *gaps has none.
type gaps struct {
	// names are the texts in those parts: what may be declared or used there.
	names map[string]bool
	// words are the words of the file itself whose values were not understood, in
	// part or as a whole, or which a misspelt one stands for.
	words map[string]bool
	// anyWord: a word of the file was not understood and may be any.
	anyWord bool
	// missing are required words of the file that are not there at all.
	missing map[string]bool
	// messages: `messages` was written and nothing of it understood.
	messages bool
	// lacking: something that has to be there is not, and nothing tells what it would
	// have named.
	lacking bool
}

func newGaps() *gaps {
	return &gaps{names: map[string]bool{}, words: map[string]bool{}, missing: map[string]bool{}}
}

// mayName reports whether a name may be declared or used in a gap.
func (g *gaps) mayName(name string) bool { return g != nil && g.names[name] }

// mayHave reports whether one of these words of the file was, or may have been,
// written without being understood.
func (g *gaps) mayHave(words ...string) bool {
	return g != nil && (g.anyWord || slices.ContainsFunc(words, func(w string) bool { return g.words[w] || g.missing[w] }))
}

// mayMiss reports whether one of these words of the file is not there, though it
// has to be.
func (g *gaps) mayMiss(words ...string) bool {
	return g != nil && (g.anyWord || slices.ContainsFunc(words, func(w string) bool { return g.missing[w] }))
}

// variables are the names in the gaps that may be variables, sorted.
func (g *gaps) variables() []string {
	if g == nil {
		return nil
	}
	return slices.DeleteFunc(sortedKeys(g.names), func(name string) bool { return !snakeName.MatchString(name) })
}

// lose notes what a part of the file that is not read any further may declare or
// use: its keys and its texts. An alias stands for what its anchor holds, which is
// read where it is.
func (p *parser) lose(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		p.loseName(n.Value)
		return
	}
	for _, c := range n.Content {
		p.lose(c)
	}
}

func (p *parser) loseName(name string) {
	if len(name) <= nameMaxLength {
		p.gaps.names[name] = true
	}
}

// spoil marks a node that has been reported: whoever meets it says nothing more.
func (p *parser) spoil(n *yaml.Node) {
	p.broken[n] = true
	p.lose(n)
}

// isBroken reports whether a node was reported before. Then what it belongs to is
// not wholly understood either.
func (p *parser) isBroken(n *yaml.Node) bool {
	if p.broken[n] {
		p.faults++
	}
	return p.broken[n]
}

// hasHoles is isBroken for a mapping of which some entries were refused.
func (p *parser) hasHoles(n *yaml.Node) bool {
	if p.holed[n] {
		p.faults++
	}
	return p.holed[n]
}

// report adds an error to what is being read.
func (p *parser) report(at span, code, message string) finding {
	p.faults++
	switch code {
	case codeEmptyValue, codeWordNeeds:
		p.gaps.lacking = true
	}
	return p.findings.report(at, code, message)
}

// whole reads a part of the definition that is judged by itself, and reports
// whether all of it was understood. What is wrong in it does not count as wrong in
// what is around it.
func (p *parser) whole(read func()) bool {
	outer := p.faults
	p.faults = 0
	read()
	whole := p.faults == 0
	p.faults = outer
	return whole
}

// word reads the value of a word of the file itself.
func (p *parser) word(name string, read func()) {
	if !p.whole(read) {
		p.gaps.words[name] = true
	}
}
