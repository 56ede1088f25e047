package expr

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func mustZone(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := loadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestEveryZoneCanBeRead(t *testing.T) {
	if len(zones()) < 400 {
		t.Fatalf("only %d zones", len(zones()))
	}
	for name := range zones() {
		if _, err := loadZone(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := loadZone("Local"); err == nil {
		t.Error("the machine's own zone must not be found")
	}
}

func TestClocksThatAreSetForwardAndBack(t *testing.T) {
	for _, c := range []struct{ zone, clock, want string }{
		{"Europe/Berlin", "2026-03-29T01:59:59", "2026-03-29T00:59:59Z"},
		{"Europe/Berlin", "2026-03-29T02:30:00", "2026-03-29T01:30:00Z"}, // is skipped: 03:30
		{"Europe/Berlin", "2026-03-29T03:00:00", "2026-03-29T01:00:00Z"},
		{"Europe/Berlin", "2026-10-25T01:59:59", "2026-10-24T23:59:59Z"},
		{"Europe/Berlin", "2026-10-25T02:30:00", "2026-10-25T00:30:00Z"}, // is there twice: the first
		{"Europe/Berlin", "2026-10-25T03:00:00", "2026-10-25T02:00:00Z"},
		{"America/New_York", "2026-03-08T02:30:00", "2026-03-08T07:30:00Z"},
		{"America/New_York", "2026-11-01T01:30:00", "2026-11-01T05:30:00Z"},
		{"Australia/Lord_Howe", "2026-10-04T02:15:00", "2026-10-03T15:45:00Z"}, // skips half an hour
		{"Asia/Kolkata", "2026-06-01T05:30:00", "2026-06-01T00:00:00Z"},
		{"UTC", "2026-06-01T05:30:00", "2026-06-01T05:30:00Z"},
	} {
		clock, err := time.Parse("2006-01-02T15:04:05", c.clock)
		if err != nil {
			t.Fatal(err)
		}
		if got := instantOf(clock, mustZone(t, c.zone)).Format(time.RFC3339); got != c.want {
			t.Errorf("%s in %s: got %s, want %s", c.clock, c.zone, got, c.want)
		}
	}
}

// Where a time of day is there once, all agree about when it is.
func TestCivilAndInstantAreEachOthersReverse(t *testing.T) {
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range zones() {
			if !yield(name) {
				return
			}
		}
	})
	rapid.Check(t, func(rt *rapid.T) {
		zone := mustZone(t, rapid.SampledFrom(names).Draw(rt, "zone"))
		at := time.Unix(rapid.Int64Range(0, 4e9).Draw(rt, "at"), 0).UTC()
		clock := civilOf(at, zone)
		if got, want := clock.Format(time.DateTime), at.In(zone).Format(time.DateTime); got != want {
			rt.Fatalf("clocks show %s, not %s", want, got)
		}
		back := instantOf(clock, zone)
		if !back.Equal(at) && !civilOf(back, zone).Equal(clock) {
			rt.Fatalf("%s in %s came back as %s", at, zone, back)
		}
		if back.After(at) {
			rt.Fatalf("%s in %s came back later, as %s", at, zone, back)
		}
	})
}

func TestDurationsAreRead(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "1ms": 1e6, "1.5s": 15e8, "1h30m": 90 * time.Minute, "2d": 48 * time.Hour, "1w": 168 * time.Hour, "-1m30s": -90 * time.Second,
		"1us": 1e3, "1µs": 1e3, "1ns": 1, "0.25h": 15 * time.Minute, "106751d": 106751 * 24 * time.Hour, "1.0000000019s": 1000000001,
	} {
		if got, ok := parseDuration(text); !ok || got != want {
			t.Errorf("%s: got %s, %v; want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "-", "5", "5x", "m", "1.m", ".5s", "1..5s", "1.5.2s", "5 m", "5mm", "5mo", "1h-5m", "106752d", "99999999999999999999s", "9223372036.9s", "300y", "+5m"} {
		if got, ok := parseDuration(text); ok {
			t.Errorf("%s: got %s", text, got)
		}
	}
}

func TestPeriodsAreRead(t *testing.T) {
	for text, want := range map[string]period{
		"P1M": {months: 1}, "P1Y2M3W4DT5H6M7S": {14, 25, 5*time.Hour + 6*time.Minute + 7*time.Second}, "-P1DT1H": {0, -1, -time.Hour}, "PT0S": {}, "P12W": {days: 84},
	} {
		if got, ok := parsePeriod(text); !ok || got != want {
			t.Errorf("%s: got %+v, %v; want %+v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "P", "PT", "1M", "P1", "P1X", "P1D1M", "P1M1M", "P1DT", "PT1D", "P1H", "P1.5D", "p1d", "P-1D", "PT1HT1M", "P9999999D"} {
		if got, ok := parsePeriod(text); ok {
			t.Errorf("%s: got %+v", text, got)
		}
	}
}

func TestLayoutsWriteWhatTheyRead(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		at := time.Unix(rapid.Int64Range(-6e10, 2e11).Draw(rt, "at"), rapid.Int64Range(0, 999).Draw(rt, "milli")*1e6).UTC()
		offset := rapid.IntRange(-14*60, 14*60).Draw(rt, "offset") * 60
		clock := at.Add(time.Duration(offset) * time.Second)
		for _, layout := range []string{"%Y-%m-%dT%H:%M:%S.%L%z", "%a, %d %b %Y %H%M%S %f %z", "%A %d %B %Y %H%M%S.%L 100%% %z"} {
			text, problem := formatLayout(clock, offset, layout)
			if problem != "" {
				rt.Fatal(problem)
			}
			got, gotOffset, problem := parseLayout(text, layout)
			if problem != "" || gotOffset == nil || *gotOffset != offset || !got.Equal(clock) {
				rt.Fatalf("%s (%s): got %s, %v, %s; want %s", text, layout, got, gotOffset, problem, clock)
			}
		}
	})
}
