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
func AwaitRead(ctx context.Context, brokers []string, start kadm.Offsets, readings []Reading) error {
	for steady := 0; steady < 2; {
		behind, err := firstBehind(ctx, brokers, start, readings)
		if err != nil {
			return err
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

// firstBehind names a record that its group has not read; "" if there is none.
func firstBehind(ctx context.Context, brokers []string, start kadm.Offsets, readings []Reading) (string, error) {
	for _, r := range readings {
		left, err := verdict.Unread(ctx, brokers, start, r.Group, r.Topics...)
		if err != nil {
			return "", err
		}
		if len(left) > 0 {
			return fmt.Sprintf("%s by group %s", left[0], r.Group), nil
		}
	}
	return "", nil
}
