// Package console serves a node's HTTP endpoints.
//
//	GET /          the names of these
//	GET /metrics   Prometheus metrics
//	GET /livez     200 while the node's loops turn; 503 when only a restart helps
//	GET /readyz    200 when the node decides on all its partitions; else 503 and why
//
// It reads the processor over the one method that it needs and knows no Kafka
// client. Liveness never depends on Kafka: a node that is restarted because a
// broker is away has to restore its state on top of the outage.
package console
