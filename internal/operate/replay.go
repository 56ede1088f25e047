package operate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/audit"
	"rondo/processor"
	"rondo/topology"
)

// ErrReplayed is a dead letter that was replayed before.
var ErrReplayed = errors.New("was replayed before")

// replaysAtOnce is how many dead letters one transaction replays.
const replaysAtOnce = 100

// Replay writes dead letters back to where they came from: to the partition of
// their source, with key, value and headers as they were, and headers that say which
// dead letter it was, and who alone considers it now: whoever refused it. done hears of each, in order; one that cannot be
// replayed has an error there and does not keep the others back. Unless again, one
// that was replayed before is left out, with ErrReplayed. The error returned is
// about the brokers.
//
// A record and the mark that it was replayed are in one transaction. Whoever
// replays takes turns under one transactional id and reads the marks then: so each
// is replayed once, also if this process ends in the middle and is run again.
func (s *Sender) Replay(ctx context.Context, letters []audit.DeadLetter, again bool, done func(audit.DeadLetter, Written, error)) error {
	client, err := s.cfg.NewClient(
		kgo.TransactionalID(s.cfg.App+"-replays"),
		kgo.TransactionTimeout(s.cfg.TransactionTimeout),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0),
		kgo.RecordDeliveryTimeout(s.cfg.TransactionTimeout),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	if _, _, err := client.ProducerID(ctx); err != nil {
		return s.cfg.Explain("take a turn at replaying", err)
	}
	before := audit.Replays{}
	if !again {
		if before, err = audit.ReadReplays(ctx, s.cfg); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(letters, replaysAtOnce) {
		replays := s.prepare(ctx, some, before)
		if err := s.writeReplays(ctx, client, replays); err != nil {
			return err
		}
		for _, r := range replays {
			done(r.letter, r.written(), r.err)
		}
	}
	return nil
}

// replay is one dead letter to be replayed, or why it cannot be.
type replay struct {
	letter audit.DeadLetter
	record *kgo.Record
	err    error
}

func (r replay) written() Written {
	if r.err != nil {
		return Written{}
	}
	return Written{r.record.Topic, r.record.Partition, r.record.Offset}
}

func (s *Sender) prepare(ctx context.Context, letters []audit.DeadLetter, before audit.Replays) []replay {
	var out []replay
	for _, d := range letters {
		r := replay{letter: d}
		if at, is := before[d.Coordinates()]; is {
			r.err = fmt.Errorf("%w, at %s", ErrReplayed, at.Format(time.RFC3339))
		} else if r.record, r.err = s.original(ctx, d); r.err == nil {
			r.record.Headers = append(r.record.Headers, s.replayHeaders(d)...)
		}
		out = append(out, r)
	}
	return out
}

// replayHeaders say which dead letter a record was, and for whom it is. What came
// from the inbox says that itself.
func (s *Sender) replayHeaders(d audit.DeadLetter) []kgo.RecordHeader {
	headers := []kgo.RecordHeader{{Key: processor.HeaderReplay, Value: []byte(d.Coordinates())}}
	if d.Source == s.cfg.OwnTopics().Inbox {
		return headers
	}
	to := topology.Audience{Topic: d.Source, Application: s.cfg.App, Workflow: d.Workflow, Key: d.Instance}
	return append(headers, kgo.RecordHeader{Key: processor.HeaderReplayFor, Value: []byte(to.String())})
}

// ofReplay reports whether a header of a dead letter is none of its record's own.
func ofReplay(name string) bool {
	return strings.HasPrefix(name, processor.HeaderDeadPrefix) || name == processor.HeaderReplay || name == processor.HeaderReplayFor
}

// writeReplays writes replays with their marks, all or none.
func (s *Sender) writeReplays(ctx context.Context, client *kgo.Client, replays []replay) error {
	var records []*kgo.Record
	for _, r := range replays {
		if r.err == nil {
			records = append(records, r.record, s.mark(r.letter))
		}
	}
	if len(records) == 0 {
		return ctx.Err()
	}
	if err := client.BeginTransaction(); err != nil {
		return err
	}
	results := client.ProduceSync(ctx, records...)
	for _, r := range results {
		if r.Err != nil {
			err := s.cfg.Explain("write to topic "+r.Record.Topic, r.Err)
			return errors.Join(err, client.EndTransaction(ctx, kgo.TryAbort))
		}
	}
	if err := client.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return fmt.Errorf("it is not known whether the last %d were replayed; run it again, what was replayed is left out: %w",
			len(records)/2, s.cfg.Explain("commit", err))
	}
	return nil
}

// mark says that a dead letter was replayed.
func (s *Sender) mark(d audit.DeadLetter) *kgo.Record {
	return &kgo.Record{
		Topic: s.cfg.OwnTopics().DeadLetters, Partition: d.Partition,
		Headers: []kgo.RecordHeader{{Key: processor.HeaderReplayed, Value: []byte(d.Coordinates())}},
	}
}

// original is the record that a dead letter was, to be written again.
func (s *Sender) original(ctx context.Context, d audit.DeadLetter) (*kgo.Record, error) {
	if d.Source == "" {
		return nil, errors.New("it does not say where it came from")
	}
	from := d.Record
	if d.Incomplete != "" {
		var err error
		if from, err = s.fetch(ctx, d); err != nil {
			return nil, err
		}
	}
	record := &kgo.Record{Topic: d.Source, Partition: d.SourceAt, Key: from.Key, Value: from.Value}
	for _, h := range from.Headers {
		if !ofReplay(h.Key) {
			record.Headers = append(record.Headers, h)
		}
	}
	return record, nil
}

// fetchPatience is how long the record at some coordinates may take to come.
const fetchPatience = 10 * time.Second

// fetch reads the record that stands at a dead letter's coordinates.
func (s *Sender) fetch(ctx context.Context, d audit.DeadLetter) (*kgo.Record, error) {
	gone := fmt.Errorf("its record was left out of the dead letter and is not at %s any more", d.SourceCoordinates())
	client, err := s.cfg.NewClient(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{d.Source: {d.SourceAt: kgo.NewOffset().At(d.SourceOffset)}}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
	)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, fetchPatience)
	defer cancel()
	fetches := client.PollFetches(ctx)
	if err := fetches.Err(); err != nil {
		return nil, errors.Join(gone, err)
	}
	for _, record := range fetches.Records() {
		if record.Offset == d.SourceOffset {
			return record, nil
		}
	}
	return nil, gone
}
