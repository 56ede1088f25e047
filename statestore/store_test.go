package statestore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

func entry(value string, due int64) Entry { return Entry{Value: []byte(value), Due: due} }

func TestAppliedChangesAreSeenAndDiscardedOnesAreNot(t *testing.T) {
	p := openMem(t).Partition(3)
	o := p.Begin()
	o.Put([]byte("order/1"), entry("paid", 100))
	if _, found, err := p.Get([]byte("order/1")); found || err != nil {
		t.Fatalf("a staged entry is seen before it is applied: %v %v", found, err)
	}
	if got, found, err := o.Get([]byte("order/1")); !found || err != nil || string(got.Value) != "paid" {
		t.Fatalf("the overlay does not see what it holds: %v %v %v", got, found, err)
	}
	if err := o.Apply(position(7)); err != nil {
		t.Fatal(err)
	}
	dropped := p.Begin()
	dropped.Put([]byte("order/2"), entry("new", 50))
	dropped.Delete([]byte("order/1"))
	dropped.Discard()

	checkHolds(t, p, model{"order/1": entry("paid", 100)})
	pos, found, err := p.Position()
	if err != nil || !found || pos != position(7) {
		t.Fatalf("position %v %v %v", pos, found, err)
	}
}

func TestOverlayGetSeesStagedDeletionsAndCommittedEntries(t *testing.T) {
	p := openMem(t).Partition(0)
	o := p.Begin()
	o.Put([]byte("a"), entry("1", 0))
	o.Put([]byte("b"), entry("2", 0))
	if err := o.Apply(position(2)); err != nil {
		t.Fatal(err)
	}
	o = p.Begin()
	o.Delete([]byte("a"))
	if _, found, err := o.Get([]byte("a")); found || err != nil {
		t.Errorf("a deleted key is found: %v", err)
	}
	if got, found, err := o.Get([]byte("b")); !found || err != nil || string(got.Value) != "2" {
		t.Errorf("a committed entry: %v %v %v", got, found, err)
	}
	if _, found, err := o.Get([]byte("c")); found || err != nil {
		t.Errorf("an unknown key is found: %v", err)
	}
}

func TestChangesComeInTheOrderOfTheirKeysFirstStaging(t *testing.T) {
	o := openMem(t).Partition(0).Begin()
	o.Put([]byte("z"), entry("1", 0))
	o.Put([]byte("a"), entry("2", 0))
	o.Delete([]byte("m"))
	o.Put([]byte("z"), entry("three", 5))
	var got []string
	for key, e := range o.Changes() {
		if e == nil {
			got = append(got, string(key)+" gone")
			continue
		}
		got = append(got, string(key)+" "+string(e.Value))
	}
	if want := []string{"z three", "a 2", "m gone"}; !slices.Equal(got, want) {
		t.Errorf("changes %q, want %q", got, want)
	}
	if o.Len() != 3 || o.Bytes() != 3+len("three")+len("2") {
		t.Errorf("%d changes of %d bytes", o.Len(), o.Bytes())
	}
}

// What lies upon an overlay sees its changes before they are committed, and
// nobody else does; a committed timer is counted once.
func TestOverlayUponAnotherIsAppliedAfterIt(t *testing.T) {
	p := openMem(t).Partition(0)
	lower := p.Begin()
	lower.Put([]byte("a"), entry("1", 10))
	lower.Put([]byte("b"), entry("1", 0))
	upper := lower.Above()
	if got, found, err := upper.Get([]byte("a")); !found || err != nil || string(got.Value) != "1" {
		t.Errorf("what is staged beneath: %v %v %v", got, found, err)
	}
	upper.Delete([]byte("b"))
	upper.Put([]byte("a"), entry("2", 20))
	if _, found, err := upper.Get([]byte("b")); found || err != nil {
		t.Errorf("what is deleted above is found beneath: %v", err)
	}
	if err := upper.Apply(position(2)); err == nil {
		t.Fatal("changes were applied before those beneath")
	}
	if err := lower.Apply(position(1)); err != nil {
		t.Fatal(err)
	}
	checkHolds(t, p, model{"a": entry("1", 10), "b": entry("1", 0)})
	if err := upper.Apply(position(2)); err != nil {
		t.Fatal(err)
	}
	checkHolds(t, p, model{"a": entry("2", 20)})
}

func TestDiscardedOverlayTakesAlongWhatLiesUponIt(t *testing.T) {
	p := openMem(t).Partition(0)
	lower := p.Begin()
	upper := lower.Above()
	lower.Discard()
	if err := upper.Apply(position(1)); !errors.Is(err, ErrClosed) {
		t.Errorf("upon a discarded overlay: %v", err)
	}
	if err := lower.Above().Apply(position(1)); !errors.Is(err, ErrClosed) {
		t.Errorf("opened upon a discarded overlay: %v", err)
	}
	lower = p.Begin()
	upper = lower.Above()
	upper.Discard()
	upper = lower.Above()
	left := upper
	p.Begin()
	for _, o := range []*Overlay{lower, left} {
		if err := o.Apply(position(1)); !errors.Is(err, ErrClosed) {
			t.Errorf("left open when another was begun: %v", err)
		}
	}
	checkHolds(t, p, model{})
}

func TestClosedOverlayIsNotApplied(t *testing.T) {
	p := openMem(t).Partition(0)
	first := p.Begin()
	first.Put([]byte("k"), entry("1", 0))
	second := p.Begin()
	if err := first.Apply(position(1)); !errors.Is(err, ErrClosed) {
		t.Errorf("an overlay left open was applied after another was begun: %v", err)
	}
	if err := second.Apply(position(1)); err != nil {
		t.Fatal(err)
	}
	if err := second.Apply(position(2)); !errors.Is(err, ErrClosed) {
		t.Errorf("an overlay was applied twice: %v", err)
	}
	checkHolds(t, p, model{})
}

func TestPartitionsDoNotSeeEachOther(t *testing.T) {
	s := openMem(t)
	for _, n := range []int32{0, 1, 255, 256, 1<<31 - 1} {
		o := s.Partition(n).Begin()
		o.Put([]byte("k"), entry("of "+string(rune('a'+n%26)), int64(n)+1))
		o.Put([]byte("\xff\xff"), entry("last", 0))
		if err := o.Apply(position(int64(n))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Partition(255).Wipe(); err != nil {
		t.Fatal(err)
	}
	checkHolds(t, s.Partition(255), model{})
	for _, n := range []int32{0, 1, 256, 1<<31 - 1} {
		checkHolds(t, s.Partition(n), model{
			"k":        entry("of "+string(rune('a'+n%26)), int64(n)+1),
			"\xff\xff": entry("last", 0),
		})
	}
}

func TestWipedPartitionHasNoPositionAndCanBeRestored(t *testing.T) {
	s := openMem(t)
	p := s.Partition(4)
	var l changelog
	o := p.Begin()
	o.Put([]byte("a"), entry("1", 10))
	o.Put([]byte("b"), entry("2", 0))
	commitAndApply(t, o, &l)
	if err := s.flush(); err != nil {
		t.Fatal(err)
	}
	left := p.Begin()
	left.Put([]byte("a"), entry("never", 1))
	if err := p.Wipe(); err != nil {
		t.Fatal(err)
	}
	if err := left.Apply(position(9)); !errors.Is(err, ErrClosed) {
		t.Errorf("an overlay over what was wiped was applied: %v", err)
	}
	if pos, found, err := p.Position(); found || err != nil {
		t.Errorf("position after wipe: %v %v", pos, err)
	}
	checkHolds(t, p, model{})
	catchUp(t, p, &l)
	checkHolds(t, p, l.replay(2))
}

func TestRestoreReplacesWhatWasSeenBefore(t *testing.T) {
	s := openMem(t)
	p := s.Partition(0)
	var l changelog
	for _, due := range []int64{10, 30} {
		o := p.Begin()
		o.Put([]byte("k"), entry("mine", due))
		commitAndApply(t, o, &l)
		e := entry("of another owner", due+10)
		l.append(record{"k", &e})
		catchUp(t, p, &l)
		checkHolds(t, s.Partition(0), model{"k": e})
	}
}

func TestScanKeepsToItsPrefixAndStopsAtAnError(t *testing.T) {
	p := openMem(t).Partition(0)
	o := p.Begin()
	for _, key := range []string{"a", "order/1", "order/2", "order0", "z", "order/\xff"} {
		o.Put([]byte(key), entry(key, 0))
	}
	if err := o.Apply(position(1)); err != nil {
		t.Fatal(err)
	}
	var keys []string
	collect := func(key []byte, _ Entry) error { keys = append(keys, string(key)); return nil }
	if err := p.Scan([]byte("order/"), collect); err != nil {
		t.Fatal(err)
	}
	if want := []string{"order/1", "order/2", "order/\xff"}; !slices.Equal(keys, want) {
		t.Errorf("keys %q, want %q", keys, want)
	}
	stop := errors.New("enough")
	seen := 0
	err := p.Scan(nil, func([]byte, Entry) error { seen++; return stop })
	if !errors.Is(err, stop) || seen != 1 {
		t.Errorf("%d entries seen, error %v", seen, err)
	}
}

func TestEmptyValueIsNotAbsence(t *testing.T) {
	p := openMem(t).Partition(0)
	o := p.Begin()
	o.Put([]byte(""), Entry{})
	if err := o.Apply(position(1)); err != nil {
		t.Fatal(err)
	}
	got, found, err := p.Get(nil)
	if err != nil || !found || got.Value == nil || len(got.Value) != 0 {
		t.Errorf("%v %v %v", got, found, err)
	}
}

func TestCleanlyClosedStoreLosesNothing(t *testing.T) {
	fs := newCrashable(t)
	s := mustOpen(t, smallConfig(fs))
	o := s.Partition(1).Begin()
	o.Put([]byte("k"), entry("v", 12))
	if err := o.Apply(position(1)); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)

	s = mustOpen(t, smallConfig(fs.CrashClone(vfs.CrashCloneCfg{})))
	defer mustClose(t, s)
	checkHolds(t, s.Partition(1), model{"k": entry("v", 12)})
}

func TestStoreInUseIsNotOpenedAgain(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, Config{Dir: dir})
	defer mustClose(t, s)
	second, err := Open(Config{Dir: dir})
	if err == nil {
		mustClose(t, second)
		t.Fatal("two stores in one folder")
	}
	if !strings.HasPrefix(err.Error(), fmt.Sprintf("%s is in use by process %d (statestore.test), since ", dir, os.Getpid())) ||
		!strings.Contains(err.Error(), "stop it, or give this node a data-dir of its own") {
		t.Errorf("the message does not say it: %v", err)
	}
}

func TestStoreSaysThatItsFolderCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	locked := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpLock {
			return &fs.PathError{Op: "open", Path: op.Path, Err: fs.ErrPermission}
		}
		return nil
	}))
	for _, c := range []struct {
		config Config
		want   string
	}{
		{Config{Dir: file}, file + " cannot be made: give this node a data-dir that its user may write ("},
		{Config{Dir: "data", FS: locked}, "data cannot be written: give this node a data-dir that its user may write (open data"},
	} {
		s, err := Open(c.config)
		if err == nil {
			mustClose(t, s)
			t.Fatal("it was opened")
		}
		var folder *FolderError
		if !errors.As(err, &folder) || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("got %v, want %s…", err, c.want)
		}
	}
}

func TestStoreOfAnotherFormatIsBegunAnew(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, smallConfig(fs))
	o := s.Partition(1).Begin()
	o.Put([]byte("k"), entry("v", 12))
	if err := o.Apply(position(1)); err != nil {
		t.Fatal(err)
	}
	if err := s.db.Set(formatKey, []byte{format + 1}, nil); err == nil {
		t.Fatal("a synced write without a log must fail")
	}
	w := s.db.NewBatch()
	if err := errors.Join(w.Set(formatKey, []byte{format + 1}, nil), w.Commit(pebble.NoSync)); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)

	s = mustOpen(t, smallConfig(fs))
	defer mustClose(t, s)
	checkHolds(t, s.Partition(1), model{})
	if _, found, err := s.Partition(1).Position(); found || err != nil {
		t.Errorf("the old position is still there: %v", err)
	}
}

func TestMetricsShowWhatIsThere(t *testing.T) {
	s := openMem(t)
	o := s.Partition(0).Begin()
	o.Put([]byte("k"), entry(strings.Repeat("value", 1000), 1))
	if err := o.Apply(position(1)); err != nil {
		t.Fatal(err)
	}
	if m := s.Metrics(); m.MemTableBytes < 5000 || !m.Writable {
		t.Errorf("before a flush: %+v", m)
	}
	if err := s.flush(); err != nil {
		t.Fatal(err)
	}
	if m := s.Metrics(); m.DiskBytes == 0 || m.FlushesTotal == 0 || m.ReadAmplification != 1 {
		t.Errorf("after a flush: %+v", m)
	}
}

func TestQuietStoreIsFlushedNowAndThen(t *testing.T) {
	var c flushClock
	start := int64(1_700_000_000_000)
	for _, step := range []struct {
		at   int64
		ring bool
	}{
		{0, false}, {1000, false}, {flushEvery.Milliseconds(), true}, {flushEvery.Milliseconds() + 1, false}, {3 * flushEvery.Milliseconds(), true},
	} {
		if got := c.ring(start + step.at); got != step.ring {
			t.Errorf("after %d ms: flush %v, want %v", step.at, got, step.ring)
		}
	}
}
