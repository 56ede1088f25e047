package processor_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"rondo/internal/kafkatest"
	"rondo/schemas"
	"rondo/topology"
)

// paid is answered under another key than its own.
const paid = `
workflow: paid
version: 1
messages:
  Begin:    {topic: %s.in, key: event.id}
  Pay:      {topic: %s.work}
  Paid:     {topic: %s.replies, key: event.payment, correlate: payment}
  Finished: {topic: %s.out}
start: {Begin: {set: {payment: "='p of ' + key"}}}
do:
  - pay:
      send: Pay
      with: {id: =key, payment: =payment}
      await: {Paid: {set: {result: =event.result}}}
      timeout: 1h
      catch: {timeout: {set: {result: none}}}
  - tell: {send: Finished, with: {id: =key, result: =result}}
`

func (a *app) payer(t *testing.T) func() map[string]int {
	return a.worker(t, func(r *kgo.Record) string {
		return fmt.Sprintf(`{"type":"Paid","payment":%q,"result":"ok"}`, field(t, r, "payment"))
	})
}

// An event under another key finds its instance by a mailbox in a third partition,
// once, whatever happens to the nodes.
func TestEventsUnderAnotherKeyAreTakenOnceWhileNodesAreKilled(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		a := newApp(t, cluster, paid)
		a.config.TransactionTimeout = 2 * time.Second
		a.create(nil)
		const n = 200
		worked := a.payer(t)
		doomed, heir := a.cuttable(), a.node()
		a.spread(doomed.runningNode, heir)
		written := make(chan error, 1)
		go func() { written <- a.writeMany(n) }()
		out := a.follow("out")
		ends := out.next(n / 4)
		doomed.network.set(true)
		ends = append(ends, out.next(n-n/4)...)
		if err := <-written; err != nil {
			t.Fatal(err)
		}
		eachOnce(t, ends)
		for _, end := range ends {
			if field(t, end, "result") != "ok" {
				t.Errorf("end: %s", describe(end))
			}
		}
		out.none(300 * time.Millisecond)
		for id, times := range worked() {
			if times != 1 {
				t.Errorf("command %s was sent %d times", id, times)
			}
		}
		a.lettersOnce(map[topology.LetterKind]int{topology.LetterAnnounce: n, topology.LetterRelay: n, topology.LetterWithdraw: n})
	})
}

// What answers a call lies in a topic while nobody runs, and reaches the instance
// only as a letter: by a mailbox, or as a child's outcome. It is no timeout.
func TestBacklogBehindLettersIsNotATimeout(t *testing.T) {
	inTime := strings.NewReplacer("timeout: 1h", "timeout: 2s")
	patient := strings.Replace(family, "      await: {completed", "      timeout: 2s\n      catch: {timeout: {set: {result: none}}}\n      await: {completed", 1)
	for name, c := range map[string]struct {
		definitions []string
		answer      func(t *testing.T, command *kgo.Record) string
	}{
		"another key": {[]string{inTime.Replace(paid)}, func(t *testing.T, r *kgo.Record) string {
			return fmt.Sprintf(`{"type":"Paid","payment":%q,"result":"ok"}`, field(t, r, "payment"))
		}},
		"child": {[]string{patient, child}, func(t *testing.T, r *kgo.Record) string { return done(string(r.Key), "ok") }},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			a := newApp(t, kafkatest.Embedded(t, 1), c.definitions...)
			a.create(nil)
			node := a.node()
			a.ready(node)
			work, out := a.follow("work"), a.follow("out")
			const n = 24
			for i := range n {
				id := fmt.Sprintf("j-%d", i)
				a.produce("in", id, begin(id, i))
			}
			commands := work.next(n)
			a.await("all letters to be decided", func() bool { return a.lag() == 0 })
			if err := node.stop(); err != nil {
				t.Fatal(err)
			}
			for _, command := range commands {
				a.produce("replies", string(command.Key), c.answer(t, command))
			}
			time.Sleep(2200 * time.Millisecond) // every call is overdue now
			a.ready(a.node())
			for _, end := range out.next(n) {
				if field(t, end, "result") != "ok" {
					t.Errorf("end: %s", describe(end))
				}
			}
		})
	}
}

// limited is a call of which three may be open at once, over all instances.
const limited = `
workflow: limited
version: 1
messages:
  Begin:    {topic: %s.in, key: event.id}
  Work:     {topic: %s.work, limit: {open: 3}}
  Done:     {topic: %s.replies, key: event.id}
  Finished: {topic: %s.out}
start: {Begin: {}}
do:
  - work: {send: Work, with: {id: =key}, await: {Done: {set: {result: =event.result}}}, timeout: 1h}
  - tell: {send: Finished, with: {id: =key, result: =result}}
`

// openCalls are the commands that were seen and not answered yet.
type openCalls struct {
	mu        sync.Mutex // guards what follows
	now, most int
}

func (o *openCalls) add(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now += n
	o.most = max(o.most, o.now)
}

// A gate lets no more through than it may, and loses nobody who waits, also when
// its partition goes from node to node.
func TestNoMoreCallsAreOpenThanTheLimitWhileNodesAreKilled(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		a := newApp(t, cluster, limited)
		a.config.TransactionTimeout = 2 * time.Second
		a.create(nil)
		const n = 120
		var open openCalls
		worked := a.worker(t, func(r *kgo.Record) string {
			open.add(1)
			time.Sleep(3 * time.Millisecond) // so that calls overlap
			open.add(-1)
			return done(string(r.Key), "ok")
		})
		doomed := a.cuttable()
		a.ready(doomed.runningNode) // also the gate's partition is there
		out := a.follow("out")
		if err := a.writeMany(n); err != nil {
			t.Fatal(err)
		}
		ends := out.next(n / 4)
		doomed.network.set(true)
		a.ready(a.node())
		ends = append(ends, out.next(n-n/4)...)
		eachOnce(t, ends)
		out.none(300 * time.Millisecond)
		for id, times := range worked() {
			if times != 1 {
				t.Errorf("command %s was sent %d times", id, times)
			}
		}
		a.neverMoreOpen(3, n)
		a.lettersOnce(map[topology.LetterKind]int{topology.LetterAsk: n, topology.LetterGrant: n, topology.LetterRelease: n})
	})
}

// neverMoreOpen goes through the gate's history, in the order of its decisions:
// grants less releases never exceed the limit.
func (a *app) neverMoreOpen(limit, calls int) {
	a.t.Helper()
	open, granted := 0, 0
	for _, r := range a.all("history") {
		h, err := schemas.DecodeHistory(r.Value)
		if err != nil {
			a.t.Fatal(err)
		}
		if !strings.HasPrefix(h.Desk, "gate.") {
			continue
		}
		if h.Input.Letter != nil && h.Input.Letter.Kind == topology.LetterRelease && h.Outcome == topology.Taken {
			open--
		}
		for _, l := range h.Letters {
			if l.Kind == topology.LetterGrant {
				open++
				granted++
			}
		}
		if open > limit {
			a.t.Errorf("%d calls are open after %+v", open, h.Input.Record)
		}
	}
	if granted != calls {
		a.t.Errorf("%d calls were let through, want %d", granted, calls)
	}
}

// ticking begins an instance every 400 ms.
const ticking = `
workflow: ticking
version: 1
messages:
  Tick: {topic: %s.out}
start: {every: 400ms, key: string(event.scheduled), set: {at: =event.scheduled, missed: =event.missed}}
do:
  - tell: {send: Tick, with: {id: =key, at: =at, missed: =missed}}
`

// A schedule fires once in the whole group for each of its times, or says how many
// it has missed, while the node that has it is killed again and again.
func TestScheduleFiresOnceWhileNodesAreKilled(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		a := newApp(t, cluster, ticking)
		a.config.TransactionTimeout = 2 * time.Second
		a.create(nil)
		first, second := a.cuttable(), a.cuttable()
		a.spread(first.runningNode, second.runningNode)
		out := a.follow("out")
		ticks := out.next(3)
		for _, doomed := range []cutNode{first, second} {
			doomed.network.set(true)
			ticks = append(ticks, out.next(3)...)
			doomed.network.set(false)
			a.spread(first.runningNode, second.runningNode)
			ticks = append(ticks, out.next(4)...)
		}
		a.everyTick(ticks, out, 400*time.Millisecond)
		begins := a.lettersOf(topology.LetterBegin)
		for _, n := range begins {
			if n != 1 {
				t.Errorf("begun %v times", begins)
			}
		}
	})
}

// A firing whose transaction was aborted has begun nothing.
func TestScheduleFiresOnceWhileTransactionsAreAborted(t *testing.T) {
	a := newApp(t, kafkatest.Embedded(t, 1), ticking)
	a.create(nil)
	node := a.node()
	a.ready(node)
	out := a.follow("out")
	var ticks []*kgo.Record
	for range 6 {
		a.cluster.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.TransactionAbortable, Count: 3})
		ticks = append(ticks, out.next(1)...)
	}
	a.everyTick(ticks, out, 400*time.Millisecond)
	for at, n := range a.lettersOf(topology.LetterBegin) {
		if n != 1 {
			t.Errorf("begun %d times for %s", n, at)
		}
	}
	if node.count("rondo_transaction_replays_total") < 6 {
		t.Error("too few transactions were aborted")
	}
}

// everyTick reads on until each tick up to the latest of those seen is as far
// behind the one before as it says. They come from instances in all partitions, and
// that of an earlier one may have been taken over later.
func (a *app) everyTick(ticks []*kgo.Record, out *follower, every time.Duration) {
	a.t.Helper()
	latest := slices.MaxFunc(ticks, a.byTick)
	for deadline := time.Now().Add(30 * time.Second); ; ticks = append(ticks, out.next(1)...) {
		slices.SortFunc(ticks, a.byTick)
		gap := a.gapBefore(latest, ticks, every)
		if gap == "" {
			break
		}
		if time.Now().After(deadline) {
			a.t.Fatal(gap)
		}
	}
	eachOnce(a.t, ticks)
}

func (a *app) byTick(x, y *kgo.Record) int { return a.tickAt(x).Compare(a.tickAt(y)) }

func (a *app) tickAt(tick *kgo.Record) time.Time {
	a.t.Helper()
	at, err := time.Parse(time.RFC3339Nano, fmt.Sprint(field(a.t, tick, "at")))
	if err != nil {
		a.t.Fatal(err)
	}
	return at
}

// gapBefore says where a tick is missing among those up to the latest.
func (a *app) gapBefore(latest *kgo.Record, ticks []*kgo.Record, every time.Duration) string {
	for i, tick := range ticks[1:] {
		if a.byTick(tick, latest) > 0 {
			break
		}
		missed, _ := field(a.t, tick, "missed").(float64)
		at, before := a.tickAt(tick), a.tickAt(ticks[i])
		if !at.Equal(before.Add(every * time.Duration(1+missed))) {
			return fmt.Sprintf("a tick of %v behind %v, which has missed %v", at, before, missed)
		}
	}
	return ""
}

// lettersOf counts the letters of a kind by what they are about.
func (a *app) lettersOf(kind topology.LetterKind) map[string]int {
	a.t.Helper()
	client := a.follow("inbox").client
	out := make(map[string]int)
	ctx, cancel := context.WithTimeout(a.t.Context(), 2*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		for _, r := range client.PollFetches(ctx).Records() {
			message, err := schemas.DecodeInbox(r.Value)
			if err != nil {
				a.t.Fatal(err)
			}
			if message.Kind == schemas.InboxLetter && message.Letter.Kind == kind {
				out[message.Letter.Command]++
			}
		}
	}
	return out
}

// A newer version's schedule takes the place of the older one's, and a version
// without one ends it, while the nodes run.
func TestScheduleFollowsTheNewestVersion(t *testing.T) {
	a := newApp(t, kafkatest.Embedded(t, 1), strings.Replace(ticking, "400ms", "1h", 1))
	a.create(nil)
	a.ready(a.node())
	out := a.follow("out")
	armed := func() (is bool) {
		for _, r := range a.all("changelog") {
			if string(r.Key) == topology.ScheduleAddress("ticking").String() {
				is = r.Value != nil
			}
		}
		return is
	}
	a.await("the schedule to wait for an hour", armed) // so that the next version has to change it
	out.none(100 * time.Millisecond)
	a.deploy(strings.Replace(ticking, "version: 1", "version: 2", 1))
	out.next(2)
	a.deploy(strings.NewReplacer("version: 1", "version: 3", "every: 400ms, key: string(event.scheduled), set: {at: =event.scheduled, missed: =event.missed}", "run: {}",
		"at: =at, missed: =missed", "at: null").Replace(ticking))
	a.await("the schedule to be gone", func() bool { return !armed() })
	a.await("the last to have begun", func() bool { return a.lag() == 0 })
}
