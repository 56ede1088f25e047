package processor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/kafkatest"
	"rondo/processor"
)

// job asks a worker, up to three times, and tells what came of it.
const job = `
workflow: job
version: 1
messages:
  Begin:    {topic: %s.in,      key: event.id}
  Work:     {topic: %s.work}
  Done:     {topic: %s.replies, key: event.id}
  Finished: {topic: %s.out}
start: {Begin: {set: {n: =event.n}}}
do:
  - work:
      send: Work
      with: {id: =key, n: =n}
      await: {Done: {set: {result: =event.result}}}
      timeout: 400ms
      retry: {attempts: 3, backoff: 100ms}
      catch: {timeout: {set: {result: none}}}
  - tell: {send: Finished, with: {id: =key, result: =result}}
`

// patient is job with time to spare.
var patient = strings.ReplaceAll(job, "timeout: 400ms", "timeout: 1h")

func begin(id string, n int) string { return fmt.Sprintf(`{"type":"Begin","id":%q,"n":%d}`, id, n) }
func done(id, result string) string {
	return fmt.Sprintf(`{"type":"Done","id":%q,"result":%q}`, id, result)
}

func field(t *testing.T, r *kgo.Record, name string) any {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(r.Value, &fields); err != nil {
		t.Fatalf("%s: %v", describe(r), err)
	}
	return fields[name]
}

func TestCallIsSentRepeatedAndAnswered(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		a := newApp(t, cluster, job)
		a.create(nil)
		a.ready(a.node())
		work, out := a.follow("work"), a.follow("out")

		start := a.produce("in", "j-1", begin("j-1", 7))
		first := work.next(1)[0]
		if field(t, first, "n") != 7.0 || string(first.Key) != "j-1" {
			t.Errorf("command: %s", describe(first))
		}
		for name, want := range map[string]string{
			"type": "Work", "rondo-attempt": "1", "rondo-workflow": "job", "rondo-key": "j-1", "rondo-step": "work",
			"rondo-cause": fmt.Sprintf("%s/%d/%d", start.Topic, start.Partition, start.Offset),
		} {
			if got := header(first, name); got != want {
				t.Errorf("header %s: got %q, want %q", name, got, want)
			}
		}
		second := work.next(1)[0] // nobody answered
		if header(second, "rondo-attempt") != "2" || header(second, "rondo-command-id") != header(first, "rondo-command-id") {
			t.Errorf("second attempt: %s", describe(second))
		}
		a.produce("replies", "j-1", done("j-1", "fine"))
		if end := out.next(1)[0]; field(t, end, "result") != "fine" {
			t.Errorf("end: %s", describe(end))
		}
		a.await("the group's lag to be zero", func() bool { return a.lag() == 0 })
	})
}

func TestCallThatNobodyAnswersTimesOut(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		a := newApp(t, cluster, job)
		a.create(nil)
		a.ready(a.node())
		work, out := a.follow("work"), a.follow("out")
		a.produce("in", "j-1", begin("j-1", 1))
		for i, r := range work.next(3) {
			if header(r, "rondo-attempt") != fmt.Sprint(i+1) {
				t.Errorf("attempt %d: %s", i+1, describe(r))
			}
		}
		if end := out.next(1)[0]; field(t, end, "result") != "none" {
			t.Errorf("end: %s", describe(end))
		}
		work.none(300 * time.Millisecond)
	})
}

// Records whose producer partitions in another way, and records of a topic
// with another number of partitions, reach their instances by the inbox.
func TestRecordsReachTheirHomePartitionFromAnyOther(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		a := newApp(t, cluster, strings.ReplaceAll(patient, "%s.replies", "%s.odd"))
		a.create(map[string]int32{"odd": 3})
		a.ready(a.node(), a.node())
		work, out := a.follow("work"), a.follow("out")
		const n = 40
		for i := range n {
			id := fmt.Sprintf("j-%d", i)
			a.write(&kgo.Record{Topic: a.topic("in"), Partition: int32(i % appPartitions), Value: []byte(begin(id, i))})
		}
		for i, command := range work.next(n) {
			id := header(command, "rondo-key")
			a.write(&kgo.Record{Topic: a.topic("odd"), Partition: int32(i % 3), Value: []byte(done(id, id))})
		}
		seen := make(map[string]bool)
		for _, end := range out.next(n) {
			id := fmt.Sprint(field(t, end, "id"))
			if field(t, end, "result") != id || seen[id] {
				t.Errorf("end: %s", describe(end))
			}
			seen[id] = true
		}
		out.none(200 * time.Millisecond)
	})
}

// A reply that lies in its topic while nobody runs is taken although its
// call's time has passed meanwhile; also if nothing has shown yet that its topic is
// partitioned in another way than ours, but that another of the workflow is.
func TestBacklogIsNotATimeout(t *testing.T) {
	for name, replies := range map[string]string{"own partition": "replies", "through the inbox": "odd", "another partitioner": "replies"} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
				text := strings.ReplaceAll(job, "%s.replies", "%s."+replies)
				a := newApp(t, cluster, strings.ReplaceAll(text, "timeout: 400ms", "timeout: 2s"))
				if replies == "odd" {
					a.create(map[string]int32{"odd": 3})
				} else {
					a.create(nil)
				}
				node := a.node()
				a.ready(node)
				work, out := a.follow("work"), a.follow("out")
				produce := a.produce
				if name == "another partitioner" {
					produce = a.produceElsewhere
				}
				const n = 20
				for i := range n {
					produce("in", fmt.Sprintf("j-%d", i), begin(fmt.Sprintf("j-%d", i), i))
				}
				commands := work.next(n)
				if err := node.stop(); err != nil {
					t.Fatal(err)
				}
				for i, command := range commands {
					id := header(command, "rondo-key")
					if replies == "replies" {
						produce(replies, id, done(id, "in time"))
						continue
					}
					a.write(&kgo.Record{Topic: a.topic(replies), Partition: int32(i % 3), Value: []byte(done(id, "in time"))})
				}
				time.Sleep(2200 * time.Millisecond) // every call is overdue now
				a.ready(a.node())
				for _, end := range out.next(n) {
					if field(t, end, "result") != "in time" {
						t.Errorf("end: %s", describe(end))
					}
				}
				work.none(200 * time.Millisecond)
			})
		})
	}
}

func TestBadInputBecomesADeadLetterAndThePartitionGoesOn(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		a := newApp(t, cluster, patient)
		a.create(nil)
		a.ready(a.node())
		dead, work := a.follow("dead-letters"), a.follow("work")
		bad := []struct{ name, key, value, reason, says string }{
			{"not JSON", "k", `{"type":"Begin",`, "undecodable", "JSON"},
			{"no key", "k", `{"type":"Begin","n":1}`, "no-key", "id"},
			{"null key", "k", `{"type":"Begin","id":null,"n":1}`, "no-key", "null"},
			{"long key", "k", begin(strings.Repeat("x", 600), 1), "", "512"},
		}
		for _, b := range bad {
			a.produce("in", b.key, b.value)
		}
		a.produce("in", "k", `{"type":"Unknown"}`)                                                               // nobody's: skipped
		a.write(&kgo.Record{Topic: a.topic("in"), Partition: processor.PartitionOf([]byte("k"), appPartitions)}) // a tombstone: skipped
		a.produce("in", "k", begin("k", 5))
		if command := work.next(1)[0]; field(t, command, "n") != 5.0 {
			t.Errorf("command: %s", describe(command))
		}
		for i, letter := range dead.next(len(bad)) {
			b := bad[i]
			if string(letter.Value) != b.value || string(letter.Key) != b.key {
				t.Errorf("%s: not as it was: %s", b.name, describe(letter))
			}
			if got := header(letter, "__rondo.errors.exception"); b.reason != "" && got != b.reason {
				t.Errorf("%s: reason %q, want %q", b.name, got, b.reason)
			}
			if got := header(letter, "__rondo.errors.message"); !strings.Contains(got, b.says) {
				t.Errorf("%s: text %q does not speak of %q", b.name, got, b.says)
			}
			if header(letter, "__rondo.errors.topic") != a.topic("in") || header(letter, "__rondo.errors.offset") != fmt.Sprint(i) {
				t.Errorf("%s: coordinates: %s", b.name, describe(letter))
			}
		}
		dead.none(200 * time.Millisecond)
		a.await("the group's lag to be zero", func() bool { return a.lag() == 0 })
	})
}

// Nodes come and go under load, with and without their local stores.
// Each client of a node connects by the brokers of its configuration first: for the
// checks, for the definitions, for the topics.
func TestNodeThatIsToldToStopWhileItStartsEndsInOrder(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		a := newApp(t, cluster, patient)
		a.create(nil)
		for first := range 3 {
			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			defer stop()
			config := a.config
			config.DataDir, config.Metrics = t.TempDir(), prometheus.NewRegistry()
			config.Brokers = []string{passThrough(t, cluster.Addrs[0], func(connection int) {
				if connection == first {
					stop()
				}
			})}
			node, err := processor.NewNode(config)
			if err != nil {
				t.Fatal(err)
			}
			if err := node.Run(ctx); err != nil || !errors.Is(ctx.Err(), context.Canceled) {
				t.Errorf("stopped at connection %d: the node says %v, its context %v", first, err, ctx.Err())
			}
		}
	})
}

// passThrough listens for connections to a broker and tells the number of each, from
// zero, before it lets it through.
func passThrough(t *testing.T, to string, arrives func(connection int)) (address string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for n := 0; ; n++ {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			arrives(n)
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			go func() { _, _ = io.Copy(far, near); _ = far.Close() }()
			go func() { _, _ = io.Copy(near, far); _ = near.Close() }()
		}
	}()
	return listener.Addr().String()
}

func TestNodesJoinAndLeaveUnderLoad(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		a := newApp(t, cluster, patient)
		a.create(nil)
		dir := t.TempDir()
		first := a.nodeIn(dir)
		a.ready(first)
		const n = 1500
		worked := a.answerAll(t)
		written := make(chan error, 1)
		go func() { written <- a.writeMany(n) }()

		second := a.node()
		a.ready(first, second)
		if err := first.stop(); err != nil {
			t.Fatal(err)
		}
		third := a.nodeIn(dir)
		a.ready(second, third)
		if err := second.stop(); err != nil {
			t.Fatal(err)
		}
		a.ready(third)
		if err := <-written; err != nil {
			t.Fatal(err)
		}
		for i, node := range []*runningNode{first, second, third} {
			if n := node.count("rondo_takeovers_total", "result", "fenced"); n != 0 {
				t.Errorf("node %d was fenced %v times by another that took partitions over in good order", i, n)
			}
		}
		ends := a.follow("out").next(n)
		seen := make(map[string]bool)
		for _, end := range ends {
			id := string(end.Key)
			if seen[id] {
				t.Errorf("%s finished twice", id)
			}
			seen[id] = true
		}
		if commands := worked(); len(commands) != n {
			t.Errorf("%d different commands, want %d", len(commands), n)
		} else {
			for id, times := range commands {
				if times != 1 {
					t.Errorf("command %s was sent %d times", id, times)
				}
			}
		}
	})
}

// writeMany begins n jobs, a little spread in time.
func (a *app) writeMany(n int) error {
	for i := range n {
		id := fmt.Sprintf("j-%d", i)
		record := &kgo.Record{Topic: a.topic("in"), Partition: processor.PartitionOf([]byte(id), appPartitions),
			Key: []byte(id), Value: []byte(begin(id, i))}
		a.client.Produce(context.Background(), record, nil)
		if i%10 == 0 {
			time.Sleep(10 * time.Millisecond)
		}
	}
	return a.client.Flush(context.Background())
}

// answerAll is the worker. What it returns tells how often it saw each command.
func (a *app) answerAll(t *testing.T) func() map[string]int {
	return a.worker(t, func(r *kgo.Record) string { return done(string(r.Key), "ok") })
}

// worker answers each command with one event. What it returns ends it and tells
// how often it saw each attempt of each command.
func (a *app) worker(t *testing.T, answer func(*kgo.Record) string) func() map[string]int {
	commands := make(map[string]int)
	client := a.follow("work").client
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
				commands[header(r, "rondo-command-id")+"#"+header(r, "rondo-attempt")]++
				reply := &kgo.Record{Topic: a.topic("replies"), Partition: processor.PartitionOf(r.Key, appPartitions), Key: r.Key, Value: []byte(answer(r))}
				a.client.Produce(context.Background(), reply, nil)
			})
		}
	}()
	stop := func() map[string]int {
		cancel()
		<-ended
		return commands
	}
	t.Cleanup(func() { stop() })
	return stop
}

func TestOffsetsThatTheGroupHasLostAreFoundAgain(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		a := newApp(t, cluster, patient)
		a.create(nil)
		node := a.node()
		a.ready(node)
		work, out := a.follow("work"), a.follow("out")
		a.produce("in", "j-1", begin("j-1", 1))
		work.next(1)
		if err := node.stop(); err != nil {
			t.Fatal(err)
		}
		if _, err := a.admin.DeleteGroups(t.Context(), a.config.App); err != nil {
			t.Fatal(err)
		}
		a.produce("replies", "j-1", done("j-1", "ok"))
		a.ready(a.node())
		out.next(1)
		work.none(200 * time.Millisecond) // nothing was read twice
		if at := a.committed("in", processor.PartitionOf([]byte("j-1"), appPartitions)); at != 1 {
			t.Errorf("committed offset %d, want 1", at)
		}
	})
}

func TestMovedOffsetsHaltThePartitionUntilTheyArePutBack(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		a := newApp(t, cluster, patient)
		a.create(nil)
		node := a.node()
		a.ready(node)
		work := a.follow("work")
		a.produce("in", "j-1", begin("j-1", 1))
		work.next(1)
		if err := node.stop(); err != nil {
			t.Fatal(err)
		}
		partition := processor.PartitionOf([]byte("j-1"), appPartitions)
		move := func(to int64) {
			offsets := make(kadm.Offsets)
			offsets.Add(kadm.Offset{Topic: a.topic("in"), Partition: partition, At: to, LeaderEpoch: -1})
			answer, err := a.admin.CommitOffsets(t.Context(), a.config.App, offsets)
			if err == nil {
				err = answer.Error()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		move(0)
		node = a.node()
		a.await("the partition to halt", func() bool {
			status := node.Status()
			return status.Partitions.Running == appPartitions-1 && strings.Contains(status.Reason, "reset-offsets --to-offset 1")
		})
		if err := node.stop(); err != nil {
			t.Fatal(err)
		}
		move(1)
		a.ready(a.node())
		work.none(200 * time.Millisecond)
	})
}
