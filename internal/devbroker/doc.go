// Package devbroker runs a Kafka-compatible broker inside this process, for
// trying things out and for tests: franz-go's kfake on the loopback interface.
//
// It is not for production. There is one copy of everything, nothing is
// written through to the disk, and it answers faster than a real broker can:
// no replication, no markers that come late. What must be shown about Kafka is
// shown on Kafka (internal/kafkatest).
package devbroker
