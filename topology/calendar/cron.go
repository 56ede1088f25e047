// Package calendar computes the times of schedules in the calendar of a zone. It
// is pure: a zone is given, and no clock is asked.
//
// Clocks that are put forward skip times, and clocks that are put back show some
// twice. A schedule at fixed hours fires once for each day that it means: at the
// first of two equal times, and where its time is skipped at the moment when the
// clocks are put forward. One for every hour goes by what the clocks show: its
// minutes come twice when they show them twice, and not at all when they skip
// them.
package calendar

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"rondo/topology/diag"
)

// Cron is a schedule in the five fields of cron: minute, hour, day of the month,
// month, day of the week. A field is *, a number, a range, a list of those with
// commas, each with /step if wanted; months and days of the week may be names
// (jan, mon), and 7 is Sunday too. If both days are restricted, either will do.
type Cron struct {
	minutes, hours, days, months, weekdays uint64 // sets of numbers

	everyHour  bool // the hour is not restricted
	anyDay     bool // the day of the month is not restricted
	anyWeekday bool
}

// cronField is how one field is written.
type cronField struct {
	name     string
	min, max int
	names    []string // of min and those behind it
}

var cronFields = [...]cronField{
	{name: "minute", max: 59},
	{name: "hour", max: 23},
	{name: "day of the month", min: 1, max: 31},
	{name: "month", min: 1, max: 12, names: []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{name: "day of the week", max: 7, names: []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

// ParseCron reads the five fields. The error says for people what is wrong.
func ParseCron(text string) (*Cron, error) {
	parts := strings.Fields(text)
	if len(parts) != len(cronFields) {
		return nil, fmt.Errorf("%s, and there must be five: minute, hour, day of the month, month, day of the week", diag.Count(len(parts), "field"))
	}
	var sets [len(cronFields)]uint64
	var all [len(cronFields)]bool
	for i, f := range cronFields {
		var err error
		if sets[i], err = f.parse(parts[i]); err != nil {
			return nil, fmt.Errorf("the %s %q: %w", f.name, parts[i], err)
		}
		all[i] = strings.HasPrefix(parts[i], "*")
	}
	weekdays := sets[4]
	if weekdays&(1<<7) != 0 {
		weekdays |= 1 // Sunday
	}
	c := &Cron{minutes: sets[0], hours: sets[1], days: sets[2], months: sets[3], weekdays: weekdays,
		everyHour: all[1], anyDay: all[2], anyWeekday: all[4]}
	if _, ok := c.match(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)); !ok {
		return nil, fmt.Errorf("there is no such day")
	}
	return c, nil
}

func (f cronField) parse(text string) (uint64, error) {
	var set uint64
	for _, item := range strings.Split(text, ",") {
		numbers, err := f.item(item)
		if err != nil {
			return 0, err
		}
		set |= numbers
	}
	return set, nil
}

// item reads *, n, n-m, each with /step; n/step goes to the end.
func (f cronField) item(text string) (uint64, error) {
	span, stepText, stepped := strings.Cut(text, "/")
	step := 1
	if stepped {
		var err error
		if step, err = strconv.Atoi(stepText); err != nil || step < 1 || step > f.max {
			return 0, fmt.Errorf("the step %q must be a number from 1 to %d", stepText, f.max)
		}
	}
	first, last := f.min, f.max
	if span != "*" {
		from, to, isRange := strings.Cut(span, "-")
		var err error
		if first, err = f.number(from); err != nil {
			return 0, err
		}
		switch {
		case isRange:
			if last, err = f.number(to); err != nil {
				return 0, err
			}
		case !stepped:
			last = first
		}
	}
	if first > last {
		return 0, fmt.Errorf("%d is behind %d", first, last)
	}
	var set uint64
	for n := first; n <= last; n += step {
		set |= 1 << n
	}
	return set, nil
}

func (f cronField) number(text string) (int, error) {
	for i, name := range f.names {
		if strings.EqualFold(text, name) {
			return f.min + i, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.min || n > f.max || len(text) > 2 {
		return 0, fmt.Errorf("%q must be a number from %d to %d", text, f.min, f.max)
	}
	return n, nil
}

// Next returns the first time after t at which the schedule fires in a zone;
// false if there is none.
func (c *Cron) Next(t time.Time, zone *time.Location) (time.Time, bool) {
	_, offset := t.In(zone).Zone()
	from := clock(t, offset).Truncate(time.Minute).Add(time.Minute)
	if start, _ := t.In(zone).ZoneBounds(); !start.IsZero() && !c.everyHour {
		from = later(from, clock(start, offsetBefore(start, zone)))
	}
	for {
		shown, ok := c.match(from)
		if !ok {
			return time.Time{}, false
		}
		end := nextChange(t, zone)
		at := shown.Add(-time.Duration(offset) * time.Second)
		if end.IsZero() || at.Before(end) {
			return at, true
		}
		// Not before the clocks are changed, at end. What they skip then is from
		// old up to new; what they show twice is from new up to old.
		before := offset
		_, offset = end.In(zone).Zone()
		old, new := clock(end, before), clock(end, offset)
		if !c.everyHour && shown.Before(new) {
			return end.UTC(), true
		}
		t, from = end, new
		if !c.everyHour {
			from = later(old, new)
		}
	}
}

// nextChange is when the clocks of a zone may be changed next, zero for never.
// On the last day of a leap year ZoneBounds gives a time that is past; no zone
// changes its clocks on that day.
func nextChange(t time.Time, zone *time.Location) time.Time {
	_, end := t.In(zone).ZoneBounds()
	if !end.IsZero() && end.Compare(t) <= 0 {
		return t.Add(24 * time.Hour)
	}
	return end
}

// offsetBefore is the offset that was left when the clocks were changed at t.
func offsetBefore(t time.Time, zone *time.Location) int {
	_, offset := t.Add(-time.Second).In(zone).Zone()
	return offset
}

// clock is what clocks with an offset in seconds show at t, as a time in UTC.
func clock(t time.Time, offset int) time.Time {
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

func later(a, b time.Time) time.Time {
	if a.Compare(b) > 0 {
		return a
	}
	return b
}

// longestWait is how long a schedule can pause: from one 29 February to the
// next, over a year such as 2100, in which there is none.
const longestWait = 8*366 + 1

// match returns the first time from c on, by the minute, that fits; c is what
// clocks show.
func (s *Cron) match(c time.Time) (time.Time, bool) {
	c = roundedUp(c)
	limit := c.AddDate(0, 0, longestWait)
	for c.Before(limit) {
		switch {
		case s.months&(1<<c.Month()) == 0:
			c = time.Date(c.Year(), c.Month()+1, 1, 0, 0, 0, 0, time.UTC)
		case !s.onDay(c):
			c = time.Date(c.Year(), c.Month(), c.Day()+1, 0, 0, 0, 0, time.UTC)
		case s.hours&(1<<c.Hour()) == 0:
			c = c.Truncate(time.Hour).Add(time.Hour)
		case s.minutes&(1<<c.Minute()) == 0:
			c = c.Add(time.Minute)
		default:
			return c, true
		}
	}
	return time.Time{}, false
}

// roundedUp is c in whole minutes: zones of former times had seconds.
func roundedUp(c time.Time) time.Time {
	if whole := c.Truncate(time.Minute); !whole.Equal(c) {
		return whole.Add(time.Minute)
	}
	return c
}

func (s *Cron) onDay(c time.Time) bool {
	inMonth, inWeek := s.days&(1<<c.Day()) != 0, s.weekdays&(1<<c.Weekday()) != 0
	if s.anyDay || s.anyWeekday {
		return inMonth && inWeek
	}
	return inMonth || inWeek
}
