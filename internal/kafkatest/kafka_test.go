package kafkatest_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"rondo/internal/kafkatest"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }

func bounded(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestClustersKeepWhatIsProduced(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		ctx := bounded(t, time.Minute)
		topic := cluster.Topic(t, "orders", 3, "retention.ms", "3600000")
		client := cluster.Client(t, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		if err := client.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("one")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		if got := fetches.Records(); len(got) != 1 || string(got[0].Value) != "one" {
			t.Errorf("read %v", got)
		}
	})
}

func TestRealClusterHasTransactionsOfKafka4(t *testing.T) {
	kafkatest.EachReal(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		ctx, client := bounded(t, time.Minute), cluster.Client(t)
		brokers, err := kadm.NewClient(client).ListBrokers(ctx)
		if err != nil || len(brokers) != len(cluster.Addrs) {
			t.Fatalf("%d of %d brokers have joined: %v", len(brokers), len(cluster.Addrs), err)
		}
		request := kmsg.NewPtrApiVersionsRequest()
		request.ClientSoftwareName, request.ClientSoftwareVersion = "rondo", "test"
		for _, broker := range brokers {
			answer, err := client.Broker(int(broker.NodeID)).Request(ctx, request)
			if err != nil {
				t.Fatal(err)
			}
			if level := finalized(answer.(*kmsg.ApiVersionsResponse), "transaction.version"); level < 2 {
				t.Errorf("broker %d has transaction.version %d", broker.NodeID, level)
			}
		}
	})
}

func finalized(answer *kmsg.ApiVersionsResponse, feature string) int16 {
	for _, f := range answer.FinalizedFeatures {
		if f.Name == feature {
			return f.MaxVersionLevel
		}
	}
	return -1
}

func TestKilledBrokerComesBackWithItsData(t *testing.T) {
	cluster := kafkatest.Start(t, 1)
	ctx := bounded(t, 2*time.Minute)
	topic := cluster.Topic(t, "orders", 1)
	client := cluster.Client(t)
	if err := client.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("one")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Kafka.Kill(0); err != nil {
		t.Fatal(err)
	}
	if err := client.Ping(ctx); err == nil {
		t.Error("a killed broker answers")
	}
	if err := cluster.Kafka.Restart(ctx, 0); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Kafka.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	if end, _ := ends.Lookup(topic, 0); end.Offset != 1 {
		t.Errorf("after the restart the topic ends at %d", end.Offset)
	}
}
