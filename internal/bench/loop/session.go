package loop

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// runSession is the loop of kgo's documentation: what one poll brings is
// answered in one transaction.
func (l *loop) runSession(ctx context.Context) error {
	assigned := l.assignment()
	session, err := kgo.NewGroupTransactSession(append(l.readerOptions(),
		kgo.TransactionalID(l.spec.Group),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, added map[string][]int32) { assigned.gain(added) }),
	)...)
	if err != nil {
		return fmt.Errorf("loop: session: %w", err)
	}
	defer session.Close()
	answers := newAnswerer(l.spec, 0)
	for {
		fetches := session.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("loop: read: %w", err)
		}
		if fetches.NumRecords() == 0 {
			continue
		}
		if err := l.commitSession(context.WithoutCancel(ctx), session, answers, fetches.Records()); err != nil {
			return err
		}
	}
}

// commitSession answers records in one transaction. If it is aborted they are
// polled again.
func (l *loop) commitSession(ctx context.Context, session *kgo.GroupTransactSession, answers *answerer, in []*kgo.Record) error {
	out, unrouted := answers.answerAll(in)
	if err := session.Begin(); err != nil {
		return fmt.Errorf("loop: begin: %w", err)
	}
	failed := kgo.AbortingFirstErrPromise(session.Client())
	for _, rec := range out {
		session.Produce(ctx, rec, failed.Promise())
	}
	produced := failed.Err()
	committed, err := session.End(ctx, produced == nil)
	switch {
	case err != nil:
		return fmt.Errorf("loop: end: %w", errors.Join(err, produced))
	case committed:
		l.counters.committed(in, out, unrouted)
	default:
		l.counters.aborted()
	}
	return nil
}
