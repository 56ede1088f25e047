package load

import (
	"context"
	"time"
)

// clock is the time, and how it is waited for.
type clock struct {
	now   func() time.Time
	sleep func(time.Duration)
}

// nap bounds how long the pace sleeps at once, so that it sees the end of its
// context.
const nap = 50 * time.Millisecond

// pace calls begin for each case of an open loop, at or after the time when it
// is meant to begin: the nth at first + n/rate. It ends before the first case
// that last forbids, or with ctx.
func pace(ctx context.Context, c clock, first time.Time, rate float64, last func(n int64, at time.Time) bool, begin func(at time.Time)) {
	for n := int64(0); ; n++ {
		at := first.Add(time.Duration(float64(n) / rate * float64(time.Second)))
		if last(n, at) {
			return
		}
		for {
			if ctx.Err() != nil {
				return
			}
			wait := at.Sub(c.now())
			if wait <= 0 {
				break
			}
			c.sleep(min(wait, nap))
		}
		begin(at)
	}
}
