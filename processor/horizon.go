package processor

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"rondo/topology"
)

// horizon tells how far the timers of a state partition may fire.
//
// A backlog is not a timeout: a timer fires only after every record that was
// in the partition's topics when it fell due has been decided. So, when a
// timer is due, the lane asks once for the ends of its inputs; all timers that
// were due at the time of asking may fire as soon as the lane's positions have
// passed those ends.
//
// A record may also be on its way to this partition by another lane, which
// reads it from a partition of a source whose producers partition in another
// way, and sends it on through the inbox. That lane commits the record's
// offset and the inbox record in one transaction. So the committed offsets of
// such a source tell when everything that was there has been sent on; what the
// inbox holds then is waited for as well. A source counts as such a feeder
// once one of its records, or of another topic of the same workflow, has come
// through the inbox, and always if it has another number of partitions than the
// application.
//
// What is waited for may also come as a letter: a child's outcome, or an event
// that a mailbox hands on. It is caused by a record that any lane reads, ours
// too, and passes through an inbox or two on its way. So, once an instance of the
// partition has begun a child or made itself known by a value, the sources of
// that child or that value are feeders, in all their partitions; and when they
// have been passed, so must be what lies in the inboxes, once for each hop.
type horizon struct {
	tenure  *tenure
	answers chan horizonAnswer // capacity 1
	cancel  context.CancelFunc // of the question on its way

	asking    bool
	failures  int       // in a row, of questions
	notBefore time.Time // after a failed question
	known     bool
	until     topology.Instant
	ends      map[input]int64
}

type horizonAnswer struct {
	until topology.Instant
	ends  map[input]int64
	held  bool // the feeders were not waited for to the end
	err   error
}

// What bounds the waiting for other lanes.
const (
	timerHold = 30 * time.Second
	// letterHops are the inboxes through which a record acts on an instance
	// elsewhere before it reaches the inbox of that: a mailbox's, whose event is
	// for a child, and the child's, whose outcome is for its parent. What takes
	// more, a child's child, may come after a timeout.
	letterHops      = 2
	feederPoll      = 20 * time.Millisecond
	horizonDeadline = timerHold + 30*time.Second
)

func newHorizon(t *tenure) *horizon {
	return &horizon{tenure: t, answers: make(chan horizonAnswer, 1), cancel: func() {}}
}

// passed returns up to when timers may fire now. If a timer is due beyond what
// is known, it asks.
func (h *horizon) passed() (topology.Instant, bool) {
	due, ok := h.tenure.lane.store.NextDue()
	now := h.tenure.now()
	if !ok || topology.Instant(due) > now {
		return 0, false
	}
	if h.covers(due) {
		return h.until, h.reached()
	}
	if !h.asking && !h.tenure.lane.shared.clock().Before(h.notBefore) {
		h.ask(now)
	}
	return 0, false
}

// wakeAt returns when the lane must turn for a timer that is due at due. It is
// false while an answer or a record is what the timer waits for.
func (h *horizon) wakeAt(due int64) (int64, bool) {
	switch {
	case h.asking, h.covers(due) && !h.reached():
		return 0, false
	case h.covers(due):
		return due, true
	default:
		return max(due, h.notBefore.UnixMilli()), true
	}
}

func (h *horizon) covers(due int64) bool { return h.known && topology.Instant(due) <= h.until }

func (h *horizon) reached() bool {
	for in, end := range h.ends {
		if h.tenure.next[in] < end {
			return false
		}
	}
	return true
}

// spent forgets an answer that has done its work.
func (h *horizon) spent() { h.known = false }

func (h *horizon) ask(now topology.Instant) {
	ctx, cancel := context.WithTimeout(context.Background(), horizonDeadline)
	h.cancel, h.asking, h.known = cancel, true, false
	question := horizonQuestion{
		cluster:    h.tenure.lane.shared.cluster,
		own:        h.tenure.lane.inputs,
		sources:    h.tenure.lane.shared.catalog.Sources(),
		inbox:      h.tenure.lane.shared.topics.Inbox,
		partitions: int32(h.tenure.lane.shared.config.Partitions),
		feeders:    maps.Clone(h.tenure.feeders),
	}
	go func() {
		defer cancel()
		ends, held, err := question.answer(ctx)
		h.answers <- horizonAnswer{until: now, ends: ends, held: held, err: err}
	}()
}

// arrived takes the answer that was received from h.answers.
func (h *horizon) arrived(a horizonAnswer) {
	h.asking = false
	if a.err != nil {
		if h.failures%10 == 0 {
			h.tenure.lane.log.Warn("the inputs' ends are not known, timers wait", "error", a.err.Error())
		}
		h.failures++
		h.notBefore = h.tenure.lane.shared.clock().Add(retryDelay(h.failures))
		return
	}
	h.failures = 0
	if a.held {
		h.tenure.lane.log.Warn("timers fire although records may still be on their way from other partitions",
			"waited", timerHold.String())
		h.tenure.lane.shared.metrics.timersHeld.Inc()
	}
	h.known, h.until, h.ends = true, a.until, a.ends
}

// close ends the question on its way and waits for it.
func (h *horizon) close() {
	h.cancel()
	if h.asking {
		<-h.answers
		h.asking = false
	}
}

// horizonQuestion is asked of the cluster beside the lane's loop.
type horizonQuestion struct {
	cluster    *cluster
	own        []input
	sources    []string
	inbox      string          // the topic
	partitions int32           // of the application
	feeders    map[string]bool // sources that records come from through the inbox; the inbox itself, if letters do
}

func (q horizonQuestion) answer(ctx context.Context) (ends map[input]int64, held bool, err error) {
	feeders, err := q.feederInputs(ctx)
	if err != nil {
		return nil, false, err
	}
	giveUp := time.Now().Add(timerHold)
	if len(feeders) > 0 {
		if held, err = q.awaitFeeders(ctx, feeders, giveUp); err != nil {
			return nil, false, err
		}
	}
	if q.feeders[q.inbox] && !held {
		if held, err = q.awaitInboxes(ctx, giveUp); err != nil {
			return nil, false, err
		}
	}
	ends, err = q.ownEnds(ctx, len(feeders) > 0 || q.feeders[q.inbox])
	return ends, held, err
}

// ownEnds are the ends of the lane's inputs. With feeders, or where letters are
// waited for, that of the inbox is asked for after they have passed theirs, so that it holds what they have sent
// on: up to the high watermark, for that the group's offsets are committed says
// nothing yet of the marker in another partition of the same transaction.
func (q horizonQuestion) ownEnds(ctx context.Context, fed bool) (map[input]int64, error) {
	ends, err := q.cluster.ends(ctx, q.own)
	if err != nil || !fed {
		return ends, err
	}
	inbox := slices.DeleteFunc(slices.Clone(q.own), func(in input) bool { return in.topic != q.inbox })
	written, err := q.cluster.highWatermarks(ctx, inbox)
	maps.Copy(ends, written)
	return ends, err
}

// feederInputs are the partitions from which records can come to this lane
// through the inbox: those read by other lanes, and where letters come, by this
// one as well.
func (q horizonQuestion) feederInputs(ctx context.Context) ([]input, error) {
	var out []input
	for _, topic := range q.sources {
		facts, err := q.cluster.topic(ctx, topic)
		if errors.Is(err, errNoTopic) {
			continue // nothing can come from it; it must not stop the timers of all
		}
		if err != nil {
			return nil, err
		}
		if !q.feeders[topic] && facts.partitions == q.partitions {
			continue
		}
		for p := range facts.partitions {
			if in := (input{topic, p}); q.feeders[q.inbox] || !slices.Contains(q.own, in) {
				out = append(out, in)
			}
		}
	}
	return out, nil
}

// awaitFeeders waits until the lanes that read the feeders have committed
// everything that is in them now.
func (q horizonQuestion) awaitFeeders(ctx context.Context, feeders []input, giveUp time.Time) (held bool, err error) {
	ends, err := q.cluster.ends(ctx, feeders)
	if err != nil {
		return false, err
	}
	return q.await(ctx, feeders, ends, giveUp)
}

// awaitInboxes waits until everything that is in the application's inboxes has
// been decided, and what comes of that, for as many hops as letters may take.
func (q horizonQuestion) awaitInboxes(ctx context.Context, giveUp time.Time) (held bool, err error) {
	inboxes := make([]input, q.partitions)
	for p := range inboxes {
		inboxes[p] = input{q.inbox, int32(p)}
	}
	var before map[input]int64
	for range letterHops {
		ends, err := q.cluster.highWatermarks(ctx, inboxes)
		if err != nil {
			return false, err
		}
		if maps.Equal(ends, before) {
			return false, nil // nothing was written on the way
		}
		if held, err := q.await(ctx, inboxes, ends, giveUp); held || err != nil {
			return held, err
		}
		before = ends
	}
	return false, nil
}

// await waits until the group has committed inputs up to their ends; held is
// true if that has not come about by the time to give up.
func (q horizonQuestion) await(ctx context.Context, inputs []input, ends map[input]int64, giveUp time.Time) (held bool, err error) {
	for {
		offsets, err := q.cluster.stableOffsets(ctx, inputs)
		if err != nil {
			return false, err
		}
		behind := slices.ContainsFunc(inputs, func(in input) bool { return offsets[in].next < ends[in] })
		if !behind {
			return false, nil
		}
		if time.Now().After(giveUp) {
			return true, nil
		}
		if err := pause(ctx, feederPoll); err != nil {
			return false, err
		}
	}
}
