package workload

// Topics of the workloads' definitions, without prefix.
const (
	topicBegin    = "bench.begin"
	topicReplies  = "bench.replies"
	topicCommands = "bench.commands"
	topicDone     = "bench.done"
)

// All are the workloads, in the order in which they are run.
func All() []*Workload {
	return []*Workload{
		{
			Name: "call5", Definition: "call5.yaml",
			Short:    "five calls to an echo service, one after the other",
			Compares: "Netherite's HelloCities5, and the sequences that Restate, Temporal, Zeebe and a Kafka Streams saga were measured with",
			Inputs:   []string{topicBegin, topicReplies}, Outputs: []string{topicCommands, topicDone},
			Records: 6, Steps: 5, Sequential: true, Loops: true, open: openCalls(5),
		},
		{
			Name: "call1", Definition: "call1.yaml",
			Short:    "one call to an echo service",
			Compares: "Zeebe's benchmark of one task",
			Inputs:   []string{topicBegin, topicReplies}, Outputs: []string{topicCommands, topicDone},
			Records: 2, Steps: 1, Sequential: true, Loops: true, open: openCalls(1),
		},
		{
			Name: "passthrough", Definition: "passthrough.yaml",
			Short:    "one decision and gone: an event in, a command out",
			Compares: "stream processors: what remains when there is no state",
			Inputs:   []string{topicBegin}, Outputs: []string{topicDone},
			Records: 1, Steps: 1, Loops: true, open: openPassthrough,
		},
		{
			Name: "counter", Definition: "counter.yaml",
			Short:    "additions to one key, each answered",
			Compares: "the counters of Restate and Netherite, one hot key",
			Inputs:   []string{topicBegin}, Outputs: []string{topicDone},
			Records: 1, Steps: 1, Loops: true, open: openCounter(1),
		},
		{
			Name: "counter-random", Definition: "counter.yaml",
			Short:    "additions to 10,000 keys, each answered",
			Compares: "the counters of Restate and Netherite, random keys",
			Inputs:   []string{topicBegin}, Outputs: []string{topicDone},
			Records: 1, Steps: 1, Loops: true, open: openCounter(10_000),
		},
	}
}

// Named is the workload of this name; nil without one.
func Named(name string) *Workload {
	for _, w := range All() {
		if w.Name == name {
			return w
		}
	}
	return nil
}
