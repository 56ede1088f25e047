package suite

import (
	"rondo/topology"
	"rondo/topology/script"
)

// Coverage is what tests have reached of one workflow.
type Coverage struct {
	Workflow  string
	File      string
	Kinds     []KindCoverage
	Unreached []topology.Spot // in the order of the file
}

// KindCoverage counts the spots of one kind.
type KindCoverage struct {
	Kind           topology.SpotKind
	Reached, Total int
}

// Reached and Total count the spots of all kinds.
func (c Coverage) Reached() int { return c.sum(func(k KindCoverage) int { return k.Reached }) }

// Total counts the spots of all kinds.
func (c Coverage) Total() int { return c.sum(func(k KindCoverage) int { return k.Total }) }

func (c Coverage) sum(of func(KindCoverage) int) int {
	n := 0
	for _, k := range c.Kinds {
		n += of(k)
	}
	return n
}

// Percent is how much was reached; 100 only if nothing is left.
func (c Coverage) Percent() float64 {
	if c.Total() == 0 {
		return 100
	}
	return 100 * float64(c.Reached()) / float64(c.Total())
}

// coverage collects what is reached while tests are played.
type coverage struct {
	workflows []*covered // in the order of the first test
}

type covered struct {
	definition *Definition
	reached    map[string]bool
}

// of returns what is to be told of each decision of the tests of a suite. Older
// versions are there to be migrated from: what is reached of them is not counted.
func (c *coverage) of(definitions []*Definition) func(script.Decided) {
	byPlan := map[*topology.Plan]*covered{}
	seen := map[string]bool{}
	for _, d := range definitions {
		if name := d.Plan.Definition().Name; !seen[name] {
			seen[name] = true
			byPlan[d.Plan] = c.covered(d)
		}
	}
	return func(d script.Decided) {
		into := byPlan[d.Plan]
		if into == nil {
			return // a record that was for no instance, or decided by an older version
		}
		for _, name := range d.Decision.Reached() {
			into.reached[name] = true
		}
	}
}

func (c *coverage) covered(d *Definition) *covered {
	for _, w := range c.workflows {
		if w.definition == d {
			return w
		}
	}
	w := &covered{d, map[string]bool{}}
	c.workflows = append(c.workflows, w)
	return w
}

func (c *coverage) report() []Coverage {
	var out []Coverage
	for _, w := range c.workflows {
		out = append(out, w.report())
	}
	return out
}

func (w *covered) report() Coverage {
	out := Coverage{Workflow: w.definition.Plan.Definition().Name, File: w.definition.File,
		Kinds: []KindCoverage{{Kind: topology.SpotStep}, {Kind: topology.SpotBranch}, {Kind: topology.SpotOutcome}}}
	for _, spot := range w.definition.Plan.Spots() {
		for i := range out.Kinds {
			if k := &out.Kinds[i]; k.Kind == spot.Kind {
				k.Total++
				if w.reached[spot.Name] {
					k.Reached++
				}
			}
		}
		if !w.reached[spot.Name] {
			out.Unreached = append(out.Unreached, spot)
		}
	}
	return out
}
