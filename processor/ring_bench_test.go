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
//	go test ./processor -run '^$' -bench Ring -benchtime 3s
//
// Back to back, txn/s says how many a lane can commit. Idle, p50-ms and p99-ms
// say how long one takes that begins 20 ms after the one before.
func BenchmarkRing(b *testing.B) {
	for _, nodes := range []int{1, 3} {
		cluster := fmt.Sprintf("kafka-%d", nodes)
		for _, kind := range committerKinds {
			b.Run(cluster+"/"+kind.name+"/back-to-back", func(b *testing.B) {
				commit := kind.open(newBenchLab(b, kafkatest.Shared(b, nodes)))
				b.ResetTimer()
				for n := range b.N {
					commit(n)
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "txn/s")
			})
			b.Run(cluster+"/"+kind.name+"/idle", func(b *testing.B) {
				commit := kind.open(newBenchLab(b, kafkatest.Shared(b, nodes)))
				took := make([]time.Duration, b.N)
				ticker := time.NewTicker(20 * time.Millisecond)
				defer ticker.Stop()
				b.ResetTimer()
				for n := range b.N {
					<-ticker.C
					began := time.Now()
					commit(n)
					took[n] = time.Since(began)
				}
				slices.Sort(took)
				reportMillis(b, took, 50)
				reportMillis(b, took, 99)
			})
		}
	}
}

func reportMillis(b *testing.B, sorted []time.Duration, percent int) {
	at := sorted[len(sorted)*percent/100]
	b.ReportMetric(float64(at.Microseconds())/1000, fmt.Sprintf("p%d-ms", percent))
}

var committerKinds = []struct {
	name string
	open func(*benchLab) func(n int)
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
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	b.Cleanup(cancel)
	return &benchLab{
		b: b, ctx: ctx, cluster: cluster,
		input: cluster.Topic(b, "input", 1), output: cluster.Topic(b, "output", outputPartitions),
		group: kafkatest.Unique(b, "group"),
	}
}

const warmUps = 100

// warm runs transactions that are not measured: topics become known and
// connections opened.
func warm(commit func(int)) func(int) {
	for n := range warmUps {
		commit(n)
	}
	return commit
}

func (l *benchLab) record(partition int) *kgo.Record {
	return &kgo.Record{Topic: l.output, Partition: int32(partition), Value: make([]byte, 300)}
}

// ring commits with the ring, as a member of the group.
func (l *benchLab) ring() func(int) {
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
	return warm(func(n int) {
		txn := ring.Begin()
		for p := range outputPartitions {
			txn.Add(l.record(p))
		}
		offsets := processor.Offsets{l.input: {0: {Next: int64(n), LeaderEpoch: -1}}}
		if err := txn.Commit(l.ctx, offsets, member); err != nil {
			l.b.Fatal(err)
		}
	})
}

// session commits with kgo's own session. It commits what it has polled, so
// there is a record to poll for each transaction.
func (l *benchLab) session() func(int) {
	l.fillInput(l.b.N + warmUps)
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(l.cluster.Addrs...), kgo.ConsumerGroup(l.group), kgo.ConsumeTopics(l.input),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.TransactionalID(l.group),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0), kgo.MetadataMinAge(20*time.Millisecond))
	if err != nil {
		l.b.Fatal(err)
	}
	l.b.Cleanup(session.Close)
	return warm(func(int) {
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
	})
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
