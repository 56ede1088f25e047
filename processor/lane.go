package processor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/schemas"
	"rondo/statestore"
	"rondo/topology"
)

// shared is what all lanes of a node have in common. Nothing in it belongs to
// one lane.
type shared struct {
	config    Config
	topics    OwnTopics
	cluster   *cluster
	catalog   *Catalog
	tables    *tables
	fetcher   *fetcher
	store     *statestore.Store
	metrics   *metrics
	newClient func(...kgo.Opt) (*kgo.Client, error)
	together  *committer // of the lanes, as long as all is well
	aside     *committer // of lanes whose last transaction had an unknown outcome
	clock     func() time.Time
	strangers strangers

	haltedRetry time.Duration // 0: haltedRetry
}

// ringConfig is that of the node's n-th ring. Its transactional ids are named
// after the local store: so a node that is started again ends at once what it
// had left open.
func (s *shared) ringConfig(n int) RingConfig {
	id := func(producer int) string { return fmt.Sprintf("%s-%s-%d", s.config.App, s.store.ID(), 2*n+producer) }
	return RingConfig{
		NewClient:  s.newClient,
		IDs:        [2]string{id(0), id(1)},
		Group:      s.config.App,
		Timeout:    s.config.TransactionTimeout,
		BatchBytes: s.cluster.batchBytes,
	}
}

// home is the state partition of what is kept under an address.
func (s *shared) home(to topology.Address) int32 {
	return PartitionOf([]byte(to.Key), int32(s.config.Partitions))
}

// lane drives one state partition: it owns partition p of the state, reads
// every input that belongs to it, and decides one input after the other.
type lane struct {
	partition int32
	inputs    []input
	shared    *shared
	store     *statestore.Partition
	log       *slog.Logger

	member   atomic.Pointer[Member] // under which the group gave us the partition; see membership
	changed  chan struct{}          // capacity 1: member was replaced
	stopping chan struct{}          // closed: finish the transaction in flight and stop
	stopOnce sync.Once
	done     chan struct{}
	vacant   time.Time  // since when nobody decides on the partition, as far as this node knows
	rebuilt  bool       // the local state was rebuilt because a takeover had to halt; since the last one that did not
	by       *committer // of the lane's last transaction, and of the next
	doubtful bool       // the outcome of the last transaction was unknown
	failures int        // in a row, without a transaction that was committed

	phase  atomic.Int32 // a phase
	behind atomic.Int64 // changelog offsets still to be restored
	reason atomic.Pointer[string]
	turned atomic.Int64 // unix ms when the lane last showed life
}

// phase is what a lane is doing.
type phase int32

const (
	phaseTakingOver phase = iota // fencing, restoring, waiting to try again
	phaseRunning                 // deciding
	phaseHalted                  // an operator must act
)

func newLane(s *shared, partition int32, inputs []input, member Member) *lane {
	l := &lane{
		partition: partition,
		inputs:    inputs,
		shared:    s,
		store:     s.store.Partition(partition),
		log:       s.config.Log.With("partition", partition),
		changed:   make(chan struct{}, 1),
		stopping:  make(chan struct{}),
		done:      make(chan struct{}),
		vacant:    s.clock(),
	}
	l.by = s.together
	l.member.Store(&member)
	l.live()
	return l
}

// confirm gives a lane that stays the identity of the group's new generation.
func (l *lane) confirm(member Member) {
	l.member.Store(&member)
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// identity is what the lane commits under from now on. What comes on changed
// after it is newer.
func (l *lane) identity() Member {
	select {
	case <-l.changed:
	default:
	}
	return *l.member.Load()
}

// stop lets the transaction in flight finish, and returns when the lane has
// stopped. When that takes longer than the grace, the transaction is cut; its
// outcome is then found out by whoever owns the partition next.
func (l *lane) stop(grace time.Duration, cut context.CancelFunc) {
	l.stopOnce.Do(func() { close(l.stopping) })
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-l.done:
	case <-timer.C:
		cut()
		<-l.done
	}
}

// run takes the partition over and decides until it is stopped. Whatever goes
// wrong with a transaction, the lane begins again as a new owner: an outcome
// is found out by reading, never guessed.
func (l *lane) run(ctx context.Context) {
	defer close(l.done)
	for !l.stopped() && ctx.Err() == nil {
		l.live()
		err := l.own(ctx)
		l.behind.Store(0)
		if l.stopped() || ctx.Err() != nil {
			return
		}
		l.failures++
		l.doubtful = l.doubtful || errors.Is(err, ErrUnknown)
		l.rest(ctx, l.judge(err))
	}
}

// own takes over and runs until something goes wrong or the lane is stopped.
func (l *lane) own(ctx context.Context) error {
	t, err := l.takeOverUnlessStopped(ctx)
	if err != nil {
		return err
	}
	l.enter(phaseRunning, "")
	l.shared.metrics.takeovers.WithLabelValues("done").Inc()
	l.shared.metrics.takeoverTime.Observe(l.shared.clock().Sub(l.vacant).Seconds())
	defer func() { l.vacant = l.shared.clock() }()
	return t.run(ctx)
}

// rejoin is told that a transaction was committed: whatever was wrong is over,
// and the lane commits together with the others again.
func (l *lane) rejoin() { l.by, l.doubtful, l.failures = l.shared.together, false, 0 }

// takeOverUnlessStopped gives the takeover up when the lane is to stop: nothing
// has been decided yet, and the group waits for the stop.
func (l *lane) takeOverUnlessStopped(ctx context.Context) (*tenure, error) {
	taking, giveUp := context.WithCancel(ctx)
	defer giveUp()
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-l.stopping:
			giveUp()
		case <-over:
		}
	}()
	return l.takeOver(taking)
}

// haltedRetry is how long a halted lane waits before it looks whether the
// operator has acted.
const haltedRetry = 15 * time.Second

// judge reports an error and says how long to rest before the next takeover.
func (l *lane) judge(err error) time.Duration {
	var halted *haltError
	var newer *schemas.UnknownFormatError
	switch {
	case errors.As(err, &halted), errors.As(err, &newer):
		l.enter(phaseHalted, err.Error())
		l.log.Error("partition halted", "reason", err.Error())
		return cmp.Or(l.shared.haltedRetry, haltedRetry)
	case errors.Is(err, statestore.ErrDamaged):
		l.enter(phaseTakingOver, err.Error())
		l.log.Error("local state damaged, rebuilding it from the changelog", "error", err.Error())
		if err := l.store.Wipe(); err != nil {
			l.log.Error("local state cannot be dropped: check the disk of data-dir", "error", err.Error())
		}
		return retryDelay(l.failures)
	case errors.Is(err, statestore.ErrDiskFull):
		// What was committed is in the changelog: it is restored when there is
		// space. Until then nothing is decided, for it could not be kept.
		l.enter(phaseTakingOver, err.Error())
		l.log.Error("the disk of data-dir is full: free some space, or stop this node so that others take its partitions over", "error", err.Error())
		return retryDelay(l.failures)
	case errors.Is(err, ErrFenced):
		// The group has given some partition of the node to somebody else, who
		// ended our transaction; its callback will stop that lane. Or another
		// process uses a copy of our data-dir, and so our transactional ids. A
		// moment of rest keeps the two from fencing each other without a pause.
		l.enter(phaseTakingOver, err.Error())
		l.log.Warn("another node has ended the transaction; if this goes on, two nodes use copies of one data-dir: give each its own", "error", err.Error())
		l.shared.metrics.takeovers.WithLabelValues("fenced").Inc()
		return max(retryDelay(l.failures), heartbeatInterval)
	case errors.Is(err, ErrNotMember):
		// The group has given the partition away, and a callback is about to
		// say so. To take over before that would fence the new owner.
		l.enter(phaseTakingOver, err.Error())
		l.log.Warn("no member of the group any more", "error", err.Error())
		l.shared.metrics.takeovers.WithLabelValues("expelled").Inc()
		return l.shared.config.SessionTimeout
	default:
		l.enter(phaseTakingOver, err.Error())
		l.log.Warn("the lane begins anew", "reason", err.Error(), "failures", l.failures)
		l.shared.metrics.takeovers.WithLabelValues("failed").Inc()
		return retryDelay(l.failures)
	}
}

// rest waits, but not past a stop, nor past a callback of the group that
// confirms the lane.
func (l *lane) rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.changed:
	case <-l.stopping:
	case <-ctx.Done():
	}
}

func (l *lane) stopped() bool {
	select {
	case <-l.stopping:
		return true
	default:
		return false
	}
}

func (l *lane) enter(p phase, reason string) {
	l.phase.Store(int32(p))
	l.reason.Store(&reason)
	l.live()
}

// stillAfter is how many failures in a row make a running lane one that stands
// still, in the node's status.
const stillAfter = 3

// standsStill notes why a running lane decides nothing.
func (l *lane) standsStill(why string) { l.reason.Store(&why) }

// goesOn takes that back.
func (l *lane) goesOn() { l.enter(phase(l.phase.Load()), "") }

// progress notes how many changelog offsets are still to be restored.
func (l *lane) progress(behind int64) {
	l.behind.Store(max(behind, 0))
	l.live()
}

func (l *lane) live() { l.turned.Store(l.shared.clock().UnixMilli()) }

// now is the time of the lane's next decision: the wall clock, which must not
// go back, not even across owners.
func (t *tenure) now() topology.Instant {
	t.at = max(t.at, topology.InstantOf(t.lane.shared.clock()))
	return t.at
}
