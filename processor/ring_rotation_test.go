package processor_test

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"rondo/internal/kafkatest"
)

const (
	// lastEpoch is the last that Kafka gives out with a producer id.
	lastEpoch = math.MaxInt16 - 1

	// epochsLeft is what the ids of the test have left when the ring is opened,
	// and rotationTransactions what uses that up twice over on both producers.
	epochsLeft           = 500
	rotationTransactions = 4 * epochsLeft
)

// Producer ids rotate in the middle of one ring's transactions, and all of them
// are there, once and in order. Most of the epochs are used up beforehand, by
// what a takeover asks for: the broker counts those as it counts transactions,
// and they cost a tenth.
func TestProducerIDsRotateWithoutLoss(t *testing.T) {
	t.Run("embedded", func(t *testing.T) { rotate(newRingLab(t, kafkatest.Embedded(t, 1))) })
	t.Run("kafka-1", func(t *testing.T) { rotate(newRingLab(t, kafkatest.Shared(t, 1))) })
}

func rotate(lab *ringLab) {
	lab.useUpEpochs(lastEpoch - epochsLeft)
	cfg := lab.ringConfig()
	var producers []*kgo.Client
	connect := cfg.NewClient
	cfg.NewClient = func(opts ...kgo.Opt) (*kgo.Client, error) {
		client, err := connect(opts...)
		producers = append(producers, client)
		return client, err
	}
	ring := lab.open(cfg)
	before := lab.producerIDs(producers)
	began, slowest := time.Now(), time.Duration(0)
	for n := 1; n <= rotationTransactions; n++ {
		at := time.Now()
		txn := ring.Begin()
		txn.Add(&kgo.Record{Topic: lab.changelog, Value: []byte(fmt.Sprint(n))})
		if err := txn.Commit(lab.ctx, lab.offsets(int64(n)), lab.identity()); err != nil {
			lab.t.Fatalf("commit %d: %v", n, errors.Join(err, lab.ctx.Err()))
		}
		slowest = max(slowest, time.Since(at))
	}
	took := time.Since(began)
	lab.t.Logf("%d transactions in %v, %.0f/s; the slowest took %v", rotationTransactions, took, rotationTransactions/took.Seconds(), slowest)

	for i, id := range lab.producerIDs(producers) {
		if id == before[i] {
			lab.t.Errorf("producer %d still has id %d: it was not rotated", i, id)
		}
	}
	got := lab.readCommitted(lab.changelog, 1)[0]
	if len(got) != rotationTransactions {
		lab.t.Errorf("%d transactions are there", len(got))
	}
	for i, value := range got {
		if value != fmt.Sprint(i+1) {
			lab.t.Fatalf("transaction %s is where %d should be", value, i+1)
		}
	}
	if at := lab.committedOffset(); at != rotationTransactions {
		lab.t.Errorf("the group's offset is %d, not %d", at, rotationTransactions)
	}
}

// useUpEpochs has the ring's ids initialised again and again, side by side,
// until their epochs have come to last.
func (l *ringLab) useUpEpochs(last int16) {
	l.t.Helper()
	began := time.Now()
	client := l.cluster.Client(l.t)
	var all errgroup.Group
	for _, id := range l.ids {
		all.Go(func() error {
			for epoch := int16(-1); epoch < last; {
				next, err := l.nextEpoch(client, id)
				switch {
				case err != nil:
					return fmt.Errorf("initialise %s after epoch %d: %w", id, epoch, err)
				case next <= epoch:
					return fmt.Errorf("initialise %s: epoch %d comes after %d", id, next, epoch)
				}
				epoch = next
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		l.t.Fatal(err)
	}
	l.t.Logf("the epochs up to %d were used up in %v", last, time.Since(began))
}

// nextEpoch initialises a transactional id, which fences the epoch before.
func (l *ringLab) nextEpoch(client *kgo.Client, id string) (int16, error) {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID = &id
	req.TransactionTimeoutMillis = 10_000
	resp, err := req.RequestWith(l.ctx, client)
	if err != nil {
		return 0, err
	}
	return resp.ProducerEpoch, kerr.ErrorForCode(resp.ErrorCode)
}

func (l *ringLab) producerIDs(clients []*kgo.Client) []int64 {
	l.t.Helper()
	ids := make([]int64, len(clients))
	for i, client := range clients {
		id, _, err := client.ProducerID(l.ctx)
		if err != nil {
			l.t.Fatal(err)
		}
		ids[i] = id
	}
	return ids
}
