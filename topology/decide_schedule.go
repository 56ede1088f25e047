package topology

import (
	"fmt"
	"time"

	"rondo/topology/calendar"
	"rondo/topology/expr"
	"rondo/topology/value"
)

// schedule is a compiled Schedule.
type schedule struct {
	every time.Duration
	cron  *calendar.Cron // nil: every
	zone  *time.Location
	key   *formula // nil: the workflow's name
	spec  string
}

// String is what decides when s fires: another text means another schedule.
func (s *Schedule) String() string {
	switch {
	case s.Every > 0:
		return "every " + FormatDuration(s.Every)
	case s.Zone == "":
		return "cron " + s.Cron
	}
	return "cron " + s.Cron + " " + s.Zone
}

func (c *compiler) schedule() {
	s := c.def.Schedule
	if s == nil {
		return
	}
	out := &schedule{every: s.Every, zone: time.UTC, spec: s.String()}
	if s.Key != nil {
		out.key = c.compile(s.Key, expr.NewScope(nameEvent), expr.Compile)
	}
	var err error
	if s.Every <= 0 {
		if out.cron, err = calendar.ParseCron(s.Cron); err != nil {
			c.structural(s.CronPos, len(s.Cron), codeWrongType, "as in `0 6 * * 1-5`: at six on working days", "this is no schedule: %v", err)
		}
	}
	if s.Zone != "" {
		if out.zone, err = expr.LoadZone(s.Zone); err != nil {
			c.structural(s.ZonePos, len(s.Zone), codeWrongType, `zones have names like "Europe/Berlin"`, "there is no time zone %q", s.Zone)
		}
	}
	c.plan.schedule = out
}

// next is the first time after t at which s fires; false if there is none that an
// Instant can be: behind the last one, which only a damaged record can hold, they
// would begin anew with the first.
func (s *schedule) next(t Instant) (Instant, bool) {
	if s.cron == nil {
		every := Instant(s.every / time.Millisecond)
		next := t - mod(t, every) + every
		return next, next > t
	}
	at, ok := s.cron.Next(t.Time(), s.zone)
	next := InstantOf(at)
	return next, ok && next > t
}

// mod is the rest of t by every, never negative.
func mod(t, every Instant) Instant { return (t%every + every) % every }

// missedMax bounds how many firings that were missed are counted.
const missedMax = 1000

// firing returns the latest time up to at for which s fires, and how many others
// there are from due, up to missedMax.
func (s *schedule) firing(due, at Instant) (latest Instant, missed int64) {
	if s.cron == nil {
		every := Instant(s.every / time.Millisecond)
		latest = max(due, at-mod(at, every))
		return latest, min(missedMax, int64((latest-due)/every))
	}
	latest = due
	for next, ok := s.next(latest); ok && next <= at; next, ok = s.next(latest) {
		if missed == missedMax {
			return s.latest(latest, at), missed
		}
		latest, missed = next, missed+1
	}
	return latest, missed
}

// latest is the latest time up to at, and not before from, at which s fires: it is
// sought in the last hour, then day, then longer.
func (s *schedule) latest(from, at Instant) Instant {
	for _, back := range [...]time.Duration{time.Hour, day, 31 * day, 366 * day} {
		start := max(from, at.Add(-back))
		latest, found := start, false
		for next, ok := s.next(start); ok && next <= at; next, ok = s.next(next) {
			latest, found = next, true
		}
		if found {
			return latest
		}
	}
	return from
}

// schedule is the desk that begins instances at times. Whenever it is asked it arms
// itself for the schedule of the newest version, and vanishes without one.
func (d *desk) schedule(in Input) {
	d.out.Outcome = Ignored
	s := d.plan.schedule
	switch {
	case s == nil:
		d.inst = nil
	case d.inst == nil || d.inst.Counter.Spec != s.spec:
		d.edit().Counter.Spec = s.spec
		d.armFrom(s, d.at)
	case in.Timer && d.inst.Counter.Next.Armed() && d.inst.Counter.Next.Due <= d.at:
		d.fire(s)
	}
}

// armFrom waits for the next time after at.
func (d *desk) armFrom(s *schedule, at Instant) {
	counter := d.edit().Counter
	counter.Fired, counter.Next = at, Timer{}
	if next, ok := s.next(at); ok {
		counter.Next = d.arm(next)
		d.note("arm", "", s.spec)
	}
}

// fire begins an instance for the latest of the times that have come.
func (d *desk) fire(s *schedule) {
	latest, missed := s.firing(d.inst.Counter.Next.Due, d.at)
	if missed > 0 {
		d.out.turns = append(d.out.turns, spotTurn{spotSchedule, turnMissed})
	}
	d.out.Outcome = Fired
	d.note("fire", "", s.spec)
	event := value.MapOf(map[string]value.Value{"scheduled": latest.Time(), "missed": missed})
	d.armFrom(s, latest)
	key, why := d.keyOf(s, event)
	if why != "" {
		d.dead(DeadLetter{"no-key", "the `key` of the schedule of " + d.to.Workflow + " " + why})
		return
	}
	d.write(Letter{Kind: LetterBegin, To: Address{Workflow: d.to.Workflow, Key: key}, Value: event,
		Command: latest.Time().Format("2006-01-02T15:04:05.000Z07:00")})
}

func (d *desk) keyOf(s *schedule, event value.Value) (key, why string) {
	if s.key == nil {
		return d.to.Workflow, ""
	}
	v, err := s.key.program.Eval(&recordNames{&Record{Payload: event}})
	if err != nil {
		return "", "fails: " + err.Error()
	}
	key, ok := keyText(v)
	if !ok || key == "" || len(key) > d.plan.options.Limits.Key {
		return "", fmt.Sprintf("gives %s, and must give text or a whole number of at most %d bytes", value.Format(v), d.plan.options.Limits.Key)
	}
	return key, ""
}
