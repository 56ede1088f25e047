package loop

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"rondo/processor"
)

const (
	pollRecords = 2000 // taken from the client at once, as the engine's fetcher does
	// queuedPolls is how many polls wait for a ring that is busy; then the reader
	// waits too, and Kafka keeps the rest.
	queuedPolls = 8
	// abortsMax in a row end the run.
	abortsMax = 10
)

// rings is a loop of kind ring: a reader and a worker per ring.
type rings struct {
	*loop
	client  *kgo.Client
	member  atomic.Pointer[processor.Member] // as the last assignment callback saw it
	lost    chan error                       // capacity 1: partitions were taken away
	workers []*worker
}

// worker answers the records of a ring's partitions.
type worker struct {
	rings   *rings
	ring    *processor.Ring
	answers *answerer
	polled  chan []*kgo.Record
	waiting []*kgo.Record // taken from polled, beyond what a transaction takes
	idle    []*kgo.Record // read and answered by nothing, not committed yet
}

func (l *loop) runRings(ctx context.Context) error {
	r := &rings{loop: l, lost: make(chan error, 1)}
	for i := range l.spec.Rings {
		ring, err := l.openRing(ctx, i)
		if err != nil {
			return fmt.Errorf("loop: %w", err)
		}
		defer ring.Close()
		r.workers = append(r.workers, &worker{
			rings: r, ring: ring, answers: newAnswerer(l.spec, i), polled: make(chan []*kgo.Record, queuedPolls),
		})
	}
	assigned := l.assignment()
	client, err := kgo.NewClient(append(l.readerOptions(),
		kgo.DisableAutoCommit(),
		kgo.OnPartitionsAssigned(func(_ context.Context, client *kgo.Client, added map[string][]int32) {
			id, generation := client.GroupMetadata()
			r.member.Store(&processor.Member{ID: id, Generation: generation})
			assigned.gain(added)
		}),
		kgo.OnPartitionsRevoked(r.lose),
		kgo.OnPartitionsLost(r.lose),
	)...)
	if err != nil {
		return fmt.Errorf("loop: %w", err)
	}
	r.client = client
	defer client.Close()
	return r.work(ctx)
}

func (l *loop) openRing(ctx context.Context, i int) (*processor.Ring, error) {
	id := func(n int) string { return fmt.Sprintf("%s-%d-%d", l.spec.Group, i, n) }
	return processor.OpenRing(ctx, processor.RingConfig{
		NewClient: func(opts ...kgo.Opt) (*kgo.Client, error) { return kgo.NewClient(l.options(opts...)...) },
		IDs:       [2]string{id(0), id(1)},
		Group:     l.spec.Group,
	})
}

// lose ends the run: a loop has the whole group for itself.
func (r *rings) lose(_ context.Context, _ *kgo.Client, gone map[string][]int32) {
	if len(gone) == 0 {
		return
	}
	select {
	case r.lost <- fmt.Errorf("loop: the group has taken partitions away: %v", gone):
	default:
	}
}

// work reads and answers until ctx ends or something goes wrong.
func (r *rings) work(ctx context.Context) error {
	group, working := errgroup.WithContext(ctx)
	group.Go(func() error { return r.read(working) })
	for _, w := range r.workers {
		group.Go(func() error { return w.run(working) })
	}
	if err := group.Wait(); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// read hands each ring the records of its partitions.
func (r *rings) read(ctx context.Context) error {
	for {
		fetches := r.client.PollRecords(ctx, pollRecords)
		select {
		case <-ctx.Done():
			return nil
		case err := <-r.lost:
			return err
		default:
		}
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("loop: read: %w", err)
		}
		byRing := make(map[int][]*kgo.Record)
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			if i := int(p.Partition) % len(r.workers); len(p.Records) > 0 {
				byRing[i] = append(byRing[i], p.Records...)
			}
		})
		for i, records := range byRing {
			select {
			case r.workers[i].polled <- records:
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// run answers what has come in one transaction after the other.
func (w *worker) run(ctx context.Context) error {
	for {
		in, ok := w.take(ctx)
		if !ok {
			return nil
		}
		if err := w.answer(context.WithoutCancel(ctx), in); err != nil {
			return err
		}
	}
}

// take waits for records and returns what has come, up to the bound of a
// transaction; false when ctx has ended.
func (w *worker) take(ctx context.Context) (records []*kgo.Record, ok bool) {
	if len(w.waiting) == 0 {
		select {
		case w.waiting = <-w.polled:
		case <-ctx.Done():
			return nil, false
		}
	}
	for len(w.waiting) < w.rings.spec.MaxInputs {
		select {
		case more := <-w.polled:
			w.waiting = append(w.waiting, more...)
			continue
		default:
		}
		break
	}
	n := min(len(w.waiting), w.rings.spec.MaxInputs)
	taken := w.waiting[:n:n]
	w.waiting = w.waiting[n:]
	return taken, true
}

// answer commits the answers to records; after an abort the same once more.
func (w *worker) answer(ctx context.Context, in []*kgo.Record) error {
	in = append(w.idle, in...)
	w.idle = nil
	for aborts := 0; ; aborts++ {
		out, unrouted := w.answers.answerAll(in)
		if len(out) == 0 { // a transaction needs a record; their offsets go with the next
			w.idle = in
			return nil
		}
		err := w.commit(ctx, in, out)
		if err == nil {
			w.rings.counters.committed(in, out, unrouted)
			return nil
		}
		if !errors.Is(err, processor.ErrAborted) || aborts == abortsMax {
			return fmt.Errorf("loop: %w", err)
		}
		w.rings.counters.aborted()
	}
}

func (w *worker) commit(ctx context.Context, in, out []*kgo.Record) error {
	txn := w.ring.Begin()
	for _, rec := range out {
		txn.Add(rec)
	}
	return txn.Commit(ctx, offsetsBehind(in), *w.rings.member.Load())
}

// offsetsBehind are the offsets that follow the last records.
func offsetsBehind(records []*kgo.Record) processor.Offsets {
	out := make(processor.Offsets)
	for _, rec := range records {
		if out[rec.Topic] == nil {
			out[rec.Topic] = make(map[int32]processor.Offset)
		}
		out[rec.Topic][rec.Partition] = processor.Offset{Next: rec.Offset + 1, LeaderEpoch: rec.LeaderEpoch}
	}
	return out
}
