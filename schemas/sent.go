package schemas

import "rondo/topology"

// sentMessages returns the names of the messages that a definition sends. Only
// those need a schema to write with.
func sentMessages(def *topology.Definition) map[string]bool {
	s := sends{}
	s.rules(def.Start)
	s.steps(def.Child)
	if def.Schedule != nil {
		s.steps([]*topology.Step{def.Schedule.Reaction})
	}
	s.rules(def.Anytime)
	s.steps(def.Do)
	s.rules(def.Catch)
	return s
}

type sends map[string]bool

func (s sends) rules(rules []*topology.Rule) {
	for _, r := range rules {
		s.steps(r.Alternatives)
	}
}

func (s sends) steps(steps []*topology.Step) {
	for _, step := range steps {
		s.action(step.Action)
		s.rules(step.Catch)
		if step.Compensate != nil {
			s.steps([]*topology.Step{step.Compensate})
		}
	}
}

func (s sends) action(a topology.Action) {
	switch a := a.(type) {
	case *topology.Send:
		s[a.Message] = true
		s.rules(a.Await)
	case *topology.Listen:
		s.rules(a.Rules)
	case *topology.Switch:
		s.steps(a.Alternatives)
	case *topology.Block:
		s.steps(a.Do)
	case *topology.Fork:
		for _, branch := range a.Branches {
			s.steps(branch.Do)
		}
	case *topology.For:
		s.steps(a.Do)
	case *topology.Run:
		s.rules(a.Await)
	}
}
