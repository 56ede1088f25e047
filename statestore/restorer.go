package statestore

import (
	"bytes"
	"hash/maphash"
	"iter"
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

// Put takes the changelog's next record, whose value must not be modified any
// more. It writes to disk, without moving the position, when much has gathered.
func (r *Restorer) Put(key []byte, entry Entry) error {
	r.changes.set(key, &entry)
	return r.spillIfFull()
}

// Delete takes the changelog's next record, a tombstone.
func (r *Restorer) Delete(key []byte) error {
	r.changes.set(key, nil)
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
	r.changes = changes{}
	slices.SortFunc(list, func(a, b change) int { return bytes.Compare(a.key, b.key) })
	w := r.partition.write("restore")
	for _, c := range list {
		if err := r.change(w, c); err != nil {
			return nil, w.abandon(err)
		}
	}
	slices.Sort(w.gone)
	slices.Sort(w.armed)
	return w, nil
}

// change looks up the former timer of a key only if it can have one.
func (r *Restorer) change(w *write, c change) error {
	if r.armed == nil {
		return w.change(c)
	}
	known := r.armed.has(c.key)
	if c.entry != nil && c.entry.Due != 0 {
		r.armed.add(c.key)
	}
	if known {
		return w.change(c)
	}
	return w.changeFrom(0, c)
}

// armedKeys remembers roughly, in a Bloom filter, which keys had a timer at
// any time of a restore. What it does not know had none, and needs no read; so
// a restore from nothing reads almost nothing. Four bits of 32 Mi for a key: one
// of fifty reads is in vain at four million keys with timers.
type armedKeys struct {
	bits [armedBits / 64]uint64
	seed maphash.Seed
}

const (
	armedBits   = 1 << 25
	armedProbes = 4
)

func newArmedKeys() *armedKeys { return &armedKeys{seed: maphash.MakeSeed()} }

func (a *armedKeys) add(key []byte) {
	for bit := range a.probes(key) {
		a.bits[bit/64] |= 1 << (bit % 64)
	}
}

func (a *armedKeys) has(key []byte) bool {
	for bit := range a.probes(key) {
		if a.bits[bit/64]&(1<<(bit%64)) == 0 {
			return false
		}
	}
	return true
}

// probes yields a key's bits, by double hashing.
func (a *armedKeys) probes(key []byte) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		h := maphash.Bytes(a.seed, key)
		step := h>>32 | 1
		for i := range uint64(armedProbes) {
			if !yield((h + i*step) % armedBits) {
				return
			}
		}
	}
}
