package processor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/kafkatest"
	"rondo/processor"
	"rondo/statestore"
	"rondo/topology"
)

// app is one application under test: its topics, its nodes, and what its
// services would see.
type app struct {
	t       *testing.T
	cluster *kafkatest.Cluster
	config  processor.Config
	client  *kgo.Client
	admin   *kadm.Client
	prefix  string
	logs    *lockedBuffer
	dial    func(ctx context.Context, network, host string) (net.Conn, error) // of the nodes; nil: as always
	prepare func(*processor.Node)                                             // done to each node before it runs; nil: nothing
}

const appPartitions = 4

// newApp creates the topics of definitions and of the application. In the
// definitions' text, %s stands for a prefix that makes topics unique.
func newApp(t *testing.T, cluster *kafkatest.Cluster, definitions ...string) *app {
	t.Helper()
	prefix := kafkatest.Unique(t, "app")
	a := &app{t: t, cluster: cluster, prefix: prefix, logs: &lockedBuffer{}}
	a.client = cluster.Client(t, kgo.ProducerLinger(0), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(20*time.Millisecond))
	a.admin = kadm.NewClient(a.client)
	a.config = processor.Config{
		App: prefix, Brokers: cluster.Addrs, Partitions: appPartitions, Replication: copies(cluster),
		SessionTimeout: 3 * time.Second, TransactionTimeout: 5 * time.Second,
		Log: slog.New(slog.NewTextHandler(a.logs, nil)),
	}
	for _, text := range definitions {
		a.config.Definitions = append(a.config.Definitions, a.parse(text))
	}
	a.config.Sources = map[string]processor.Source{}
	for _, name := range []string{"in", "replies", "odd"} {
		a.config.Sources[a.topic(name)] = processor.Source{From: processor.FromEarliest()}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of the nodes:\n%s", a.logs.tail(16<<10))
		}
	})
	return a
}

func copies(cluster *kafkatest.Cluster) int { return min(len(cluster.Addrs), 3) }

func (a *app) topic(name string) string { return a.prefix + "." + name }

func (a *app) parse(text string) *topology.Definition {
	a.t.Helper()
	source := bytes.ReplaceAll([]byte(text), []byte("%s"), []byte(a.prefix))
	def, found := topology.Parse("test.yaml", source, func(name string) ([]byte, error) { return nil, os.ErrNotExist })
	if found.HasErrors() {
		a.t.Fatalf("definition: %+v", found)
	}
	return def
}

// create makes the topics that are missing; partitions may say another number
// for some of the users' topics.
func (a *app) create(partitions map[string]int32) {
	a.t.Helper()
	for name, n := range partitions {
		a.cluster.CreateTopic(a.t, a.topic(name), n)
	}
	var plans []*topology.Plan
	for _, def := range a.config.Definitions {
		plan, found := topology.Compile(def, topology.Options{Application: a.config.App})
		if found.HasErrors() {
			a.t.Fatalf("compile: %+v", found)
		}
		plans = append(plans, plan)
	}
	config := a.config.WithDefaults()
	wanted, err := processor.PlanTopics(a.t.Context(), config, a.client, config.Topics(plans))
	if err != nil {
		a.t.Fatal(err)
	}
	if err := wanted.Apply(a.t.Context(), config, a.client, func(processor.Topic) {}); err != nil {
		a.t.Fatal(err)
	}
}

// runningNode is a node within the test's process.
type runningNode struct {
	*processor.Node
	stop func() error
	reg  *prometheus.Registry
}

// node starts a node; it is stopped with the test.
func (a *app) node() *runningNode { return a.nodeIn(a.t.TempDir()) }

// nodeIn starts a node with the local store in dir.
func (a *app) nodeIn(dir string) *runningNode {
	a.t.Helper()
	config := a.config
	config.DataDir = dir
	registry := prometheus.NewRegistry()
	config.Metrics = registry
	node, err := processor.NewNode(config)
	if err != nil {
		a.t.Fatal(err)
	}
	if a.dial != nil {
		node.DialThrough(a.dial)
	}
	if a.prepare != nil {
		a.prepare(node)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- node.Run(ctx) }()
	var once sync.Once
	var result error
	n := &runningNode{Node: node, reg: registry, stop: func() error {
		once.Do(func() {
			cancel()
			select {
			case result = <-ended:
			case <-time.After(30 * time.Second):
				result = errors.New("the node did not stop within 30 s")
			}
		})
		return result
	}}
	a.t.Cleanup(func() {
		if err := n.stop(); err != nil && !errors.Is(err, statestore.ErrDiskFull) {
			a.t.Errorf("node: %v", err)
		}
	})
	return n
}

// ready waits until the nodes decide on all partitions.
func (a *app) ready(nodes ...*runningNode) {
	a.t.Helper()
	a.await("all partitions to run", func() bool {
		sum := 0
		for _, n := range nodes {
			sum += n.Status().Partitions.Running
		}
		return sum == appPartitions
	})
}

func (a *app) await(what string, done func() bool) {
	a.t.Helper()
	for deadline := time.Now().Add(40 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if done() {
			return
		}
	}
	a.t.Fatalf("waited in vain for %s", what)
}

// produce writes a JSON event to the partition of its key.
func (a *app) produce(topic, key, value string, headers ...kgo.RecordHeader) *kgo.Record {
	a.t.Helper()
	return a.write(&kgo.Record{
		Topic: a.topic(topic), Partition: processor.PartitionOf([]byte(key), appPartitions),
		Key: []byte(key), Value: []byte(value), Headers: headers,
	})
}

// produceElsewhere writes a record to another partition than the default partitioner
// takes.
func (a *app) produceElsewhere(topic, key, value string, headers ...kgo.RecordHeader) *kgo.Record {
	partition := (processor.PartitionOf([]byte(key), appPartitions) + 1) % appPartitions
	return a.write(&kgo.Record{Topic: a.topic(topic), Partition: partition, Key: []byte(key), Value: []byte(value), Headers: headers})
}

func (a *app) write(record *kgo.Record) *kgo.Record {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), 20*time.Second)
	defer cancel()
	if err := a.client.ProduceSync(ctx, record).FirstErr(); err != nil {
		a.t.Fatalf("produce to %s: %v", record.Topic, err)
	}
	return record
}

// follow reads a topic, committed records only, from its start.
func (a *app) follow(topic string) *follower {
	a.t.Helper()
	return &follower{app: a, topic: topic, client: a.cluster.Client(a.t,
		kgo.ConsumeTopics(a.topic(topic)), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(100*time.Millisecond), kgo.MetadataMinAge(20*time.Millisecond))}
}

type follower struct {
	app    *app
	topic  string
	client *kgo.Client
	seen   []*kgo.Record
}

// standstill is how long nothing may come of what a test waits for. It counts
// anew with whatever comes: a busy machine is slow, and does not stand still.
const standstill = 40 * time.Second

// next waits for n more records and returns them.
func (f *follower) next(n int) []*kgo.Record {
	f.app.t.Helper()
	for len(f.seen) < n {
		more := f.poll(standstill)
		if len(more) == 0 {
			f.app.t.Fatalf("waited for %d records of %s, saw %d, and for %v no more", n, f.topic, len(f.seen), standstill)
		}
		f.seen = append(f.seen, more...)
	}
	out := f.seen[:n]
	f.seen = f.seen[n:]
	return out
}

// none fails if a record comes within a moment.
func (f *follower) none(moment time.Duration) {
	f.app.t.Helper()
	if len(f.seen) == 0 {
		f.seen = f.poll(moment)
	}
	if len(f.seen) > 0 {
		f.app.t.Fatalf("%s: did not expect %s", f.topic, describe(f.seen[0]))
	}
}

// poll returns what comes next; nothing if for a while none does.
func (f *follower) poll(while time.Duration) []*kgo.Record {
	ctx, cancel := context.WithTimeout(f.app.t.Context(), while)
	defer cancel()
	for ctx.Err() == nil {
		if records := f.client.PollFetches(ctx).Records(); len(records) > 0 {
			return records
		}
	}
	return nil
}

func describe(r *kgo.Record) string {
	text := fmt.Sprintf("%s/%d/%d key %q value %q", r.Topic, r.Partition, r.Offset, r.Key, r.Value)
	for _, h := range r.Headers {
		text += fmt.Sprintf(" %s=%q", h.Key, h.Value)
	}
	return text
}

func header(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// committed is the group's offset of an input; -1 if there is none.
func (a *app) committed(topic string, partition int32) int64 {
	a.t.Helper()
	offsets, err := a.admin.FetchOffsets(a.t.Context(), a.config.App)
	if err != nil {
		a.t.Fatal(err)
	}
	at, ok := offsets.Lookup(a.topic(topic), partition)
	if !ok {
		return -1
	}
	return at.At
}

// lag is what the group has not decided, as tools show it.
func (a *app) lag() int64 {
	a.t.Helper()
	lags, err := a.admin.Lag(a.t.Context(), a.config.App)
	if err != nil {
		a.t.Fatal(err)
	}
	sum := int64(0)
	for _, l := range lags[a.config.App].Lag.Sorted() {
		sum += max(l.Lag, 0)
	}
	return sum
}

// lockedBuffer is what several nodes log into.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) tail(n int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := b.buf.Bytes()
	return string(text[max(0, len(text)-n):])
}
