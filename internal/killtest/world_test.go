package killtest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/kafkatest"
)

// entry is what the world tells the ledger.
type entry struct {
	Type    string `json:"type"`
	Account string `json:"account"`
	Seq     int    `json:"seq"`
}

// written is where an entry stands, by which the verifier knows it.
type written struct {
	account   string
	seq       int
	partition int32
	offset    int64
}

// world writes entries and answers most reminders, as users' services would.
type world struct {
	client *kgo.Client
	rate   int // entries a second

	mu      sync.Mutex
	written []written
	failed  error
	count   atomic.Int64
}

const accounts = 120

// write produces entries, in order per account, until ctx ends.
func (w *world) write(ctx context.Context) {
	ticker := time.NewTicker(time.Second / time.Duration(w.rate))
	defer ticker.Stop()
	next := make([]int, accounts)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		a := rand.IntN(accounts)
		next[a]++
		e := entry{Type: "Entry", Account: fmt.Sprintf("a-%d", a), Seq: next[a]}
		value, err := json.Marshal(e)
		if err != nil {
			panic(err)
		}
		record := &kgo.Record{Topic: "entries", Key: []byte(e.Account), Value: value}
		w.client.Produce(context.Background(), record, func(r *kgo.Record, err error) { w.acknowledge(e, r, err) })
	}
}

func (w *world) acknowledge(e entry, r *kgo.Record, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.failed = err
		return
	}
	w.written = append(w.written, written{e.Account, e.Seq, r.Partition, r.Offset})
	w.count.Add(1)
}

// answer replies to two of three reminders, sometimes twice, sometimes late.
func (w *world) answer(ctx context.Context, cluster *kafkatest.Cluster) error {
	consumer, err := cluster.NewClient(
		kgo.ConsumeTopics("reminders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(200*time.Millisecond), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		return err
	}
	defer consumer.Close()
	for ctx.Err() == nil {
		consumer.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			for range []int{0, 1, 1, 2}[rand.IntN(4)] {
				reply := &kgo.Record{Topic: "reminded", Key: r.Key, Value: fmt.Appendf(nil, `{"type":"Reminded","id":%q}`, r.Key)}
				w.client.Produce(context.Background(), reply, nil)
			}
		})
	}
	return nil
}

// settled returns what was written; it fails the test if a write failed, for
// then nobody knows what the topic holds.
func (w *world) settled(t *testing.T) []written {
	t.Helper()
	if err := w.client.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed != nil {
		t.Fatalf("the test's own producer failed: %v", w.failed)
	}
	return w.written
}
