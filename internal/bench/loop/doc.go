// Package loop has the bare loops that the engine's cost is compared with: plain
// franz-go, exactly once, that reads the inputs of a workload and writes, for
// each record, as many records of the same sizes to the same topics as the
// engine does. It keeps no state and decides nothing, so what the engine needs
// beyond it is the price of being an engine.
//
// There are two kinds. A session loop uses kgo's GroupTransactSession as its
// documentation shows it. A ring loop commits with processor.Ring, in the
// engine's shape: so many rings, each with the inputs of its partitions.
//
//	group client ──records──► worker of ring 0: take what has come → answer → one transaction ─┐
//	      ▲       └─────────► worker of ring 1: …                                              │
//	      └────────────────────────────── offsets, in the transaction ◄────────────────────────┘
//
// What it holds to: a record is answered by the first route that fits it, and a
// record that none fits is read and answered by nothing. Every record read is in
// exactly one committed transaction, with its offset; an aborted one is done
// again with the same records. Whatever else goes wrong ends the run: a figure
// of a loop that had to recover would be worth nothing.
package loop
