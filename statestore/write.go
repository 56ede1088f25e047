package statestore

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// write is one Pebble batch of a partition: values, the timers index and the
// position change together or not at all.
type write struct {
	partition *Partition
	step      string
	batch     *pebble.Batch
	gone      []timerKey
	armed     []timerKey
}

// write begins a batch with room for changes.
func (p *Partition) write(step string, room *changes) *write {
	const perChange = 64 // the entry's header, the timer, and what Pebble adds
	size := room.bytes + (len(room.list)+1)*perChange
	return &write{partition: p, step: step, batch: p.store.db.NewBatchWithSize(size)}
}

// change adds a change of a key whose timer was due at before; 0: it had none.
func (w *write) change(before int64, c change) error {
	due := c.due()
	if before != due && before != 0 {
		w.gone = append(w.gone, newTimerKey(before, c.key))
	}
	if before != due && due != 0 {
		w.armed = append(w.armed, newTimerKey(due, c.key))
	}
	if c.gone {
		op := w.batch.DeleteDeferred(prefixBytes + len(c.key))
		w.partition.values.key(op.Key[:0], c.key)
		return op.Finish()
	}
	op := w.batch.SetDeferred(prefixBytes+len(c.key), c.entry.encodedBytes())
	w.partition.values.key(op.Key[:0], c.key)
	c.entry.encode(op.Value)
	return op.Finish()
}

// index adds the changes of the timers index.
func (w *write) index() error {
	for _, t := range w.gone {
		op := w.batch.DeleteDeferred(prefixBytes + len(t))
		w.partition.timers.keyOf(op.Key[:0], t)
		if err := op.Finish(); err != nil {
			return err
		}
	}
	for _, t := range w.armed {
		op := w.batch.SetDeferred(prefixBytes+len(t), 0)
		w.partition.timers.keyOf(op.Key[:0], t)
		if err := op.Finish(); err != nil {
			return err
		}
	}
	return nil
}

// commit writes everything with the position behind it.
func (w *write) commit(pos Position) error {
	q, err := w.partition.timerQueue()
	if err != nil {
		return w.abandon(err)
	}
	w.update(q)
	record := positionRecord{pos, q.cursor()}
	if err := w.batch.Set(w.partition.position, record.encode(), nil); err != nil {
		return w.abandon(err)
	}
	if err := w.finish(); err != nil {
		return err
	}
	w.partition.store.flushIfOld(pos.AppliedAt)
	return nil
}

// spill writes everything but leaves the position where it is.
func (w *write) spill() error {
	q, err := w.partition.timerQueue()
	if err != nil {
		return w.abandon(err)
	}
	w.update(q)
	record, found, err := w.partition.readPosition()
	if err == nil && found {
		record.cursor = q.cursor()
		err = w.batch.Set(w.partition.position, record.encode(), nil)
	}
	if err != nil {
		return w.abandon(err)
	}
	return w.finish()
}

// update brings the timers in memory to what the batch will have made of them.
// If the batch fails they are read again; see abandon.
func (w *write) update(q *queue) {
	for _, t := range w.gone {
		q.remove(t)
	}
	for _, t := range w.armed {
		q.add(t)
	}
}

func (w *write) finish() error {
	if err := w.index(); err != nil {
		return w.abandon(err)
	}
	if err := w.partition.store.memory.take(w.batch.Len()); err != nil {
		return w.abandon(err)
	}
	if err := w.batch.Commit(pebble.NoSync); err != nil {
		return w.abandon(err)
	}
	return w.partition.explain(w.step, w.batch.Close())
}

// abandon drops the batch; nothing of it was written.
func (w *write) abandon(err error) error {
	w.partition.queue = nil
	return w.partition.explain(w.step, errors.Join(err, w.batch.Close()))
}
