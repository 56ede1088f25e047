package statestore

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// record is one record of the changelog; a nil entry is a tombstone.
type record struct {
	key   string
	entry *Entry
}

// changelog is the topic partition of a state partition, as the tests see it:
// what was committed, in order.
type changelog struct {
	mu      sync.Mutex
	records []record
}

func (l *changelog) append(records ...record) (next int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, records...)
	return int64(len(l.records))
}

func (l *changelog) from(offset int64) []record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.records[offset:])
}

// replay is the state that the changelog yields up to an offset.
func (l *changelog) replay(to int64) model {
	m := model{}
	for _, r := range l.from(0)[:to] {
		m.apply(r)
	}
	return m
}

// model is what a partition must hold.
type model map[string]Entry

func (m model) apply(r record) {
	if r.entry == nil {
		delete(m, r.key)
		return
	}
	m[r.key] = *r.entry
}

// timers are the model's timers in the order in which they fire.
func (m model) timers() []timerKey {
	var out []timerKey
	for key, entry := range m {
		if entry.Due != 0 {
			out = append(out, newTimerKey(entry.Due, []byte(key)))
		}
	}
	slices.Sort(out)
	return out
}

func sameEntry(a, b Entry) bool { return a.Due == b.Due && bytes.Equal(a.Value, b.Value) }

func (m model) String() string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, "%s=%q due %d\n", key, m[key].Value, m[key].Due)
	}
	return b.String()
}

// fataler is what testing.T and rapid.T have in common.
type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

// checkHolds compares everything that a partition shows with the model: every
// entry by Scan and by Get, the whole index on disk, and the timers by Due.
func checkHolds(t fataler, p *Partition, want model) {
	t.Helper()
	got := model{}
	if err := p.Scan(nil, func(key []byte, entry Entry) error {
		got[string(key)] = Entry{slices.Clone(entry.Value), entry.Due}
		return nil
	}); err != nil {
		t.Fatalf("scan: %v", err)
	}
	if !maps.EqualFunc(got, want, sameEntry) {
		t.Fatalf("partition %d holds\n%sand should hold\n%s", p.number, got, want)
	}
	for key := range want {
		entry, found, err := p.Get([]byte(key))
		if err != nil || !found || !sameEntry(entry, want[key]) {
			t.Fatalf("get %q: %v %v %v, want %v", key, entry, found, err, want[key])
		}
	}
	checkTimersAre(t, p, want.timers())
}

func checkTimersAre(t fataler, p *Partition, want []timerKey) {
	t.Helper()
	if index := readIndex(t, p); !slices.Equal(index, want) {
		t.Fatalf("partition %d: the timers index holds %q, want %q", p.number, index, want)
	}
	due, err := p.Due(1<<60, len(want)+1)
	if err != nil {
		t.Fatalf("due: %v", err)
	}
	var got []timerKey
	for _, timer := range due {
		got = append(got, newTimerKey(timer.Due, timer.Key))
	}
	if !slices.Equal(got, want) {
		t.Fatalf("partition %d: timers due are %q, want %q", p.number, got, want)
	}
	next, found := p.NextDue()
	if found != (len(want) > 0) || found && next != want[0].due() {
		t.Fatalf("partition %d: next due is %d %v, want the first of %q", p.number, next, found, want)
	}
}

// readIndex reads the timers index from the beginning, past the cursor.
func readIndex(t fataler, p *Partition) []timerKey {
	t.Helper()
	q := &queue{rest: true}
	for q.rest {
		if err := p.load(q, queueTimers); err != nil {
			t.Fatalf("read index: %v", err)
		}
	}
	return q.timers
}

// commitAndApply does what a lane does with an overlay: the changes go to the
// changelog, and then into the store.
func commitAndApply(t fataler, o *Overlay, l *changelog) {
	t.Helper()
	var records []record
	for key, entry := range o.Changes() {
		records = append(records, record{string(key), entry})
	}
	if err := o.Apply(position(l.append(records...))); err != nil {
		t.Fatalf("apply: %v", err)
	}
}

func position(offset int64) Position {
	return Position{TopicID: [16]byte{1, 2, 3}, Offset: offset, AppliedAt: 1_700_000_000_000 + offset}
}

// catchUp restores a partition from the changelog, from its position on.
func catchUp(t fataler, p *Partition, l *changelog) {
	t.Helper()
	pos, _, err := p.Position()
	if err != nil {
		t.Fatalf("position: %v", err)
	}
	restore(t, p.Restore(), l, pos.Offset)
}

func restore(t fataler, r *Restorer, l *changelog, from int64) {
	t.Helper()
	records := l.from(from)
	for _, rec := range records {
		if err := put(r, rec); err != nil {
			t.Fatalf("restore: %v", err)
		}
	}
	if err := r.Flush(position(from + int64(len(records)))); err != nil {
		t.Fatalf("flush: %v", err)
	}
}

// smallConfig makes a store that writes tables after few changes.
func smallConfig(fs vfs.FS) Config {
	return Config{Dir: "data", FS: fs, CacheBytes: 1 << 20, MemTableBytes: 256 << 10}
}

func mustOpen(t fataler, config Config) *Store {
	t.Helper()
	s, err := Open(config)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

func mustClose(t fataler, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

func openMem(t *testing.T) *Store {
	s := mustOpen(t, smallConfig(vfs.NewMem()))
	t.Cleanup(func() { mustClose(t, s) })
	return s
}

// newCrashable is a file system to be crashed, in which the store's folder
// exists for certain.
func newCrashable(t fataler) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewCrashableMem()
	if err := fs.MkdirAll("data/state", 0o755); err != nil {
		t.Fatalf("make folder: %v", err)
	}
	for _, name := range []string{"", "data"} {
		folder, err := fs.OpenDir(name)
		if err != nil {
			t.Fatalf("open folder %q: %v", name, err)
		}
		if err := folder.Sync(); err != nil {
			t.Fatalf("sync folder %q: %v", name, err)
		}
		if err := folder.Close(); err != nil {
			t.Fatalf("close folder %q: %v", name, err)
		}
	}
	return fs
}

func put(r *Restorer, rec record) error {
	if rec.entry == nil {
		return r.Delete([]byte(rec.key))
	}
	return r.Put([]byte(rec.key), *rec.entry)
}
