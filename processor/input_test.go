package processor_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linkedin/goavro/v2"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/kafkatest"
	"rondo/processor"
)

func TestOversizedEventIsADeadLetter(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		a := newApp(t, cluster, patient)
		a.create(nil)
		a.ready(a.node())
		dead, work := a.follow("dead-letters"), a.follow("work")
		big := begin("j-big", 1)
		big = big[:len(big)-1] + `,"padding":"` + strings.Repeat("x", 800<<10) + `"}`
		a.produce("in", "j-big", big)
		a.produce("in", "j-big", begin("j-big", 2))
		if command := work.next(1)[0]; field(t, command, "n") != 2.0 {
			t.Errorf("command: %s", describe(command))
		}
		letter := dead.next(1)[0]
		if string(letter.Value) != big || !strings.Contains(header(letter, "__rondo.errors.message"), "786432") {
			t.Errorf("dead letter of %d bytes: %s", len(letter.Value), header(letter, "__rondo.errors.message"))
		}
	})
}

// fakeRegistry knows one schema, id 7, and can be out of order.
type fakeRegistry struct {
	*httptest.Server
	down  atomic.Bool
	asked atomic.Int64
}

const beginSchema = `{"type":"record","name":"Begin","fields":[{"name":"id","type":"string"},{"name":"n","type":"long"}]}`

func newFakeRegistry(t *testing.T) *fakeRegistry {
	f := &fakeRegistry{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.asked.Add(1)
		w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		switch {
		case f.down.Load():
			http.Error(w, "out of order", http.StatusServiceUnavailable)
		case strings.HasPrefix(r.URL.Path, "/schemas/ids/7"):
			json.NewEncoder(w).Encode(map[string]string{"schema": beginSchema})
		default:
			w.WriteHeader(http.StatusNotFound)
			w.Write([]byte(`{"error_code":40403,"message":"Schema not found"}`))
		}
	}))
	t.Cleanup(f.Close)
	return f
}

// framed is an event in the registry's wire format.
func framed(t *testing.T, id byte, event map[string]any) []byte {
	t.Helper()
	codec, err := goavro.NewCodec(beginSchema)
	if err != nil {
		t.Fatal(err)
	}
	out, err := codec.BinaryFromNative([]byte{0, 0, 0, 0, id}, event)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A registry that does not answer is waited for; only one that says that it
// does not know a schema makes a dead letter.
func TestSilentRegistryIsWaitedForAndUnknownSchemaIsADeadLetter(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		registry := newFakeRegistry(t)
		a := newApp(t, cluster, strings.ReplaceAll(patient, "Begin:   {topic: %s.in,", "Begin:   {topic: %s.in, format: avro,"))
		a.config.Registry = &processor.Registry{URL: registry.URL}
		a.create(nil)
		a.ready(a.node())
		dead, work := a.follow("dead-letters"), a.follow("work")
		registry.down.Store(true)
		send := func(id byte, key string, n int) {
			a.write(&kgo.Record{Topic: a.topic("in"), Partition: processor.PartitionOf([]byte(key), appPartitions), Key: []byte(key),
				Value: framed(t, id, map[string]any{"id": key, "n": int64(n)})})
		}
		send(7, "j-1", 1)
		a.await("the registry to be asked", func() bool { return registry.asked.Load() > 1 })
		dead.none(300 * time.Millisecond)
		registry.down.Store(false)
		if command := work.next(1)[0]; field(t, command, "n") != 1.0 {
			t.Errorf("command: %s", describe(command))
		}
		send(9, "j-1", 2)
		if letter := dead.next(1)[0]; header(letter, "__rondo.errors.exception") != "undecodable" || !strings.Contains(header(letter, "__rondo.errors.message"), "9") {
			t.Errorf("dead letter: %s", describe(letter))
		}
		send(7, "j-3", 3) // the partition goes on
		work.next(1)
	})
}

// Whoever runs Kafka's own tools sees what Rondo has read and what is left.
func TestKafkaConsumerGroupsShowsTheLag(t *testing.T) {
	kafkatest.EachReal(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		a := newApp(t, cluster, patient)
		a.create(nil)
		node := a.node()
		a.ready(node)
		a.produce("in", "j-1", begin("j-1", 1))
		a.follow("work").next(1)
		if err := node.stop(); err != nil {
			t.Fatal(err)
		}
		a.produce("in", "j-1", begin("j-1", 2))
		a.produce("in", "j-1", begin("j-1", 3))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		text, err := cluster.Kafka.Tool(ctx, "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
			"--bootstrap-server", cluster.Addrs[0], "--describe", "--group", a.config.App)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		partition := processor.PartitionOf([]byte("j-1"), appPartitions)
		for _, line := range strings.Split(text, "\n") {
			// GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG …
			if f := strings.Fields(line); len(f) > 5 && f[1] == a.topic("in") && f[2] == string(rune('0'+partition)) {
				if f[3] != "1" || f[4] != "3" || f[5] != "2" {
					t.Errorf("offset %s, end %s, lag %s", f[3], f[4], f[5])
				}
				return
			}
		}
		t.Errorf("the tool does not show %s/%d:\n%s", a.topic("in"), partition, text)
	})
}
