// Package bench measures what Rondo costs: `rondo bench`.
//
// The conductor (this package, in the process that was called) starts children
// of the same binary, each a process of its own, so that what one of them costs
// can be told from the others:
//
//	broker     the embedded broker, unless --brokers names a cluster    rondo bench broker
//	engine     a node as in earnest: generated folder, rondo.yaml       rondo serve
//	loop       a bare loop in the engine's place, of kind ring/session  rondo bench loop
//	load       starts workflows, plays the services, takes the time     rondo bench load
//
// Engine and loops are subjects. Each has topics of its own, with the same
// names behind another prefix, and the load treats all alike:
//
//	workload/  what is run: definition, schemas, and how the load plays it
//	load/      the load: closed and open loop, services, latencies
//	loop/      the bare loops: plain franz-go, no state, no decisions
//
// # What a loop gets
//
// A loop is told by a JSON text on its standard input (loop.Spec) what to read,
// and what to write for each input; that was learned by looking at what the engine
// wrote for the same inputs. An input is known by two headers: `type`, the
// message, and `rondo-step`, the step whose command it answers, which all
// services send back together with `rondo-command-id`; a start has none. A route
// (type, step) lists the records to write: topic, value (the bytes that the
// engine wrote), headers, and the input's own key. What the engine writes once for
// each key of a transaction (the changelog), and once for each transaction (its
// progress), is marked so. Outputs go to the input's partition.
//
// What it costs is read where the engine's cost is: on its /metrics, under the
// same names (rondo_transactions_total, rondo_transaction_records,
// process_cpu_seconds_total and so on).
package bench
