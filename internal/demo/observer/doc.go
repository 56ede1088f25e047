// Package observer watches a run while it happens: it reads the orders, the
// commands and the outcomes read_committed, as any other reader would, counts
// them, draws each order's path, and measures how long a step takes.
//
// The latency of a step is the time from when a service or the shop handed an
// event to its producer (Sent) until a read_committed reader holds the command
// that the event caused. It so includes the event's own way to the broker, the
// decision, the transaction, and the way back. Only first attempts count, and
// only commands that name their cause: those of a timer have none.
//
// What it sees is for looking at. The verdict reads the topics itself.
package observer
