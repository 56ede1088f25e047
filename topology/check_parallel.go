package topology

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// lintParallel warns of branches or iterations side by side that await one
// message and cannot tell by `when` whose it is: the longest waiting takes it.
func (c *checker) lintParallel(s *Step) {
	switch a := s.Action.(type) {
	case *Fork:
		first := map[string]*Rule{}
		for _, b := range a.Branches {
			own := map[string]*Rule{}
			for _, r := range blindRules(b.Do) {
				if before := first[r.Name]; before != nil && own[r.Name] == nil {
					c.ambiguous(r, "another branch awaits `"+r.Name+"` too").related(spanOf(before.Pos, before.Name), "in the other branch")
				}
				own[r.Name] = r
			}
			for _, r := range blindRules(b.Do) {
				if first[r.Name] == nil {
					first[r.Name] = r
				}
			}
		}
	case *For:
		if a.Parallel < 2 {
			return
		}
		c.lintIterations(a)
	}
}

// lintIterations warns of what iterations side by side await, if no `when` asks for
// anything that an iteration has of its own.
func (c *checker) lintIterations(a *For) {
	own := ownNames(a)
	for _, r := range awaitedRules(a.Do) {
		if c.blind[r] || tellsBy(own, r.Alternatives) {
			continue
		}
		c.blind[r] = true // also in a loop within
		awaited := fmt.Sprintf("up to %d iterations await `%s` at once", a.Parallel, r.Name)
		if hasElse(r.Alternatives) {
			c.ambiguous(r, awaited).related(spanOf(a.Pos, "for"), "side by side here")
			continue
		}
		c.warn(spanOf(r.Pos, r.Name), codeAmbiguousAwait, awaited+", and what its `when` asks is the same for all of them").
			related(spanOf(a.Pos, "for"), "side by side here").
			help("compare the event with what is the iteration's own, too: event.id == " + a.ownExample())
	}
}

// ownExample is something that each iteration of a loop has of its own.
func (a *For) ownExample() string {
	if a.Each != "" {
		return a.Each + ".id"
	}
	return "index"
}

// ownNames matches the names of what an iteration has of its own: the item, the index,
// a call's command, and what its steps set.
func ownNames(a *For) *regexp.Regexp {
	names := []string{"index", nameCommand}
	note := func(name string) {
		if name != "" {
			names = append(names, regexp.QuoteMeta(name))
		}
	}
	note(a.Each)
	walkSteps(a.Do, func(s *Step) {
		for _, set := range s.Set {
			note(set.Name)
		}
		if inner, ok := s.Action.(*For); ok {
			note(inner.Each)
		}
	})
	return regexp.MustCompile(`(^|[^.\w])(` + strings.Join(names, "|") + `)\b`)
}

// tellsBy reports whether each alternative asks for something by a `when`.
func tellsBy(names *regexp.Regexp, alternatives []*Step) bool {
	return !slices.ContainsFunc(alternatives, func(s *Step) bool {
		return !s.unknown && (s.When == nil || !names.MatchString(s.When.Text))
	})
}

func (c *checker) ambiguous(r *Rule, why string) finding {
	return c.warn(spanOf(r.Pos, r.Name), codeAmbiguousAwait, why+", and without a `when` none can tell whose it is").
		help("write a `when` that compares the event with the branch's own: when: event.id == item.id; it is not needed where the service sends `rondo-command-id` back")
}

// blindRules are the reactions to messages in a list of steps, as far down as it
// goes, that take any event. Branches within are looked at by themselves, but
// belong to the list too.
func blindRules(steps []*Step) []*Rule {
	return slices.DeleteFunc(awaitedRules(steps), func(r *Rule) bool { return !hasElse(r.Alternatives) })
}

// awaitedRules are all reactions to messages in a list of steps.
func awaitedRules(steps []*Step) []*Rule {
	var out []*Rule
	walkSteps(steps, func(s *Step) {
		switch a := s.Action.(type) {
		case *Send:
			out = append(out, a.Await...)
		case *Listen:
			out = append(out, a.Rules...)
		}
	})
	return out
}
