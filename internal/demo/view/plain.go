package view

import (
	"fmt"
	"io"
	"time"
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
	text := fmt.Sprintf("%s  %s: %s started, %s completed, %s failed (%s undone), %s in flight; p50 %s, p99 %s; %.0f decisions/s, %.0f commits/s",
		clock(s.Elapsed), s.Stage,
		count(s.Progress.Started), count(s.Progress.Completed), count(s.Progress.Failed), count(s.Progress.Compensated), count(s.Progress.InFlight()),
		millis(s.Latency.P50), millis(s.Latency.P99), s.DecisionsPerSecond, s.CommitsPerSecond)
	if s.Kills > 0 {
		text += fmt.Sprintf("; %d kills", s.Kills)
	}
	if s.Killed > 0 {
		text += fmt.Sprintf(", node %d killed %.1f s ago, %d of %d partitions running", s.Killed, s.KilledAgo.Seconds(), s.Running, s.Partitions)
	}
	return text
}

// Close has nothing to put in order.
func (p *Plain) Close() {}
