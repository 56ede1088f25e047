package processor

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"rondo/topology"
)

// scheduledPlan is a version of a workflow whose schedule is at home in partition 0.
func scheduledPlan(t *testing.T, version int, every string) *topology.Plan {
	t.Helper()
	name := ""
	for i := 0; name == "" || PartitionOf([]byte(name), 4) != 0; i++ {
		name = fmt.Sprintf("w%d", i)
	}
	text := fmt.Sprintf("workflow: %s\nversion: %d\nmessages: {Tell: {topic: out}}\nstart: {every: %s}\ndo: [{tell: {send: Tell}}]\n", name, version, every)
	def, found := topology.Parse("w.yaml", []byte(text), nil)
	if found.HasErrors() {
		t.Fatalf("%+v", found)
	}
	plan, found := topology.Compile(def, topology.Options{Application: "app"})
	if found.HasErrors() {
		t.Fatalf("%+v", found)
	}
	return plan
}

// What an aborted batch has told a schedule is told again, and what a committed one
// has told is not, until there is another version.
func TestScheduleIsToldAgainAfterAnAbortAndOnceOtherwise(t *testing.T) {
	tn := bareTenure(t, start{next: map[input]int64{}})
	shared := tn.lane.shared
	shared.catalog, shared.tables = &Catalog{}, newTables(shared)
	shared.metrics = newMetrics(prometheus.NewRegistry())
	shared.cluster.facts = map[string]topicFacts{shared.topics.History: {partitions: 4, maxMessageBytes: 1 << 20}}
	known := func(plan *topology.Plan) {
		shared.catalog.set.Store(&definitionSet{newest: map[string]*topology.Plan{plan.Definition().Name: plan}, standing: standingDesks([]*topology.Plan{plan})})
	}
	tells := func() (b *batch, spec string) {
		b = newBatch(tn)
		if err := b.keepDesks(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, staged := range b.staged {
			spec = staged.instance.Counter.Spec
		}
		return b, spec
	}
	known(scheduledPlan(t, 1, "1h"))
	for range 2 { // aborted both times
		b, told := tells()
		if told == "" {
			t.Fatal("the schedule is not told")
		}
		b.discard()
	}
	b, told := tells()
	b.share = newShare(0, b.out, nil, Member{})
	if err := b.apply(); err != nil || told != "every 1h" {
		t.Fatalf("told %q, %v", told, err)
	}
	if b, told = tells(); told != "" {
		t.Errorf("told again: %q", told)
	}
	b.keepPositions()
	known(scheduledPlan(t, 2, "1m"))
	if b, told = tells(); told != "every 1m" {
		t.Errorf("of the second version it is told %q", told)
	}
	b.overlay.Discard()
}
