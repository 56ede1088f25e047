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

// A schedule whose key cannot be computed is found among the dead each time, though
// there is no record to bury: only the clock has come.
func TestScheduleWithoutAKeyIsADeadLetterAndThePartitionGoesOn(t *testing.T) {
	a := newApp(t, kafkatest.Embedded(t, 1), strings.Replace(ticking, "string(event.scheduled)", `"event.missed < 0 ? 'never' : ''"`, 1), wordy)
	a.create(nil)
	a.ready(a.node())
	for _, letter := range a.follow("dead-letters").next(2) {
		if header(letter, "__rondo.errors.exception") != "no-key" || header(letter, "__rondo.errors.workflow") != "ticking" ||
			header(letter, "__rondo.errors.topic") != "" || string(letter.Key) != "ticking" {
			t.Errorf("dead letter: %s", describe(letter))
		}
	}
}

// picky takes children one after the other, and not all of them.
const picky = `
workflow: child
version: 1
messages:
  Work: {topic: %s.work}
  Done: {topic: %s.replies, key: event.id}
start: {run: {when: event.n != 2, set: {n: =event.n}}}
again: queue
do:
  - work: {send: Work, with: {id: =key, n: =n}, await: {Done: {set: {result: =event.result}}}, timeout: 1h}
output: {result: =result}
`

// Both run one child key, so the second waits for the end of the first, and is
// refused when its turn comes: the input then is none.
func TestChildThatIsRefusedWhenItsTurnComesIsAnswered(t *testing.T) {
	shared := strings.NewReplacer("'child of ' + key", "'one'", "      await: {completed", "      catch: {any: {set: {result: =error.name}}}\n      await: {completed").Replace(family)
	a := newApp(t, kafkatest.Embedded(t, 1), shared, picky)
	a.create(nil)
	a.ready(a.node())
	work, out, dead := a.follow("work"), a.follow("out"), a.follow("dead-letters")
	a.produce("in", "j-1", begin("j-1", 1))
	work.next(1)
	a.produce("in", "j-2", begin("j-2", 2))
	a.await("the second to wait", func() bool { return a.lag() == 0 })
	a.produce("replies", "one", done("one", "ok"))
	got := map[any]any{}
	for _, end := range out.next(2) {
		got[field(t, end, "id")] = field(t, end, "result")
	}
	if got["j-1"] != "ok" || got["j-2"] != "run.refused" {
		t.Errorf("ends: %v", got)
	}
	if letter := dead.next(1)[0]; header(letter, "__rondo.errors.exception") != "run-refused" || header(letter, "__rondo.errors.instance") != "one" {
		t.Errorf("dead letter: %s", describe(letter))
	}
}

// What says of itself to be ours and is not whole, or not where it belongs, is a
// dead letter. The partition goes on.
func TestInboxRecordThatMakesNoSenseIsADeadLetter(t *testing.T) {
	a := newApp(t, kafkatest.Embedded(t, 1), wordy)
	a.create(nil)
	a.ready(a.node())
	encode := func(i schemas.Inbox) []byte {
		b, err := i.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	key := "k"
	home := processor.PartitionOf([]byte(key), appPartitions)
	address := topology.Address{Workflow: "wordy", Key: key}
	event := schemas.Inbox{Kind: schemas.InboxEvent, Workflow: "wordy", Key: key, Value: []byte(say(key, 10)),
		Source: &topology.RecordRef{Topic: a.topic("in"), Partition: home, Offset: 7, Key: []byte(key)}}
	cases := []struct {
		value     []byte
		partition int32
		text      string
	}{
		{[]byte("no Avro"), home, "single object"},
		{encode(schemas.Inbox{Kind: schemas.InboxLetter, Workflow: "wordy", Key: key}), home, "has no letter"},
		{encode(schemas.Inbox{Kind: schemas.InboxAct, Workflow: "wordy", Key: key}), home, "has no act"},
		{encode(schemas.Inbox{Kind: schemas.InboxEvent, Workflow: "wordy", Key: key}), home, "has no source"},
		{encode(event), (home + 1) % appPartitions, "belongs in partition"},
		{encode(schemas.Inbox{Kind: schemas.InboxAct, Workflow: "wordy", Key: key, Act: &topology.Act{Kind: topology.ActCancel}}), (home + 1) % appPartitions, "belongs in partition"},
		{encode(schemas.NewLetter(&topology.Letter{Kind: topology.LetterCancel, To: address})), (home + 1) % appPartitions, "belongs in partition"},
	}
	dead := a.follow("dead-letters")
	for _, c := range cases {
		a.write(&kgo.Record{Topic: a.topic("inbox"), Partition: c.partition, Key: []byte(key), Value: c.value})
		letter := dead.next(1)[0]
		if header(letter, "__rondo.errors.exception") != "inbox" || !strings.Contains(header(letter, "__rondo.errors.message"), c.text) {
			t.Errorf("dead letter for %q: %s", c.text, describe(letter))
		}
	}
	a.produce("in", key, say(key, 10))
	out := a.follow("out")
	out.next(1)
	out.none(200 * time.Millisecond)
}

// delayed sends on what it gets, by a timer, to a topic that may not take it.
var delayed = strings.Replace(wordy, "  - say:", "  - rest: {wait: 300ms}\n  - say:", 1)

// A timer whose decision no broker takes stops the instance, and not the partition.
func TestTimerThatLeadsToTooMuchIsAnIncident(t *testing.T) {
	a := newApp(t, kafkatest.Embedded(t, 1), delayed)
	if err := a.cluster.Fake.CreateTopic(a.topic("out"), 1, map[string]string{"max.message.bytes": "10000"}); err != nil {
		t.Fatal(err)
	}
	a.create(nil)
	node := a.node()
	a.ready(node)
	out := a.follow("out")
	a.produce("in", "k", say("large", 30_000))
	a.await("an incident", func() bool { return strings.Contains(a.logs.tail(1<<20), "incident: the instance stands still") })
	key := "large"
	for i := 0; processor.PartitionOf([]byte(key), appPartitions) != processor.PartitionOf([]byte("large"), appPartitions) || key == "large"; i++ {
		key = fmt.Sprintf("small-%d", i)
	}
	a.produce("in", key, say(key, 10))
	if said := out.next(1)[0]; string(said.Key) != key {
		t.Errorf("said: %s", describe(said))
	}
	var faults []string
	for _, r := range a.all("history") {
		h, err := schemas.DecodeHistory(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		if h.Fault != nil {
			faults = append(faults, h.Fault.Kind+" "+string(h.Status))
		}
	}
	if len(faults) != 1 || faults[0] != "limit.record incident" {
		t.Errorf("faults: %v", faults)
	}
	if s := node.Status(); s.Partitions.Running != appPartitions {
		t.Errorf("the partition halted: %+v", s)
	}
}

// small makes a topic that takes no large records.
func (a *app) small(name string) {
	a.t.Helper()
	if err := a.cluster.Fake.CreateTopic(a.topic(name), appPartitions, map[string]string{"max.message.bytes": "10000"}); err != nil {
		a.t.Fatal(err)
	}
}

// What a child's outcome leads to is more than a topic takes: the parent stops and
// keeps the outcome, for nobody would tell it again.
func TestOutcomeThatLeadsToTooMuchIsAnIncidentOfTheParent(t *testing.T) {
	a := newApp(t, kafkatest.Embedded(t, 1), family, child)
	a.small("out")
	a.create(nil)
	a.ready(a.node())
	a.produce("in", "j-1", begin("j-1", 1))
	a.follow("work").next(1)
	a.produce("replies", "child of j-1", done("child of j-1", noise(30_000)))
	a.await("an incident", func() bool { return strings.Contains(a.logs.tail(1<<20), "kind=limit.record") })
	for _, r := range a.all("history") {
		h, err := schemas.DecodeHistory(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		if h.Fault != nil && (h.Key != "j-1" || h.Status != topology.StatusIncident || h.Input.Letter == nil) {
			t.Errorf("the incident: %+v", h)
		}
	}
	a.follow("dead-letters").none(100 * time.Millisecond)
}

// A child whose first decision cannot be written does not begin, and its parent hears
// of that.
func TestChildThatCannotBeginForWhatItSendsIsRefused(t *testing.T) {
	shared := strings.NewReplacer("      await: {completed", "      catch: {any: {set: {result: =error.name}}}\n      await: {completed").Replace(family)
	a := newApp(t, kafkatest.Embedded(t, 1), shared, child)
	a.small("work")
	a.create(nil)
	a.ready(a.node())
	a.produce("in", "j-1", fmt.Sprintf(`{"type":"Begin","id":"j-1","n":%q}`, noise(30_000)))
	if end := a.follow("out").next(1)[0]; field(t, end, "result") != "run.refused" {
		t.Errorf("the end: %s", describe(end))
	}
	letter := a.follow("dead-letters").next(1)[0]
	if header(letter, "__rondo.errors.exception") != "too-large" || header(letter, "__rondo.errors.instance") != "child of j-1" {
		t.Errorf("dead letter: %s", describe(letter))
	}
}
