package audit

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/processor"
)

// DeadLetter is a record that could not be used, with why.
type DeadLetter struct {
	Partition int32 // of the dead letters' topic
	Offset    int64
	At        time.Time

	Reason   string // code: no-key, undecodable …
	Text     string
	Workflow string // "" where no workflow is to blame
	Instance string // its key; "" where it is not known

	Source       string // topic
	SourceAt     int32  // partition
	SourceOffset int64
	// Incomplete says why Record is not what stood there: it was left out, or
	// written in another form. "" if it is.
	Incomplete string
	Replayed   string    // the dead letter that was replayed into this record; "" if none
	ReplayedAt time.Time // when this one was replayed last; zero: never

	Record *kgo.Record // of the dead letters' topic
}

// Coordinates name the dead letter: partition/offset.
func (d DeadLetter) Coordinates() string { return fmt.Sprintf("%d/%d", d.Partition, d.Offset) }

// SourceCoordinates name the record that it was: topic/partition/offset; "no
// record" where only a timer had come.
func (d DeadLetter) SourceCoordinates() string {
	if d.Source == "" {
		return "no record"
	}
	return fmt.Sprintf("%s/%d/%d", d.Source, d.SourceAt, d.SourceOffset)
}

// DeadLetters returns the dead letters for which keep holds, by partition and
// offset. since is a time before which none is looked for; zero: all.
func DeadLetters(ctx context.Context, cfg processor.Config, since time.Time, keep func(DeadLetter) bool) ([]DeadLetter, error) {
	var out []DeadLetter
	replayed := Replays{}
	err := scan(ctx, cfg, stretch{topic: cfg.OwnTopics().DeadLetters, since: since}, func(record *kgo.Record) error {
		if replayed.take(record) {
			return nil
		}
		d, err := deadLetterOf(record)
		if err != nil {
			return fmt.Errorf("dead letter %s/%d/%d: %w", record.Topic, record.Partition, record.Offset, err)
		}
		if keep(d) {
			out = append(out, d)
		}
		return nil
	})
	for i := range out {
		out[i].ReplayedAt = replayed[out[i].Coordinates()]
	}
	return out, err
}

// Replays say when dead letters were replayed last, by their coordinates. The marks
// stand in the dead letter's partition behind it, so they are kept as long as it is.
type Replays map[string]time.Time

// ReadReplays reads all that there are now.
func ReadReplays(ctx context.Context, cfg processor.Config) (Replays, error) {
	out := Replays{}
	return out, scan(ctx, cfg, stretch{topic: cfg.OwnTopics().DeadLetters}, func(record *kgo.Record) error {
		out.take(record)
		return nil
	})
}

// take notes a mark; false if the record is none.
func (r Replays) take(record *kgo.Record) bool {
	letter, is := markOf(record)
	if is {
		r[letter] = record.Timestamp.UTC()
	}
	return is
}

// markOf returns the dead letter that a record marks as replayed; false if it marks
// none.
func markOf(record *kgo.Record) (letter string, is bool) {
	for _, h := range record.Headers {
		switch h.Key {
		case processor.HeaderReplayed:
			letter, is = string(h.Value), true
		case processor.HeaderDeadReason:
			return "", false
		}
	}
	return letter, is
}

func deadLetterOf(record *kgo.Record) (DeadLetter, error) {
	d := DeadLetter{Partition: record.Partition, Offset: record.Offset, At: record.Timestamp.UTC(), Record: record}
	for _, h := range record.Headers {
		if err := d.read(h.Key, string(h.Value)); err != nil {
			return d, err
		}
	}
	return d, nil
}

// read takes one header. Of several of one name the last counts: a dead letter
// that was replayed and failed again has only its own, but services may copy.
func (d *DeadLetter) read(name, value string) error {
	switch name {
	case processor.HeaderDeadReason:
		d.Reason = value
	case processor.HeaderDeadText:
		d.Text = value
	case processor.HeaderDeadWorkflow:
		d.Workflow = value
	case processor.HeaderDeadInstance:
		d.Instance = value
	case processor.HeaderDeadTopic:
		d.Source = value
	case processor.HeaderDeadPartition:
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil {
			return fmt.Errorf("header %s is %q, not a partition", name, value)
		}
		d.SourceAt = int32(n)
	case processor.HeaderDeadOffset:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return fmt.Errorf("header %s is %q, not an offset", name, value)
		}
		d.SourceOffset = n
	case processor.HeaderDeadOmitted, processor.HeaderDeadForm:
		d.Incomplete = value
	case processor.HeaderReplay:
		d.Replayed = value
	}
	return nil
}
