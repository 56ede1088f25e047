package observer

import (
	"testing"
	"time"

	"rondo/internal/demo/verdict"
)

func place(offset int64) verdict.Place { return verdict.Place{Topic: "events", Offset: offset} }

func TestEventsAndCommandsArePairedInEitherOrder(t *testing.T) {
	start := time.Unix(1700000000, 0)
	l := newLatencies()
	l.sent(place(1), start)
	l.seen(place(1), start.Add(4*time.Millisecond))
	l.seen(place(2), start.Add(9*time.Millisecond)) // the command is read before the event's promise came back
	l.sent(place(2), start.Add(3*time.Millisecond))
	l.seen(place(3), start) // an event of nobody
	if q := l.quantiles(time.Time{}, nil); q != (Quantiles{N: 2, P50: 4 * time.Millisecond, P99: 6 * time.Millisecond}) {
		t.Errorf("quantiles %+v", q)
	}
}

func TestStepsUnderWayInAWindowAreLeftOut(t *testing.T) {
	start := time.Unix(1700000000, 0)
	l := newLatencies()
	for i := range 10 {
		handed := start.Add(time.Duration(i) * time.Second)
		took := time.Millisecond
		if i >= 4 && i <= 6 {
			took = time.Second // a takeover
		}
		l.sent(place(int64(i)), handed)
		l.seen(place(int64(i)), handed.Add(took))
	}
	l.sent(place(10), start.Add(3500*time.Millisecond)) // before the kill, and answered after it
	l.seen(place(10), start.Add(6*time.Second))
	takeover := Window{start.Add(4 * time.Second), start.Add(6 * time.Second)}
	if q := l.quantiles(time.Time{}, []Window{takeover}); q.N != 7 || q.P99 != time.Millisecond {
		t.Errorf("without the takeover %+v", q)
	}
	if q := l.quantiles(time.Time{}, nil); q.N != 11 || q.P99 != 2500*time.Millisecond {
		t.Errorf("with it %+v", q)
	}
	if q := l.quantiles(start.Add(8*time.Second), nil); q.N != 2 {
		t.Errorf("since the eighth second %+v", q)
	}
}

func TestNearestRank(t *testing.T) {
	var hundred []time.Duration
	for i := 1; i <= 100; i++ {
		hundred = append(hundred, time.Duration(i))
	}
	for _, tc := range []struct {
		sorted  []time.Duration
		percent int
		want    time.Duration
	}{
		{hundred, 50, 50}, {hundred, 99, 99}, {hundred[:1], 99, 1}, {hundred[:3], 50, 2}, {hundred[:2], 50, 1},
	} {
		if got := nearestRank(tc.sorted, tc.percent); got != tc.want {
			t.Errorf("percentile %d of %d values is %d, want %d", tc.percent, len(tc.sorted), got, tc.want)
		}
	}
}

func TestPathIsDrawnInTheOrderOfTime(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(1700000000000 + ms)) }
	p := path{outcome: "cancelled", stops: []stop{
		{at(5), "release"}, {at(0), "reserve"}, {at(2), "reserve"}, {at(3), "pay"}, {at(4), "cancel"}, {at(5), "refund"},
	}}
	want := "reserve ×2 → pay → cancel → release → refund → cancelled"
	if got := p.String(); got != want {
		t.Errorf("path %s, want %s", got, want)
	}
}
