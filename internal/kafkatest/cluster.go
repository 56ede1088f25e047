package kafkatest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"rondo/internal/devbroker"
)

// Cluster is what a test runs against.
type Cluster struct {
	// Name tells the kinds apart: "embedded", "kafka-1" or "kafka-3", with the
	// number of brokers.
	Name string

	// Addrs are the brokers' addresses, host:port.
	Addrs []string

	// Fake is the embedded broker, for injecting faults; nil if it is not one.
	Fake *kfake.Cluster

	// Kafka is the real thing, for killing brokers; nil if it is not that. Only
	// a cluster of Start may be harmed.
	Kafka *Kafka
}

// Real reports whether this is Apache Kafka.
func (c *Cluster) Real() bool { return c.Kafka != nil }

// Each runs a test on every kind of cluster, as subtests named after them.
func Each(t *testing.T, test func(t *testing.T, cluster *Cluster)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) { test(t, Embedded(t, 1)) })
	EachReal(t, test)
}

// EachReal is Each without the embedded broker.
func EachReal(t *testing.T, test func(t *testing.T, cluster *Cluster)) {
	t.Helper()
	for _, nodes := range []int{1, 3} {
		t.Run(realName(nodes), func(t *testing.T) { test(t, Shared(t, nodes)) })
	}
}

func realName(nodes int) string { return fmt.Sprintf("kafka-%d", nodes) }

// Embedded starts an embedded broker for one test.
func Embedded(t testing.TB, nodes int) *Cluster {
	t.Helper()
	broker, err := devbroker.Start(devbroker.Config{Nodes: nodes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	return &Cluster{Name: "embedded", Addrs: broker.Addrs(), Fake: broker.Cluster()}
}

// Shared is real Kafka with 1 or 3 brokers, started for the first test of the
// package that asks for it and stopped by Main. Benchmarks have one of their
// own, that is compiled for throughput.
func Shared(t testing.TB, nodes int) *Cluster {
	t.Helper()
	skipUnlessReal(t)
	_, benchmark := t.(*testing.B)
	kafka, err := shared.get(Options{Nodes: nodes, Throughput: benchmark})
	return realCluster(t, kafka, err)
}

// Start starts real Kafka for one test, which may kill its brokers.
func Start(t testing.TB, nodes int) *Cluster {
	t.Helper()
	skipUnlessReal(t)
	kafka, err := Run(context.Background(), Options{Nodes: nodes, ControllerApart: nodes == 1})
	if err == nil {
		t.Cleanup(func() {
			if err := kafka.Stop(); err != nil {
				t.Errorf("stop Kafka: %v", err)
			}
		})
	}
	return realCluster(t, kafka, err)
}

// What the environment may say about real Kafka.
const (
	requireVariable = "RONDO_REQUIRE_KAFKA" // "1": a machine without it fails
	chooseVariable  = "RONDO_KAFKA"         // "embedded": leave it out on purpose
)

// LeaveOut skips a test and says why; where a real Kafka is required, which is
// in CI, it fails it instead: there nothing is left out unseen.
func LeaveOut(t testing.TB, why string) {
	t.Helper()
	if os.Getenv(requireVariable) == "1" {
		t.Fatalf("left out although %s=1: %s", requireVariable, why)
	}
	t.Skip("left out: " + why)
}

func skipUnlessReal(t testing.TB) {
	t.Helper()
	switch {
	case os.Getenv(chooseVariable) == "embedded":
		LeaveOut(t, "real Kafka, because of "+chooseVariable+"=embedded")
	case testing.Short():
		LeaveOut(t, "real Kafka, because of -short")
	}
}

func realCluster(t testing.TB, kafka *Kafka, err error) *Cluster {
	t.Helper()
	switch {
	case err == nil:
		return &Cluster{Name: realName(len(kafka.nodes)), Addrs: kafka.Addrs(), Kafka: kafka}
	case errors.Is(err, errNoJava) && os.Getenv(requireVariable) != "1":
		t.Skipf("SKIPPED, NOT TESTED ON REAL KAFKA: %v. Install them, or see that CI does; %s=1 makes this a failure", err, requireVariable)
	default:
		t.Fatalf("real Kafka: %v", err)
	}
	return nil
}

// Client connects to the cluster and is closed with the test. It looks for new
// metadata soon, so that topics just created are found.
func (c *Cluster) Client(t testing.TB, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := c.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseAllowingRebalance)
	return client
}

// NewClient connects to the cluster; the caller closes the client.
func (c *Cluster) NewClient(opts ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(c.Addrs...),
		kgo.MetadataMinAge(50 * time.Millisecond),
	}, opts...)...)
}

// Topic creates a topic under a name of this test's own, which it returns.
// Settings are pairs of name and value, such as "cleanup.policy", "compact".
func (c *Cluster) Topic(t testing.TB, name string, partitions int32, settings ...string) string {
	t.Helper()
	name = Unique(t, name)
	c.CreateTopic(t, name, partitions, settings...)
	return name
}

// CreateTopic is Topic under exactly this name, which only the test has.
func (c *Cluster) CreateTopic(t testing.TB, name string, partitions int32, settings ...string) {
	t.Helper()
	configs := make(map[string]*string)
	for i := 0; i+1 < len(settings); i += 2 {
		configs[settings[i]] = &settings[i+1]
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := c.Client(t)
	// The name is this test's own: if it exists, a try whose answer was late has
	// made it.
	_, err := kadm.NewClient(client).CreateTopic(ctx, partitions, c.copies(), configs, name)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		t.Fatalf("create topic %s: %v", name, err)
	}
	if err := known(ctx, client, name); err != nil {
		t.Fatalf("wait for topic %s: %v", name, err)
	}
}

// known waits until every broker knows a topic and the leaders of its
// partitions, which on a busy machine takes seconds.
func known(ctx context.Context, client *kgo.Client, topic string) error {
	asked := kmsg.NewMetadataRequestTopic()
	asked.Topic = &topic
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = append(request.Topics, asked)
	for _, broker := range client.DiscoveredBrokers() {
		for {
			answer, err := broker.RetriableRequest(ctx, request)
			if err != nil {
				return err
			}
			if led(answer.(*kmsg.MetadataResponse)) {
				break
			}
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

func led(answer *kmsg.MetadataResponse) bool {
	for _, topic := range answer.Topics {
		if topic.ErrorCode != 0 || len(topic.Partitions) == 0 {
			return false
		}
		for _, partition := range topic.Partitions {
			if partition.ErrorCode != 0 || partition.Leader < 0 {
				return false
			}
		}
	}
	return true
}

func (c *Cluster) copies() int16 {
	if c.Real() && len(c.Addrs) >= 3 {
		return 3
	}
	return 1
}

// notInTopics is what Kafka does not allow in the name of a topic.
var notInTopics = regexp.MustCompile(`[^a-zA-Z0-9._-]+`)

// Unique makes a name that no other test uses: for topics, groups, and
// transactional ids.
func Unique(t testing.TB, name string) string {
	test := strings.Trim(notInTopics.ReplaceAllString(t.Name(), "-"), "-")
	if len(test) > 100 {
		test = test[:100]
	}
	return fmt.Sprintf("%s-%s-%s", test, strings.ToLower(rand.Text()[:8]), name)
}
