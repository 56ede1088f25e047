// Package workload says what `rondo bench` runs: for each workload a definition
// with its schemas (definitions/), and how a load plays the world around it: which
// event begins a case, how the services answer, which records must come out of it.
//
//	workload.go   what a workload is
//	list.go       all of them
//	calls.go      call1, call5: calls one after the other
//	counter.go    counter: many events for one key
//	payload.go    Avro payloads, encoded once and stamped with a case's id
//
// A workload is the same whether the engine runs or a bare loop in its place. So
// a load knows an output record by its key and its headers only, and never
// looks into what a loop could not have computed.
package workload
