package statestore

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// Restorer writes the changelog's records into a partition in large, sorted
// batches. It belongs to the partition's goroutine, and no overlay may be
// applied and the partition not wiped until it has been flushed or dropped.
type Restorer struct {
	partition *Partition
	changes   changes
	limit     int
	armed     *armedKeys // nil: every key may have a timer already
}

// restoreBytes is how much is gathered in memory before it is written.
const restoreBytes = 32 << 20

// Restore begins a restore at the partition's Position, or from the start of
// the changelog into a partition that was wiped.
func (p *Partition) Restore() *Restorer {
	r := &Restorer{partition: p, limit: restoreBytes}
	start, end := partitionSpan(p.number)
	if empty, err := p.empty(start, end); empty && err == nil {
		r.armed = newArmedKeys()
	}
	return r
}

// Put takes the changelog's next record, whose key and value must not be modified
// any more. It writes to disk, without moving the position, when much has gathered.
func (r *Restorer) Put(key []byte, entry Entry) error {
	r.changes.put(key, entry)
	return r.spillIfFull()
}

// Delete takes the changelog's next record, a tombstone, whose key must not be
// modified any more.
func (r *Restorer) Delete(key []byte) error {
	r.changes.delete(key)
	return r.spillIfFull()
}

// Pending is how many bytes wait to be written. A caller that flushes when they
// are some MiB resumes there after a crash.
func (r *Restorer) Pending() int { return r.changes.bytes }

// Flush writes in one batch what has come since the last one, and the position
// behind it. The restore may go on.
func (r *Restorer) Flush(pos Position) error {
	w, err := r.write()
	if err != nil {
		return err
	}
	return w.commit(pos)
}

func (r *Restorer) spillIfFull() error {
	if r.changes.bytes < r.limit {
		return nil
	}
	w, err := r.write()
	if err != nil {
		return err
	}
	return w.spill()
}

// write makes a batch of what has gathered, sorted as the tables will be.
func (r *Restorer) write() (*write, error) {
	list := r.changes.list
	slices.SortFunc(list, func(a, b change) int { return bytes.Compare(a.key, b.key) })
	r.partition.recent = recentDues{}
	w := r.partition.write("restore", &r.changes)
	dues, err := r.partition.sortedDues()
	if err != nil {
		return nil, w.abandon(err)
	}
	for _, c := range list {
		if err == nil {
			err = r.change(w, dues, c)
		}
	}
	if err := errors.Join(err, dues.close()); err != nil {
		return nil, w.abandon(err)
	}
	slices.Sort(w.gone)
	slices.Sort(w.armed)
	r.changes.clear()
	return w, nil
}

// change looks up the former timer of a key only if it can have one.
func (r *Restorer) change(w *write, dues *sortedDues, c change) error {
	before := int64(0)
	if r.armed == nil || r.armed.has(c.key) {
		var err error
		if before, err = dues.dueOf(c.key); err != nil {
			return fmt.Errorf("key %q: %w", c.key, err)
		}
	}
	if r.armed != nil && c.due() != 0 {
		r.armed.add(c.key)
	}
	return w.change(before, c)
}
