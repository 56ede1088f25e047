package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/processor"
	"rondo/schemas"
	"rondo/topology"
)

// Entry is a decision as the history has it.
type Entry struct {
	schemas.History
	Partition int32 // of the history topic
	Offset    int64
}

// History returns the decisions about one instance or desk, in order. since is a
// time before which nothing is looked for; zero: all that the topic holds.
func History(ctx context.Context, cfg processor.Config, of topology.Address, since time.Time) ([]Entry, error) {
	client, err := cfg.NewClient()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	home, err := Home(ctx, cfg, client, of.Key)
	if err != nil {
		return nil, err
	}
	var out []Entry
	err = scan(ctx, cfg, stretch{cfg.OwnTopics().History, []int32{home}, since}, func(record *kgo.Record) error {
		if string(record.Key) != of.String() {
			return nil
		}
		entry, err := entryOf(record)
		out = append(out, entry)
		return err
	})
	return out, err
}

func entryOf(record *kgo.Record) (Entry, error) {
	decision, err := schemas.DecodeHistory(record.Value)
	if err != nil {
		return Entry{}, fmt.Errorf("history record %s/%d/%d: %w", record.Topic, record.Partition, record.Offset, err)
	}
	return Entry{decision, record.Partition, record.Offset}, nil
}

// LastRun returns the decisions about the latest run of a history: what came
// before it belongs to former lives of the key.
func LastRun(entries []Entry) []Entry {
	run, from := "", 0
	for i, e := range entries {
		if e.Run != "" && e.Run != run {
			run, from = e.Run, i
		}
	}
	return entries[from:]
}
