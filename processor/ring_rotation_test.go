package processor_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/kafkatest"
)

// rotationTransactions is more than two producers can commit with one producer
// id each: an id is used up after 32,767 transactions.
const rotationTransactions = 70_000

// soakVariable in the environment: "1" runs the tests that take minutes.
const soakVariable = "RONDO_SOAK"

// Producer ids rotate in the middle of 70,000 transactions of one ring, and all
// of them are there, once and in order.
func TestProducerIDsRotateWithoutLoss(t *testing.T) {
	if os.Getenv(soakVariable) != "1" {
		kafkatest.LeaveOut(t, "70,000 transactions take minutes; "+soakVariable+"=1 runs them")
	}
	lab := newRingLab(t, kafkatest.Shared(t, 1))
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
			t.Fatalf("commit %d: %v", n, errors.Join(err, lab.ctx.Err()))
		}
		slowest = max(slowest, time.Since(at))
	}
	took := time.Since(began)
	t.Logf("%d transactions in %v, %.0f/s; the slowest took %v", rotationTransactions, took, rotationTransactions/took.Seconds(), slowest)

	for i, id := range lab.producerIDs(producers) {
		if id == before[i] {
			t.Errorf("producer %d still has id %d: it was not rotated", i, id)
		}
	}
	got := lab.readCommitted(lab.changelog, 1)[0]
	if len(got) != rotationTransactions {
		t.Errorf("%d transactions are there", len(got))
	}
	for i, value := range got {
		if value != fmt.Sprint(i+1) {
			t.Fatalf("transaction %s is where %d should be", value, i+1)
		}
	}
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
