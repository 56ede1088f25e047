package checkout

import (
	"fmt"
	"testing"

	"rondo/internal/demo/services"
)

var allHabits = map[string]services.Habits{"inventory": inventoryHabits, "payment": paymentHabits, "shipping": shippingHabits}

func TestAServiceAnswersInTimeOnceItHasBeenSilent(t *testing.T) {
	for name, h := range allHabits {
		for i := range 20_000 {
			subject := fmt.Sprint("command ", i)
			m := h.Manner(services.Dice{Seed: 1}, subject, h.SilentMost+1)
			if m.Lost || m.Mute || m.After > h.Patience/2 {
				t.Fatalf("%s treats delivery %d of %s as %+v", name, h.SilentMost+1, subject, m)
			}
		}
	}
}

func TestEveryTroubleShowsInAUsualRun(t *testing.T) {
	const orders = 2_000
	for name, h := range allHabits {
		var lost, mute, late, twice, echoed int
		for i := range orders {
			m := h.Manner(services.Dice{Seed: 42}, fmt.Sprint("command ", i), 1)
			lost += count(m.Lost)
			mute += count(m.Mute)
			late += count(m.After > h.Patience)
			twice += count(m.Again > 0)
			echoed += count(m.Echo)
		}
		if lost < 4 || mute < 4 || late < 10 || twice < 50 || echoed < orders/4 || echoed > 3*orders/4 {
			t.Errorf("%s of %d: %d lost, %d mute, %d late, %d twice, %d echoed", name, orders, lost, mute, late, twice, echoed)
		}
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}
