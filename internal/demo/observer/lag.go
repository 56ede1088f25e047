package observer

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// Reading is a consumer group and the topics that it is to read to their ends.
type Reading struct {
	Group  string
	Topics []string
}

// AwaitRead waits until every group has committed the read_committed ends of
// its topics, twice in a row, because what one group does makes records for
// another. Partitions that have no record behind start need no commit.
func AwaitRead(ctx context.Context, admin *kadm.Client, start kadm.Offsets, readings []Reading) error {
	for steady := 0; steady < 2; {
		behind := ""
		for _, r := range readings {
			at, err := firstBehind(ctx, admin, start, r)
			if err != nil {
				return err
			}
			if at != "" {
				behind = at
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

// firstBehind names a partition that the group has not read to its end; "" if
// there is none.
func firstBehind(ctx context.Context, admin *kadm.Client, start kadm.Offsets, r Reading) (string, error) {
	ends, err := admin.ListCommittedOffsets(ctx, r.Topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return "", fmt.Errorf("list the ends of %v: %w", r.Topics, err)
	}
	committed, err := admin.FetchOffsets(ctx, r.Group)
	if err != nil {
		return "", fmt.Errorf("fetch the offsets of group %s: %w", r.Group, err)
	}
	behind := ""
	ends.Each(func(end kadm.ListedOffset) {
		at := int64(0)
		if s, ok := start.Lookup(end.Topic, end.Partition); ok {
			at = s.At
		}
		if c, ok := committed.Lookup(end.Topic, end.Partition); ok {
			at = max(at, c.At)
		}
		if at < end.Offset {
			behind = fmt.Sprintf("%s/%d from %d to %d by group %s", end.Topic, end.Partition, at, end.Offset, r.Group)
		}
	})
	return behind, nil
}
