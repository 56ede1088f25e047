// Package demo runs the checkout from its first order to a verdict: `rondo
// demo`.
//
//	cluster.go   a broker (embedded, or one that is there), topics, the definition
//	nodes/       the orchestrator: child processes that are killed now and then
//	services/    inventory, payment, shipping and the shop
//	observer/    counts and latencies while it runs
//	view/        what is shown of them
//	verdict/     what the topics say in the end
//
// Run performs it in this order: cluster, nodes, services, orders (with kills),
// the last orders' ends, the late answers' arrival, nodes down, services down,
// verdict. The nodes see nothing of the demo and are run as in earnest.
package demo
