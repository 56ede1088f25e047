package statestore

import (
	"fmt"
	"iter"
)

// Overlay holds changes over the committed state of a partition, in memory,
// until they are applied or discarded.
type Overlay struct {
	partition *Partition
	changes   changes
	closed    bool
}

// Get returns the staged entry of a key, or else the committed one.
func (o *Overlay) Get(key []byte) (Entry, bool, error) {
	entry, staged := o.changes.get(key)
	if !staged {
		return o.partition.Get(key)
	}
	if entry == nil {
		return Entry{}, false, nil
	}
	return *entry, true, nil
}

// Put stages an entry. The overlay keeps its value, which must not be modified
// any more.
func (o *Overlay) Put(key []byte, entry Entry) { o.changes.set(key, &entry) }

// Delete stages the deletion of a key, whether or not it exists.
func (o *Overlay) Delete(key []byte) { o.changes.set(key, nil) }

// Changes yields what the changelog must hold for the overlay: the last change
// of each key, a nil entry for a deletion, in the order in which the keys were
// staged first. Keys and entries must not be modified.
func (o *Overlay) Changes() iter.Seq2[[]byte, *Entry] {
	return func(yield func([]byte, *Entry) bool) {
		for _, c := range o.changes.list {
			if !yield(c.key, c.entry) {
				return
			}
		}
	}
}

// Len is the number of keys changed.
func (o *Overlay) Len() int { return len(o.changes.list) }

// Bytes is the size of the changed keys and their values.
func (o *Overlay) Bytes() int { return o.changes.bytes }

// Apply writes the changes and the changelog position behind them in one
// batch, and closes the overlay. Call it only when the transaction that holds
// them is known to be committed: a reader must never see what may be aborted.
// After an error the partition is as it was before, and behind the changelog:
// restore it from its Position.
func (o *Overlay) Apply(pos Position) error {
	if o.closed {
		return o.partition.explain("apply changes to", ErrClosed)
	}
	o.Discard()
	w := o.partition.write("apply changes to", &o.changes)
	for _, c := range o.changes.list {
		before, err := o.partition.dueOf(c.key)
		if err != nil {
			return w.abandon(fmt.Errorf("key %q: %w", c.key, err))
		}
		if err := w.change(before, c); err != nil {
			return w.abandon(err)
		}
	}
	if err := w.commit(pos); err != nil {
		return err
	}
	for _, c := range o.changes.list {
		o.partition.recent.set(c.name, c.due())
	}
	return nil
}

// Discard drops the changes. It may be called again, and after Apply.
func (o *Overlay) Discard() {
	o.closed = true
	if o.partition.open == o {
		o.partition.open = nil
	}
}
