package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/processor"
	"rondo/schemas"
)

// Watch waits for what becomes of records that are about to be written to one
// partition of the inbox: begin it before they are.
type Watch struct {
	cfg    processor.Config
	client *kgo.Client
}

// Outcome is what became of an inbox record: a decision, or a dead letter.
type Outcome struct {
	Decision *Entry
	Dead     *DeadLetter
}

// NewWatch begins at the ends of the history and the dead letters. The caller
// closes it.
func NewWatch(ctx context.Context, cfg processor.Config, home int32) (*Watch, error) {
	client, err := cfg.NewClient(readerOptions()...)
	if err != nil {
		return nil, err
	}
	own := cfg.OwnTopics()
	for _, topic := range []string{own.History, own.DeadLetters} {
		_, ends, err := stretch{topic: topic, partitions: []int32{home}}.bounds(ctx, client)
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

// Await returns what becomes of the inbox record at an offset, or ErrNotYet.
func (w *Watch) Await(ctx context.Context, partition int32, offset int64) (Outcome, error) {
	for {
		fetches := w.client.PollFetches(ctx)
		if ctx.Err() != nil {
			return Outcome{}, ErrNotYet
		}
		if err := fetches.Err(); err != nil {
			return Outcome{}, w.cfg.Explain("wait for the decision", err)
		}
		for _, record := range fetches.Records() {
			found, err := w.about(record, partition, offset)
			if err != nil || found.Decision != nil || found.Dead != nil {
				return found, err
			}
		}
	}
}

// about returns what a record says if it is about the inbox record.
func (w *Watch) about(record *kgo.Record, partition int32, offset int64) (Outcome, error) {
	inbox := w.cfg.OwnTopics().Inbox
	switch {
	case record.Attrs.IsControl():
	case record.Topic == w.cfg.OwnTopics().DeadLetters:
		dead, err := deadLetterOf(record)
		if err != nil || dead.Source != inbox || dead.SourceAt != partition || dead.SourceOffset != offset {
			return Outcome{}, err
		}
		return Outcome{Dead: &dead}, nil
	default:
		entry, err := entryOf(record)
		if errors.As(err, new(*schemas.UnknownFormatError)) {
			return Outcome{}, fmt.Errorf("the nodes are newer than this program: %w", err)
		}
		ref := entry.Input.Record
		if err != nil || ref == nil || ref.Topic != inbox || ref.Partition != partition || ref.Offset != offset {
			return Outcome{}, err
		}
		return Outcome{Decision: &entry}, nil
	}
	return Outcome{}, nil
}
