package processor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/schemas"
	"rondo/topology"
)

// tenure is one uninterrupted ownership of a state partition: from a takeover
// to the first error whose outcome is not certain, or to the end. Everything
// in it is forgotten with it.
type tenure struct {
	lane      *lane
	changelog topicFacts

	next    map[input]int64 // of each input, the next record to decide; what is committed, plus what the batches in flight and the open one hold
	ids     map[input]topicID
	notes   map[input]offsetNote    // what is committed with the offsets
	at      topology.Instant        // of the last decision
	feeders map[string]bool         // topics whose records have come through the inbox
	unread  []schemas.InputPosition // of inputs that the lane has read and does not read now

	open   *batch   // being decided, or offered to the committer; nil: none is
	flying []*batch // taken by the committer and not heard of since, the first one first; at most two, and beside an open one at most one

	intake   *intake
	waiting  []*kgo.Record // taken from the intake, not decided yet
	cache    *instanceCache
	horizon  *horizon      // how far timers may fire
	suspects int           // inputs in front of the lane among which one is that is refused; 0: none is known to be
	single   bool          // decide one input per transaction: it is the one that is refused
	refused  *refusedInput // until a transaction has been committed
	aborts   int           // in a row
	upTo     int           // so many inputs the next batch decides at most, for the one behind them has to wait; 0: as many as there are
	synced   int64         // offset of the inbox up to which this node knows the definitions that others went by

	// lazyUntil is when positions that moved without anything to write are
	// committed at the latest; zero if there are none.
	lazyUntil time.Time
	usual     int // instances that the last applied batch had changed

	definitions *definitionSet       // by which the desks of this partition were looked at last
	missing     map[string]time.Time // definitions that timers wait for, and when that was said
	asideBy     *definitionSet       // when timers were last recalled
	recalled    time.Time
	told        map[topology.Address]*topology.Plan // the newest version, as schedules and gates know it
}

func newTenure(l *lane, changelog topicFacts, s start) *tenure {
	t := &tenure{
		lane:      l,
		changelog: changelog,
		next:      s.next,
		ids:       s.ids,
		notes:     s.notes,
		at:        s.at,
		feeders:   s.feeders,
		unread:    s.unread,
		cache:     newInstanceCache(cachedInstances, cachedBytes),
		told:      make(map[topology.Address]*topology.Plan),
	}
	t.horizon = newHorizon(t)
	return t
}

// What bounds one transaction. Under light load it is what one poll brought;
// the bounds are met only by a backlog.
const (
	batchInputs = 1000
	batchTime   = 50 * time.Millisecond
	batchBytes  = 16 << 20 // written; what one input leads to may pass it
	// lazyCommit is how long positions that moved without effect (records that
	// are not ours, markers of others' transactions) wait for company.
	lazyCommit = time.Second
	// lazyInbox is the same for the inbox, whose end other lanes' timers wait
	// for when letters come to them; the marker of a transaction is such an end.
	lazyInbox = 50 * time.Millisecond
	// timersPerBatch keeps a burst of due timers from holding up the inputs.
	timersPerBatch = 200
)

// run is the lane's loop: what has come and what is due is decided, committed
// in one transaction, and applied; or, if that failed, decided again. While one
// batch is in flight the next is decided; see flight.go.
func (t *tenure) run(ctx context.Context) (err error) {
	defer t.leave()
	defer func() { err = errors.Join(err, t.abandon(ctx)) }()
	if t.intake, err = t.lane.shared.fetcher.start(ctx, t.next); err != nil {
		return err
	}
	for {
		if err := t.wait(ctx); err != nil {
			return err
		}
		if t.lane.stopped() {
			return t.finish(ctx)
		}
		if err := t.decide(ctx); err != nil {
			return err
		}
	}
}

// decide fills the open batch, or a new one, and offers it to the committer if it
// is worth a transaction.
func (t *tenure) decide(ctx context.Context) error {
	t.takeBackOffer()
	if t.mayDecide() {
		if err := t.fill(ctx); errors.Is(err, errAgain) {
			return t.again(ctx)
		} else if err != nil {
			return err
		}
	}
	b := t.open
	switch {
	case b == nil:
		return nil
	case b.share != nil:
		if len(t.flying) == 0 {
			t.lane.live() // it waits for its turn, which takes as long as the others do
		}
		return nil
	case b.worthCommitting():
		return b.seal()
	case len(t.flying) == 0:
		b.keepPositions()
		t.open = nil
		t.lane.live()
	}
	return nil
}

// fill decides inputs until there are no more or the batch is full: desks of
// definitions that are new, then records, then the timers that the horizon allows.
// Upon a batch in flight, and in one that is offered, it decides records only.
func (t *tenure) fill(ctx context.Context) error {
	if len(t.flying) > 0 && t.open == nil {
		if more, err := t.more(ctx); !more || err != nil {
			return err
		}
	}
	if t.open == nil {
		t.open = newBatch(t)
	}
	b, alone := t.open, t.alone(t.open)
	if alone {
		t.recallTimers()
		if err := b.keepDesks(ctx); err != nil {
			return err
		}
	}
	if err := t.consumeAll(ctx, b); err != nil || !alone {
		return err
	}
	return t.fireTimers(ctx, b)
}

// consumeAll decides records until there are no more or the batch is full.
func (t *tenure) consumeAll(ctx context.Context, b *batch) error {
	for !b.full() {
		if more, err := t.more(ctx); !more || err != nil {
			return err
		}
		if err := b.consume(ctx, t.waiting[0]); err != nil {
			return err
		}
		t.waiting = t.waiting[1:]
	}
	return nil
}

// replay prepares to decide an aborted batch again. The abort was answered, so
// nothing of it exists; no restore is needed.
func (t *tenure) replay(ctx context.Context, b *batch, cause error) error {
	t.lane.shared.metrics.aborts.Inc()
	var refused *RecordError
	switch {
	case errors.Is(cause, ErrStaleMember):
		return t.awaitMember(ctx, b.share.member, cause)
	case errors.Is(cause, ErrNotMember):
		return cause // the group has given the partition away; its callback says so
	case errors.As(cause, &refused) && refused.TooLarge():
		t.askAgain(ctx, refused.Topic)
		return t.isolate(b, refused)
	default:
		t.aborts++
		t.lane.log.Warn("transaction aborted, deciding again", "error", cause.Error(), "times", t.aborts)
		if t.aborts >= stillAfter {
			t.lane.standsStill(cause.Error())
		}
		t.lane.rest(ctx, retryDelay(t.aborts))
		return nil
	}
}

// askAgain asks how large the batches are that a topic takes: somebody may have
// changed it. Where the answer fails, what was known holds until the next refresh.
func (t *tenure) askAgain(ctx context.Context, topic string) {
	if _, err := t.lane.shared.cluster.freshTopic(ctx, topic); err != nil && ctx.Err() == nil {
		t.lane.log.Warn("what is known of a topic may be old", "topic", topic, "error", err.Error())
	}
}

// refusedInput is a record, or a timer, whose decision the brokers refuse to
// write. The record becomes a dead letter, and the instance of the timer an
// incident, so that the partition goes on. So does the instance that a letter is for,
// for somebody may wait for what the letter leads to; if that cannot be written either
// the letter becomes a dead letter.
type refusedInput struct {
	input  input
	offset int64
	timer  topology.Address // whose timer it is; zero: a record
	letter bool             // it is a letter, and who it is for can be told
	text   string
}

func (r *refusedInput) is(record *kgo.Record) bool {
	return r != nil && r.timer == topology.Address{} && r.input == inputOf(record) && r.offset == record.Offset
}

func (r *refusedInput) isTimerOf(to topology.Address) bool {
	return r != nil && r.timer != topology.Address{} && r.timer == to
}

// isolate finds the input whose records are refused: by halves, until it is alone in
// a transaction. If not even the dead letter or the incident that it becomes can be
// written, an operator must act.
func (t *tenure) isolate(b *batch, cause *RecordError) error {
	if !t.single && b.inputs != 1 {
		t.lane.log.Warn("a record was refused: deciding again, fewer inputs at a time", "inputs", b.inputs, "error", cause.Error())
		t.suspects, t.single = b.inputs, b.inputs == 0
		return nil
	}
	t.single = true
	culprit := b.lastRecord()
	switch {
	case culprit == nil && (b.fired.Workflow == "" || b.fired.Desk != "" || t.refused.isTimerOf(b.fired)):
		return halt("a timer's decision (of %s) cannot be written: %v. Raise max.message.bytes of the topic", b.fired, cause)
	case culprit == nil:
		t.refused = &refusedInput{timer: b.fired, text: tooMuch(cause)}
	case t.refused.is(culprit) && t.refused.letter:
		t.refused.letter = false
	case t.refused.is(culprit):
		return halt("%s cannot be decided, and not even a dead letter can be written: %v. Raise max.message.bytes of the topic",
			coordinates(culprit), cause)
	default:
		t.refused = &refusedInput{
			input:  inputOf(culprit),
			offset: culprit.Offset,
			letter: t.letterIn(culprit) != nil,
			text:   tooMuch(cause),
		}
	}
	return nil
}

// exonerate notes that the inputs of a batch were not refused, or that it was found
// and is dealt with.
func (t *tenure) exonerate(b *batch) {
	t.suspects = max(t.suspects-b.inputs, 0)
	if t.refused != nil {
		t.suspects = 0
	}
	t.single, t.refused = t.suspects == 1, nil
}

// letterIn is the letter of an inbox record; nil if it has none, or is none.
func (t *tenure) letterIn(record *kgo.Record) *topology.Letter {
	if record.Topic != t.lane.shared.topics.Inbox {
		return nil
	}
	message, err := schemas.DecodeInbox(record.Value)
	if err != nil {
		return nil // consumeInbox says why
	}
	return message.Letter
}

func tooMuch(cause *RecordError) string {
	return fmt.Sprintf("what it leads to cannot be written: %v. Raise max.message.bytes of the topic, or send less", cause)
}

// awaitMember waits for the assignment callback that confirms the partition
// under the group's new generation; it may have come already. If the partition was
// given away instead, the lane is stopped by that callback.
func (t *tenure) awaitMember(ctx context.Context, stale Member, cause error) error {
	if *t.lane.member.Load() != stale {
		return nil
	}
	timer := time.NewTimer(t.lane.shared.config.SessionTimeout)
	defer timer.Stop()
	select {
	case <-t.lane.changed:
		return nil
	case <-t.lane.stopping:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return fmt.Errorf("the group's new generation did not come: %w", cause)
	}
}

// wait returns when there is something to decide, when something has become of
// what was handed in, or when the lane is to stop.
func (t *tenure) wait(ctx context.Context) error {
	to, offered := t.offer()
	select {
	case to <- offered: // the committer has nothing else to do
		t.taken()
		return nil
	default:
	}
	var ready <-chan struct{}
	if t.mayDecide() {
		ready = t.intake.ready
	}
	if ready != nil && len(t.waiting) > 0 || t.lane.stopped() {
		return nil
	}
	timer := time.NewTimer(t.untilNext())
	defer timer.Stop()
	select {
	case to <- offered:
		t.taken()
	case answer := <-t.answer():
		return t.land(ctx, answer)
	case <-ready:
		_, err := t.more(ctx)
		return err
	case <-timer.C:
	case answer := <-t.horizon.answers:
		t.horizon.arrived(answer)
	case <-t.lane.stopping:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// idleTurn is how often an idle lane turns, to show that it lives.
const idleTurn = 2 * time.Second

// untilNext is how long there will be nothing to do unless a record comes, or an
// answer.
func (t *tenure) untilNext() time.Duration {
	d := idleTurn
	if t.open != nil || len(t.flying) > 0 {
		return d
	}
	if due, ok := t.nextDue(); ok {
		d = min(d, time.UnixMilli(due).Sub(t.lane.shared.clock()))
	}
	if !t.lazyUntil.IsZero() {
		d = min(d, t.lazyUntil.Sub(t.lane.shared.clock()))
	}
	return max(d, 0)
}

// nextDue is when the lane must turn for a timer: not while it waits for the
// horizon's answer, which wakes it by itself.
func (t *tenure) nextDue() (int64, bool) {
	due, ok := t.lane.store.NextDue()
	if !ok {
		return 0, false
	}
	return t.horizon.wakeAt(due)
}

// more reports whether records wait to be decided.
func (t *tenure) more(ctx context.Context) (bool, error) {
	if len(t.waiting) > 0 {
		return true, nil
	}
	var err error
	if t.waiting, err = t.intake.take(batchInputs); err != nil {
		return false, t.explainRead(ctx, err)
	}
	return len(t.waiting) > 0, nil
}

// explainRead turns an input that cannot be read into what an operator needs.
func (t *tenure) explainRead(ctx context.Context, err error) error {
	if halted := t.lane.checkReadable(ctx, t.next); halted != nil {
		return halted
	}
	return err
}

// writeStart commits where reading begins, before anything is read: from then
// on the changelog knows it, whatever happens to the group's offsets.
func (t *tenure) writeStart(ctx context.Context) error {
	if err := t.commitOpen(ctx); err != nil {
		return fmt.Errorf("write the starting point of partition %d: %w", t.lane.partition, err)
	}
	return nil
}

// finish waits for what is in flight, and commits what was decided upon it and
// positions that wait for company, so that the group's lag is exact after a clean
// stop. What waits in the intake is read by the next owner.
func (t *tenure) finish(ctx context.Context) error {
	if err := t.landAll(ctx); err != nil {
		return err
	}
	if t.open == nil && t.lazyUntil.IsZero() {
		return nil
	}
	return t.commitOpen(ctx)
}

// commitOpen runs a transaction of what the open batch holds; if there is none, of
// nothing but the inputs' positions.
func (t *tenure) commitOpen(ctx context.Context) error {
	b := t.open
	if t.open = nil; b == nil {
		b = newBatch(t)
	}
	if err := b.commit(ctx); err != nil {
		b.discard()
		return err
	}
	return b.apply()
}

// leave stops reading. It must not hang when the node is going down.
//
// It takes its time from no other context: an input that was left running would
// go on where it is when a lane of this node starts it again.
func (t *tenure) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	t.horizon.close()
	if err := t.lane.shared.fetcher.stop(ctx, t.intake); err != nil {
		t.lane.log.Debug("reading was not stopped", "error", err.Error())
	}
}

// load returns the committed instance under a key of the store with all its
// parts; the zero one if there is none.
func (t *tenure) load(key string) (cached, error) {
	if found, ok := t.cache.get(key); ok {
		return found, nil
	}
	entry, found, err := t.lane.store.Get([]byte(key))
	if err != nil || !found {
		return cached{}, err
	}
	loaded, err := decodeStored(t.lane.store, key, entry)
	if err != nil {
		return cached{}, fmt.Errorf("instance %s: %w", key, err)
	}
	t.cache.put(key, loaded)
	return loaded, nil
}

// fireTimers decides the timers that are due and that the horizon has passed.
func (t *tenure) fireTimers(ctx context.Context, b *batch) error {
	until, ok := t.horizon.passed()
	if !ok {
		return nil
	}
	room := min(timersPerBatch, batchInputs-b.inputs)
	if t.single {
		room = min(room, 1-b.inputs)
	}
	if room <= 0 {
		return nil
	}
	timers, err := t.lane.store.Due(int64(until), room)
	if err != nil {
		return err
	}
	if len(timers) == 0 {
		t.horizon.spent()
	}
	for _, timer := range timers {
		if b.full() {
			return nil
		}
		if err := b.fire(ctx, string(timer.Key), until); err != nil {
			return err
		}
	}
	return nil
}
