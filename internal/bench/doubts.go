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

// doubtsOf says which figures are not trustworthy, and why.
func doubtsOf(r *Result) []string {
	var all []string
	if r.Broker.Embedded {
		all = append(all, "The broker was the embedded one: it is not Kafka, keeps everything in memory and waits for no disk. Compare figures of one run with each other only; for others use --brokers.")
	}
	if r.Rounds < 3 {
		all = append(all, fmt.Sprintf("There were %d rounds: how far they differ is not known. Take 3.", r.Rounds))
	}
	for _, m := range r.Workloads {
		for _, p := range m.Phases {
			for _, of := range p.Subjects {
				for _, text := range doubts(p, of) {
					all = append(all, fmt.Sprintf("%s %s %s: %s", m.Workload, p.Name, of.Subject, text))
				}
			}
		}
	}
	return all
}

// doubts are those about one measurement.
func doubts(p Phase, of Of) []string {
	var all []string
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	most := func(number func(Round) float64) float64 {
		most := math.Inf(-1)
		for _, round := range of.Rounds {
			most = max(most, number(round)) // NaN stays NaN: nothing is said of what is not known
		}
		return most
	}
	for _, round := range of.Rounds {
		if round.Wrong > 0 {
			say("WRONG: %d records or cases are not as they must be; the first: %s", round.Wrong, first(round.Faults))
			break
		}
	}
	latencies := p.Rate > 0 || p.Concurrency <= fewUnderWay
	if busy := most(func(r Round) float64 { return float64(r.CPU.Machine) }); latencies && busy > busyShare {
		say("the processors were full (%.0f %%): the latencies are those of waiting for them", 100*busy)
	}
	if others := most(func(r Round) float64 { return float64(r.CPU.Others) }); others > othersShare {
		say("others took %.0f %% of the processors", 100*others)
	}
	if steal := most(func(r Round) float64 { return float64(r.CPU.Steal) }); steal > stealShare {
		say("the machine's host took %.1f %% of the processors (steal)", 100*steal)
	}
	if late := most(func(r Round) float64 { return float64(r.Late) / float64(max(r.Begun, 1)) }); late > lateShare {
		say("the load began %.1f %% of the cases late: their latencies count from when they should have begun", 100*late)
	}
	if s := spread(of.Rounds, func(r Round) float64 { return r.StepsPerSecond }); float64(s.Max-s.Min) > spreadShare*float64(s.Median) {
		say("the rounds differ: %.0f to %.0f steps/s", float64(s.Min), float64(s.Max))
	}
	if text := fewSamples(p, of); text != "" {
		say("%s", text)
	}
	return all
}

// fewSamples says which quantiles are made of too few.
func fewSamples(p Phase, of Of) string {
	least := int64(math.MaxInt64)
	for _, round := range of.Rounds {
		least = min(least, round.Step.Count())
	}
	beyond := func(q float64) bool { return float64(least)*(1-q) < beyondCount }
	switch {
	case least == 0:
		return ""
	case beyond(0.99):
		return fmt.Sprintf("p99 and p99.9 are of %d samples only", least)
	case beyond(quantileHigh):
		return fmt.Sprintf("p99.9 is of %d samples only", least)
	}
	return ""
}

func first(texts []string) string {
	if len(texts) == 0 {
		return "not told"
	}
	return texts[0]
}
