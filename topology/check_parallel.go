package topology

import "fmt"

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
		for _, r := range blindRules(a.Do) {
			c.ambiguous(r, fmt.Sprintf("up to %d iterations await `%s` at once", a.Parallel, r.Name)).related(spanOf(a.Pos, "for"), "side by side here")
		}
	}
}

func (c *checker) ambiguous(r *Rule, why string) finding {
	return c.warn(spanOf(r.Pos, r.Name), codeAmbiguousAwait, why+", and without a `when` none can tell whose it is").
		help("write a `when` that compares the event with the branch's own: when: event.id == item.id; it is not needed where the service sends `rondo-command-id` back")
}

// blindRules are the reactions to messages in a list of steps, as far down as it
// goes, that take any event. Branches within are looked at by themselves, but
// belong to the list too.
func blindRules(steps []*Step) []*Rule {
	var out []*Rule
	note := func(rules []*Rule) {
		for _, r := range rules {
			if hasElse(r.Alternatives) {
				out = append(out, r)
			}
		}
	}
	walkSteps(steps, func(s *Step) {
		switch a := s.Action.(type) {
		case *Send:
			note(a.Await)
		case *Listen:
			note(a.Rules)
		}
	})
	return out
}
