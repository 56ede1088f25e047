// Package statestore keeps the state of a node's partitions on local disk: keys,
// values, and when each key's next timer is due. It knows bytes only; what a
// value means is its caller's business.
//
// # What it is
//
// A cache of the changelog topic. Everything in it can be built again from
// there, so it has no write-ahead log of its own: the changelog is the log. One
// Pebble database serves all partitions of the process, each under a prefix.
//
//	partition (4 bytes) p                  position: changelog offset, timers' cursor
//	partition (4 bytes) t due (8 bytes) key   timers index, one entry per key that has one
//	partition (4 bytes) v key                 entry: due, value
//	0x80 name 0x00 p partition (4 bytes)   how far a table's topic was read
//	0x80 name 0x00 r key                   row of a table
//
// # How it changes
//
//	overlay := partition.Begin()     staged in memory, seen by nobody else
//	overlay.Put(key, entry)
//	for key, entry := range overlay.Changes() { … }   to the changelog, in a Kafka transaction
//	overlay.Apply(position)          after the commit is known: one batch, all or nothing
//	overlay.Discard()                or it never was
//
// While a transaction is on its way, the next changes can be staged upon those in
// it: overlay.Above(). They are applied after those, or discarded with them.
//
// # Invariants
//
//   - A batch holds values, timers index and position. A crash loses the last
//     batches that were not flushed, whole and from the end only; what is found
//     afterwards equals the changelog replayed up to Position. Nothing is wiped
//     because a process stopped without warning. The one exception is an
//     interrupted restore, which may leave values ahead of Position: replaying
//     from Position to the changelog's end makes it exact again.
//
//   - Nothing is written before its Kafka transaction is known to be committed.
//
//   - The timers index holds exactly the Due of each key: it is changed in the
//     same batch as the value, so that an entry that no longer holds cannot fire.
//
//   - Timers are found from a cursor that is stored with the position, never by
//     a scan over the tombstones of those that have fired.
//
//   - Nothing is ingested beside the memtables and nothing is written with a
//     sync: both would break the order in which a crash forgets. Close flushes.
//
//   - A table's rows and the positions of its topic change in one batch as well: a
//     crash leaves the rows as they were at the positions.
//
// # Goroutines
//
// A Store is safe for use by many goroutines, a Partition by one at a time. All
// changes of a partition go through one Partition, which remembers what it has
// seen. Queries beside it take a Partition of their own, and see by Get, Scan and
// Position what is committed.
package statestore
