package processor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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
//     only. The others had no part in it and are committed without it.
//   - An outcome that is not known is not known to any lane in the transaction:
//     each takes its partition over again, and the ring is opened anew before
//     that. Then each commits aside, alone, until it has succeeded: so a
//     partition that takes no records holds up its own lane, and no other.
//
// One goroutine (run) owns the ring.
type committer struct {
	config  RingConfig
	metrics *metrics
	alone   bool // every share has a transaction of its own

	shares chan *share     // unbuffered: who hands in waits until it is taken
	opened chan chan error // unbuffered: asks for the ring to be open

	// Touched by run only.
	ring   *Ring
	behind *share // taken, and left for the next transaction
}

// share is what one lane adds to a transaction.
type share struct {
	records []*kgo.Record
	offsets Offsets
	member  Member
	answer  chan error // capacity 1: the lane may have gone
}

func newCommitter(config RingConfig, m *metrics) *committer {
	return &committer{config: config, metrics: m, shares: make(chan *share), opened: make(chan chan error)}
}

// commit writes records and offsets of one lane in a transaction, alone or with
// those of other lanes. Errors are those of Txn.Commit, and speak of this lane's
// records.
//
// When ctx ends before the share was taken, nothing of it is sent; afterwards the
// outcome is unknown.
func (c *committer) commit(ctx context.Context, records []*kgo.Record, offsets Offsets, member Member) error {
	s := &share{records: records, offsets: offsets, member: member, answer: make(chan error, 1)}
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
		return fmt.Errorf("%w: %w", ErrUnknown, ctx.Err())
	}
}

// check refuses here what would be refused of the whole transaction.
func (s *share) check() error {
	t := Txn{records: s.records}
	return t.check(s.offsets, s.member)
}

// ready returns when the ring is open: whatever this node had left undecided is
// decided then.
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
		if first := c.behind; first != nil {
			c.behind = nil
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
	if err := c.open(ctx); err != nil {
		first.answer <- fmt.Errorf("%w: nothing was sent: %w", ErrClosed, err)
		return
	}
	c.commitAll(ctx, c.gather(first))
}

// gather takes what waits, as long as the member is the same and everything
// goes out in one batch per partition.
func (c *committer) gather(first *share) *joint {
	j := newJoint(c.ring, first)
	for !c.alone {
		select {
		case next := <-c.shares:
			if next.member != first.member || !j.txn.Fits(next.records...) {
				c.behind = next
				return j
			}
			j.add(next)
		default:
			return j
		}
	}
	return j
}

// commitAll commits a joint transaction and answers its lanes. A share that
// alone is to blame for an abort is answered, and the others go again.
func (c *committer) commitAll(ctx context.Context, j *joint) {
	for {
		err := c.commitOnce(ctx, j)
		var blamed *RecordError
		if !errors.Is(err, ErrAborted) || !errors.As(err, &blamed) {
			j.answer(err)
			return
		}
		culprit := j.blame(blamed)
		culprit.answer <- err
		rest := slices.DeleteFunc(j.shares, func(s *share) bool { return s == culprit })
		if len(rest) == 0 {
			return
		}
		j = newJoint(c.ring, rest...)
	}
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
}

func newJoint(ring *Ring, shares ...*share) *joint {
	j := &joint{txn: ring.Begin(), offsets: make(Offsets)}
	for _, s := range shares {
		j.add(s)
	}
	return j
}

func (j *joint) add(s *share) {
	j.shares = append(j.shares, s)
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
		s.answer <- err
	}
}

// blame returns the share whose record was refused, and makes the error speak of
// the record's place in that share.
func (j *joint) blame(refused *RecordError) *share {
	for _, s := range j.shares {
		if refused.Index < len(s.records) {
			return s
		}
		refused.Index -= len(s.records)
	}
	panic(fmt.Sprintf("record %d is behind the end of a transaction of %d records", refused.Index, j.txn.Len()))
}

// open opens the ring unless it is open.
func (c *committer) open(ctx context.Context) error {
	if c.ring != nil {
		return nil
	}
	opening, cancel := context.WithTimeout(ctx, 3*c.config.Timeout)
	defer cancel()
	ring, err := OpenRing(opening, c.config)
	if err != nil {
		return fmt.Errorf("open the transaction ring: %w", err)
	}
	c.ring = ring
	return nil
}

func (c *committer) close() {
	if c.ring != nil {
		c.ring.Close()
	}
}
