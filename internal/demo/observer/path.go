package observer

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// path is what was seen of one order.
type path struct {
	order   string
	began   time.Time // when the order was placed
	stops   []stop
	ended   time.Time
	failed  bool
	undone  bool
	outcome string // "completed", or the reason of the failure
}

// stop is something that happened to an order.
type stop struct {
	at   time.Time
	text string
}

// stopTexts says what a record of a type means for an order's path; types that
// are missing say nothing.
var stopTexts = map[string]string{
	"ReserveStock": "reserve", "ReleaseStock": "release",
	"ChargeCard": "pay", "RefundPayment": "refund",
	"PrintLabel":  "label",
	"CardUpdated": "new card", "OrderCancelled": "cancel",
}

// Finished is an order that has ended.
type Finished struct {
	Order   string
	Path    string // "reserve → pay ×2 → label → completed"
	Failed  bool
	Undone  bool
	Took    time.Duration
	EndedAt time.Time
}

func (p *path) finished() Finished {
	return Finished{
		Order: p.order, Path: p.String(), Failed: p.failed, Undone: p.undone,
		Took: p.ended.Sub(p.began), EndedAt: p.ended,
	}
}

// String draws the path in the order of the records' times; what happened
// several times in a row is written once with its number.
func (p *path) String() string {
	stops := slices.Clone(p.stops)
	slices.SortStableFunc(stops, func(a, b stop) int { return cmp.Compare(a.at.UnixMilli(), b.at.UnixMilli()) })
	var parts []string
	for i := 0; i < len(stops); {
		n := 1
		for i+n < len(stops) && stops[i+n].text == stops[i].text {
			n++
		}
		text := stops[i].text
		if n > 1 {
			text += " ×" + string(rune('0'+min(n, 9)))
		}
		parts = append(parts, text)
		i += n
	}
	if p.outcome != "" {
		parts = append(parts, p.outcome)
	}
	return strings.Join(parts, " → ")
}

// reasonOf reads why an order failed.
func reasonOf(value []byte) string {
	var outcome struct {
		Reason string `json:"reason"`
	}
	if err := json.Unmarshal(value, &outcome); err != nil || outcome.Reason == "" {
		return "failed" // the verdict says what is wrong with the record
	}
	return outcome.Reason
}
