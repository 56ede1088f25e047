package load

import (
	"errors"
	"fmt"
	"time"
)

// Spec is what a load is told.
type Spec struct {
	Brokers  []string `json:"brokers"`
	Workload string   `json:"workload"`
	Prefix   string   `json:"prefix"` // of the topics
	Tag      string   `json:"tag"`    // begins the ids of all cases: four letters or digits
	Phases   []Phase  `json:"phases"`
}

// Phase is a stretch of load of one kind. It is closed (Concurrency) or open
// (Rate), and ends after a time, or after so many cases.
type Phase struct {
	Name        string        `json:"name"`
	Concurrency int           `json:"concurrency,omitempty"` // cases under way
	Rate        float64       `json:"rate,omitempty"`        // cases begun per second
	Ramp        time.Duration `json:"ramp,omitempty"`        // load before anything is measured
	Measure     time.Duration `json:"measure,omitempty"`
	Cases       int64         `json:"cases,omitempty"` // end after so many, all of them measured
}

func (p Phase) check() error {
	switch {
	case p.Name == "":
		return errors.New("a phase has no name")
	case (p.Concurrency > 0) == (p.Rate > 0):
		return fmt.Errorf("phase %s: give concurrency or rate", p.Name)
	case (p.Measure > 0) == (p.Cases > 0):
		return fmt.Errorf("phase %s: give measure or cases", p.Name)
	case p.Cases > 0 && p.Ramp > 0:
		return fmt.Errorf("phase %s: with cases all are measured: leave out ramp", p.Name)
	}
	return nil
}

// What a load reports, a line of JSON each.
const (
	Measuring = "measuring" // the ramp is over
	Measured  = "measured"  // the time is over; what is under way is waited for
	Finished  = "finished"  // with the result
)

// Report is a line of a load's standard output.
type Report struct {
	Event  string  `json:"event"`
	Phase  string  `json:"phase"`
	Result *Result `json:"result,omitempty"` // with Finished
}

// Result is what came of a phase.
type Result struct {
	Seconds float64 `json:"seconds"` // that were measured
	Cases   int64   `json:"cases"`   // that ended within them
	Steps   int64   `json:"steps"`   // that were done within them

	Begun int64 `json:"begun"` // cases of the whole phase, ramp included
	Ended int64 `json:"ended"` // of these, until the last was waited for
	Late  int64 `json:"late"`  // cases that the load began more than lateAfter after their time

	// Wrong counts records that must not be: twice, unknown, or of a case that
	// had ended; and cases that did not end. Faults describes the first of them.
	Wrong  int64    `json:"wrong"`
	Faults []string `json:"faults,omitempty"`

	// Whole has a latency for each case: closed loop, of those that ended within
	// the time; open loop, of those that were meant to begin within it.
	Whole *Latencies `json:"whole"`
	// Step has a latency for each record that came out: since the event that led
	// to it was sent. Empty where that is not one event.
	Step *Latencies `json:"step"`
}
