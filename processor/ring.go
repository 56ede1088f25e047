package processor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// RingConfig says who the producers of a Ring are.
type RingConfig struct {
	// NewClient makes a client that reaches the cluster (seed brokers, TLS,
	// SASL, logger, hooks) and has the options that the ring adds.
	NewClient func(...kgo.Opt) (*kgo.Client, error)

	// IDs are the transactional ids of the two producers.
	//
	// Danger: whoever opens a ring with the same ids fences this one. They must
	// be the same each time that the node opens it, in the same order, and no
	// other's.
	IDs [2]string

	// Group is the consumer group whose offsets the transactions commit.
	Group string

	// Timeout is how long the broker keeps a transaction open that nobody ends,
	// and how long Commit tries before it gives up.
	//
	// Default: 10s.
	Timeout time.Duration

	// BatchBytes is the largest batch that a topic takes, its
	// max.message.bytes. It is asked for each record, for the setting may change;
	// a record that is larger by itself is sent all the same, and taken or refused
	// by the broker. nil: 1,000,012 for every topic, which is what Kafka's default
	// leaves room for.
	//
	// Danger: larger than the topic's setting, and whole batches are refused
	// although each of their records would have been taken.
	BatchBytes func(topic string) int32
}

const (
	defaultTransactionTimeout = 10 * time.Second
	defaultBatchBytes         = 1_000_012
)

func (c *RingConfig) complete() error {
	c.Timeout = cmp.Or(c.Timeout, defaultTransactionTimeout)
	if c.BatchBytes == nil {
		c.BatchBytes = func(string) int32 { return defaultBatchBytes }
	}
	switch {
	case c.NewClient == nil:
		return errors.New("ring: NewClient: it must be given")
	case c.IDs[0] == "" || c.IDs[1] == "":
		return errors.New("ring: IDs: two transactional ids are needed")
	case c.IDs[0] == c.IDs[1]:
		return fmt.Errorf("ring: IDs: both are %q; the producers would fence each other", c.IDs[0])
	case c.Group == "":
		return errors.New("ring: Group: a consumer group is needed")
	case c.Timeout < time.Second:
		return fmt.Errorf("ring: Timeout: %v is too short; give at least 1s", c.Timeout)
	}
	return nil
}

// Ring is a small ring of two transactional producers that take turns.
//
// A Kafka broker answers the end of a transaction before its markers are
// written, and puts off the same producer's next transaction by 20 ms; another
// producer's it does not. With two in turn, one node commits a thousand
// transactions a second instead of eighty.
//
// What it holds to, and what would break:
//
//   - The producers are opened in order, and the first transaction is committed
//     on the first. Two owners who open the same ring at the same time can end
//     up with one producer each; so neither can commit unnoticed by the other.
//   - Within a transaction one request waits for the other: partitions,
//     records, offsets, end. Side by side they collide in the coordinator.
//   - A transaction ends on the broker before the next begins. Offsets count in
//     the order in which they were sent, not in which they were committed.
//   - A transaction names no partition that gets no record: the client would
//     leave it open, and the producer's next would join it.
//   - Producer id and epoch are asked for in every transaction: the epoch grows
//     with each, and the id is used up after 32,767.
//
// One goroutine uses a Ring. Only Close may be called from others.
type Ring struct {
	cfg       RingConfig
	producers [2]*ringProducer
	topics    *topicIDs

	mu     sync.Mutex // guards what follows; not held while a transaction runs
	turn   int        // the producer of the next transaction
	proven bool       // a transaction of this ring has been committed
	busy   bool       // a Commit is under way
	closed bool
}

// OpenRing opens both producers, the first before the second. When it returns
// without error, every transaction that a former owner had begun with these
// ids is complete, committed or aborted, with all markers written; and that
// owner can do nothing more.
//
// It waits for as long as the brokers are busy with that, bounded by ctx.
func OpenRing(ctx context.Context, cfg RingConfig) (*Ring, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	r := &Ring{cfg: cfg}
	for i, id := range cfg.IDs {
		producer, err := openRingProducer(ctx, cfg, id)
		if err != nil {
			r.Close()
			return nil, fmt.Errorf("open transactional producer %s: %w", id, err)
		}
		r.producers[i] = producer
	}
	r.topics = newTopicIDs(r.producers[0].client)
	return r, nil
}

// Begin returns a new transaction. It reaches the brokers in Commit only, so
// one that is dropped needs no end.
func (r *Ring) Begin() *Txn {
	return &Txn{ring: r, sizes: make(map[topicPartition]int)}
}

// Close closes both producers. A Commit under way fails with ErrUnknown; what
// it has left open is ended by the next owner, or by the broker after Timeout.
func (r *Ring) Close() {
	r.mu.Lock()
	closed := r.closed
	r.closed = true
	r.mu.Unlock()
	if closed {
		return
	}
	for _, p := range r.producers {
		if p != nil {
			p.client.Close()
		}
	}
}

// take gives the producer whose turn it is to one transaction at a time.
func (r *Ring) take() (*ringProducer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return nil, ErrClosed
	case r.busy:
		return nil, fmt.Errorf("%w: another transaction of %s is being committed", ErrRefused, r.cfg.IDs[0])
	}
	r.busy = true
	return r.producers[r.turn], nil
}

// release passes the turn on after a transaction that the broker has confirmed
// as ended. Until one was committed the turn stays with the first producer.
func (r *Ring) release(committed, confirmed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy = false
	r.proven = r.proven || committed
	if confirmed && r.proven {
		r.turn = 1 - r.turn
	}
}
