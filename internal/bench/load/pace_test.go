package load

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// fake is the time of a synctest bubble.
var fake = clock{now: time.Now, sleep: time.Sleep}

func until(end time.Time) func(int64, time.Time) bool {
	return func(_ int64, at time.Time) bool { return !at.Before(end) }
}

func TestOpenLoopBeginsEachCaseAtItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var meant, real []time.Duration
		pace(t.Context(), fake, began, 200, until(began.Add(25*time.Millisecond)), func(at time.Time) {
			meant, real = append(meant, at.Sub(began)), append(real, time.Since(began))
		})
		want := []time.Duration{0, 5 * time.Millisecond, 10 * time.Millisecond, 15 * time.Millisecond, 20 * time.Millisecond}
		if !slices.Equal(meant, want) || !slices.Equal(real, want) {
			t.Errorf("meant %v, begun %v", meant, real)
		}
	})
}

// A load that was held up for a while begins what it has missed at once, and
// each case counts from when it was meant to begin: nothing is left out.
func TestOpenLoopMakesUpForWhatItHasMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var late []time.Duration
		pace(t.Context(), fake, began, 100, until(began.Add(50*time.Millisecond)), func(at time.Time) {
			late = append(late, time.Since(at))
			if len(late) == 2 {
				time.Sleep(25 * time.Millisecond)
			}
		})
		want := []time.Duration{0, 0, 15 * time.Millisecond, 5 * time.Millisecond, 0}
		if !slices.Equal(late, want) {
			t.Errorf("late by %v, want %v", late, want)
		}
	})
}

func TestOpenLoopEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began, count := time.Now(), 0
		pace(ctx, fake, began, 0.1, func(int64, time.Time) bool { return false }, func(time.Time) { count++ })
		if took := time.Since(began); count != 1 || took > 2*time.Second {
			t.Errorf("%d cases in %v", count, took)
		}
	})
}
