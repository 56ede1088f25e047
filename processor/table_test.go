package processor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/kafkatest"
	"rondo/schemas"
	"rondo/statestore"
	"rondo/topology"
	"rondo/topology/value"
)

// tableRig is a topic with rows, and what a node needs to hold it as a table.
type tableRig struct {
	t       *testing.T
	cluster *kafkatest.Cluster
	client  *kgo.Client
	topic   string
	fs      vfs.FS
	log     logBuffer
}

type logBuffer struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func newTableRig(t *testing.T, cluster *kafkatest.Cluster, partitions int32) *tableRig {
	t.Helper()
	r := &tableRig{t: t, cluster: cluster, fs: vfs.NewCrashableMem()}
	r.topic = cluster.Topic(t, "profiles", partitions, "cleanup.policy", "compact")
	r.client = cluster.Client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err := r.fs.MkdirAll("data/state", 0o755); err != nil {
		t.Fatal(err)
	}
	return r
}

// put writes rows as key and JSON, "" for a tombstone, each to the partition of its key.
func (r *tableRig) put(rows ...string) {
	r.t.Helper()
	admin := kadm.NewClient(r.client)
	details, err := admin.ListTopics(shortly(r.t), r.topic)
	if err != nil {
		r.t.Fatal(err)
	}
	n := int32(len(details[r.topic].Partitions))
	var records []*kgo.Record
	for i := 0; i < len(rows); i += 2 {
		record := &kgo.Record{Topic: r.topic, Partition: PartitionOf([]byte(rows[i]), n), Key: []byte(rows[i])}
		if rows[i+1] != "" {
			record.Value = []byte(rows[i+1])
		}
		records = append(records, record)
	}
	if err := r.client.ProduceSync(shortly(r.t), records...).FirstErr(); err != nil {
		r.t.Fatal(err)
	}
}

// holder is what a node holds: it is stopped with the test, or before.
type holder struct {
	*tables
	source tableSource
	stop   func()
}

// hold begins to hold the rig's topic as a node does that was started on fs.
func (r *tableRig) hold(fs vfs.FS) *holder {
	r.t.Helper()
	h := r.holder(fs)
	h.follow([]tableSource{h.source})
	return h
}

func (r *tableRig) holder(fs vfs.FS) *holder {
	r.t.Helper()
	cfg := Config{App: "shop", Brokers: r.cluster.Addrs, Log: slog.New(slog.NewTextHandler(&r.log, nil))}.WithDefaults()
	store, err := statestore.Open(statestore.Config{Dir: "data", FS: fs, MemTableBytes: 256 << 10})
	if err != nil {
		r.t.Fatal(err)
	}
	s := &shared{
		config: cfg, cluster: newCluster(r.cluster.Client(r.t), cfg.App, slog.New(slog.DiscardHandler)), store: store,
		metrics: newMetrics(cfg.Metrics), newClient: cfg.NewClient, clock: time.Now,
	}
	compiler := &definitionCompiler{plans: cfg.PlanOptions(), readers: map[string]*schemas.Reader{}}
	source, err := compiler.table(&topology.Table{Name: "profile", Topic: r.topic, Format: "json"}, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	h := &holder{tables: newTables(s), source: source}
	h.start(ctx)
	h.stop = sync.OnceFunc(func() {
		cancel()
		h.wait()
		if err := store.Close(); err != nil {
			r.t.Errorf("close the store: %v", err)
		}
	})
	r.t.Cleanup(h.stop)
	return h
}

// loaded waits until the table was read to its end.
func (h *holder) loaded(t *testing.T) *table {
	t.Helper()
	if err := h.await(shortly(t), func(string) {}); err != nil {
		t.Fatalf("%v: %s", err, h.loading())
	}
	return h.tables.hold(h.source)
}

// segment is a field of a row; "none" if there is no row.
func segment(t *testing.T, held *table, key string) string {
	t.Helper()
	rows := &rows{tables: map[string]*table{"profile": held}}
	v, found := rows.Row("profile", key)
	if err := rows.failed(); err != nil {
		t.Fatal(err)
	}
	if !found {
		return "none"
	}
	s, _ := v.(*value.Map).Lookup("segment")
	return fmt.Sprint(s)
}

// gathered is the sum of a metric of a node.
func gathered(t *testing.T, s *shared, name string) float64 {
	t.Helper()
	families, err := s.config.Metrics.(*prometheus.Registry).Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := -1.0
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == name {
				sum = max(sum, 0) + m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

func profile(segment string) string { return fmt.Sprintf(`{"segment":%q}`, segment) }

func TestTableIsReadToItsEndAndFollowed(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		r := newTableRig(t, cluster, 11)
		var rows []string
		for i := range 500 {
			rows = append(rows, fmt.Sprintf("u-%d", i), profile(fmt.Sprint(i)))
		}
		r.put(rows...)
		r.put("u-1", "", "u-2", profile("vip"))
		held := r.hold(r.fs).loaded(t)
		for key, want := range map[string]string{"u-0": "0", "u-1": "none", "u-2": "vip", "u-499": "499", "u-500": "none"} {
			if got := segment(t, held, key); got != want {
				t.Errorf("row %s is %s, want %s", key, got, want)
			}
		}
		r.put("u-0", profile("new"), "u-2", "", "u-500", profile("late"))
		for key, want := range map[string]string{"u-0": "new", "u-2": "none", "u-500": "late"} {
			eventually(t, key+" is "+want, func() bool { return segment(t, held, key) == want })
		}
		eventually(t, "nothing is left to read", func() bool {
			return gathered(t, held.shared, "rondo_table_lag_records") == 0
		})
	})
}

func TestRestartReadsOnlyWhatIsNew(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		r := newTableRig(t, cluster, 3)
		r.put("a", profile("1"), "b", profile("2"), "c", profile("3"))
		first := r.hold(r.fs)
		held := first.loaded(t)
		first.stop()
		r.put("a", "", "d", profile("4"))

		again := r.holder(r.fs)
		fresh := newTable(again.shared, again.source)
		if err := fresh.begin(shortly(t)); err != nil {
			t.Fatal(err)
		}
		for p, next := range held.next {
			if fresh.next[p] != next {
				t.Errorf("partition %d is read from %d, want %d", p, fresh.next[p], next)
			}
		}
		again.follow([]tableSource{again.source})
		held = again.loaded(t)
		for key, want := range map[string]string{"a": "none", "b": "2", "d": "4"} {
			if got := segment(t, held, key); got != want {
				t.Errorf("row %s is %s, want %s", key, got, want)
			}
		}
		if strings.Contains(r.log.String(), "read anew") {
			t.Errorf("the log says:\n%s", &r.log)
		}
	})
}

// A process that dies while it reads a table goes on there, with the rows and
// the positions that belong together.
func TestKillDuringTheLoadLosesNothing(t *testing.T) {
	r := newTableRig(t, kafkatest.Embedded(t, 1), 5)
	const n = 6000
	var rows []string
	for i := range n {
		rows = append(rows, fmt.Sprintf("u-%d", i), profile(strings.Repeat("x", 500)+fmt.Sprint(i)))
	}
	r.put(rows...)
	first := r.hold(r.fs)
	held := first.tables.hold(first.source)
	eventually(t, "some of the table was read", func() bool { return held.left.Load() > 0 && held.left.Load() < n || held.ready.Load() })
	crashed := r.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(1, 2))})
	first.stop()
	second := r.hold(crashed).loaded(t)
	for i := range n {
		if got := segment(t, second, fmt.Sprintf("u-%d", i)); !strings.HasSuffix(got, "x"+fmt.Sprint(i)) {
			t.Fatalf("row %d is %s", i, got)
		}
	}
}

func TestRowsThatCannotBeBroughtUpToDateAreReadAnew(t *testing.T) {
	for name, c := range map[string]struct {
		at   func(h *holder, p statestore.Position) statestore.Position
		says string
	}{
		"of a topic that was deleted": {func(_ *holder, p statestore.Position) statestore.Position { p.TopicID[0]++; return p }, "belong to a topic that was deleted"},
		"ahead":                       {func(_ *holder, p statestore.Position) statestore.Position { p.Offset += 10; return p }, "ahead of partition 0"},
		"older than tombstones": {func(h *holder, p statestore.Position) statestore.Position {
			p.Offset, p.AppliedAt = p.Offset-1, h.shared.clock().Add(-13*time.Hour).UnixMilli()
			return p
		}, "older than the topic keeps tombstones"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			r := newTableRig(t, kafkatest.Embedded(t, 1), 1)
			r.put("a", profile("1"), "b", profile("2"))
			first := r.hold(r.fs)
			first.loaded(t)
			first.stop()
			second := r.holder(r.fs)
			stored := second.shared.store.Table(second.source.id)
			positions, err := stored.Positions()
			if err != nil || positions[0].Offset != 2 {
				t.Fatalf("positions %v %v", positions, err)
			}
			batch := stored.Begin()
			batch.Put([]byte("ghost"), []byte("of another time"))
			batch.Move(0, c.at(second, positions[0]))
			if err := batch.Commit(); err != nil {
				t.Fatal(err)
			}
			second.follow([]tableSource{second.source})
			held := second.loaded(t)
			if got := segment(t, held, "a") + segment(t, held, "b") + segment(t, held, "ghost"); got != "12none" {
				t.Errorf("rows %s", got)
			}
			if !strings.Contains(r.log.String(), c.says) {
				t.Errorf("the log does not say why:\n%s", &r.log)
			}
		})
	}
}

func TestDamagedRowIsReadAnewWhileLanesWait(t *testing.T) {
	r := newTableRig(t, kafkatest.Embedded(t, 1), 1)
	r.put("a", profile("1"))
	h := r.hold(r.fs)
	held := h.loaded(t)
	batch := held.store.Begin()
	batch.Put([]byte("a"), []byte("damaged"))
	if err := batch.Commit(); err != nil {
		t.Fatal(err)
	}
	rows := &rows{tables: map[string]*table{"profile": held}}
	if _, found := rows.Row("profile", "a"); found || rows.failed() == nil {
		t.Error("a decision was made with a row that cannot be read")
	}
	if errors.Is(rows.failed(), statestore.ErrDamaged) {
		t.Error("the lane would take its own state for damaged, and rebuild it")
	}
	if got := segment(t, h.loaded(t), "a"); got != "1" {
		t.Errorf("the row is %s", got)
	}
}

func TestARecordThatCannotBeARowKeepsTheFormerOne(t *testing.T) {
	r := newTableRig(t, kafkatest.Embedded(t, 1), 1)
	r.put("a", profile("1"), "a", "{nonsense", "b", "[1,", "c", profile("3"))
	if err := r.client.ProduceSync(shortly(t), &kgo.Record{Topic: r.topic, Value: []byte(profile("no key"))}, &kgo.Record{Topic: r.topic, Key: []byte{0xff}, Value: []byte(profile("x"))}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	held := r.hold(r.fs).loaded(t)
	if got := segment(t, held, "a") + segment(t, held, "b") + segment(t, held, "c"); got != "1none3" {
		t.Errorf("rows %s", got)
	}
	if n := gathered(t, held.shared, "rondo_table_records_refused_total"); n != 4 {
		t.Errorf("%v records were counted", n)
	}
	if n := strings.Count(r.log.String(), "cannot be a row"); n != 1 {
		t.Errorf("said %d times:\n%s", n, &r.log)
	}
}

// Rows whose records the topic's retention has deleted go, as they are not there
// for a node that reads the topic now.
func TestRowsThatFellToRetentionGo(t *testing.T) {
	r := newTableRig(t, kafkatest.Embedded(t, 1), 1)
	r.put("a", profile("1"), "b", profile("2"), "c", profile("3"))
	first := r.hold(r.fs)
	first.loaded(t)
	first.stop()
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: r.topic, At: 2})
	if _, err := kadm.NewClient(r.client).DeleteRecords(shortly(t), offsets); err != nil {
		t.Fatal(err)
	}
	held := r.hold(r.fs).loaded(t)
	if got := segment(t, held, "a") + segment(t, held, "b") + segment(t, held, "c"); got != "nonenone3" {
		t.Errorf("rows %s", got)
	}
}

// Lookups go on while the table changes beneath them; in the end each sees what
// was written last.
func TestTableChangesWhileItIsLookedUp(t *testing.T) {
	r := newTableRig(t, kafkatest.Embedded(t, 1), 3)
	r.put("a", profile("0"), "b", profile("0"))
	held := r.hold(r.fs).loaded(t)
	stop := make(chan struct{})
	var lanes sync.WaitGroup
	for range 3 {
		lanes.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					held.row("a")
					held.row("b")
				}
			}
		})
	}
	const last = 60
	for i := range last {
		r.put("a", profile(fmt.Sprint(i+1)), "b", "")
	}
	eventually(t, "the last row is seen", func() bool { return segment(t, held, "a") == fmt.Sprint(last) && segment(t, held, "b") == "none" })
	close(stop)
	lanes.Wait()
}

func TestWhatWasReadBeforeAChangeIsNotCachedAfterIt(t *testing.T) {
	var c rowCache
	_, _, epoch := c.get("a")
	c.changed([]string{"a"})
	c.put("a", cachedRow{"old", true}, epoch, 1)
	if _, known, _ := c.get("a"); known {
		t.Error("an old row would be found for ever")
	}
	_, _, epoch = c.get("a")
	c.put("a", cachedRow{"new", true}, epoch, 1)
	c.put("b", cachedRow{"large", true}, epoch, cachedBytes+1)
	if row, known, _ := c.get("a"); !known || row.value != "new" {
		t.Errorf("got %v %v", row, known)
	}
	if _, known, _ := c.get("b"); known {
		t.Error("a large row is cached")
	}
	for i := range 3 * cachedRows {
		c.put(fmt.Sprint(i), cachedRow{}, epoch, 0)
	}
	if n := len(c.young) + len(c.old); n > 2*cachedRows {
		t.Errorf("%d rows are cached", n)
	}
}

func TestTablesThatNobodyUsesAreForgotten(t *testing.T) {
	r := newTableRig(t, kafkatest.Embedded(t, 1), 1)
	h := r.holder(r.fs)
	for _, name := range []string{h.source.id, "gone#1"} {
		batch := h.shared.store.Table(name).Begin()
		batch.Put([]byte("k"), []byte("v"))
		if err := batch.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.forget([]tableSource{h.source}); err != nil {
		t.Fatal(err)
	}
	if names, err := h.shared.store.Tables(); err != nil || len(names) != 1 || names[0] != h.source.id {
		t.Errorf("left: %v %v", names, err)
	}
}

func TestATableWhoseTopicIsMissingSaysSo(t *testing.T) {
	r := newTableRig(t, kafkatest.Embedded(t, 1), 1)
	h := r.holder(r.fs)
	h.source.topic = r.topic + ".missing"
	h.follow([]tableSource{h.source})
	eventually(t, "the reason is told", func() bool {
		return strings.Contains(h.loading(), "table profile (topic "+h.source.topic+") cannot be read") && strings.Contains(h.loading(), "does not exist")
	})
}

func TestTopicsOfTablesAreMadeCompacted(t *testing.T) {
	cfg := Config{App: "shop", Brokers: []string{"x:1"}}.WithDefaults()
	def, list := topology.Parse("w.yaml", []byte("workflow: w\nversion: 1\nmessages:\n  A: {topic: a.in}\nstart: {A: {}}\ndo: [{w: {wait: 1s}}]\n"), nil)
	if list.HasErrors() {
		t.Fatal(list)
	}
	def.Tables = []*topology.Table{{Name: "profile", Topic: "user.profiles"}}
	plan, list := topology.Compile(def, topology.Options{})
	if list.HasErrors() {
		t.Fatal(list)
	}
	topics := cfg.Topics([]*topology.Plan{plan})
	last := topics[len(topics)-1]
	if last.Name != "user.profiles" || last.Kind != TableTopic || last.Kind.Own() || last.Configs["cleanup.policy"] != "compact" {
		t.Fatalf("the topic is %+v", last)
	}
	have := observed{partitions: 3, replication: 3, configs: map[string]string{"cleanup.policy": "delete", "min.insync.replicas": "2"}}
	found := last.compare(have)
	if len(found) != 1 || found[0].Severity != Warning || !strings.HasPrefix(found[0].Text, "holds a table and has cleanup.policy delete: ") {
		t.Errorf("findings %v", found)
	}
	have.configs["cleanup.policy"] = "compact,delete"
	if found := last.compare(have); len(found) != 0 {
		t.Errorf("findings about a compacted topic: %v", found)
	}
}
