// Package killtest proves the promise of exactly once on a real Kafka with
// nodes that die and freeze. It holds only tests: nodes run as processes of
// their own, are killed and stopped in the middle of their work, and a verifier
// that shares no code with the engine reads what is in the topics.
package killtest
