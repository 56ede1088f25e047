package loop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

// Run runs a loop until ctx ends; the transactions under way are finished, and
// nil is returned. It writes Stats to out, one JSON object per line: the first
// when every partition of the inputs was assigned, so that load may begin, then
// one every StatsEvery, and the last, which is marked as final, at the end.
func Run(ctx context.Context, spec Spec, out io.Writer) error {
	if err := spec.Validate(); err != nil {
		return err
	}
	spec = spec.withDefaults()
	if spec.From == Latest {
		if err := skipToEnd(ctx, spec); err != nil {
			return err
		}
	}
	l := &loop{spec: spec, counters: counters{began: time.Now(), sizes: newSizes()}, ready: make(chan struct{})}
	working, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ended := make(chan error, 1)
	go func() { ended <- l.run(working) }()

	err := l.report(working, out, ended, stop)
	return errors.Join(err, l.counters.write(out, true))
}

// loop is one of either kind.
type loop struct {
	spec     Spec
	counters counters
	ready    chan struct{} // closed when all partitions are assigned
}

func (l *loop) run(ctx context.Context) error {
	group, working := errgroup.WithContext(ctx)
	working, stop := context.WithCancel(working)
	group.Go(func() error {
		defer stop()
		if l.spec.Kind == Session {
			return l.runSession(working)
		}
		return l.runRings(working)
	})
	if l.spec.Listen != "" {
		group.Go(func() error { return l.serve(working) })
	}
	return group.Wait()
}

// report writes a line now and then, until the loop has ended.
func (l *loop) report(ctx context.Context, out io.Writer, ended <-chan error, stop context.CancelCauseFunc) error {
	select {
	case err := <-ended:
		return err
	case <-l.ready:
	}
	ticker := time.NewTicker(time.Duration(l.spec.StatsEvery))
	defer ticker.Stop()
	for {
		if err := l.counters.write(out, false); err != nil {
			stop(err)
			return errors.Join(err, <-ended)
		}
		select {
		case err := <-ended:
			return err
		case <-ticker.C:
		}
	}
}

// options reach the cluster, and count what goes over the wire.
func (l *loop) options(more ...kgo.Opt) []kgo.Opt {
	return append([]kgo.Opt{kgo.SeedBrokers(l.spec.Brokers...), kgo.WithHooks(&l.counters)}, more...)
}

// readerOptions are those of the client that is the group's member.
func (l *loop) readerOptions() []kgo.Opt {
	return l.options(
		kgo.ConsumerGroup(l.spec.Group),
		kgo.ConsumeTopics(l.spec.Inputs...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.MetadataMinAge(100*time.Millisecond),
	)
}

// assignment waits until everything is assigned.
type assignment struct {
	missing int
	ready   chan struct{}
}

func (l *loop) assignment() *assignment {
	return &assignment{missing: len(l.spec.Inputs) * l.spec.Partitions, ready: l.ready}
}

// gain is told what was assigned.
func (a *assignment) gain(added map[string][]int32) {
	if a.missing <= 0 {
		return
	}
	for _, partitions := range added {
		a.missing -= len(partitions)
	}
	if a.missing <= 0 {
		close(a.ready)
	}
}

// skipToEnd gives the group the ends of its inputs as offsets, unless it has some.
func skipToEnd(ctx context.Context, spec Spec) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(spec.Brokers...))
	if err != nil {
		return fmt.Errorf("loop: %w", err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	have, err := admin.FetchOffsets(ctx, spec.Group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return fmt.Errorf("loop: offsets of group %s: %w", spec.Group, err)
	}
	if len(have) > 0 {
		return nil
	}
	ends, err := admin.ListCommittedOffsets(ctx, spec.Inputs...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("loop: ends of the inputs: %w", err)
	}
	committed, err := admin.CommitOffsets(ctx, spec.Group, ends.Offsets())
	if err == nil {
		err = committed.Error()
	}
	if err != nil {
		return fmt.Errorf("loop: write the offsets of group %s: %w", spec.Group, err)
	}
	return nil
}
