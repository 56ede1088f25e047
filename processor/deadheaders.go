package processor

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/topology"
)

// What tools read in the headers of a dead letter. The first ones are those of
// Kafka Streams (KIP-1034), under a prefix of our own.
const (
	HeaderDeadReason    = headerDeadReason
	HeaderDeadText      = headerDeadText
	HeaderDeadTopic     = headerDeadTopic
	HeaderDeadPartition = headerDeadPartition
	HeaderDeadOffset    = headerDeadOffset
	HeaderDeadWorkflow  = headerDeadWorkflow
	HeaderDeadInstance  = headerDeadInstance
	HeaderDeadOmitted   = headerDeadOmitted
	HeaderDeadForm      = headerDeadForm

	// HeaderDeadPrefix is what all of them begin with.
	HeaderDeadPrefix = "__rondo.errors."
	// HeaderReplay marks a record that was replayed: the dead letter that it was.
	HeaderReplay = "rondo-replay"
	// HeaderReplayFor says who alone considers a record that was replayed.
	HeaderReplayFor = topology.HeaderReplayFor
	// HeaderReplayed is on a record among the dead letters that is none: it marks
	// the dead letter that it names as replayed, and is written with the replay.
	HeaderReplayed = "rondo-replayed"
)

// audienceOf says for whom a record was replayed; false if it is for everybody. Of
// several headers the last counts.
func audienceOf(record *kgo.Record) (topology.Audience, bool) {
	for _, h := range slices.Backward(record.Headers) {
		if h.Key == HeaderReplayFor {
			return topology.ParseAudience(record.Topic, string(h.Value))
		}
	}
	return topology.Audience{}, false
}

// readers are the routes by which a record is considered: all, or of a record that
// was replayed for a workflow, that workflow's.
func readers(routes []Route, workflow string) []Route {
	if workflow == "" {
		return routes
	}
	var out []Route
	for _, route := range routes {
		if route.Workflow == workflow {
			out = append(out, route)
		}
	}
	return out
}
