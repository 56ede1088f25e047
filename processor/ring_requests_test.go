package processor_test

import (
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"rondo/internal/kafkatest"
)

// A transaction is a few requests in a row, and how fast a lane is hangs on
// there being no other: no retry, no look at metadata.
func TestTransactionIsOneRequestOfEachKind(t *testing.T) {
	t.Run("one broker", func(t *testing.T) {
		expectRequests(newRingLab(t, kafkatest.Embedded(t, 1)), map[kmsg.Key]int{
			kmsg.Produce: 1, kmsg.TxnOffsetCommit: 1, kmsg.EndTxn: 1,
		})
	})
	t.Run("partitions led by several brokers", func(t *testing.T) {
		lab := newRingLab(t, kafkatest.Embedded(t, 3))
		leaders := lab.spreadOutput()
		expectRequests(lab, map[kmsg.Key]int{
			kmsg.AddPartitionsToTxn: 1, kmsg.Produce: leaders, kmsg.TxnOffsetCommit: 1, kmsg.EndTxn: 1,
		})
	})
}

// expectRequests checks what transactions send once topics and coordinators are
// known.
func expectRequests(lab *ringLab, want map[kmsg.Key]int) {
	lab.t.Helper()
	counter := &requestCounter{sent: make(map[kmsg.Key]int)}
	ring := lab.open(lab.ringConfig(kgo.WithHooks(counter)))
	lab.mustCommit(ring, 1, 2, 3, 4)
	// The client looks at metadata by its own clock as well, beside a transaction.
	looks := 0
	for n := 5; n < 25; n++ {
		counter.reset()
		lab.mustCommit(ring, n)
		got := counter.reset()
		looks += got[kmsg.Metadata]
		delete(got, kmsg.Metadata)
		if !maps.Equal(got, want) {
			lab.t.Errorf("transaction %d sent %v, not %v", n, got, want)
		}
	}
	if looks > 2 {
		lab.t.Errorf("20 transactions looked at metadata %d times", looks)
	}
}

// spreadOutput puts the partitions of the output on all brokers, and returns
// how many brokers lead a partition that a transaction writes to.
func (l *ringLab) spreadOutput() int {
	l.t.Helper()
	brokers := make(map[int32]bool)
	for p := range int32(outputPartitions) {
		node := p % int32(len(l.cluster.Addrs))
		if err := l.cluster.Fake.MoveTopicPartition(l.output, p, node); err != nil {
			l.t.Fatal(err)
		}
		brokers[node] = true
	}
	brokers[l.cluster.Fake.LeaderFor(l.changelog, 0)] = true
	return len(brokers)
}

// requestCounter is a hook of the client.
type requestCounter struct {
	mu   sync.Mutex // guards sent
	sent map[kmsg.Key]int
}

func (c *requestCounter) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, _ error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent[kmsg.Key(key)]++
}

func (c *requestCounter) reset() map[kmsg.Key]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	sent := c.sent
	c.sent = make(map[kmsg.Key]int)
	return sent
}
