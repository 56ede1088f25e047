package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/bench/workload"
)

const (
	// lateAfter is how late a case may begin before that is worth counting.
	lateAfter = 2 * time.Millisecond
	// drainPatience is how long the last cases of a phase are waited for.
	drainPatience = 30 * time.Second
)

// Run plays the phases of a spec and reports on each. Whatever a subject does
// wrong is in the results; an error means that there are none.
func Run(ctx context.Context, spec Spec, report func(Report) error) error {
	w := workload.Named(spec.Workload)
	if w == nil {
		return fmt.Errorf("load: there is no workload %q", spec.Workload)
	}
	for _, p := range spec.Phases {
		if err := p.check(); err != nil {
			return fmt.Errorf("load: %w", err)
		}
	}
	player, err := w.Cast(workload.Casting{Prefix: spec.Prefix, Tag: spec.Tag})
	if err != nil {
		return err
	}
	var outputs []string
	for _, name := range w.Outputs {
		outputs = append(outputs, workload.Topic(spec.Prefix, name))
	}
	wire, err := openWire(ctx, spec.Brokers, outputs)
	if err != nil {
		return err
	}
	defer wire.close()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	r := &runner{wire: wire, player: player, flights: newFlights(w), fail: fail, ended: make(chan struct{}, 1)}
	watching := make(chan struct{})
	go func() { defer close(watching); r.watch(ctx) }()
	for _, p := range spec.Phases {
		if err = r.play(ctx, p, report); err != nil {
			break
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	fail(nil)
	<-watching
	return err
}

// runner is a load at work.
type runner struct {
	wire *wire
	fail context.CancelCauseFunc

	mu      sync.Mutex // guards what follows; also gives events their order
	player  workload.Player
	flights *flights
	refill  func(now time.Time) bool // closed loop: whether another case begins
	ended   chan struct{}            // has a token when no case is under way
}

// play plays one phase.
func (r *runner) play(ctx context.Context, p Phase, report func(Report) error) error {
	r.locked(func() { r.flights.enter(p.Rate > 0) })
	began := time.Now()
	if p.Ramp == 0 {
		if err := r.measure(p, began, report); err != nil {
			return err
		}
	}
	driving := make(chan struct{})
	go func() {
		defer close(driving)
		r.drive(ctx, p, began)
	}()
	err := r.time(ctx, p, driving, report)
	if err != nil {
		r.fail(err) // the driving ends with the load
	}
	<-driving
	if err != nil {
		return err
	}
	result, err := r.drain(ctx)
	if err != nil {
		return err
	}
	return report(Report{Event: Finished, Phase: p.Name, Result: result})
}

// time says when measuring begins, unless it has, and when it ends.
func (r *runner) time(ctx context.Context, p Phase, driving <-chan struct{}, report func(Report) error) error {
	if p.Ramp > 0 {
		if err := sleep(ctx, p.Ramp); err != nil {
			return err
		}
		if err := r.measure(p, time.Now(), report); err != nil {
			return err
		}
	}
	var err error
	if p.Cases > 0 {
		err = r.awaitAll(ctx, driving)
	} else {
		err = sleep(ctx, p.Measure)
	}
	if err != nil {
		return err
	}
	r.locked(func() { r.flights.stop(time.Now()) })
	return report(Report{Event: Measured, Phase: p.Name})
}

func (r *runner) measure(p Phase, from time.Time, report func(Report) error) error {
	r.locked(func() { r.flights.measure(from) })
	return report(Report{Event: Measuring, Phase: p.Name})
}

func (r *runner) locked(do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do()
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// watch reads what comes out and answers it, until ctx ends.
func (r *runner) watch(ctx context.Context) {
	for ctx.Err() == nil {
		fetches := r.wire.consumer.PollFetches(ctx)
		for _, e := range fetches.Errors() {
			if ctx.Err() == nil && !errors.Is(e.Err, context.Canceled) {
				r.fail(fmt.Errorf("load: read %s/%d: %w", e.Topic, e.Partition, e.Err))
				return
			}
		}
		now := time.Now()
		r.mu.Lock()
		fetches.EachRecord(func(record *kgo.Record) { r.see(ctx, record, now) })
		r.mu.Unlock()
	}
}

// see takes one record.
func (r *runner) see(ctx context.Context, record *kgo.Record, now time.Time) {
	s := r.player.See(record)
	if s.Case < 0 {
		return
	}
	ended, ok := r.flights.see(s, now)
	if !ok {
		return
	}
	if s.Reply != nil {
		r.flights.sent(s.Case, time.Now())
		r.produce(ctx, s.Reply)
	}
	if !ended {
		return
	}
	if r.refill != nil && r.refill(now) {
		r.begin(ctx, now)
	} else if len(r.flights.under) == 0 {
		select {
		case r.ended <- struct{}{}:
		default:
		}
	}
}

// begin begins a case that is meant to begin at a time.
func (r *runner) begin(ctx context.Context, at time.Time) {
	n := r.flights.begin(at)
	r.produce(ctx, r.player.Begin(n))
}

func (r *runner) produce(ctx context.Context, record *kgo.Record) {
	r.wire.producer.Produce(ctx, record, func(sent *kgo.Record, err error) {
		if err != nil && ctx.Err() == nil {
			r.fail(fmt.Errorf("load: write to %s: %w", sent.Topic, err))
		}
	})
}
