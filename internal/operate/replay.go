package operate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/audit"
	"rondo/processor"
)

// Replay writes dead letters back to where they came from: to the partition of
// their source, with key, value and headers as they were, and a header that says
// which dead letter it was. done hears of each, in order; one that cannot be
// replayed has an error there and does not keep the others back. The error
// returned is about the brokers.
func (s *Sender) Replay(ctx context.Context, letters []audit.DeadLetter, done func(audit.DeadLetter, Written, error)) error {
	for _, d := range letters {
		record, err := s.original(ctx, d)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			done(d, Written{}, err)
			continue
		}
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: processor.HeaderReplay, Value: []byte(d.Coordinates())})
		if err := s.client.ProduceSync(ctx, record).FirstErr(); err != nil {
			return s.cfg.Explain("write to topic "+d.Source, err)
		}
		done(d, Written{record.Topic, record.Partition, record.Offset}, nil)
	}
	return nil
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
		if !strings.HasPrefix(h.Key, processor.HeaderDeadPrefix) && h.Key != processor.HeaderReplay {
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
