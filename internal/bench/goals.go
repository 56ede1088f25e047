package bench

import (
	"math"
	"slices"
	"time"

	"rondo/internal/bench/load"
	"rondo/internal/bench/loop"
)

// Goal is what a figure shall reach.
type Goal struct {
	What  string  `json:"what"`
	Unit  string  `json:"unit,omitempty"`
	Must  float64 `json:"must"`
	Aim   float64 `json:"aim"`
	Most  bool    `json:"most,omitempty"` // the figure shall be at most so much, not at least
	Value Number  `json:"value"`          // null: not measured
	State State   `json:"state"`
	// Doubtful: there are doubts about the figures that it is made of.
	Doubtful bool `json:"doubtful,omitempty"`
}

// State is what became of a goal.
type State string

const (
	Aimed       State = "reached"      // the aim too
	Reached     State = "must reached" // but not the aim
	Missed      State = "missed"       //
	NotMeasured State = "not measured" //
)

func (g Goal) state() State {
	better := func(than float64) bool {
		if g.Most {
			return float64(g.Value) <= than
		}
		return float64(g.Value) >= than
	}
	switch {
	case math.IsNaN(float64(g.Value)):
		return NotMeasured
	case better(g.Aim):
		return Aimed
	case better(g.Must):
		return Reached
	}
	return Missed
}

// goalsOf compares a result, whose doubts are known, with the goals.
func goalsOf(r *Result) []Goal {
	ring := string(loop.Ring)
	steps := func(round Round) float64 { return round.StepsPerSecond }
	cases := func(round Round) float64 { return round.CasesPerSecond }
	cpu := func(round Round) float64 { return 1000 * float64(round.CPU.SubjectPer1000) }
	whole := func(round Round) float64 { return milliseconds(round.Whole, 0.5) }
	step := func(q float64) func(Round) float64 {
		return func(round Round) float64 { return milliseconds(round.Step, q) }
	}
	return []Goal{
		r.ratio(Goal{What: "call5: steps/s at its limit, to the bare ring loop's", Must: 0.35, Aim: 0.6}, "call5", "c512", engineName, ring),
		r.added(Goal{What: "call5: latency added to the bare ring loop's at 1,000 steps/s, p50", Unit: "ms", Must: 1.5, Aim: 0.7}, "call5", "1000/s", step(0.5)),
		r.added(Goal{What: "call5: latency added to the bare ring loop's at 1,000 steps/s, p99", Unit: "ms", Must: 8, Aim: 4}, "call5", "1000/s", step(0.99)),
		r.single(Goal{What: "call5: one at a time, p50 of the whole workflow", Unit: "ms", Must: 18, Aim: 10, Most: true}, "call5", "c1", whole),
		r.single(Goal{What: "call5: 128 at a time, workflows/s", Must: 3000, Aim: 6000}, "call5", "c128", cases),
		r.ratio(Goal{What: "passthrough: events/s at its limit, to the bare ring loop's", Must: 0.7, Aim: 0.85}, "passthrough", "c512", engineName, ring),
		r.single(Goal{What: "counter: one hot key, events/s", Must: 20_000, Aim: 60_000}, "counter", "c512", steps),
		r.single(Goal{What: "call5: processor time per step, engine", Unit: "µs", Must: 30, Aim: 12, Most: true}, "call5", "c512", cpu),
		r.ratio(Goal{What: "call5 with sleepers in the store, steps/s, to the empty store's", Must: 0.75, Aim: 0.9}, "sleepers", "c512", sleepersName, engineName),
	}
}

// ratio is a goal for the throughput of one subject to another's.
func (r *Result) ratio(g Goal, workload, phase, of, to string) Goal {
	steps := func(round Round) float64 { return round.StepsPerSecond }
	g.Value = r.figure(workload, phase, of, steps) / r.figure(workload, phase, to, steps)
	return r.judged(g, placeOf(workload, phase, of), placeOf(workload, phase, to))
}

// added is a goal for what the engine adds to the ring loop's figure.
func (r *Result) added(g Goal, workload, phase string, number func(Round) float64) Goal {
	ring := string(loop.Ring)
	g.Most = true
	g.Value = r.figure(workload, phase, engineName, number) - r.figure(workload, phase, ring, number)
	return r.judged(g, placeOf(workload, phase, engineName), placeOf(workload, phase, ring))
}

// single is a goal for a figure of the engine.
func (r *Result) single(g Goal, workload, phase string, number func(Round) float64) Goal {
	g.Value = r.figure(workload, phase, engineName, number)
	return r.judged(g, placeOf(workload, phase, engineName))
}

// judged says what became of a goal that is made of some figures.
func (r *Result) judged(g Goal, places ...string) Goal {
	g.State = g.state()
	g.Doubtful = g.State != NotMeasured && !r.Warmth.Steady
	for _, d := range r.Doubts {
		if g.State != NotMeasured && !d.Minor && slices.Contains(places, d.Of) {
			g.Doubtful = true
		}
	}
	return g
}

// sleepersName is the engine with sleepers in its store among the subjects.
const sleepersName = "engine with sleepers"

// figure is the median of a number that was measured; NaN if it was not.
func (r *Result) figure(workload, phase, subject string, number func(Round) float64) Number {
	for _, m := range r.Workloads {
		for _, p := range m.Phases {
			for _, of := range p.Subjects {
				if m.Workload == workload && p.Name == phase && of.Subject == subject && len(of.Rounds) > 0 {
					return spread(of.Rounds, number).Median
				}
			}
		}
	}
	return Number(math.NaN())
}

// milliseconds is a quantile; NaN if there is nothing.
func milliseconds(l *load.Latencies, q float64) float64 {
	if l == nil || l.Count() == 0 {
		return math.NaN()
	}
	return float64(l.Quantile(q)) / float64(time.Millisecond)
}
