package processor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rondo/statestore"
)

// A lane decides its next batch while the last one is on its way, upon what that
// one will have made of the state. So the next share lies ready when the committer
// begins its next transaction, and the lane does not miss every other one.
//
//	open ──seal──► offered ──taken──► in flight ──committed──► applied
//	  ▲               │                   │
//	  └──more came────┘                   └──aborted──► discarded, and what was decided upon it
//
// What it holds to:
//
//   - At most one batch is decided upon one that is not committed. Two are in flight
//     only between the answer to the first and the moment in which the lane hears it:
//     the committer takes the second when it knows that the first is committed.
//   - Batches are committed, and applied, in the order in which they were decided.
//     When one is not committed, nothing that was decided upon it is.
//   - What reads more than single instances by their keys, and what changes the
//     store, happens with nothing in flight: timers fire, desks are told. Neither is
//     kept waiting: while one of them wants to be next, nothing is decided upon the
//     batch in flight.
//   - What is decided lies nowhere for long before it is sent, for the timeouts of
//     its commands have begun. An input that has to wait for something outside
//     waits alone.
//   - While something is wrong, one batch follows the other: after an abort until
//     the next success, and aside.
//   - A lane does not end, nor take over again, before what it has handed in is
//     answered, unless it is cut: then the next takeover waits.

// beginOverlay opens the overlay of a batch that begins now.
func (t *tenure) beginOverlay() *statestore.Overlay {
	if len(t.flying) > 0 {
		return t.flying[len(t.flying)-1].overlay.Above()
	}
	return t.lane.store.Begin()
}

// mayDecide reports whether inputs can be decided now.
func (t *tenure) mayDecide() bool {
	switch {
	case t.open != nil:
		return !t.open.full()
	case len(t.flying) == 0:
		return true
	default:
		return len(t.flying) == 1 && t.mayOverlap()
	}
}

// mayOverlap reports whether a batch can be begun upon the one in flight.
func (t *tenure) mayOverlap() bool {
	return t.lane.by == t.lane.shared.together && t.suspects == 0 && !t.single && t.aborts == 0 &&
		t.definitions == t.lane.shared.catalog.set.Load() && !t.timerWaits()
}

// timerWaits reports whether a timer is due that could fire if nothing were in flight.
func (t *tenure) timerWaits() bool {
	due, ok := t.nextDue()
	return ok && due <= t.lane.shared.clock().UnixMilli()
}

// alone reports whether a batch is the only thing that is not committed, and not
// offered yet.
func (t *tenure) alone(b *batch) bool { return len(t.flying) == 0 && b.share == nil }

// offer is what the committer may take now, and where it takes it; nil if there
// is nothing.
func (t *tenure) offer() (chan<- *share, *share) {
	if t.open == nil || t.open.share == nil {
		return nil, nil
	}
	return t.lane.by.shares, t.open.share
}

// taken notes that the committer has taken what was offered.
func (t *tenure) taken() { t.flying, t.open = append(t.flying, t.open), nil }

// answer is where the lane hears of the first batch in flight; nil if there is none.
func (t *tenure) answer() <-chan error {
	if len(t.flying) == 0 {
		return nil
	}
	return t.flying[0].share.answer
}

// land makes the first batch in flight visible if it was committed, or else puts
// everything back as it was before it.
func (t *tenure) land(ctx context.Context, answer error) error {
	defer t.lane.live()
	b := t.flying[0]
	t.flying = slices.Delete(t.flying, 0, 1)
	switch {
	case answer == nil:
		if t.aborts > 0 {
			t.lane.goesOn()
		}
		t.aborts = 0
		t.exonerate(b)
		t.lane.rejoin()
		return b.apply()
	case errors.Is(answer, ErrAborted):
		if err := t.discardUpon(ctx); err != nil {
			return err
		}
		b.discard()
		return t.replay(ctx, b, answer)
	default:
		return fmt.Errorf("partition %d: %w", t.lane.partition, answer)
	}
}

// errAgain says of the open batch that it is not to be handed in as it is.
var errAgain = errors.New("the batch is to be decided again")

// again takes the open batch back: an input of it has to wait, or had to. What was
// decided before that input goes out without it. Is there nothing of that kind, it
// was waited for, and is decided anew with the time and the definitions of now.
func (t *tenure) again(ctx context.Context) error {
	t.upTo = t.open.whole
	t.open.discard()
	t.open = nil
	select {
	case answer := <-t.answer():
		return t.land(ctx, answer)
	default:
		return nil
	}
}

// offerAge is how long a decision lies ready for the committer at most. What it
// sends is sent later than its timeouts begin.
const offerAge = 5 * time.Second

// takeBackOffer has what has lain ready for too long decided again.
func (t *tenure) takeBackOffer() {
	if t.open == nil || t.open.offered.IsZero() || t.lane.shared.clock().Sub(t.open.offered) <= offerAge {
		return
	}
	t.open.discard()
	t.open = nil
}

// mayWait lands the batch in flight if it is known to be committed, for the next one
// has to wait for something outside, perhaps for long. It returns errAgain if
// something is to be done first: to hand in what was decided already, or to hear
// what else has become of the batch in flight.
func (t *tenure) mayWait(ctx context.Context) error {
	if t.open != nil && t.open.whole > 0 {
		return errAgain
	}
	select {
	case answer := <-t.answer():
		if answer == nil {
			return t.land(ctx, nil)
		}
		t.flying[0].share.answer <- answer
		return errAgain
	default:
		return nil
	}
}

// discardUpon discards what was decided upon a batch that was aborted. If it was
// taken, it is answered at once that nothing of it was sent.
func (t *tenure) discardUpon(ctx context.Context) error {
	if t.open != nil {
		t.open.discard()
		t.open = nil
	}
	if len(t.flying) == 0 {
		return nil
	}
	select {
	case answer := <-t.answer():
		if answer == nil {
			return fmt.Errorf("%w: partition %d: a batch was committed although the one before it was not", ErrUnknown, t.lane.partition)
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	t.flying[0].discard()
	t.flying = t.flying[:0]
	return nil
}

// landAll waits for everything that is in flight.
func (t *tenure) landAll(ctx context.Context) error {
	for len(t.flying) > 0 {
		select {
		case answer := <-t.answer():
			if err := t.land(ctx, answer); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// abandon ends the tenure of what is not committed, or not known to be. What is in
// flight is waited for, and if ctx ends meanwhile, by the next takeover. It returns
// an error if the outcome of one is unknown.
func (t *tenure) abandon(ctx context.Context) error {
	var doubt error
	for _, b := range t.flying {
		select {
		case answer := <-b.share.answer:
			if errors.Is(answer, ErrUnknown) {
				doubt = answer
			}
		case <-ctx.Done():
			t.lane.by.orphan(b.share)
		}
	}
	t.lane.store.Begin().Discard()
	t.open, t.flying = nil, nil
	return doubt
}
