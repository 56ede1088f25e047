// Package demo plays a story from its first event to a verdict: `rondo demo`.
//
//	stories.go   the stories: checkout/, overheat/, execution/, personalise/
//	story/       what a story is
//	cluster.go   a broker (embedded, or one that is there), topics, the definition
//	nodes/       the orchestrator: child processes that are killed now and then
//	services/    what simulated services are made of
//	observer/    counts and latencies while it runs
//	view/        what is shown of them
//	verdict/     what the topics say in the end
//
// Run performs it in this order: cluster, nodes, services, load (with kills), the
// last cases' ends, the late answers' arrival, nodes down, services down,
// verdict. The nodes see nothing of the demo and are run as in earnest.
package demo
