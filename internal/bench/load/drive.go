package load

import (
	"context"
	"time"
)

// drive begins the cases of a phase until its time, or their number, is over.
func (r *runner) drive(ctx context.Context, p Phase, began time.Time) {
	over := func(n int64, at time.Time) bool {
		if p.Cases > 0 {
			return n >= p.Cases
		}
		return !at.Before(began.Add(p.Ramp + p.Measure))
	}
	if p.Concurrency > 0 {
		r.closed(ctx, p, over)
		return
	}
	real := clock{now: time.Now, sleep: preciseSleep}
	pace(ctx, real, began, p.Rate, over, func(at time.Time) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if time.Since(at) > lateAfter {
			r.flights.result.Late++
		}
		r.begin(ctx, at)
	})
}

// closed begins as many cases as shall be under way; the end of one begins the
// next. The cases that follow are begun by who sees the end.
func (r *runner) closed(ctx context.Context, p Phase, over func(int64, time.Time) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refill = func(now time.Time) bool { return !over(r.flights.result.Begun, now) }
	for range p.Concurrency {
		if now := time.Now(); r.refill(now) {
			r.begin(ctx, now)
		}
	}
}

// awaitAll waits until all cases were begun and have ended, or for as long as
// nothing comes any more.
func (r *runner) awaitAll(ctx context.Context, driving <-chan struct{}) error {
	select {
	case <-driving:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	_, err := r.awaitEnds(ctx)
	return err
}

// awaitEnds waits for the cases under way. It reports for how long in vain; 0
// when all have ended.
func (r *runner) awaitEnds(ctx context.Context) (invain time.Duration, err error) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	ended, since := int64(-1), time.Now()
	for {
		var under int
		var ends int64
		r.locked(func() { under, ends = len(r.flights.under), r.flights.result.Ended })
		switch {
		case under == 0:
			return 0, nil
		case ends != ended:
			ended, since = ends, time.Now()
		case time.Since(since) > drainPatience:
			return drainPatience, nil
		}
		select {
		case <-r.ended:
		case <-ticker.C:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// drain waits for the last cases of a phase and returns its result.
func (r *runner) drain(ctx context.Context) (*Result, error) {
	r.locked(func() { r.refill = nil })
	invain, err := r.awaitEnds(ctx)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if invain > 0 {
		r.flights.giveUp(invain)
	}
	result := r.flights.result
	return &result, nil
}
