package bench

import (
	"slices"
	"time"

	"rondo/internal/bench/load"
)

// Format is the version of the result's form. It grows when a reader of an older
// one would misunderstand.
const Format = 1

// Result is a whole run.
type Result struct {
	Format    int        `json:"format"`
	At        time.Time  `json:"at"`
	Version   string     `json:"version"` // of rondo
	Machine   Machine    `json:"machine"`
	Broker    Broker     `json:"broker"`
	Rounds    int        `json:"rounds"`
	Warmth    Warmth     `json:"warmUp"`
	Workloads []Measured `json:"workloads"`
	Soak      *Soak      `json:"soak,omitempty"`
	Goals     []Goal     `json:"goals"`
	Doubts    []Doubt    `json:"doubts"` // which figures are not trustworthy, and why
}

// Measured is what was measured of a workload.
type Measured struct {
	Workload string  `json:"workload"`
	Short    string  `json:"short"`
	Compares string  `json:"compares"`
	Phases   []Phase `json:"phases"`
}

// Phase is one kind of load.
type Phase struct {
	Name        string  `json:"name"`
	Concurrency int     `json:"concurrency,omitempty"`
	Rate        float64 `json:"rate,omitempty"` // cases begun per second
	Subjects    []Of    `json:"subjects"`
}

// Of is what was measured of one subject under one kind of load.
type Of struct {
	Subject string  `json:"subject"` // engine, ring, session
	Rounds  []Round `json:"rounds"`
}

// Round is one measurement.
type Round struct {
	Seconds        float64 `json:"seconds"`
	Cases          int64   `json:"cases"`
	Steps          int64   `json:"steps"`
	CasesPerSecond float64 `json:"casesPerSecond"`
	StepsPerSecond float64 `json:"stepsPerSecond"`

	Begun  int64    `json:"begun"` // cases that the load began
	Late   int64    `json:"late"`  // of these, later than meant
	Wrong  int64    `json:"wrong"` // records and cases that were not as they must be
	Faults []string `json:"faults,omitempty"`

	Whole *load.Latencies `json:"whole"` // of cases
	Step  *load.Latencies `json:"step"`  // from an event to what follows from it

	CPU                   CPU    `json:"cpu"`
	BytesPerStep          Number `json:"bytesPerStep"` // sent to the brokers
	TransactionsPerSecond Number `json:"transactionsPerSecond"`
	RecordsPerTransaction Number `json:"recordsPerTransaction"`
	RSSBytes              Number `json:"rssBytes"`
	HeapBytes             Number `json:"heapBytes"`
}

// CPU is processor time in seconds per 1,000 steps, of each process, and shares of
// the machine's.
type CPU struct {
	SubjectPer1000 Number `json:"subjectPer1000Steps"`
	BrokerPer1000  Number `json:"brokerPer1000Steps"`
	LoadPer1000    Number `json:"loadPer1000Steps"`
	Machine        Number `json:"machine"` // share that was in use
	Steal          Number `json:"steal"`   // share that the machine's host took
	Others         Number `json:"others"`  // share of what is not of the benchmark; null if the broker's is not known
}

// Spread is the median of some rounds, and their range.
type Spread struct {
	Median Number `json:"median"`
	Min    Number `json:"min"`
	Max    Number `json:"max"`
}

// spread sums up one number of all rounds.
func spread(rounds []Round, number func(Round) float64) Spread {
	var all []float64
	for _, r := range rounds {
		all = append(all, number(r))
	}
	slices.Sort(all)
	n := len(all)
	middle := all[n/2]
	if n%2 == 0 {
		middle = (all[n/2-1] + all[n/2]) / 2
	}
	return Spread{Median: Number(middle), Min: Number(all[0]), Max: Number(all[n-1])}
}
