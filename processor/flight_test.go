package processor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/topology/value"
)

// summing tells the sum of the numbers that have come after each of them, and after
// a minute without any that the next one is late.
const summing = `workflow: sum
version: 1
messages:
  Add:   {topic: in, key: event.id}
  More:  {topic: more, key: event.id}
  Total: {topic: done}
  Late:  {topic: done}
start:
  Add:  {set: {sum: =event.n}}
  More: {set: {sum: =event.n}}
do:
  - report: {send: Total, with: {id: =key, sum: =sum}}
  - more:
      listen:
        Add:  {set: {sum: =sum + event.n}, then: report}
        More: {set: {sum: =sum + event.n}, then: report}
      timeout: 1m
      catch: {timeout: {then: late}}
  - late: {send: Late, with: {id: =key, sum: =sum}, then: more}
`

// pilot drives a tenure by hand, and is its committer.
type pilot struct {
	*benchLane
	t     *testing.T
	clock time.Time
}

func newPilot(t *testing.T) *pilot {
	p := &pilot{benchLane: newBenchLane(t, summing), t: t, clock: time.Now()}
	p.tenure.intake = intakeOf(fetchBounds{pauseAt: 1000, resumeAt: 500, pauseBytes: 1 << 20})
	p.tenure.next[input{"more", 0}] = 0
	s := p.tenure.lane.shared
	s.clock = func() time.Time { return p.clock }
	s.together, s.aside = newCommitter(RingConfig{}, s.metrics), newCommitter(RingConfig{}, s.metrics)
	p.tenure.lane.by = s.together
	p.decide() // all desks are told
	return p
}

// add has numbers for the key k come.
func (p *pilot) add(numbers ...int) { p.addTo("k", numbers...) }

func (p *pilot) addTo(key string, numbers ...int) {
	var records []*kgo.Record
	for _, n := range numbers {
		records = append(records, &kgo.Record{
			Topic: "in", Offset: p.offset, Key: []byte(key), Timestamp: p.clock,
			Value: fmt.Appendf(nil, `{"type":"Add","id":%q,"n":%d}`, key, n),
		})
		p.offset++
	}
	p.tenure.intake.put(records)
}

// mark has the marker of a transaction come.
func (p *pilot) mark() {
	p.tenure.intake.put([]*kgo.Record{{Topic: "in", Offset: p.offset, Attrs: kgo.NewRecordAttrs(kgo.RecordAttrsOpts{Control: true})}})
	p.offset++
}

func (p *pilot) decide() {
	p.t.Helper()
	if err := p.tenure.decide(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
}

// take decides, and takes what the lane offers.
func (p *pilot) take() *share {
	p.t.Helper()
	p.decide()
	to, s := p.tenure.offer()
	if s == nil || to != p.tenure.lane.by.shares {
		p.t.Fatal("nothing is offered")
	}
	p.tenure.taken()
	return s
}

// noOffer decides, and checks that there is nothing to take.
func (p *pilot) noOffer(why string) {
	p.t.Helper()
	p.decide()
	if _, s := p.tenure.offer(); s != nil {
		p.t.Fatalf("%s: %q is offered", why, p.told(s))
	}
}

// committed gives the records of a share their offsets, as the brokers do, and
// answers it.
func (p *pilot) committed(s *share) {
	p.t.Helper()
	for _, record := range s.records {
		to := input{record.Topic, record.Partition}
		record.Offset = p.ends[to]
		p.ends[to]++
	}
	p.answered(nil)
}

// answered has the lane hear what became of the first share in flight.
func (p *pilot) answered(answer error) {
	p.t.Helper()
	if err := p.tenure.land(p.t.Context(), answer); err != nil {
		p.t.Fatal(err)
	}
}

// told is what a share tells the users' topic, one message behind the other.
func (p *pilot) told(s *share) string {
	var all []string
	for _, record := range s.records {
		if record.Topic == "done" {
			all = append(all, headerOf(record, headerType)+" "+sumOf(p.t, record.Value))
		}
	}
	return strings.Join(all, ", ")
}

func headerOf(record *kgo.Record, name string) string {
	for _, h := range record.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

func sumOf(t *testing.T, message []byte) string {
	t.Helper()
	v, err := value.FromJSON(message)
	if err != nil {
		t.Fatal(err)
	}
	sum, _ := v.(*value.Map).Lookup("sum")
	return fmt.Sprint(sum)
}

// stored is the sum as who reads the store sees it; "" if there is none.
func (p *pilot) stored() string {
	p.t.Helper()
	entry, found, err := p.tenure.lane.store.Get([]byte("sum/k"))
	if err != nil {
		p.t.Fatal(err)
	}
	if !found {
		return ""
	}
	c, err := decodeStored(p.tenure.lane.store, "sum/k", entry)
	if err != nil {
		p.t.Fatal(err)
	}
	sum, _ := c.instance.Vars.Lookup("sum")
	return fmt.Sprint(sum)
}

// stands checks what is stored, and up to where the changelog is applied.
func (p *pilot) stands(stored string) {
	p.t.Helper()
	if got := p.stored(); got != stored {
		p.t.Errorf("%q is stored, not %q", got, stored)
	}
	changelog := input{p.tenure.lane.shared.topics.Changelog, 0}
	if at, _, err := p.tenure.lane.store.Position(); err != nil || at.Offset != p.ends[changelog] {
		p.t.Errorf("the store stands at %d of %d: %v", at.Offset, p.ends[changelog], err)
	}
}

func (p *pilot) expect(s *share, told string, next int64) {
	p.t.Helper()
	if got := p.told(s); got != told {
		p.t.Errorf("told %q, not %q", got, told)
	}
	if got := s.offsets["in"][0].Next; got != next {
		p.t.Errorf("commits offset %d, not %d", got, next)
	}
}

func TestNextBatchIsDecidedUponTheOneInFlight(t *testing.T) {
	p := newPilot(t)
	p.add(1)
	first := p.take()
	p.add(2)
	second := p.take()
	p.expect(first, "Total 1", 1)
	p.expect(second, "Total 3", 2)
	if first.after != nil || second.after != first.fate {
		t.Error("the second does not say that it follows the first")
	}
	p.stands("")
	p.add(3)
	p.noOffer("two are in flight")
	p.committed(first)
	p.stands("1")
	third := p.take()
	p.committed(second)
	p.stands("3")
	p.committed(third)
	p.stands("6")
	p.expect(third, "Total 6", 3)
}

// What is offered and not taken yet goes on with what comes meanwhile.
func TestOfferGrowsUntilItIsTaken(t *testing.T) {
	p := newPilot(t)
	p.add(1)
	first := p.take()
	p.add(2)
	p.decide()
	p.add(3)
	second := p.take()
	p.expect(second, "Total 3, Total 6", 3)
	p.committed(first)
	p.committed(second)
	p.stands("6")
}

// An abort takes back what was decided upon the batch as well, whether that was
// open, offered or taken; all is decided again, in the order in which it came.
func TestAbortTakesBackWhatWasDecidedUponTheBatch(t *testing.T) {
	aborted := fmt.Errorf("%w: %w", ErrAborted, kerr.TransactionAbortable)
	for what, then := range map[string]func(p *pilot){
		"not begun": func(*pilot) {},
		"offered":   func(p *pilot) { p.decide() },
		"taken":     func(p *pilot) { p.take().answer <- ErrClosed },
	} {
		t.Run(what, func(t *testing.T) {
			p := newPilot(t)
			p.add(1, 2)
			p.take()
			p.add(3)
			then(p)
			p.answered(aborted)
			p.stands("")
			again := p.take()
			p.expect(again, "Total 1, Total 3, Total 6", 3)
			p.add(4)
			p.noOffer("after an abort one follows the other")
			p.committed(again)
			p.stands("6")
			last := p.take()
			p.expect(last, "Total 10", 4)
			p.add(5)
			p.expect(p.take(), "Total 15", 5)
		})
	}
}

// A refused record is looked for among the records of its own batch. Upon batches
// of one record nothing is decided.
func TestRefusedRecordIsFoundWhileMoreWasDecided(t *testing.T) {
	p := newPilot(t)
	tooLarge := fmt.Errorf("%w: %w", ErrAborted, &RecordError{Reason: kerr.MessageTooLarge})
	p.add(1, 2)
	p.take()
	p.add(3)
	p.decide()
	p.answered(tooLarge)
	alone := p.take()
	p.expect(alone, "Total 1", 1)
	p.noOffer("a record is looked for that is refused")
	p.answered(tooLarge)
	dead := p.take()
	if p.expect(dead, "", 1); !slices.ContainsFunc(dead.records, func(r *kgo.Record) bool { return r.Topic == p.tenure.lane.shared.topics.DeadLetters }) {
		t.Error("the refused record is no dead letter")
	}
	p.committed(dead)
	rest := p.take()
	p.expect(rest, "Total 2, Total 5", 3)
	p.committed(rest)
	p.stands("5")
}

// Of many inputs the refused one is found in a few steps, wherever it is.
func TestRefusedRecordIsFoundByHalves(t *testing.T) {
	for _, at := range []int{0, 1, 37, 98, 99} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			p := newPilot(t)
			for n := range 100 {
				p.addTo(fmt.Sprintf("k-%d", n), 1)
			}
			cause := fmt.Sprintf("in/0/%d", at)
			aborts, commits := 0, 0
			for last := int64(0); last < 100 && aborts+commits < 200; {
				s := p.take()
				if slices.ContainsFunc(s.records, func(r *kgo.Record) bool { return r.Topic == "done" && headerOf(r, headerCause) == cause }) {
					p.answered(fmt.Errorf("%w: %w", ErrAborted, &RecordError{Reason: kerr.MessageTooLarge}))
					aborts++
					continue
				}
				p.committed(s)
				last = s.offsets["in"][0].Next
				commits++
			}
			if aborts > 8 || commits > 16 {
				t.Errorf("after %d aborts and %d commits", aborts, commits)
			}
		})
	}
}

// Timers fire upon what is committed, and are not kept waiting by records.
func TestTimersFireWithNothingInFlight(t *testing.T) {
	p := newPilot(t)
	p.add(1)
	first := p.take()
	p.committed(first)
	p.clock = p.clock.Add(2 * time.Minute)
	p.noOffer("the ends of the inputs are not known")
	p.add(2)
	second := p.take()
	p.tenure.horizon.arrived(<-p.tenure.horizon.answers)
	p.add(3)
	p.noOffer("a timer waits")
	if p.tenure.open != nil {
		t.Error("more is decided while a timer waits")
	}
	p.committed(second)
	third := p.take()
	p.expect(third, "Total 6", 3) // the number has come before the timer has fired
	p.committed(third)

	p.clock = p.clock.Add(2 * time.Minute)
	p.noOffer("the ends of the inputs are not known")
	p.tenure.horizon.arrived(<-p.tenure.horizon.answers)
	late := p.take()
	p.expect(late, "Late 6", 3)
	p.add(4)
	p.noOffer("the timer that has fired is still in the store")
	p.committed(late)
	p.expect(p.take(), "Total 10", 4)
}

// A timer that may fire while batches are offered and in flight fires when they have
// landed, once.
func TestTimerThatMayFireWaitsForWhatIsHandedIn(t *testing.T) {
	for what, inFlight := range map[string]bool{"offered": false, "offered upon one in flight": true} {
		t.Run(what, func(t *testing.T) {
			p := newPilot(t)
			p.addTo("other", 7)
			first := p.take()
			p.committed(first)
			p.clock = p.clock.Add(2 * time.Minute)
			p.noOffer("the ends of the inputs are not known")
			if inFlight {
				p.addTo("third", 8)
				p.take()
			}
			p.add(1)
			p.decide()
			p.tenure.horizon.arrived(<-p.tenure.horizon.answers)
			p.add(2)
			offered := p.take()
			p.expect(offered, "Total 1, Total 3", p.offset)
			if inFlight {
				p.committed(p.tenure.flying[0].share)
			}
			p.noOffer("a timer waits")
			p.committed(offered)
			late := p.take()
			p.expect(late, "Late 7", p.offset)
			p.committed(late)
			p.noOffer("the timer has fired")
		})
	}
}

// What is not worth a transaction waits beside the one in flight, and then for
// company.
func TestPositionsThatMoveUponABatchInFlightWaitForIt(t *testing.T) {
	p := newPilot(t)
	p.add(1)
	first := p.take()
	p.mark()
	p.noOffer("nothing but a marker has come")
	if !p.tenure.lazyUntil.IsZero() {
		t.Error("positions count as kept while their batch may be taken back")
	}
	p.committed(first)
	p.noOffer("nothing but a marker has come")
	if p.tenure.open != nil || p.tenure.lazyUntil.IsZero() {
		t.Error("the positions do not wait for company")
	}
	p.clock = p.clock.Add(lazyCommit)
	lazy := p.take()
	p.expect(lazy, "", 2)
	p.mark()
	p.noOffer("the positions that waited are in flight")
	p.committed(lazy)
	if !p.tenure.lazyUntil.IsZero() {
		t.Error("the positions are committed and still wait")
	}
}

// Desks are told of new definitions although records keep coming.
func TestDesksAreToldWithNothingInFlight(t *testing.T) {
	p := newPilot(t)
	p.add(1)
	first := p.take()
	catalog := p.tenure.lane.shared.catalog
	known := *catalog.set.Load()
	catalog.set.Store(&known)
	p.add(2)
	p.noOffer("desks are to be told")
	p.committed(first)
	second := p.take()
	p.committed(second)
	if p.tenure.definitions != &known {
		t.Error("the desks were not told")
	}
	p.add(3)
	p.take()
	p.add(4)
	p.take()
}

// The group's new generation is known already when the lane hears that a share was
// of the former one: what was decided upon it had taken the news.
func TestStaleShareIsDecidedAgainAtOnceIfTheLaneIsConfirmed(t *testing.T) {
	p := newPilot(t)
	p.add(1)
	p.take()
	newer := Member{ID: "member-1", Generation: 2}
	p.tenure.lane.confirm(newer)
	p.add(2)
	p.take().answer <- ErrClosed
	p.tenure.lane.shared.config.SessionTimeout = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := p.tenure.land(ctx, fmt.Errorf("%w: %w", ErrAborted, ErrStaleMember)); err != nil {
		t.Fatal(err)
	}
	again := p.take()
	if p.expect(again, "Total 1, Total 3", 2); again.member != newer {
		t.Errorf("handed in as %+v", again.member)
	}
}

// While the next batch waits for something outside, what was committed is seen.
func TestCommittedBatchIsSeenWhileTheNextOneWaits(t *testing.T) {
	p := newPilot(t)
	p.add(1)
	first := p.take()
	asked := 0
	wait := func() error {
		_, err := waitFor(t.Context(), p.tenure, func() string { return "the test" }, func() (struct{}, error) {
			if asked++; asked%2 == 1 {
				return struct{}{}, errors.New("not yet")
			}
			return struct{}{}, nil
		})
		return err
	}
	first.answer <- nil
	if err := wait(); !errors.Is(err, errAgain) || p.stored() != "1" {
		t.Errorf("%q is stored: %v", p.stored(), err)
	}
	p.add(2)
	second := p.take()
	second.answer <- ErrUnknown
	if err := wait(); !errors.Is(err, errAgain) || asked != 3 || len(second.answer) != 1 {
		t.Errorf("the outcome is not heard at once, after %d questions: %v", asked, err)
	}
}

// block has a number come to another topic, whose records have to wait for a
// definition until unblock; then is done when the lane waits in place.
func (p *pilot) block(n int, then func()) {
	p.tenure.lane.shared.catalog.set.Load().blocked["more"] = errors.New("not understood")
	p.tenure.lane.log = slog.New(whenSaid{slog.DiscardHandler, then})
	p.tenure.intake.put([]*kgo.Record{{Topic: "more", Key: []byte("k"), Timestamp: p.clock, Value: fmt.Appendf(nil, `{"type":"More","id":"k","n":%d}`, n)}})
}

func (p *pilot) unblock() { delete(p.tenure.lane.shared.catalog.set.Load().blocked, "more") }

// whenSaid does something when a warning is logged.
type whenSaid struct {
	slog.Handler
	then func()
}

func (w whenSaid) Enabled(context.Context, slog.Level) bool { return true }

func (w whenSaid) Handle(_ context.Context, r slog.Record) error {
	if r.Level == slog.LevelWarn {
		w.then()
	}
	return nil
}

// What was decided goes out before what has to wait for something outside.
func TestInputThatWaitsHoldsUpNothingBeforeIt(t *testing.T) {
	p := newPilot(t)
	p.add(1, 2)
	p.decide()
	waited := false
	p.block(3, func() { waited = true; p.unblock() })
	p.decide()
	if waited {
		t.Error("what was decided waits with what came behind it")
	}
	first := p.take()
	p.expect(first, "Total 1, Total 3", 2)
	p.decide()
	if !waited {
		t.Error("nothing has waited")
	}
	second := p.take()
	p.expect(second, "Total 6", 2)
	p.committed(first)
	p.committed(second)
	p.stands("6")
}

// While an input waits upon a batch in flight, an abort of that is heard, and what
// it held is decided again without the input.
func TestAbortIsHeardWhileTheNextBatchWaits(t *testing.T) {
	p := newPilot(t)
	p.add(1)
	first := p.take()
	waited := 0
	p.block(2, func() {
		if waited++; waited == 1 {
			first.answer <- fmt.Errorf("%w: %w", ErrAborted, kerr.TransactionAbortable)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := p.tenure.decide(ctx); err != nil {
		t.Fatalf("the abort is not heard: %v", err)
	}
	p.decide() // the input must still wait
	again := p.take()
	p.expect(again, "Total 1", 1)
	p.unblock()
	p.committed(again)
	last := p.take()
	p.expect(last, "Total 3", 1)
	p.committed(last)
	p.stands("3")
}

// What a decision sends cannot be answered before it is sent: its timeouts begin
// when nothing has to be waited for any more.
func TestTimeoutsBeginWhenTheWaitingIsOver(t *testing.T) {
	p := newPilot(t)
	cluster := p.tenure.lane.shared.cluster
	if _, err := cluster.admin.DeleteTopics(t.Context(), "done"); err != nil {
		t.Fatal(err)
	}
	for _, err := cluster.freshTopic(t.Context(), "done"); !errors.Is(err, errNoTopic); _, err = cluster.freshTopic(t.Context(), "done") {
		if err := pause(t.Context(), coordinatorPause); err != nil {
			t.Fatal(err)
		}
	}
	waited := false
	p.tenure.lane.log = slog.New(whenSaid{slog.DiscardHandler, func() {
		waited = true
		p.clock = p.clock.Add(2 * time.Minute)
		if _, err := cluster.admin.CreateTopic(t.Context(), 1, 1, nil, "done"); err != nil {
			t.Error(err)
		}
	}})
	p.add(1)
	p.decide()
	if !waited {
		t.Fatal("nothing has waited")
	}
	s := p.take()
	p.expect(s, "Total 1", 1)
	p.committed(s)
	if due, ok := p.tenure.lane.store.NextDue(); !ok || due != p.clock.Add(time.Minute).UnixMilli() {
		t.Errorf("the timer is due at %v, the command was sent at %v", time.UnixMilli(due), p.clock)
	}
}

// The same where the committer does not take what lies ready.
func TestOfferThatIsNotTakenIsDecidedAgainAfterAWhile(t *testing.T) {
	p := newPilot(t)
	p.add(1)
	p.decide()
	p.clock = p.clock.Add(time.Hour)
	s := p.take()
	p.expect(s, "Total 1", 1)
	p.committed(s)
	if due, ok := p.tenure.lane.store.NextDue(); !ok || due != p.clock.Add(time.Minute).UnixMilli() {
		t.Errorf("the timer is due at %v, the command was sent at %v", time.UnixMilli(due), p.clock)
	}
}

// A lane that is to stop waits for what it has handed in, and hands in what it has
// decided upon that.
func TestStoppedLaneCommitsWhatItHasDecided(t *testing.T) {
	p := newPilot(t)
	p.add(1)
	first := p.take()
	p.add(2)
	p.decide()
	close(p.tenure.lane.stopping)
	ended := make(chan error, 1)
	by := p.tenure.lane.by
	go func() { ended <- p.tenure.finish(t.Context()) }()
	first.answer <- nil
	second := <-by.shares
	p.expect(second, "Total 3", 2)
	second.answer <- nil
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if got := p.stored(); got != "3" {
		t.Errorf("%q is stored", got)
	}
}

// Whatever ends a tenure, what it has handed in is waited for: two shares, if the
// second was taken when the first was answered.
func TestTenureEndsWhenAllIsAnswered(t *testing.T) {
	p := newPilot(t)
	p.add(1)
	p.take()
	p.add(2)
	second := p.take()
	if err := p.tenure.land(t.Context(), fmt.Errorf("%w: lost", ErrUnknown)); !errors.Is(err, ErrUnknown) {
		t.Fatalf("the first: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- p.tenure.abandon(t.Context()) }()
	second.answer <- ErrClosed
	if err := <-ended; err != nil || len(second.answer) != 0 {
		t.Errorf("the second was not waited for: %v", err)
	}
	p.stands("")
}

// The takeover that follows a lane which was cut waits for both of its shares.
func TestTakeoverWaitsForBothSharesOfACutLane(t *testing.T) {
	p := newPilot(t)
	p.add(1)
	first := p.take()
	p.add(2)
	second := p.take()
	cut, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.tenure.abandon(cut); err != nil {
		t.Fatal(err)
	}
	by := p.tenure.lane.shared.together
	settled := func() bool {
		soon, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		return by.settled(soon, 0) == nil
	}
	for _, s := range []*share{second, first} {
		if settled() {
			t.Fatal("settled with a share out")
		}
		s.answer <- nil
	}
	if err := by.settled(t.Context(), 0); err != nil {
		t.Error(err)
	}
}
