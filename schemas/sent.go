package schemas

import "rondo/topology"

// sentMessages returns the names of the messages that a definition sends. Only
// those need a schema to write with.
func sentMessages(def *topology.Definition) map[string]bool {
	sent := map[string]bool{}
	def.EachStep(func(s *topology.Step) {
		if send, ok := s.Action.(*topology.Send); ok {
			sent[send.Message] = true
		}
	})
	return sent
}
