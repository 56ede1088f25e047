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
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Kafka is real Apache Kafka: one or three nodes on the loopback interface,
// each broker and controller in one unless Options say otherwise.
type Kafka struct {
	dir        string // temporary; removed by Stop
	nodes      []*node
	controller *node // Options.ControllerApart; else nil
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

	// ControllerApart has one more process for the controller, which is never
	// killed. A single node that is both and is killed may lose the markers of a
	// committed transaction when it starts again: see Restart.
	ControllerApart bool

	// Throughput has Java compile hot code as well as it can. It takes 4 s of
	// processor time more to start, and pays off after some minutes of load:
	// for benchmarks, and for what runs long.
	Throughput bool

	// Port is the first broker's; those of the others follow it. 0: any that are
	// free.
	Port int
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
	controllers := options.Nodes
	if options.ControllerApart {
		controllers = 1
	}
	ports, err := freePorts(options.Nodes + controllers)
	if err != nil {
		return err
	}
	layout := layout{brokers: ports[:options.Nodes], controllers: ports[options.Nodes:], apart: options.ControllerApart}
	if options.Port != 0 {
		layout.brokers = portsFrom(options.Port, options.Nodes)
	}
	newNode := func(id int) *node {
		return &node{id: id, home: home, dir: filepath.Join(k.dir, fmt.Sprintf("node-%d", id)), swift: options.Throughput}
	}
	for i, port := range layout.brokers {
		node := newNode(i + 1)
		node.address = loopback(port)
		k.nodes = append(k.nodes, node)
	}
	if layout.apart {
		k.controller = newNode(options.Nodes + 1)
	}
	clusterID := newClusterID()
	for _, node := range k.all() {
		if err := node.prepare(ctx, clusterID, layout.settings(node)); err != nil {
			return err
		}
	}
	for _, node := range k.all() {
		if err := node.start(); err != nil {
			return err
		}
	}
	return k.Ready(ctx)
}

// all are the nodes, the controller that is apart last.
func (k *Kafka) all() []*node {
	if k.controller == nil {
		return k.nodes
	}
	return append(slices.Clone(k.nodes), k.controller)
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

// portsFrom are n ports from the first one on.
func portsFrom(first, n int) []int {
	ports := make([]int, n)
	for i := range ports {
		ports[i] = first + i
	}
	return ports
}

// TakenPort returns the first of n ports from the first one on that somebody
// listens at; 0 if all are free.
func TakenPort(first, n int) int {
	for _, port := range portsFrom(first, n) {
		listener, err := net.Listen("tcp", loopback(port))
		if err != nil {
			return port
		}
		listener.Close()
	}
	return 0
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// newClusterID is 16 random bytes in the form that Kafka prints.
func newClusterID() string {
	var id [16]byte
	rand.Read(id[:])
	id[0] &= 0x7f // a leading dash would be taken for an option
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// layout is the ports of a cluster. Node i+1 is the broker at brokers[i]; the
// controllers are the same nodes, or, apart, one more.
type layout struct {
	brokers, controllers []int
	apart                bool
}

// voters are the controllers, as all nodes name them.
func (l layout) voters() string {
	first := 1
	if l.apart {
		first = len(l.brokers) + 1
	}
	var voters []string
	for i, port := range l.controllers {
		voters = append(voters, fmt.Sprintf("%d@%s", first+i, loopback(port)))
	}
	return strings.Join(voters, ",")
}

// roles are what a node is and where it listens.
func (l layout) roles(n *node) (roles, listeners string) {
	broker := "BROKER://" + n.address
	switch {
	case l.apart && n.address == "":
		return "controller", "CONTROLLER://" + loopback(l.controllers[0])
	case l.apart:
		return "broker", broker
	}
	return "broker,controller", broker + ",CONTROLLER://" + loopback(l.controllers[n.id-1])
}

// settings are those of a small cluster that answers fast. Replication is as
// much as the nodes allow, up to three copies of which two must be written.
func (l layout) settings(n *node) []string {
	copies, inSync := "1", "1"
	if len(l.brokers) >= 3 {
		copies, inSync = "3", "2"
	}
	roles, listeners := l.roles(n)
	settings := []string{
		"process.roles=" + roles,
		fmt.Sprintf("node.id=%d", n.id),
		"controller.quorum.voters=" + l.voters(),
		"listeners=" + listeners,
		"listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
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
	if n.address != "" { // a controller alone must not have it
		settings = append(settings, "inter.broker.listener.name=BROKER")
	}
	return settings
}

// Addrs are the brokers' addresses, host:port.
func (k *Kafka) Addrs() []string {
	var addrs []string
	for _, node := range k.nodes {
		addrs = append(addrs, node.address)
	}
	return addrs
}

// Processes are the process ids of the running nodes.
func (k *Kafka) Processes() []int {
	var ids []int
	for _, node := range k.all() {
		if node.running() {
			ids = append(ids, node.process.Pid)
		}
	}
	return ids
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
	for _, node := range k.all() {
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

// Restart starts node i, which was killed, again on its port and its data. It
// does not wait until the node is ready.
//
// With the controller apart it waits before until the controller has given the
// node up, at most until ctx ends. A broker that comes back earlier (Kafka 4.4)
// takes itself for leader and coordinator by metadata in which it still lives, and
// is then fenced because of its own new registration. If the markers of a
// committed transaction were on their way, it finds no leader for the partitions
// at that moment, skips them as "likely deleted", and the transaction hangs.
func (k *Kafka) Restart(ctx context.Context, i int) error {
	node := k.nodes[i]
	if k.controller != nil {
		if err := k.controller.awaitFencing(ctx, node.id); err != nil {
			return err
		}
	}
	return node.start()
}

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
	for _, node := range k.all() {
		errs = append(errs, node.kill())
	}
	return errors.Join(append(errs, os.RemoveAll(k.dir))...)
}
