package statestore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// rewrite changes the content of the store's files whose names match.
func rewrite(t *testing.T, fs vfs.FS, pattern string, change func([]byte)) {
	t.Helper()
	names, err := fs.List("data/state")
	if err != nil {
		t.Fatal(err)
	}
	changed := 0
	for _, name := range names {
		if ok, err := path.Match(pattern, name); err != nil || !ok {
			continue
		}
		name = "data/state/" + name
		content := readFile(t, fs, name)
		change(content)
		writeFile(t, fs, name, content)
		changed++
	}
	if changed == 0 {
		t.Fatalf("no file matches %s among %q", pattern, names)
	}
}

func readFile(t *testing.T, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return content
}

func writeFile(t *testing.T, fs vfs.FS, name string, content []byte) {
	t.Helper()
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// fill puts many entries, with timers, into two partitions.
func fill(t *testing.T, s *Store, logs []*changelog) {
	t.Helper()
	for n, l := range logs {
		o := s.Partition(int32(n)).Begin()
		for i := range 500 {
			o.Put(fmt.Appendf(nil, "key-%04d", i), entry(strings.Repeat(fmt.Sprint(i), 30), int64(i)))
		}
		commitAndApply(t, o, l)
	}
}

// fillMemory makes changes that are not on disk yet.
func fillMemory(t *testing.T, s *Store, l *changelog) {
	t.Helper()
	fill(t, s, []*changelog{l})
	if err := s.flush(); err != nil {
		t.Fatal(err)
	}
	o := s.Partition(0).Begin()
	o.Put([]byte("in memory"), entry("v", 5))
	commitAndApply(t, o, l)
}

func TestDamagedPartitionSaysSoAndIsRestoredFromTheChangelog(t *testing.T) {
	fs := vfs.NewMem()
	config := smallConfig(fs)
	config.MemTableBytes = 8 << 20 // both partitions come into one table
	s := mustOpen(t, config)
	logs := []*changelog{{}, {}}
	fill(t, s, logs)
	mustClose(t, s)
	rewrite(t, fs, "*.sst", func(table []byte) { table[100] ^= 0xff }) // in the first block: partition 0

	s = mustOpen(t, config)
	defer func() { mustClose(t, s) }()
	p := s.Partition(0)
	_, _, err := p.Position()
	checkDamage(t, "position", err)
	_, err = p.Due(1<<60, 10)
	checkDamage(t, "due", err)
	if due, found := p.NextDue(); !found || due != 0 {
		t.Errorf("the next timer of a damaged partition is %d %v: nobody will see the error", due, found)
	}
	o := p.Begin()
	o.Put([]byte("key-0001"), entry("x", 0))
	checkDamage(t, "apply", o.Apply(position(1)))
	checkHolds(t, s.Partition(1), logs[1].replay(500)) // its neighbour is well

	if err := p.Wipe(); err != nil {
		t.Fatal(err)
	}
	catchUp(t, p, logs[0])
	checkHolds(t, p, logs[0].replay(500))
	if err := s.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false); err != nil {
		t.Fatalf("the damage is still in the tables: %v", err)
	}
	mustClose(t, s)
	s = mustOpen(t, config)
	checkHolds(t, s.Partition(0), logs[0].replay(500))
	checkHolds(t, s.Partition(1), logs[1].replay(500))
}

func checkDamage(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, ErrDamaged) {
		t.Fatalf("%s of a damaged partition: %v, want ErrDamaged", what, err)
	}
	if !strings.Contains(err.Error(), "partition 0") || !strings.Contains(err.Error(), "wiped and restored") {
		t.Errorf("%s: the message names neither the partition nor the cure: %v", what, err)
	}
}

func TestEntryThatIsNoneIsDamage(t *testing.T) {
	s := openMem(t)
	p := s.Partition(0)
	for _, raw := range [][]byte{{}, {entryMark}, {9, 0, 0, 0, 0, 0, 0, 0, 0, 1}} {
		if err := s.db.Set(p.values.key(nil, []byte("k")), raw, pebble.NoSync); err != nil {
			t.Fatal(err)
		}
		_, _, err := p.Get([]byte("k"))
		checkDamage(t, "get", err)
		checkDamage(t, "scan", p.Scan(nil, func([]byte, Entry) error { return nil }))
	}
	if err := s.db.Set(p.position, []byte{positionMark, 1}, pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	_, _, err := p.Position()
	checkDamage(t, "position", err)
	if err := p.Wipe(); err != nil {
		t.Fatal(err)
	}
	if err := s.db.Set(p.timers.key(nil, []byte("short")), nil, pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	_, err = p.Due(1<<60, 1)
	checkDamage(t, "due", err)
}

func TestStoreThatCannotBeReadIsBegunAnew(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, smallConfig(fs))
	logs := []*changelog{{}}
	fill(t, s, logs)
	mustClose(t, s)
	rewrite(t, fs, "MANIFEST-*", func(manifest []byte) {
		for i := range manifest {
			manifest[i] ^= 0x55
		}
	})
	var said bytes.Buffer
	config := smallConfig(fs)
	config.Log = slog.New(slog.NewTextHandler(&said, nil))
	s = mustOpen(t, config)
	defer mustClose(t, s)
	checkHolds(t, s.Partition(0), model{})
	if !strings.Contains(said.String(), "begun anew") {
		t.Errorf("nobody is told that the state was thrown away: %s", said.String())
	}
	catchUp(t, s.Partition(0), logs[0])
	checkHolds(t, s.Partition(0), logs[0].replay(500))
}

// faultyDisk fails writes while it is told to.
type faultyDisk struct {
	vfs.FS
	fail  atomic.Pointer[error]
	slow  atomic.Pointer[blockade]
	avail atomic.Uint64
}

// blockade holds up writes until it is told to let them go on.
type blockade struct {
	met  chan<- struct{} // capacity 1
	goOn <-chan struct{}
}

func (b *blockade) wait() {
	select {
	case b.met <- struct{}{}:
	default:
	}
	<-b.goOn
}

func newFaultyDisk() *faultyDisk {
	d := &faultyDisk{}
	d.FS = errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() != errorfs.OpIsWrite || !strings.HasSuffix(op.Path, ".sst") {
			return nil
		}
		if slow := d.slow.Load(); slow != nil {
			slow.wait()
		}
		if fail := d.fail.Load(); fail != nil {
			return *fail
		}
		return nil
	}))
	return d
}

func (d *faultyDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: d.avail.Load()}, nil
}

func (d *faultyDisk) breakWith(err error) { d.fail.Store(&err) }
func (d *faultyDisk) mend()               { d.fail.Store(nil); d.avail.Store(1 << 40) }

func (d *faultyDisk) config() Config {
	config := smallConfig(d)
	config.spaceCheck = time.Millisecond
	return config
}

// awaitWritable waits for what Pebble does in the background.
func awaitWritable(t *testing.T, s *Store) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); s.writable() != nil; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("the disk is well again and the store does not see it: %v", s.writable())
		}
	}
}

func TestFullOrBrokenDiskRefusesChangesUntilItIsWell(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault error
		want  error
	}{
		{"full", syscall.ENOSPC, ErrDiskFull},
		{"broken", syscall.EIO, syscall.EIO},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newFaultyDisk()
			s := mustOpen(t, d.config())
			defer mustClose(t, s)
			logs := []*changelog{{}}
			fillMemory(t, s, logs[0])
			d.breakWith(c.fault)
			if err := s.flush(); !errors.Is(err, c.want) {
				t.Fatalf("flush: %v, want %v", err, c.want)
			}
			p := s.Partition(0)
			o := p.Begin()
			o.Put([]byte("k"), entry("v", 1))
			upper := o.Above()
			err := o.Apply(position(502))
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), "data/state") {
				t.Fatalf("apply: %v, want %v and the folder", err, c.want)
			}
			if err := upper.Apply(position(503)); !errors.Is(err, ErrClosed) {
				t.Fatalf("what lay upon changes that could not be applied: %v", err)
			}
			if err := p.Restore().Flush(position(502)); !errors.Is(err, c.want) {
				t.Fatalf("restore: %v, want %v", err, c.want)
			}
			if err := p.Wipe(); !errors.Is(err, c.want) {
				t.Fatalf("wipe: %v, want %v", err, c.want)
			}
			if s.Metrics().Writable {
				t.Error("the metrics show nothing of it")
			}
			checkHolds(t, p, logs[0].replay(501)) // reading goes on, and nothing was changed
			d.mend()
			awaitWritable(t, s)
			o = p.Begin()
			o.Put([]byte("k"), entry("v", 1))
			commitAndApply(t, o, logs[0])
			checkHolds(t, p, logs[0].replay(502))
		})
	}
}

func TestStoreOnAFullDiskCanBeClosed(t *testing.T) {
	for _, fault := range []error{syscall.ENOSPC, syscall.EIO} {
		d := newFaultyDisk()
		s := mustOpen(t, d.config())
		fillMemory(t, s, &changelog{})
		d.breakWith(fault)
		if err := s.Close(); err == nil {
			t.Errorf("%v: closing lost what was in memory and said nothing", fault)
		}
		d.mend()
		mustClose(t, mustOpen(t, d.config()))
	}
}

func TestStoreIsNotOpenedOnAFullDisk(t *testing.T) {
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpFileSync {
			return syscall.ENOSPC
		}
		return nil
	}))
	s, err := Open(smallConfig(fs))
	if err == nil {
		mustClose(t, s)
		t.Fatal("opened")
	}
	if !errors.Is(err, ErrDiskFull) || !strings.Contains(err.Error(), "data/state") {
		t.Errorf("the message does not say it: %v", err)
	}
}

// A change that waits for the memory of earlier ones to be written is refused when
// the disk turns out to be full: who waits here could not be stopped.
func TestChangeThatWaitsForMemoryIsRefusedWhenTheDiskIsFull(t *testing.T) {
	d := newFaultyDisk()
	writing, goOn := make(chan struct{}, 1), make(chan struct{})
	d.slow.Store(&blockade{writing, goOn})
	s := mustOpen(t, d.config())
	defer mustClose(t, s)
	p, log := s.Partition(0), &changelog{}
	refused := make(chan error, 1)
	go func() {
		for i := int64(1); ; i++ { // until the memory is used up, and on
			o := p.Begin()
			o.Put(fmt.Appendf(nil, "key-%d", i), Entry{Value: bytes.Repeat([]byte("v"), 16<<10)})
			if err := o.Apply(position(i)); err != nil {
				refused <- err
				return
			}
		}
	}()
	<-writing // a flush has begun
	awaitFull(t, s)
	d.breakWith(syscall.ENOSPC)
	close(goOn)
	select {
	case err := <-refused:
		if !errors.Is(err, ErrDiskFull) {
			t.Errorf("%v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the change waits for ever")
	}
	d.slow.Store(nil)
	d.mend()
	awaitWritable(t, s)
	o := p.Begin()
	o.Put([]byte("k"), entry("v", 1))
	commitAndApply(t, o, log)
}

// awaitFull waits until the store holds as much in memory as it may.
func awaitFull(t *testing.T, s *Store) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); s.db.Metrics().MemTable.Size < s.memory.max; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("only %d bytes are in memory", s.db.Metrics().MemTable.Size)
		}
	}
}
