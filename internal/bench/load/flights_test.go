package load

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"rondo/internal/bench/workload"
)

var pair = &workload.Workload{Name: "pair", Records: 2, Steps: 1, Sequential: true}

func TestRecordsThatMustNotBeAreFaults(t *testing.T) {
	f := newFlights(pair)
	f.enter(false)
	now := time.Now()
	n := f.begin(now)
	see := func(s workload.Sighting) (ended, ok bool) { return f.see(s, now) }
	if ended, ok := see(workload.Sighting{Case: n}); ended || !ok {
		t.Fatalf("the first record: ended %t, ok %t", ended, ok)
	}
	for _, wrong := range []workload.Sighting{{Case: n}, {Case: 7}, {Case: n, Wrong: "a stranger"}} {
		if _, ok := see(wrong); ok {
			t.Errorf("%+v was taken", wrong)
		}
	}
	if ended, ok := see(workload.Sighting{Case: n, Place: 1}); !ended || !ok {
		t.Errorf("the last record: ended %t, ok %t", ended, ok)
	}
	if _, ok := see(workload.Sighting{Case: n, Place: 1}); ok {
		t.Error("a record of a case that has ended was taken")
	}
	f.begin(now)
	f.giveUp(time.Second)
	if f.result.Wrong != 5 || len(f.result.Faults) != 5 {
		t.Errorf("%d faults: %q", f.result.Wrong, f.result.Faults)
	}
}

// In an open loop a case counts if it was meant to begin within the time, also
// if it ends when that is over.
func TestOpenLoopCountsCasesByWhenTheyWereMeantToBegin(t *testing.T) {
	f := newFlights(pair)
	f.enter(true)
	start := time.Now()
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	early := f.begin(at(0))
	f.measure(at(10))
	in := f.begin(at(12))
	f.see(workload.Sighting{Case: early}, at(15))
	f.see(workload.Sighting{Case: early, Place: 1}, at(16))
	f.stop(at(20))
	f.see(workload.Sighting{Case: in}, at(40))
	f.sent(in, at(41))
	f.see(workload.Sighting{Case: in, Place: 1}, at(44))
	r := f.result
	if r.Whole.Count() != 1 || r.Whole.Quantile(1) < 32*time.Millisecond || r.Whole.Quantile(1) > 33*time.Millisecond {
		t.Errorf("%d cases, the longest %v", r.Whole.Count(), r.Whole.Quantile(1))
	}
	if r.Step.Count() != 2 || r.Step.Quantile(0.5) > 4*time.Millisecond {
		t.Errorf("%d steps, the median %v", r.Step.Count(), r.Step.Quantile(0.5))
	}
	if r.Cases != 1 || r.Steps != 1 || r.Seconds != 0.01 {
		t.Errorf("%d cases and %d steps ended in %g s", r.Cases, r.Steps, r.Seconds)
	}
}

func TestLatenciesAreNeverLostToBounds(t *testing.T) {
	l := NewLatencies()
	for _, d := range []time.Duration{-time.Second, 0, time.Hour} {
		l.Record(d)
	}
	if l.Count() != 3 || l.Quantile(1) < longestLatency-time.Second {
		t.Errorf("%d latencies, the longest %v", l.Count(), l.Quantile(1))
	}
	var back Latencies
	if err := json.Unmarshal([]byte(`"bm90IG9uZQ=="`), &back); err == nil || !strings.Contains(err.Error(), "histogram") {
		t.Errorf("what is no histogram: %v", err)
	}
}

func TestPhasesSayWhatIsWrongWithThem(t *testing.T) {
	for want, p := range map[string]Phase{
		"has no name":         {Concurrency: 1, Cases: 1},
		"concurrency or rate": {Name: "a", Cases: 1},
		"measure or cases":    {Name: "a", Rate: 1},
		"leave out ramp":      {Name: "a", Rate: 1, Cases: 1, Ramp: 1},
	} {
		if err := p.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", p, err)
		}
	}
	if err := (Phase{Name: "a", Rate: 1, Measure: 1, Ramp: 1}).check(); err != nil {
		t.Error(err)
	}
}
