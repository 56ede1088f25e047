package statestore

import (
	"hash/maphash"
	"iter"

	"github.com/cockroachdb/pebble/v2"
)

// recentDues remembers the committed Due of keys seen a short while ago, so
// that a key that was just read, fired or changed is not read again when it is
// changed. It holds two generations: when the younger is full, the older goes.
type recentDues struct{ young, old map[string]int64 }

const recentKeys = 8192 // in one generation

func (r *recentDues) get(key []byte) (due int64, known bool) {
	if due, known = r.young[string(key)]; known {
		return due, true
	}
	due, known = r.old[string(key)]
	return due, known
}

func (r *recentDues) set(key string, due int64) {
	if r.young == nil || len(r.young) >= recentKeys {
		r.young, r.old = make(map[string]int64), r.young
	}
	r.young[key] = due
}

// dueOf looks among the recent keys, then on disk.
func (p *Partition) dueOf(key []byte) (int64, error) {
	if due, known := p.recent.get(key); known {
		return due, nil
	}
	var due int64
	_, err := p.read(p.values.key(nil, key), func(raw []byte) error {
		entry, err := decodeEntry(raw)
		due = entry.Due
		return err
	})
	return due, err
}

// sortedDues finds the Due of many keys asked for in ascending order, by one
// iterator, which costs a part of what as many single reads do.
type sortedDues struct {
	values prefix
	iter   *pebble.Iterator
	buffer []byte
}

func (p *Partition) sortedDues() (*sortedDues, error) {
	iter, err := p.store.db.NewIter(&pebble.IterOptions{LowerBound: p.values[:], UpperBound: p.values.end()})
	return &sortedDues{values: p.values, iter: iter}, err
}

func (s *sortedDues) dueOf(key []byte) (int64, error) {
	s.buffer = s.values.key(s.buffer[:0], key)
	if !s.iter.SeekGE(s.buffer) || string(s.iter.Key()) != string(s.buffer) {
		return 0, s.iter.Error()
	}
	raw, err := s.iter.ValueAndErr()
	if err != nil {
		return 0, err
	}
	entry, err := decodeEntry(raw)
	return entry.Due, err
}

func (s *sortedDues) close() error { return s.iter.Close() }

// armedKeys remembers roughly, in a Bloom filter, which keys had a timer at
// any time of a restore. What it does not know had none, and needs no read; so
// a restore from nothing reads almost nothing. With four million keys that have
// timers, one of forty reads is in vain.
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
