package overheat

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"rondo/internal/demo/verdict"
)

// What can be wrong with this story beside what can be with each.
const (
	Unstopped    verdict.Code = "unstopped"     // a hot phase without a stop
	NeedlessStop verdict.Code = "needless-stop" // a stop without a hot phase
	NotPaged     verdict.Code = "not-paged"     // no answer came, and nobody was called
	NeedlessPage verdict.Code = "needless-page" // a technician was called although attempts were left
	TooEarly     verdict.Code = "too-early"     // started again before it had cooled down
)

// attempts of a stop before a technician is called.
const attempts = 4

// hotInARow is how many hot readings stop a machine.
const hotInARow = 3

// Judge demands of every machine, beside what every story promises:
//
//   - each hot phase (three hot readings in a row, or silence after one or two)
//     has exactly one StopMachine, with its reason, caused by the third reading
//     or by a timer, and there is no other;
//   - a technician was called if and only if no answer came to four attempts;
//   - each stop was followed by one restart, not before the machine was cool.
func Judge(books *verdict.Books) *verdict.Report {
	return verdict.Judge(books, verdict.Rules{
		Words: words,
		Begins: func(r *verdict.Record) bool {
			return r.Topic == readingsTopic // each machine is a case, also one that is never hot
		},
		Case: judgeMachine,
	})
}

// sample is one reading with its record.
type sample struct {
	reading
	rec *verdict.Record
}

// hotPhase is what should have stopped a machine.
type hotPhase struct {
	at     *verdict.Record // the last reading that counted
	cause  string          // the place of at, or "" for silence
	reason string
}

func judgeMachine(r *verdict.Report, m *verdict.Case) {
	stops := byTime(m.Of(stopMachineType))
	var phases []hotPhase
	for _, life := range livesOf(r, m) {
		if p, ok := phaseIn(life, stops); ok {
			phases = append(phases, p)
		}
	}
	matched := map[*verdict.Command]bool{}
	for i, p := range phases {
		r.Cases++
		stop := stopOf(p, stops, matched)
		if stop == nil {
			r.Lost++
			r.Add(Unstopped, m.Key, fmt.Sprintf("%s, and there is no StopMachine for it", p.reason), &p.at.Place)
			continue
		}
		matched[stop] = true
		checkReason(r, m, p, stop)
		judgePhase(r, m, stop, until(phases, i))
	}
	checkStray(r, m, stops)
	for _, stop := range stops {
		if !matched[stop] {
			r.Add(NeedlessStop, m.Key, fmt.Sprintf("StopMachine %s, which no reading explains", stop.ID), &stop.First().Place)
		}
	}
}

// checkStray demands that nothing was done with a machine before its first stop.
func checkStray(r *verdict.Report, m *verdict.Case, stops []*verdict.Command) {
	for _, cmd := range append(m.Of(pageTechnicianType), m.Of(restartMachineType)...) {
		if len(stops) == 0 || cmd.First().Time.Before(stops[0].First().Time) {
			r.Add(verdict.LeftOver, m.Key, "a "+cmd.Kind+" for a machine that was not stopped", &cmd.First().Place)
		}
	}
}

// until is when the next phase's first hot reading that counted came, and the
// end of time behind the last one.
func until(phases []hotPhase, i int) time.Time {
	if i+1 < len(phases) {
		return phases[i+1].at.Time
	}
	return time.Unix(1<<40, 0)
}

func byTime(cmds []*verdict.Command) []*verdict.Command {
	return slices.SortedFunc(slices.Values(cmds), func(a, b *verdict.Command) int { return a.First().Time.Compare(b.First().Time) })
}

// livesOf are the readings of a machine from each start to the next.
func livesOf(r *verdict.Report, m *verdict.Case) [][]sample {
	byBoot := map[int][]sample{}
	for i := range m.Inputs {
		rec := &m.Inputs[i]
		if rec.Topic != readingsTopic {
			continue
		}
		s := sample{rec: rec}
		if err := json.Unmarshal(rec.Value, &s.reading); err != nil {
			r.Add(verdict.Unreadable, m.Key, "reading: "+err.Error(), &rec.Place)
			continue
		}
		byBoot[s.Boot] = append(byBoot[s.Boot], s)
	}
	var lives [][]sample
	for _, life := range byBoot {
		lives = append(lives, life)
	}
	slices.SortFunc(lives, func(a, b []sample) int { return cmp.Compare(a[0].Boot, b[0].Boot) })
	return lives
}

// phaseIn finds the hot phase of a life, if it has one. What the machine reads
// behind it, until it is started again, is of no account.
func phaseIn(life []sample, stops []*verdict.Command) (p hotPhase, ok bool) {
	hot := 0
	for i, s := range life {
		if s.TempC <= limit {
			hot = 0
			continue
		}
		hot++
		switch {
		case hot == hotInARow:
			return hotPhase{at: s.rec, cause: s.rec.Place.String(), reason: "overheated"}, true
		case i == len(life)-1 || wasSilent(s.rec, life[i+1].rec, stops):
			return hotPhase{at: s.rec, reason: "silent"}, true
		}
	}
	return hotPhase{}, false
}

// wasSilent reports whether a pause between two readings may have been taken for
// silence, and was. A record's time is when it was handed to its producer, so a
// pause that seems somewhat shorter may have been long enough.
func wasSilent(from, to *verdict.Record, stops []*verdict.Command) bool {
	if to.Time.Sub(from.Time) < silence/2 {
		return false
	}
	return slices.ContainsFunc(stops, func(c *verdict.Command) bool {
		return bySilence(c) && !c.First().Time.Before(from.Time.Add(silence)) && c.First().Time.Before(to.Time.Add(silence))
	})
}

// bySilence reports whether a timer caused a command.
func bySilence(c *verdict.Command) bool { return c.First().Headers["rondo-cause"] == "" }

// stopOf finds the stop of a phase: the one that its reading caused, or after
// silence the first by a timer that comes late enough.
func stopOf(p hotPhase, stops []*verdict.Command, taken map[*verdict.Command]bool) *verdict.Command {
	i := slices.IndexFunc(stops, func(c *verdict.Command) bool {
		if taken[c] || c.First().Headers["rondo-cause"] != p.cause {
			return false
		}
		return p.cause != "" || !c.First().Time.Before(p.at.Time.Add(silence))
	})
	if i < 0 {
		return nil
	}
	return stops[i]
}

func checkReason(r *verdict.Report, m *verdict.Case, p hotPhase, stop *verdict.Command) {
	var payload struct {
		Reason string `json:"reason"`
	}
	if err := json.Unmarshal(stop.First().Value, &payload); err != nil {
		r.Add(verdict.Unreadable, m.Key, "StopMachine: "+err.Error(), &stop.First().Place)
		return
	}
	if payload.Reason != p.reason {
		r.Add(verdict.WrongReason, m.Key, fmt.Sprintf("stopped as %q, and it was %s", payload.Reason, p.reason), &stop.First().Place)
	}
}

// judgePhase demands what must follow a stop: an answer or a technician, and one
// restart when the machine was cool. The phase lasts until the next one.
func judgePhase(r *verdict.Report, m *verdict.Case, stop *verdict.Command, until time.Time) {
	pages := within(m.Of(pageTechnicianType), stop.First().Time, until)
	restarts := within(m.Of(restartMachineType), stop.First().Time, until)
	at := &stop.First().Place
	switch {
	case stop.AttemptMax > attempts:
		r.Add(verdict.SecondVisit, m.Key, fmt.Sprintf("StopMachine %s: attempt %d, at most %d can be", stop.ID, stop.AttemptMax, attempts), &stop.Records[len(stop.Records)-1].Place)
	case len(pages) > 0 && stop.AttemptMax < attempts:
		r.Add(NeedlessPage, m.Key, fmt.Sprintf("a technician was called after attempt %d of StopMachine %s", stop.AttemptMax, stop.ID), &pages[0].First().Place)
	case len(pages) == 0 && !answered(m, stop, until):
		r.Add(NotPaged, m.Key, fmt.Sprintf("StopMachine %s has no answer, and no technician was called", stop.ID), at)
	}
	if len(pages) > 1 {
		r.Add(verdict.SecondVisit, m.Key, fmt.Sprintf("a technician was called %d times", len(pages)), &pages[1].First().Place)
	}
	switch {
	case len(restarts) == 0:
		r.Unfinished++
		r.Add(verdict.Unfinished, m.Key, "stopped, and not started again", at)
		return
	case len(restarts) > 1:
		r.Add(verdict.SecondVisit, m.Key, fmt.Sprintf("started again %d times", len(restarts)), &restarts[1].First().Place)
	}
	if cool := restarts[0].First().Time.Sub(stop.LastTime()); cool < cooling-time.Millisecond {
		r.Add(TooEarly, m.Key, fmt.Sprintf("started again %s after the last StopMachine instead of %s", cool, cooling), &restarts[0].First().Place)
	}
	if len(pages) > 0 {
		r.Failed++
	} else {
		r.Completed++
	}
}

// within are the commands whose first record is of a span of time.
func within(cmds []*verdict.Command, from, until time.Time) []*verdict.Command {
	var out []*verdict.Command
	for _, c := range byTime(cmds) {
		if at := c.First().Time; !at.Before(from) && at.Before(until) {
			out = append(out, c)
		}
	}
	return out
}

// answered reports whether the machine said that it stopped.
func answered(m *verdict.Case, stop *verdict.Command, until time.Time) bool {
	return slices.ContainsFunc(m.Inputs, func(rec verdict.Record) bool {
		return rec.Type() == machineStoppedType && !rec.Time.Before(stop.First().Time) && rec.Time.Before(until)
	})
}
