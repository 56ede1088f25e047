package operate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/audit"
	"rondo/internal/kafkatest"
	"rondo/processor"
	"rondo/topology"
	"rondo/topology/value"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }

func TestAnActIsCheckedBeforeItIsWritten(t *testing.T) {
	vars := value.MapOf(map[string]value.Value{"card": "c-2"})
	for _, tc := range []struct {
		act  topology.Act
		want string
	}{
		{topology.Act{Kind: Cancel}, ""},
		{topology.Act{Kind: Shift}, ""},
		{topology.Act{Kind: Set, Data: vars}, ""},
		{topology.Act{Kind: Fail, Data: "out-of-stock"}, ""},
		{topology.Act{Kind: Jump, Step: "pay"}, ""},
		{topology.Act{Kind: Migrate, Data: int64(2)}, ""},
		{topology.Act{Kind: "retri"}, "there is no act retri: did you mean retry?"},
		{topology.Act{Kind: "explode"}, "there is no act explode: they are cancel, "},
		{topology.Act{Kind: Set, Data: "card"}, "set needs the variables"},
		{topology.Act{Kind: Jump}, "jump needs the step"},
		{topology.Act{Kind: Migrate}, "migrate needs the version"},
		{topology.Act{Kind: Pause, Step: "pay"}, "pause is about the whole instance"},
		{topology.Act{Kind: Retry, Data: vars}, "retry takes no --data"},
	} {
		if got := CheckAct(tc.act); !strings.HasPrefix(got, tc.want) || (got == "") != (tc.want == "") {
			t.Errorf("%+v: %q, want %q", tc.act, got, tc.want)
		}
	}
}

// A dead letter whose payload was left out is read from where it stood; if it is
// gone, the others are replayed all the same.
func TestReplayReadsWhatWasLeftOut(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		topic := cluster.Topic(t, "orders", 2)
		client := cluster.Client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		large := &kgo.Record{Topic: topic, Partition: 1, Key: []byte("k"), Value: []byte(strings.Repeat("x", 5000)), Headers: []kgo.RecordHeader{{Key: "type", Value: []byte("Order")}}}
		if err := client.ProduceSync(ctx, &kgo.Record{Topic: topic, Partition: 1}, large).FirstErr(); err != nil {
			t.Fatal(err)
		}
		letter := func(offset int64) audit.DeadLetter {
			return audit.DeadLetter{
				Partition: 3, Offset: offset + 10, Source: topic, SourceAt: 1, SourceOffset: offset, Incomplete: "larger",
				Record: &kgo.Record{Headers: []kgo.RecordHeader{{Key: processor.HeaderDeadReason, Value: []byte("held-limit")}}},
			}
		}
		cfg := processor.Config{App: kafkatest.Unique(t, "shop"), Brokers: cluster.Addrs}.WithDefaults()
		cluster.CreateTopic(t, cfg.OwnTopics().DeadLetters, 4)
		sender, err := NewSender(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer sender.Close()
		var told []string
		tell := func(d audit.DeadLetter, to Written, err error) {
			told = append(told, fmt.Sprintf("%s %v %v", d.Coordinates(), to.Offset, err != nil))
		}
		err = sender.Replay(ctx, []audit.DeadLetter{letter(99), letter(large.Offset)}, false, tell)
		if err != nil || strings.Join(told, ", ") != "3/109 0 true, 3/11 2 false" {
			t.Fatalf("%v: %v", told, err)
		}
		reader := cluster.Client(t, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {1: kgo.NewOffset().At(2)}}))
		records := reader.PollFetches(ctx).Records()
		if len(records) != 1 || string(records[0].Value) != string(large.Value) || len(records[0].Headers) != 3 ||
			records[0].Headers[1].Key != processor.HeaderReplay || string(records[0].Headers[1].Value) != "3/11" ||
			records[0].Headers[2].Key != processor.HeaderReplayFor || string(records[0].Headers[2].Value) != topic+" "+cfg.App {
			t.Errorf("replayed %+v", records)
		}
	})
}

// A dead letter is replayed once, also by one that has ended in the middle of it and
// is run again; and as often as somebody wants it again.
func TestEachDeadLetterIsReplayedOnce(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		cfg := processor.Config{App: kafkatest.Unique(t, "shop"), Brokers: cluster.Addrs, TransactionTimeout: 5 * time.Second}.WithDefaults()
		topic, client := cluster.Topic(t, "orders", 1), cluster.Client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cluster.CreateTopic(t, cfg.OwnTopics().DeadLetters, 1)
		const n = 3
		for i := range n {
			letter := &kgo.Record{Topic: cfg.OwnTopics().DeadLetters, Value: fmt.Appendf(nil, "v%d", i), Headers: []kgo.RecordHeader{
				{Key: processor.HeaderDeadReason, Value: []byte("undecodable")}, {Key: processor.HeaderDeadTopic, Value: []byte(topic)},
				{Key: processor.HeaderDeadPartition, Value: []byte("0")}, {Key: processor.HeaderDeadOffset, Value: []byte("7")}}}
			if err := client.ProduceSync(ctx, letter).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		list := func() []audit.DeadLetter {
			letters, err := audit.DeadLetters(ctx, cfg, time.Time{}, func(audit.DeadLetter) bool { return true })
			if err != nil || len(letters) != n {
				t.Fatalf("%d dead letters, %v", len(letters), err)
			}
			return letters
		}
		letters := list()
		replay := func(again bool) (replayed, before int) {
			sender, err := NewSender(cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer sender.Close()
			if err := sender.Replay(ctx, letters, again, func(_ audit.DeadLetter, _ Written, err error) {
				switch {
				case err == nil:
					replayed++
				case errors.Is(err, ErrReplayed):
					before++
				default:
					t.Error(err)
				}
			}); err != nil {
				t.Fatal(err)
			}
			return replayed, before
		}
		// One that ends before its transaction does.
		dying := cluster.Client(t, kgo.TransactionalID(cfg.App+"-replays"))
		if err := dying.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		mark := &kgo.Record{Topic: cfg.OwnTopics().DeadLetters, Headers: []kgo.RecordHeader{{Key: processor.HeaderReplayed, Value: []byte("0/1")}}}
		if err := dying.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("v1")}, mark).FirstErr(); err != nil {
			t.Fatal(err)
		}
		for i, want := range []struct {
			again            bool
			replayed, before int
		}{{false, n, 0}, {false, 0, n}, {true, n, 0}} {
			if replayed, before := replay(want.again); replayed != want.replayed || before != want.before {
				t.Errorf("time %d: %d replayed, %d replayed before", i, replayed, before)
			}
		}
		for _, d := range list() {
			if d.ReplayedAt.IsZero() {
				t.Errorf("%s does not say that it was replayed", d.Coordinates())
			}
		}
		reader := cluster.Client(t, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
		seen := map[string]int{}
		for sum := 0; sum < 2*n && ctx.Err() == nil; {
			for _, r := range reader.PollFetches(ctx).Records() {
				seen[string(r.Value)]++
				sum++
			}
		}
		for i := range n {
			if seen[fmt.Sprintf("v%d", i)] != 2 {
				t.Errorf("replayed %v", seen)
			}
		}
	})
}

func TestVerdictSaysWhatBecomesOfAnInstance(t *testing.T) {
	same, other := topology.StepMapping{Old: "a", New: "a"}, topology.StepMapping{Old: "b", New: "c"}
	for _, tc := range []struct {
		of     topology.Migrating
		fate   topology.StepFate
		places string
	}{
		{topology.Migrating{Stays: []topology.StepMapping{same}}, topology.FateKept, "a"},
		{topology.Migrating{Stays: []topology.StepMapping{same, other}}, topology.FateMapped, "a, b → c"},
		{topology.Migrating{Stays: []topology.StepMapping{same}, Afresh: []topology.StepMapping{other}}, topology.FateAfresh, "a, b → c (anew)"},
		{topology.Migrating{Stays: []topology.StepMapping{same}, Otherwise: []topology.StepMapping{other}}, topology.FateKept, "a; c, which is done, is undone in another way"},
		{topology.Migrating{Refused: []string{"x", "y"}, Afresh: []topology.StepMapping{other}}, topology.FateRefused, "x; y"},
	} {
		v := Verdict{Migrating: tc.of}
		if v.Fate() != tc.fate || v.Places() != tc.places {
			t.Errorf("%+v: %s %s, want %s %s", tc.of, v.Fate(), v.Places(), tc.fate, tc.places)
		}
	}
}
