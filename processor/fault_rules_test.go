package processor_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"rondo/internal/kafkatest"
	"rondo/processor"
	"rondo/schemas"
	"rondo/statestore"
	"rondo/topology"
)

// deploy publishes definitions while the application runs.
func (a *app) deploy(texts ...string) {
	a.t.Helper()
	var defs []*topology.Definition
	for _, text := range texts {
		defs = append(defs, a.parse(text))
	}
	if _, err := processor.Deploy(a.t.Context(), a.config.WithDefaults(), defs, "test"); err != nil {
		a.t.Fatal(err)
	}
}

// Nobody knows whether a reply lies unread as long as the inputs' ends cannot
// be asked for: no call times out.
func TestTimersWaitWhileTheEndsOfInputsAreNotKnown(t *testing.T) {
	a := newApp(t, kafkatest.Embedded(t, 1), strings.ReplaceAll(job, "400ms", "1500ms"))
	a.create(nil)
	node := a.node()
	a.ready(node)
	work := a.follow("work")
	a.produce("in", "j-1", begin("j-1", 1))
	work.next(1)
	ends := a.cluster.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Err: kerr.UnknownServerError, Count: -1})
	if err := ends.Wait(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	work.none(700 * time.Millisecond)
	if s := node.Status(); s.Partitions.Running != appPartitions {
		t.Errorf("the lanes stopped: %+v", s)
	}
	ends.Remove()
	for i, r := range work.next(2) {
		if header(r, "rondo-attempt") != fmt.Sprint(i+2) {
			t.Errorf("attempt %d: %s", i+2, describe(r))
		}
	}
}

// A definition is deployed before its topics: they are waited for, and nothing
// else is.
func TestDefinitionWhoseTopicsAreMissingConcernsNoOther(t *testing.T) {
	a := newApp(t, kafkatest.Embedded(t, 1), job)
	a.create(nil)
	node := a.node()
	a.ready(node)
	work, out := a.follow("work"), a.follow("out")
	later := strings.NewReplacer("workflow: job", "workflow: later", "%s.in", "%s.later-in", "%s.work", "%s.later-work",
		"timeout: 400ms", "timeout: 1h").Replace(job)
	a.deploy(later)
	a.produce("in", "j-1", begin("j-1", 1))
	work.next(3) // timers fire
	if end := out.next(1)[0]; field(t, end, "result") != "none" {
		t.Errorf("end: %s", describe(end))
	}

	create := func(name string) {
		if err := a.cluster.Fake.CreateTopic(a.topic(name), appPartitions, nil); err != nil {
			t.Fatal(err)
		}
	}
	create("later-in")
	a.config.Sources[a.topic("later-in")] = processor.Source{From: processor.FromEarliest()}
	a.produce("later-in", "l-1", begin("l-1", 5))
	a.await("a lane to wait for the topic of a command", func() bool {
		s := node.Status()
		return !s.Ready && strings.Contains(s.Reason, a.topic("later-work"))
	})
	create("later-work")
	if command := a.follow("later-work").next(1)[0]; field(t, command, "n") != 5.0 {
		t.Errorf("command: %s", describe(command))
	}
	a.await("the node to be ready", func() bool { return node.Status().Ready })
}

// wordy sends on what it gets to a topic that may not take it.
const wordy = `
workflow: wordy
version: 1
messages:
  Say:  {topic: %s.in, key: event.id}
  Said: {topic: %s.out}
start: {Say: {set: {text: =event.text}}}
do:
  - say: {send: Said, with: {text: =text}}
`

func say(id string, bytes int) string {
	return fmt.Sprintf(`{"type":"Say","id":%q,"text":%q}`, id, noise(bytes))
}

// noise is a text that cannot be compressed: brokers look at what is written.
func noise(bytes int) string {
	var text strings.Builder
	for x := uint64(1); text.Len() < bytes; x = x*6364136223846793005 + 1442695040888963407 {
		fmt.Fprintf(&text, "%x", x)
	}
	return text.String()
}

func TestCommandTooLargeForItsTopicIsADeadLetter(t *testing.T) {
	a := newApp(t, kafkatest.Embedded(t, 1), wordy)
	if err := a.cluster.Fake.CreateTopic(a.topic("out"), 1, map[string]string{"max.message.bytes": "10000"}); err != nil {
		t.Fatal(err)
	}
	a.create(nil)
	a.ready(a.node())
	dead, out := a.follow("dead-letters"), a.follow("out")
	for i := range 6 {
		a.produce("in", "k", say(fmt.Sprintf("small-%d", i), 10))
		if i == 2 {
			a.produce("in", "k", say("large", 30_000))
		}
	}
	out.next(6)
	letter := dead.next(1)[0]
	if header(letter, "__rondo.errors.exception") != "too-large" || !strings.Contains(header(letter, "__rondo.errors.message"), a.topic("out")) {
		t.Errorf("dead letter: %s", header(letter, "__rondo.errors.message"))
	}
	out.none(200 * time.Millisecond)
	dead.none(200 * time.Millisecond)
}

func TestLimitThatIsSetIsInForce(t *testing.T) {
	a := newApp(t, kafkatest.Embedded(t, 1), wordy)
	a.config.Limits.Command = 200
	a.create(nil)
	a.ready(a.node())
	out := a.follow("out")
	a.produce("in", "k", say("large", 1000))
	a.await("the instance to stop", func() bool { return strings.Contains(a.logs.tail(1<<20), "limit.payload") })
	a.produce("in", "k", say("small", 10))
	if said := out.next(1)[0]; header(said, "rondo-key") != "small" {
		t.Errorf("said: %s", describe(said))
	}
}

// What an event may have counts whatever it is: value, key or headers.
func TestEventOverItsLimitIsADeadLetterAndThePartitionGoesOn(t *testing.T) {
	a := newApp(t, kafkatest.Embedded(t, 1), wordy)
	a.config.Limits.Event = 1000
	a.create(nil)
	a.ready(a.node())
	dead, out := a.follow("dead-letters"), a.follow("out")
	a.produce("in", "k", say("large", 1000))
	a.produce("in", "k", say("headed", 10), kgo.RecordHeader{Key: "trace", Value: make([]byte, 1000)})
	a.produce("in", "k", `{"type":"Other","text":"`+strings.Repeat("x", 1000)+`"}`, kgo.RecordHeader{Key: "type", Value: []byte("Other")}) // nobody's: skipped
	a.produce("in", "k", say("small", 10))
	if said := out.next(1)[0]; header(said, "rondo-key") != "small" {
		t.Errorf("said: %s", describe(said))
	}
	for i, letter := range dead.next(2) {
		text := header(letter, "__rondo.errors.message")
		if header(letter, "__rondo.errors.exception") != "limit.payload" || !strings.Contains(text, "an event may have 1000") {
			t.Errorf("dead letter %d: %s", i, describe(letter))
		}
		if header(letter, "__rondo.errors.topic") != a.topic("in") || header(letter, "__rondo.errors.offset") != fmt.Sprint(i) {
			t.Errorf("coordinates of dead letter %d: %s", i, describe(letter))
		}
	}
	dead.none(100 * time.Millisecond)
}

// spread is for as many instances as an event names.
const spread = `
workflow: spread
version: 1
messages:
  Say:  {topic: %s.in, key: event.ids}
  Said: {topic: %s.out}
start: {Say: {}}
do:
  - say: {send: Said, with: {id: =key}}
`

// An event is copied to the home partition of each of its keys, in one transaction.
func TestLargeEventForManyKeysIsADeadLetterAndASmallOneReachesAll(t *testing.T) {
	a := newApp(t, kafkatest.Embedded(t, 1), spread)
	a.create(nil)
	a.ready(a.node())
	dead, out := a.follow("dead-letters"), a.follow("out")
	event := func(keys, padding int) string {
		ids := make([]string, keys)
		for i := range ids {
			ids[i] = fmt.Sprintf("%q", fmt.Sprintf("k-%d", i))
		}
		return fmt.Sprintf(`{"type":"Say","ids":[%s]%s}`, strings.Join(ids, ","), strings.Repeat(" ", padding))
	}
	a.produce("in", "k", event(1000, 700<<10))
	letter := dead.next(1)[0]
	if text := header(letter, "__rondo.errors.message"); header(letter, "__rondo.errors.exception") != "too-many-keys" || !strings.Contains(text, "33554432") {
		t.Errorf("dead letter: %s", text)
	}
	a.produce("in", "k", event(1000, 20<<10))
	seen := map[string]bool{}
	for _, said := range out.next(1000) {
		seen[header(said, "rondo-key")] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d instances of 1000 have said something", len(seen))
	}
	out.none(100 * time.Millisecond)
}

// crowd sends what it got as often as there can be branches at once.
const crowd = `
workflow: crowd
version: 1
messages:
  Say:  {topic: %s.in, key: event.id}
  Said: {topic: %s.out, key: string(event.n)}
start: {Say: {set: {text: =event.text, all: =event.all}}}
do:
  - all:
      for: {each: n, in: all, parallel: 999}
      do: [{say: {send: Said, with: {n: =n, text: =text}}}]
keep: 1h
`

// As much as one instance can ask for at once (a main line and 999 branches) is sent, in several transactions, and
// all of it is in the history.
func TestThousandBranchesThatSendMuchAreWrittenAndRecorded(t *testing.T) {
	a := newApp(t, kafkatest.Embedded(t, 1), crowd)
	a.create(nil)
	a.ready(a.node())
	out, history := a.follow("out"), a.follow("history")
	var all strings.Builder
	for n := range 999 {
		fmt.Fprintf(&all, "%d,", n)
	}
	text := say("k", 12<<10)
	a.produce("in", "k", text[:len(text)-1]+`,"all":[`+strings.TrimSuffix(all.String(), ",")+"]}")
	seen := map[string]bool{}
	for _, said := range out.next(999) {
		seen[string(said.Key)] = true
	}
	if len(seen) != 999 {
		t.Errorf("%d commands of 999", len(seen))
	}
	recorded, decisions := map[string]bool{}, 0
	for ended := false; !ended; decisions++ {
		h, err := schemas.DecodeHistory(history.next(1)[0].Value)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range h.Commands {
			recorded[c.Key] = true
		}
		ended = h.Status == topology.StatusCompleted
	}
	if len(recorded) != 999 || decisions < 3 {
		t.Errorf("%d commands in the history of %d decisions", len(recorded), decisions)
	}
	out.none(100 * time.Millisecond)
}

// By an operator's hand, the topic of dead letters takes nothing at all.
func TestDeadLetterThatIsRefusedHaltsThePartition(t *testing.T) {
	a := newApp(t, kafkatest.Embedded(t, 1), wordy)
	if err := a.cluster.Fake.CreateTopic(a.topic("out"), 1, map[string]string{"max.message.bytes": "10000"}); err != nil {
		t.Fatal(err)
	}
	a.create(nil)
	node := a.node()
	a.ready(node)
	a.cluster.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: a.topic("dead-letters"), Err: kerr.MessageTooLarge, Count: -1})
	a.produce("in", "k", say("large", 30_000))
	a.await("the partition to halt", func() bool {
		s := node.Status()
		return s.Partitions.Running == appPartitions-1 && strings.Contains(s.Reason, "not even a dead letter")
	})
}

// What one workflow cannot use is not taken from another, nor is what an older
// version cannot use taken from the newer one.
func TestRecordThatIsDeadForOneIsAliveForOthers(t *testing.T) {
	other := strings.ReplaceAll(wordy, "workflow: wordy", "workflow: other")
	byName := func(text, name string) string { return strings.ReplaceAll(text, "key: event.id", "key: event."+name) }
	newer := strings.ReplaceAll(wordy, "version: 1", "version: 2")
	a := newApp(t, kafkatest.Embedded(t, 1), byName(wordy, "nothing"), newer, byName(other, "nothing"))
	a.create(nil)
	a.ready(a.node())
	dead, out := a.follow("dead-letters"), a.follow("out")
	a.produce("in", "k", say("k", 10))
	if said := out.next(1)[0]; header(said, "rondo-workflow") != "wordy" {
		t.Errorf("said: %s", describe(said))
	}
	if letter := dead.next(1)[0]; header(letter, "__rondo.errors.workflow") != "other" {
		t.Errorf("dead letter: %s", describe(letter))
	}
	dead.none(200 * time.Millisecond)
}

// What is written to a partition before a node knows of it is no history.
func TestPartitionAddedToASourceIsReadFromItsStart(t *testing.T) {
	a := newApp(t, kafkatest.Embedded(t, 1), wordy)
	a.config.Sources = nil // from the end
	a.create(nil)
	a.write(&kgo.Record{Topic: a.topic("in"), Value: []byte(say("history", 10))})
	node := a.node()
	a.ready(node)
	if err := node.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.admin.CreatePartitions(t.Context(), appPartitions, a.topic("in")); err != nil {
		t.Fatal(err)
	}
	a.client = a.cluster.Client(t, kgo.RecordPartitioner(kgo.ManualPartitioner())) // knows the new partitions
	for p := range int32(appPartitions) {
		a.write(&kgo.Record{Topic: a.topic("in"), Partition: appPartitions + p, Value: []byte(say(fmt.Sprintf("new-%d", p), 10))})
	}
	a.ready(a.node())
	out := a.follow("out")
	for _, said := range out.next(appPartitions) {
		if !strings.HasPrefix(header(said, "rondo-key"), "new-") {
			t.Errorf("said: %s", describe(said))
		}
	}
	out.none(200 * time.Millisecond)
}

// Local state can hold a transaction that the brokers had confirmed and that was
// aborted after all: they lost its markers, and an operator has aborted what hung.
func TestStateAheadOfTheChangelogIsRebuilt(t *testing.T) {
	a := newApp(t, kafkatest.Embedded(t, 1), wordy)
	a.create(nil)
	dir := t.TempDir()
	node := a.nodeIn(dir)
	a.ready(node)
	out := a.follow("out")
	a.produce("in", "k", say("first", 10))
	out.next(1)
	if err := node.stop(); err != nil {
		t.Fatal(err)
	}
	getAhead(t, dir, processor.PartitionOf([]byte("k"), appPartitions), a.topic("in"))
	node = a.nodeIn(dir)
	a.ready(node)
	a.produce("in", "k", say("second", 10))
	if said := out.next(1)[0]; header(said, "rondo-key") != "second" {
		t.Errorf("said: %s", describe(said))
	}
	out.none(200 * time.Millisecond)
	if !strings.Contains(a.logs.tail(1<<20), "the changelog says that it is decided up to 2") {
		t.Error("the state was not ahead, so that this test says nothing")
	}
}

// getAhead has the local state say that one more record of a topic is decided.
func getAhead(t *testing.T, dir string, partition int32, topic string) {
	t.Helper()
	store, err := statestore.Open(statestore.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	state := store.Partition(partition)
	position, found, err := state.Position()
	if err != nil || !found {
		t.Fatalf("position: %v, %v", found, err)
	}
	entry, _, err := state.Get([]byte("@progress"))
	if err != nil {
		t.Fatal(err)
	}
	progress, err := schemas.DecodeProgress(entry.Value)
	if err != nil {
		t.Fatal(err)
	}
	for i := range progress.Inputs {
		if in := &progress.Inputs[i]; in.Topic == topic && in.Partition == partition {
			in.Next++
		}
	}
	ahead := state.Begin()
	if entry.Value, err = progress.Encode(); err != nil {
		t.Fatal(err)
	}
	ahead.Put([]byte("@progress"), entry)
	if err := ahead.Apply(position); err != nil {
		t.Fatal(err)
	}
}

// A lane that has read nothing of a source knows all the same that a partition of it
// is new: others have read the source when it had fewer.
func TestPartitionAddedToASmallSourceIsReadFromItsStart(t *testing.T) {
	a := newApp(t, kafkatest.Embedded(t, 1), wordy)
	a.config.Sources = nil // from the end
	a.create(map[string]int32{"in": 2})
	for p := range int32(2) {
		a.write(&kgo.Record{Topic: a.topic("in"), Partition: p, Value: []byte(say(fmt.Sprintf("history-%d", p), 10))})
	}
	node := a.node()
	a.ready(node)
	if err := node.stop(); err != nil {
		t.Fatal(err)
	}
	for _, added := range []int{2, 1} { // the second time others have notes of more
		details, err := a.admin.ListTopics(t.Context(), a.topic("in"))
		if err != nil {
			t.Fatal(err)
		}
		had := len(details[a.topic("in")].Partitions)
		if _, err := a.admin.CreatePartitions(t.Context(), added, a.topic("in")); err != nil {
			t.Fatal(err)
		}
		a.client = a.cluster.Client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
		for p := range int32(added) {
			a.write(&kgo.Record{Topic: a.topic("in"), Partition: int32(had) + p, Value: []byte(say(fmt.Sprintf("new-%d", had+int(p)), 10))})
		}
		node := a.node()
		a.ready(node)
		out := a.follow("out")
		for _, said := range out.next(had + added - 2) {
			if !strings.HasPrefix(header(said, "rondo-key"), "new-") {
				t.Errorf("said: %s", describe(said))
			}
		}
		out.none(200 * time.Millisecond)
		if err := node.stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// Brokers can lose the end of a transaction. The partition waits, and says so; then
// it halts and says what to do; and goes on by itself when that is done.
func TestPartitionHaltsAtAnOffsetThatStaysUndecided(t *testing.T) {
	a := newApp(t, kafkatest.Embedded(t, 1), wordy)
	a.create(nil)
	const key = "k"
	p := processor.PartitionOf([]byte(key), appPartitions)
	undecided := a.cluster.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Topic: a.topic("in"), Partitions: []int32{p},
		Err: kerr.UnstableOffsetCommit, Count: -1, When: func(r kmsg.Request) bool { return r.(*kmsg.OffsetFetchRequest).RequireStable }})
	a.prepare = func(n *processor.Node) { n.Hurried(600*time.Millisecond, 100*time.Millisecond) }
	node := a.node()
	a.await("the partition to halt", func() bool {
		s := node.Status()
		return !s.Ready && strings.Contains(s.Reason, fmt.Sprintf("partition %d is halted", p)) &&
			strings.Contains(s.Reason, fmt.Sprintf("%s/%d", a.topic("in"), p)) && strings.Contains(s.Reason, "kafka-transactions find-hanging")
	})
	if log := a.logs.tail(1 << 20); !strings.Contains(log, "waiting for the end of a transaction") {
		t.Error("the log does not say what was waited for")
	}
	a.await("the others to run", func() bool { return node.Status().Partitions.Running == appPartitions-1 })
	a.write(&kgo.Record{Topic: a.topic("in"), Partition: p, Value: []byte(say(key, 10))})
	out := a.follow("out")
	out.none(300 * time.Millisecond)
	undecided.Remove()
	a.ready(node)
	if said := out.next(1)[0]; header(said, "rondo-key") != key {
		t.Errorf("said: %s", describe(said))
	}
	a.await("the node to be ready", func() bool { return node.Status().Ready })
}
