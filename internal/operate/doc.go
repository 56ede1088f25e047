// Package operate does what operators order: acts on instances, which it writes
// to the inbox, and the replay of dead letters. Nothing is decided here: an act
// is an input like any other, decided by the node that owns the instance, and so
// part of the history.
package operate
