package workload

import (
	"time"

	"rondo/examples/checkout"
)

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
			Records: 6, Steps: 5, Sequential: true, Loops: true, Closed: []int{1, 16, 128, 512}, Open: []float64{1000, 3000},
			open: openCalls(5),
		},
		{
			Name: "call1", Definition: "call1.yaml",
			Short:    "one call to an echo service",
			Compares: "Zeebe's benchmark of one task",
			Inputs:   []string{topicBegin, topicReplies}, Outputs: []string{topicCommands, topicDone},
			Records: 2, Steps: 1, Sequential: true, Loops: true, Closed: []int{1, 16, 128, 512}, Open: []float64{1000},
			open: openCalls(1),
		},
		{
			Name: "passthrough", Definition: "passthrough.yaml",
			Short:    "one decision and gone: an event in, a command out",
			Compares: "stream processors: what remains when there is no state",
			Inputs:   []string{topicBegin}, Outputs: []string{topicDone},
			Records: 1, Steps: 1, Loops: true, Closed: []int{512}, Open: []float64{1000},
			open: openSingle("Begin", topicBegin, topicDone),
		},
		{
			Name: "counter", Definition: "counter.yaml",
			Short:    "additions to one key, each answered",
			Compares: "the counters of Restate and Netherite, one hot key",
			Inputs:   []string{topicBegin}, Outputs: []string{topicDone},
			Records: 1, Steps: 1, Loops: true, Closed: []int{512}, Open: []float64{1000},
			open: openCounter(1),
		},
		{
			Name: "counter-random", Definition: "counter.yaml",
			Short:    "additions to 10,000 keys, each answered",
			Compares: "the counters of Restate and Netherite, random keys",
			Inputs:   []string{topicBegin}, Outputs: []string{topicDone},
			Records: 1, Steps: 1, Loops: true, Closed: []int{512}, Open: []float64{1000},
			open: openCounter(10_000),
		},
		{
			Name: "fanout", Definition: "fanout.yaml",
			Short:    "one instance with 1,000 branches at once, each a call",
			Compares: "engines that keep an instance in one record: does a branch cost what the instance weighs?",
			Inputs:   []string{topicBegin, topicReplies}, Outputs: []string{topicCommands, topicDone},
			Records: branches + 1, Steps: branches, Closed: []int{1, 4},
			open: openFanout,
		},
		{
			Name: "timer", Definition: "timer.yaml",
			Short:    "a timer of one second, armed and fired",
			Compares: "timers in databases and in delay queues; a latency is how late it fires",
			Inputs:   []string{topicBegin}, Outputs: []string{topicDone},
			Records: 1, Steps: 1, Delay: time.Second, Closed: []int{4096}, Open: []float64{1000},
			open: openSingle("Begin", topicBegin, topicDone),
		},
		{
			Name: "checkout", Definition: checkout.Definition, files: checkout.Files,
			Short:    "the example's order: three calls to three services, with retries and undoing at hand",
			Compares: "a saga as one writes it, JSON and Avro mixed",
			Inputs:   []string{"shop.orders", "inventory.events", "payment.events", "shipping.events"},
			Outputs:  []string{"inventory.commands", "payment.commands", "shipping.commands", "shop.order-status"},
			Records:  4, Steps: 3, Sequential: true, Loops: true, Closed: []int{1, 128, 512}, Open: []float64{1000},
			open: openCheckout,
		},
		{
			Name: "sleepers", Definition: "call5.yaml", Sleepers: true,
			Short:    "call5 on an engine in whose store millions of instances wait (--sleepers), beside one whose store is empty",
			Compares: "engines whose work grows with what waits",
			Inputs:   []string{topicBegin, topicReplies}, Outputs: []string{topicCommands, topicDone},
			Records: 6, Steps: 5, Sequential: true, Closed: []int{128, 512}, Open: []float64{1000}, open: openCalls(5),
		},
	}
}

// Named is the workload of this name, the sleepers' beginning and end included;
// nil without one.
func Named(name string) *Workload {
	for _, w := range append(All(), LieDown, GetUp) {
		if w.Name == name {
			return w
		}
	}
	return nil
}
