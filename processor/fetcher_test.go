package processor

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/kafkatest"
)

// fetching starts a fetcher over a new topic of two partitions with n records
// in each.
func fetching(t *testing.T, cluster *kafkatest.Cluster, n int, bounds ...fetchBounds) (*fetcher, string) {
	t.Helper()
	topic := cluster.Topic(t, "source", 2)
	producer := cluster.Client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for i := range 2 * n {
		record := &kgo.Record{Topic: topic, Partition: int32(i % 2), Value: fmt.Append(nil, i/2)}
		if err := producer.ProduceSync(t.Context(), record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	f := newFetcher(cluster.Client(t, fetcherOptions()...))
	for _, b := range bounds {
		f.bounds = b
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { f.run(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
	return f, topic
}

// takeAll takes records until there are n, at most limit at once.
func takeAll(t *testing.T, from *intake, n, limit int) []*kgo.Record {
	t.Helper()
	deadline := time.After(20 * time.Second)
	var out []*kgo.Record
	for len(out) < n {
		select {
		case <-from.ready:
		case <-deadline:
			t.Fatalf("%d records of %d came", len(out), n)
		}
		records, err := from.take(limit)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, records...)
	}
	return out
}

func TestIntakeGetsEveryRecordInOrderFromItsStart(t *testing.T) {
	f, topic := fetching(t, kafkatest.Embedded(t, 1), 50)
	a, err := f.start(t.Context(), map[input]int64{{topic, 0}: 10})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range takeAll(t, a, 40, 7) {
		if r.Offset != int64(10+i) || r.Partition != 0 {
			t.Fatalf("record %d is %s/%d/%d", i, r.Topic, r.Partition, r.Offset)
		}
	}
}

// A lane that is slow holds up neither memory nor the others, and gets
// everything once it takes again.
func TestFullIntakeIsPausedAndResumed(t *testing.T) {
	const n = 400
	f, topic := fetching(t, kafkatest.Embedded(t, 1), n, fetchBounds{pollRecords: 20, pauseAt: 50, resumeAt: 10, pauseBytes: 1 << 20})
	slow, err := f.start(t.Context(), map[input]int64{{topic, 0}: 0})
	if err != nil {
		t.Fatal(err)
	}
	quick, err := f.start(t.Context(), map[input]int64{{topic, 1}: 0})
	if err != nil {
		t.Fatal(err)
	}
	takeAll(t, quick, n, 100)
	slow.mu.Lock()
	waiting, paused := len(slow.records), slow.paused
	slow.mu.Unlock()
	if !paused || waiting > 50+20 {
		t.Errorf("%d records wait, paused: %v", waiting, paused)
	}
	for i, r := range takeAll(t, slow, n, 3) {
		if r.Offset != int64(i) {
			t.Fatalf("record %d has offset %d", i, r.Offset)
		}
	}
}

// Whoever starts an input again gets it from where it says, and nothing that
// was fetched for the one before.
func TestInputStartedAgainBeginsWhereItSays(t *testing.T) {
	f, topic := fetching(t, kafkatest.Embedded(t, 1), 60)
	in := input{topic, 0}
	for round := range 20 {
		from := int64(round * 2)
		a, err := f.start(t.Context(), map[input]int64{in: from})
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range takeAll(t, a, 5, 5) {
			if r.Offset != from+int64(i) {
				t.Fatalf("round %d: record %d has offset %d", round, i, r.Offset)
			}
		}
		if err := f.stop(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRecordsThatAreGoneAreAnError(t *testing.T) {
	f, topic := fetching(t, kafkatest.Embedded(t, 1), 5)
	a, err := f.start(t.Context(), map[input]int64{{topic, 0}: 99})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-a.ready:
	case <-time.After(20 * time.Second):
		t.Fatal("no error came")
	}
	if _, err := a.take(1); err == nil {
		t.Error("reading behind the end gave no error")
	}
}
