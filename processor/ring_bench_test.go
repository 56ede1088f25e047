package processor_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/kafkatest"
	"rondo/processor"
)

// BenchmarkRing compares the ring with kgo's GroupTransactSession, which is one
// producer, on real Kafka. A transaction writes one record of 300 bytes to each
// of four partitions and commits an offset.
//
//	go test ./processor -run '^$' -bench Ring -benchtime 1x
//
// txn/s: how many a lane commits when one follows the other. p50-ms, p99-ms: how
// long one takes that begins when the one before is long over.
func BenchmarkRing(b *testing.B) {
	for _, nodes := range []int{1, 3} {
		for _, kind := range committerKinds {
			b.Run(fmt.Sprintf("kafka-%d/%s", nodes, kind.name), func(b *testing.B) {
				commit := kind.open(newBenchLab(b, kafkatest.Shared(b, nodes)))
				for range warmUps {
					commit()
				}
				b.ResetTimer()
				var busy time.Duration
				var idle []time.Duration
				for range b.N {
					busy += backToBack(commit)
					idle = append(idle, oneByOne(commit)...)
				}
				report(b, busy, idle)
			})
		}
	}
}

const (
	warmUps        = 200
	roundBusy      = 1000 // transactions of a round that follow each other
	roundIdle      = 300  // transactions of a round with a pause before each
	idlePause      = 20 * time.Millisecond
	roundsPrepared = 20 // more than are run in the usual benchtime
)

func backToBack(commit func()) time.Duration {
	began := time.Now()
	for range roundBusy {
		commit()
	}
	return time.Since(began)
}

func oneByOne(commit func()) []time.Duration {
	ticker := time.NewTicker(idlePause)
	defer ticker.Stop()
	took := make([]time.Duration, roundIdle)
	for n := range took {
		<-ticker.C
		began := time.Now()
		commit()
		took[n] = time.Since(began)
	}
	return took
}

func report(b *testing.B, busy time.Duration, idle []time.Duration) {
	slices.Sort(idle)
	at := func(percent int) float64 { return float64(idle[len(idle)*percent/100].Microseconds()) / 1000 }
	b.ReportMetric(float64(b.N*roundBusy)/busy.Seconds(), "txn/s")
	b.ReportMetric(at(50), "p50-ms")
	b.ReportMetric(at(99), "p99-ms")
	b.ReportMetric(0, "ns/op") // of a round; says nothing
}

var committerKinds = []struct {
	name string
	open func(*benchLab) (commit func())
}{
	{"ring", (*benchLab).ring},
	{"GroupTransactSession", (*benchLab).session},
}

type benchLab struct {
	b             *testing.B
	ctx           context.Context
	cluster       *kafkatest.Cluster
	input, output string
	group         string
}

func newBenchLab(b *testing.B, cluster *kafkatest.Cluster) *benchLab {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	b.Cleanup(cancel)
	return &benchLab{
		b: b, ctx: ctx, cluster: cluster,
		input: cluster.Topic(b, "input", 1), output: cluster.Topic(b, "output", outputPartitions),
		group: kafkatest.Unique(b, "group"),
	}
}

func (l *benchLab) record(partition int) *kgo.Record {
	return &kgo.Record{Topic: l.output, Partition: int32(partition), Value: make([]byte, 300)}
}

// ring commits with the ring, as a member of the group.
func (l *benchLab) ring() (commit func()) {
	assigned := make(chan processor.Member, 1)
	l.cluster.Client(l.b, kgo.ConsumerGroup(l.group), kgo.ConsumeTopics(l.input), kgo.DisableAutoCommit(),
		kgo.OnPartitionsAssigned(func(_ context.Context, client *kgo.Client, _ map[string][]int32) {
			id, generation := client.GroupMetadata()
			select {
			case assigned <- processor.Member{ID: id, Generation: generation}:
			default:
			}
		}))
	member := <-assigned
	ring, err := processor.OpenRing(l.ctx, processor.RingConfig{
		NewClient: l.cluster.NewClient,
		IDs:       [2]string{l.group + "-0", l.group + "-1"}, Group: l.group,
	})
	if err != nil {
		l.b.Fatal(err)
	}
	l.b.Cleanup(ring.Close)
	next := int64(0)
	return func() {
		next++
		txn := ring.Begin()
		for p := range outputPartitions {
			txn.Add(l.record(p))
		}
		offsets := processor.Offsets{l.input: {0: {Next: next, LeaderEpoch: -1}}}
		if err := txn.Commit(l.ctx, offsets, member); err != nil {
			l.b.Fatal(err)
		}
	}
}

// session commits with kgo's own session. It commits what it has polled, so
// there is a record to poll for each transaction.
func (l *benchLab) session() (commit func()) {
	l.fillInput(warmUps + roundsPrepared*(roundBusy+roundIdle))
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(l.cluster.Addrs...), kgo.ConsumerGroup(l.group), kgo.ConsumeTopics(l.input),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.TransactionalID(l.group),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0), kgo.MetadataMinAge(20*time.Millisecond))
	if err != nil {
		l.b.Fatal(err)
	}
	l.b.Cleanup(session.Close)
	return func() {
		if polled := session.PollRecords(l.ctx, 1); polled.Err() != nil || polled.NumRecords() != 1 {
			l.b.Fatalf("poll: %v", polled.Err())
		}
		if err := session.Begin(); err != nil {
			l.b.Fatal(err)
		}
		for p := range outputPartitions {
			session.Produce(l.ctx, l.record(p), func(_ *kgo.Record, err error) {
				if err != nil {
					l.b.Error(err)
				}
			})
		}
		if committed, err := session.End(l.ctx, kgo.TryCommit); err != nil || !committed {
			l.b.Fatalf("end: %v, %v", committed, err)
		}
	}
}

func (l *benchLab) fillInput(n int) {
	client := l.cluster.Client(l.b)
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = &kgo.Record{Topic: l.input, Value: make([]byte, 300)}
	}
	if err := client.ProduceSync(l.ctx, records...).FirstErr(); err != nil {
		l.b.Fatal(err)
	}
}
