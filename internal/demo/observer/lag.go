package observer

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"rondo/internal/demo/verdict"
)

// Reading is a consumer group and the topics that it is to read to their ends.
type Reading struct {
	Group  string
	Topics []string
}

// AwaitRead waits until every group has committed all records of its topics
// behind start, twice in a row, because what one group does makes records for
// another.
func AwaitRead(ctx context.Context, brokers []string, admin *kadm.Client, start kadm.Offsets, readings []Reading) error {
	for steady := 0; steady < 2; {
		behind := ""
		for _, r := range readings {
			place, err := firstUnread(ctx, brokers, admin, start, r)
			if err != nil {
				return err
			}
			if place != nil {
				behind = fmt.Sprintf("%s by group %s", place, r.Group)
				break
			}
		}
		if behind == "" {
			steady++
		} else {
			steady = 0
		}
		select {
		case <-time.After(150 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("wait until everything was read, %s was not: %w", behind, context.Cause(ctx))
		}
	}
	return nil
}

// firstUnread finds a record that the group has not committed; nil if there is
// none. Behind a transaction's records stands its marker, which no consumer
// commits, so the offsets alone do not tell.
func firstUnread(ctx context.Context, brokers []string, admin *kadm.Client, start kadm.Offsets, r Reading) (*verdict.Place, error) {
	ends, err := admin.ListCommittedOffsets(ctx, r.Topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("list the ends of %v: %w", r.Topics, err)
	}
	committed, err := admin.FetchOffsets(ctx, r.Group)
	if err != nil {
		return nil, fmt.Errorf("fetch the offsets of group %s: %w", r.Group, err)
	}
	from, behind := kadm.Offsets{}, false
	ends.Each(func(end kadm.ListedOffset) {
		at := int64(0)
		if s, ok := start.Lookup(end.Topic, end.Partition); ok {
			at = s.At
		}
		if c, ok := committed.Lookup(end.Topic, end.Partition); ok {
			at = max(at, c.At)
		}
		from.Add(kadm.Offset{Topic: end.Topic, Partition: end.Partition, At: at})
		behind = behind || at < end.Offset
	})
	if !behind {
		return nil, nil
	}
	records, err := verdict.Between(ctx, brokers, from, ends.Offsets())
	if err != nil || len(records) == 0 {
		return nil, err
	}
	return &records[0].Place, nil
}
