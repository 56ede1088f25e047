package processor

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Member is the identity in the consumer group under which a lane was
// assigned: what the assignment callback saw, never what the client says now.
// An empty one is refused, because Kafka accepts it, even from a zombie.
type Member struct {
	ID         string
	Generation int32
}

// Offset is what the group shall go on with in one partition.
type Offset struct {
	Next        int64  // offset of the next record to read
	LeaderEpoch int32  // of the last record read; -1 if not known
	Metadata    string // free text, shown by tools
}

// Offsets are the input offsets of a transaction, by topic and partition.
type Offsets map[string]map[int32]Offset

type topicPartition struct {
	topic     string
	partition int32
}

// Txn collects what one transaction shall write.
type Txn struct {
	ring    *Ring
	records []*kgo.Record
	cuts    []int                  // where in records a new burst begins
	sizes   map[topicPartition]int // bytes of each partition in the last burst; 0 if only in former ones
	ended   bool
}

// Add appends a record. Topic and Partition must be set, and the record must
// not be changed before Commit has returned.
func (t *Txn) Add(rec *kgo.Record) {
	at := topicPartition{rec.Topic, rec.Partition}
	size := recordBytes(rec)
	if held := t.sizes[at]; held > 0 && held+size > t.room(rec.Topic) {
		t.cut()
	}
	t.sizes[at] += size
	t.records = append(t.records, rec)
}

// cut begins a new burst. A partition's second batch must not be under way
// beside the first: the two would collide in the transaction coordinator.
func (t *Txn) cut() {
	t.cuts = append(t.cuts, len(t.records))
	for at := range t.sizes {
		t.sizes[at] = 0
	}
}

// Fits reports whether records still go out with what was added before, in one
// batch per partition. A transaction that is committed before that becomes
// false is as fast as can be; one that goes on is correct all the same.
func (t *Txn) Fits(records ...*kgo.Record) bool {
	more := make(map[topicPartition]int, len(records))
	for _, rec := range records {
		at := topicPartition{rec.Topic, rec.Partition}
		more[at] += recordBytes(rec)
		if held := t.sizes[at]; held > 0 && held+more[at] > t.room(rec.Topic) {
			return false
		}
	}
	return true
}

// Len is the number of records added.
func (t *Txn) Len() int { return len(t.records) }

// room is how many bytes of records one batch of a topic holds.
func (t *Txn) room(topic string) int {
	return int(t.ring.cfg.BatchBytes(topic)) - batchOverhead
}

// Abort ends a transaction that shall not be committed. Nothing of it has been
// sent; only the records are let go.
func (t *Txn) Abort() {
	t.ended = true
	t.records, t.cuts, t.sizes = nil, nil, nil
}

// Commit writes the records and the offsets in one Kafka transaction. After nil
// all of it is committed, and the Offset of every added record is set.
//
// Otherwise the error is one of ErrAborted, ErrFenced, ErrUnknown, ErrClosed
// and ErrRefused, which say what may be done next; after the second and third
// the ring has closed itself. It takes at most the ring's Timeout.
//
// Canceling ctx makes the outcome unknown. To stop in good order, let a Commit
// under way finish.
func (t *Txn) Commit(ctx context.Context, offsets Offsets, member Member) error {
	if err := t.check(offsets, member); err != nil {
		return err
	}
	producer, err := t.ring.take()
	if err != nil {
		return err
	}
	t.ended = true
	ctx, cancel := context.WithTimeout(ctx, t.ring.cfg.Timeout)
	defer cancel()
	if err := t.carryOut(ctx, producer, offsets, member); err != nil {
		return fmt.Errorf("transaction of %s: %w", producer.id, t.settle(ctx, producer, err))
	}
	t.ring.release(true, true)
	return nil
}

func (t *Txn) check(offsets Offsets, member Member) error {
	switch {
	case t.ended:
		return fmt.Errorf("%w: it has been ended before", ErrRefused)
	case len(t.records) == 0:
		return fmt.Errorf("%w: it has no record; the client would drop the offsets silently", ErrRefused)
	case member.ID == "" || member.Generation < 0:
		return fmt.Errorf("%w: member %q of generation %d is no identity; Kafka would take it even from a zombie",
			ErrRefused, member.ID, member.Generation)
	case offsets.empty():
		return fmt.Errorf("%w: it commits no offset, so nothing would fence a former owner", ErrRefused)
	}
	return nil
}

func (o Offsets) empty() bool {
	for _, partitions := range o {
		if len(partitions) > 0 {
			return false
		}
	}
	return true
}

// carryOut is the whole protocol: one request waits for the other.
func (t *Txn) carryOut(ctx context.Context, p *ringProducer, offsets Offsets, member Member) error {
	ids, err := t.ring.topics.of(ctx, offsets)
	if err != nil {
		return err
	}
	if err := p.begin(ctx); err != nil {
		return err
	}
	if err := p.register(ctx, t); err != nil {
		return err
	}
	for burst := range t.bursts {
		if err := p.produce(ctx, t.records[burst.from:burst.to], burst.from); err != nil {
			return err
		}
	}
	if err := p.commitOffsets(ctx, t.ring.cfg.Group, offsets, ids, member); err != nil {
		return err
	}
	return p.end(ctx, kgo.TryCommit)
}

// settle turns the failure of a step into one of the ring's answers and leaves
// nothing half done.
func (t *Txn) settle(ctx context.Context, p *ringProducer, cause error) error {
	if abortable(cause) {
		err := p.end(ctx, kgo.TryAbort)
		if err == nil {
			t.ring.release(false, true)
			return fmt.Errorf("%w: %w", ErrAborted, cause)
		}
		cause = fmt.Errorf("%w; abort: %w", cause, err)
	}
	verdict := ErrUnknown
	if outdated(cause) && p.inTime() {
		verdict = ErrFenced
	}
	t.ring.release(false, false)
	t.ring.Close()
	return fmt.Errorf("%w: %w", verdict, cause)
}

type burst struct{ from, to int }

// bursts yields the records' ranges that go out at once.
func (t *Txn) bursts(yield func(burst) bool) {
	from := 0
	for _, cut := range append(t.cuts, len(t.records)) {
		if !yield(burst{from, cut}) {
			return
		}
		from = cut
	}
}

const (
	// batchOverhead is the size of a record batch without records: 12 bytes of
	// offset and length, 49 of header.
	batchOverhead = 61
	// recordOverhead bounds what framing adds to a record: the varints of its
	// length (5), timestamp (10) and offset (5) deltas, key, value and header
	// count (5 each), and one byte of attributes.
	recordOverhead = 36
	// headerOverhead bounds the varints of one header's key and value.
	headerOverhead = 10
)

// recordBytes is an upper bound of a record's size in a batch.
func recordBytes(rec *kgo.Record) int {
	size := recordOverhead + len(rec.Key) + len(rec.Value)
	for _, h := range rec.Headers {
		size += headerOverhead + len(h.Key) + len(h.Value)
	}
	return size
}
