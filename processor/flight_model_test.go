package processor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/statestore"
)

// TestEachInputCountsOnceWhateverBecomesOfTheBatches drives a lane through random
// turns: records and markers come, the committer takes what is offered, transactions
// are committed, aborted, refused, or end with an unknown outcome, timers fire, the
// lane is cut. Whatever the turns were, in the end each number that was not refused
// counts once and in its order, and the store is what the changelog holds.
//
// A failure names the seed; to play it alone: -run 'TestEachInput…/seed-N$'.
func TestEachInputCountsOnceWhateverBecomesOfTheBatches(t *testing.T) {
	seeds := 200
	if testing.Short() {
		seeds = 60
	}
	lane := newPilot(t).benchLane
	for seed := range seeds {
		t.Run(fmt.Sprintf("seed-%d", seed), func(t *testing.T) {
			v := newVoyage(t, lane, uint64(seed))
			for range 120 {
				v.turn()
			}
			v.arrive()
		})
	}
}

// voyage is a lane with brokers and a committer that are played by the test.
type voyage struct {
	t     *testing.T
	dice  *rand.Rand
	lane  *lane
	facts topicFacts
	ids   map[input]topicID

	tenure *tenure
	clock  time.Time

	in      map[string][]*kgo.Record // by source: for "more" a definition is missing at times
	numbers map[string][]int
	refused map[string]bool // coordinates of records whose outcome the brokers refuse
	done    []string        // what was told, in order

	log     []*kgo.Record   // the changelog; nil where a marker or an aborted record stands
	offsets map[input]int64 // of the group; nil: none

	queue []*share // taken, not decided upon by the committer yet
	steps []string
}

func newVoyage(t *testing.T, bench *benchLane, seed uint64) *voyage {
	store, err := statestore.Open(statestore.Config{Dir: "data", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	v := &voyage{
		t: t, dice: rand.New(rand.NewPCG(seed, 1)), clock: time.UnixMilli(1_800_000_000_000),
		facts: bench.tenure.changelog, ids: bench.tenure.ids,
		numbers: map[string][]int{}, refused: map[string]bool{}, offsets: map[input]int64{},
		in: map[string][]*kgo.Record{},
	}
	from := bench.tenure.lane.shared
	s := &shared{config: from.config, topics: from.topics, cluster: from.cluster, catalog: &Catalog{}, metrics: from.metrics}
	known := *from.catalog.set.Load()
	known.blocked = map[string]error{}
	s.catalog.set.Store(&known)
	s.tables = newTables(s)
	s.store = store
	s.clock = func() time.Time { return v.clock }
	s.together, s.aside = newCommitter(RingConfig{}, s.metrics), newCommitter(RingConfig{}, s.metrics)
	v.lane = newLane(s, 0, append(bench.tenure.lane.inputs, input{"more", 0}), Member{ID: "member-1", Generation: 1})
	v.lane.log = slog.New(whenSaid{slog.DiscardHandler, v.waits})
	for _, in := range v.lane.inputs {
		v.offsets[in] = 0
	}
	v.take()
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(strings.Join(v.steps, "\n"))
		}
	})
	return v
}

func (v *voyage) note(format string, args ...any) {
	v.steps = append(v.steps, fmt.Sprintf(format, args...))
}

// take begins a tenure where the changelog and the group stand.
func (v *voyage) take() {
	v.t.Helper()
	position, _, err := v.lane.store.Position()
	if err != nil {
		v.t.Fatal(err)
	}
	restorer := v.lane.store.Restore()
	for offset := position.Offset; offset < int64(len(v.log)); offset++ {
		if record := v.log[offset]; record != nil {
			if err := apply(record, restorer); err != nil {
				v.t.Fatal(err)
			}
		}
	}
	if err := restorer.Flush(statestore.Position{TopicID: v.facts.id, Offset: int64(len(v.log))}); err != nil {
		v.t.Fatal(err)
	}
	progress, found, err := v.lane.storedProgress()
	if err != nil {
		v.t.Fatal(err)
	}
	for _, p := range progress.Inputs {
		if in := (input{p.Topic, p.Partition}); v.offsets[in] != p.Next {
			v.t.Fatalf("the group has %v at %d, the changelog at %d", in, v.offsets[in], p.Next)
		}
	}
	s := start{next: maps.Clone(v.offsets), ids: v.ids, at: progress.At, feeders: map[string]bool{}}
	v.tenure = newTenure(v.lane, v.facts, s)
	v.tenure.intake = intakeOf(fetchBounds{pauseAt: 1 << 20, resumeAt: 1, pauseBytes: 1 << 30})
	for topic, records := range v.in {
		v.tenure.intake.put(records[v.offsets[input{topic, 0}]:])
	}
	v.note("takeover: found %v, offsets %v", found, v.offsets)
}

func (v *voyage) turn() {
	turns := []func(){v.add, v.add, v.mark, v.decide, v.decide, v.taken, v.taken, v.taken, v.settle, v.settle, v.settle, v.hear, v.hear, v.hear, v.wait, v.rest, v.expel, v.confirm, v.block}
	turns[v.dice.IntN(len(turns))]()
}

func (v *voyage) come(topic string, record *kgo.Record) {
	record.Topic, record.Offset = topic, int64(len(v.in[topic]))
	v.in[topic] = append(v.in[topic], record)
	v.tenure.intake.put([]*kgo.Record{record})
}

func (v *voyage) add() {
	for range 1 + v.dice.IntN(3) {
		topic, kind := "in", "Add"
		if v.dice.IntN(4) == 0 {
			topic, kind = "more", "More"
		}
		key := fmt.Sprintf("%s-%d", topic, v.dice.IntN(3)) // all its numbers come by one topic
		n := 1 + v.dice.IntN(100)
		record := &kgo.Record{Key: []byte(key), Timestamp: v.clock, Value: fmt.Appendf(nil, `{"type":%q,"id":%q,"n":%d}`, kind, key, n)}
		v.come(topic, record)
		if v.dice.IntN(12) == 0 {
			v.refused[coordinates(record)] = true
		} else {
			v.numbers[key] = append(v.numbers[key], n)
		}
	}
	v.note("records: %d and %d", len(v.in["in"]), len(v.in["more"]))
}

func (v *voyage) mark() {
	v.come("in", &kgo.Record{Attrs: kgo.NewRecordAttrs(kgo.RecordAttrsOpts{Control: true})})
}

// block has a definition be missing.
func (v *voyage) block() {
	v.lane.shared.catalog.set.Load().blocked["more"] = errors.New("not understood")
}

// waits is what happens while the lane waits for the definition: perhaps it comes,
// perhaps the transaction in flight ends.
func (v *voyage) waits() {
	v.note("waits")
	flying := v.tenure.flying
	if len(flying) > 0 && v.dice.IntN(2) == 0 {
		v.settle()
	}
	if len(flying) == 0 || len(flying[0].share.answer) == 0 || flying[0].share.fate.committed {
		delete(v.lane.shared.catalog.set.Load().blocked, "more")
	}
	v.clock = v.clock.Add(time.Duration(v.dice.IntN(2)) * time.Minute)
	v.lane.confirm(*v.lane.member.Load()) // it need not rest
}

func (v *voyage) decide() {
	v.t.Helper()
	v.note("decide")
	if v.tenure.horizon.asking {
		v.tenure.horizon.arrived(v.ends(<-v.tenure.horizon.answers))
	}
	v.check(v.tenure.decide(v.t.Context()))
}

// ends is an answer of the horizon whose ends are those of the voyage's source.
func (v *voyage) ends(answer horizonAnswer) horizonAnswer {
	answer.ends = map[input]int64{{"in", 0}: int64(len(v.in["in"])), {"more", 0}: int64(len(v.in["more"]))}
	return answer
}

// taken is the committer's gathering.
func (v *voyage) taken() {
	_, s := v.tenure.offer()
	if s == nil || len(v.queue) == 2 {
		return
	}
	v.tenure.taken()
	v.note("taken: offsets %v and %v, upon another %v", s.offsets["in"][0].Next, s.offsets["more"][0].Next, s.after != nil)
	if len(v.queue) == 0 && !s.founded() {
		s.settle(ErrClosed)
		return
	}
	v.queue = append(v.queue, s)
}

// settle is the end of a transaction.
func (v *voyage) settle() {
	if len(v.queue) == 0 {
		return
	}
	s := v.queue[0]
	v.queue = v.queue[1:]
	if !s.founded() {
		s.settle(ErrClosed)
		return
	}
	answer, committed := v.outcome(s)
	v.note("settled: %v, committed %v", answer, committed)
	if committed {
		v.commit(s)
	} else {
		v.abort(s)
	}
	s.settle(answer)
	if len(v.queue) > 0 && !v.queue[0].founded() {
		v.queue[0].settle(ErrClosed)
		v.queue = v.queue[1:]
	}
}

func (v *voyage) outcome(s *share) (answer error, committed bool) {
	if s.member != *v.lane.member.Load() && v.dice.IntN(2) == 0 {
		return fmt.Errorf("%w: %w", ErrAborted, ErrStaleMember), false
	}
	if index := slices.IndexFunc(s.records, v.isRefused); index >= 0 {
		return fmt.Errorf("%w: %w", ErrAborted, &RecordError{Index: index, Reason: kerr.MessageTooLarge}), false
	}
	switch v.dice.IntN(12) {
	case 0:
		return ErrUnknown, true
	case 1:
		return ErrUnknown, false
	case 2:
		return ErrFenced, false
	case 3, 4:
		return fmt.Errorf("%w: %w", ErrAborted, kerr.TransactionAbortable), false
	default:
		return nil, true
	}
}

// isRefused reports whether a command was caused by an input whose outcome is refused.
func (v *voyage) isRefused(record *kgo.Record) bool {
	return record.Topic == "done" && v.refused[headerOf(record, headerCause)] && headerOf(record, headerType) == "Total"
}

func (v *voyage) commit(s *share) {
	for _, record := range s.records {
		switch record.Topic {
		case v.lane.shared.topics.Changelog:
			record.Offset = int64(len(v.log))
			v.log = append(v.log, record)
		case "done":
			v.done = append(v.done, fmt.Sprintf("%s %s %s", record.Key, headerOf(record, headerType), sumOf(v.t, record.Value)))
		}
	}
	v.log = append(v.log, nil)
	for topic, partitions := range s.offsets {
		for p, offset := range partitions {
			if offset.Next < v.offsets[input{topic, p}] {
				v.t.Fatalf("%s/%d goes back from %d to %d", topic, p, v.offsets[input{topic, p}], offset.Next)
			}
			v.offsets[input{topic, p}] = offset.Next
		}
	}
}

func (v *voyage) abort(s *share) {
	for _, record := range s.records {
		if record.Topic == v.lane.shared.topics.Changelog {
			v.log = append(v.log, nil)
		}
	}
	v.log = append(v.log, nil)
}

// hear has the lane hear of the first batch in flight.
func (v *voyage) hear() {
	v.t.Helper()
	select {
	case answer := <-v.tenure.answer():
		v.note("heard: %v", answer)
		ctx, cancel := context.WithCancel(v.t.Context())
		defer cancel()
		v.confirmed(answer)
		v.check(v.tenure.land(ctx, answer))
	default:
	}
}

// confirmed has the group's word come that a lane waits for, and no rest last.
func (v *voyage) confirmed(answer error) {
	if answer != nil {
		v.lane.confirm(*v.lane.member.Load())
	}
}

func (v *voyage) wait() { v.clock = v.clock.Add(time.Duration(v.dice.IntN(30)) * time.Millisecond) }

func (v *voyage) rest() {
	if v.dice.IntN(3) == 0 {
		v.clock = v.clock.Add(time.Duration(v.dice.IntN(70)) * time.Second)
		v.note("time passes")
	}
}

// confirm is a new generation of the group.
func (v *voyage) confirm() {
	if v.dice.IntN(3) > 0 {
		return
	}
	member := *v.lane.member.Load()
	member.Generation++
	v.lane.confirm(member)
	v.note("generation %d", member.Generation)
}

// expel cuts the lane: nobody hears of what it has handed in.
func (v *voyage) expel() {
	if v.dice.IntN(6) > 0 {
		return
	}
	v.note("cut")
	for len(v.queue) > 0 {
		v.settle()
	}
	v.anew()
}

func (v *voyage) anew() {
	v.t.Helper()
	v.tenure.horizon.close()
	if err := v.tenure.abandon(v.t.Context()); err != nil && !errors.Is(err, ErrUnknown) {
		v.t.Fatal(err)
	}
	v.take()
}

func (v *voyage) check(err error) {
	v.t.Helper()
	if err == nil {
		return
	}
	if !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrFenced) && !errors.Is(err, ErrClosed) {
		v.t.Fatal(err)
	}
	for len(v.queue) > 0 {
		v.settle()
	}
	v.anew()
}

// arrive plays on until everything has been decided, and looks at what has come of it.
func (v *voyage) arrive() {
	v.t.Helper()
	for range 4000 {
		if v.behind() == 0 && len(v.tenure.flying) == 0 && v.tenure.open == nil {
			break
		}
		v.clock = v.clock.Add(lazyCommit / 4)
		v.decide()
		v.taken()
		v.settle()
		v.hear()
	}
	if n := v.behind(); n != 0 {
		v.t.Fatalf("%d records were not decided", n)
	}
	v.tenure.horizon.close()
	for key, numbers := range v.numbers {
		var got, want []string
		for _, told := range v.done {
			if text, ok := strings.CutPrefix(told, key+" Total "); ok {
				got = append(got, text)
			}
		}
		sum := 0
		for _, n := range numbers {
			sum += n
			want = append(want, fmt.Sprint(sum))
		}
		if !slices.Equal(got, want) {
			v.t.Errorf("%s: told %v, not %v", key, got, want)
		}
	}
	v.compare()
}

// behind is how many records are not decided and committed.
func (v *voyage) behind() int {
	n := 0
	for topic, records := range v.in {
		n += len(records) - int(v.offsets[input{topic, 0}])
	}
	return n
}

// compare checks that the store is what the changelog holds.
func (v *voyage) compare() {
	v.t.Helper()
	want := map[string]string{}
	for _, record := range v.log {
		switch {
		case record == nil:
		case record.Value == nil:
			delete(want, string(record.Key))
		default:
			want[string(record.Key)] = string(record.Value)
		}
	}
	got := map[string]string{}
	if err := v.lane.store.Scan(nil, func(key []byte, entry statestore.Entry) error {
		got[string(key)] = string(entry.Value)
		return nil
	}); err != nil {
		v.t.Fatal(err)
	}
	if !maps.Equal(got, want) {
		v.t.Errorf("the store has %d keys and differs from the changelog with %d", len(got), len(want))
	}
	for key, staged := range v.tenure.cache.young {
		entry, found, err := v.lane.store.Get([]byte(key))
		if err != nil {
			v.t.Fatal(err)
		}
		if found != (staged.instance != nil) {
			v.t.Errorf("%s: in the store %v, in the cache %v", key, found, staged.instance != nil)
		}
		if !found {
			continue
		}
		stored, err := decodeStored(v.lane.store, key, entry)
		if err != nil {
			v.t.Fatal(err)
		}
		if fmt.Sprint(stored.instance.Vars) != fmt.Sprint(staged.instance.Vars) {
			v.t.Errorf("%s: %v is stored, %v cached", key, stored.instance.Vars, staged.instance.Vars)
		}
	}
}
