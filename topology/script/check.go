package script

import (
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"rondo/topology"
	"rondo/topology/diag"
	"rondo/topology/value"
)

// Wire turns what a script has into what a service's record would have been decoded
// to. It fails for what does not fit the schema.
type Wire interface {
	// Carry is for the payload of a message of a definition.
	Carry(def *topology.Definition, m *topology.Message, payload value.Value) (value.Value, error)
	// CarryRow is for a row of a table of a definition.
	CarryRow(def *topology.Definition, t *topology.Table, row value.Value) (value.Value, error)
}

// Check finds what in the scripts does not fit the workflows: names that they do
// not have, payloads that no service could send. The first plan is that of the
// tested workflow. Payloads that come in are replaced by what wire makes of
// them, and so are rows of tables; a nil wire leaves them as they are.
func (s *Suite) Check(wire Wire, plans ...*topology.Plan) diag.List {
	c := &checker{reporter: reporter{file: s.File}, wire: wire, plans: plans}
	c.distinct(s)
	for i := range s.Tests {
		c.deployed = map[string]int{}
		for j := range s.Tests[i].Steps {
			c.step(&s.Tests[i].Steps[j])
		}
	}
	return c.found.Sorted()
}

type checker struct {
	reporter
	wire  Wire
	plans []*topology.Plan

	deployed map[string]int // by workflow: the version that the script has deployed last, and before it anything else has happened
}

// distinct reports files that are the same workflow, for a line could mean either,
// and older versions that are none.
func (c *checker) distinct(s *Suite) {
	files := s.Files()
	for i, p := range c.plans[:min(len(c.plans), len(files))] {
		at := nodeOf(files[i])
		def := p.Definition()
		former := planNamed(c.plans[:i], def.Name)
		switch isOlder := i >= len(files)-len(s.Older); {
		case !isOlder && former != nil:
			c.report(at, "the workflow `%s` is named already", def.Name).Help = "name older versions in `older`"
		case isOlder && former == nil:
			c.report(at, "`%s` is none of the workflows that are tested here", def.Name)
		case isOlder && def.Version >= former.Definition().Version:
			c.report(at, "version %d of `%s` is not older than the one that is tested, which is version %d", def.Version, def.Name, former.Definition().Version)
		case isOlder && versionOf(c.plans[:i], def.Name, def.Version) != nil:
			c.report(at, "version %d of `%s` is named already", def.Version, def.Name)
		}
	}
}

func nodeOf(f File) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Value: f.Name, Line: f.Pos.Line, Column: f.Pos.Column}
}

// versionOf is one version of a workflow, or nil.
func versionOf(plans []*topology.Plan, workflow string, version int) *topology.Plan {
	for _, p := range plans {
		if def := p.Definition(); def.Name == workflow && def.Version == version {
			return p
		}
	}
	return nil
}

// deploy checks that there is such a version, and that an older one comes first.
func (c *checker) deploy(s *Step) {
	name := c.of(s)[0].Definition().Name
	if versionOf(c.plans, name, s.Version) == nil {
		c.report(s.at, "the file of tests names no version %d of `%s`", s.Version, name).Help = "name its file in `older`"
		return
	}
	if s.Version < c.deployed[name] {
		c.report(s.at, "version %d is deployed already", c.deployed[name]).Help = "begin the script with the oldest version"
	}
	c.deployed[name] = s.Version
}

func (c *checker) step(s *Step) {
	if s.Workflow != "" && planNamed(c.plans, s.Workflow) == nil {
		c.unknown(s.where.workflow, c.names(workflowOf), "the file of tests names no workflow `%s`", s.Workflow)
		return
	}
	switch s.Word {
	case wordIn:
		c.incoming(s)
	case wordOut:
		c.message(s, (*topology.Plan).Goes, "is not sent by the workflow")
	case wordLate:
		c.message(s, (*topology.Plan).Comes, "does not come to the workflow")
	case wordAt:
		c.places(s)
	case wordVars:
		c.variables(s.where.payload, s)
	case wordTable:
		c.table(s)
	case wordRun:
		c.child(s)
	case wordChild:
		c.child(s)
		if s.Child.Workflow != "" && planNamed(c.plans, s.Child.Workflow) != nil {
			c.report(s.where.child, "%s runs here for real: what comes of it is its own affair", s.Child.Workflow)
		}
	case wordAct:
		c.act(s)
	case wordDeploy:
		c.deploy(s)
		return
	}
	c.begun(s)
}

// begun notes that something has happened: what is deployed is deployed.
func (c *checker) begun(s *Step) {
	switch s.Word {
	case wordIn, wordAfter, wordAway, wordAct, wordChild:
		for _, p := range c.plans {
			if def := p.Definition(); c.deployed[def.Name] == 0 {
				c.deployed[def.Name] = def.Version
			}
		}
	}
}

// of are the versions of the workflow that a line speaks of, the newest first.
func (c *checker) of(s *Step) []*topology.Plan { return plansOf(c.plans, s) }

func plansOf(plans []*topology.Plan, s *Step) []*topology.Plan {
	name := s.Workflow
	if name == "" {
		name = plans[0].Definition().Name
	}
	return slices.DeleteFunc(slices.Clone(plans), func(p *topology.Plan) bool { return p.Definition().Name != name })
}

func planNamed(plans []*topology.Plan, name string) *topology.Plan {
	for _, p := range plans {
		if p.Definition().Name == name {
			return p
		}
	}
	return nil
}

// names are those that the plans have of something, each once.
func (c *checker) names(of func(*topology.Plan) []string) []string { return namesOf(c.plans, of) }

func namesOf(plans []*topology.Plan, of func(*topology.Plan) []string) []string {
	var out []string
	for _, p := range plans {
		for _, name := range of(p) {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

func workflowOf(p *topology.Plan) []string { return []string{p.Definition().Name} }

func tablesOf(p *topology.Plan) []string {
	var out []string
	for _, t := range p.Definition().Tables {
		out = append(out, t.Name)
	}
	return out
}

func (c *checker) message(s *Step, of func(*topology.Plan) []string, what string) {
	names := c.names(of)
	if s.Workflow != "" {
		names = namesOf(c.of(s), of)
	}
	if s.Message != "" && !slices.Contains(names, s.Message) {
		c.unknown(s.where.message, names, "`%s` %s", s.Message, what)
	}
}

func (c *checker) incoming(s *Step) {
	before := len(c.found)
	c.message(s, (*topology.Plan).Comes, "does not come to the workflow")
	if s.Echo != "" && !slices.Contains(c.names((*topology.Plan).Places), s.Echo) {
		c.unknown(s.where.echo, c.names((*topology.Plan).Places), "there is no step `%s`", s.Echo)
	}
	if c.wire == nil || len(c.found) > before {
		return
	}
	p, m := messageNamed(c.plans, s)
	if m == nil {
		return
	}
	payload, err := c.wire.Carry(p.Definition(), m, s.Payload)
	if err != nil {
		c.report(s.where.payload, "no service could send this: %v", err)
		return
	}
	s.Payload = payload
}

// messageNamed is the message that a line means, of the first workflow to which
// it comes.
func messageNamed(plans []*topology.Plan, s *Step) (*topology.Plan, *topology.Message) {
	if s.Workflow != "" {
		plans = plansOf(plans, s)
	}
	for _, p := range plans {
		if !slices.Contains(p.Comes(), s.Message) {
			continue
		}
		for _, m := range p.Definition().Messages {
			if m.Name == s.Message {
				return p, m
			}
		}
	}
	return nil, nil
}

// table replaces the rows by what their records would have been decoded to, by the
// first workflow that has the table.
func (c *checker) table(s *Step) {
	before := len(c.found)
	c.known(s.where.payload, c.names(tablesOf), "there is no table `%s`")
	if c.wire == nil || len(c.found) > before {
		return
	}
	tables := s.Payload.(*value.Map)
	for name, rows := range tables.All() {
		def, table := tableNamed(c.plans, name)
		at := valueUnder(s.where.payload, name)
		for key, row := range rows.(*value.Map).All() {
			carried, err := c.wire.CarryRow(def, table, row)
			if err != nil {
				c.report(valueUnder(at, key), "no record of `%s` could hold this row: %v", table.Topic, err)
				continue
			}
			rows = rows.(*value.Map).With(key, carried)
		}
		tables = tables.With(name, rows)
	}
	s.Payload = tables
}

func tableNamed(plans []*topology.Plan, name string) (*topology.Definition, *topology.Table) {
	for _, p := range plans {
		for _, t := range p.Definition().Tables {
			if t.Name == name {
				return p.Definition(), t
			}
		}
	}
	return nil, nil
}

func (c *checker) places(s *Step) {
	places := namesOf(c.of(s), (*topology.Plan).Places)
	for i, name := range s.Texts {
		n := s.at
		if n.Kind == yaml.SequenceNode {
			n = n.Content[i]
		}
		if !slices.Contains(places, name) {
			c.unknown(n, stepsFirst(places), "there is no step `%s`", name)
		}
	}
}

// stepsFirst puts the names of steps before those of their reactions.
func stepsFirst(places []string) []string {
	out := slices.Clone(places)
	slices.SortStableFunc(out, func(a, b string) int { return strings.Count(a, ".") - strings.Count(b, ".") })
	return out
}

func (c *checker) variables(n *yaml.Node, s *Step) {
	if s.Branch == "" {
		c.known(n, namesOf(c.of(s), (*topology.Plan).Variables), "the workflow has no variable `%s`")
		return
	}
	// The last step that the name has is where the branch begins.
	var names []string
	for _, part := range strings.Split(s.Branch, "/") {
		if seen := namesOf(c.of(s), func(p *topology.Plan) []string { return p.VariablesAt(part) }); len(seen) > 0 {
			names = seen
		}
	}
	if len(names) == 0 {
		c.report(s.where.branch, "no branch begins at `%s`", s.Branch).Help = "`legs/0` is an iteration of a loop, `both/left` a branch of a fork, `anytime.OrderCancelled` a reaction"
		return
	}
	c.known(n, names, "no such branch has a variable `%s`")
}

// known reports the keys of a mapping that are none of the names.
func (c *checker) known(n *yaml.Node, names []string, format string) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i]; !slices.Contains(names, key.Value) {
			c.unknown(key, names, format, key.Value)
		}
	}
}

func (c *checker) child(s *Step) {
	names := c.names((*topology.Plan).Runs)
	if s.Child.Workflow != "" && !slices.Contains(names, s.Child.Workflow) {
		c.unknown(s.where.child, names, "the workflow runs no `%s`", s.Child.Workflow)
	}
}

func (c *checker) act(s *Step) {
	places := namesOf(c.of(s), (*topology.Plan).Places)
	if data := s.at; s.Act.Kind == topology.ActSet && data.Kind == yaml.MappingNode {
		c.variables(data.Content[1], s)
	}
	if s.Act.Step != "" && !slices.Contains(places, s.Act.Step) {
		n := *s.at
		if n.Kind == yaml.MappingNode {
			n = *n.Content[1]
		}
		n.Value = s.Act.Step
		c.unknown(&n, stepsFirst(places), "there is no step `%s`", s.Act.Step)
	}
}
