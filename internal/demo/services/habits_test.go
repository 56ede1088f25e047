package services

import (
	"fmt"
	"testing"
	"time"
)

var allHabits = map[string]habits{"inventory": inventoryHabits, "payment": paymentHabits, "shipping": shippingHabits}

func TestAServiceAnswersInTimeOnceItHasBeenSilent(t *testing.T) {
	for name, h := range allHabits {
		for i := range 20_000 {
			subject := fmt.Sprint("command ", i)
			m := h.manner(dice{1}, subject, h.silentMost+1)
			if m.lost || m.mute || m.after > h.patience/2 {
				t.Fatalf("%s treats delivery %d of %s as %+v", name, h.silentMost+1, subject, m)
			}
		}
	}
}

func TestSilencesAreInARow(t *testing.T) {
	h := habits{silent: 0.5, silentMost: 2}
	for i := range 5_000 {
		subject := fmt.Sprint("command ", i)
		if h.silence(dice{1}, subject, 2) && !h.silence(dice{1}, subject, 1) {
			t.Fatalf("%s is answered at first and not the second time", subject)
		}
	}
}

func TestEveryTroubleShowsInAUsualRun(t *testing.T) {
	const orders = 2_000
	for name, h := range allHabits {
		var lost, mute, late, twice, echoed int
		for i := range orders {
			m := h.manner(dice{42}, fmt.Sprint("command ", i), 1)
			lost += one(m.lost)
			mute += one(m.mute)
			late += one(m.after > h.patience)
			twice += one(m.again > 0)
			echoed += one(m.echo)
		}
		if lost < 4 || mute < 4 || late < 10 || twice < 50 || echoed < orders/4 || echoed > 3*orders/4 {
			t.Errorf("%s of %d: %d lost, %d mute, %d late, %d twice, %d echoed", name, orders, lost, mute, late, twice, echoed)
		}
	}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestTheSameSeedTellsTheSameStory(t *testing.T) {
	a, b, other := dice{7}, dice{7}, dice{8}
	differ := 0
	for i := range 100 {
		word := fmt.Sprint(i)
		x := a.roll("order", word)
		if x < 0 || x >= 1 {
			t.Fatalf("rolled %v", x)
		}
		if y := b.roll("order", word); x != y {
			t.Fatalf("rolled %v and %v under one seed", x, y)
		}
		differ += one(x != other.roll("order", word))
	}
	if differ < 99 {
		t.Errorf("only %d of 100 rolls differ under another seed", differ)
	}
}

func TestRollsAreEvenlySpread(t *testing.T) {
	var tenths [10]int
	for i := range 100_000 {
		tenths[int(dice{3}.roll("n", fmt.Sprint(i))*10)]++
	}
	for i, n := range tenths {
		if n < 9_500 || n > 10_500 {
			t.Errorf("%d of 100,000 rolls in tenth %d", n, i)
		}
	}
}

func TestWaitsAreWithinTheirBounds(t *testing.T) {
	for i := range 10_000 {
		w := dice{1}.wait(time.Millisecond, 20*time.Millisecond, 90*time.Millisecond, fmt.Sprint(i))
		if w < time.Millisecond || w > 90*time.Millisecond {
			t.Fatalf("waits %s", w)
		}
	}
}

func TestNumberOfAnOrderIsBehindItsRun(t *testing.T) {
	for order, want := range map[string]string{"r4f2-000017": "000017", "a-b-3": "3", "17": "17"} {
		if got := numberOf(order); got != want {
			t.Errorf("number of %s is %s, want %s", order, got, want)
		}
	}
}
