package processor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// fenceFormer ends the transactions that a former owner of the lane's partition
// has left open: it is dead, or a zombie, for one that gives a partition up
// finishes its transaction first. Left alone they would end at the broker's
// timeout, and the takeover would wait for that.
//
// It only saves time. What a former owner could still do is refused by the group,
// by its generation; so without the right to look, it waits.
func (l *lane) fenceFormer(ctx context.Context) error {
	ids, err := l.openTransactions(ctx)
	if errors.Is(err, kerr.ClusterAuthorizationFailed) || errors.Is(err, kerr.TopicAuthorizationFailed) || errors.Is(err, kerr.TransactionalIDAuthorizationFailed) {
		l.log.Warn("a transaction that a dead node has left open cannot be looked for: grant Read on the changelog and Describe on transactional ids; "+
			"takeovers wait for the broker's timeout meanwhile", "error", err.Error())
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for transactions left open in partition %d: %w", l.partition, err)
	}
	for _, id := range ids {
		if err := l.fence(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// fence ends what is open under a transactional id. It is waited for as long as a
// transaction may take: one that holds, beside ours, a partition which takes no
// marker is not ended everywhere before that partition is well again, and ours
// need not wait for it. What is undecided here the takeover still waits for.
func (l *lane) fence(ctx context.Context, id string) error {
	l.log.Info("ending a transaction that a former owner left open", "transactional-id", id)
	fencing, cancel := context.WithTimeout(ctx, l.by.config.Timeout)
	defer cancel()
	former, err := openRingProducer(fencing, l.by.config, id)
	switch {
	case err == nil:
		former.client.Close()
		return nil
	case fencing.Err() != nil && ctx.Err() == nil:
		l.log.Warn("a transaction that a former owner left open has not been ended in time, the takeover goes on", "transactional-id", id, "error", err.Error())
		return nil
	default:
		return fmt.Errorf("fence %s: %w", id, err)
	}
}

// openTransactions returns the application's transactional ids that have an open
// transaction on the lane's changelog partition. The lane itself has none.
func (l *lane) openTransactions(ctx context.Context) ([]string, error) {
	producers, err := l.openProducers(ctx)
	if err != nil || len(producers) == 0 {
		return nil, err
	}
	admin := l.shared.cluster.admin
	listed, err := admin.ListTransactions(ctx, producers, nil)
	if err != nil {
		return nil, err
	}
	// An id that is listed may have gone on to another transaction meanwhile,
	// one without this partition, of a node that lives: ask for what it holds.
	ours := func(id string) bool { return strings.HasPrefix(id, l.shared.config.App+"-") }
	candidates := slices.DeleteFunc(listed.TransactionalIDs(), func(id string) bool { return !ours(id) })
	if len(candidates) == 0 {
		return nil, nil
	}
	described, err := admin.DescribeTransactions(ctx, candidates...)
	if err != nil {
		return nil, err
	}
	var open []string
	for _, id := range slices.Sorted(maps.Keys(described)) {
		if t := described[id]; t.State == "Ongoing" && t.Topics.Lookup(l.shared.topics.Changelog, l.partition) {
			open = append(open, id)
		}
	}
	return open, nil
}

// openProducers returns the producer ids with an open transaction on the lane's
// changelog partition.
func (l *lane) openProducers(ctx context.Context) ([]int64, error) {
	var changelog kadm.TopicsSet
	changelog.Add(l.shared.topics.Changelog, l.partition)
	described, err := l.shared.cluster.admin.DescribeProducers(ctx, changelog)
	if err != nil {
		return nil, err
	}
	var open []int64
	for _, topic := range described {
		for _, partition := range topic.Partitions {
			if partition.Err != nil {
				return nil, partition.Err
			}
			for _, producer := range partition.ActiveProducers {
				if producer.CurrentTxnStartOffset >= 0 {
					open = append(open, producer.ProducerID)
				}
			}
		}
	}
	return open, nil
}
