package processor_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"rondo/internal/kafkatest"
	"rondo/processor"
)

// jointLab is a ring's lab in which lanes hand in shares. The share of lane p
// writes to partition p of the output, and moves the offset of partition p of
// the topic in.
type jointLab struct {
	*ringLab
	in  string
	by  *processor.Committer
	reg *prometheus.Registry
}

func newJointLab(lab *ringLab) *jointLab {
	return newJointLabOf(lab, lab.ringConfig())
}

func newJointLabOf(lab *ringLab, config processor.RingConfig) *jointLab {
	j := &jointLab{ringLab: lab, in: lab.cluster.Topic(lab.t, "in", outputPartitions), reg: prometheus.NewRegistry()}
	j.by = processor.NewCommitter(config, 2*outputPartitions, j.reg)
	return j
}

// handIn has share n of lane p wait.
func (j *jointLab) handIn(p int32, n int, member processor.Member, more ...*kgo.Record) <-chan error {
	return j.handInUpon(nil, p, n, member, more...).Answer()
}

// handInUpon has share n of lane p wait, which was decided upon another one.
func (j *jointLab) handInUpon(after *processor.Share, p int32, n int, member processor.Member, more ...*kgo.Record) *processor.Share {
	records := append([]*kgo.Record{{Topic: j.output, Partition: p, Value: []byte(fmt.Sprint(n))}}, more...)
	return j.by.HandIn(records, processor.Offsets{j.in: {p: {Next: int64(n), LeaderEpoch: -1}}}, member, after)
}

// run commits what waits, and what is handed in from now on.
func (j *jointLab) run() {
	ctx, cancel := context.WithCancel(j.ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); j.by.Run(ctx) }()
	j.t.Cleanup(func() { cancel(); <-ended })
}

func (j *jointLab) answerOf(answer <-chan error) error {
	j.t.Helper()
	select {
	case err := <-answer:
		return err
	case <-j.ctx.Done():
		j.t.Fatal("no answer")
		return nil
	}
}

func (j *jointLab) transactions(result string) float64 {
	n := &runningNode{reg: j.reg}
	return n.count("rondo_transactions_total", "result", result)
}

// expectOf checks what is committed of lane p: these numbers, and the offset of the last.
func (j *jointLab) expectOf(p int32, numbers ...string) {
	j.t.Helper()
	if got := j.readCommitted(j.output, outputPartitions)[p]; !slices.Equal(got, numbers) {
		j.t.Errorf("output %d holds %v, not %v", p, got, numbers)
	}
	offsets, err := j.admin.FetchOffsets(kadm.RequireStable(j.ctx), j.group)
	if err != nil {
		j.t.Fatal(err)
	}
	offset, found := offsets.Lookup(j.in, p)
	switch {
	case len(numbers) == 0 && found:
		j.t.Errorf("the offset of lane %d is %d, and nothing of it was committed", p, offset.At)
	case len(numbers) > 0 && fmt.Sprint(offset.At) != numbers[len(numbers)-1]:
		j.t.Errorf("the offset of lane %d is %d, not %s", p, offset.At, numbers[len(numbers)-1])
	}
}

func TestSharesThatWaitTogetherLeaveInOneTransaction(t *testing.T) {
	onEachCluster(t, func(lab *ringLab) {
		j := newJointLab(lab)
		var answers []<-chan error
		for p := range int32(outputPartitions) {
			answers = append(answers, j.handIn(p, 7, j.identity()))
		}
		j.run()
		for _, answer := range answers {
			if err := j.answerOf(answer); err != nil {
				j.t.Fatal(err)
			}
		}
		if n := j.transactions("committed"); n != 1 {
			j.t.Errorf("%v transactions", n)
		}
		for p := range int32(outputPartitions) {
			j.expectOf(p, "7")
		}
	})
}

// The lane whose record is too large is told, with the record's place in its own
// share; the others are committed and hear nothing of it.
func TestShareToBlameIsAnsweredAloneAndTheOthersAreCommitted(t *testing.T) {
	onEachCluster(t, func(lab *ringLab) {
		j := newJointLab(lab)
		small := lab.cluster.Topic(lab.t, "small", 1, "max.message.bytes", "20000")
		large := &kgo.Record{Topic: small, Value: random(30_000)}
		first := j.handIn(0, 7, j.identity())
		blamed := j.handIn(1, 7, j.identity(), large)
		last := j.handIn(2, 7, j.identity())
		j.run()
		for _, answer := range []<-chan error{first, last} {
			if err := j.answerOf(answer); err != nil {
				j.t.Errorf("a share that is not to blame: %v", err)
			}
		}
		var refused *processor.RecordError
		if err := j.answerOf(blamed); !errors.Is(err, processor.ErrAborted) || !errors.As(err, &refused) || !refused.TooLarge() || refused.Index != 1 {
			j.t.Errorf("the share to blame: %v (%+v)", err, refused)
		}
		if n := j.transactions("aborted"); n != 2 {
			j.t.Errorf("%v transactions were aborted, not that of all and that of the share to blame", n)
		}
		j.expectOf(0, "7")
		j.expectOf(1)
		j.expectOf(2, "7")
		if err := j.answerOf(j.handIn(1, 8, j.identity())); err != nil {
			j.t.Error(err)
		}
		j.expectOf(1, "8")
	})
}

// Nobody is blamed for what is too large only beside the records of others: as
// long as the lanes do not know that a topic takes less than it did.
func TestShareThatIsTooLargeOnlyBesideOthersIsCommitted(t *testing.T) {
	onEachCluster(t, func(lab *ringLab) {
		j := newJointLab(lab)
		small := lab.cluster.Topic(lab.t, "small", 1, "max.message.bytes", "20000")
		var answers []<-chan error
		for p := range int32(3) {
			answers = append(answers, j.handIn(p, 7, j.identity(), &kgo.Record{Topic: small, Value: random(12_000)}))
		}
		j.run()
		for _, answer := range answers {
			if err := j.answerOf(answer); err != nil {
				j.t.Error(err)
			}
		}
		for p := range int32(3) {
			j.expectOf(p, "7")
		}
	})
}

// What lanes write together is bounded as what one writes: else a backlog of all
// would be a transaction that cannot be done before its timeout, again and again.
func TestSharesOfABacklogLeaveInSeveralTransactions(t *testing.T) {
	lab := newRingLab(t, kafkatest.Embedded(t, 1))
	j := newJointLab(lab)
	much := lab.cluster.Topic(t, "much", outputPartitions)
	var answers []<-chan error
	for p := range int32(3) {
		var records []*kgo.Record
		for range 10 {
			records = append(records, &kgo.Record{Topic: much, Partition: p, Value: make([]byte, 700_000)})
		}
		answers = append(answers, j.handIn(p, 7, j.identity(), records...))
	}
	j.run()
	for _, answer := range answers {
		if err := j.answerOf(answer); err != nil {
			t.Fatal(err)
		}
	}
	if n := j.transactions("committed"); n != 2 {
		t.Errorf("21 MB left in %v transactions", n)
	}
}

// What a lane decided upon a share is not in the same transaction, also when both
// wait together, and what others hand in behind it is in no earlier one.
func TestShareFollowsTheOneThatItWasDecidedUpon(t *testing.T) {
	onEachCluster(t, func(lab *ringLab) {
		j := newJointLab(lab)
		first := j.handInUpon(nil, 0, 7, j.identity())
		second := j.handInUpon(first, 0, 8, j.identity())
		other := j.handIn(1, 7, j.identity())
		j.run()
		for _, answer := range []<-chan error{first.Answer(), second.Answer(), other} {
			if err := j.answerOf(answer); err != nil {
				j.t.Error(err)
			}
		}
		if n := j.transactions("committed"); n != 2 {
			j.t.Errorf("%v transactions", n)
		}
		j.expectOf(0, "7", "8")
		j.expectOf(1, "7")
	})
}

// What has to follow a share waits for the next transaction; the others that wait
// behind it leave with the first, and those that follow leave together again.
func TestShareThatFollowsDoesNotPartTheOthers(t *testing.T) {
	onEachCluster(t, func(lab *ringLab) {
		j := newJointLab(lab)
		var answers []<-chan error
		for p := range int32(3) {
			first := j.handInUpon(nil, p, 7, j.identity())
			second := j.handInUpon(first, p, 8, j.identity())
			answers = append(answers, first.Answer(), second.Answer())
		}
		j.run()
		for _, answer := range answers {
			if err := j.answerOf(answer); err != nil {
				j.t.Error(err)
			}
		}
		if n := j.transactions("committed"); n != 2 {
			j.t.Errorf("%v transactions", n)
		}
		for p := range int32(3) {
			j.expectOf(p, "7", "8")
		}
	})
}

// Whatever keeps a share from being committed, what was decided upon it is not sent,
// whether it waited already or comes later; all others go on.
func TestShareIsNotSentIfWhatItWasDecidedUponWasNotCommitted(t *testing.T) {
	for what, first := range map[string]func(j *jointLab) (*processor.Share, error){
		"to blame": func(j *jointLab) (*processor.Share, error) {
			small := j.cluster.Topic(j.t, "small", 1, "max.message.bytes", "20000")
			return j.handInUpon(nil, 0, 7, j.identity(), &kgo.Record{Topic: small, Value: random(30_000)}), processor.ErrAborted
		},
		"of a former generation": func(j *jointLab) (*processor.Share, error) {
			old := j.identity()
			old.Generation--
			return j.handInUpon(nil, 0, 7, old), processor.ErrStaleMember
		},
		"fenced": func(j *jointLab) (*processor.Share, error) {
			j.run()
			if err := j.answerOf(j.handIn(2, 7, j.identity())); err != nil {
				j.t.Fatal(err)
			}
			j.open(j.ringConfig()).Close()
			return j.handInUpon(nil, 0, 7, j.identity()), processor.ErrFenced
		},
	} {
		t.Run(what, func(t *testing.T) {
			onEachCluster(t, func(lab *ringLab) {
				j := newJointLab(lab)
				unfounded, want := first(j)
				second := j.handInUpon(unfounded, 0, 8, j.identity())
				other := j.handIn(1, 7, j.identity())
				if what != "fenced" {
					j.run()
				}
				if err := j.answerOf(unfounded.Answer()); !errors.Is(err, want) {
					j.t.Errorf("the first: %v", err)
				}
				if err := j.answerOf(second.Answer()); !errors.Is(err, processor.ErrClosed) {
					j.t.Errorf("what was decided upon it: %v", err)
				}
				err := j.answerOf(other)
				if errors.Is(err, processor.ErrFenced) { // it was in the same transaction
					err = j.answerOf(j.handIn(1, 7, j.identity()))
				}
				if err != nil {
					j.t.Errorf("another: %v", err)
				}
				later := j.handInUpon(unfounded, 0, 8, j.identity())
				if err := j.answerOf(later.Answer()); !errors.Is(err, processor.ErrClosed) {
					j.t.Errorf("what comes later and was decided upon it: %v", err)
				}
				j.expectOf(0)
				j.expectOf(1, "7")
			})
		})
	}
}

// A partition that takes no records takes no marker either, and so its transaction
// is never ended, nor can another be begun under that id. The lanes that have
// nothing to do with the partition go on under others.
func TestTransactionThatCannotBeEndedHoldsUpNobodyElse(t *testing.T) {
	lab := newRingLab(t, kafkatest.Embedded(t, 1))
	config := lab.ringConfig()
	config.Timeout = lab.brief()
	j := newJointLabOf(lab, config)
	j.run()
	if err := j.answerOf(j.handIn(0, 7, j.identity())); err != nil {
		t.Fatal(err)
	}
	sick := lab.cluster.Topic(t, "sick", 1)
	lab.cluster.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: sick, Err: kerr.NotEnoughReplicas, Count: -1})
	neverEnded(lab.cluster, lab.ids[:]...)
	if err := j.answerOf(j.handIn(1, 7, j.identity(), &kgo.Record{Topic: sick, Value: []byte("x")})); !errors.Is(err, processor.ErrUnknown) {
		t.Errorf("a transaction that cannot be ended: %v", err)
	}
	if err := j.answerOf(j.handIn(0, 8, j.identity())); !errors.Is(err, processor.ErrClosed) {
		t.Errorf("while the ring cannot be opened: %v", err)
	}
	if err := j.answerOf(j.handIn(0, 8, j.identity())); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	j.expectOf(0, "7", "8")
}

// neverEnded has the transactions of these ids be open for ever.
func neverEnded(cluster *kafkatest.Cluster, ids ...string) *kfake.FaultHandle {
	return cluster.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, TopLevel: true, Err: kerr.ConcurrentTransactions, Count: -1, When: func(r kmsg.Request) bool {
		id := r.(*kmsg.InitProducerIDRequest).TransactionalID
		return id != nil && slices.Contains(ids, *id)
	}})
}

// random is what cannot be compressed.
func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}

// The group checks one identity for a whole transaction: what a lane hands in
// under an old one must not pass with that of another.
func TestSharesOfDifferentMembersAreNotMixed(t *testing.T) {
	onEachCluster(t, func(lab *ringLab) {
		j := newJointLab(lab)
		old := j.identity()
		old.Generation--
		good := j.handIn(0, 7, j.identity())
		stale := j.handIn(1, 7, old)
		alsoGood := j.handIn(2, 7, j.identity())
		j.run()
		if err := j.answerOf(stale); !errors.Is(err, processor.ErrStaleMember) {
			j.t.Errorf("under an old generation: %v", err)
		}
		for _, answer := range []<-chan error{good, alsoGood} {
			if err := j.answerOf(answer); err != nil {
				j.t.Error(err)
			}
		}
		j.expectOf(0, "7")
		j.expectOf(1)
		j.expectOf(2, "7")
	})
}

// What was in a fenced transaction is not committed, each of its lanes hears of
// it, and the next finds a ring that is open again.
func TestCommitterOpensItsRingAnewAfterItWasFenced(t *testing.T) {
	onEachCluster(t, func(lab *ringLab) {
		j := newJointLab(lab)
		j.run()
		if err := j.answerOf(j.handIn(0, 7, j.identity())); err != nil {
			j.t.Fatal(err)
		}
		lab.open(lab.ringConfig()).Close()
		var answers []<-chan error
		for p := range int32(2) {
			answers = append(answers, j.handIn(p, 8, j.identity()))
		}
		if err := j.answerOf(answers[0]); !errors.Is(err, processor.ErrFenced) {
			j.t.Errorf("the fenced transaction: %v", err)
		}
		if err := j.answerOf(answers[1]); err != nil && !errors.Is(err, processor.ErrFenced) {
			j.t.Errorf("the share beside it: %v", err)
		}
		if err := j.answerOf(j.handIn(0, 9, j.identity())); err != nil {
			j.t.Error(err)
		}
		j.expectOf(0, "7", "9")
	})
}

// A topic's partition that takes no records must not hold up the lanes that have
// nothing for it, although they share a ring with the one that has: from the first
// unknown outcome to the next success that one commits aside.
func TestPartitionThatTakesNothingHoldsUpItsOwnLaneOnly(t *testing.T) {
	c := newCounting(t, kafkatest.Embedded(t, 1))
	c.keys = 1 // c-0, of one lane
	node := c.node()
	c.ready(node)
	c.add(1)
	c.settle()
	sick := processor.PartitionOf([]byte("c-0"), appPartitions)
	well := len(c.seen.ways(sick))
	fault := c.cluster.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: c.topic("out"), Partitions: []int32{sick}, Err: kerr.NotEnoughReplicas, Count: -1})
	c.add(1)
	if err := fault.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	healthy := keyElsewhere(sick)
	for n := 1; n <= 20; n++ {
		c.produce("in", healthy, fmt.Sprintf(`{"type":"Add","id":%q,"n":%d}`, healthy, n))
		if total := c.out.next(1)[0]; string(total.Key) != healthy || field(t, total, "adds") != float64(n) {
			t.Fatalf("after %d numbers: %s", n, describe(total))
		}
	}
	c.await("another attempt", func() bool { return len(c.seen.ways(sick)) > well+1 })
	for i, way := range c.seen.ways(sick)[well:] {
		if way.aside != (i > 0) {
			t.Errorf("attempt %d: %+v", i+1, way)
		}
	}
	fault.Remove()
	c.settle()
	c.add(1)
	c.settle()
	if all := c.seen.ways(sick); all[len(all)-1].aside {
		t.Errorf("the lane has succeeded and still commits aside: %+v", all[well:])
	}
}

// Lanes that commit aside do so one by one: else one that could succeed would
// share the fate of another that cannot, and never come back.
func TestLanesAsideCommitAlone(t *testing.T) {
	c := newCounting(t, kafkatest.Embedded(t, 1))
	c.ready(c.node())
	c.add(c.keys)
	c.settle()
	well := make([]int, appPartitions)
	for p := range well {
		well[p] = len(c.seen.ways(int32(p)))
	}
	fault := c.cluster.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: c.topic("out"), Err: kerr.NotEnoughReplicas, Count: -1})
	c.add(c.keys)
	aside := func(p int32) []way {
		return slices.DeleteFunc(c.seen.ways(p)[well[p]:], func(w way) bool { return !w.aside })
	}
	// An attempt takes a second, so the others wait beside each other meanwhile.
	for p := range int32(appPartitions) {
		c.await("each lane to commit aside", func() bool { return len(aside(p)) > 0 })
	}
	fault.Remove()
	c.settle()
	for p := range int32(appPartitions) {
		for _, way := range aside(p) {
			if way.lanes != 1 {
				t.Errorf("lane %d commits aside beside others: %+v", p, aside(p))
			}
		}
	}
}

// keyElsewhere is a key that another lane decides on.
func keyElsewhere(sick int32) string {
	for n := 0; ; n++ {
		if key := fmt.Sprintf("h-%d", n); processor.PartitionOf([]byte(key), appPartitions) != sick {
			return key
		}
	}
}

// A node that died in the middle of a transaction, and does not come back, holds
// nobody up: the next owner of its partitions ends the transaction.
func TestTakeoverEndsWhatADeadNodeHasLeftOpen(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		a := newApp(t, cluster, count)
		a.create(nil)
		dead := a.leftOpen()
		a.ready(a.node())
		if err := dead.EndTransaction(t.Context(), kgo.TryCommit); err == nil {
			t.Error("the dead node could commit afterwards")
		}
	})
}

// leftOpenID is the transactional id of leftOpen.
func (a *app) leftOpenID() string { return a.prefix + "-0123456789abcdef-1" }

// leftOpen is a node in the middle of a transaction that changes all partitions,
// and which the brokers do not end for a long time.
func (a *app) leftOpen() *kgo.Client {
	a.t.Helper()
	node := a.cluster.Client(a.t, kgo.TransactionalID(a.leftOpenID()), kgo.TransactionTimeout(10*time.Minute), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err := node.BeginTransaction(); err != nil {
		a.t.Fatal(err)
	}
	for p := range int32(appPartitions) {
		if err := node.ProduceSync(a.t.Context(), &kgo.Record{Topic: a.topic("changelog"), Partition: p, Key: []byte("undecided"), Value: []byte("x")}).FirstErr(); err != nil {
			a.t.Fatal(err)
		}
	}
	return node
}

// A transaction that a dead node has left open may hold partitions which take no
// marker. The takeover waits for the end of it in its own partition only.
func TestTakeoverGoesOnWhileAFormerTransactionCannotBeEndedElsewhere(t *testing.T) {
	a := newApp(t, kafkatest.Embedded(t, 1), count)
	a.config.TransactionTimeout = time.Second
	a.create(nil)
	dead := a.leftOpen()
	busy := neverEnded(a.cluster, a.leftOpenID())
	node := a.node()
	if err := busy.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := dead.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	a.ready(node)
}

// A transaction that is being ended, or that goes on without the partition, is a
// living node's: it must not be fenced.
func TestTakeoverLeavesTransactionsAloneThatHoldItUpNoLonger(t *testing.T) {
	for what, answer := range map[string]func(*kmsg.DescribeTransactionsResponseTransactionState){
		"is being committed": func(s *kmsg.DescribeTransactionsResponseTransactionState) { s.State = "PrepareCommit" },
		"holds others":       func(s *kmsg.DescribeTransactionsResponseTransactionState) { s.Topics[0].Topic = "another" },
	} {
		t.Run(what, func(t *testing.T) {
			a := newApp(t, kafkatest.Embedded(t, 1), count)
			a.create(nil)
			living := a.leftOpen()
			asked := a.describeTransactions(answer)
			next := a.cluster.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Observe: true, Count: -1}) // what a takeover does next
			node := a.node()
			if err := next.Wait(t.Context(), appPartitions); err != nil {
				t.Fatal(err)
			}
			if len(asked) == 0 {
				t.Error("nobody looked at the transaction")
			}
			if err := living.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
				t.Errorf("the living node could not commit: %v", err)
			}
			a.ready(node)
		})
	}
}

// describeTransactions has the brokers say of transactions what answer makes of
// it, and tells when they were asked.
func (a *app) describeTransactions(answer func(*kmsg.DescribeTransactionsResponseTransactionState)) <-chan struct{} {
	asked := make(chan struct{}, 1000)
	changelog := kmsg.NewDescribeTransactionsResponseTransactionStateTopic()
	changelog.Topic = a.topic("changelog")
	for p := range int32(appPartitions) {
		changelog.Partitions = append(changelog.Partitions, p)
	}
	a.cluster.Fake.ControlKey(int16(kmsg.DescribeTransactions), func(r kmsg.Request) (kmsg.Response, error, bool) {
		a.cluster.Fake.KeepControl()
		resp := r.ResponseKind().(*kmsg.DescribeTransactionsResponse)
		for _, id := range r.(*kmsg.DescribeTransactionsRequest).TransactionalIDs {
			state := kmsg.NewDescribeTransactionsResponseTransactionState()
			state.TransactionalID, state.State = id, "Ongoing"
			state.Topics = append(state.Topics, changelog)
			answer(&state)
			resp.TransactionStates = append(resp.TransactionStates, state)
		}
		asked <- struct{}{}
		return resp, nil, true
	})
	return asked
}
