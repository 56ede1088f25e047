package processor

import (
	"cmp"
	"maps"
	"slices"

	"rondo/topology"
)

// definitionSet is all that a Catalog answers at one moment. It never changes.
type definitionSet struct {
	all     []*topology.Plan
	plans   map[string]*topology.Plan // by definitionKey
	newest  map[string]*topology.Plan // by workflow
	routes  map[string][]Route        // by topic
	sources []string
	tables  map[*topology.Plan][]tableSource
	blocked map[string]error    // by topic
	broken  map[string]error    // by workflow: why its newest version cannot be used
	reads   map[string][]string // by workflow: topics that it or its children read

	standing map[string][]topology.Address // by workflow: its schedule and gates
	unusable map[string]error              // by definitionKey: why the version cannot be used
}

func newDefinitionSet(entries map[string]definitionEntry) *definitionSet {
	s := &definitionSet{
		plans:   map[string]*topology.Plan{},
		newest:  map[string]*topology.Plan{},
		routes:  map[string][]Route{},
		blocked: map[string]error{},
		tables:  map[*topology.Plan][]tableSource{},
		broken:  map[string]error{},

		unusable: map[string]error{},
	}
	workflow := ""
	for _, e := range ordered(entries) {
		newest := e.workflow != workflow
		workflow = e.workflow
		if e.compiled != nil {
			s.add(e, newest)
			continue
		}
		s.unusable[definitionKey(e.workflow, e.version)] = e.broken
		if newest {
			s.block(e)
		}
	}
	s.sources = slices.Sorted(maps.Keys(s.routes))
	s.reads = readsOf(s.all)
	s.standing = standingDesks(s.all)
	return s
}

// ordered sorts by workflow, newest version first.
func ordered(entries map[string]definitionEntry) []definitionEntry {
	return slices.SortedFunc(maps.Values(entries), func(a, b definitionEntry) int {
		return cmp.Or(cmp.Compare(a.workflow, b.workflow), compareVersions(b.version, a.version))
	})
}

func (s *definitionSet) add(e definitionEntry, newest bool) {
	plan := e.compiled.plan
	s.all = append(s.all, plan)
	s.plans[definitionKey(e.workflow, e.version)] = plan
	if newest {
		s.newest[e.workflow] = plan
	}
	if len(e.compiled.tables) > 0 {
		s.tables[plan] = e.compiled.tables
	}
	for _, topic := range plan.Reads() {
		s.routes[topic] = append(s.routes[topic], Route{e.workflow, plan, e.compiled.readers[topic]})
	}
}

// readsOf gathers, for each workflow, the topics that its versions read and those
// that the workflows read which they run, and so on.
func readsOf(plans []*topology.Plan) map[string][]string {
	own, runs := map[string][]string{}, map[string][]string{}
	for _, p := range plans {
		name := p.Definition().Name
		own[name] = append(own[name], p.Reads()...)
		runs[name] = append(runs[name], p.Runs()...)
	}
	out := map[string][]string{}
	for name := range own {
		family := []string{name}
		for i := 0; i < len(family); i++ { // family grows
			out[name] = append(out[name], own[family[i]]...)
			for _, child := range runs[family[i]] {
				if !slices.Contains(family, child) {
					family = append(family, child)
				}
			}
		}
		slices.Sort(out[name])
		out[name] = slices.Compact(out[name])
	}
	return out
}

// block stops the topics of a workflow whose newest version is not understood:
// a start message passed over now would never begin its instance. An older
// version that is not understood only makes its own instances wait.
func (s *definitionSet) block(e definitionEntry) {
	s.broken[e.workflow] = e.broken
	for _, topic := range e.topics {
		if s.blocked[topic] == nil {
			s.blocked[topic] = e.broken
		}
	}
}
