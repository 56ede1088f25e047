package loop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"rondo/internal/bench/loop"
	"rondo/internal/kafkatest"
)

type loopKind struct {
	name  string
	kind  loop.Kind
	rings int
}

var loopKinds = []loopKind{
	{"session", loop.Session, 0},
	{"ring per partition", loop.Ring, 0},
	{"one ring", loop.Ring, 1},
}

// eachKind runs a test with every loop on the embedded broker and on one real one:
// the brokers that comparisons are made on.
func eachKind(t *testing.T, test func(t *testing.T, cluster *kafkatest.Cluster, k loopKind)) {
	for _, k := range loopKinds {
		t.Run("embedded/"+k.name, func(t *testing.T) { test(t, kafkatest.Embedded(t, 1), k) })
		t.Run("kafka-1/"+k.name, func(t *testing.T) { test(t, kafkatest.Shared(t, 1), k) })
	}
}

func TestEachStartLeadsToOneEnd(t *testing.T) {
	eachKind(t, func(t *testing.T, cluster *kafkatest.Cluster, k loopKind) {
		l := openLab(t, cluster, 4)
		stats := l.play(l.spec(k.kind, k.rings), 200, 16)
		l.eachOnce(200)
		if want := int64(200 * (calls + 1)); stats.RecordsIn != want || stats.RecordsOut < 3*want || stats.Unrouted != 0 {
			t.Errorf("%d records should have been read: %+v", want, stats)
		}
		if stats.Transactions == 0 || stats.BytesOut < 200*(calls+1)*1200 || stats.BytesSent < stats.BytesOut || stats.BytesReceived == 0 {
			t.Errorf("the statistics contradict themselves: %+v", stats)
		}
	})
}

func TestAbortedTransactionIsDoneAgain(t *testing.T) {
	for _, k := range loopKinds {
		t.Run(k.name, func(t *testing.T) {
			cluster := kafkatest.Embedded(t, 1)
			l := openLab(t, cluster, 4)
			refuseOffsets(cluster.Fake, 7)
			stats := l.play(l.spec(k.kind, k.rings), 100, 16)
			l.eachOnce(100)
			if stats.Aborts != 7 {
				t.Errorf("%d transactions were aborted, not 7", stats.Aborts)
			}
		})
	}
}

// refuseOffsets has some transactions aborted: their records are written, and
// must never be seen.
func refuseOffsets(fake *kfake.Cluster, times int) {
	fake.ControlKey(int16(kmsg.TxnOffsetCommit), func(r kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		if times == 0 {
			return nil, nil, false
		}
		times--
		req := r.(*kmsg.TxnOffsetCommitRequest)
		resp := req.ResponseKind().(*kmsg.TxnOffsetCommitResponse)
		for _, topic := range req.Topics {
			rt := kmsg.NewTxnOffsetCommitResponseTopic()
			rt.Topic, rt.TopicID = topic.Topic, topic.TopicID
			for _, p := range topic.Partitions {
				rp := kmsg.NewTxnOffsetCommitResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, kerr.TransactionAbortable.Code
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
}

// play runs a loop in this process for so many workflows and returns its last
// statistics.
func (l *lab) play(spec loop.Spec, count, atOnce int) loop.Stats {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	running, stop := context.WithCancel(ctx)
	lines, err := startLoop(running, spec)
	if first, ok := <-lines; !ok || first.Final {
		l.t.Fatalf("the loop did not begin: %v", <-err)
	}
	go l.serve(running)
	l.closed(ctx, 0, count, atOnce)
	if ctx.Err() != nil {
		l.t.Error("the workflows were not done in time")
	}
	stop()
	var last loop.Stats
	for last = range lines {
	}
	if err := <-err; err != nil || !last.Final {
		l.t.Errorf("the loop ended with %v and %+v", err, last)
	}
	return last
}

// startLoop runs a loop beside the test and gives its lines.
func startLoop(ctx context.Context, spec loop.Spec) (<-chan loop.Stats, <-chan error) {
	lines, ended := make(chan loop.Stats, 10000), make(chan error, 1)
	from, to := io.Pipe()
	go func() {
		err := loop.Run(ctx, spec, to)
		to.Close()
		ended <- err
	}()
	go func() {
		defer close(lines)
		for decoder := json.NewDecoder(from); ; {
			var s loop.Stats
			if decoder.Decode(&s) != nil {
				return // closed
			}
			lines <- s
		}
	}()
	return lines, ended
}

// eachOnce checks that every workflow has had each of its commands, and its end,
// once; that must be all that the topics hold.
func (l *lab) eachOnce(count int) {
	l.t.Helper()
	if len(l.flows) != count {
		l.t.Errorf("%d workflows, not %d", len(l.flows), count)
	}
	for key, f := range l.flows {
		if f.commands != [calls + 1]int{1, 1, 1, 1, 1, 0} || f.done != 1 {
			l.t.Errorf("%s had the commands %v and %d ends", key, f.commands, f.done)
		}
	}
}

func TestLoopTellsPrometheusWhatItDoes(t *testing.T) {
	l := openLab(t, kafkatest.Embedded(t, 1), 2)
	spec := l.spec(loop.Ring, 0)
	spec.Listen = freeAddress(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	lines, ended := startLoop(ctx, spec)
	<-lines
	if got := get(t, "http://"+spec.Listen+"/readyz"); got != "ok\n" {
		t.Errorf("readyz: %s", got)
	}
	go l.serve(ctx)
	l.closed(ctx, 0, 5, 1)
	got := get(t, "http://"+spec.Listen+"/metrics")
	for _, want := range []string{
		`rondo_transactions_total{result="committed"} 30`, `rondo_transaction_records_count 30`,
		`rondo_loop_records_read_total 30`, `process_cpu_seconds_total`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing in\n%s", want, got)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func freeAddress(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func get(t *testing.T, url string) string {
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestLoopFromLatestLeavesWhatWasThere(t *testing.T) {
	for _, k := range loopKinds {
		t.Run(k.name, func(t *testing.T) {
			l := openLab(t, kafkatest.Embedded(t, 1), 2)
			old := &kgo.Record{Topic: l.starts, Key: []byte("old"), Headers: []kgo.RecordHeader{{Key: "step", Value: []byte("0")}}}
			if err := l.client.ProduceSync(context.Background(), old).FirstErr(); err != nil {
				t.Fatal(err)
			}
			spec := l.spec(k.kind, k.rings)
			spec.From = loop.Latest
			if stats := l.play(spec, 10, 2); stats.RecordsIn != 10*(calls+1) {
				t.Errorf("%d records were read", stats.RecordsIn)
			}
			l.eachOnce(10)
		})
	}
}

// What is not of the workload is read and passed over; its offset goes with the
// next transaction.
func TestRecordsOfNoRouteArePassedOver(t *testing.T) {
	for _, k := range loopKinds {
		t.Run(k.name, func(t *testing.T) {
			l := openLab(t, kafkatest.Embedded(t, 1), 1)
			stray := &kgo.Record{Topic: l.starts, Key: []byte("stray"), Value: []byte("?")}
			if err := l.client.ProduceSync(context.Background(), stray).FirstErr(); err != nil {
				t.Fatal(err)
			}
			spec := l.spec(k.kind, k.rings)
			if stats := l.play(spec, 3, 1); stats.Unrouted != 1 || stats.RecordsIn != 3*(calls+1)+1 {
				t.Errorf("%+v", stats)
			}
			offsets, err := kadm.NewClient(l.client).FetchOffsets(context.Background(), spec.Group)
			if err != nil {
				t.Fatal(err)
			}
			if next, ok := offsets.Lookup(l.starts, 0); !ok || next.At != 4 {
				t.Errorf("the group goes on at %v", next.At)
			}
		})
	}
}

// A loop that cannot work says why, and still ends with its statistics.
func TestLoopEndsWithWhatWentWrong(t *testing.T) {
	l := openLab(t, kafkatest.Embedded(t, 1), 1)
	spec := l.spec(loop.Ring, 1)
	spec.Routes[0].Outputs[0].Topic = "no-such-topic"
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	l.start(ctx, 1)
	var out bytes.Buffer
	err := loop.Run(ctx, spec, &out)
	if err == nil || !strings.Contains(err.Error(), "no-such-topic") {
		t.Errorf("the loop ended with %v", err)
	}
	if !strings.Contains(out.String(), `"final":true`) {
		t.Errorf("it wrote %s", &out)
	}
}
