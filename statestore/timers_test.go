package statestore

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"
)

// ledger is what must happen to timers: each armed one fires once, when it is
// due and not before, unless it was cancelled or moved.
type ledger struct {
	armed model
	log   changelog
	now   int64
}

// tick does what a lane does in one batch: it changes some keys, then fires
// what was due before, in portions.
func (l *ledger) tick(t *testing.T, p *Partition, dice *rand.Rand, changes, portion int) (fired int) {
	t.Helper()
	l.now += int64(dice.IntN(400))
	due, err := p.Due(l.now, portion)
	if err != nil {
		t.Fatal(err)
	}
	l.check(t, due, portion)
	o := p.Begin()
	for _, timer := range due {
		l.set(o, string(timer.Key), Entry{Value: []byte("fired")})
	}
	for range changes {
		key := fmt.Sprintf("key-%05d", dice.IntN(20_000))
		switch dice.IntN(5) {
		case 0:
			l.set(o, key, Entry{})
		case 1:
			delete(l.armed, key)
			o.Delete([]byte(key))
		default:
			l.set(o, key, Entry{Due: l.now + int64(dice.IntN(10_000)) - 20}) // some in the past
		}
	}
	commitAndApply(t, o, &l.log)
	return len(due)
}

func (l *ledger) set(o *Overlay, key string, e Entry) {
	l.armed[key] = e
	o.Put([]byte(key), e)
}

// check compares timers that a partition says are due with the ledger.
func (l *ledger) check(t *testing.T, due []Timer, portion int) {
	t.Helper()
	want := l.armed.timers()
	for i, timer := range want {
		if timer.due() > l.now || i == portion {
			want = want[:i]
			break
		}
	}
	var got []timerKey
	for _, timer := range due {
		got = append(got, newTimerKey(timer.Due, timer.Key))
	}
	if !slices.Equal(got, want) {
		t.Fatalf("at %d %d timers are due, want %d\n%q\n%q", l.now, len(got), len(want), got, want)
	}
}

// TestTimersFireOnceAndInOrder arms more timers than are held in memory, moves
// and cancels them while they fire, and stops and starts in between.
func TestTimersFireOnceAndInOrder(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, smallConfig(fs))
	defer func() { mustClose(t, s) }()
	p := s.Partition(0)
	l := &ledger{armed: model{}}
	dice := newRand(5)
	fired := 0
	for round := range 80 / min(slowness, 4) {
		changes := 300
		if round < 20 {
			changes = 1000 // five queues full
		}
		fired += l.tick(t, p, dice, changes, 1+dice.IntN(3000))
		if round%20 == 19 {
			mustClose(t, s)
			s = mustOpen(t, smallConfig(fs))
			p = s.Partition(0)
		}
		if round%10 == 0 {
			checkTimersAre(t, p, l.armed.timers())
		}
	}
	if fired < 5000/slowness {
		t.Errorf("only %d timers fired: the test does not reach what it is for", fired)
	}
}

func TestTimersAtOneInstantFireInPortionsByKey(t *testing.T) {
	p := openMem(t).Partition(0)
	o := p.Begin()
	for i := range 5 * queueTimers {
		o.Put(fmt.Appendf(nil, "%06d", i), Entry{Due: 1000})
	}
	if err := o.Apply(position(1)); err != nil {
		t.Fatal(err)
	}
	if due, err := p.Due(999, 10); err != nil || len(due) != 0 {
		t.Fatalf("%d timers are due before their time, %v", len(due), err)
	}
	for n := 0; n < 5*queueTimers; {
		due, err := p.Due(1000, 700)
		if err != nil || len(due) == 0 {
			t.Fatalf("%d timers of %d fired, then %v", n, 5*queueTimers, err)
		}
		o := p.Begin()
		for _, timer := range due {
			if want := fmt.Sprintf("%06d", n); string(timer.Key) != want {
				t.Fatalf("timer %s, want %s", timer.Key, want)
			}
			o.Put(timer.Key, Entry{})
			n++
		}
		if err := o.Apply(position(int64(n))); err != nil {
			t.Fatal(err)
		}
	}
	if due, found := p.NextDue(); found {
		t.Errorf("a timer is left, due at %d", due)
	}
}

// TestCursorFollowsTheEarliestTimer: after a restart the first look at the
// timers begins where they are, not at what has fired.
func TestCursorFollowsTheEarliestTimer(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, smallConfig(fs))
	p := s.Partition(0)
	cursor := func() timerKey {
		record, _, err := p.readPosition()
		if err != nil {
			t.Fatal(err)
		}
		return record.cursor
	}
	change := func(key string, due int64) {
		o := p.Begin()
		o.Put([]byte(key), Entry{Due: due})
		if err := o.Apply(position(1)); err != nil {
			t.Fatal(err)
		}
	}
	if _, found := p.NextDue(); found {
		t.Fatal("a timer in an empty partition")
	}
	for _, step := range []struct {
		key  string
		due  int64
		want timerKey
	}{
		{"b", 200, newTimerKey(200, []byte("b"))},
		{"c", 300, newTimerKey(200, []byte("b"))},
		{"a", 100, newTimerKey(100, []byte("a"))}, // earlier: it goes back
		{"a", 0, newTimerKey(200, []byte("b"))},   // cancelled
		{"b", 400, newTimerKey(300, []byte("c"))}, // moved behind
	} {
		change(step.key, step.due)
		if got := cursor(); got != step.want {
			t.Errorf("after %s at %d: cursor %q, want %q", step.key, step.due, got, step.want)
		}
	}
	mustClose(t, s)
	s = mustOpen(t, smallConfig(fs))
	defer func() { mustClose(t, s) }()
	p = s.Partition(0)
	change("d", 50) // before the queue was read
	if got, want := cursor(), newTimerKey(50, []byte("d")); got != want {
		t.Errorf("after a restart: cursor %q, want %q", got, want)
	}
	change("d", 0)
	change("c", 0)
	change("b", 0)
	if due, found := p.NextDue(); found {
		t.Errorf("a timer is left, due at %d", due)
	}
	change("e", 900)
	change("e", 0)
	if got, want := cursor(), newTimerKey(900, []byte("e")); got != want {
		t.Errorf("with no timer left the cursor is at %q, want where the last was, %q", got, want)
	}
}

func TestTimerKeysSortByDueThenKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		due := rapid.OneOf(rapid.Int64Range(-3, 3), rapid.Int64())
		key := rapid.SliceOfN(rapid.Byte(), 0, 3)
		a := Timer{due.Draw(t, "due"), key.Draw(t, "key")}
		b := Timer{due.Draw(t, "due"), key.Draw(t, "key")}
		ka, kb := newTimerKey(a.Due, a.Key), newTimerKey(b.Due, b.Key)
		want := a.Due < b.Due || a.Due == b.Due && string(a.Key) < string(b.Key)
		if (ka < kb) != want {
			t.Fatalf("%v before %v: %v", a, b, ka < kb)
		}
		if got := ka.timer(); got.Due != a.Due || string(got.Key) != string(a.Key) {
			t.Fatalf("%v came back as %v", a, got)
		}
	})
}

// Timers that are set aside are neither due nor lost: others fire meanwhile, many
// more than are held in memory, and the stored cursor stays before them.
func TestTimersSetAsideComeBack(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, smallConfig(fs))
	p := s.Partition(0)
	log := &changelog{}
	const n = 6 * queueTimers
	o := p.Begin()
	for i := range n {
		o.Put(fmt.Appendf(nil, "%06d", i), Entry{Due: int64(1000 + i)})
	}
	commitAndApply(t, o, log)
	wanted := make(map[string]bool) // those that were set aside
	fired := 0
	for {
		due, err := p.Due(1000+n, 500)
		if err != nil {
			t.Fatal(err)
		}
		if len(due) == 0 {
			break
		}
		o := p.Begin()
		for i, timer := range due {
			if (i+fired)%3 == 0 {
				wanted[string(timer.Key)] = true
				if err := p.SetAside(timer); err != nil {
					t.Fatal(err)
				}
				continue
			}
			fired++
			o.Put(timer.Key, Entry{})
		}
		o.Put([]byte("early"), Entry{Due: 1}) // moves the queue's edge
		o.Put([]byte("early"), Entry{})
		commitAndApply(t, o, log)
	}
	if _, any := p.NextDue(); any || p.Aside() != len(wanted) || len(wanted) < n/4 || fired+len(wanted) != n {
		t.Fatalf("%d fired and %d are aside, of %d; another is due: %v", fired, p.Aside(), n, any)
	}
	o = p.Begin()
	for key := range wanted { // one that is changed is not aside any more
		o.Put([]byte(key), Entry{Due: 5000 + n})
		break
	}
	commitAndApply(t, o, log)
	if due, any := p.NextDue(); !any || due != 5000+n || p.Aside() != len(wanted)-1 {
		t.Errorf("next due %d, %v, aside %d", due, any, p.Aside())
	}
	mustClose(t, s)
	s = mustOpen(t, smallConfig(fs))
	again := s.Partition(0)
	defer mustClose(t, s)
	all := func(p *Partition) int {
		due, err := p.Due(5000+n, 2*n)
		if err != nil {
			t.Fatal(err)
		}
		return len(due)
	}
	if got := all(again); got != len(wanted) {
		t.Errorf("opened anew, %d are due, want %d", got, len(wanted))
	}
	due, err := again.Due(5000+n, len(wanted)/2)
	if err != nil {
		t.Fatal(err)
	}
	for _, timer := range due {
		if err := again.SetAside(timer); err != nil {
			t.Fatal(err)
		}
	}
	if got := all(again); got != len(wanted)-len(due) {
		t.Errorf("%d are due, want %d", got, len(wanted)-len(due))
	}
	again.RecallTimers()
	if got := all(again); got != len(wanted) || again.Aside() != 0 {
		t.Errorf("recalled, %d are due, want %d", got, len(wanted))
	}
}
