package processor_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/kafkatest"
	"rondo/processor"
	"rondo/schemas"
	"rondo/topology"
)

// cutNode is a node that can be cut off from the brokers, which then see what they
// see of one that was killed.
type cutNode struct {
	*runningNode
	network *gate
}

// cuttable starts a node whose network can be shut.
func (a *app) cuttable() cutNode {
	a.t.Helper()
	former := a.dial
	network := new(gate)
	a.dial = network.dial
	n := cutNode{a.node(), network}
	a.dial = former
	return n
}

// spread waits until all nodes have lanes, and all lanes an owner.
func (a *app) spread(nodes ...*runningNode) {
	a.t.Helper()
	a.await("all nodes to have lanes", func() bool {
		sum := 0
		for _, n := range nodes {
			running := n.Status().Partitions.Running
			if running == 0 {
				return false
			}
			sum += running
		}
		return sum == appPartitions
	})
}

// family is a parent whose child lives under another key, so mostly in another
// partition, and asks a worker.
const family = `
workflow: parent
version: 1
messages:
  Begin:    {topic: %s.in, key: event.id}
  Finished: {topic: %s.out}
start: {Begin: {set: {n: =event.n}}}
do:
  - bear:
      run: child
      key: "'child of ' + key"
      with: {n: =n}
      await: {completed: {set: {result: =event.result}}}
  - tell: {send: Finished, with: {id: =key, result: =result}}
`

const child = `
workflow: child
version: 1
messages:
  Work: {topic: %s.work}
  Done: {topic: %s.replies, key: event.id}
start: {run: {set: {n: =event.n}}}
do:
  - work:
      send: Work
      with: {id: =key, n: =n}
      await: {Done: {set: {result: =event.result}}}
      timeout: 1h
output: {result: =result}
`

// Every child is begun once, and every outcome is told once, whatever happens to
// the nodes: letters are in the transaction of the decision that writes them.
func TestEachChildIsBegunAndToldOnceWhileNodesAreKilled(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		a := newApp(t, cluster, family, child)
		a.config.TransactionTimeout = 2 * time.Second
		a.create(nil)
		const n = 240
		worked := a.answerAll(t)
		doomed, heir := a.cuttable(), a.node()
		a.spread(doomed.runningNode, heir)
		written := make(chan error, 1)
		go func() { written <- a.writeMany(n) }()
		out := a.follow("out")
		ends := out.next(n / 4)
		doomed.network.set(true)
		ends = append(ends, out.next(n/2)...)
		doomed.network.set(false)
		ends = append(ends, out.next(n-len(ends))...)
		if err := <-written; err != nil {
			t.Fatal(err)
		}
		eachOnce(t, ends)
		out.none(300 * time.Millisecond)
		commands := worked()
		for id, times := range commands {
			if times != 1 {
				t.Errorf("command %s was sent %d times", id, times)
			}
		}
		if len(commands) != n {
			t.Errorf("%d children have sent a command, want %d", len(commands), n)
		}
		a.lettersOnce(map[topology.LetterKind]int{topology.LetterRun: n, topology.LetterOutcome: n})
	})
}

// lettersOnce reads the inbox: there are so many committed letters of each kind,
// and no two alike.
func (a *app) lettersOnce(want map[topology.LetterKind]int) {
	a.t.Helper()
	seen, got := make(map[string]bool), make(map[topology.LetterKind]int)
	for _, r := range a.all("inbox") {
		message, err := schemas.DecodeInbox(r.Value)
		if err != nil {
			a.t.Fatal(err)
		}
		if message.Kind != schemas.InboxLetter {
			continue
		}
		if home := processor.PartitionOf([]byte(message.Key), appPartitions); home != r.Partition {
			a.t.Errorf("a letter to %s is in partition %d", message.Address(), r.Partition)
		}
		l := *message.Letter
		what := fmt.Sprintf("%s from %s to %s about %s", l.Kind, l.From, l.To, l.Command)
		if seen[what] {
			a.t.Errorf("twice in the inbox: %s", what)
		}
		seen[what] = true
		got[l.Kind]++
	}
	for kind, n := range want {
		if got[kind] != n {
			a.t.Errorf("%d letters of kind %s, want %d", got[kind], kind, n)
		}
	}
}

// all returns the committed records of a topic when nothing is left to decide.
func (a *app) all(topic string) []*kgo.Record {
	a.t.Helper()
	a.await("everything to be decided", func() bool { return a.lag() == 0 })
	ends, err := a.admin.ListCommittedOffsets(a.t.Context(), a.topic(topic))
	if err != nil {
		a.t.Fatal(err)
	}
	client := a.cluster.Client(a.t, kgo.ConsumeTopics(a.topic(topic)), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(100*time.Millisecond), kgo.KeepControlRecords())
	ctx, cancel := context.WithTimeout(a.t.Context(), 30*time.Second)
	defer cancel()
	var out []*kgo.Record
	next := make(map[int32]int64)
	for unread := true; unread; {
		for _, r := range client.PollFetches(ctx).Records() {
			next[r.Partition] = r.Offset + 1
			if !r.Attrs.IsControl() {
				out = append(out, r)
			}
		}
		if ctx.Err() != nil {
			a.t.Fatalf("%s is not read to its end", topic)
		}
		unread = false
		ends.Each(func(end kadm.ListedOffset) { unread = unread || next[end.Partition] < end.Offset })
	}
	return out
}

func eachOnce(t *testing.T, ends []*kgo.Record) {
	t.Helper()
	seen := make(map[string]bool)
	for _, end := range ends {
		id := fmt.Sprint(field(t, end, "id"))
		if seen[id] {
			t.Errorf("%s has ended twice", id)
		}
		seen[id] = true
	}
}

// A letter is committed or not with the decision that wrote it: connections that
// break in the middle of transactions, and answers that are lost, change nothing.
func TestLettersAreWrittenOnceWhileConnectionsAreCut(t *testing.T) {
	a := newApp(t, kafkatest.Embedded(t, 3), family, child)
	wire := new(kafkatest.Wire)
	a.dial = wire.Dial
	a.config.TransactionTimeout = time.Second
	a.create(nil)
	a.watch()
	worked := a.answerAll(t)
	a.ready(a.node())
	out, sum := a.follow("out"), 0
	for _, key := range transactionKeys {
		for _, when := range cuts {
			wire.Cut(key, when, 1)
			for range 8 {
				id := fmt.Sprintf("j-%d", sum)
				a.produce("in", id, begin(id, sum))
				sum++
			}
			eachOnce(t, out.next(8))
		}
	}
	if wire.Mend() == 0 {
		t.Error("nothing was cut")
	}
	out.none(300 * time.Millisecond)
	for id, times := range worked() {
		if times != 1 {
			t.Errorf("command %s was sent %d times", id, times)
		}
	}
	a.lettersOnce(map[topology.LetterKind]int{topology.LetterRun: sum, topology.LetterOutcome: sum})
}

// A parent that waits for a child of a workflow that is not deployed is told once,
// and one that does not wait leaves a dead letter.
func TestChildThatIsNotDeployedFailsOrIsFoundAmongTheDead(t *testing.T) {
	nobody := strings.NewReplacer("run: child", "run: nobody", "      await: {completed", "      catch: {any: {set: {result: =error.name}}}\n      await: {completed").Replace(family)
	careless := strings.NewReplacer("workflow: parent", "workflow: careless", "run: child", "run: nobody",
		"      await: {completed: {set: {result: =event.result}}}\n", "", ", result: =result", "", "%s.in", "%s.odd").Replace(family)
	a := newApp(t, kafkatest.Embedded(t, 1), nobody, careless)
	a.create(nil)
	a.ready(a.node())
	dead, out := a.follow("dead-letters"), a.follow("out")
	a.produce("in", "j-1", begin("j-1", 1))
	if end := out.next(1)[0]; field(t, end, "result") != "run.unknown" {
		t.Errorf("end: %s", describe(end))
	}
	a.lettersOnce(map[topology.LetterKind]int{topology.LetterRun: 1, topology.LetterOutcome: 1})
	dead.none(200 * time.Millisecond)
	a.produce("odd", "j-2", begin("j-2", 1))
	letter := dead.next(1)[0]
	if header(letter, "__rondo.errors.exception") != "inbox" || !strings.Contains(header(letter, "__rondo.errors.message"), "nobody is not deployed") {
		t.Errorf("dead letter: %s", describe(letter))
	}
}

// wide works on many elements, some at a time, and tells what each gave.
const wide = `
workflow: wide
version: 1
messages:
  Begin:    {topic: %s.in, key: event.id}
  Work:     {topic: %s.work}
  Done:     {topic: %s.replies, key: event.id}
  Finished: {topic: %s.out}
start: {Begin: {set: {items: =event.items}}}
do:
  - each:
      for: {each: item, in: items, parallel: 40}
      do:
        - work: {send: Work, with: {id: =key, item: =item}, await: {Done: {when: event.item == item, set: {got: =event.result}}}, timeout: 1h}
      collect: {results: =got}
  - tell: {send: Finished, with: {id: =key, results: =results}}
`

// wideWorker answers every command with twice the element, and returns how often
// it saw each.
func (a *app) wideWorker(t *testing.T) func() map[string]int {
	return a.worker(t, func(r *kgo.Record) string {
		return fmt.Sprintf(`{"type":"Done","id":%q,"item":%v,"result":%v}`, r.Key, field(t, r, "item"), 2*field(t, r, "item").(float64))
	})
}

// The parts of a loop are in the store and in the changelog like the rest: after a
// node was killed, and with nothing on the disk, the loop goes on where it was.
func TestLoopOfManyPartsGoesOnAfterAKill(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		a := newApp(t, cluster, wide)
		a.config.TransactionTimeout = 2 * time.Second
		a.create(nil)
		const items = 700 // three parts
		worked := a.wideWorker(t)
		doomed := a.cuttable()
		a.ready(doomed.runningNode)
		list := make([]string, items)
		for i := range list {
			list[i] = fmt.Sprint(i)
		}
		work := a.follow("work")
		for _, id := range []string{"w-1", "w-2"} {
			a.produce("in", id, fmt.Sprintf(`{"type":"Begin","id":%q,"items":[%s]}`, id, strings.Join(list, ",")))
		}
		work.next(items / 2)
		doomed.network.set(true)
		heir := a.node() // with nothing on its disk
		a.ready(heir)
		work.next(items / 2)
		if err := heir.stop(); err != nil {
			t.Fatal(err)
		}
		a.ready(a.node())
		for _, end := range a.follow("out").next(2) {
			results, _ := field(t, end, "results").([]any)
			if len(results) != items {
				t.Fatalf("%d results", len(results))
			}
			for i, result := range results {
				if result != 2*float64(i) {
					t.Fatalf("result %d is %v", i, result)
				}
			}
		}
		commands := worked()
		if len(commands) != 2*items {
			t.Errorf("%d commands, want %d", len(commands), 2*items)
		}
		for id, times := range commands {
			if times != 1 {
				t.Errorf("command %s was sent %d times", id, times)
			}
		}
		a.noPartsLeft(2)
	})
}

// noPartsLeft reads the changelog: of each part that was written the last record
// is a tombstone, for all loops are over.
func (a *app) noPartsLeft(least int) {
	a.t.Helper()
	alive, parts := make(map[string]bool), make(map[string]bool)
	for _, r := range a.all("changelog") {
		if key := string(r.Key); strings.HasPrefix(key, "@") && key != "@progress" {
			parts[key] = true
			alive[key] = r.Value != nil
		}
	}
	if len(parts) < least {
		a.t.Errorf("%d parts were ever written", len(parts))
	}
	for key, is := range alive {
		if is {
			a.t.Errorf("the part %q is still there", key)
		}
	}
}
