package processor

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/kafkatest"
	"rondo/schemas"
	"rondo/statestore"
	"rondo/topology"
)

// The lane moves its positions while the fetcher pauses and resumes its inputs.
func TestIntakeDoesNotShareThePositionsOfItsLane(t *testing.T) {
	const n = 200
	f, topic := fetching(t, kafkatest.Embedded(t, 1), n, fetchBounds{pollRecords: 5, pauseAt: 10, resumeAt: 5, pauseBytes: 1 << 20})
	next := map[input]int64{{topic, 0}: 0, {topic, 1}: 0}
	intake, err := f.start(t.Context(), next)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 * n {
		r := takeAll(t, intake, 1, 1)[0]
		next[inputOf(r)] = r.Offset + 1
	}
	if next[input{topic, 0}] != n || next[input{topic, 1}] != n {
		t.Errorf("read up to %v", next)
	}
}

// A lane whose stop was not waited for leaves its inputs running.
func TestInputThatWasNotStoppedIsStartedWhereItSays(t *testing.T) {
	f, topic := fetching(t, kafkatest.Embedded(t, 1), 60)
	in := input{topic, 0}
	left, err := f.start(t.Context(), map[input]int64{in: 0})
	if err != nil {
		t.Fatal(err)
	}
	takeAll(t, left, 60, 60)
	next, err := f.start(t.Context(), map[input]int64{in: 30})
	if err != nil {
		t.Fatal(err)
	}
	if first := takeAll(t, next, 30, 1)[0]; first.Offset != 30 {
		t.Errorf("the first record is at %d", first.Offset)
	}
	// Its late stop must not take the input from the next lane.
	if err := f.stop(t.Context(), left); err != nil {
		t.Fatal(err)
	}
	if f.intakes[in] != next {
		t.Error("the next lane's input was stopped")
	}
}

func intakeOf(bounds fetchBounds) *intake {
	return &intake{ready: make(chan struct{}, 1), bounds: bounds, pause: func() {}, resume: func() {}}
}

func TestIntakeTakesNothingBehindAnError(t *testing.T) {
	i := intakeOf(fetchBounds{pauseAt: 10, pauseBytes: 100})
	broken := errors.New("broken")
	i.put([]*kgo.Record{{Offset: 1}})
	i.fail(broken)
	i.put([]*kgo.Record{{Offset: 0}})
	if records, err := i.take(10); len(records) != 1 || err != nil {
		t.Errorf("took %d records, %v", len(records), err)
	}
	select {
	case <-i.ready:
	default:
		t.Error("nobody is told of the error")
	}
	if records, err := i.take(10); len(records) != 0 || err != broken {
		t.Errorf("took %d records, %v", len(records), err)
	}
}

func TestIntakeIsBoundedByBytes(t *testing.T) {
	i := intakeOf(fetchBounds{pauseAt: 100, resumeAt: 50, pauseBytes: 100})
	big := &kgo.Record{Value: make([]byte, 40)}
	i.put([]*kgo.Record{big, big})
	if i.paused {
		t.Error("paused at 80 bytes")
	}
	i.put([]*kgo.Record{big})
	if !i.paused {
		t.Error("not paused at 120 bytes")
	}
	if _, err := i.take(1); err != nil || !i.paused {
		t.Errorf("resumed at 80 bytes: %v", err)
	}
	if _, err := i.take(1); err != nil || i.paused {
		t.Errorf("not resumed at 40 bytes: %v", err)
	}
}

// bareLane is a lane without a cluster.
func bareLane(t *testing.T) *lane {
	t.Helper()
	store, err := statestore.Open(statestore.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	config := Config{App: "app", Partitions: 4, Log: slog.New(slog.DiscardHandler)}
	s := &shared{config: config, topics: config.OwnTopics(), store: store, clock: time.Now, cluster: &cluster{facts: map[string]topicFacts{config.OwnTopics().History: {partitions: 4, maxMessageBytes: 1 << 20}}}}
	return newLane(s, 0, []input{{"a", 0}}, Member{ID: "m", Generation: 1})
}

func bareTenure(t *testing.T, s start) *tenure {
	return newTenure(bareLane(t), topicFacts{maxMessageBytes: 1 << 20}, s)
}

func TestRefusedRecordIsFoundAmongMarkers(t *testing.T) {
	large := &RecordError{Reason: kerr.MessageTooLarge}
	control := &kgo.Record{Topic: "a", Offset: 8, Attrs: kgo.NewRecordAttrs(kgo.RecordAttrsOpts{Control: true})}
	tn := bareTenure(t, start{})
	b := &batch{tenure: tn, records: []*kgo.Record{control}}
	if err := tn.isolate(b, large); err != nil || !tn.single {
		t.Fatalf("first refusal: %v", err)
	}
	var halted *haltError
	if err := tn.isolate(b, large); !errors.As(err, &halted) {
		t.Errorf("a timer's record is refused, and the lane goes on: %v", err)
	}
	b.records = []*kgo.Record{{Topic: "a", Offset: 7}, control}
	if err := tn.isolate(b, large); err != nil || tn.refused == nil || tn.refused.offset != 7 {
		t.Errorf("the record is not found: %v, %+v", err, tn.refused)
	}
	if err := tn.isolate(b, large); !errors.As(err, &halted) {
		t.Errorf("its dead letter is refused, and the lane goes on: %v", err)
	}
}

// A flood of markers, which are no inputs, must not hold a batch open.
func TestBatchEndsByTimeWithoutInputs(t *testing.T) {
	tn := bareTenure(t, start{})
	b := newBatch(tn)
	if b.full() {
		t.Error("full at the beginning")
	}
	b.began = b.began.Add(-2 * batchTime)
	if !b.full() {
		t.Error("open for ever")
	}
}

// Little for each of many partitions is much for a transaction.
func TestBatchEndsByTheBytesOfAllPartitions(t *testing.T) {
	b := newBatch(bareTenure(t, start{}))
	for p := range int32(64) {
		if b.full() {
			t.Fatalf("full after %d bytes", b.bytes)
		}
		b.weigh(input{"out", p}, 256<<10+1, 1<<20)
	}
	if !b.full() {
		t.Errorf("open after %d bytes", b.bytes)
	}
}

func TestRecordBelowThePositionIsNotDecidedAgain(t *testing.T) {
	tn := bareTenure(t, start{next: map[input]int64{{"a", 0}: 5}})
	b := newBatch(tn)
	for _, r := range []*kgo.Record{{Topic: "a", Offset: 4}, {Topic: "b", Offset: 9}} {
		if err := b.consume(t.Context(), r); err == nil {
			t.Errorf("%s was taken", coordinates(r))
		}
	}
	if len(b.records) != 0 || tn.next[input{"a", 0}] != 5 {
		t.Errorf("positions moved to %v", tn.next)
	}
}

// While a definition spreads, a lane may be without an input for some time.
func TestProgressKeepsThePositionOfAnInputThatIsNotReadNow(t *testing.T) {
	cluster := kafkatest.Embedded(t, 1)
	l := bareLane(t)
	topic := cluster.Topic(t, "a", 1)
	l.inputs = []input{{topic, 0}}
	l.shared.cluster = newCluster(cluster.Client(t), "group", slog.New(slog.DiscardHandler))
	facts, err := l.shared.cluster.topic(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	resting := schemas.InputPosition{Topic: "b", Partition: 0, Next: 7}
	before := schemas.Progress{Inputs: []schemas.InputPosition{{Topic: topic, TopicID: facts.id}, resting}}
	s, err := l.startingPoint(t.Context(), nil, before, true)
	if err != nil {
		t.Fatal(err)
	}
	b := newBatch(newTenure(l, topicFacts{}, s))
	if err := b.writeProgress(Member{ID: "m"}); err != nil {
		t.Fatal(err)
	}
	entry, _, err := b.overlay.Get([]byte(progressKey))
	if err != nil {
		t.Fatal(err)
	}
	after, err := schemas.DecodeProgress(entry.Value)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(after.Inputs, resting) || len(after.Inputs) != 2 {
		t.Errorf("progress: %+v", after.Inputs)
	}
}

// What comes on changed before an identity is taken says nothing of a later one.
func TestIdentityTakenIsTheNewest(t *testing.T) {
	l := bareLane(t)
	l.confirm(Member{ID: "m", Generation: 2})
	if got := l.identity(); got.Generation != 2 {
		t.Errorf("generation %d", got.Generation)
	}
	select {
	case <-l.changed:
		t.Error("a change that was seen is told again")
	default:
	}
	l.confirm(Member{ID: "m", Generation: 3})
	select {
	case <-l.changed:
	default:
		t.Error("a change is not told")
	}
}

const ordersByID = `
workflow: orders
version: 1
messages:
  Placed: {topic: app.orders, key: event.id}
start: {Placed: {}}
do:
  - finish: {end: complete}
`

// A node that has not heard of a definition yet knows that it has not.
func TestNodeKnowsThatADefinitionIsStillToCome(t *testing.T) {
	cluster := kafkatest.Embedded(t, 1)
	config := Config{App: kafkatest.Unique(t, "app"), Brokers: cluster.Addrs, Partitions: 4, Replication: 1, Log: slog.New(slog.DiscardHandler)}.WithDefaults()
	def, found := topology.Parse("orders.yaml", []byte(ordersByID), func(string) ([]byte, error) { return nil, errors.New("none") })
	if found.HasErrors() {
		t.Fatalf("%+v", found)
	}
	if err := cluster.Fake.CreateTopic(config.OwnTopics().Definitions, 1, nil); err != nil {
		t.Fatal(err)
	}
	catalog, err := OpenCatalog(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer catalog.Close()
	client, err := config.NewClient()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	s := &shared{config: config, topics: config.OwnTopics(), catalog: catalog, cluster: newCluster(client, config.App, slog.New(slog.DiscardHandler))}
	if err := s.knowsDeployed(t.Context()); err != nil {
		t.Errorf("nothing is deployed: %v", err)
	}
	catalog.cancel() // it hears of nothing any more
	<-catalog.done
	if _, err := Deploy(t.Context(), config, []*topology.Definition{def}, "test"); err != nil {
		t.Fatal(err)
	}
	if err := s.knowsDeployed(t.Context()); err == nil || !strings.Contains(err.Error(), config.OwnTopics().Definitions) {
		t.Errorf("a definition that this node has not heard of: %v", err)
	}
}

// A share whose lane was cut is carried out all the same, and the group need not
// refuse it: the next lane of the partition may be of the same generation.
func TestTakeoverWaitsForWhatACutLaneHasHandedIn(t *testing.T) {
	for what, of := range map[string]func(*shared) *committer{
		"together": func(s *shared) *committer { return s.together },
		"aside":    func(s *shared) *committer { return s.aside },
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMetrics(prometheus.NewRegistry())
				s := &shared{together: newCommitter(RingConfig{}, m), aside: newCommitter(RingConfig{}, m)}
				handedIn := cutWhileUnderWay(t, of(s), 3)
				next := &lane{partition: 3, shared: s, by: s.together}
				ended := make(chan error, 1)
				go func() { _, err := next.takeOver(t.Context()); ended <- err }()
				synctest.Wait()
				if asksForTheRing(s.together) {
					t.Fatal("the takeover went on although the share may still be committed")
				}
				handedIn.answer <- nil
				synctest.Wait()
				if !asksForTheRing(s.together) {
					t.Error("the takeover does not go on")
				}
				if err := <-ended; !errors.Is(err, errNoRing) {
					t.Error(err)
				}
				if err := of(s).settled(t.Context(), 3); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// cutWhileUnderWay is the share of a lane of a state partition that was cut when
// the committer had taken the share.
func cutWhileUnderWay(t *testing.T, c *committer, partition int32) *share {
	ctx, cut := context.WithCancel(t.Context())
	offsets := Offsets{"in": {partition: {Next: 1}}}
	ended := make(chan error, 1)
	go func() {
		ended <- c.commit(ctx, newShare(partition, []*kgo.Record{{Topic: "out"}}, offsets, Member{ID: "m", Generation: 1}))
	}()
	taken := <-c.shares
	cut()
	if err := <-ended; !errors.Is(err, ErrUnknown) {
		t.Fatalf("cut: %v", err)
	}
	return taken
}

var errNoRing = errors.New("no ring")

// asksForTheRing reports whether somebody waits for the ring, and refuses it.
func asksForTheRing(c *committer) bool {
	select {
	case answer := <-c.opened:
		answer <- errNoRing
		return true
	default:
		return false
	}
}
