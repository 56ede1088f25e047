package verdict

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Scope says which records belong to a run.
type Scope struct {
	Run    string       // begins the keys of the run's cases
	Group  string       // the orchestrator's consumer group
	Topics Topics       // where to look
	Start  kadm.Offsets // the ends of the topics before the run began
}

// Mark notes the ends of the topics: what a run writes comes behind them.
func Mark(ctx context.Context, admin *kadm.Client, topics Topics) (kadm.Offsets, error) {
	ends, err := admin.ListEndOffsets(ctx, topics.All()...)
	if err != nil {
		return nil, fmt.Errorf("note the ends of the topics: %w", err)
	}
	if err := ends.Error(); err != nil {
		return nil, fmt.Errorf("note the ends of the topics: %w", err)
	}
	return ends.Offsets(), nil
}

// Read reads the topics read_committed from the marks to their ends, with a
// client of its own. Nothing may be writing any more, or the books are of
// different moments.
func Read(ctx context.Context, seeds []string, scope Scope) (*Books, error) {
	cl, err := newReader(seeds)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	admin := kadm.NewClient(cl)
	ends, open, err := stableEnds(ctx, admin, scope.Topics)
	if err != nil {
		return nil, err
	}
	books := &Books{Run: scope.Run, Open: open}
	if books.Unread, err = Unread(ctx, seeds, scope.Start, scope.Group, scope.Topics.Read()...); err != nil {
		return nil, err
	}
	records, err := readBetween(ctx, cl, scope.Start, ends)
	if err != nil {
		return nil, err
	}
	books.file(records, scope.Topics)
	return books, nil
}

func newReader(seeds []string) (*kgo.Client, error) {
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(seeds...),
		kgo.ClientID("rondo-demo-reader"),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		// The record before the last stable offset may be a marker: only with
		// markers shown does the reader see that it has come to the end.
		kgo.KeepControlRecords(),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
	)
	if err != nil {
		return nil, fmt.Errorf("open a reader of the topics: %w", err)
	}
	return cl, nil
}

// stableEnds lists the last stable offsets, and the partitions in which a
// transaction is open at the end.
func stableEnds(ctx context.Context, admin *kadm.Client, topics Topics) (kadm.Offsets, []Place, error) {
	stable, err := admin.ListCommittedOffsets(ctx, topics.All()...)
	if err == nil {
		err = stable.Error()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("list the stable ends of the topics: %w", err)
	}
	ends, err := admin.ListEndOffsets(ctx, topics.All()...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("list the ends of the topics: %w", err)
	}
	var open []Place
	stable.Each(func(l kadm.ListedOffset) {
		if end, ok := ends.Lookup(l.Topic, l.Partition); ok && l.Offset < end.Offset {
			open = append(open, Place{l.Topic, l.Partition, l.Offset})
		}
	})
	sortPlaces(open)
	return stable.Offsets(), open, nil
}

// Unread lists, for each partition of the topics, the first record behind start
// that a consumer group has not committed. Behind a transaction's records stands
// its marker, which no consumer commits, so offsets alone do not tell: what is
// left is read.
func Unread(ctx context.Context, seeds []string, start kadm.Offsets, group string, topics ...string) ([]Place, error) {
	cl, err := newReader(seeds)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	admin := kadm.NewClient(cl)
	ends, err := admin.ListCommittedOffsets(ctx, topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("list the ends of %v: %w", topics, err)
	}
	committed, err := stableOffsets(ctx, admin, group)
	if err != nil {
		return nil, err
	}
	left, err := readBetween(ctx, cl, latest(ends, start, committed), ends.Offsets())
	if err != nil {
		return nil, err
	}
	return firsts(left), nil
}

// stableOffsets returns what a group has committed; nothing if there is no such
// group. It waits until no transaction on an offset is undecided.
func stableOffsets(ctx context.Context, admin *kadm.Client, group string) (kadm.OffsetResponses, error) {
	for {
		offsets, err := admin.FetchOffsets(kadm.RequireStable(ctx), group)
		if err == nil {
			err = offsets.Error()
		}
		switch {
		case err == nil, errors.Is(err, kerr.GroupIDNotFound):
			return offsets, nil
		case !errors.Is(err, kerr.UnstableOffsetCommit):
			return nil, fmt.Errorf("fetch the offsets of group %s: %w", group, err)
		}
		select {
		case <-time.After(unstablePause):
		case <-ctx.Done():
			return nil, fmt.Errorf("fetch the offsets of group %s: %w", group, ctx.Err())
		}
	}
}

// unstablePause is how long a transaction that is being completed gets before
// offsets are asked for again.
const unstablePause = 20 * time.Millisecond

// latest is where each listed partition was read to: where the run began, or
// what was committed since.
func latest(listed kadm.ListedOffsets, start kadm.Offsets, committed kadm.OffsetResponses) kadm.Offsets {
	out := kadm.Offsets{}
	listed.Each(func(l kadm.ListedOffset) {
		at := int64(0)
		if s, ok := start.Lookup(l.Topic, l.Partition); ok {
			at = s.At
		}
		if c, ok := committed.Lookup(l.Topic, l.Partition); ok {
			at = max(at, c.At)
		}
		out.Add(kadm.Offset{Topic: l.Topic, Partition: l.Partition, At: at})
	})
	return out
}

// firsts are the places of the first record of each partition.
func firsts(records []Record) []Place {
	var out []Place
	for _, r := range records {
		if !slices.ContainsFunc(out, func(p Place) bool { return p.Topic == r.Topic && p.Partition == r.Partition }) {
			out = append(out, r.Place)
		}
	}
	sortPlaces(out)
	return out
}

func sortPlaces(places []Place) {
	slices.SortFunc(places, func(a, b Place) int {
		if c := strings.Compare(a.Topic, b.Topic); c != 0 {
			return c
		}
		return int(a.Partition - b.Partition)
	})
}

// readBetween reads every partition from its start to its end. Records of one
// partition stay in their order.
func readBetween(ctx context.Context, cl *kgo.Client, start, ends kadm.Offsets) ([]Record, error) {
	left := map[string]map[int32]int64{}
	assign := map[string]map[int32]kgo.Offset{}
	open := 0
	ends.Each(func(end kadm.Offset) {
		from, ok := start.Lookup(end.Topic, end.Partition)
		if !ok || from.At >= end.At {
			return
		}
		if left[end.Topic] == nil {
			left[end.Topic], assign[end.Topic] = map[int32]int64{}, map[int32]kgo.Offset{}
		}
		left[end.Topic][end.Partition] = end.At
		assign[end.Topic][end.Partition] = kgo.NewOffset().At(from.At)
		open++
	})
	cl.AddConsumePartitions(assign)
	var out []Record
	for open > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetchError(fetches); err != nil {
			return nil, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			end := left[r.Topic][r.Partition]
			if r.Offset < end && !r.Attrs.IsControl() {
				out = append(out, recordOf(r))
			}
			if r.Offset == end-1 {
				open--
			}
		})
	}
	return out, nil
}

func fetchError(fetches kgo.Fetches) error {
	var errs []error
	fetches.EachError(func(topic string, partition int32, err error) {
		errs = append(errs, fmt.Errorf("read %s/%d: %w", topic, partition, err))
	})
	return errors.Join(errs...)
}

func recordOf(r *kgo.Record) Record {
	headers := make(map[string]string, len(r.Headers))
	for _, h := range r.Headers {
		headers[h.Key] = string(h.Value)
	}
	return Record{
		Place:   Place{r.Topic, r.Partition, r.Offset},
		Time:    r.Timestamp,
		Key:     string(r.Key),
		Value:   r.Value,
		Headers: headers,
	}
}

// file puts the records where they belong.
func (b *Books) file(records []Record, topics Topics) {
	for _, r := range records {
		switch {
		case slices.Contains(topics.Commands, r.Topic):
			b.Commands = append(b.Commands, r)
		case slices.Contains(topics.Inputs, r.Topic):
			b.Inputs = append(b.Inputs, r)
		case slices.Contains(topics.Tables, r.Topic):
			b.Tables = append(b.Tables, r)
		case r.Topic == topics.Ledger:
			b.Ledger = append(b.Ledger, r)
		case r.Topic == topics.DeadLetters:
			b.DeadLetters = append(b.DeadLetters, r)
		case r.Topic == topics.Changelog:
			b.Changelog = append(b.Changelog, r)
		}
	}
}
