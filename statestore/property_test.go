package statestore

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"
)

// TestStoreEqualsItsChangelog drives a store with several partitions through
// changes, flushes, stops and crashes, and compares it with the replay of the
// changelog, which is all that must matter.
func TestStoreEqualsItsChangelog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		defer func() { mustClose(t, w.store) }()
		t.Repeat(map[string]func(*rapid.T){
			"":        w.check,
			"stage":   w.stage,
			"apply":   w.apply,
			"discard": w.discard,
			"fire":    w.fire,
			"flush":   w.flush,
			"stop":    w.stop,
			"crash":   w.crash,
			"wipe":    w.wipe,
			"restore": w.restore,
		})
	})
}

const worldPartitions = 3

// world is a store, its changelogs, and what is staged.
type world struct {
	fs     *vfs.MemFS
	store  *Store
	parts  [worldPartitions]*Partition
	logs   [worldPartitions]*changelog
	staged [worldPartitions]*Overlay
}

func newWorld(t *rapid.T) *world {
	w := &world{fs: newCrashable(t)}
	for i := range w.logs {
		w.logs[i] = &changelog{}
	}
	w.open(t)
	return w
}

func (w *world) open(t *rapid.T) {
	w.store = mustOpen(t, smallConfig(w.fs))
	for i := range w.parts {
		w.parts[i] = w.store.Partition(int32(i))
		w.staged[i] = nil
	}
}

func anyPartition(t *rapid.T) int {
	return rapid.IntRange(0, worldPartitions-1).Draw(t, "partition")
}

func (w *world) overlay(i int) *Overlay {
	if w.staged[i] == nil {
		w.staged[i] = w.parts[i].Begin()
	}
	return w.staged[i]
}

func (w *world) stage(t *rapid.T) {
	o := w.overlay(anyPartition(t))
	key := []byte(fmt.Sprintf("k%d", rapid.IntRange(0, 8).Draw(t, "key")))
	if rapid.IntRange(0, 3).Draw(t, "delete") == 0 {
		o.Delete(key)
		return
	}
	due := rapid.SampledFrom([]int64{0, 0, 1, 2, 2, 3, 1000, -5}).Draw(t, "due")
	o.Put(key, entry(rapid.StringN(0, 5, 10).Draw(t, "value"), due))
}

func (w *world) apply(t *rapid.T) {
	i := anyPartition(t)
	if w.staged[i] == nil {
		return // nothing is staged: the next action may stage something
	}
	commitAndApply(t, w.staged[i], w.logs[i])
	w.staged[i] = nil
}

func (w *world) discard(t *rapid.T) {
	if o := w.staged[anyPartition(t)]; o != nil {
		o.Discard()
	}
	w.staged = [worldPartitions]*Overlay{}
}

// fire does what a lane does with due timers: it changes their keys.
func (w *world) fire(t *rapid.T) {
	i := anyPartition(t)
	due, err := w.parts[i].Due(rapid.Int64Range(0, 5).Draw(t, "until"), rapid.IntRange(1, 3).Draw(t, "max"))
	if err != nil {
		t.Fatalf("due: %v", err)
	}
	for n, timer := range due {
		w.overlay(i).Put(timer.Key, entry("fired", []int64{0, timer.Due + 1}[n%2]))
	}
}

func (w *world) flush(t *rapid.T) {
	if err := w.store.flush(); err != nil {
		t.Fatalf("flush: %v", err)
	}
}

func (w *world) stop(t *rapid.T) {
	mustClose(t, w.store)
	w.open(t)
	w.checkPositions(t)
	for i := range w.logs {
		if pos, _, _ := w.parts[i].Position(); pos.Offset != int64(len(w.logs[i].records)) && pos.Offset != 0 {
			t.Fatalf("a clean stop lost changes: position %d of %d", pos.Offset, len(w.logs[i].records))
		}
	}
	w.catchUp(t)
}

// crash leaves of the file system what was synced and some of what was not.
func (w *world) crash(t *rapid.T) {
	kept := rapid.SampledFrom([]int{0, 50, 100}).Draw(t, "unsynced kept")
	seed := rapid.Int64().Draw(t, "seed")
	crashed := w.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: kept, RNG: newRand(seed)})
	mustClose(t, w.store)
	w.fs = crashed
	w.open(t)
	w.checkPositions(t)
	w.catchUp(t)
}

func (w *world) wipe(t *rapid.T) {
	i := anyPartition(t)
	if err := w.parts[i].Wipe(); err != nil {
		t.Fatalf("wipe: %v", err)
	}
	w.staged[i] = nil
	checkHolds(t, w.parts[i], model{})
	catchUp(t, w.parts[i], w.logs[i])
}

// restore replays the changelog over what is there, from an older offset on.
func (w *world) restore(t *rapid.T) {
	i := anyPartition(t)
	r := w.parts[i].Restore()
	r.limit = rapid.SampledFrom([]int{1, 20, 1000}).Draw(t, "limit")
	restore(t, r, w.logs[i], int64(rapid.IntRange(0, len(w.logs[i].records)).Draw(t, "from")))
	w.staged[i] = nil
}

// check compares the running store with the whole changelog.
func (w *world) check(t *rapid.T) {
	for i, p := range w.parts {
		checkHolds(t, p, w.logs[i].replay(int64(len(w.logs[i].records))))
	}
}

// checkPositions compares the reopened store with the changelog up to the
// positions that it names.
func (w *world) checkPositions(t fataler) {
	for i, p := range w.parts {
		checkHoldsPosition(t, p, w.logs[i])
	}
}

func checkHoldsPosition(t fataler, p *Partition, l *changelog) {
	t.Helper()
	pos, _, err := p.Position()
	if err != nil {
		t.Fatalf("position: %v", err)
	}
	checkHolds(t, p, l.replay(pos.Offset))
}

func (w *world) catchUp(t fataler) {
	for i, p := range w.parts {
		catchUp(t, p, w.logs[i])
	}
}

func newRand(seed int64) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), 0)) }
