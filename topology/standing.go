package topology

import (
	"slices"

	"rondo/topology/diag"
)

// Standing is a place at which an instance can wait, and what becomes of each
// message that comes then. Conditions are not looked at: a step that takes a
// message may refuse an event of it by `when`.
type Standing struct {
	Place string   `json:"place"` // the step, or "pay.PaymentCaptured" for a reaction that waits
	Does  string   `json:"does"`  // "calls ChargeCard", "listens", "waits", "runs shipping"
	Pos   diag.Pos `json:"pos"`

	Takes   []string `json:"takes,omitempty"`
	Anytime []string `json:"anytime,omitempty"` // taken by the workflow's `anytime`
	Holds   []string `json:"holds,omitempty"`   // kept for a step that can still be reached
	Rejects []string `json:"rejects,omitempty"` // dead letters, by `early: reject`
	Drops   []string `json:"drops,omitempty"`   // passed over, by `early: drop`
	Starts  []string `json:"starts,omitempty"`  // wait for the end, by `again: queue` or `restart`
	Ignores []string `json:"ignores,omitempty"` // late or repeated: in the history, without effect
}

// Standings are the places at which an instance can wait, in the order of the
// file.
func (p *Plan) Standings() []Standing {
	var out []Standing
	for _, place := range p.Places() {
		n := p.nodes[place]
		if does := n.step.waits(); does != "" {
			out = append(out, p.standing(n, does))
		}
	}
	slices.SortStableFunc(out, func(a, b Standing) int { return a.Pos.Compare(b.Pos) })
	return out
}

// waits says how a step waits; "" if it does not.
func (s *Step) waits() string {
	switch a := s.Action.(type) {
	case *Send:
		if len(a.Await) > 0 {
			return "calls " + a.Message
		}
	case *Run:
		if len(a.Await) > 0 {
			return "runs " + a.Workflow
		}
	case *Listen:
		return "listens"
	case *Wait:
		return "waits"
	}
	return ""
}

func (p *Plan) standing(n *node, does string) Standing {
	s := Standing{Place: n.place, Does: does, Pos: n.step.Pos}
	heard := p.heardFrom(n)
	for _, name := range p.Comes() {
		switch {
		case hasRule(n.word.takes(), name):
			s.Takes = append(s.Takes, name)
		case hasRule(p.anytime, name):
			s.Anytime = append(s.Anytime, name)
		case p.listeners[name] != nil && heard.meets(p.listeners[name], nil):
			s.comesEarly(name, p.messages[name].Early.Mode)
		case hasRule(p.start, name) && (p.definition.Again == AgainQueue || p.definition.Again == AgainRestart):
			s.Starts = append(s.Starts, name)
		default:
			s.Ignores = append(s.Ignores, name)
		}
	}
	return s
}

func (s *Standing) comesEarly(name, mode string) {
	switch mode {
	case earlyReject:
		s.Rejects = append(s.Rejects, name)
	case earlyDrop:
		s.Drops = append(s.Drops, name)
	default:
		s.Holds = append(s.Holds, name)
	}
}

// heardFrom is what can still be listened for by an instance that waits at n, on
// its own line.
func (p *Plan) heardFrom(n *node) listenSet {
	heard := newListenSet(len(n.reach) * 64)
	heard.addAll(n.reach)
	heard.addAll(p.aside)
	heard.addAll(p.rescue)
	for at := n; at != nil; at = at.around() {
		heard.addAll(at.rescued)
	}
	return heard
}

// around is the step or reaction that a node belongs to; nil for those of the
// workflow.
func (n *node) around() *node {
	switch {
	case n.owner != nil:
		return n.owner
	case n.list != nil:
		return n.list.owner
	}
	return nil
}

func hasRule(rules []*rule, name string) bool {
	return slices.ContainsFunc(rules, func(r *rule) bool { return r.name == name })
}
