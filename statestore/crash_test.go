package statestore

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// cut is the file system as a crash left it.
type cut struct {
	name string
	fs   *vfs.MemFS
}

// checkCut opens what a crash left: it must be the changelog up to the position
// that is stored in it, and with the changelog's tail the whole state.
func checkCut(t *testing.T, c cut, logs []*changelog) {
	t.Helper()
	s, err := Open(smallConfig(c.fs))
	if err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	defer mustClose(t, s)
	for i, l := range logs {
		p := s.Partition(int32(i))
		checkHoldsPosition(t, p, l)
		catchUp(t, p, l)
		checkHolds(t, p, l.replay(int64(len(l.from(0)))))
	}
}

// randomChanges stages changes of a few keys, larger now and then, so that
// memtables fill up.
func randomChanges(o *Overlay, dice *rand.Rand) {
	for range 1 + dice.IntN(20) {
		key := fmt.Appendf(nil, "key-%03d", dice.IntN(200))
		if dice.IntN(4) == 0 {
			o.Delete(key)
			continue
		}
		value := make([]byte, dice.IntN(2000))
		for i := range value {
			value[i] = byte(dice.Uint32())
		}
		o.Put(key, Entry{Value: value, Due: int64(dice.IntN(3) * dice.IntN(10_000))})
	}
}

// TestCrashAtEveryStepOfABatch cuts between staged, committed to the changelog,
// applied, and written to a table.
func TestCrashAtEveryStepOfABatch(t *testing.T) {
	fs := newCrashable(t)
	s := mustOpen(t, smallConfig(fs))
	var l changelog
	p := s.Partition(0)
	dice := newRand(1)
	for round := range 30 / slowness {
		step := func(name string) {
			for _, kept := range []int{0, 50, 100} {
				crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: kept, RNG: dice})
				checkCut(t, cut{fmt.Sprintf("round %d, %s, %d %% kept", round, name, kept), crashed}, []*changelog{&l})
			}
		}
		o := p.Begin()
		randomChanges(o, dice)
		step("staged")
		var records []record
		for key, entry := range o.Changes() {
			records = append(records, record{string(key), entry})
		}
		next := l.append(records...)
		step("committed")
		if err := o.Apply(position(next)); err != nil {
			t.Fatal(err)
		}
		step("applied")
		if round%3 == 0 {
			if err := s.flush(); err != nil {
				t.Fatal(err)
			}
			step("flushed")
			crashed := fs.CrashClone(vfs.CrashCloneCfg{})
			reopened := mustOpen(t, smallConfig(crashed))
			if pos, _, err := reopened.Partition(0).Position(); err != nil || pos.Offset != next {
				t.Fatalf("a flush is not durable: position %d of %d, %v", pos.Offset, next, err)
			}
			mustClose(t, reopened)
		}
	}
	mustClose(t, s)
}

// TestCrashAtEveryFileOperation cuts before each write, sync, creation and
// removal of a file, while memtables are flushed and tables are compacted.
func TestCrashAtEveryFileOperation(t *testing.T) {
	fs := newCrashable(t)
	var mu sync.Mutex
	var cuts []cut
	watched := errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsRead {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		name := fmt.Sprintf("operation %d, kind %d, on %s", len(cuts), op.Kind, op.Path)
		cuts = append(cuts, cut{name, fs.CrashClone(vfs.CrashCloneCfg{})})
		return nil
	}))
	s := mustOpen(t, smallConfig(watched))
	logs := []*changelog{{}, {}}
	dice := newRand(2)
	for round := range 60 / slowness {
		i := round % len(logs)
		o := s.Partition(int32(i)).Begin()
		randomChanges(o, dice)
		commitAndApply(t, o, logs[i])
	}
	mustClose(t, s)
	t.Logf("%d cuts", len(cuts))
	if len(cuts) < 50/slowness {
		t.Fatalf("only %d file operations: the test does not reach what it is for", len(cuts))
	}
	for _, c := range cuts {
		checkCut(t, c, logs)
	}
}

// TestCrashUnderLoad cuts at random while several partitions change at once.
func TestCrashUnderLoad(t *testing.T) {
	fs := newCrashable(t)
	s := mustOpen(t, smallConfig(fs))
	logs := []*changelog{{}, {}, {}, {}}
	var mu sync.Mutex
	var cuts []cut
	crash := func(dice *rand.Rand) {
		kept := []int{0, 50, 100}[dice.IntN(3)]
		crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: kept, RNG: dice})
		mu.Lock()
		defer mu.Unlock()
		cuts = append(cuts, cut{fmt.Sprintf("cut %d, %d %% kept", len(cuts), kept), crashed})
	}
	var lanes sync.WaitGroup
	for i, l := range logs {
		lanes.Go(func() {
			dice := newRand(int64(100 + i))
			p := s.Partition(int32(i))
			for round := range 150 / slowness {
				o := p.Begin()
				randomChanges(o, dice)
				commitAndApply(t, o, l)
				if round%10 == 9 {
					crash(dice) // while the others go on
				}
			}
		})
	}
	lanes.Wait()
	mustClose(t, s)
	for _, c := range cuts {
		checkCut(t, c, logs)
	}
}

// TestInterruptedRestoreIsMadeWholeByTheNextOne cuts while a restore writes its
// portions. What is found may be ahead of the position; the changelog's tail
// makes it exact, timers included.
func TestInterruptedRestoreIsMadeWholeByTheNextOne(t *testing.T) {
	for _, resumed := range []bool{false, true} {
		fs := newCrashable(t)
		s := mustOpen(t, smallConfig(fs))
		var l changelog
		dice := newRand(4)
		o := s.Partition(0).Begin()
		for range max(60/slowness, 10) {
			randomChanges(o, dice)
			if resumed && l.from(0) == nil {
				commitAndApply(t, o, &l)
			} else {
				appendChanges(o, &l)
			}
			o = s.Partition(0).Begin()
		}
		r := s.Partition(0).Restore()
		r.limit = 20_000
		pos, found, err := s.Partition(0).Position()
		if err != nil || found != resumed {
			t.Fatalf("position %v %v %v", pos, found, err)
		}
		for n, rec := range l.from(pos.Offset) {
			if err := put(r, rec); err != nil {
				t.Fatal(err)
			}
			if n%40 != 0 {
				continue
			}
			if err := s.flush(); err != nil {
				t.Fatal(err)
			}
			checkInterrupted(t, fs.CrashClone(vfs.CrashCloneCfg{}), pos, &l)
		}
		mustClose(t, s)
	}
}

// checkInterrupted does what a lane does with what an interrupted restore has
// left: without a position it begins from nothing.
func checkInterrupted(t *testing.T, fs *vfs.MemFS, want Position, l *changelog) {
	t.Helper()
	s := mustOpen(t, smallConfig(fs))
	defer mustClose(t, s)
	p := s.Partition(0)
	pos, found, err := p.Position()
	if err != nil || pos != want {
		t.Fatalf("position %v %v, want %v as before the restore", pos, err, want)
	}
	if !found {
		if err := p.Wipe(); err != nil {
			t.Fatal(err)
		}
	}
	catchUp(t, p, l)
	checkHolds(t, p, l.replay(int64(len(l.from(0)))))
}

func appendChanges(o *Overlay, l *changelog) {
	for key, entry := range o.Changes() {
		l.append(record{string(key), entry})
	}
	o.Discard()
}
