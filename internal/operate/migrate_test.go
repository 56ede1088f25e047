package operate

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/kafkatest"
	"rondo/processor"
	"rondo/schemas"
	"rondo/topology"
	"rondo/topology/value"
)

// round does two things once and a third so often that the first ones are no more among
// the newest entries.
const round = `workflow: round
version: 1
messages:
  Go:   {topic: in, key: event.id}
  Done: {topic: in, key: event.id}
  Do:   {topic: out}
  Undo: {topic: out}
start: {Go: {}}
deadline: 1h
do:
  - first:  {send: Do, compensate: {send: Undo, with: {of: first}}}
  - second: {send: Do, compensate: {send: Undo, with: {of: second}}}
  - ask:    {send: Do, await: {Done: {}}, timeout: 1m, compensate: {send: Undo}, then: ask}
catch: {timeout: {do: [{undo: compensate}, {late: {end: {fail: late}}}]}}
`

// roundPlan is a version of it, with its changes.
func roundPlan(t *testing.T, change ...string) *topology.Plan {
	t.Helper()
	text := strings.NewReplacer(change...).Replace(round)
	def, found := topology.Parse("round.yaml", []byte(text), nil)
	if found.HasErrors() {
		t.Fatal(found)
	}
	plan, found := topology.Compile(def, topology.Options{Application: "shop", Encode: func(_ *topology.Message, v value.Value) ([]byte, error) {
		return []byte(value.Format(v)), nil
	}})
	if found.HasErrors() {
		t.Fatal(found)
	}
	return plan
}

// goneRound is an instance that has done the third step n times.
func goneRound(t *testing.T, plan *topology.Plan, key string, n int) *topology.Instance {
	t.Helper()
	event := func(message string) *topology.Event {
		return &topology.Event{Message: message, Payload: value.MapOf(map[string]value.Value{"id": key})}
	}
	i := plan.Decide(nil, key, topology.Input{At: 1000, Event: event("Go")}).Instance
	for range n {
		i = plan.Decide(i, key, topology.Input{At: 1000, Event: event("Done")}).Instance
	}
	return i
}

// changelogOf are the records that hold an instance, its parts first.
func changelogOf(t *testing.T, topic string, i *topology.Instance) []*kgo.Record {
	t.Helper()
	var out []*kgo.Record
	add := func(key string, value []byte, err error) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, &kgo.Record{Topic: topic, Key: []byte(key), Value: value})
	}
	for _, part := range i.Parts {
		record, err := schemas.EncodePart(part)
		add(processor.PartKey(i.Address().String(), part.ID), record, err)
	}
	head, err := schemas.EncodeInstance(i)
	add(i.Address().String(), head, err)
	return out
}

// TestThePreviewOfAMigrationIsWhatTheOwnerDecides, also of instances that have done so
// much that they themselves have only the newest of it.
func TestThePreviewOfAMigrationIsWhatTheOwnerDecides(t *testing.T) {
	const one, two = "version: 1", "version: 2\nmigrate: {from: 1}"
	old := roundPlan(t)
	targets := map[string]*topology.Plan{
		"nothing changed":      roundPlan(t, one, two),
		"undone otherwise":     roundPlan(t, one, two, "of: second", "of: two"),
		"that is meant":        roundPlan(t, one, "version: 2\nmigrate: {from: 1, steps: {second: second}}", "of: second", "of: two"),
		"two cannot be undone": roundPlan(t, one, two, ", compensate: {send: Undo, with: {of: first}}", "", ", compensate: {send: Undo, with: {of: second}}", ""),
	}
	var instances []*topology.Instance
	for _, n := range []int{3, 40, 400} {
		instances = append(instances, goneRound(t, old, fmt.Sprint("k-", n), n))
	}
	if i := instances[2]; i.Older < 300 || len(i.Parts) < 4 {
		t.Fatalf("%d entries in %d parts", i.Older, len(i.Parts))
	}
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cfg := processor.Config{App: kafkatest.Unique(t, "shop"), Brokers: cluster.Addrs, TransactionTimeout: 5 * time.Second}.WithDefaults()
		client := cluster.Client(t)
		topic := cfg.OwnTopics().Changelog
		cluster.CreateTopic(t, topic, 1)
		for _, i := range instances {
			if err := client.ProduceSync(ctx, changelogOf(t, topic, i)...).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		for name, target := range targets {
			judged, err := Judge(ctx, cfg, Plans{1: old}, target, func(*topology.Instance) bool { return true })
			if err != nil || len(judged.Verdicts) != len(instances) {
				t.Fatalf("%s: %d verdicts, %v", name, len(judged.Verdicts), err)
			}
			for _, v := range judged.Verdicts {
				checkVerdict(t, name, v, old, target, instances)
			}
		}
	})
}

// checkVerdict compares a verdict with that over the whole instance, and with what an
// act brings about.
func checkVerdict(t *testing.T, name string, v Verdict, old, target *topology.Plan, instances []*topology.Instance) {
	t.Helper()
	for _, whole := range instances {
		if whole.Key != v.Instance.Key {
			continue
		}
		if want := target.CanMigrate(old, whole, whole.Done()); !reflect.DeepEqual(v.Migrating, want) {
			t.Errorf("%s, %s: the preview says %+v, and the owner %+v", name, whole.Key, v.Migrating, want)
		}
		act := &topology.Act{Kind: topology.ActMigrate}
		refused := target.Decide(whole, whole.Key, topology.Input{At: 2000, Act: act, Older: old}).DeadLetter != nil
		if refused != (v.Fate() == topology.FateRefused) {
			t.Errorf("%s, %s: foreseen %s, refused: %v", name, whole.Key, v.Fate(), refused)
		}
	}
}
