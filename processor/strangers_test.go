package processor

import (
	"fmt"
	"testing"
)

func TestWhatFitsNoMessageIsSaidWithWhatWasMeant(t *testing.T) {
	messages := []string{"OrderCancelled", "OrderPlaced"}
	for _, tc := range []struct {
		types []string
		want  string
	}{
		{[]string{"OrderPlcaed"}, "no message fits type OrderPlcaed on topic shop.orders: did you mean OrderPlaced?"},
		{[]string{"shop.events.Zzz", "Zzz"}, "no message fits type shop.events.Zzz on topic shop.orders: the messages there are OrderCancelled, OrderPlaced"},
		{[]string{"OrderPlaced"}, "a record of type OrderPlaced on topic shop.orders is passed over: the `when` of that message does not hold"},
		{nil, "a record on topic shop.orders tells no type and is passed over: give it a header `type`, or JSON a field `type`; the messages there are OrderCancelled, OrderPlaced"},
	} {
		if got := strangeText("shop.orders", tc.types, messages); got != tc.want {
			t.Errorf("got:  %s\nwant: %s", got, tc.want)
		}
	}
}

func TestEachTypeIsSaidOnceAndNotTooMany(t *testing.T) {
	var s strangers
	said := 0
	for i := range 3 * strangeRecords {
		if s.look("a") && s.first("a", fmt.Sprint(i%7)) {
			said++
		}
	}
	if said != 7 {
		t.Errorf("said %d times", said)
	}
	for i := range 3 * strangeTypes {
		if s.look("b") && s.first("b", fmt.Sprint(i)) {
			said++
		}
	}
	if said != 7+strangeTypes {
		t.Errorf("said %d times", said)
	}
}
