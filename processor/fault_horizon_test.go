package processor

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/kafkatest"
)

// A letter that is written and committed is waited for although the marker of its
// transaction is not in the inbox yet, also where nothing but letters can come.
func TestHorizonHoldsLettersWhoseMarkerIsStillToCome(t *testing.T) {
	for name, feeders := range map[string]map[string]bool{"letters": {"inbox": true}, "none": {}} {
		t.Run(name, func(t *testing.T) {
			broker := kafkatest.Embedded(t, 1)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			inbox := broker.Topic(t, "inbox", 1)
			client := broker.Client(t, kgo.TransactionalID("lane"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
			if err := client.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			if err := client.ProduceSync(ctx, &kgo.Record{Topic: inbox, Value: []byte("letter")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			var decided kadm.Offsets
			decided.AddOffset(inbox, 0, 1, -1) // whoever wrote on has been decided
			if _, err := kadm.NewClient(broker.Client(t)).CommitOffsets(ctx, "group", decided); err != nil {
				t.Fatal(err)
			}
			if feeders["inbox"] {
				feeders = map[string]bool{inbox: true}
			}
			own := input{inbox, 0}
			question := horizonQuestion{cluster: newCluster(broker.Client(t), "group", slog.New(slog.DiscardHandler)), own: []input{own}, inbox: inbox, partitions: 1, feeders: feeders}
			ends, held, err := question.answer(ctx)
			want := int64(0)
			if len(feeders) > 0 {
				want = 1
			}
			if err != nil || held || ends[own] != want {
				t.Errorf("ends %v, held %v, %v; want %d", ends, held, err, want)
			}
		})
	}
}
