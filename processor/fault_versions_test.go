package processor_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/kafkatest"
	"rondo/processor"
	"rondo/schemas"
	"rondo/topology"
)

// deploying begins to publish a definition as rondo deploy does, and returns what
// ends it: until then its publisher may have been told that it is done, and nobody
// can read it.
func (a *app) deploying(text string) (commit func()) {
	a.t.Helper()
	def := a.parse(text)
	value, err := schemas.Deployment{Workflow: def.Name, Version: def.Version, Source: def.Source, Digest: def.Digest()}.Encode()
	if err != nil {
		a.t.Fatal(err)
	}
	client := a.cluster.Client(a.t, kgo.TransactionalID(a.config.App+"-definitions"))
	if err := client.BeginTransaction(); err != nil {
		a.t.Fatal(err)
	}
	record := &kgo.Record{Topic: a.topic("definitions"), Key: fmt.Appendf(nil, "%s@%d", def.Name, def.Version), Value: value}
	if err := client.ProduceSync(a.t.Context(), record).FirstErr(); err != nil {
		a.t.Fatal(err)
	}
	return func() {
		a.t.Helper()
		if err := client.EndTransaction(a.t.Context(), kgo.TryCommit); err != nil {
			a.t.Fatal(err)
		}
	}
}

// act writes an operator's act to the inbox.
func (a *app) act(workflow, key string, act topology.Act) {
	a.t.Helper()
	value, err := schemas.Inbox{Kind: schemas.InboxAct, Workflow: workflow, Key: key, Act: &act}.Encode()
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(&kgo.Record{Topic: a.topic("inbox"), Partition: processor.PartitionOf([]byte(key), appPartitions), Key: []byte(key), Value: value})
}

// An operator who was told that a version is deployed may move instances to it at
// once, though no node can read it yet; a version that nobody deployed was mistyped.
func TestMigrationWaitsForAVersionThatIsBeingDeployed(t *testing.T) {
	a := newApp(t, kafkatest.Embedded(t, 1), patient)
	a.create(nil)
	node := a.node()
	a.ready(node)
	work, out, dead := a.follow("work"), a.follow("out"), a.follow("dead-letters")
	a.produce("in", "j-1", begin("j-1", 1))
	work.next(1)
	commit := a.deploying(strings.NewReplacer("version: 1", "version: 2\nmigrate: {from: 1}", "result: =result}}", "result: =result, by: 2}}").Replace(patient))
	a.act("job", "j-1", topology.Act{Kind: topology.ActMigrate, Data: int64(2), Principal: "test"})
	a.await("the partition to wait for the definitions", func() bool { return strings.Contains(a.logs.tail(1<<20), "the partition waits") })
	dead.none(200 * time.Millisecond)
	commit()
	a.await("the act to be decided", func() bool { return a.lag() == 0 })
	a.produce("replies", "j-1", done("j-1", "ok"))
	if end := out.next(1)[0]; field(t, end, "by") != 2.0 {
		t.Errorf("it did not move: %s", describe(end))
	}
	a.act("job", "j-1", topology.Act{Kind: topology.ActMigrate, Data: int64(9), Principal: "test"})
	if letter := dead.next(1)[0]; !strings.Contains(header(letter, "__rondo.errors.message"), " of job is not deployed: there ") {
		t.Errorf("dead letter: %s", describe(letter))
	}
}

// A raised limit holds at once, also where no call ends and none begins.
func TestRaisedLimitLetsThroughWhatWaits(t *testing.T) {
	a := newApp(t, kafkatest.Embedded(t, 1), strings.Replace(limited, "open: 3", "open: 1", 1))
	a.create(nil)
	a.ready(a.node())
	work := a.follow("work")
	const n = 6
	for i := range n {
		id := fmt.Sprintf("j-%d", i)
		a.produce("in", id, begin(id, i))
	}
	work.next(1)
	work.none(200 * time.Millisecond)
	a.deploy(strings.NewReplacer("open: 3", "open: 4", "version: 1", "version: 2").Replace(limited))
	work.next(3)
	work.none(200 * time.Millisecond)
	a.deploy(strings.NewReplacer(", limit: {open: 3}", "", "version: 1", "version: 3").Replace(limited))
	work.next(2)
}

// withdraw takes a version out of the definitions topic, which only a hand does.
func (a *app) withdraw(workflow string, version int) {
	a.t.Helper()
	a.write(&kgo.Record{Topic: a.topic("definitions"), Key: fmt.Appendf(nil, "%s@%d", workflow, version)})
}

// Timers of what no node can decide wait, and hold up nobody else; they fire when
// the definition is there again.
func TestTimersOfAnUnknownDefinitionHoldUpNobodyElse(t *testing.T) {
	other := strings.NewReplacer("workflow: job", "workflow: other", "%s.in", "%s.odd", "%s.out", "%s.other-out", "%s.work", "%s.other-work", "%s.replies", "%s.other-replies").Replace(job)
	a := newApp(t, kafkatest.Embedded(t, 1), job, strings.Replace(ticking, "%s.out", "%s.ticks", 1))
	a.create(nil)
	node := a.node()
	a.ready(node)
	work, ticks := a.follow("work"), a.follow("ticks")
	const n = 8 // in all partitions
	for i := range n {
		id := fmt.Sprintf("j-%d", i)
		a.produce("in", id, begin(id, i))
	}
	work.next(n)
	ticks.next(1)
	a.withdraw("job", 1)
	a.withdraw("ticking", 1)
	a.await("the timers to be set aside", func() bool {
		log := a.logs.tail(1 << 20)
		return strings.Contains(log, "definition=job@1") && strings.Contains(log, "definition=ticking")
	})
	work.seen, ticks.seen = nil, nil

	a.config.Definitions = append(a.config.Definitions, a.parse(other))
	a.create(nil)
	a.deploy(other)
	otherOut := a.follow("other-out")
	a.await("the other definition to be known", func() bool {
		return len(a.all("definitions")) == 5
	})
	for i := range n {
		id := fmt.Sprintf("o-%d", i)
		a.produce("odd", id, begin(id, i))
	}
	for _, end := range otherOut.next(n) { // timers of others fire
		if field(t, end, "result") != "none" {
			t.Errorf("end: %s", describe(end))
		}
	}
	if s := node.Status(); s.Partitions.Running != appPartitions {
		t.Errorf("status: %+v", s)
	}
	a.deploy(job)
	for _, end := range a.follow("out").next(n) {
		if field(t, end, "result") != "none" {
			t.Errorf("end: %s", describe(end))
		}
	}
	a.deploy(strings.Replace(ticking, "%s.out", "%s.ticks", 1))
	ticks.next(2)
}
