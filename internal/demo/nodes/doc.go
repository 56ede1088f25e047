// Package nodes runs the orchestrator as it is run in earnest: as processes of
// their own, each with its configuration file, data folder and log, of which
// the demo sees only what an operator sees: /readyz, /metrics, and that they
// have died. Chaos kills one of them again and again.
//
// A node never outlives the demo: on Linux the kernel ends it with its parent,
// elsewhere it ends when its standard input, held open by the demo, closes.
package nodes
