package kafkatest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Kafka is real Apache Kafka: one or three nodes on the loopback interface,
// each broker and controller in one.
type Kafka struct {
	dir   string // temporary; removed by Stop
	nodes []*node
}

const (
	readyTimeout  = 3 * time.Minute // a start takes 3 to 10 s on a quiet machine
	startAttempts = 3
)

var errPortTaken = errors.New("a port was taken")

// Options say which Kafka is run.
type Options struct {
	// Nodes is 1 or 3.
	Nodes int

	// Throughput has Java compile hot code as well as it can. It takes 4 s of
	// processor time more to start, and pays off after some minutes of load:
	// for benchmarks, and for what runs long.
	Throughput bool
}

// Run starts real Kafka and waits until it answers. The caller stops it.
func Run(ctx context.Context, options Options) (*Kafka, error) {
	home, err := install(ctx)
	if err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		kafka, err := run(ctx, home, options)
		if err == nil || !errors.Is(err, errPortTaken) || attempt == startAttempts {
			return kafka, err
		}
	}
}

func run(ctx context.Context, home string, options Options) (*Kafka, error) {
	dir, err := os.MkdirTemp("", "rondo-kafka-")
	if err != nil {
		return nil, err
	}
	k := &Kafka{dir: dir}
	if err := k.launch(ctx, home, options); err != nil {
		return nil, errors.Join(err, k.Stop())
	}
	return k, nil
}

func (k *Kafka) launch(ctx context.Context, home string, options Options) error {
	ports, err := freePorts(2 * options.Nodes)
	if err != nil {
		return err
	}
	brokers, controllers := ports[:options.Nodes], ports[options.Nodes:]
	clusterID := newClusterID()
	for i := range options.Nodes {
		node := &node{
			id: i + 1, home: home, dir: filepath.Join(k.dir, fmt.Sprintf("node-%d", i+1)),
			address: loopback(brokers[i]), swift: options.Throughput,
		}
		if err := node.prepare(ctx, clusterID, nodeSettings(node, brokers, controllers)); err != nil {
			return err
		}
		k.nodes = append(k.nodes, node)
	}
	for _, node := range k.nodes {
		if err := node.start(); err != nil {
			return err
		}
	}
	return k.Ready(ctx)
}

// freePorts asks the system for ports that nobody uses at the moment.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer listener.Close() // after all were given out, so that they differ
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// newClusterID is 16 random bytes in the form that Kafka prints.
func newClusterID() string {
	var id [16]byte
	rand.Read(id[:])
	id[0] &= 0x7f // a leading dash would be taken for an option
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// nodeSettings are those of a small cluster that answers fast. Replication is
// as much as the nodes allow, up to three copies of which two must be written.
func nodeSettings(n *node, brokers, controllers []int) []string {
	copies, inSync := "1", "1"
	if len(brokers) >= 3 {
		copies, inSync = "3", "2"
	}
	var voters []string
	for i, port := range controllers {
		voters = append(voters, fmt.Sprintf("%d@%s", i+1, loopback(port)))
	}
	return []string{
		"process.roles=broker,controller",
		fmt.Sprintf("node.id=%d", n.id),
		"controller.quorum.voters=" + strings.Join(voters, ","),
		fmt.Sprintf("listeners=BROKER://%s,CONTROLLER://%s", n.address, loopback(controllers[n.id-1])),
		"listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"inter.broker.listener.name=BROKER",
		"controller.listener.names=CONTROLLER",
		"log.dirs=" + filepath.Join(n.dir, "data"),
		// On a machine with more to do than it can, slow is not dead.
		"broker.session.timeout.ms=20000",
		"controller.quorum.fetch.timeout.ms=6000",
		"controller.quorum.request.timeout.ms=6000",
		"auto.create.topics.enable=false",
		"default.replication.factor=" + copies,
		"min.insync.replicas=" + inSync,
		"offsets.topic.num.partitions=8",
		"offsets.topic.replication.factor=" + copies,
		"transaction.state.log.num.partitions=8",
		"transaction.state.log.replication.factor=" + copies,
		"transaction.state.log.min.isr=" + inSync,
		"share.coordinator.state.topic.num.partitions=1",
		"share.coordinator.state.topic.replication.factor=" + copies,
		"share.coordinator.state.topic.min.isr=" + inSync,
		// A transaction that nobody ends is aborted at most a second after its timeout.
		"transaction.abort.timed.out.transaction.cleanup.interval.ms=1000",
		// Rotated producer ids are forgotten after an hour.
		"producer.id.expiration.ms=3600000",
		"group.initial.rebalance.delay.ms=0",
		"group.min.session.timeout.ms=1000",
	}
}

// Addrs are the brokers' addresses, host:port.
func (k *Kafka) Addrs() []string {
	var addrs []string
	for _, node := range k.nodes {
		addrs = append(addrs, node.address)
	}
	return addrs
}

// Ready waits until every running node has joined and both coordinators answer.
func (k *Kafka) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Addrs()...), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := k.look(ctx, kadm.NewClient(client))
		if err == nil {
			return nil
		}
		if dead := k.deadNode(); dead != nil {
			return dead
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("Kafka is not ready after %v: %w\n%s", readyTimeout, err, k.nodes[0].lastWords())
		}
	}
}

// look is one look at the cluster. Asking for coordinators makes Kafka create
// the topics in which they keep groups and transactions.
func (k *Kafka) look(ctx context.Context, admin *kadm.Client) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	brokers, err := admin.ListBrokers(ctx)
	if err != nil {
		return err
	}
	if running := k.running(); len(brokers) < running {
		return fmt.Errorf("%d of %d brokers have joined", len(brokers), running)
	}
	for _, coordinators := range []kadm.FindCoordinatorResponses{
		admin.FindGroupCoordinators(ctx, "ready"),
		admin.FindTxnCoordinators(ctx, "ready"),
	} {
		if err := coordinators.Error(); err != nil {
			return fmt.Errorf("find a coordinator: %w", err)
		}
	}
	return nil
}

func (k *Kafka) running() int {
	count := 0
	for _, node := range k.nodes {
		if node.running() {
			count++
		}
	}
	return count
}

// deadNode explains a node that has ended by itself.
func (k *Kafka) deadNode() error {
	for _, node := range k.nodes {
		switch {
		case node.process == nil || node.killed || node.running():
		case node.portTaken():
			return fmt.Errorf("node %d: %w", node.id, errPortTaken)
		default:
			return fmt.Errorf("node %d has ended by itself:\n%s", node.id, node.lastWords())
		}
	}
	return nil
}

// Kill ends node i, counted from 0, without warning.
func (k *Kafka) Kill(i int) error { return k.nodes[i].kill() }

// Restart starts node i, which was killed, again on its port and its data, and
// returns at once.
func (k *Kafka) Restart(i int) error { return k.nodes[i].start() }

// Tool runs one of Kafka's command line tools, by its class, and returns what
// it prints.
func (k *Kafka) Tool(ctx context.Context, class string, args ...string) (string, error) {
	tool := exec.CommandContext(ctx, "java", k.nodes[0].java(true, class, args...)...)
	output, err := tool.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", class, err, tail(output, 4000))
	}
	return string(output), nil
}

// Stop ends all nodes and removes their data.
func (k *Kafka) Stop() error {
	var errs []error
	for _, node := range k.nodes {
		errs = append(errs, node.kill())
	}
	return errors.Join(append(errs, os.RemoveAll(k.dir))...)
}
