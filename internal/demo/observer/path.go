package observer

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// path is what was seen of one case.
type path struct {
	key     string
	began   time.Time
	stops   []stop
	ended   time.Time
	failed  bool
	noted   bool
	outcome string // "completed", or the reason of the failure
}

// stop is something that happened to a case.
type stop struct {
	at   time.Time
	text string
}

// Finished is a case that has ended.
type Finished struct {
	Case    string
	Path    string // "reserve → pay ×2 → label → completed"
	Failed  bool
	Noted   bool
	Took    time.Duration
	EndedAt time.Time
}

func (p *path) finished() Finished {
	return Finished{
		Case: p.key, Path: p.String(), Failed: p.failed, Noted: p.noted,
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
