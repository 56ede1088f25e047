package services

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/demo/observer"
)

// Config is what the services of a run are told.
type Config struct {
	Brokers []string
	Schemas fs.FS        // holds the Avro schemas of the story, *.avsc; nil: it has none
	Seed    uint64       // of all chance
	Group   string       // begins the names of the services' consumer groups
	Journal Journal      // hears of every event that was written; nil: nobody
	Log     *slog.Logger // for records that a service cannot use; nil: nobody hears

	// Presence says when brokers are away, for which the services wait without end.
	// nil: what cannot be written for a minute fails its service.
	Presence *Presence
}

func (cfg Config) logger() *slog.Logger {
	if cfg.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return cfg.Log
}

// Post is a Kafka client of the world: it takes the records of its topics one by
// one, and sends others, each when its time has come.
type Post struct {
	Name string
	Dice Dice
	Log  *slog.Logger

	group    string
	topics   []string // read; none: it only sends
	take     func(*kgo.Record, *Task)
	client   *kgo.Client
	progress *progress
	outbox   *outbox
	ctx      context.Context // ended by Fail
	fail     context.CancelCauseFunc
	parting  time.Duration // for what is to be written when it ends
}

// OpenPost opens a post that takes the records of topics, as a member of a group
// of its own. It does nothing until Run. Without topics take may be nil.
func OpenPost(cfg Config, name string, take func(*kgo.Record, *Task), topics ...string) (*Post, error) {
	p := &Post{
		Name: name, Dice: Dice{cfg.Seed}, Log: cfg.logger().With("service", name),
		group: cfg.Group + "-" + name, topics: topics, take: take, progress: newProgress(),
	}
	p.ctx, p.fail = context.WithCancelCause(context.Background())
	options := []kgo.Opt{
		kgo.SeedBrokers(cfg.Brokers...),
		kgo.ClientID("demo-" + name),
		kgo.ProducerLinger(0),
		kgo.MetadataMinAge(100 * time.Millisecond),
	}
	if cfg.Presence != nil {
		options = append(options, kgo.WithHooks(cfg.Presence))
	} else {
		options = append(options, kgo.RecordDeliveryTimeout(time.Minute))
	}
	if len(topics) > 0 {
		options = append(options, p.reading()...)
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("open the client of %s: %w", name, err)
	}
	p.client, p.parting = client, time.Minute
	if cfg.Presence != nil {
		p.parting = partingTime
	}
	p.progress.mark = func(r *kgo.Record) { client.MarkCommitRecords(r) }
	p.outbox = newOutbox(client, cfg.Journal, p.fail)
	return p, nil
}

func (p *Post) reading() []kgo.Opt {
	return []kgo.Opt{
		kgo.ConsumerGroup(p.group),
		kgo.ConsumeTopics(p.topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.AutoCommitMarks(),
		kgo.AutoCommitInterval(250 * time.Millisecond),
		kgo.OnPartitionsRevoked(func(ctx context.Context, cl *kgo.Client, partitions map[string][]int32) {
			// Best effort: what is not committed is done again by the next owner.
			_ = cl.CommitMarkedOffsets(ctx)
			p.progress.forget(partitions)
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			p.progress.forget(partitions)
		}),
	}
}

// Reading says what the post is to read; ok is false for one that only sends.
func (p *Post) Reading() (r observer.Reading, ok bool) {
	return observer.Reading{Group: p.group, Topics: p.topics}, len(p.topics) > 0
}

// Run takes records until ctx ends. Then the post sends at once what it had
// meant to send later, commits, and Run returns nil; or it returns what stopped
// the post before. The client is closed.
func (p *Post) Run(ctx context.Context) error {
	defer p.client.Close()
	stop := context.AfterFunc(ctx, func() { p.fail(nil) })
	defer stop()
	if len(p.topics) == 0 {
		<-p.ctx.Done()
	}
	for p.ctx.Err() == nil {
		p.poll()
	}
	return p.finish()
}

// poll takes the records that have come.
func (p *Post) poll() {
	fetches := p.client.PollRecords(p.ctx, 500)
	fetches.EachError(func(topic string, partition int32, err error) {
		if p.ctx.Err() == nil {
			p.Log.Warn("fetch failed", "topic", topic, "partition", partition, "error", err)
		}
	})
	fetches.EachRecord(func(rec *kgo.Record) {
		task := p.progress.begin(rec)
		defer task.done()
		p.take(rec, task)
	})
}

// finish sends what waits, commits, and tells why the post stopped.
func (p *Post) finish() error {
	stop := giveUpAfter(p.parting, p.client)
	p.outbox.close()
	stop()
	if cause := context.Cause(p.ctx); !errors.Is(cause, context.Canceled) {
		return fmt.Errorf("service %s: %w", p.Name, cause)
	}
	if len(p.topics) == 0 {
		return nil
	}
	commit, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := p.client.CommitMarkedOffsets(commit); err != nil {
		return fmt.Errorf("commit the offsets of %s: %w", p.Name, err)
	}
	return nil
}

// Send writes a record after a time. A task is not complete before it is
// acknowledged; nil: nothing waits for it. A record that cannot be written fails
// the post.
func (p *Post) Send(r *kgo.Record, after time.Duration, task *Task) {
	done := func() {}
	if task != nil {
		task.add()
		done = task.done
	}
	p.outbox.send(r, after, done)
}

// SendNow writes records and returns when all are acknowledged.
func (p *Post) SendNow(ctx context.Context, records ...*kgo.Record) error {
	if err := p.client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("write to %s: %w", records[0].Topic, err)
	}
	return nil
}

// Series writes records one after another, each a pause behind the
// acknowledgement of the one before.
func (p *Post) Series(records []*kgo.Record, pause time.Duration) {
	if len(records) == 0 {
		return
	}
	p.outbox.send(records[0], pause, func() { p.Series(records[1:], pause) })
}

// Fail ends Run with an error.
func (p *Post) Fail(err error) { p.fail(err) }

// Hurry sends every record that waits for its time now, and all later ones at
// once: for the end of a run, when nobody shall wait for late replies.
func (p *Post) Hurry() { p.outbox.flush() }

// Close closes the client of a post that was never run.
func (p *Post) Close() { p.client.Close() }

// Pace does n things at a steady rate per second, each told its number from 1,
// and returns when the last one is done, or ctx or the post ends.
func (p *Post) Pace(ctx context.Context, n int, rate float64, do func(i int)) error {
	begin := time.Now()
	for i := range n {
		due := begin.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		if err := p.SleepUntil(ctx, due); err != nil {
			return err
		}
		do(i + 1)
	}
	return nil
}

// SleepUntil fails when ctx ends, or the post.
func (p *Post) SleepUntil(ctx context.Context, due time.Time) error {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
		return context.Cause(p.ctx)
	case <-p.ctx.Done():
		return context.Cause(p.ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}
