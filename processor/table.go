package processor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/schemas"
	"rondo/statestore"
	"rondo/topology/diag"
)

// What a table's reader goes by.
const (
	// tableLookEvery is how often one looks whether a table was read to its end.
	tableLookEvery = 50 * time.Millisecond
	// tableCheckEvery is how often a reader asks whether its topic is still the
	// same, has more partitions, or has lost records to its retention.
	tableCheckEvery = 15 * time.Second
	// tablePollWait is how long a reader waits for records before it looks up.
	tablePollWait = time.Second
	// tablePoll is how many records are written to the store at once.
	tablePoll = 2000
)

// table is one topic that the node holds whole, in the store, and follows. Its
// reader alone changes it; lanes read it.
type table struct {
	shared *shared
	source tableSource
	store  *statestore.Table
	log    *slog.Logger
	cache  rowCache

	again    atomic.Bool // the rows cannot be read any more: throw them away
	ready    atomic.Bool // it was read to its end once
	left     atomic.Int64
	why      atomic.Pointer[string] // it cannot be read at the moment
	complain sync.Once              // about the first row that cannot be decoded

	// Touched by the reader only.
	next   map[int32]int64 // of each partition, the next offset
	starts map[int32]int64 // what each partition began with when it was last looked at
	ends   map[int32]int64 // the last stable offsets, as far as is known
	facts  topicFacts
}

func newTable(s *shared, source tableSource) *table {
	return &table{
		shared: s, source: source, store: s.store.Table(source.id),
		log: s.config.Log.With("table", source.name, "topic", source.topic),
	}
}

// loaded returns why nothing may be decided by the table yet, or nil.
func (t *table) loaded() error {
	if t.ready.Load() {
		return nil
	}
	if why := t.why.Load(); why != nil {
		return fmt.Errorf("table %s (topic %s) cannot be read: %s", t.source.name, t.source.topic, *why)
	}
	return fmt.Errorf("table %s (topic %s) is being read: %s left", t.source.name, t.source.topic, diag.Count(int(t.left.Load()), "record"))
}

// run reads the table until ctx ends. Whatever goes wrong, it begins again where
// the store stands; lanes go on with what they have.
func (t *table) run(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; failures++ {
		began := t.shared.clock()
		err := t.read(ctx)
		if ctx.Err() != nil {
			return
		}
		why := err.Error()
		t.why.Store(&why)
		if t.shared.clock().Sub(began) > time.Minute {
			failures = 0
		}
		if failures%10 == 0 {
			t.log.Warn("the table is not up to date: it cannot be read", "reason", why, "decisions", t.meanwhile())
		}
		_ = pause(ctx, retryDelay(failures)) // ended with ctx
	}
}

func (t *table) meanwhile() string {
	if t.ready.Load() {
		return "go by the rows as they were"
	}
	return "wait"
}

var (
	// errTopicChanged begins the reading anew: the topic was replaced, or has got
	// more partitions.
	errTopicChanged = errors.New("the topic has changed")
	// errRowsUnreadable does so as well, and the rows are thrown away.
	errRowsUnreadable = errors.New("the rows on the disk cannot be read any more")
)

// read reads from where the store stands, and follows.
func (t *table) read(ctx context.Context) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	target := maps.Clone(t.ends)
	client, err := t.shared.newClient(append(fetcherOptions(), kgo.ConsumePartitions(t.offsets()))...)
	if err != nil {
		return err
	}
	defer client.Close()
	for checked := t.shared.clock(); ; {
		if t.again.Load() {
			return errRowsUnreadable
		}
		t.why.Store(nil)
		t.progress(target)
		if err := t.poll(ctx, client); err != nil {
			return err
		}
		if now := t.shared.clock(); now.Sub(checked) >= tableCheckEvery {
			if err := t.check(ctx); err != nil {
				return err
			}
			checked = now
		}
	}
}

// begin finds out where to read from. What the store holds is thrown away if it
// cannot be brought up to date.
func (t *table) begin(ctx context.Context) error {
	var err error
	if t.facts, err = t.shared.cluster.freshTopic(ctx, t.source.topic); err != nil {
		return err
	}
	if err := t.lookUp(ctx); err != nil {
		return err
	}
	positions, err := t.store.Positions()
	if err != nil && !errors.Is(err, statestore.ErrDamaged) {
		return err
	}
	why := t.unusable(positions)
	if err != nil {
		why = err.Error()
	}
	if why != "" {
		if err := t.wipe(why); err != nil {
			return err
		}
		positions = nil
	}
	t.next = make(map[int32]int64, t.facts.partitions)
	for p := range t.facts.partitions {
		t.next[p] = t.starts[p]
		if at, ok := positions[p]; ok {
			t.next[p] = at.Offset
		}
	}
	if len(positions) > 0 && slices.Max(slices.Collect(maps.Values(t.starts))) > 0 {
		return t.sweep()
	}
	return nil
}

// lookUp asks where the partitions begin and end.
func (t *table) lookUp(ctx context.Context) error {
	inputs := make([]input, t.facts.partitions)
	for p := range inputs {
		inputs[p] = input{t.source.topic, int32(p)}
	}
	starts, err := t.shared.cluster.starts(ctx, inputs)
	if err != nil {
		return err
	}
	ends, err := t.shared.cluster.ends(ctx, inputs)
	if err != nil {
		return err
	}
	t.starts, t.ends = byPartition(starts), byPartition(ends)
	return nil
}

func byPartition(offsets map[input]int64) map[int32]int64 {
	out := make(map[int32]int64, len(offsets))
	for in, offset := range offsets {
		out[in.partition] = offset
	}
	return out
}

// unusable says why what the store holds cannot be brought up to date: it is of
// another topic, ahead of it, behind its start, or so old that tombstones behind
// it may be gone, in which case rows deleted meanwhile would stay. "" if it can.
func (t *table) unusable(positions map[int32]statestore.Position) string {
	if t.again.Load() {
		return errRowsUnreadable.Error()
	}
	for p, at := range positions {
		switch {
		case at.TopicID != t.facts.id:
			return "they belong to a topic that was deleted"
		case at.Offset > t.ends[p]:
			return fmt.Sprintf("they are ahead of partition %d", p)
		case at.Offset < t.starts[p]:
			return fmt.Sprintf("the records behind them in partition %d are gone", p)
		case at.Offset < t.ends[p] && t.shared.clock().Sub(time.UnixMilli(at.AppliedAt)) > t.facts.deleteRetention/2:
			return "they are older than the topic keeps tombstones"
		}
	}
	return ""
}

// wipe throws the rows away. Nothing is decided by the table until it was read anew.
func (t *table) wipe(why string) error {
	t.log.Info("the table is read anew", "reason", why)
	t.ready.Store(false)
	if err := t.store.Wipe(); err != nil {
		return err
	}
	t.cache.clear()
	t.again.Store(false)
	return nil
}

func (t *table) offsets() map[string]map[int32]kgo.Offset {
	out := make(map[int32]kgo.Offset, len(t.next))
	for p, next := range t.next {
		out[p] = kgo.NewOffset().At(next)
	}
	return map[string]map[int32]kgo.Offset{t.source.topic: out}
}

// progress notes how much is left up to the target, and up to the topic's end.
func (t *table) progress(target map[int32]int64) {
	left, lag := int64(0), int64(0)
	for p, next := range t.next {
		left += max(target[p]-next, 0)
		lag += max(t.ends[p]-next, 0)
	}
	t.left.Store(left)
	t.shared.metrics.tableLag.WithLabelValues(t.source.topic).Set(float64(lag))
	if left == 0 && !t.ready.Swap(true) {
		t.log.Info("the table was read to its end")
	}
}

// poll waits for records and brings them into the table.
func (t *table) poll(ctx context.Context, client *kgo.Client) error {
	polling, cancel := context.WithTimeout(ctx, tablePollWait)
	defer cancel()
	fetches := client.PollRecords(polling, tablePoll)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var failed error
	var records []*kgo.Record
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		t.ends[p.Partition] = max(t.ends[p.Partition], p.LastStableOffset)
		records = append(records, p.Records...)
		if p.Err != nil && !errors.Is(p.Err, context.DeadlineExceeded) {
			failed = errors.Join(failed, fmt.Errorf("read %s/%d: %w", t.source.topic, p.Partition, p.Err))
		}
	})
	if err := t.take(ctx, records); err != nil {
		return err
	}
	return failed
}

// take writes records and the positions behind them in one batch.
func (t *table) take(ctx context.Context, records []*kgo.Record) error {
	if len(records) == 0 {
		return nil
	}
	batch := t.store.Begin()
	moved := make(map[int32]int64)
	var keys []string
	for _, record := range records {
		moved[record.Partition] = record.Offset + 1
		if record.Attrs.IsControl() {
			continue
		}
		if err := t.put(ctx, batch, record); err != nil {
			return errors.Join(err, batch.Discard())
		}
		keys = append(keys, string(record.Key))
	}
	t.move(batch, moved)
	if err := batch.Commit(); err != nil {
		return err
	}
	t.cache.changed(keys)
	for p, next := range moved {
		t.next[p] = next
	}
	return nil
}

func (t *table) move(batch *statestore.TableBatch, to map[int32]int64) {
	now := t.shared.clock().UnixMilli()
	for p, next := range to {
		batch.Move(p, statestore.Position{TopicID: t.facts.id, Offset: next, AppliedAt: now})
	}
}

// put stages one record. One that cannot be a row keeps the former row.
func (t *table) put(ctx context.Context, batch *statestore.TableBatch, record *kgo.Record) error {
	if record.Key == nil || !utf8.Valid(record.Key) {
		t.refuse(record, "its key is not text")
		return nil
	}
	if record.Value == nil {
		batch.Delete(record.Key)
		return nil
	}
	decoded, err := t.decode(ctx, record)
	if undecodable := (*schemas.Undecodable)(nil); errors.As(err, &undecodable) {
		t.refuse(record, undecodable.Code+": "+undecodable.Text)
		return nil
	} else if err != nil {
		return err
	}
	row, err := schemas.Row{Partition: record.Partition, Offset: record.Offset, Value: decoded.Payload}.Encode()
	if err != nil {
		t.refuse(record, err.Error())
		return nil
	}
	batch.Put(record.Key, row)
	return nil
}

// decode waits for a schema registry that does not answer.
func (t *table) decode(ctx context.Context, record *kgo.Record) (schemas.Decoded, error) {
	for failures := 0; ; failures++ {
		decoded, err := t.source.reader.Decode(ctx, rawOf(record))
		if !errors.Is(err, schemas.ErrRegistryUnavailable) {
			return decoded, err
		}
		why := err.Error()
		t.why.Store(&why)
		if failures%10 == 0 {
			t.log.Warn("the table waits for the schema registry", "reason", why)
		}
		if err := pause(ctx, retryDelay(failures)); err != nil {
			return decoded, err
		}
	}
}

// refuse counts a record that cannot be a row. The first one is logged: the
// others are probably like it.
func (t *table) refuse(record *kgo.Record, why string) {
	t.shared.metrics.tableRefused.WithLabelValues(t.source.topic).Inc()
	t.complain.Do(func() {
		t.log.Warn("a record cannot be a row: the former row of its key stays, and further ones are only counted",
			"record", coordinates(record), "reason", why)
	})
}

// check asks whether the topic is what it was. Rows whose records have fallen
// to the topic's retention go, as they would for a node that reads it now.
func (t *table) check(ctx context.Context) error {
	before, began := t.facts, t.starts
	facts, err := t.shared.cluster.freshTopic(ctx, t.source.topic)
	if err != nil {
		return err
	}
	if facts.id != before.id || facts.partitions != before.partitions {
		return errTopicChanged
	}
	t.facts = facts
	if err := t.lookUp(ctx); err != nil {
		return err
	}
	for p, start := range t.starts {
		if start > began[p] {
			return t.sweep()
		}
	}
	return t.touch()
}

// touch notes that the rows are up to date now, where they are: a table that
// seldom changes is not old.
func (t *table) touch() error {
	current := make(map[int32]int64)
	for p, next := range t.next {
		if next >= t.ends[p] {
			current[p] = next
		}
	}
	batch := t.store.Begin()
	t.move(batch, current)
	return batch.Commit()
}

// sweep deletes the rows whose records the topic does not hold any more.
func (t *table) sweep() error {
	batch := t.store.Begin()
	gone := 0
	err := t.store.Scan(func(key, stored []byte) error {
		row, err := schemas.DecodeRow(stored)
		if err == nil && row.Offset < t.starts[row.Partition] {
			batch.Delete(key)
			gone++
		}
		return err
	})
	if err != nil {
		t.again.Store(true)
		return errors.Join(err, batch.Discard())
	}
	if gone == 0 {
		return batch.Discard()
	}
	if err := batch.Commit(); err != nil {
		return err
	}
	t.cache.clear()
	t.log.Info("rows have fallen to the topic's retention", "rows", gone)
	return nil
}
