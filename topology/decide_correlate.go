package topology

import (
	"fmt"
	"slices"

	"rondo/topology/value"
)

// introduce tells mailboxes by which values the instance is known now, and is no
// more: what it had announced is compared with its variables.
func (p *pass) introduce() {
	if p.inst == nil || len(p.plan.correlates)+len(p.inst.Known) == 0 {
		return
	}
	known := p.inst.Known
	var now []Correlation
	if !p.inst.Ended() && !p.isAbsent() {
		now = p.correlations()
	}
	if slices.Equal(known, now) {
		return
	}
	p.edit().Known = now
	p.announce(LetterWithdraw, known, now)
	p.announce(LetterAnnounce, now, known)
}

// announce writes a letter for each value of one list that is not in the other.
func (p *pass) announce(kind LetterKind, list, but []Correlation) {
	has := make(map[Correlation]bool, len(but))
	for _, c := range but {
		has[c] = true
	}
	for _, c := range list {
		if !has[c] {
			p.write(Letter{Kind: kind, To: mailboxAddress(p.plan.definition.Name, c.Variable, c.Value)})
		}
	}
}

// correlations are the values by which the instance is known, each once.
func (p *pass) correlations() []Correlation {
	var out []Correlation
	seen := map[Correlation]bool{}
	for _, name := range p.plan.correlates {
		v, _ := p.inst.Vars.Lookup(name)
		texts, _ := correlated(v)
		for _, text := range texts {
			if c := (Correlation{name, text}); !seen[c] {
				seen[c] = true
				out = append(out, c)
			}
		}
	}
	return out
}

// correlated are the texts of a variable that `correlate` names: text, a whole
// number, or a list of them; null and empty texts are none. False if it is
// something else.
func correlated(v value.Value) ([]string, bool) {
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	var out []string
	for _, item := range list {
		text, ok := keyText(item)
		switch {
		case item == nil || ok && text == "":
		case !ok:
			return nil, false
		default:
			out = append(out, text)
		}
	}
	return out, true
}

// correlates says why a variable cannot have a value, because `correlate` names
// it; nil if it can.
func (p *pass) correlates(name string, v value.Value) *Fault {
	if !slices.Contains(p.plan.correlates, name) {
		return nil
	}
	texts, ok := correlated(v)
	if !ok {
		return &Fault{Kind: "correlate", Text: fmt.Sprintf("the variable %s would be %s; `correlate` needs text, a whole number, or a list of them", name, value.KindOf(v))}
	}
	limits := p.plan.options.Limits
	if at := slices.IndexFunc(texts, func(text string) bool { return len(text) > limits.Key }); at >= 0 {
		return &Fault{Kind: "limit.correlate", Text: fmt.Sprintf("a value of %s has %d bytes; the limit is %d", name, len(texts[at]), limits.Key)}
	}
	n := len(texts)
	for _, c := range p.inst.Known {
		if c.Variable != name {
			n++
		}
	}
	if n > limits.Correlate {
		return &Fault{Kind: "limit.correlate", Text: fmt.Sprintf("the instance would be known by %d values; the limit is %d", n, limits.Correlate)}
	}
	return nil
}

// correlations finds the variables that `correlate` names.
func (c *compiler) correlations() {
	names := map[string]bool{}
	for _, m := range c.def.Messages {
		if m.Correlate == "" {
			continue
		}
		names[m.Correlate] = true
		if !slices.Contains(c.plan.vars, m.Correlate) && !c.def.gaps.mayName(m.Correlate) {
			report := c.structural
			if c.scopes.sets(m.Correlate) {
				report = c.report
			}
			report(m.CorrelatePos, len(m.Correlate), codeUnknownVariable, "set it in a step or in `start`",
				"%s is found by the variable %q, and the workflow sets no such variable", m.Name, m.Correlate)
		}
	}
	c.plan.correlates = sortedKeys(names)
}
