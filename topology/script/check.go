package script

import (
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"rondo/topology"
	"rondo/topology/diag"
	"rondo/topology/value"
)

// Wire turns the payload of a message, as a script has it, into what a service's
// record would have been decoded to. It fails for one that does not fit the
// message's schema.
type Wire func(workflow string, m *topology.Message, payload value.Value) (value.Value, error)

// Check finds what in the scripts does not fit the workflows: names that they do
// not have, payloads that no service could send. The first plan is that of the
// tested workflow. Payloads that come in are replaced by what wire makes of
// them; a nil wire leaves them as they are.
func (s *Suite) Check(wire Wire, plans ...*topology.Plan) diag.List {
	c := &checker{reporter: reporter{file: s.File}, wire: wire, plans: plans}
	c.distinct(s)
	for i := range s.Tests {
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
}

// distinct reports files that are the same workflow: a line could mean either.
func (c *checker) distinct(s *Suite) {
	for i, p := range c.plans {
		if name := p.Definition().Name; planNamed(c.plans[:i], name) != nil && i < len(s.Files()) {
			named := s.Files()[i]
			c.report(&yaml.Node{Kind: yaml.ScalarNode, Value: named.Name, Line: named.Pos.Line, Column: named.Pos.Column},
				"the workflow `%s` is named already", name).Help = "a file of tests is about one version of each workflow"
		}
	}
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
		c.variables(s.where.payload, c.of(s))
	case wordTable:
		c.known(s.where.payload, c.names(tablesOf), "there is no table `%s`")
	case wordRun:
		c.child(s)
	case wordChild:
		c.child(s)
		if s.Child.Workflow != "" && planNamed(c.plans, s.Child.Workflow) != nil {
			c.report(s.where.child, "%s runs here for real: what comes of it is its own affair", s.Child.Workflow)
		}
	case wordAct:
		c.act(s)
	}
}

// of is the plan that a line speaks of.
func (c *checker) of(s *Step) *topology.Plan { return planOf(c.plans, s) }

func planOf(plans []*topology.Plan, s *Step) *topology.Plan {
	if s.Workflow == "" {
		return plans[0]
	}
	return planNamed(plans, s.Workflow)
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
func (c *checker) names(of func(*topology.Plan) []string) []string {
	var out []string
	for _, p := range c.plans {
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
		names = of(c.of(s))
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
	payload, err := c.wire(p.Definition().Name, m, s.Payload)
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
		plans = []*topology.Plan{planOf(plans, s)}
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

func (c *checker) places(s *Step) {
	places := c.of(s).Places()
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

func (c *checker) variables(n *yaml.Node, p *topology.Plan) {
	c.known(n, p.Variables(), "the workflow has no variable `%s`")
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
	p := c.of(s)
	if data := s.at; s.Act.Kind == topology.ActSet && data.Kind == yaml.MappingNode {
		c.variables(data.Content[1], p)
	}
	if s.Act.Step != "" && !slices.Contains(p.Places(), s.Act.Step) {
		n := *s.at
		if n.Kind == yaml.MappingNode {
			n = *n.Content[1]
		}
		n.Value = s.Act.Step
		c.unknown(&n, stepsFirst(p.Places()), "there is no step `%s`", s.Act.Step)
	}
}
