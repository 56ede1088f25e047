package processor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"rondo/schemas"
	"rondo/statestore"
	"rondo/topology"
)

// offsetNote is the metadata of an offset that a lane commits: that it is a lane's,
// and the number of partitions that the topic had when its partition was first
// read. Offsets that carry it without a progress record in the changelog mean that
// the changelog was lost, not that somebody chose where to begin.
type offsetNote struct{ partitions int32 }

const offsetNoteForm = "rondo, of %d partitions"

func (n offsetNote) String() string { return fmt.Sprintf(offsetNoteForm, n.partitions) }

// parseOffsetNote is false for what no lane has written.
func parseOffsetNote(text string) (offsetNote, bool) {
	var n offsetNote
	_, err := fmt.Sscanf(text, offsetNoteForm, &n.partitions)
	return n, err == nil
}

// haltError stops one partition until an operator has acted: going on by
// itself would lose something. The text ends with what to do.
type haltError struct{ text string }

func (e *haltError) Error() string { return e.text }

func halt(format string, args ...any) error { return &haltError{fmt.Sprintf(format, args...)} }

// errMoved means that somebody else has committed while this lane was taking
// over: the assignment it acts on is old. It starts over.
var errMoved = errors.New("the partition's offsets moved during the takeover")

// takeOver makes this lane the owner of its state partition, in this order:
//
//  1. have nothing of the partition's former lane on this node under way, and
//     the lane's ring open, so that nothing of its own is undecided; and end the
//     transactions that a former owner has left open;
//  2. read the stable offsets;
//  3. restore the state to the changelog's high watermark, which holds
//     everything that a committing predecessor had written;
//  4. read the stable offsets again: they must not have moved, and must be
//     what the changelog's progress record says.
//
// Only then does it read inputs and decide.
func (l *lane) takeOver(ctx context.Context) (*tenure, error) {
	for _, c := range []*committer{l.shared.together, l.shared.aside} {
		if err := c.settled(ctx, l.partition); err != nil {
			return nil, err
		}
	}
	if err := l.by.ready(ctx); err != nil {
		return nil, err
	}
	if l.doubtful {
		l.by = l.shared.aside
	}
	if err := l.fenceFormer(ctx); err != nil {
		return nil, err
	}
	return l.settle(ctx)
}

func (l *lane) settle(ctx context.Context) (*tenure, error) {
	before, err := l.shared.cluster.stableOffsets(ctx, l.inputs)
	if err != nil {
		return nil, err
	}
	changelog, err := l.restore(ctx)
	if err != nil {
		return nil, err
	}
	after, err := l.shared.cluster.stableOffsets(ctx, l.inputs)
	if err != nil {
		return nil, err
	}
	if !maps.Equal(before, after) {
		return nil, errMoved
	}
	progress, found, err := l.storedProgress()
	if err != nil {
		return nil, err
	}
	start, err := l.startingPoint(ctx, after, progress, found)
	if err != nil {
		return nil, l.orRebuild(err)
	}
	l.rebuilt = false
	t := newTenure(l, changelog, start)
	if start.fresh {
		return t, t.writeStart(ctx)
	}
	return t, nil
}

// orRebuild has the local state rebuilt from the changelog, once, before a
// takeover halts: what is wrong may be the local state. It can hold a transaction
// whose commit the brokers had confirmed and which was aborted after all
// (docs/operations.md, Hanging transactions).
func (l *lane) orRebuild(err error) error {
	if l.rebuilt || !errors.As(err, new(*haltError)) {
		return err
	}
	l.rebuilt = true
	return fmt.Errorf("%w: it may not be what the changelog holds: %s", statestore.ErrDamaged, err.Error())
}

// restore brings the local state to the changelog's high watermark.
func (l *lane) restore(ctx context.Context) (topicFacts, error) {
	changelog := input{l.shared.topics.Changelog, l.partition}
	facts, err := l.shared.cluster.freshTopic(ctx, changelog.topic)
	if err != nil {
		return facts, err
	}
	marks, err := l.shared.cluster.highWatermarks(ctx, []input{changelog})
	if err != nil {
		return facts, err
	}
	restoring := restoration{lane: l, changelog: changelog, facts: facts, end: marks[changelog]}
	return facts, restoring.run(ctx)
}

func (l *lane) storedProgress() (schemas.Progress, bool, error) {
	entry, found, err := l.store.Get([]byte(progressKey))
	if err != nil || !found {
		return schemas.Progress{}, false, err
	}
	progress, err := schemas.DecodeProgress(entry.Value)
	if err != nil {
		return schemas.Progress{}, false, fmt.Errorf("progress record of partition %d: %w", l.partition, damaged(err))
	}
	return progress, true, nil
}

// start is where a tenure begins.
type start struct {
	next    map[input]int64
	ids     map[input]topicID
	notes   map[input]offsetNote
	at      topology.Instant // of the last decision
	feeders map[string]bool
	unread  []schemas.InputPosition // of inputs in the progress record that the lane does not read now
	fresh   bool                    // some offsets are in no progress record yet
}

// startingPoint compares what the group and the changelog say of each input,
// and finds where to begin with those that neither knows.
func (l *lane) startingPoint(ctx context.Context, offsets map[input]committed, progress schemas.Progress, found bool) (start, error) {
	s := start{
		next:    make(map[input]int64, len(l.inputs)),
		ids:     make(map[input]topicID, len(l.inputs)),
		notes:   make(map[input]offsetNote, len(l.inputs)),
		at:      progress.At,
		feeders: make(map[string]bool),
	}
	for _, topic := range progress.Feeders {
		s.feeders[topic] = true
	}
	known := make(map[input]schemas.InputPosition)
	for _, p := range progress.Inputs {
		in := input{p.Topic, p.Partition}
		known[in] = p
		if !slices.Contains(l.inputs, in) {
			s.unread = append(s.unread, p)
		}
	}
	var first []firstReading
	for _, in := range l.inputs {
		facts, err := l.shared.cluster.freshTopic(ctx, in.topic)
		if err != nil {
			return s, err
		}
		s.ids[in] = facts.id
		recorded, inProgress := known[in]
		group, inGroup := offsets[in]
		note, ours := parseOffsetNote(group.note)
		if s.notes[in] = note; !ours {
			s.notes[in] = offsetNote{facts.partitions}
		}
		switch {
		case inProgress && recorded.TopicID != facts.id:
			return s, halt("%v was deleted and created again since it was last read (up to offset %d): its records since then cannot be told from old ones. "+
				"Stop the nodes and give the application a new name, or restore the topic", in, recorded.Next)
		case inProgress && inGroup && group.next != recorded.Next:
			return s, halt("group %s has %v at offset %d, but the changelog says that it is decided up to %d: somebody has moved the group's offsets. "+
				"Stop the nodes and put it back: kafka-consumer-groups --group %s --topic %s:%d --reset-offsets --to-offset %d --execute",
				l.shared.config.App, in, group.next, recorded.Next, l.shared.config.App, in.topic, in.partition, recorded.Next)
		case inProgress:
			s.next[in] = recorded.Next
			s.fresh = s.fresh || !inGroup // offsets that the group has lost are given back
		case inGroup && ours && !found:
			return s, halt("group %s has decided %v up to offset %d, but the changelog %s/%d knows nothing of it: the changelog was lost or created anew. "+
				"Restore it, or give the application a new name", l.shared.config.App, in, group.next, l.shared.topics.Changelog, l.partition)
		case inGroup: // chosen by hand before the first start
			s.next[in] = group.next
			s.fresh = true
		default:
			added, err := l.wasAdded(ctx, in, facts, progress)
			if err != nil {
				return s, err
			}
			reading, err := l.firstReading(ctx, in, added)
			if err != nil {
				return s, err
			}
			s.next[in] = reading.begins
			first = append(first, reading)
			s.fresh = true
		}
	}
	l.tellFirstReadings(first)
	return s, l.checkReadable(ctx, s.next)
}

// wasAdded reports whether a partition that was never read was added to its topic
// after others had been: it holds nothing that was there before. This lane may have
// read none of them, so the group is asked.
func (l *lane) wasAdded(ctx context.Context, in input, facts topicFacts, progress schemas.Progress) (bool, error) {
	if slices.ContainsFunc(progress.Inputs, func(p schemas.InputPosition) bool { return p.Topic == in.topic }) {
		return true, nil
	}
	all := make([]input, facts.partitions)
	for p := range facts.partitions {
		all[p] = input{in.topic, p}
	}
	// Offsets that are being committed at this moment are of no interest, and not waited for.
	offsets, err := l.shared.cluster.fetchOffsets(ctx, all, false)
	if err != nil {
		return false, err
	}
	for _, at := range offsets {
		if note, ours := parseOffsetNote(at.note); ours && in.partition >= note.partitions {
			return true, nil
		}
	}
	return false, nil
}

// checkReadable halts where records that were not decided are gone.
func (l *lane) checkReadable(ctx context.Context, next map[input]int64) error {
	starts, err := l.shared.cluster.starts(ctx, l.inputs)
	if err != nil {
		return err
	}
	ends, err := l.shared.cluster.highWatermarks(ctx, l.inputs)
	if err != nil {
		return err
	}
	for _, in := range l.inputs {
		switch {
		case next[in] < starts[in]:
			return halt("records %d to %d of %v were deleted by the topic's retention before they were decided. "+
				"To go on without them: stop the nodes and give the application a new name, or restore the records", next[in], starts[in]-1, in)
		case next[in] > ends[in]:
			return halt("%v ends at offset %d, but records up to %d have been decided: the topic has lost records. "+
				"Restore the topic, or give the application a new name", in, ends[in], next[in])
		}
	}
	return nil
}

// retryDelay is how long a lane rests before it takes over again, by the
// number of failures in a row.
func retryDelay(failures int) time.Duration {
	return min(50*time.Millisecond<<min(failures, 8), 5*time.Second)
}
