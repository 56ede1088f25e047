package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/processor"
)

// patience is how long, beyond the timeout of transactions, a topic may yield
// nothing while there is something to read.
const patience = 30 * time.Second

// stretch is a part of a topic.
type stretch struct {
	topic      string
	partitions []int32   // nil: all
	since      time.Time // by the records' timestamps; zero: from the start
}

// Scan hands over the committed records of a topic, from its start to where it
// ends now, each partition's in their order, until each returns an error.
func Scan(ctx context.Context, cfg processor.Config, topic string, each func(*kgo.Record) error) error {
	return scan(ctx, cfg, stretch{topic: topic}, each)
}

// scan hands over the committed records of a stretch up to where it ends now,
// each partition's in their order, until each returns an error.
func scan(ctx context.Context, cfg processor.Config, s stretch, each func(*kgo.Record) error) error {
	return scanUntil(ctx, cfg, s, each, func() bool { return true })
}

// rereadsMax is how often scanUntil looks where a topic ends.
const rereadsMax = 10

// scanUntil is scan, and goes on to where the stretch ends by then while whole is
// false of what was read. Two things that were written together may lie on either side
// of the end, and what was written again since may have been compacted away before it
// was read; in both cases what is missing stands further on. It gives up, without an
// error, when nothing more has come or after some times.
func scanUntil(ctx context.Context, cfg processor.Config, s stretch, each func(*kgo.Record) error, whole func() bool) error {
	client, err := cfg.NewClient(readerOptions()...)
	if err != nil {
		return err
	}
	defer client.Close()
	next, ends, err := s.bounds(ctx, client)
	if err != nil {
		return cfg.Explain("read topic "+s.topic, err)
	}
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{s.topic: at(next)})
	for range rereadsMax {
		for !reached(next, ends) {
			if err := step(ctx, cfg, client, s.topic, next, each); err != nil {
				return err
			}
		}
		if whole() {
			return nil
		}
		if _, ends, err = s.bounds(ctx, client); err != nil {
			return cfg.Explain("read topic "+s.topic, err)
		}
		if reached(next, ends) {
			return nil
		}
	}
	return nil
}

func readerOptions() []kgo.Opt {
	return []kgo.Opt{
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // a trailing marker is the end as well
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchMaxWait(500 * time.Millisecond),
		kgo.MetadataMinAge(100 * time.Millisecond),
	}
}

// step reads what comes next and moves the positions behind it.
func step(ctx context.Context, cfg processor.Config, client *kgo.Client, topic string, next map[int32]int64, each func(*kgo.Record) error) error {
	limit := cfg.TransactionTimeout + patience
	polling, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	fetches := client.PollFetches(polling)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case polling.Err() != nil:
		return fmt.Errorf("topic %s has yielded nothing for %s although there is something to read: an open transaction stands before it", topic, limit)
	}
	if err := fetches.Err(); err != nil {
		return cfg.Explain("read topic "+topic, err)
	}
	for _, record := range fetches.Records() {
		next[record.Partition] = record.Offset + 1
		if record.Attrs.IsControl() {
			continue
		}
		if err := each(record); err != nil {
			return err
		}
	}
	return nil
}

func at(offsets map[int32]int64) map[int32]kgo.Offset {
	out := make(map[int32]kgo.Offset, len(offsets))
	for p, offset := range offsets {
		out[p] = kgo.NewOffset().At(offset)
	}
	return out
}

func reached(next, ends map[int32]int64) bool {
	for p, end := range ends {
		if next[p] < end {
			return false
		}
	}
	return true
}

// bounds returns where each partition of the stretch begins and ends now.
func (s stretch) bounds(ctx context.Context, client *kgo.Client) (starts, ends map[int32]int64, err error) {
	adm := kadm.NewClient(client)
	list := adm.ListStartOffsets
	if !s.since.IsZero() {
		list = func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
			return adm.ListOffsetsAfterMilli(ctx, s.since.UnixMilli(), topics...)
		}
	}
	from, err := list(ctx, s.topic)
	if err != nil {
		return nil, nil, err
	}
	to, err := adm.ListEndOffsets(ctx, s.topic)
	if err != nil {
		return nil, nil, err
	}
	if starts, err = s.offsets(from); err != nil {
		return nil, nil, err
	}
	ends, err = s.offsets(to)
	return starts, ends, err
}

// ErrNoTopic is a topic of the application that does not exist.
var ErrNoTopic = errors.New("does not exist: is this the right application? rondo topics plan shows what there is")

func (s stretch) offsets(listed kadm.ListedOffsets) (map[int32]int64, error) {
	out := map[int32]int64{}
	wanted := s.partitions
	if wanted == nil {
		for p := range listed[s.topic] {
			wanted = append(wanted, p)
		}
	}
	for _, p := range wanted {
		found, ok := listed.Lookup(s.topic, p)
		switch {
		case !ok || errors.Is(found.Err, kerr.UnknownTopicOrPartition):
			return nil, fmt.Errorf("topic %s %w", s.topic, ErrNoTopic)
		case found.Err != nil:
			return nil, fmt.Errorf("partition %d: %w", p, found.Err)
		}
		out[p] = found.Offset
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("topic %s %w", s.topic, ErrNoTopic)
	}
	return out, nil
}

// partitionsOf is the number of partitions of a topic of the application. It is
// asked, not taken from the configuration: a key's home depends on it.
func partitionsOf(ctx context.Context, cfg processor.Config, client *kgo.Client, topic string) (int32, error) {
	details, err := kadm.NewClient(client).ListTopics(ctx, topic)
	if err != nil {
		return 0, cfg.Explain("look up topic "+topic, err)
	}
	switch detail := details[topic]; {
	case errors.Is(detail.Err, kerr.UnknownTopicOrPartition) || len(detail.Partitions) == 0:
		return 0, fmt.Errorf("topic %s %w", topic, ErrNoTopic)
	case detail.Err != nil:
		return 0, cfg.Explain("look up topic "+topic, detail.Err)
	default:
		return int32(len(detail.Partitions)), nil
	}
}

// Home is the partition of the application's topics that holds what concerns a
// key.
func Home(ctx context.Context, cfg processor.Config, client *kgo.Client, key string) (int32, error) {
	of, err := Homes(ctx, cfg, client)
	if err != nil {
		return 0, err
	}
	return of(key), nil
}

// Homes returns Home for any key, asking the brokers once.
func Homes(ctx context.Context, cfg processor.Config, client *kgo.Client) (func(key string) int32, error) {
	n, err := partitionsOf(ctx, cfg, client, cfg.OwnTopics().Inbox)
	if err != nil {
		return nil, err
	}
	return func(key string) int32 { return processor.PartitionOf([]byte(key), n) }, nil
}
