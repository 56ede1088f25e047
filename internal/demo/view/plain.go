package view

import (
	"fmt"
	"io"
	"strings"
	"time"

	"rondo/internal/demo/observer"
	"rondo/topology/diag"
)

// plainEvery is how often the plain panel says something of its own accord.
const plainEvery = 5 * time.Second

// Plain writes lines, for logs and pipes: one at each change of the stage, at
// each kill, and every few seconds.
type Plain struct {
	w     io.Writer
	last  time.Duration
	stage string
	kills int
}

// NewPlain returns a panel that writes lines to w.
func NewPlain(w io.Writer) *Plain { return &Plain{w: w, last: -plainEvery} }

// Draw writes a line if it is time, or if something changed that is worth one.
func (p *Plain) Draw(s State) {
	if s.Stage == p.stage && s.Kills == p.kills && s.Elapsed-p.last < plainEvery {
		return
	}
	p.stage, p.kills, p.last = s.Stage, s.Kills, s.Elapsed
	fmt.Fprintln(p.w, line(s))
}

func line(s State) string {
	if s.Progress.Started == 0 {
		return fmt.Sprintf("%s  %s", clock(s.Elapsed), s.Stage)
	}
	var counts strings.Builder
	for _, p := range s.parts() {
		fmt.Fprintf(&counts, "%s %s, ", count(p.n), p.word)
	}
	text := fmt.Sprintf("%s  %s: %s started, %s%s in flight; %s; %.0f decisions/s, %.0f commits/s",
		clock(s.Elapsed), s.Stage, count(s.Progress.Started), counts.String(), count(s.Progress.InFlight()),
		quantiles(s.Latency), s.DecisionsPerSecond, s.CommitsPerSecond)
	if s.Kills > 0 {
		text += "; " + diag.Count(s.Kills, "kill")
	}
	if s.Killed > 0 {
		text += fmt.Sprintf(", node %d killed %.1f s ago, %d of %d partitions running", s.Killed, s.KilledAgo.Seconds(), s.Running, s.Partitions)
	}
	return text
}

func quantiles(q observer.Quantiles) string {
	if q.N == 0 {
		return "no steps"
	}
	return "p50 " + millis(q.P50) + ", p99 " + millis(q.P99)
}

// Close has nothing to put in order.
func (p *Plain) Close() {}
