package loop_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/bench/loop"
	"rondo/internal/kafkatest"
)

// calls is how many calls a workflow of the lab makes, one after the other.
const calls = 5

// lab has the topics of a sequence of calls, and plays all but the loop: who
// starts workflows, and the service that answers each command.
type lab struct {
	t          testing.TB
	cluster    *kafkatest.Cluster
	partitions int

	starts, replies, commands, done, changelog, history string

	client *kgo.Client // reads commands and done

	mu    sync.Mutex // guards what follows
	flows map[string]*flow
	ended chan string // keys of workflows that are done; nobody must wait long to send
	steps []time.Duration
	whole []time.Duration
}

// flow is one workflow.
type flow struct {
	began, sent time.Time // the start; the last record that was sent to the loop
	commands    [calls + 1]int
	done        int
}

// openLab makes the topics.
func openLab(t testing.TB, cluster *kafkatest.Cluster, partitions int) *lab {
	topic := func(name string) string { return cluster.Topic(t, name, int32(partitions)) }
	l := &lab{
		t: t, cluster: cluster, partitions: partitions,
		starts: topic("starts"), replies: topic("replies"), commands: topic("commands"), done: topic("done"),
		changelog: topic("changelog"), history: topic("history"),
		flows: make(map[string]*flow), ended: make(chan string, 10000),
	}
	l.client = cluster.Client(t,
		kgo.ConsumeTopics(l.commands, l.done), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ProducerLinger(0),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	return l
}

// spec is the loop for the lab: a reply to call k leads to call k+1, and the last
// to the end. The sizes are those of an engine's records of such a workflow.
func (l *lab) spec(kind loop.Kind, ringCount int) loop.Spec {
	s := loop.Spec{
		Brokers: l.cluster.Addrs, Group: kafkatest.Unique(l.t, string(kind)), Kind: kind, Rings: ringCount,
		Partitions: l.partitions, Inputs: []string{l.starts, l.replies},
		Progress: &loop.Output{Topic: l.changelog, Key: loop.Text{Bytes: 9}, Value: loop.Value{Size: 300}},
	}
	for call := range calls + 1 { // call 0 is the start
		topic, step := l.commands, call+1
		if call == calls {
			topic = l.done
		}
		s.Routes = append(s.Routes, loop.Route{
			Headers: []loop.HeaderMatch{{Key: "step", Value: fmt.Sprint(call)}},
			Outputs: []loop.Output{
				{Topic: topic, Key: loop.Text{Text: "{key}"}, Value: loop.Value{Size: 150}, Headers: []loop.Header{
					{Name: "step", Text: loop.Text{Text: fmt.Sprint(step)}},
					{Name: "rondo-command-id", Text: loop.Text{Bytes: 32}},
					{Name: "rondo-cause", Text: loop.Text{Text: "{at}"}},
					{Name: "rondo-key", Text: loop.Text{Text: "{key}"}},
				}},
				{Topic: l.changelog, Key: loop.Text{Text: "call5/{key}"}, Value: loop.Value{Size: 450}},
				{Topic: l.history, Key: loop.Text{Text: "call5/{key}"}, Value: loop.Value{Size: 600}},
			},
		})
	}
	return s
}

// start begins a workflow.
func (l *lab) start(ctx context.Context, number int) {
	key := fmt.Sprintf("order-%08d", number)
	l.mu.Lock()
	now := time.Now()
	l.flows[key] = &flow{began: now, sent: now}
	l.mu.Unlock()
	l.send(ctx, &kgo.Record{
		Topic: l.starts, Partition: int32(number % l.partitions), Key: []byte(key), Value: make([]byte, 150),
		Headers: []kgo.RecordHeader{{Key: "step", Value: []byte("0")}},
	})
}

func (l *lab) send(ctx context.Context, rec *kgo.Record) {
	l.client.Produce(ctx, rec, func(_ *kgo.Record, err error) {
		if err != nil && ctx.Err() == nil {
			l.t.Errorf("send to %s: %v", rec.Topic, err)
		}
	})
}

// serve answers commands until ctx ends.
func (l *lab) serve(ctx context.Context) {
	for {
		fetches := l.client.PollFetches(ctx)
		if ctx.Err() != nil {
			return
		}
		if err := fetches.Err(); err != nil {
			l.t.Errorf("read commands: %v", err)
			return
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			if rec.Topic == l.done {
				l.end(string(rec.Key))
			} else {
				l.reply(ctx, rec)
			}
		})
	}
}

func (l *lab) reply(ctx context.Context, command *kgo.Record) {
	step := command.Headers[0].Value
	l.mu.Lock()
	f, now := l.flows[string(command.Key)], time.Now()
	f.commands[step[0]-'1']++
	l.steps = append(l.steps, now.Sub(f.sent))
	f.sent = now
	l.mu.Unlock()
	l.send(ctx, &kgo.Record{
		Topic: l.replies, Partition: command.Partition, Key: command.Key, Value: make([]byte, 150),
		Headers: []kgo.RecordHeader{{Key: "step", Value: step}},
	})
}

func (l *lab) end(key string) {
	l.mu.Lock()
	f, now := l.flows[key], time.Now()
	f.done++
	l.whole = append(l.whole, now.Sub(f.began))
	l.mu.Unlock()
	l.ended <- key
}

// closed plays so many workflows, of which at most some are under way at a time.
func (l *lab) closed(ctx context.Context, first, count, atOnce int) {
	for n := range count {
		if n >= atOnce && !l.awaitEnd(ctx) {
			return
		}
		l.start(ctx, first+n)
	}
	for range min(count, atOnce) {
		if !l.awaitEnd(ctx) {
			return
		}
	}
}

func (l *lab) awaitEnd(ctx context.Context) bool {
	select {
	case <-l.ended:
		return true
	case <-ctx.Done():
		return false
	}
}

// takeTimes removes and returns what was measured so far.
func (l *lab) takeTimes() (steps, whole []time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	steps, whole = l.steps, l.whole
	l.steps, l.whole = nil, nil
	return steps, whole
}
