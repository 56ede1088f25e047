// Package observer watches a run while it happens: it reads the inputs, the
// commands and the ledger read_committed, as any other reader would, counts the
// cases, draws the path of each, and measures how long a step takes. What a
// record means for its case the story's Legend says.
//
// The latency of a step is the time from when a service handed an
// event to its producer (Sent) until a read_committed reader holds the command
// that the event caused. It so includes the event's own way to the broker, the
// decision, the transaction, and the way back. Only first attempts count, and
// only commands that name their cause: those of a timer have none.
//
// What it sees is for looking at. The verdict reads the topics itself.
package observer
