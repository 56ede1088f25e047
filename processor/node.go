package processor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/statestore"
)

// Node is one member of an application: it joins the consumer group and
// decides on the state partitions that it is given.
type Node struct {
	config  Config
	topics  OwnTopics
	log     *slog.Logger
	metrics *metrics

	newClient func(...kgo.Opt) (*kgo.Client, error) // for the membership, the fetcher and the lanes
	store     statestore.Config                     // of the local store, but for folder and log
	patience  patience

	mu         sync.Mutex // guards what follows; never held across I/O
	membership *membership
	tables     *tables
	joining    string // what Run is doing before it has joined
}

// Times that the group and the node's loops go by.
const (
	// heartbeatInterval is also how soon a member hears of a rebalance.
	heartbeatInterval = 500 * time.Millisecond
	// stopGrace is how long a lane may take to finish its transaction.
	stopGrace = 5 * time.Second
	// stuckAfter is how long a lane may show no life before the node is no
	// longer live. It is far above any timeout that a lane waits for.
	stuckAfter = 3 * time.Minute
	// lookAround is how often the node looks for topics of new definitions.
	lookAround = time.Second
	// refreshTopics is how often it asks whether topics have changed.
	refreshTopics = time.Minute
)

// patience is how long lanes wait for others; zero: as long as they should.
type patience struct {
	hanging time.Duration // for the end of a transaction
	halted  time.Duration // before a halted lane looks again
}

// NewNode checks the configuration. The node reaches for the cluster in Run.
func NewNode(config Config) (*Node, error) {
	config = config.WithDefaults()
	if err := config.Validate(); err != nil {
		return nil, err
	}
	metrics := newMetrics(config.Metrics)
	return &Node{
		config:  config,
		topics:  config.OwnTopics(),
		log:     config.Log,
		metrics: metrics,

		newClient: func(opts ...kgo.Opt) (*kgo.Client, error) {
			return config.NewClient(append(opts, kgo.WithHooks(metrics.wire))...)
		},
		joining: "starting",
	}, nil
}

// Run joins the group and works until ctx ends; then it finishes the
// transactions in flight, leaves the group and returns nil. An error means
// that the node could not start, or lost what it cannot work without.
func (n *Node) Run(ctx context.Context) error {
	if err := n.preflight(ctx); err != nil {
		return unlessStopped(ctx, err)
	}
	n.doing("opening the local store")
	config := n.store
	config.Dir, config.Log = n.config.DataDir, n.log
	store, err := statestore.Open(config)
	if folder, ok := errors.AsType[*statestore.FolderError](err); ok {
		return &FieldError{"data-dir", folder.Error()}
	}
	if err != nil {
		return err
	}
	err = unlessStopped(ctx, n.runWith(ctx, store))
	if closing := store.Close(); closing != nil {
		err = errors.Join(err, fmt.Errorf("close the local store: %w", closing))
	}
	return err
}

// unlessStopped is err; nil if it only says that the node was told to stop while it
// was still starting.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

func (n *Node) preflight(ctx context.Context) error {
	n.doing("checking the cluster")
	warnings, err := Preflight(ctx, n.config)
	for _, w := range append(n.config.Warnings(), warnings...) {
		n.log.Warn(w)
	}
	return err
}

func (n *Node) runWith(ctx context.Context, store *statestore.Store) error {
	client, err := n.newClient(kgo.MetadataMinAge(100 * time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()

	n.doing("reading the definitions topic")
	catalog, err := OpenCatalog(ctx, n.config)
	if err != nil {
		return err
	}
	defer catalog.Close()

	n.doing("checking the topics")
	if err := n.config.VerifyTopics(ctx, client, catalog.Plans()); err != nil {
		return err
	}

	fetching, err := n.newClient(fetcherOptions()...)
	if err != nil {
		return err
	}
	defer fetching.Close()
	s := &shared{
		config:    n.config,
		topics:    n.topics,
		cluster:   newCluster(client, n.config.App, n.log),
		catalog:   catalog,
		fetcher:   newFetcher(fetching),
		store:     store,
		metrics:   n.metrics,
		newClient: n.newClient,
		clock:     time.Now,

		haltedRetry: n.patience.halted,
	}
	s.together = newCommitter(s.ringConfig(0), n.metrics)
	s.aside = newCommitter(s.ringConfig(1), n.metrics)
	s.aside.alone = true
	s.cluster.hanging = n.patience.hanging
	s.tables = newTables(s)
	return n.withTables(ctx, s)
}

// withTables reads the tables to their end before the node takes partitions over
// that could not decide without them.
func (n *Node) withTables(ctx context.Context, s *shared) error {
	working, stopWorking := context.WithCancel(context.WithoutCancel(ctx))
	defer s.tables.wait()
	defer stopWorking()
	if err := s.tables.forget(s.catalog.allTables()); err != nil {
		return err
	}
	s.tables.start(working)
	s.tables.follow(s.catalog.allTables())
	if s.tables.await(ctx, n.doing) != nil {
		return nil // told to stop
	}
	return n.member(ctx, s)
}

// member is the node's life in the group.
func (n *Node) member(ctx context.Context, s *shared) error {
	// The fetcher, the committers and the lanes outlive ctx: a lane that finishes
	// its transaction still needs them.
	working, stopWorking := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWorking()
	var loops sync.WaitGroup
	defer loops.Wait()
	defer stopWorking()
	loops.Go(func() { s.fetcher.run(working) })
	loops.Go(func() { s.together.run(working) })
	loops.Go(func() { s.aside.run(working) })

	m, err := joinGroup(working, s)
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.membership, n.tables, n.joining = m, s.tables, ""
	n.mu.Unlock()
	n.log.Info("joined", "group", n.config.App, "topics", s.catalog.Sources())

	err = n.attend(ctx, m, s)
	n.log.Info("leaving the group")
	m.leave()
	return err
}

// attend follows the definitions: a new source topic is subscribed to.
func (n *Node) attend(ctx context.Context, m *membership, s *shared) error {
	ticker := time.NewTicker(lookAround)
	defer ticker.Stop()
	refresher := time.NewTicker(refreshTopics)
	defer refresher.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.catalog.Failed():
			return fmt.Errorf("follow the definitions topic: %w", err)
		case <-ticker.C:
			s.tables.follow(s.catalog.allTables())
			m.subscribe(ctx, s.catalog.Sources())
			n.observe()
		case <-refresher.C:
			if err := s.cluster.refresh(ctx); err != nil && ctx.Err() == nil {
				n.log.Warn("what is known of the topics may be old", "error", err.Error())
			}
		}
	}
}

func (n *Node) doing(what string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.joining = what
}

// observe sets the gauges that follow from the status.
func (n *Node) observe() {
	status := n.Status()
	counts := status.Partitions
	n.metrics.partitions.WithLabelValues("running").Set(float64(counts.Running))
	n.metrics.partitions.WithLabelValues("restoring").Set(float64(counts.Restoring))
	n.metrics.partitions.WithLabelValues("halted").Set(float64(counts.Owned - counts.Running - counts.Restoring))
	n.mu.Lock()
	m := n.membership
	n.mu.Unlock()
	n.metrics.restoreBehind.Set(float64(m.restoring()))
}

// Status tells how the node is doing.
func (n *Node) Status() Status {
	n.mu.Lock()
	m, tables, joining := n.membership, n.tables, n.joining
	n.mu.Unlock()
	if m == nil {
		return Status{Live: true, Reason: joining}
	}
	status := m.status()
	if what := tables.loading(); what != "" && status.Ready {
		status.Ready, status.Reason = false, what
	}
	return status
}
