package statestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// Partition is the state of one partition, as one goroutine at a time uses it.
// Whoever only reads beside it takes a Partition of their own.
type Partition struct {
	store  *Store
	number int32

	position []byte // key
	values   prefix
	timers   prefix

	queue  *queue // nil until asked for
	recent recentDues
	open   *Overlay // the lowest; others may lie upon it
	usual  int      // keys that the last applied overlay had changed
}

func newPartition(s *Store, number int32) *Partition {
	position := newPrefix(number, kindPosition)
	return &Partition{
		store:    s,
		number:   number,
		position: position[:],
		values:   newPrefix(number, kindValue),
		timers:   newPrefix(number, kindTimer),
	}
}

// Position returns up to where the changelog has been applied; false if
// nothing was ever applied, or the partition was wiped since.
func (p *Partition) Position() (Position, bool, error) {
	record, found, err := p.readPosition()
	return record.Position, found, p.explain("read the position of", err)
}

func (p *Partition) readPosition() (record positionRecord, found bool, err error) {
	found, err = p.read(p.position, func(raw []byte) error {
		record, err = decodePosition(raw)
		return err
	})
	return record, found, err
}

// read lets parse see what stands under a key of the store, if anything does.
func (p *Partition) read(key []byte, parse func(raw []byte) error) (found bool, err error) {
	raw, closer, err := p.store.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := errors.Join(parse(raw), closer.Close()); err != nil {
		return false, err
	}
	return true, nil
}

// Get returns the committed entry of a key.
func (p *Partition) Get(key []byte) (Entry, bool, error) {
	var entry Entry
	found, err := p.read(p.values.key(nil, key), func(raw []byte) (err error) {
		entry, err = decodeEntry(bytes.Clone(raw))
		return err
	})
	if err != nil {
		return Entry{}, false, p.explain(fmt.Sprintf("read %q of", key), err)
	}
	p.recent.set(string(key), entry.Due)
	return entry, found, nil
}

// Scan calls fn for every committed entry whose key begins with start, in the
// order of the keys, until fn returns an error, which is returned. Key and
// value are valid during the call only.
func (p *Partition) Scan(start []byte, fn func(key []byte, entry Entry) error) error {
	lower := p.values.key(nil, start)
	iter, err := p.store.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: behind(lower)})
	if err != nil {
		return p.explain("scan", err)
	}
	for valid := iter.First(); valid && err == nil; valid = iter.Next() {
		err = p.visit(iter, fn)
	}
	return errors.Join(err, p.explain("scan", iter.Close()))
}

func (p *Partition) visit(iter *pebble.Iterator, fn func(key []byte, entry Entry) error) error {
	raw, err := iter.ValueAndErr()
	if err != nil {
		return p.explain("scan", err)
	}
	entry, err := decodeEntry(raw)
	if err != nil {
		return p.explain("scan", err)
	}
	return fn(iter.Key()[prefixBytes:], entry)
}

// behind is the first key that does not begin with lower, which has a kind in
// it and so is never all 0xff.
func behind(lower []byte) []byte {
	end := bytes.TrimRight(slices.Clone(lower), "\xff")
	end[len(end)-1]++
	return end
}

// NextDue returns when the earliest committed timer is due; false if there is
// none. It reads from disk only when the timers held in memory are used up. If
// that fails it says 0, due at once: Due then returns the error.
func (p *Partition) NextDue() (int64, bool) {
	q, err := p.timerQueue()
	for err == nil && len(q.timers) == 0 && q.rest {
		err = p.load(q, queueTimers)
	}
	if err != nil {
		return 0, true
	}
	if len(q.timers) == 0 {
		return 0, false
	}
	return q.timers[0].due(), true
}

// Due returns the committed timers that are due until a time (milliseconds
// since the epoch, inclusive), by due, then key, at most max. They stay until
// an overlay changes their keys.
func (p *Partition) Due(until int64, max int) ([]Timer, error) {
	q, err := p.timerQueue()
	for err == nil && q.wants(until, max) {
		err = p.load(q, max-len(q.timers))
	}
	if err != nil {
		return nil, p.explain("read timers of", err)
	}
	due := q.due(until, max)
	for _, timer := range due {
		p.recent.set(string(timer.Key), timer.Due)
	}
	return due, nil
}

// SetAside takes a committed timer out of what NextDue and Due tell, until its key
// is changed or all are recalled. It is memory only: in the store the timer stays
// what it is, and a partition that was opened anew tells it again.
func (p *Partition) SetAside(t Timer) error {
	q, err := p.timerQueue()
	if err != nil {
		return p.explain("set a timer aside in", err)
	}
	q.setAside(newTimerKey(t.Due, t.Key))
	return nil
}

// Aside is the number of timers that are set aside.
func (p *Partition) Aside() int {
	if p.queue == nil {
		return 0
	}
	return len(p.queue.aside)
}

// RecallTimers brings back what was set aside.
func (p *Partition) RecallTimers() {
	if p.queue != nil {
		p.queue.recall()
	}
}

// timerQueue returns the queue, which begins at the stored cursor.
func (p *Partition) timerQueue() (*queue, error) {
	if p.queue == nil {
		record, _, err := p.readPosition()
		if err != nil {
			return nil, err
		}
		p.queue = &queue{edge: record.cursor, rest: true}
	}
	return p.queue, nil
}

// load reads the timers at the queue's edge, n or as many as the queue holds.
func (p *Partition) load(q *queue, n int) error {
	n = max(n, queueTimers)
	iter, err := p.store.db.NewIter(&pebble.IterOptions{
		LowerBound: p.timers.key(nil, []byte(q.edge)),
		UpperBound: p.timers.end(),
	})
	if err != nil {
		return err
	}
	timers := make([]timerKey, 0, n)
	valid := iter.First()
	for ; valid && len(timers) < n; valid = iter.Next() {
		timers = append(timers, timerKey(iter.Key()[prefixBytes:]))
	}
	if err := errors.Join(iter.Close(), checkTimers(timers)); err != nil {
		return err
	}
	q.loaded(timers, valid)
	return nil
}

// Wipe forgets the partition, its position with it. The damaged tables of a
// partition go too, where they can be told from its neighbours' data.
func (p *Partition) Wipe() error {
	p.queue, p.recent = nil, recentDues{}
	if p.open != nil {
		p.open.Discard()
	}
	start, end := partitionSpan(p.number)
	if empty, err := p.empty(start, end); empty && err == nil {
		return nil
	}
	if err := p.store.writable(); err != nil {
		return p.explain("wipe", err)
	}
	if err := p.store.db.DeleteRange(start, end, pebble.NoSync); err != nil {
		return p.explain("wipe", err)
	}
	p.excise(start, end)
	return nil
}

// empty reports whether nothing stands in a span of keys.
func (p *Partition) empty(start, end []byte) (bool, error) {
	iter, err := p.store.db.NewIter(&pebble.IterOptions{LowerBound: start, UpperBound: end})
	if err != nil {
		return false, err
	}
	found := iter.First()
	return !found, iter.Close()
}

// excise cuts a span, deleted before, out of the tables, so that its space
// comes back at once and no compaction has to read what may be damaged. The
// flush first keeps the order in which a crash forgets. The deletion holds
// without it, so that a failure only costs space.
func (p *Partition) excise(start, end []byte) {
	err := p.store.flush()
	if err == nil {
		err = p.store.db.Excise(context.Background(), pebble.KeyRange{Start: start, End: end})
	}
	if err != nil {
		p.store.log.Warn("the space of a wiped partition does not come back at once", "partition", p.number, "error", err.Error())
	}
}

// Begin opens an overlay upon the committed state. Those left open are discarded.
func (p *Partition) Begin() *Overlay {
	if p.open != nil {
		p.open.Discard()
	}
	p.open = &Overlay{partition: p, changes: changes{expected: p.usual}}
	return p.open
}
