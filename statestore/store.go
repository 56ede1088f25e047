package statestore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"rondo/internal/holder"
)

// Config says where a store is and how much memory it may use.
type Config struct {
	// Dir is the folder on a local disk. The store lives in its subfolder
	// "state", which may be deleted whenever no process uses it: it is built
	// again from the changelog. Two processes cannot share one.
	Dir string

	// FS is the file system; nil: the disk.
	FS vfs.FS

	// CacheBytes is how much of the tables is kept in memory, outside of Go's
	// heap. 0: 128 MiB.
	CacheBytes int64

	// MemTableBytes is how much may change before it is written to a table. Up
	// to four times as much is held for a moment, and one time as much is read
	// again from the changelog after a crash. 0: 64 MiB.
	MemTableBytes uint64

	// Log hears of what an operator should know: a full disk, damage, background
	// errors. nil: nobody does.
	Log *slog.Logger

	// spaceCheck is how often a full disk is looked at again; 0: every second.
	spaceCheck time.Duration
}

func (c Config) withDefaults() Config {
	if c.FS == nil {
		c.FS = vfs.Default
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = 128 << 20
	}
	if c.MemTableBytes == 0 {
		c.MemTableBytes = 64 << 20
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.spaceCheck == 0 {
		c.spaceCheck = time.Second
	}
	return c
}

// Store is the local state of all partitions of a process.
type Store struct {
	db    *pebble.DB
	id    string
	dir   string // for messages, and where the free space is looked at
	log   *slog.Logger
	lock  io.Closer
	disk  *disk
	clock flushClock
	last  atomic.Pointer[Metrics]

	memory memory
}

// Open opens the store in a folder, which is made if it is not there. A store
// that cannot be read, or of another format, is thrown away and begun empty,
// since the changelog has everything that it held.
func Open(config Config) (*Store, error) {
	config = config.withDefaults()
	lock, err := lockFolder(config)
	if err != nil {
		return nil, err
	}
	s, err := openLocked(config)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s.lock = lock
	return s, nil
}

func openLocked(config Config) (*Store, error) {
	dir := filepath.Join(config.Dir, "state")
	id, err := identify(config)
	if err != nil {
		return nil, explainOpen(dir, err)
	}
	s, err := openOrBeginAnew(config, dir)
	if err != nil {
		return nil, err
	}
	s.id = id
	return s, nil
}

// FolderError is a folder in which this process can have no store: it may not
// write there, or another process has it.
type FolderError struct {
	Dir, Text string
	Err       error
}

func (e *FolderError) Error() string { return fmt.Sprintf("%s %s (%v)", e.Dir, e.Text, e.Err) }

func (e *FolderError) Unwrap() error { return e.Err }

// lockFolder keeps other processes out, also while a damaged store is replaced.
func lockFolder(config Config) (io.Closer, error) {
	if err := config.FS.MkdirAll(config.Dir, 0o755); err != nil {
		return nil, &FolderError{config.Dir, "cannot be made: give this node a data-dir that its user may write", err}
	}
	lock, err := pebble.LockDirectory(config.Dir, config.FS)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return nil, &FolderError{config.Dir, "cannot be written: give this node a data-dir that its user may write", err}
	}
	if err != nil {
		written, unread := readText(config.FS, holderPath(config))
		used := fmt.Sprintf("is in use by %s: stop it, or give this node a data-dir of its own", holder.Of([]byte(written), unread))
		return nil, &FolderError{config.Dir, used, err}
	}
	if err := writeText(config.FS, holderPath(config), holder.Text()); err != nil {
		config.Log.Debug("who finds the folder locked will not know by whom", "dir", config.Dir, "error", err.Error())
	}
	return lock, nil
}

// holderPath is where the process that has locked the folder says who it is.
func holderPath(config Config) string { return config.FS.PathJoin(config.Dir, "holder") }

func openOrBeginAnew(config Config, dir string) (*Store, error) {
	s, err := open(config, dir)
	if err == nil || !pebble.IsCorruptionError(err) && !errors.Is(err, errFormat) {
		return s, explainOpen(dir, err)
	}
	config.Log.Warn("the local state cannot be used and is begun anew; it will be restored from the changelog", "dir", dir, "error", err.Error())
	if err := config.FS.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("remove the damaged local state %s: %w; remove it by hand", dir, err)
	}
	s, err = open(config, dir)
	return s, explainOpen(dir, err)
}

func explainOpen(dir string, err error) error {
	switch {
	case err == nil:
		return nil
	case vfs.IsNoSpaceError(err):
		return fmt.Errorf("open the local state %s: %w: %w", dir, ErrDiskFull, err)
	default:
		return fmt.Errorf("open the local state %s, which may be deleted, for it is restored from the changelog: %w", dir, err)
	}
}

func open(config Config, dir string) (*Store, error) {
	s := &Store{dir: dir, log: config.Log}
	s.disk = newDisk(config, dir)
	var err error
	if s.db, err = openPebble(dir, s.options(config)); err != nil {
		return nil, err
	}
	if err := s.checkFormat(); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	s.memory.max, s.memory.bound = memTablesMax*config.MemTableBytes, s.writable
	s.memory.measure = func() uint64 { return s.db.Metrics().MemTable.Size }
	s.disk.opened.Store(true)
	return s, nil
}

// openPebble makes an error of what Pebble would end the process for.
func openPebble(dir string, options *pebble.Options) (db *pebble.DB, err error) {
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case fatalError:
			err = cause
		default:
			panic(cause)
		}
	}()
	return pebble.Open(dir, options)
}

func (s *Store) options(config Config) *pebble.Options {
	o := &pebble.Options{
		FS:                          s.disk.fs,
		FormatMajorVersion:          pebble.FormatNewest,
		DisableWAL:                  true, // the changelog is the log
		CacheSize:                   config.CacheBytes,
		MemTableSize:                config.MemTableBytes,
		MemTableStopWritesThreshold: 1000, // never: see memory
		L0CompactionThreshold:       2,
		L0StopWritesThreshold:       1000, // slower reads are better than lanes that stand still
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
		Logger:                      logger{config.Log, s.dir},
		EventListener:               s.disk.listener(),
	}
	o.Levels[0].FilterPolicy = bloom.FilterPolicy(10) // the levels below take it over
	return o
}

// checkFormat refuses a store of another format. The mark is written before
// anything else, and a crash forgets from the end only: where data is, it is.
func (s *Store) checkFormat() error {
	raw, closer, err := s.db.Get(formatKey)
	if errors.Is(err, pebble.ErrNotFound) {
		return s.db.Set(formatKey, []byte{format}, pebble.NoSync)
	}
	if err != nil {
		return err
	}
	if len(raw) != 1 || raw[0] != format {
		err = fmt.Errorf("local state of format %d, this version has %d: %w", raw, format, errFormat)
	}
	return errors.Join(err, closer.Close())
}

// Partition gives access to a partition. Keep one for everything that changes
// it; others that only read, at the same time, take another.
func (s *Store) Partition(number int32) *Partition { return newPartition(s, number) }

// Close writes what is in memory to disk, unless the disk is full or broken,
// and closes the store. What is lost then is read again from the changelog.
// Nothing may use the store any more.
func (s *Store) Close() error {
	flushing := s.flush()
	s.disk.close()
	s.memory.close()
	if err := errors.Join(flushing, s.db.Close(), s.lock.Close()); err != nil {
		return fmt.Errorf("close the local state %s: %w", s.dir, err)
	}
	return nil
}

// flush writes what is in memory to disk. It does not wait for a disk that
// takes nothing.
func (s *Store) flush() error {
	if err := s.writable(); err != nil {
		return err
	}
	s.disk.forgetTrouble()
	flushed, err := s.db.AsyncFlush()
	if err != nil {
		return err
	}
	select {
	case <-flushed:
		return nil
	case <-s.disk.trouble:
		return s.writable()
	}
}

// flushIfOld begins a flush when the last one is long past, so that a quiet
// store is not too old for the changelog when it is opened again after a crash.
func (s *Store) flushIfOld(now int64) {
	if !s.clock.ring(now) {
		return
	}
	if _, err := s.db.AsyncFlush(); err != nil {
		s.log.Warn("the local state was not flushed", "dir", s.dir, "error", err.Error())
	}
}

// writable returns why the store takes no changes, or nil.
func (s *Store) writable() error { return s.disk.err() }

// flushEvery bounds how much of the changelog is read again after a crash of a
// node with little to do.
const flushEvery = 5 * time.Minute

// flushClock tells when the next flush is due, by the time of the changes.
type flushClock struct{ last atomic.Int64 }

func (c *flushClock) ring(now int64) bool {
	last := c.last.Load()
	due := last != 0 && now-last >= flushEvery.Milliseconds()
	if last == 0 || due {
		return c.last.CompareAndSwap(last, now) && due
	}
	return false
}
