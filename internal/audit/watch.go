package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/processor"
	"rondo/schemas"
)

// Watch waits for what becomes of records that are about to be written to
// partitions of the inbox: begin it before they are.
type Watch struct {
	cfg    processor.Config
	client *kgo.Client
}

// Position is where a record stands in the inbox.
type Position struct {
	Partition int32
	Offset    int64
}

// Outcome is what became of an inbox record: a decision, or a dead letter.
type Outcome struct {
	Decision *Entry
	Dead     *DeadLetter
}

// NewWatch begins at the ends of the history and the dead letters of these
// partitions. The caller closes it.
func NewWatch(ctx context.Context, cfg processor.Config, homes ...int32) (*Watch, error) {
	client, err := cfg.NewClient(readerOptions()...)
	if err != nil {
		return nil, err
	}
	own := cfg.OwnTopics()
	for _, topic := range []string{own.History, own.DeadLetters} {
		_, ends, err := stretch{topic: topic, partitions: homes}.bounds(ctx, client)
		if err != nil {
			client.Close()
			return nil, cfg.Explain("read topic "+topic, err)
		}
		client.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: at(ends)})
	}
	return &Watch{cfg, client}, nil
}

// Close ends the watch.
func (w *Watch) Close() { w.client.Close() }

// ErrNotYet is an inbox record that nobody has decided on before ctx ended.
var ErrNotYet = errors.New("nobody has decided on it yet")

// Await tells done what becomes of the inbox records at some positions, of each
// once, as soon as it is known. The error is ErrNotYet if ctx ends before all are.
func (w *Watch) Await(ctx context.Context, positions []Position, done func(Position, Outcome)) error {
	open := make(map[Position]bool, len(positions))
	for _, p := range positions {
		open[p] = true
	}
	for len(open) > 0 {
		fetches := w.client.PollFetches(ctx)
		if ctx.Err() != nil {
			return ErrNotYet
		}
		if err := fetches.Err(); err != nil {
			return w.cfg.Explain("wait for the decision", err)
		}
		for _, record := range fetches.Records() {
			at, outcome, err := w.about(record)
			if err != nil {
				return err
			}
			if open[at] {
				delete(open, at)
				done(at, outcome)
			}
		}
	}
	return nil
}

// about returns which record of the inbox a record is about, and what it says; a
// Position that no record has if it is about none.
func (w *Watch) about(record *kgo.Record) (Position, Outcome, error) {
	nowhere := Position{Partition: -1}
	inbox := w.cfg.OwnTopics().Inbox
	switch {
	case record.Attrs.IsControl():
		return nowhere, Outcome{}, nil
	case record.Topic == w.cfg.OwnTopics().DeadLetters:
		dead, err := deadLetterOf(record)
		if err != nil || dead.Source != inbox {
			return nowhere, Outcome{}, err
		}
		return Position{dead.SourceAt, dead.SourceOffset}, Outcome{Dead: &dead}, nil
	}
	entry, err := entryOf(record)
	if errors.As(err, new(*schemas.UnknownFormatError)) {
		return nowhere, Outcome{}, fmt.Errorf("the nodes are newer than this program: %w", err)
	}
	ref := entry.Input.Record
	if err != nil || ref == nil || ref.Topic != inbox {
		return nowhere, Outcome{}, err
	}
	return Position{ref.Partition, ref.Offset}, Outcome{Decision: &entry}, nil
}
