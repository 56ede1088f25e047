// Package load puts a load on a subject and takes the time: it begins cases of a
// workload, plays its services, and sees what comes out, read_committed.
//
//	spec.go       what a load is told, and what it reports
//	run.go        the phases of a run, one after the other
//	pace.go       the open loop: when each case shall begin
//	flights.go    cases under way, and what is known of them
//	latencies.go  HDR histograms, and how they travel
//	wire.go       the producer and the consumer
//
// # Closed and open loop
//
// A closed loop keeps so many cases under way: one that ends lets another begin. It
// shows how much can be done, and how long a case takes that has the system to
// itself. But a slow system is then asked more slowly. In an open loop cases begin
// at a fixed rate, whatever the system does, and a case's time counts from when
// it was meant to begin: what waits before it is part of its latency. Cases that
// begin late because the load itself was late are counted (Result.Late).
package load
