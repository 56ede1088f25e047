package statestore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// Tables stand behind all partitions, whose numbers are not negative, each under
// its name:
//
//	0x80 name 0x00 p partition (4 bytes)   position: how far that partition of the topic was read
//	0x80 name 0x00 r key                   row
const (
	tableMark    = 0x80
	tableNameEnd = 0x00
	kindRow      = 'r'
)

// Table is a topic that a process holds whole, as rows by key, with the position
// of each of the topic's partitions beside them. It may be read by many
// goroutines and changed by one.
type Table struct {
	store *Store
	name  string
	rows  []byte // prefix
	marks []byte // prefix of the positions
}

// Table gives access to the table of that name, which must not hold a zero byte.
func (s *Store) Table(name string) *Table {
	start := append([]byte{tableMark}, name...)
	start = append(start, tableNameEnd)
	return &Table{store: s, name: name, rows: append(slices.Clone(start), kindRow), marks: append(slices.Clone(start), kindPosition)}
}

// Tables returns the names of the tables that the store holds something of, in order.
func (s *Store) Tables() ([]string, error) {
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{tableMark}, UpperBound: []byte{tableMark + 1}})
	if err != nil {
		return nil, fmt.Errorf("list the tables in %s: %w", s.dir, err)
	}
	var names []string
	for valid := iter.First(); valid; {
		name, _, _ := strings.Cut(string(iter.Key()[1:]), string(rune(tableNameEnd)))
		names = append(names, name)
		_, end := s.Table(name).span()
		valid = iter.SeekGE(end)
	}
	if err := iter.Close(); err != nil {
		return nil, fmt.Errorf("list the tables in %s: %w", s.dir, err)
	}
	return names, nil
}

// span returns the first key of the table and the first behind it.
func (t *Table) span() (start, end []byte) {
	start = slices.Clone(t.rows[:len(t.rows)-1])
	end = slices.Clone(start)
	end[len(end)-1]++
	return start, end
}

// Row returns the row of a key.
func (t *Table) Row(key []byte) (row []byte, found bool, err error) {
	raw, closer, err := t.store.db.Get(append(slices.Clone(t.rows), key...))
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return nil, false, nil
	case err != nil:
		return nil, false, t.explain("read", err)
	}
	row = bytes.Clone(raw)
	if err := closer.Close(); err != nil {
		return nil, false, t.explain("read", err)
	}
	return row, true, nil
}

// Positions returns how far each partition of the topic was read; a partition
// that was never read is not in it.
func (t *Table) Positions() (map[int32]Position, error) {
	out := map[int32]Position{}
	err := t.scan(t.marks, func(rest, raw []byte) error {
		record, err := decodePosition(raw)
		if err == nil && len(rest) != 4 {
			err = errFormat
		}
		if err != nil {
			return err
		}
		out[int32(binary.BigEndian.Uint32(rest))] = record.Position
		return nil
	})
	if err != nil {
		return nil, t.explain("read the position of", err)
	}
	return out, nil
}

// Scan calls fn for every row, in the order of the keys, until fn returns an
// error, which is returned. Key and row are valid during the call only.
func (t *Table) Scan(fn func(key, row []byte) error) error {
	return t.explain("scan", t.scan(t.rows, fn))
}

func (t *Table) scan(prefix []byte, fn func(rest, raw []byte) error) error {
	iter, err := t.store.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: behind(prefix)})
	if err != nil {
		return err
	}
	for valid := iter.First(); valid && err == nil; valid = iter.Next() {
		var raw []byte
		if raw, err = iter.ValueAndErr(); err == nil {
			err = fn(iter.Key()[len(prefix):], raw)
		}
	}
	return errors.Join(err, iter.Close())
}

// Wipe forgets the rows and the positions.
func (t *Table) Wipe() error {
	if err := t.store.writable(); err != nil {
		return t.explain("wipe", err)
	}
	start, end := t.span()
	return t.explain("wipe", t.store.db.DeleteRange(start, end, pebble.NoSync))
}

// TableBatch is changes of a table that come into force together.
type TableBatch struct {
	table *Table
	batch *pebble.Batch
	err   error // the first
	at    int64 // of the positions in it: the latest AppliedAt
}

// Begin opens a batch. The caller commits or discards it.
func (t *Table) Begin() *TableBatch { return &TableBatch{table: t, batch: t.store.db.NewBatch()} }

// Put sets the row of a key.
func (b *TableBatch) Put(key, row []byte) {
	b.keep(b.batch.Set(append(slices.Clone(b.table.rows), key...), row, nil))
}

// Delete removes the row of a key, if there is one.
func (b *TableBatch) Delete(key []byte) {
	b.keep(b.batch.Delete(append(slices.Clone(b.table.rows), key...), nil))
}

// Move sets how far a partition of the topic was read with the rows in the batch.
func (b *TableBatch) Move(partition int32, to Position) {
	key := binary.BigEndian.AppendUint32(slices.Clone(b.table.marks), uint32(partition))
	b.keep(b.batch.Set(key, positionRecord{Position: to}.encode(), nil))
	b.at = max(b.at, to.AppliedAt)
}

func (b *TableBatch) keep(err error) {
	if b.err == nil {
		b.err = err
	}
}

// Commit writes all of the batch, or nothing.
func (b *TableBatch) Commit() error {
	err := b.err
	if err == nil {
		err = b.table.store.memory.take(b.batch.Len())
	}
	if err == nil {
		err = b.batch.Commit(pebble.NoSync)
	}
	if err := b.table.explain("write", errors.Join(err, b.batch.Close())); err != nil {
		return err
	}
	b.table.store.flushIfOld(b.at)
	return nil
}

// Discard drops the batch.
func (b *TableBatch) Discard() error { return b.table.explain("drop changes of", b.batch.Close()) }

// explain names the table in an error, and tells damage from other faults.
func (t *Table) explain(step string, err error) error {
	switch {
	case err == nil:
		return nil
	case pebble.IsCorruptionError(err), errors.Is(err, errFormat):
		return fmt.Errorf("%s table %s in %s: %w, to be wiped and read again from its topic: %w", step, t.name, t.store.dir, ErrDamaged, err)
	default:
		return fmt.Errorf("%s table %s in %s: %w", step, t.name, t.store.dir, err)
	}
}
