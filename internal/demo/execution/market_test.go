package execution

import (
	"fmt"
	"testing"

	"rondo/internal/demo/services"
)

func TestEveryTroubleShowsInAUsualRun(t *testing.T) {
	d := services.Dice{Seed: 42}
	deeds := map[string]int{}
	for i := range Story.Load.Default {
		c := services.Command{ID: fmt.Sprint(i), Subject: fmt.Sprint("leg ", i), Payload: fields{"qty": int64(100)}}
		done := decideLeg(d, c)
		deeds[string(done.Did)]++
		if len(done.Parts) > 0 {
			deeds["in parts"]++
			if done.Parts[0]+done.Parts[1] != done.Qty {
				t.Fatalf("%d in parts of %v", done.Qty, done.Parts)
			}
		}
		m := venueHabits.Manner(d, c.Subject, 1)
		if m.Lost || m.Mute {
			t.Fatalf("nobody is told of leg %d", i)
		}
		if m.After > venueHabits.Patience {
			deeds["late"]++
		}
		if m.Again > 0 {
			deeds["told twice"]++
		}
	}
	for _, deed := range []string{"", string(Filled), string(Rejected), "in parts", "late", "told twice"} {
		if deeds[deed] < 20 {
			t.Errorf("%q %d times in %d legs", deed, deeds[deed], Story.Load.Default)
		}
	}
}

func TestAnOrdersLegsMakeWhatIsOrdered(t *testing.T) {
	k := &desk{Post: &services.Post{Dice: services.Dice{Seed: 42}}}
	for i := range 500 {
		order := k.order(fmt.Sprint("r-", i), fmt.Sprint("order ", i))
		sum := int64(0)
		legs, _ := order["venues"].([]any)
		for _, leg := range legs {
			venue, _ := leg.(map[string]any)
			sum += fields(venue).qty()
		}
		if len(legs) == 0 || sum != order["qty"] {
			t.Fatalf("%d in %d legs of %v", sum, len(legs), order["qty"])
		}
	}
}
