package processor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// committer commits the batches of all lanes of a node, through one ring. The
// batches that are ready at the same time leave in one transaction: a lane that
// waits for its turn has company when the turn comes, so that transactions grow
// by themselves under load, and there is no interval to tune.
//
// What it holds to:
//
//   - A share, which is what one lane hands in, is committed whole or not at all.
//   - Shares of one transaction have the same member: the group checks one
//     identity for all their offsets.
//   - What one share did wrong (a record too large) is answered to that lane
//     only, and only if it is refused alone too: beside others, a batch may be
//     too large of which each share is not. The others are committed without it.
//   - An outcome that is not known is not known to any lane in the transaction:
//     each takes its partition over again, and the ring is opened anew before
//     that. Then each commits aside, alone, until it has succeeded: so a
//     partition that takes no records holds up its own lane, and no other.
//   - A ring whose last transaction the brokers cannot end, because one of its
//     partitions does not even take the marker, is left, and one with other ids
//     opened. Nothing of that transaction is lost or doubled by it: the group
//     tells a takeover which of its offsets are undecided.
//   - A share of a lane that was cut is carried out nevertheless. The next lane
//     of its partition begins when it was answered.
//   - A share that was decided upon another one is in a later transaction, and is
//     sent only if that other one was committed. Else it is answered that nothing
//     of it was sent.
//
// One goroutine (run) owns the ring.
type committer struct {
	config  RingConfig
	metrics *metrics
	alone   bool // every share has a transaction of its own

	shares chan *share     // unbuffered: who hands in waits until it is taken
	opened chan chan error // unbuffered: asks for the ring to be open

	mu       sync.Mutex         // guards what follows; never held while anybody waits
	orphaned map[int32][]*share // by state partition: taken, and their lane was cut before they were answered

	// Touched by run only.
	ring   *Ring
	pair   int      // which ids the ring has, or the next one will have; below ringPairs
	behind []*share // taken, and left for a later transaction, in their order: at most one of each lane, and one that did not fit
}

// share is what one lane adds to a transaction.
type share struct {
	partition int32 // of the lane
	records   []*kgo.Record
	bytes     int // of the records, as recordBytes counts
	offsets   Offsets
	member    Member
	after     *fate      // of the share upon which it was decided, handed in to the same committer; nil: upon what is committed
	fate      *fate      // its own
	answer    chan error // capacity 1: the lane may have gone
}

// fate is what has become of a share. It is the committer's alone: a lane hears by
// the answer. Being apart it does not keep the share of which it tells in memory.
type fate struct{ settled, committed bool }

func newShare(partition int32, records []*kgo.Record, offsets Offsets, member Member) *share {
	s := &share{partition: partition, records: records, offsets: offsets, member: member, fate: &fate{}, answer: make(chan error, 1)}
	for _, record := range records {
		s.bytes += recordBytes(record)
	}
	return s
}

func newCommitter(config RingConfig, m *metrics) *committer {
	return &committer{config: config, metrics: m, shares: make(chan *share), opened: make(chan chan error), orphaned: make(map[int32][]*share)}
}

// commit hands a share in and waits for the answer: it is written in a transaction
// of its own or with what other lanes have. Errors are those of Txn.Commit, and
// speak of this lane's records.
//
// When ctx ends before the share was taken, nothing of it is sent; afterwards the
// outcome is unknown, and the share may still be on its way: see settled.
func (c *committer) commit(ctx context.Context, s *share) error {
	if err := s.check(); err != nil {
		return err
	}
	select {
	case c.shares <- s:
	case <-ctx.Done():
		return fmt.Errorf("%w: nothing was sent: %w", ErrClosed, ctx.Err())
	}
	select {
	case err := <-s.answer:
		return err
	case <-ctx.Done():
		c.orphan(s)
		return fmt.Errorf("%w: %w", ErrUnknown, ctx.Err())
	}
}

// orphan notes that nobody waits any more for the answer to a share.
func (c *committer) orphan(s *share) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.orphaned[s.partition] = append(c.orphaned[s.partition], s)
}

// settled returns when nothing is under way any more of what a lane of a state
// partition has handed in. A lane that is cut does not wait for it; the next one
// must, before it looks where the partition stands: the group refuses what comes
// from a former generation, but it need not have gone on to another.
func (c *committer) settled(ctx context.Context, partition int32) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.orphaned[partition]) > 0 {
		if err := c.awaitOrphan(ctx, c.orphaned[partition][0]); err != nil {
			return err
		}
		c.orphaned[partition] = c.orphaned[partition][1:]
	}
	delete(c.orphaned, partition)
	return nil
}

// awaitOrphan lets go of the mutex meanwhile.
func (c *committer) awaitOrphan(ctx context.Context, s *share) error {
	c.mu.Unlock()
	defer c.mu.Lock()
	select {
	case <-s.answer:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// check refuses here what would be refused of the whole transaction.
func (s *share) check() error {
	t := Txn{records: s.records}
	return t.check(s.offsets, s.member)
}

// ready returns when the ring is open: whatever its last transaction had left
// undecided is decided then, or, if the brokers cannot end it, is what the group
// calls undecided. What was taken before is answered.
func (c *committer) ready(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case c.opened <- answer:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run commits until ctx ends.
func (c *committer) run(ctx context.Context) {
	defer c.close()
	for {
		if len(c.behind) > 0 {
			first := c.behind[0]
			c.behind = slices.Delete(c.behind, 0, 1)
			c.commitFrom(ctx, first)
			continue
		}
		select {
		case first := <-c.shares:
			c.commitFrom(ctx, first)
		case answer := <-c.opened:
			answer <- c.open(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// commitFrom commits a share together with those that wait beside it.
func (c *committer) commitFrom(ctx context.Context, first *share) {
	if !first.founded() {
		first.refuse()
		return
	}
	if err := c.open(ctx); err != nil {
		first.settle(fmt.Errorf("%w: nothing was sent: %w", ErrClosed, err))
		return
	}
	c.commitAll(ctx, c.gather(first))
}

// gather takes what waits, as long as the member is the same and it fits. What was
// decided upon a share that is in this very transaction is left for the next one.
func (c *committer) gather(first *share) *joint {
	j := newJoint(c.ring, first)
	if c.alone {
		return j
	}
	c.behind = slices.DeleteFunc(c.behind, func(s *share) bool { return s.unfounded() || j.takes(s) })
	for {
		select {
		case next := <-c.shares:
			if next.unfounded() || j.takes(next) {
				continue
			}
			c.behind = append(c.behind, next)
			if next.founded() {
				return j
			}
		default:
			return j
		}
	}
}

// takes adds a share if it may be in the transaction, and reports whether it is.
func (j *joint) takes(s *share) bool {
	may := s.member == j.shares[0].member && s.founded() && j.fits(s)
	if may {
		j.add(s)
	}
	return may
}

// founded reports whether what a share was decided upon is committed.
func (s *share) founded() bool { return s.after == nil || s.after.committed }

// unfounded reports whether it will never be, and answers the share then.
func (s *share) unfounded() bool {
	never := !s.founded() && s.after.settled
	if never {
		s.refuse()
	}
	return never
}

func (s *share) refuse() {
	s.settle(fmt.Errorf("%w: nothing was sent: what it was decided upon was not committed", ErrClosed))
}

// settle answers a share.
func (s *share) settle(err error) {
	s.fate.settled, s.fate.committed = true, err == nil
	s.answer <- err
}

// commitAll commits a joint transaction and answers its lanes. A share that is
// blamed for an abort goes alone after the others.
func (c *committer) commitAll(ctx context.Context, j *joint) {
	err := c.commitOnce(ctx, j)
	var refused *RecordError
	if len(j.shares) == 1 || !errors.Is(err, ErrAborted) || !errors.As(err, &refused) {
		j.answer(err)
		return
	}
	blamed := j.blame(refused)
	others := slices.DeleteFunc(j.shares, func(s *share) bool { return s == blamed })
	c.commitAll(ctx, newJoint(c.ring, others...))
	c.commitAlone(ctx, blamed)
}

func (c *committer) commitAlone(ctx context.Context, s *share) {
	if err := c.open(ctx); err != nil {
		s.settle(fmt.Errorf("%w: nothing was sent: %w", ErrClosed, err))
		return
	}
	c.commitAll(ctx, newJoint(c.ring, s))
}

func (c *committer) commitOnce(ctx context.Context, j *joint) error {
	began := time.Now()
	err := j.txn.Commit(ctx, j.offsets, j.shares[0].member)
	c.metrics.observeCommit(time.Since(began), j.txn.Len(), err)
	if err != nil && !errors.Is(err, ErrAborted) && !errors.Is(err, ErrRefused) {
		c.ring = nil // it has closed itself
	}
	return err
}

// joint is one transaction with the shares of several lanes.
type joint struct {
	txn     *Txn
	shares  []*share
	offsets Offsets
	bytes   int // of all records, as recordBytes counts
}

func newJoint(ring *Ring, shares ...*share) *joint {
	j := &joint{txn: ring.Begin(), offsets: make(Offsets)}
	for _, s := range shares {
		j.add(s)
	}
	return j
}

// fits reports whether a share goes out with the others in one batch per
// partition, and the transaction stays one that is done well before its timeout.
func (j *joint) fits(s *share) bool {
	return j.bytes+s.bytes <= batchBytes && j.txn.Fits(s.records...)
}

func (j *joint) add(s *share) {
	j.shares = append(j.shares, s)
	j.bytes += s.bytes
	for _, record := range s.records {
		j.txn.Add(record)
	}
	for topic, partitions := range s.offsets {
		if j.offsets[topic] == nil {
			j.offsets[topic] = make(map[int32]Offset, len(partitions))
		}
		maps.Copy(j.offsets[topic], partitions)
	}
}

func (j *joint) answer(err error) {
	for _, s := range j.shares {
		s.settle(err)
	}
}

// blame returns the share whose record was refused.
func (j *joint) blame(refused *RecordError) *share {
	index := refused.Index
	for _, s := range j.shares {
		if index < len(s.records) {
			return s
		}
		index -= len(s.records)
	}
	panic(fmt.Sprintf("record %d is behind the end of a transaction of %d records", refused.Index, j.txn.Len()))
}

// ringPairs is how many pairs of transactional ids a committer has. It takes the
// next one when a ring cannot be opened in time; the first is due again when all
// others were tried.
const ringPairs = 16

// openingMin is how long a ring may take to be opened at least, however short its
// transactions are: it has to find the brokers first.
const openingMin = 5 * time.Second

// open opens the ring unless it is open.
func (c *committer) open(ctx context.Context) error {
	if c.ring != nil {
		return nil
	}
	opening, cancel := context.WithTimeout(ctx, max(c.config.Timeout, openingMin))
	defer cancel()
	ring, err := OpenRing(opening, c.ringConfig())
	if err != nil {
		if opening.Err() != nil {
			c.pair = (c.pair + 1) % ringPairs
		}
		return fmt.Errorf("open the transaction ring: %w", err)
	}
	c.ring = ring
	return nil
}

// ringConfig is that of the ring with the current pair of ids.
func (c *committer) ringConfig() RingConfig {
	config := c.config
	if c.pair == 0 {
		return config
	}
	for i, id := range c.config.IDs {
		config.IDs[i] = fmt.Sprintf("%s-%d", id, c.pair)
	}
	return config
}

func (c *committer) close() {
	if c.ring != nil {
		c.ring.Close()
	}
}
