// Package processor is where Rondo meets Kafka: it joins the consumer group,
// reads events, has them decided by plans of package topology, and writes what
// was decided in one transaction with the inputs' offsets. It knows nothing of
// the workflow language.
//
// # The parts
//
//	Node         one member of an application: store, catalog, membership
//	membership   the place in the group; starts and stops lanes
//	balancer     who gets which lanes
//	lane         one state partition: takes over, decides, begins anew after trouble
//	tenure       one uninterrupted ownership of a lane: the loop; what is in flight of it (flight.go)
//	batch        what one transaction will hold
//	committer    puts the batches of a node's lanes into common transactions
//	Ring         two transactional producers that take turns
//	fetcher      the records of all lanes, by one client
//	horizon      up to when timers may fire
//	restoration  the store's way up to the changelog's end
//	Catalog      the deployed definitions, compiled
//	tables       topics that the node holds whole, for lookups; one table each
//
// # The loop
//
//	fill    decide what has come and what is due     (batch.consume, batch.fire)
//	offer   have it ready for the next transaction   (batch.seal, committer)
//	land    one Pebble batch with the position in it (batch.apply), or drop it all
//
// While one batch is in flight the next is filled, upon it.
//
// # What it holds to
//
// Everything that leaves a lane for a batch leaves in one transaction, with the
// offsets of all the lane's inputs, under the identity that the assignment
// callback saw. State is applied after the commit is known. An outcome that is
// not known is found out by taking over again, never guessed. docs/architecture.md
// follows one record through the package and lists what is not obvious.
package processor
