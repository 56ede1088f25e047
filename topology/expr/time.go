package expr

import (
	"math"
	"strings"
	"time"

	"rondo/topology/calendar"
	"rondo/topology/value"
)

const zeroDuration = time.Duration(0)

// timeFunctions are those of CEL, with zones from zoneFile, and Rondo's.
var timeFunctions = []*function{
	{name: "plus", params: []kinds{kTimestamp, kString | kDuration, kString}, optional: 1, result: kTimestamp, run: plus},
	{name: "next", params: []kinds{kString, kTimestamp, kString}, optional: 1, result: kTimestamp, run: next, prepare: prepareNext},
	{name: "parse_time", params: []kinds{kString, kString, kString}, optional: 2, result: kTimestamp, run: parseTime},
	timePart("getFullYear", func(c civil) int { return c.Year() }),
	timePart("getMonth", func(c civil) int { return int(c.Month()) - 1 }),
	timePart("getDate", func(c civil) int { return c.Day() }),
	timePart("getDayOfMonth", func(c civil) int { return c.Day() - 1 }),
	timePart("getDayOfWeek", func(c civil) int { return int(c.Weekday()) }),
	timePart("getDayOfYear", func(c civil) int { return c.YearDay() - 1 }),
	clockPart("getHours", func(c civil) int { return c.Hour() }, time.Hour),
	clockPart("getMinutes", func(c civil) int { return c.Minute() }, time.Minute),
	clockPart("getSeconds", func(c civil) int { return c.Second() }, time.Second),
	clockPart("getMilliseconds", func(c civil) int { return c.Nanosecond() / 1e6 }, time.Millisecond),
}

// timePart makes a function of a timestamp and, if given, a zone (else UTC).
func timePart(name string, part func(c civil) int) *function {
	return &function{
		name: name, style: member, params: []kinds{kTimestamp, kString}, optional: 1, result: kInt,
		run: func(_ *frame, n *callNode, args []value.Value) (value.Value, *Error) {
			c, err := n.civil(args, 1)
			if err != nil {
				return nil, err
			}
			return int64(part(c)), nil
		},
	}
}

// clockPart is like timePart, and of a duration gives its length in units.
func clockPart(name string, part func(c civil) int, unit time.Duration) *function {
	fn := timePart(name, part)
	ofTime := fn.run
	fn.params = []kinds{kTimestamp | kDuration, kString}
	fn.run = func(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
		if d, ok := args[0].(time.Duration); ok {
			return int64(d / unit), nil
		}
		return ofTime(f, n, args)
	}
	return fn
}

// civil is what clocks show at the timestamp args[0] in the zone args[i].
func (n *callNode) civil(args []value.Value, i int) (civil, *Error) {
	zone, err := n.zone(args, i)
	if err != nil {
		return civil{}, err
	}
	return civilOf(args[0].(time.Time), zone), nil
}

// zone is the zone whose name is argument i; UTC where there is none. As CEL
// has it, a fixed offset ("+01:00") will do as well.
func (n *callNode) zone(args []value.Value, i int) (*time.Location, *Error) {
	if i >= len(args) {
		return time.UTC, nil
	}
	name, ok := args[i].(string)
	if !ok {
		return nil, n.spans[i].fail("`%s` needs the name of a zone (\"Europe/Berlin\"), not %s", n.fn.name, kindOf(args[i]).withArticle())
	}
	if offset, ok := parseOffset(name); ok {
		return time.FixedZone("", offset), nil
	}
	zone, err := loadZone(name)
	if err != nil {
		return nil, n.unknownZone(name, i)
	}
	return zone, nil
}

// unknownZone suggests a zone whose last part is meant, or whose case is wrong.
func (n *callNode) unknownZone(name string, i int) *Error {
	err := n.spans[i].fail("`%s`: there is no such time zone", n.fn.name)
	err.hint = func() string {
		var near []string
		for zone := range zones() {
			if strings.EqualFold(zone, name) || strings.EqualFold(zone[strings.LastIndex(zone, "/")+1:], name) {
				near = append(near, zone)
			}
		}
		if len(near) != 1 {
			return "; zones have names like \"Europe/Berlin\""
		}
		return " (did you mean \"" + near[0] + "\"?)"
	}
	return err
}

// parseOffset reads "+01:00", "-0530" and "Z" as seconds east of UTC.
func parseOffset(s string) (int, bool) {
	if s == "Z" {
		return 0, true
	}
	if len(s) < 5 || len(s) > 6 || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	for _, layout := range []string{"-07:00", "-0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			_, offset := t.Zone()
			return offset, true
		}
	}
	return 0, false
}

// plus moves a timestamp by a period of the calendar ("P1M") in a zone, or by a
// duration.
func plus(_ *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	t := args[0].(time.Time)
	if d, ok := args[1].(time.Duration); ok {
		return checkedTime(t.Add(d), n.at)
	}
	p, ok := parsePeriod(args[1].(string))
	if !ok {
		return nil, n.spans[1].fail("`plus` needs a period as in ISO 8601, such as \"P1M\", \"P2W\" or \"P1DT12H\"")
	}
	zone, err := n.zone(args, 2)
	if err != nil {
		return nil, err
	}
	return checkedTime(p.addTo(t, zone), n.at)
}

// nextCost is what it costs to look for a time of a schedule.
const nextCost = 200

// next is the first time of a schedule behind a timestamp, in a zone.
func next(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	cron, err := calendar.ParseCron(args[0].(string))
	if err != nil {
		return nil, n.spans[0].fail("`next`: %v", err)
	}
	return nextOf(f, n, cron, args)
}

// prepareNext reads a schedule that is constant beforehand.
func prepareNext(n *callNode, args []*constNode) (func(*frame, *callNode, []value.Value) (value.Value, *Error), *Error) {
	if args[0] == nil {
		return nil, nil
	}
	text, ok := args[0].v.(string)
	if !ok {
		return nil, nil // reported as of the wrong kind
	}
	cron, err := calendar.ParseCron(text)
	if err != nil {
		return nil, n.spans[0].fail("`next`: %v", err)
	}
	return func(f *frame, n *callNode, args []value.Value) (value.Value, *Error) { return nextOf(f, n, cron, args) }, nil
}

func nextOf(f *frame, n *callNode, cron *calendar.Cron, args []value.Value) (value.Value, *Error) {
	if err := f.spend(nextCost, n.at); err != nil {
		return nil, err
	}
	zone, err := n.zone(args, 2)
	if err != nil {
		return nil, err
	}
	t, ok := cron.Next(args[1].(time.Time), zone)
	if !ok {
		return nil, n.spans[0].fail("`next`: the schedule has no time any more")
	}
	return checkedTime(t.UTC(), n.at)
}

// period is a period of the calendar: months and days are as long as they are
// where they fall, the rest is exact.
type period struct {
	months, days int
	exact        time.Duration
}

// periodUnits are in the order in which a period names them.
var periodUnits = []struct {
	letter byte
	time   bool // behind the T
	add    func(p *period, n int)
}{
	{'Y', false, func(p *period, n int) { p.months += 12 * n }},
	{'M', false, func(p *period, n int) { p.months += n }},
	{'W', false, func(p *period, n int) { p.days += 7 * n }},
	{'D', false, func(p *period, n int) { p.days += n }},
	{'H', true, func(p *period, n int) { p.exact += time.Duration(n) * time.Hour }},
	{'M', true, func(p *period, n int) { p.exact += time.Duration(n) * time.Minute }},
	{'S', true, func(p *period, n int) { p.exact += time.Duration(n) * time.Second }},
}

// parsePeriod reads ISO 8601: P1Y2M3W4DT5H6M7S, every part once at most, at
// least one, all whole; a minus before the P turns all.
func parsePeriod(s string) (p period, ok bool) {
	sign := 1
	if rest, minus := strings.CutPrefix(s, "-"); minus {
		s, sign = rest, -1
	}
	s, ok = strings.CutPrefix(s, "P")
	if !ok || s == "" {
		return p, false
	}
	behindT, next := false, 0
	for s != "" {
		if rest, t := strings.CutPrefix(s, "T"); t {
			if behindT || rest == "" {
				return p, false
			}
			s, behindT = rest, true
		}
		n, letter, rest, ok := cutCount(s)
		if !ok {
			return p, false
		}
		unit := next
		for unit < len(periodUnits) && (periodUnits[unit].letter != letter || periodUnits[unit].time != behindT) {
			unit++
		}
		if unit == len(periodUnits) {
			return p, false
		}
		periodUnits[unit].add(&p, sign*n)
		s, next = rest, unit+1
	}
	return p, true
}

// cutCount takes a number of up to six digits and the letter behind it.
func cutCount(s string) (n int, letter byte, rest string, ok bool) {
	i := 0
	for ; i < len(s) && i < 6 && '0' <= s[i] && s[i] <= '9'; i++ {
		n = 10*n + int(s[i]-'0')
	}
	if i == 0 || i == len(s) {
		return 0, 0, "", false
	}
	return n, s[i], s[i+1:], true
}

// addTo adds months (31 January and one month is the end of February), then
// days, then what is exact.
func (p period) addTo(t time.Time, zone *time.Location) time.Time {
	if p.months != 0 || p.days != 0 {
		c := addMonths(civilOf(t, zone), p.months).AddDate(0, 0, p.days)
		t = instantOf(c, zone)
	}
	return t.Add(p.exact)
}

func addMonths(c civil, months int) civil {
	if months == 0 {
		return c
	}
	first := time.Date(c.Year(), c.Month()+time.Month(months), 1, c.Hour(), c.Minute(), c.Second(), c.Nanosecond(), time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(c.Day(), last)-1)
}

// parseTime reads RFC 3339 or a date; with a layout what that says, in a zone
// unless the text has an offset.
func parseTime(f *frame, n *callNode, args []value.Value) (value.Value, *Error) {
	text := args[0].(string)
	if err := f.spend(textCost(len(text)), n.at); err != nil {
		return nil, err
	}
	if len(args) == 1 {
		for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
			if t, err := time.Parse(layout, head(text)); err == nil {
				return checkedTime(t, n.at)
			}
		}
		return nil, n.spans[0].fail("`parse_time` needs a time in RFC 3339 (2026-03-01T12:00:00Z), a date (2026-03-01), or a layout")
	}
	zone, err := n.zone(args, 2)
	if err != nil {
		return nil, err
	}
	c, offset, problem := parseLayout(text, args[1].(string))
	switch {
	case problem != "":
		return nil, n.spans[0].fail("`parse_time`: %s", problem)
	case offset != nil:
		return checkedTime(c.Add(-time.Duration(*offset)*time.Second), n.at)
	}
	return checkedTime(instantOf(c, zone), n.at)
}

// durationUnits are those of the language, and what is finer, longest names
// first where one begins another.
var durationUnits = []struct {
	name string
	unit time.Duration
}{
	{"ms", time.Millisecond}, {"us", time.Microsecond}, {"µs", time.Microsecond}, {"ns", time.Nanosecond},
	{"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour}, {"w", 7 * 24 * time.Hour},
}

// parseDuration reads numbers with units, joined: "1h30m", "1.5s", "-2d".
func parseDuration(s string) (time.Duration, bool) {
	s, negative := strings.CutPrefix(s, "-")
	if s == "" || len(s) > 100 {
		return 0, false
	}
	if s == "0" {
		return 0, true
	}
	var total time.Duration
	for s != "" {
		part, rest, ok := cutDuration(s)
		if !ok || part > math.MaxInt64-total {
			return 0, false
		}
		total, s = total+part, rest
	}
	if negative {
		total = -total
	}
	return total, true
}

// cutDuration takes one number and its unit. Digits finer than a nanosecond are
// dropped.
func cutDuration(s string) (d time.Duration, rest string, ok bool) {
	end := strings.IndexFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end <= 0 {
		return 0, "", false
	}
	whole, fraction, _ := strings.Cut(s[:end], ".")
	if strings.Contains(fraction, ".") || whole == "" || strings.HasSuffix(s[:end], ".") {
		return 0, "", false
	}
	for _, u := range durationUnits {
		if rest, ok := strings.CutPrefix(s[end:], u.name); ok && !isLetter(rest) {
			d, ok := scaled(whole, fraction, u.unit)
			return d, rest, ok
		}
	}
	return 0, "", false
}

func isLetter(s string) bool { return s != "" && (s[0] < '0' || s[0] > '9') }

// scaled is whole.fraction units; false if that is too long.
func scaled(whole, fraction string, unit time.Duration) (time.Duration, bool) {
	var n time.Duration
	for _, digit := range whole {
		if n > (math.MaxInt64-9)/10 {
			return 0, false
		}
		n = 10*n + time.Duration(digit-'0')
	}
	if n > math.MaxInt64/unit {
		return 0, false
	}
	n *= unit
	for _, digit := range fraction {
		unit /= 10 // a tenth of a unit is whole nanoseconds until nothing is left
		if part := time.Duration(digit-'0') * unit; part > math.MaxInt64-n {
			return 0, false
		} else {
			n += part
		}
	}
	return n, true
}
