package processor

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
	// HeaderReplayed is on a record among the dead letters that is none: it marks
	// the dead letter that it names as replayed, and is written with the replay.
	HeaderReplayed = "rondo-replayed"
)
