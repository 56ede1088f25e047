package processor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ringProducer is one transactional producer and the steps of a transaction on
// it. Each step returns the broker's answer as it is; Txn judges it.
type ringProducer struct {
	client  *kgo.Client
	id      string
	timeout time.Duration

	// The transaction under way.
	producerID int64
	epoch      int16
	begun      time.Time
	taken      *kgo.Record // the first that the brokers acknowledged
}

const (
	coordinatorPause = time.Millisecond       // before a passing answer is asked for again
	openPause        = 5 * time.Millisecond   // the same while a producer is opened; doubles
	openPauseMax     = 250 * time.Millisecond // at most
)

// clientBatchBytes is the largest request that a broker reads, its default of
// socket.request.max.bytes.
const clientBatchBytes = 100 << 20

func ringClientOptions(cfg RingConfig, id string) []kgo.Opt {
	return []kgo.Opt{
		kgo.TransactionalID(id),
		kgo.TransactionTimeout(cfg.Timeout),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		// The lane computes partitions beforehand, and everything leaves in one
		// request per broker.
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ManualFlushing(),
		kgo.ProducerLinger(0),
		kgo.MaxBufferedRecords(math.MaxInt32),
		// How large batches become is decided by Txn.Add, and what a topic takes by
		// the broker: the client would hold to what a topic took when it first heard
		// of it.
		kgo.ProducerBatchMaxBytes(clientBatchBytes),
		kgo.BrokerMaxWriteBytes(clientBatchBytes),
		// Whatever the brokers do, Commit has an answer after Timeout.
		kgo.RecordDeliveryTimeout(cfg.Timeout),
		kgo.RetryTimeout(cfg.Timeout),
		kgo.UnknownTopicRetries(8),
		// An error that has to wait for newer metadata waits for as long; the
		// default is 5 s.
		kgo.MetadataMinAge(20 * time.Millisecond),
		kgo.ConcurrentTransactionsBackoff(2 * time.Millisecond),
		kgo.RetryBackoffFn(ringBackoff),
	}
}

// ringBackoff is short at first, because most of what is retried inside a
// transaction is over after a few milliseconds, and at most 250 ms.
func ringBackoff(failures int) time.Duration {
	return min(5*time.Millisecond<<min(failures, 10), 250*time.Millisecond)
}

func openRingProducer(ctx context.Context, cfg RingConfig, id string) (*ringProducer, error) {
	client, err := cfg.NewClient(ringClientOptions(cfg, id)...)
	if err != nil {
		return nil, err
	}
	p := &ringProducer{client: client, id: id, timeout: cfg.Timeout}
	if err := p.fenceFormer(ctx); err != nil {
		client.Close()
		return nil, err
	}
	return p, nil
}

// fenceFormer asks for the producer id, which ends what a former owner of the
// transactional id has left, and waits until the brokers are done with it.
func (p *ringProducer) fenceFormer(ctx context.Context) error {
	for wait := openPause; ; wait = min(2*wait, openPauseMax) {
		_, _, err := p.client.ProducerID(ctx)
		if err == nil || !passing(err) {
			return err
		}
		if stopped := pause(ctx, wait); stopped != nil {
			return fmt.Errorf("%w: %w", stopped, err)
		}
	}
}

func (p *ringProducer) begin(ctx context.Context) error {
	p.begun, p.taken = time.Now(), nil
	if err := p.client.BeginTransaction(); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	var err error
	if p.producerID, p.epoch, err = p.client.ProducerID(ctx); err != nil {
		return fmt.Errorf("ask for the producer id: %w", err)
	}
	return nil
}

// register names all partitions of the transaction to the coordinator, in one
// request, if they are led by several brokers. Left to themselves the leaders
// would each name their own at the same moment, and all but one would be
// refused and try again 20 ms later. For a single leader it would be a round
// trip for nothing.
//
// It only saves time. A coordinator that does not know a topic yet, or a broker
// that lets clients name nothing any more, adds nothing; what they have against
// a record is then said by the produce.
func (p *ringProducer) register(ctx context.Context, t *Txn) error {
	if p.oneLeader(t) {
		return nil
	}
	for {
		err := p.addPartitions(ctx, t)
		if err == nil || aboutTheRecord(err) || errors.Is(err, kerr.UnsupportedVersion) {
			return nil
		}
		if !passing(err) {
			return fmt.Errorf("name the partitions: %w", err)
		}
		if stopped := pause(ctx, coordinatorPause); stopped != nil {
			return fmt.Errorf("name the partitions: %w: %w", stopped, err)
		}
	}
}

func (p *ringProducer) oneLeader(t *Txn) bool {
	common := int32(-1)
	for at := range t.sizes {
		leader, _, err := p.client.PartitionLeader(at.topic, at.partition)
		if err != nil || leader < 0 || common >= 0 && leader != common {
			return false
		}
		common = leader
	}
	return true
}

// addPartitions is AddPartitionsToTxn version 3: the client caps it there for
// one transaction, since later versions are the brokers' own.
func (p *ringProducer) addPartitions(ctx context.Context, t *Txn) error {
	byTopic := make(map[string][]int32)
	for at := range t.sizes {
		byTopic[at.topic] = append(byTopic[at.topic], at.partition)
	}
	req := kmsg.NewPtrAddPartitionsToTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = p.id, p.producerID, p.epoch
	for topic, partitions := range byTopic {
		rt := kmsg.NewAddPartitionsToTxnRequestTopic()
		rt.Topic, rt.Partitions = topic, partitions
		req.Topics = append(req.Topics, rt)
	}
	resp, err := req.RequestWith(ctx, p.client)
	if err != nil {
		return err
	}
	return addPartitionsError(resp)
}

// addPartitionsError is the answer that explains the others: when one partition
// is refused, the rest is answered OPERATION_NOT_ATTEMPTED.
func addPartitionsError(resp *kmsg.AddPartitionsToTxnResponse) error {
	var first error
	for _, rt := range resp.Topics {
		for _, rp := range rt.Partitions {
			err := kerr.ErrorForCode(rp.ErrorCode)
			if err != nil && (first == nil || errors.Is(first, kerr.OperationNotAttempted)) {
				first = fmt.Errorf("%s/%d: %w", rt.Topic, rp.Partition, err)
			}
		}
	}
	return first
}

// produce sends records in one request per broker and waits for all answers.
// first is the index of records[0] in the transaction.
func (p *ringProducer) produce(ctx context.Context, records []*kgo.Record, first int) error {
	var answers produceAnswers
	for _, rec := range records {
		rec.Context = ctx // one that was sent before has that of an ended transaction
		p.client.Produce(ctx, rec, answers.take)
	}
	if err := p.client.Flush(ctx); err != nil {
		return fmt.Errorf("produce: %w", err)
	}
	p.taken = cmp.Or(p.taken, answers.firstTaken())
	return answers.judge(records, first)
}

// produceAnswers gathers what became of the records of one burst. It does not
// return to the lane before Flush has; what is answered later is not looked at.
type produceAnswers struct {
	mu     sync.Mutex // guards what follows
	count  int
	taken  *kgo.Record // the first that was acknowledged
	failed map[*kgo.Record]error
}

func (a *produceAnswers) take(rec *kgo.Record, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count++
	if err == nil {
		a.taken = cmp.Or(a.taken, rec)
		return
	}
	if a.failed == nil {
		a.failed = make(map[*kgo.Record]error)
	}
	a.failed[rec] = err
}

func (a *produceAnswers) firstTaken() *kgo.Record {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.taken
}

// judge returns nil if every record was acknowledged. A failure of the producer
// explains more than that of a record, and of a batch that was too large the
// largest record is to blame.
func (a *produceAnswers) judge(records []*kgo.Record, first int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.count != len(records) {
		return fmt.Errorf("produce: %d of %d records were answered", a.count, len(records))
	}
	var worst *RecordError
	for i, rec := range records {
		err := a.failed[rec]
		switch {
		case err == nil:
		case !aboutTheRecord(err):
			return fmt.Errorf("produce to %s/%d: %w", rec.Topic, rec.Partition, err)
		case worst == nil || recordBytes(rec) > worst.Bytes:
			worst = &RecordError{Index: first + i, Topic: rec.Topic, Partition: rec.Partition, Bytes: recordBytes(rec), Reason: err}
		}
	}
	if worst != nil {
		return worst
	}
	return nil
}

// commitOffsets puts the input offsets into the transaction. The coordinator
// checks member and generation; this is what refuses a lane's former owner.
func (p *ringProducer) commitOffsets(ctx context.Context, group string, offsets Offsets, ids map[string]kadm.TopicID, member Member) error {
	req := p.offsetsRequest(group, offsets, ids, member)
	for {
		err := p.sendOffsets(ctx, req)
		if err == nil || !passing(err) {
			return err
		}
		if stopped := pause(ctx, coordinatorPause); stopped != nil {
			return fmt.Errorf("%w: %w", stopped, err)
		}
	}
}

func (p *ringProducer) offsetsRequest(group string, offsets Offsets, ids map[string]kadm.TopicID, member Member) *kmsg.TxnOffsetCommitRequest {
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = p.id, p.producerID, p.epoch
	req.Group, req.MemberID, req.Generation = group, member.ID, member.Generation
	for topic, partitions := range offsets {
		rt := kmsg.NewTxnOffsetCommitRequestTopic()
		rt.Topic, rt.TopicID = topic, ids[topic] // the name up to version 5, the id from 6 on
		for partition, offset := range partitions {
			rp := kmsg.NewTxnOffsetCommitRequestTopicPartition()
			rp.Partition, rp.Offset, rp.LeaderEpoch = partition, offset.Next, offset.LeaderEpoch
			rp.Metadata = &offset.Metadata
			rt.Partitions = append(rt.Partitions, rp)
		}
		req.Topics = append(req.Topics, rt)
	}
	return req
}

func (p *ringProducer) sendOffsets(ctx context.Context, req *kmsg.TxnOffsetCommitRequest) error {
	resp, err := req.RequestWith(ctx, p.client)
	if err != nil {
		return fmt.Errorf("commit offsets: %w", err)
	}
	for _, rt := range resp.Topics {
		for _, rp := range rt.Partitions {
			if err := kerr.ErrorForCode(rp.ErrorCode); err != nil {
				return fmt.Errorf("commit the offset of %s/%d as %s of generation %d: %w",
					topicName(req, rt), rp.Partition, req.MemberID, req.Generation, memberError(err))
			}
		}
	}
	return nil
}

func topicName(req *kmsg.TxnOffsetCommitRequest, answered kmsg.TxnOffsetCommitResponseTopic) string {
	if answered.Topic != "" {
		return answered.Topic
	}
	for _, rt := range req.Topics {
		if rt.TopicID == answered.TopicID {
			return rt.Topic
		}
	}
	return "a topic that was not asked for"
}

// memberError says in the ring's words what the coordinator has against the
// member, and leaves other answers as they are.
func memberError(err error) error {
	switch {
	case isAny(err, kerr.IllegalGeneration, kerr.StaleMemberEpoch, kerr.RebalanceInProgress):
		return fmt.Errorf("%w: %w", ErrStaleMember, err)
	case isAny(err, kerr.UnknownMemberID, kerr.FencedInstanceID, kerr.GroupIDNotFound):
		return fmt.Errorf("%w: %w", ErrNotMember, err)
	}
	return err
}

// end ends the transaction. A commit goes out only for the producer that all
// steps before were made by: the client may have begun anew with another epoch
// in the middle, and what it had sent until then was aborted.
func (p *ringProducer) end(ctx context.Context, how kgo.TransactionEndTry) error {
	if err := awaitListed(ctx, p.client, p.taken); err != nil {
		return fmt.Errorf("end: %w", err)
	}
	if how == kgo.TryCommit {
		id, epoch, err := p.client.ProducerID(ctx)
		if err != nil {
			return fmt.Errorf("end: %w", err)
		}
		if id != p.producerID || epoch != p.epoch {
			return fmt.Errorf("end: begun by producer %d epoch %d, now it is %d epoch %d", p.producerID, p.epoch, id, epoch)
		}
	}
	if err := p.client.EndTransaction(ctx, how); err != nil {
		return fmt.Errorf("end: %w", err)
	}
	return nil
}

// awaitListed waits until a client lists the partition that has taken a record of
// its transaction; nil: it has taken none.
//
// A client that hears of a topic for the first time (kgo up to 1.22.3, at least)
// sends the records that wait for it before it lists the topic's partitions. If the
// transaction is ended in between, it finds no partition that has taken a record,
// aborts instead of committing, and returns no error.
func awaitListed(ctx context.Context, client *kgo.Client, taken *kgo.Record) error {
	for taken != nil {
		if leader, _, _ := client.PartitionLeader(taken.Topic, taken.Partition); leader >= 0 {
			return nil
		}
		if stopped := pause(ctx, coordinatorPause); stopped != nil {
			return fmt.Errorf("the client does not list %s/%d, to which it has written: %w", taken.Topic, taken.Partition, stopped)
		}
	}
	return nil
}

// inTime reports whether the broker cannot have ended the transaction because
// it took too long: the broker's clock for it started after ours.
func (p *ringProducer) inTime() bool { return time.Since(p.begun) < p.timeout }
