package statestore

import (
	"errors"
	"fmt"
	"iter"
)

// Overlay holds changes over the committed state of a partition, in memory,
// until they are applied or discarded. It may lie upon another one that is still
// open: they are applied from the lowest up, and what lies upon one that is
// discarded goes with it.
type Overlay struct {
	partition *Partition
	below     *Overlay // nil: the committed state is
	above     *Overlay // nil: it is the uppermost
	changes   changes
	closed    bool
}

// Above opens an overlay upon this one: for who reads it, what is staged here is
// there already. One that lies there is discarded. Upon a closed one the new one
// is closed as well.
func (o *Overlay) Above() *Overlay {
	if o.above != nil {
		o.above.Discard()
	}
	above := &Overlay{partition: o.partition, below: o, closed: o.closed, changes: changes{expected: o.partition.usual}}
	if !o.closed {
		o.above = above
	}
	return above
}

// Get returns the staged entry of a key, from the uppermost overlay down, or else
// the committed one.
func (o *Overlay) Get(key []byte) (Entry, bool, error) {
	for at := o; at != nil; at = at.below {
		if now, staged := at.changes.get(key); staged {
			return now.entry, !now.gone, nil
		}
	}
	return o.partition.Get(key)
}

// Put stages an entry. The overlay keeps the key and the value, which must not be
// modified any more.
func (o *Overlay) Put(key []byte, entry Entry) { o.changes.put(key, entry) }

// Delete stages the deletion of a key, whether or not it exists. The overlay keeps
// the key, which must not be modified any more.
func (o *Overlay) Delete(key []byte) { o.changes.delete(key) }

// Changes yields what the changelog must hold for the overlay: the last change
// of each key, a nil entry for a deletion, in the order in which the keys were
// staged first. Keys and entries must not be modified, and an entry is only to be
// looked at until the next change is staged.
func (o *Overlay) Changes() iter.Seq2[[]byte, *Entry] {
	return func(yield func([]byte, *Entry) bool) {
		for i := range o.changes.list {
			c, entry := &o.changes.list[i], (*Entry)(nil)
			if !c.gone {
				entry = &c.entry
			}
			if !yield(c.key, entry) {
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
//
// It must be the lowest; what lies upon it lies upon the committed state then.
// After an error the partition is as it was before, and behind the changelog:
// restore it from its Position. What lay upon the overlay is discarded.
func (o *Overlay) Apply(pos Position) error {
	switch {
	case o.closed:
		return o.partition.explain("apply changes to", ErrClosed)
	case o.below != nil:
		return o.partition.explain("apply changes to", errBelow)
	}
	if err := o.write(pos); err != nil {
		o.Discard()
		return err
	}
	o.lift()
	return nil
}

func (o *Overlay) write(pos Position) error {
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

// errBelow says that changes were to be applied before those they were made upon.
var errBelow = errors.New("the changes beneath are not applied yet")

// lift closes the lowest overlay and leaves what lies upon it.
func (o *Overlay) lift() {
	o.partition.usual = o.Len()
	o.closed, o.partition.open = true, o.above
	if o.above != nil {
		o.above.below, o.above = nil, nil
	}
}

// Discard drops the changes, and the overlays that lie upon them. It may be called
// again, and after Apply.
func (o *Overlay) Discard() {
	if o.closed {
		return
	}
	if o.above != nil {
		o.above.Discard()
	}
	o.closed = true
	if o.below != nil {
		o.below.above = nil
	} else {
		o.partition.open = nil
	}
}
