package statestore

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// disk watches the file system under a store. When it is full, Pebble's writes
// in the background wait until there is space, instead of failing over and
// over or giving up the process, and changes are refused meanwhile.
type disk struct {
	fs    vfs.FS
	inner vfs.FS
	dir   string
	log   *slog.Logger
	check time.Duration

	opened   atomic.Bool // before, a full disk is an error of Open
	full     atomic.Bool
	failure  atomic.Pointer[error] // of the last flush, nil if it succeeded
	flushErr error                 // what the last flush ended with; guarded by Pebble's lock
	trouble  chan struct{}         // capacity 1: full or failure has just become true

	closing chan struct{}
	once    sync.Once
}

func newDisk(config Config, dir string) *disk {
	d := &disk{
		inner:   config.FS,
		dir:     dir,
		log:     config.Log,
		check:   config.spaceCheck,
		trouble: make(chan struct{}, 1),
		closing: make(chan struct{}),
	}
	d.fs = vfs.OnDiskFull(d.inner, d.awaitSpace)
	return d
}

// err returns why changes are refused, or nil.
func (d *disk) err() error {
	if d.full.Load() {
		return fmt.Errorf("%w: %s; it goes on by itself when there are %d MiB free", ErrDiskFull, d.dir, enoughBytes>>20)
	}
	if failure := d.failure.Load(); failure != nil {
		return fmt.Errorf("%s cannot be written, check the disk: %w", d.dir, *failure)
	}
	return nil
}

func (d *disk) close() { d.once.Do(func() { close(d.closing) }) }

// enoughBytes is the free space with which a store that met a full disk goes on.
const enoughBytes = 256 << 20

// awaitSpace holds up all writes until there is space again or the store is
// closed. The write that met the full disk is then tried once more.
func (d *disk) awaitSpace() {
	if !d.opened.Load() {
		return
	}
	d.full.Store(true)
	defer d.full.Store(false)
	d.raise()
	d.log.Error("the disk is full: no changes are taken until there is space", "dir", d.dir)
	ticker := time.NewTicker(d.check)
	defer ticker.Stop()
	for {
		select {
		case <-d.closing:
			return
		case <-ticker.C:
		}
		usage, err := d.inner.GetDiskUsage(d.dir)
		if err != nil || usage.AvailBytes >= enoughBytes {
			d.log.Info("trying the disk again", "dir", d.dir)
			return
		}
	}
}

// listener hears how flushes end. It is called with Pebble's lock held.
func (d *disk) listener() *pebble.EventListener {
	return &pebble.EventListener{
		FlushEnd:        func(info pebble.FlushInfo) { d.flushed(info.Err) },
		BackgroundError: d.failed,
		// Pebble ends the process by default. A reader gets the error too, and
		// knows which partition to wipe.
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			d.log.Error("the local state is damaged; if this comes again, restart the node without it", "dir", d.dir, "damage", info.String())
		},
	}
}

// flushed notes how a flush ended. An error is not always a failure: a flush
// of nothing has one too.
func (d *disk) flushed(err error) {
	d.flushErr = err
	if err == nil {
		d.failure.Store(nil)
	}
}

// failed hears of compactions and of flushes. Changes are refused only when a
// flush has failed: it is tried again, but what is in memory must not grow.
func (d *disk) failed(err error) {
	if d.flushErr == nil || !errors.Is(err, d.flushErr) {
		d.log.Error("the local state has a fault", "dir", d.dir, "error", err.Error())
		return
	}
	if d.failure.Swap(&err) == nil {
		d.log.Error("the local state cannot be written: no changes are taken", "dir", d.dir, "error", err.Error())
	}
	d.raise()
}

func (d *disk) raise() {
	select {
	case d.trouble <- struct{}{}:
	default:
	}
}

func (d *disk) forgetTrouble() {
	select {
	case <-d.trouble:
	default:
	}
}

// logger passes on what Pebble says: nothing of its daily work.
type logger struct {
	log *slog.Logger
	dir string
}

func (l logger) Infof(string, ...any) {}

func (l logger) Errorf(format string, args ...any) {
	l.log.Error("the local state has a fault", "dir", l.dir, "error", fmt.Sprintf(format, args...))
}

// Fatalf ends the process: Pebble calls it when it does not know any more what
// is on the disk. A new process finds out by opening the store.
func (l logger) Fatalf(format string, args ...any) {
	cause := fmt.Errorf(format, args...)
	for _, arg := range args {
		if err, ok := arg.(error); ok {
			cause = err
		}
	}
	panic(fatalError{l.dir, cause})
}

type fatalError struct {
	dir   string
	cause error
}

func (e fatalError) Error() string {
	return fmt.Sprintf("the local state %s cannot go on: %v; restart the node, and delete the folder if it happens again: the changelog has its content", e.dir, e.cause)
}

func (e fatalError) Unwrap() error { return e.cause }
