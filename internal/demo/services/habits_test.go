package services

import (
	"fmt"
	"testing"
	"time"
)

func TestSilencesAreInARow(t *testing.T) {
	h := Habits{Silent: 0.5, SilentMost: 2}
	for i := range 5_000 {
		subject := fmt.Sprint("command ", i)
		if h.silence(Dice{1}, subject, 2) && !h.silence(Dice{1}, subject, 1) {
			t.Fatalf("%s is answered at first and not the second time", subject)
		}
	}
}

func TestTheSameSeedTellsTheSameStory(t *testing.T) {
	a, b, other := Dice{7}, Dice{7}, Dice{8}
	differ := 0
	for i := range 100 {
		word := fmt.Sprint(i)
		x := a.Roll("order", word)
		if x < 0 || x >= 1 {
			t.Fatalf("rolled %v", x)
		}
		if y := b.Roll("order", word); x != y {
			t.Fatalf("rolled %v and %v under one seed", x, y)
		}
		differ += count(x != other.Roll("order", word))
	}
	if differ < 99 {
		t.Errorf("only %d of 100 rolls differ under another seed", differ)
	}
}

func TestRollsAreEvenlySpread(t *testing.T) {
	var tenths [10]int
	for i := range 100_000 {
		tenths[int(Dice{3}.Roll("n", fmt.Sprint(i))*10)]++
	}
	for i, n := range tenths {
		if n < 9_500 || n > 10_500 {
			t.Errorf("%d of 100,000 rolls in tenth %d", n, i)
		}
	}
}

func TestWaitsAreWithinTheirBounds(t *testing.T) {
	for i := range 10_000 {
		w := Dice{1}.Wait(time.Millisecond, 20*time.Millisecond, 90*time.Millisecond, fmt.Sprint(i))
		if w < time.Millisecond || w > 90*time.Millisecond {
			t.Fatalf("waits %s", w)
		}
	}
}

func TestNumberOfAnOrderIsBehindItsRun(t *testing.T) {
	for order, want := range map[string]string{"r4f2-000017": "000017", "a-b-3": "3", "17": "17"} {
		if got := NumberOf(order); got != want {
			t.Errorf("number of %s is %s, want %s", order, got, want)
		}
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}
