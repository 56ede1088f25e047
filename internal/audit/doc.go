// Package audit reads what an application has written down, for people and
// tools: its instances (the changelog), its decisions (the history) and what it
// could not use (the dead letters). It changes nothing and joins no group.
//
// Everything is read from the topics themselves, by plain clients, read_committed
// and up to the high watermark as it was at the beginning: it works while no node
// runs, and what a transaction has not committed is never shown.
//
// An instance is shown by its own record, which has all but the elements of long
// lists and the older things that could be undone: how many these are, and not which.
// Only a migration asks which, and InstancesWithDone reads it from the parts.
package audit
