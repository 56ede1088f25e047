package processor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/statestore"
)

// progressKey is the key, in the changelog and in the store, of the record
// that says how far the inputs of a partition have been decided. No instance
// can have it: a workflow's name does not begin with @.
const progressKey = "@progress"

// dueHeader carries, beside an instance in the changelog, when its next timer
// is due (milliseconds since the epoch, in decimal), so that restoring needs
// no knowledge of instances.
const dueHeader = "rondo-due"

// restoration brings the store's copy of one state partition up to the
// changelog's end.
type restoration struct {
	lane      *lane
	changelog input
	facts     topicFacts
	end       int64 // the high watermark, read after the former owner was fenced
}

// errNoRecords is what a changelog says that claims records and yields none.
var errNoRecords = errors.New("no record for a long time")

// run restores. It starts where the store stands, or at the changelog's start
// if what the store holds cannot be trusted any more.
func (r restoration) run(ctx context.Context) error {
	from, err := r.begin(ctx)
	if err != nil {
		return err
	}
	if from >= r.end {
		return nil
	}
	restorer := r.lane.store.Restore()
	next, records, err := r.follow(ctx, from, restorer)
	if err != nil {
		return fmt.Errorf("restore partition %d from %v at %d of %d: %w", r.lane.partition, r.changelog, next, r.end, err)
	}
	if err := restorer.Flush(r.position(next)); err != nil {
		return fmt.Errorf("restore partition %d: %w", r.lane.partition, err)
	}
	r.lane.log.Info("state restored", "from", from, "to", next, "records", records)
	return nil
}

func (r restoration) position(next int64) statestore.Position {
	return statestore.Position{TopicID: r.facts.id, Offset: next, AppliedAt: time.Now().UnixMilli()}
}

// begin returns the offset from which to read. Local state that cannot be
// brought up to date is dropped: that of another topic, ahead of the log,
// behind its start, or so old that the tombstones behind it may be gone, in
// which case keys deleted meanwhile would come back.
func (r restoration) begin(ctx context.Context) (int64, error) {
	starts, err := r.lane.shared.cluster.starts(ctx, []input{r.changelog})
	if err != nil {
		return 0, err
	}
	start := starts[r.changelog]
	position, found, err := r.lane.store.Position()
	if err != nil && !errors.Is(err, statestore.ErrDamaged) {
		return 0, err
	}
	why := ""
	switch {
	case err != nil:
		why = err.Error()
	case !found:
		why = "nothing is here yet"
	case position.TopicID != r.facts.id:
		why = "it belongs to a changelog that was deleted"
	case position.Offset > r.end:
		why = "it is ahead of the changelog"
	case position.Offset < start:
		why = "the changelog's records behind it are gone"
	case position.Offset < r.end && r.tooOld(position):
		why = "it is older than the changelog keeps tombstones"
	}
	if why == "" {
		return position.Offset, nil
	}
	r.lane.log.Info("restoring from the changelog's start", "reason", why, "start", start)
	if err := r.lane.store.Wipe(); err != nil {
		return 0, fmt.Errorf("drop the local state of partition %d: %w", r.lane.partition, err)
	}
	return start, nil
}

func (r restoration) tooOld(position statestore.Position) bool {
	age := time.Since(time.UnixMilli(position.AppliedAt))
	return age > r.facts.deleteRetention/2
}

// follow reads committed changelog records from an offset until everything
// below the end has been seen, and returns the next offset.
func (r restoration) follow(ctx context.Context, from int64, into *statestore.Restorer) (next int64, records int, err error) {
	client, err := r.lane.shared.newClient(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
			r.changelog.topic: {r.changelog.partition: kgo.NewOffset().At(from)},
		}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // a trailing marker is progress too
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchMaxWait(500*time.Millisecond),
		kgo.MetadataMinAge(100*time.Millisecond),
	)
	if err != nil {
		return from, 0, err
	}
	defer client.Close()

	next = from
	for next < r.end {
		fetches, err := pollWithin(ctx, client, restoreSilence)
		if err != nil {
			return next, records, err
		}
		for _, record := range fetches.Records() {
			if err := apply(record, into); err != nil {
				return next, records, err
			}
			next = record.Offset + 1
			records++
		}
		if into.Pending() >= restoreStep {
			if err := into.Flush(r.position(next)); err != nil {
				return next, records, err
			}
		}
		r.lane.progress(r.end - next)
	}
	return next, records, nil
}

// restoreStep is after how many bytes the store's position moves, so that a
// restore which is broken off goes on there.
const restoreStep = 16 << 20

// restoreSilence is how long a changelog may yield nothing before the lane
// says so and starts again. An open transaction of a client that is neither
// fenced nor ours ends within its timeout; two are a fault to report.
const restoreSilence = 30 * time.Second

func pollWithin(ctx context.Context, client *kgo.Client, limit time.Duration) (kgo.Fetches, error) {
	polling, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	fetches := client.PollFetches(polling)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if polling.Err() != nil {
		return nil, errNoRecords
	}
	return fetches, fetches.Err()
}

// apply writes one changelog record into the store.
func apply(record *kgo.Record, into *statestore.Restorer) error {
	if record.Attrs.IsControl() {
		return nil
	}
	if record.Value == nil {
		return into.Delete(record.Key)
	}
	due, err := dueOf(record)
	if err != nil {
		return fmt.Errorf("changelog record at offset %d: %w", record.Offset, err)
	}
	return into.Put(record.Key, statestore.Entry{Value: record.Value, Due: due})
}

func dueOf(record *kgo.Record) (int64, error) {
	for _, h := range record.Headers {
		if h.Key == dueHeader {
			due, err := strconv.ParseInt(string(h.Value), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("header %s is %q, not a time in milliseconds", dueHeader, h.Value)
			}
			return due, nil
		}
	}
	return 0, nil
}
