package devbroker

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"rondo/internal/holder"
)

// Config says where a broker listens and what it keeps. The zero value is a
// broker on a free port that keeps everything in memory.
type Config struct {
	// DataDir is a folder for the topics; it is made if there is none. A broker
	// started on it again has them back. One broker at a time can use a folder.
	//
	// Default: none, all is gone with the broker.
	DataDir string

	// Port is the port on the loopback interface. Default: a free one.
	Port int

	// Nodes is the number of brokers; with more than one, Port must be 0.
	// Partitions and coordinators are spread over them. Default: 1.
	Nodes int

	// Log receives the broker's warnings. Default: none.
	Log io.Writer
}

// settings of every broker.
var settings = map[string]string{
	// kfake's compaction does not know open transactions: it drops a committed
	// record that an uncommitted one supersedes, and after an abort the key is
	// gone. So compaction never runs.
	"log.cleaner.backoff.ms": strconv.FormatInt(int64(10*365*24*time.Hour/time.Millisecond), 10),
	// Room for what Rondo's own topics are created with.
	"message.max.bytes": strconv.Itoa(8 << 20),
}

// minSessionTimeout lets tests and demonstrations notice a dead node sooner
// than Kafka's 6 s.
const minSessionTimeout = time.Second

// Broker is a running broker.
type Broker struct {
	cluster *kfake.Cluster
	addrs   []string
	lock    *os.File
	closing sync.Once
}

// Start starts a broker. The caller closes it.
func Start(cfg Config) (*Broker, error) {
	if cfg.Nodes > 1 && cfg.Port != 0 {
		return nil, errors.New("embedded broker: several nodes cannot share one port")
	}
	lock, err := lockDir(cfg.DataDir)
	if err != nil {
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	cluster, err := kfake.NewCluster(options(cfg)...)
	if err != nil {
		release(lock)
		return nil, fmt.Errorf("start the embedded broker%s: %w", onPort(cfg.Port), err)
	}
	// Asked for now: a closed cluster does not answer any more.
	return &Broker{cluster: cluster, addrs: cluster.ListenAddrs(), lock: lock}, nil
}

func options(cfg Config) []kfake.Opt {
	opts := []kfake.Opt{
		kfake.NumBrokers(max(cfg.Nodes, 1)),
		kfake.ListenFn(listenOnLoopback),
		kfake.GroupMinSessionTimeout(minSessionTimeout),
		kfake.BrokerConfigs(settings),
	}
	if cfg.Port != 0 {
		opts = append(opts, kfake.Ports(cfg.Port))
	}
	if cfg.DataDir != "" {
		opts = append(opts, kfake.DataDir(cfg.DataDir))
	}
	if cfg.Log != nil {
		opts = append(opts, kfake.WithLogger(warnings{kfake.BasicLogger(cfg.Log, kfake.LogLevelWarn)}))
	}
	return opts
}

// warnings passes on what kfake warns of, but for its remarks on pace: that an
// end of a transaction took some milliseconds is of no use to anybody.
type warnings struct{ kfake.Logger }

func (w warnings) Logf(level kfake.LogLevel, format string, args ...any) {
	if !strings.HasPrefix(format, "txn: EndTxn slow") {
		w.Logger.Logf(level, format, args...)
	}
}

// listenOnLoopback keeps the broker off every other interface, whatever address
// it is asked to listen on.
func listenOnLoopback(network, address string) (net.Listener, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	return net.Listen(network, net.JoinHostPort("127.0.0.1", port))
}

func onPort(port int) string {
	if port == 0 {
		return ""
	}
	return fmt.Sprintf(" on port %d", port)
}

// lockDir makes dir and claims it for this process. Without a dir there is
// nothing to claim.
func lockDir(dir string) (*os.File, error) {
	if dir == "" {
		return nil, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "broker.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := claim(lock); err != nil {
		written, unread := io.ReadAll(io.LimitReader(lock, 1024))
		return nil, errors.Join(fmt.Errorf("%w: folder %s, by %s", ErrInUse, dir, holder.Of(written, unread)), lock.Close())
	}
	if err := writeHolder(lock); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// ErrInUse is a folder that another broker has.
var ErrInUse = errors.New("in use by another broker")

// writeHolder says in the file that is the lock who has it.
func writeHolder(lock *os.File) error {
	if err := lock.Truncate(0); err != nil {
		return err
	}
	_, err := lock.WriteString(holder.Text() + "\n")
	return err
}

func release(lock *os.File) {
	if lock != nil {
		lock.Close() // a claim ends with the file
	}
}

// Addrs are the brokers' addresses, host:port.
func (b *Broker) Addrs() []string { return b.addrs }

// Cluster is the fake itself, for tests that inject faults. Its methods must
// not be called after Close: they would wait for ever.
func (b *Broker) Cluster() *kfake.Cluster { return b.cluster }

// Close stops the broker and, with a DataDir, writes out what it holds.
func (b *Broker) Close() {
	b.closing.Do(func() {
		b.cluster.Close()
		release(b.lock)
	})
}
