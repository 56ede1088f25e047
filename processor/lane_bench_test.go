package processor

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/linkedin/goavro/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/kafkatest"
	"rondo/statestore"
	"rondo/topology"
)

// BenchmarkLane is the way of a record through a lane without the network: bytes
// are decoded, the instance is loaded, the decision made, its records encoded and
// staged, the progress record written, the batch applied to the store. Only the
// transaction is left out, in whose place the records get their offsets. An
// operation is a workflow of five calls for each of so many keys, a batch for the
// starts and one for the replies to each call.
//
// ns/step: the time of an operation by the calls in it; the records of the load
// are not in it, their allocations are.
func BenchmarkLane(b *testing.B) {
	for _, keys := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("call5/keys-%d", keys), func(b *testing.B) {
			l := newBenchLane(b, benchDefinition)
			b.ReportAllocs()
			l.workflows(0, 100) // what is made once is made
			inLane, next := time.Duration(0), 100
			for b.Loop() {
				inLane += l.workflows(next, keys)
				next += keys
			}
			b.ReportMetric(float64(inLane.Nanoseconds())/float64(b.N*keys*benchCalls), "ns/step")
		})
	}
}

const benchCalls = 5

const benchDefinition = `workflow: call5
version: 1
messages:
  Begin: {topic: in, key: event.id, schema: begin.avsc}
  Call:  {topic: commands, schema: call.avsc, timeout: 1m, retry: {attempts: 3}}
  Reply: {topic: in, key: event.id, schema: reply.avsc}
  Done:  {topic: done, schema: done.avsc}
start: {Begin: {set: {greet: =event.text}}}
do:
  - s1: {send: Call, with: {id: =key, text: =greet}, await: {Reply: {set: {tokyo: =event.text}}}}
  - s2: {send: Call, with: {id: =key, text: =tokyo}, await: {Reply: {set: {seattle: =event.text}}}}
  - s3: {send: Call, with: {id: =key, text: =seattle}, await: {Reply: {set: {london: =event.text}}}}
  - s4: {send: Call, with: {id: =key, text: =london}, await: {Reply: {set: {berlin: =event.text}}}}
  - s5: {send: Call, with: {id: =key, text: =berlin}, await: {Reply: {set: {lima: =event.text}}}}
  - done: {send: Done, with: {id: =key, texts: "=[tokyo, seattle, london, berlin, lima]"}}
`

func benchSchema(name, fields string) string {
	return fmt.Sprintf(`{"type": "record", "name": %q, "fields": [{"name": "id", "type": "string"}, %s]}`, name, fields)
}

var benchSchemas = map[string]string{
	"begin.avsc": benchSchema("Begin", `{"name": "text", "type": "string"}`),
	"call.avsc":  benchSchema("Call", `{"name": "text", "type": "string"}`),
	"reply.avsc": benchSchema("Reply", `{"name": "text", "type": "string"}`),
	"done.avsc":  benchSchema("Done", `{"name": "texts", "type": {"type": "array", "items": "string"}}`),
}

// benchLane is a lane whose tenure is driven by hand.
type benchLane struct {
	b      testing.TB
	tenure *tenure
	codecs map[string]*goavro.Codec
	offset int64 // of the next input record
	ends   map[input]int64
}

// newBenchLane takes what a lane needs to know of its topics and its definition from
// an embedded broker; after that nothing is asked any more.
func newBenchLane(b testing.TB, definition string) *benchLane {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	b.Cleanup(cancel)
	cluster := kafkatest.Embedded(b, 1)
	config := Config{
		App: "bench", Brokers: cluster.Addrs, Partitions: 1, Replication: 1, DataDir: "data",
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	}.WithDefaults()
	def, found := topology.Parse("test.yaml", []byte(definition), benchFile)
	if found.HasErrors() {
		b.Fatal(found)
	}
	config.Definitions = []*topology.Definition{def}
	client := cluster.Client(b)
	createBenchTopics(ctx, b, config, client)
	catalog, err := OpenCatalog(ctx, config)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(catalog.Close)
	store, err := statestore.Open(statestore.Config{Dir: "data", FS: vfs.NewMem()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := store.Close(); err != nil {
			b.Error(err)
		}
	})
	s := &shared{
		config: config, topics: config.OwnTopics(), cluster: newCluster(client, config.App, config.Log), catalog: catalog,
		store: store, metrics: newMetrics(config.Metrics), clock: time.Now,
	}
	s.tables = newTables(s)
	return newBenchTenure(ctx, b, s)
}

func newBenchTenure(ctx context.Context, b testing.TB, s *shared) *benchLane {
	changelog, err := s.cluster.topic(ctx, s.topics.Changelog)
	if err != nil {
		b.Fatal(err)
	}
	inputs := []input{{"in", 0}, {s.topics.Inbox, 0}}
	start := start{next: map[input]int64{}, ids: map[input]topicID{}, feeders: map[string]bool{}}
	for _, in := range inputs {
		facts, err := s.cluster.topic(ctx, in.topic)
		if err != nil {
			b.Fatal(err)
		}
		start.next[in], start.ids[in] = 0, facts.id
	}
	l := &benchLane{b: b, codecs: map[string]*goavro.Codec{}, ends: map[input]int64{}}
	l.tenure = newTenure(newLane(s, 0, inputs, Member{ID: "member-1", Generation: 1}), changelog, start)
	for name, text := range benchSchemas {
		if l.codecs[name], err = goavro.NewCodec(text); err != nil {
			b.Fatal(err)
		}
	}
	return l
}

func benchFile(name string) ([]byte, error) {
	if text, ok := benchSchemas[name]; ok {
		return []byte(text), nil
	}
	return nil, os.ErrNotExist
}

func createBenchTopics(ctx context.Context, b testing.TB, config Config, client *kgo.Client) {
	plan, found := topology.Compile(config.Definitions[0], topology.Options{Application: config.App})
	if found.HasErrors() {
		b.Fatal(found)
	}
	wanted, err := PlanTopics(ctx, config, client, config.Topics([]*topology.Plan{plan}))
	if err == nil {
		err = wanted.Apply(ctx, config, client, func(Topic) {})
	}
	if err != nil {
		b.Fatal(err)
	}
}

// workflows plays so many workflows from their starts to their ends, and returns
// the time that the lane took.
func (l *benchLane) workflows(first, count int) (took time.Duration) {
	keys := make([]string, count)
	for i := range keys {
		keys[i] = fmt.Sprintf("b001-%011d", first+i)
	}
	for call := range benchCalls + 1 {
		kind, schema := "Begin", "begin.avsc"
		if call > 0 {
			kind, schema = "Reply", "reply.avsc"
		}
		records := make([]*kgo.Record, count)
		for i, key := range keys {
			records[i] = l.record(kind, schema, key)
		}
		began := time.Now()
		out := l.batch(records)
		took += time.Since(began)
		if want := 3*count + 1; out != want { // command, changelog and history of each, and the progress
			l.b.Fatalf("batch %d wrote %d records, not %d", call, out, want)
		}
	}
	return took
}

func (l *benchLane) record(kind, schema, key string) *kgo.Record {
	value, err := l.codecs[schema].SingleFromNative(nil, map[string]any{"id": key, "text": "Tokyo, Seattle, London"})
	if err != nil {
		l.b.Fatal(err)
	}
	record := &kgo.Record{
		Topic: "in", Offset: l.offset, Key: []byte(key), Value: value, Timestamp: time.Now(),
		Headers: []kgo.RecordHeader{{Key: headerType, Value: []byte(kind)}},
	}
	l.offset++
	return record
}

// batch decides records and makes it visible, and returns how many were written.
func (l *benchLane) batch(records []*kgo.Record) int {
	ctx := context.Background()
	b := newBatch(l.tenure)
	for _, record := range records {
		if err := b.consume(ctx, record); err != nil {
			l.b.Fatal(err)
		}
	}
	if err := b.seal(); err != nil {
		l.b.Fatal(err)
	}
	for _, record := range b.share.records {
		to := input{record.Topic, record.Partition}
		record.Offset = l.ends[to]
		l.ends[to]++
	}
	if err := b.apply(); err != nil {
		l.b.Fatal(err)
	}
	return len(b.share.records)
}

// BenchmarkRingEmbedded is a transaction of the ring on the embedded broker: of
// one record, and of five hundred to four partitions.
func BenchmarkRingEmbedded(b *testing.B) {
	for _, records := range []int{1, 500} {
		b.Run(fmt.Sprintf("records-%d", records), func(b *testing.B) {
			commit := openBenchRing(b, records)
			b.ReportAllocs()
			for b.Loop() {
				commit()
			}
		})
	}
}

func openBenchRing(b *testing.B, records int) (commit func()) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	b.Cleanup(cancel)
	cluster := kafkatest.Embedded(b, 1)
	in, out, group := cluster.Topic(b, "in", 1), cluster.Topic(b, "out", 4), kafkatest.Unique(b, "group")
	assigned := make(chan Member, 1)
	cluster.Client(b, kgo.ConsumerGroup(group), kgo.ConsumeTopics(in), kgo.DisableAutoCommit(),
		kgo.OnPartitionsAssigned(func(_ context.Context, client *kgo.Client, _ map[string][]int32) {
			id, generation := client.GroupMetadata()
			select {
			case assigned <- Member{ID: id, Generation: generation}:
			default:
			}
		}))
	member := <-assigned
	ring, err := OpenRing(ctx, RingConfig{NewClient: cluster.NewClient, IDs: [2]string{group + "-0", group + "-1"}, Group: group})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(ring.Close)
	next := int64(0)
	return func() {
		next++
		txn := ring.Begin()
		for n := range records {
			value := make([]byte, 300)
			binary.BigEndian.PutUint64(value, uint64(next)<<16|uint64(n))
			txn.Add(&kgo.Record{Topic: out, Partition: int32(n % 4), Value: value})
		}
		if err := txn.Commit(ctx, Offsets{in: {0: {Next: next, LeaderEpoch: -1}}}, member); err != nil {
			b.Fatal(err)
		}
	}
}
