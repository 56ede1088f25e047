package calendar_test

import (
	"strings"
	"testing"
	"time"

	"rondo/topology/calendar"
	"rondo/topology/expr"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := expr.LoadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func parse(t *testing.T, text string) *calendar.Cron {
	t.Helper()
	c, err := calendar.ParseCron(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return c
}

// Each row: the times that follow a time, as clocks in the zone show them.
func TestCronFiresWhenItSays(t *testing.T) {
	for _, row := range []struct{ name, cron, zone, after, want string }{
		{"working days", "0 6 * * 1-5", "Europe/Berlin", "2026-01-02 06:00", "2026-01-05 06:00, 2026-01-06 06:00"},
		{"names", "30 8 * jan,dec mon", "UTC", "2026-01-20 00:00", "2026-01-26 08:30, 2026-12-07 08:30"},
		{"steps", "*/20 9-10 * * *", "UTC", "2026-01-01 09:30", "2026-01-01 09:40, 2026-01-01 10:00, 2026-01-01 10:20"},
		{"a step from a number on", "50/5 * * * *", "UTC", "2026-01-01 09:30", "2026-01-01 09:50, 2026-01-01 09:55, 2026-01-01 10:50"},
		{"Sunday is 7 as well", "0 0 * * 7", "UTC", "2026-01-01 00:00", "2026-01-04 00:00"},
		{"either day if both are restricted", "0 0 13 * 5", "UTC", "2026-02-07 00:00", "2026-02-13 00:00, 2026-02-20 00:00"},
		{"both days if one is any of a step", "0 0 */2 * 5", "UTC", "2026-02-07 00:00", "2026-02-13 00:00, 2026-02-27 00:00"},
		{"the last day of some months", "0 12 31 * *", "UTC", "2026-01-31 12:00", "2026-03-31 12:00"},
		{"29 February over a century", "0 0 29 2 *", "UTC", "2096-02-29 00:00", "2104-02-29 00:00"},

		{"a skipped time: when clocks are put forward", "30 2 * * *", "Europe/Berlin", "2026-03-28 02:30", "2026-03-29 03:00, 2026-03-30 02:30"},
		{"a time at the end of what is skipped", "0 3 * * *", "Europe/Berlin", "2026-03-28 03:00", "2026-03-29 03:00, 2026-03-30 03:00"},
		{"skipped and the end of it: once", "0,30 2,3 * * *", "Europe/Berlin", "2026-03-28 23:00", "2026-03-29 03:00, 2026-03-29 03:30"},
		{"every hour: what is skipped does not come", "30 * * * *", "Europe/Berlin", "2026-03-29 01:00", "2026-03-29 01:30, 2026-03-29 03:30"},
		{"a time shown twice: the first", "30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", "2026-10-25 02:30 CEST, 2026-10-26 02:30"},
		{"every hour: twice what is shown twice", "30 * * * *", "Europe/Berlin", "2026-10-25 01:00", "2026-10-25 01:30, 2026-10-25 02:30 CEST, 2026-10-25 02:30 CET, 2026-10-25 03:30"},
		{"a shift of half an hour", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03 12:00", "2026-10-04 02:30, 2026-10-05 02:15"},
		{"midnight is skipped", "0 0 * * *", "America/Santiago", "2026-09-05 12:00", "2026-09-06 01:00, 2026-09-07 00:00"},
		{"a whole day is skipped", "0 12 30 12 *", "Pacific/Apia", "2011-12-01 00:00", "2011-12-31 00:00, 2012-12-30 12:00"},
	} {
		t.Run(row.name, func(t *testing.T) {
			z := zone(t, row.zone)
			at, err := time.ParseInLocation("2006-01-02 15:04", row.after, z)
			if err != nil {
				t.Fatal(err)
			}
			for want := range strings.SplitSeq(row.want, ", ") {
				next, ok := parse(t, row.cron).Next(at, z)
				if got := next.In(z).Format("2006-01-02 15:04 MST"); !ok || !strings.HasPrefix(got, want) {
					t.Fatalf("after %s: got %s, want %s", at.In(z), got, want)
				}
				at = next
			}
		})
	}
}

// From within the hour that clocks show a second time a schedule at fixed hours
// does not fire again.
func TestCronFromWithinTheRepeatedHour(t *testing.T) {
	z := zone(t, "Europe/Berlin")
	second := time.Date(2026, 10, 25, 1, 10, 0, 0, time.UTC) // 02:10 for the second time
	next, _ := parse(t, "30 2 * * *").Next(second, z)
	if got := next.In(z).String(); !strings.HasPrefix(got, "2026-10-26 02:30") {
		t.Error(got)
	}
	next, _ = parse(t, "30 * * * *").Next(second, z)
	if got := next.In(z).String(); !strings.HasPrefix(got, "2026-10-25 02:30:00 +0100") {
		t.Error(got)
	}
}

// What Next gives is always later than what it was asked about, and asking about
// any time in between gives the same.
func TestCronGoesForward(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Africa/Casablanca"} {
		z := zone(t, name)
		for _, text := range []string{"*/7 * * * *", "0 */5 * * *", "30 2 * * *", "0 0 1 * *", "59 23 * * 0"} {
			c := parse(t, text)
			at := time.Date(2010, 12, 31, 23, 59, 59, 999, time.UTC)
			for range 300 {
				next, ok := c.Next(at, z)
				if !ok || !next.After(at) || next.Second() != 0 {
					t.Fatalf("%s in %s: %s follows %s", text, name, next, at)
				}
				between := at.Add(next.Sub(at) / 2)
				if again, _ := c.Next(between, z); !again.Equal(next) {
					t.Fatalf("%s in %s: after %s comes %s, after %s comes %s", text, name, at, next, between, again)
				}
				at = next
			}
		}
	}
}

func TestCronRefusesWhatIsNone(t *testing.T) {
	for text, want := range map[string]string{
		"":             "0 fields",
		"* * * *":      "4 fields",
		"0 0 0 * * *":  "6 fields",
		"60 * * * *":   `the minute "60"`,
		"* 24 * * *":   `the hour "24"`,
		"* * 0 * *":    `the day of the month "0"`,
		"* * * 13 *":   `the month "13"`,
		"* * * * 8":    `the day of the week "8"`,
		"5-2 * * * *":  "5 is behind 2",
		"*/0 * * * *":  "the step",
		"*/x * * * *":  "the step",
		"1,,2 * * * *": "must be a number",
		"-1 * * * *":   "must be a number",
		"001 * * * *":  "must be a number",
		"@daily":       "1 field,",
		"0 0 30 2 *":   "no such day",
	} {
		if _, err := calendar.ParseCron(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzCron(f *testing.F) {
	f.Add("0 6 * * 1-5", int64(1_767_225_600))
	f.Fuzz(func(t *testing.T, text string, at int64) {
		c, err := calendar.ParseCron(text)
		if err != nil {
			return
		}
		from := time.Unix(at%4e9, 0)
		if next, ok := c.Next(from, time.UTC); ok && !next.After(from) {
			t.Fatalf("%s follows %s", next, from)
		}
	})
}

func BenchmarkCronNext(b *testing.B) {
	z, err := expr.LoadZone("Europe/Berlin")
	if err != nil {
		b.Fatal(err)
	}
	c, err := calendar.ParseCron("0 6 * * 1-5")
	if err != nil {
		b.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 6, 0, 0, 0, time.UTC)
	for b.Loop() {
		c.Next(at, z)
	}
}
