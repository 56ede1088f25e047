package bench

import (
	"fmt"
	"math"
)

// From when on a figure is not to be trusted.
const (
	busyShare    = 0.95 // of the machine, in an open loop or with few cases under way
	othersShare  = 0.10 // of the machine, taken by what is not of the benchmark
	stealShare   = 0.01
	lateShare    = 0.01 // of the cases of an open loop
	spreadShare  = 0.25 // between the rounds, to their median
	beyondCount  = 10   // samples beyond a quantile, for it to be one
	fewUnderWay  = 16
	quantileHigh = 0.999
)

// Doubt is why figures are not to be trusted.
type Doubt struct {
	What string `json:"what"`         // "the processors were full: …"
	Of   string `json:"of,omitempty"` // "call5 c1 engine"; "": the whole run
	How  string `json:"how"`          // "97 %"; "" where there is no more to say
	// Minor: only the highest quantile is in doubt.
	Minor bool `json:"minor,omitempty"`
}

// doubtsOf says which figures are not trustworthy, and why.
func doubtsOf(r *Result) []Doubt {
	var all []Doubt
	if r.Broker.Embedded {
		all = append(all, Doubt{What: "the broker was the embedded one: it is not Kafka, keeps everything in memory and waits for no disk. Compare figures of one run with each other only; for others use --brokers"})
	}
	if r.Soak != nil {
		return append(all, r.Soak.doubts()...)
	}
	if !r.Warmth.Steady {
		all = append(all, Doubt{What: "the broker was not warm: what a transaction costs was still changing when measuring began. NO figure is to be trusted; give --warm-up more time, or look for what else is at work", How: r.Warmth.String()})
	}
	if r.Rounds < 3 {
		all = append(all, Doubt{What: "there were fewer than three rounds: how far they differ is not known", How: fmt.Sprint(r.Rounds)})
	}
	for _, m := range r.Workloads {
		for _, p := range m.Phases {
			for _, of := range p.Subjects {
				for _, d := range doubts(p, of) {
					d.Of = placeOf(m.Workload, p.Name, of.Subject)
					all = append(all, d)
				}
			}
		}
	}
	return all
}

// placeOf names what a figure is of.
func placeOf(workload, phase, subject string) string { return workload + " " + phase + " " + subject }

// doubts are those about one measurement.
func doubts(p Phase, of Of) []Doubt {
	var all []Doubt
	most := func(number func(Round) float64) float64 {
		most := math.Inf(-1)
		for _, round := range of.Rounds {
			most = max(most, number(round)) // NaN stays NaN: nothing is said of what is not known
		}
		return most
	}
	share := func(bound float64, number func(Round) float64, what string) {
		if value := most(number); value > bound {
			all = append(all, Doubt{What: what, How: fmt.Sprintf("%.3g %%", 100*value)})
		}
	}
	for _, round := range of.Rounds {
		if round.Wrong > 0 {
			all = append(all, Doubt{What: "WRONG: records or cases are not as they must be", How: fmt.Sprintf("%d; the first: %s", round.Wrong, first(round.Faults))})
			break
		}
	}
	if p.Rate > 0 || p.Concurrency <= fewUnderWay {
		share(busyShare, func(r Round) float64 { return float64(r.CPU.Machine) }, "the processors were full: latencies are those of waiting for them")
	}
	share(othersShare, func(r Round) float64 { return float64(r.CPU.Others) }, "others were at work on the machine: they took of its processors")
	share(stealShare, func(r Round) float64 { return float64(r.CPU.Steal) }, "the machine's host took of its processors (steal)")
	share(lateShare, func(r Round) float64 { return float64(r.Late) / float64(max(r.Begun, 1)) }, "the load itself was late: it began cases after their time, from which their latencies count")
	if s := spread(of.Rounds, func(r Round) float64 { return r.StepsPerSecond }); float64(s.Max-s.Min) > spreadShare*float64(s.Median) {
		all = append(all, Doubt{What: "the rounds differ", How: fmt.Sprintf("%.0f to %.0f steps/s", float64(s.Min), float64(s.Max))})
	}
	return append(all, fewSamples(of)...)
}

// fewSamples says which quantiles are made of too few.
func fewSamples(of Of) []Doubt {
	least := int64(math.MaxInt64)
	for _, round := range of.Rounds {
		least = min(least, round.Step.Count())
	}
	beyond := func(q float64) bool { return float64(least)*(1-q) < beyondCount }
	switch {
	case least == 0:
		return nil
	case beyond(0.99):
		return []Doubt{{What: "p99 and p99.9 are of too few samples", How: fmt.Sprint(least)}}
	case beyond(quantileHigh):
		return []Doubt{{What: "p99.9 is of too few samples", How: fmt.Sprint(least), Minor: true}}
	}
	return nil
}

func first(texts []string) string {
	if len(texts) == 0 {
		return "not told"
	}
	return texts[0]
}
