package bench

import (
	"time"

	"rondo/internal/bench/load"
	"rondo/internal/bench/workload"
)

// phasesOf are the kinds of load that a workload is measured under.
func (c Config) phasesOf(w *workload.Workload) []load.Phase {
	var phases []load.Phase
	closed := func(name string, concurrency int, measure time.Duration) {
		phases = append(phases, c.timed(load.Phase{Name: name, Concurrency: concurrency, Measure: measure}))
	}
	open := func(name string, stepsPerSecond float64, measure time.Duration) {
		phases = append(phases, c.timed(load.Phase{Name: name, Rate: stepsPerSecond / float64(w.Steps), Measure: measure}))
	}
	switch w.Name {
	case "call5", "call1":
		closed("c1", 1, 4*time.Second)
		closed("c16", 16, 4*time.Second)
		closed("c128", 128, 6*time.Second)
		closed("c512", 512, 6*time.Second)
		open("open-1000", 1000, 6*time.Second)
	default:
		closed("c512", 512, 6*time.Second)
		open("open-1000", 1000, 4*time.Second)
	}
	return phases
}

// rampShare of a phase's time comes before it, unmeasured.
const rampShare = 4

func (c Config) timed(p load.Phase) load.Phase {
	if c.Cases > 0 {
		p.Measure, p.Cases = 0, c.Cases
		return p
	}
	p.Measure = time.Duration(float64(p.Measure) * c.Scale)
	p.Ramp = p.Measure / rampShare
	return p
}

// warmUp is the load on one of some subjects before anything is measured.
func (c Config) warmUp(subjects int) load.Phase {
	p := load.Phase{Name: "warm-up", Concurrency: 128, Measure: c.WarmUp / time.Duration(subjects)}
	if c.Cases > 0 {
		p.Measure, p.Cases = 0, c.Cases
	}
	return p
}
