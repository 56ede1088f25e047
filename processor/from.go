package processor

import (
	"fmt"
	"time"
)

// From is where the reading of an input topic begins when the application has
// not read it before. The zero From is the topic's end.
type From struct {
	earliest bool
	at       time.Time
}

// FromLatest begins with what is written from now on.
func FromLatest() From { return From{} }

// FromEarliest begins with the oldest record that the topic still holds.
func FromEarliest() From { return From{earliest: true} }

// FromTime begins with the first record whose timestamp is not before at.
func FromTime(at time.Time) From { return From{at: at.UTC()} }

// ParseFrom reads "latest", "earliest" or a time as in 2026-11-24T06:00:00Z.
func ParseFrom(text string) (From, error) {
	switch text {
	case "latest":
		return FromLatest(), nil
	case "earliest":
		return FromEarliest(), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return From{}, fmt.Errorf("%q says no place: write latest, earliest, or a time such as 2026-11-24T06:00:00Z", text)
	}
	return FromTime(at), nil
}

// Earliest reports whether reading begins with the oldest record.
func (f From) Earliest() bool { return f.earliest }

// Time returns the time from which to read, and whether f is one.
func (f From) Time() (time.Time, bool) { return f.at, !f.at.IsZero() }

// String is what ParseFrom reads.
func (f From) String() string {
	switch {
	case f.earliest:
		return "earliest"
	case !f.at.IsZero():
		return f.at.Format(time.RFC3339)
	}
	return "latest"
}
