package processor

// Status is how a node is doing at one moment, for probes and people.
type Status struct {
	// Live is false when a loop of the node has not turned for so long that
	// only a restart helps. It says nothing about Kafka: a broker that is away
	// does not make a node dead.
	Live bool
	// Ready is true when the node has joined the group, knows the definitions
	// and decides on every partition that it owns; owning none is ready too.
	Ready bool
	// Reason says why the node is not ready, or not live; else "".
	Reason string
	// Partitions counts the state partitions of this node.
	Partitions PartitionCounts
}

// PartitionCounts are the state partitions of one node.
type PartitionCounts struct {
	Owned     int // assigned by the group
	Restoring int // of the owned, those whose state is still being rebuilt
	Running   int // of the owned, those that decide
}
