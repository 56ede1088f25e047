package processor

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/schemas"
	"rondo/statestore"
	"rondo/topology"
)

// batch is what one transaction will hold: the inputs that it decides, the
// state that they change, and the records that go out. Until it is committed
// nothing of it is visible to anybody but the batch that is decided upon it.
type batch struct {
	tenure  *tenure
	overlay *statestore.Overlay
	staged  map[string]cached // by store key: the next states; a zero one: it is forgotten
	out     []*kgo.Record     // without those for the changelog
	room    []kgo.Record      // for the next of out
	share   *share            // what is handed in of the batch as it is; nil since an input was decided
	seen    decodedBy         // of the record that is being decided
	load    map[input]int     // bytes in out by the partition that they go to
	bytes   int               // of all of them
	heavy   bool              // some partition has as much as one produce batch should hold, or all together as much as a transaction

	began   time.Time
	offered time.Time        // when it was first ready for the committer
	inputs  int              // decided so far: records and timers
	whole   int              // of them, those in front of the one that is being decided
	limit   int              // of inputs; 0: that of all batches
	records []*kgo.Record    // taken so far, to be decided again after an abort
	before  map[input]int64  // positions at the beginning
	urgent  bool             // there is something that others wait for
	fired   topology.Address // whose timer was decided last

	definitions *definitionSet                      // all of whose desks were looked at in this batch or before; nil: not to the end
	told        map[topology.Address]*topology.Plan // what this batch has told schedules and gates

	tally tally
}

// tally counts what a batch did; it reaches the metrics when the batch is
// committed, so that what was aborted is not counted.
type tally struct {
	decisions map[decisionLabels]int
	commands  map[commandLabels]int
	dead      map[string]int
	skipped   map[string]int
	letters   map[letterLabels]int
	forwarded int
	fired     int
	lateness  []time.Duration // of timers
	faults    map[string]int
}

type decisionLabels struct{ workflow, outcome string }
type commandLabels struct{ workflow, message string }
type letterLabels struct{ workflow, kind string }

// newBatch begins a batch upon what is committed, or upon the batch in flight.
func newBatch(t *tenure) *batch {
	limit := cmp.Or(t.upTo, t.suspects/2)
	t.upTo = 0
	return &batch{
		tenure:  t,
		overlay: t.beginOverlay(),
		staged:  make(map[string]cached, t.usual),
		load:    make(map[input]int),
		began:   t.lane.shared.clock(),
		limit:   limit,
		before:  maps.Clone(t.next),
		tally: tally{
			decisions: make(map[decisionLabels]int),
			commands:  make(map[commandLabels]int),
			letters:   make(map[letterLabels]int),
			dead:      make(map[string]int),
			skipped:   make(map[string]int),
			faults:    make(map[string]int),
		},
	}
}

// full reports whether the batch takes no more inputs.
func (b *batch) full() bool {
	return b.inputs >= batchInputs || b.limit > 0 && b.inputs >= b.limit || b.heavy || b.tenure.lane.stopped() ||
		b.tenure.single && b.inputs > 0 ||
		b.tenure.lane.shared.clock().Sub(b.began) > batchTime // markers alone, which are no inputs, must not hold it open
}

// worthCommitting reports whether the batch must be committed now. Positions
// alone can wait a little for company; those that wait already are in the batch
// in flight, if there is one.
func (b *batch) worthCommitting() bool {
	if b.urgent {
		return true
	}
	until := b.tenure.lazyUntil
	return len(b.tenure.flying) == 0 && !until.IsZero() && !b.tenure.lane.shared.clock().Before(until)
}

// keepPositions lets a batch without effect go, and remembers that positions moved.
func (b *batch) keepPositions() {
	b.overlay.Discard()
	b.tally.report(b.tenure.lane.shared.metrics)
	b.desksKept()
	t := b.tenure
	if t.refused == nil && b.inputs > 0 {
		t.exonerate(b)
	}
	if maps.Equal(b.before, t.next) {
		return
	}
	until := t.lane.shared.clock().Add(lazyCommit)
	if inbox := (input{t.lane.shared.topics.Inbox, t.lane.partition}); b.before[inbox] != t.next[inbox] {
		until = t.lane.shared.clock().Add(lazyInbox)
	}
	if t.lazyUntil.IsZero() || until.Before(t.lazyUntil) {
		t.lazyUntil = until
	}
}

// lastRecord is the last input record of the batch; nil if only timers were
// decided.
func (b *batch) lastRecord() *kgo.Record {
	for _, record := range slices.Backward(b.records) {
		if !record.Attrs.IsControl() {
			return record
		}
	}
	return nil
}

// discard puts the tenure back to where it was before the batch. What was decided
// upon the batch is discarded before it.
func (b *batch) discard() {
	b.overlay.Discard()
	b.tenure.next = b.before
	b.tenure.waiting = append(b.records, b.tenure.waiting...)
}

// instance returns what the open batch has made of an instance, or the one in
// flight beneath it, or else the committed one; nil if there is none.
func (b *batch) instance(storeKey string) (*topology.Instance, error) {
	if staged, ok := b.stagedOf(storeKey); ok {
		return staged.instance, nil
	}
	committed, err := b.tenure.load(storeKey)
	return committed.instance, err
}

// stagedOf returns what is not committed yet of an instance, if anything is.
func (b *batch) stagedOf(storeKey string) (cached, bool) {
	if staged, ok := b.staged[storeKey]; ok {
		return staged, true
	}
	for _, beneath := range b.tenure.flying { // at most one
		if staged, ok := beneath.staged[storeKey]; ok {
			return staged, true
		}
	}
	return cached{}, false
}

// stage adds everything that a decision asks for.
func (b *batch) stage(ctx context.Context, d *decisionOf) error {
	b.share = nil
	if d.decision.DeadLetter != nil {
		if err := b.buryDecided(ctx, d); err != nil {
			return err
		}
	}
	for i := range d.decision.Commands {
		if err := b.send(ctx, d, &d.decision.Commands[i]); err != nil {
			return err
		}
	}
	for i := range d.decision.Letters {
		if err := b.post(ctx, d, &d.decision.Letters[i]); err != nil {
			return err
		}
	}
	state, err := b.keep(d)
	if err != nil {
		return err
	}
	if d.decision.Recorded() {
		if err := b.record(ctx, d, state); err != nil {
			return err
		}
	}
	b.count(d)
	return nil
}

// keep stages the next state of the instance, and returns the digest of what is
// stored of it: the instance, then its parts that are new.
func (b *batch) keep(d *decisionOf) (*[sha256.Size]byte, error) {
	key := d.to.String()
	next := d.decision.Instance
	if !d.decision.Changed {
		return nil, nil
	}
	b.urgent = true
	if next == nil {
		b.overlay.Delete([]byte(key))
		b.dropParts(key, d.before)
		b.staged[key] = cached{}
		return nil, nil
	}
	state, err := schemas.EncodeInstance(next)
	if err != nil {
		return nil, err
	}
	due, _ := next.NextTimer()
	b.put(key, statestore.Entry{Value: state, Due: int64(due)})
	if len(next.Parts) == 0 && len(partsOf(d.before)) == 0 {
		b.staged[key] = cached{instance: next, head: len(state)}
		digest := sha256.Sum256(state)
		return &digest, nil
	}
	digest := sha256.New()
	digest.Write(state)
	parts, err := b.keepParts(key, d.before, next, digest)
	if err != nil {
		return nil, fmt.Errorf("instance %s: %w", key, err)
	}
	b.staged[key] = cached{next, len(state), parts}
	return (*[sha256.Size]byte)(digest.Sum(nil)), nil
}

// put stages what is stored under a key of the store.
func (b *batch) put(key string, entry statestore.Entry) {
	b.overlay.Put([]byte(key), entry)
	b.weigh(input{b.tenure.lane.shared.topics.Changelog, b.tenure.lane.partition}, len(key)+len(entry.Value), b.tenure.changelog.maxMessageBytes)
}

func (b *batch) count(d *decisionOf) {
	workflow := d.plan.Definition().Name
	b.tally.decisions[decisionLabels{workflow, string(d.decision.Outcome)}]++
	for i := range d.decision.Commands {
		b.tally.commands[commandLabels{workflow, d.decision.Commands[i].Message}]++
	}
	if fault := d.decision.Fault; fault != nil {
		b.tally.faults[workflow]++
		b.tenure.lane.log.Warn("incident: the instance stands still", "instance", d.to.String(),
			"kind", fault.Kind, "place", fault.Place, "text", fault.Text)
	}
}

// roomMin and roomMax are for how many records memory is taken at once: the more the
// batch has already, the more.
const roomMin, roomMax = 2, 64

// newRecord returns an empty record in memory that the records of the batch share:
// they are let go together.
func (b *batch) newRecord() *kgo.Record {
	if len(b.room) == 0 {
		b.room = make([]kgo.Record, min(max(len(b.out), roomMin), roomMax))
	}
	record := &b.room[0]
	b.room = b.room[1:]
	return record
}

// add puts a record into the batch.
func (b *batch) add(record *kgo.Record, maxMessageBytes int) {
	b.urgent = true
	b.out = append(b.out, record)
	b.weigh(input{record.Topic, record.Partition}, recordBytes(record), maxMessageBytes)
}

// weigh notes what goes to a partition. One produce request carries one batch
// of a partition; a second one would meet the first in the coordinator. So the
// transaction ends well before.
func (b *batch) weigh(to input, bytes, maxMessageBytes int) {
	b.load[to] += bytes
	b.bytes += bytes
	if b.load[to] > maxMessageBytes/2 || b.bytes > batchBytes {
		b.heavy = true
	}
}

// commit writes the batch in one Kafka transaction, together with what other
// lanes of the node have ready, and waits for that. Errors are those of Txn.Commit.
func (b *batch) commit(ctx context.Context) error {
	if err := b.seal(); err != nil {
		return err
	}
	if err := b.tenure.lane.by.commit(ctx, b.share); err != nil {
		return fmt.Errorf("partition %d: %w", b.tenure.lane.partition, err)
	}
	return nil
}

// seal makes a share of what the batch holds by now. To it is added what is
// written of the batch as a whole: the progress of the member that decided it,
// and the changes to the state. As long as the share is not taken the batch can
// go on, and is sealed again then.
func (b *batch) seal() error {
	if b.offered.IsZero() {
		b.offered = b.tenure.lane.shared.clock()
	}
	member := b.tenure.lane.identity()
	if err := b.writeProgress(member); err != nil {
		return err
	}
	b.share = newShare(b.tenure.lane.partition, slices.Concat(b.out, b.changelog()), b.offsets(), member)
	for _, beneath := range b.tenure.flying {
		b.share.after = beneath.share.fate
	}
	return b.share.check()
}

// offsets are all inputs' positions. Every transaction commits them, also one
// in which only timers fired: the fencing of a former owner hangs on it.
func (b *batch) offsets() Offsets {
	out := make(Offsets)
	for in, next := range b.tenure.next {
		if out[in.topic] == nil {
			out[in.topic] = make(map[int32]Offset)
		}
		out[in.topic][in.partition] = Offset{Next: next, LeaderEpoch: -1, Metadata: b.tenure.notes[in].String()}
	}
	return out
}

// writeProgress stages the progress record: so the changelog always equals the
// committed offsets, and time never goes back across owners.
func (b *batch) writeProgress(member Member) error {
	t := b.tenure
	progress := schemas.Progress{
		At:         t.at,
		Feeders:    slices.Sorted(maps.Keys(t.feeders)),
		Owner:      member.ID,
		Generation: member.Generation,
	}
	progress.Inputs = append(progress.Inputs, t.unread...)
	for in, next := range t.next {
		progress.Inputs = append(progress.Inputs, schemas.InputPosition{
			Topic: in.topic, TopicID: t.ids[in], Partition: in.partition, Next: next,
		})
	}
	value, err := progress.Encode()
	if err != nil {
		return fmt.Errorf("encode the progress of partition %d: %w", t.lane.partition, err)
	}
	b.overlay.Put([]byte(progressKey), statestore.Entry{Value: value})
	return nil
}

// changelog turns the staged changes into changelog records.
func (b *batch) changelog() []*kgo.Record {
	records := make([]kgo.Record, b.overlay.Len())
	dues := make([]kgo.RecordHeader, b.overlay.Len())
	text := make([]byte, 0, b.overlay.Len()*dueTextBytes)
	out := make([]*kgo.Record, b.overlay.Len())
	at := 0
	for key, entry := range b.overlay.Changes() {
		record := &records[at]
		record.Topic, record.Partition, record.Key = b.tenure.lane.shared.topics.Changelog, b.tenure.lane.partition, key
		if entry != nil {
			record.Value = entry.Value
			if entry.Due != 0 {
				from := len(text)
				text = strconv.AppendInt(text, entry.Due, 10)
				dues[at] = kgo.RecordHeader{Key: dueHeader, Value: text[from:len(text):len(text)]}
				record.Headers = dues[at : at+1 : at+1]
			}
		}
		out[at] = record
		at++
	}
	return out
}

// dueTextBytes is room for a time in milliseconds, in decimal.
const dueTextBytes = 13

// apply makes a committed batch visible: one Pebble batch with the changelog's
// position in it. Only now, for a reader must never see what may be aborted.
func (b *batch) apply() error {
	t := b.tenure
	position := statestore.Position{
		TopicID:   t.changelog.id,
		Offset:    b.changelogEnd(),
		AppliedAt: t.lane.shared.clock().UnixMilli(),
	}
	if err := b.overlay.Apply(position); err != nil {
		return fmt.Errorf("apply batch of partition %d: %w", t.lane.partition, err)
	}
	for key, staged := range b.staged {
		t.cache.put(key, staged)
	}
	t.usual, t.lazyUntil = len(b.staged), time.Time{}
	b.desksKept()
	b.tally.report(t.lane.shared.metrics)
	return nil
}

// changelogEnd is the offset behind the batch's last changelog record.
func (b *batch) changelogEnd() int64 {
	end := int64(0)
	for _, record := range b.share.records {
		if record.Topic == b.tenure.lane.shared.topics.Changelog {
			end = max(end, record.Offset+1)
		}
	}
	return end
}

// damaged says of a stored record that cannot be decoded that the store is not
// what was written to it; unless a newer version of this program wrote it.
func damaged(err error) error {
	if errors.As(err, new(*schemas.UnknownFormatError)) {
		return err
	}
	return errors.Join(statestore.ErrDamaged, err)
}
