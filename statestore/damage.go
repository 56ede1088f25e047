package statestore

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

var (
	// ErrDamaged is the local state of a partition that cannot be read any more.
	// Wipe the partition and restore it from the changelog.
	ErrDamaged = errors.New("local state is damaged")

	// ErrDiskFull is a store that takes no more changes until there is space
	// again. It needs no hand then; what was refused is to be tried again.
	ErrDiskFull = errors.New("disk is full")

	// ErrClosed is an overlay that was applied or discarded before, or whose
	// partition has begun another.
	ErrClosed = errors.New("overlay is closed")
)

// explain names the partition in an error, and tells damage from other faults.
func (p *Partition) explain(step string, err error) error {
	switch {
	case err == nil:
		return nil
	case pebble.IsCorruptionError(err), errors.Is(err, errFormat):
		return fmt.Errorf("%s partition %d in %s: %w, to be wiped and restored from the changelog: %w",
			step, p.number, p.store.dir, ErrDamaged, err)
	default:
		return fmt.Errorf("%s partition %d in %s: %w", step, p.number, p.store.dir, err)
	}
}
