package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rondo/internal/demo/observer"
	"rondo/internal/demo/verdict"
)

// State is a run at one moment.
type State struct {
	Elapsed time.Duration
	Stage   string // what is being done: "nodes start", "orders are placed" …

	Words    verdict.Words // what the story calls what is counted
	Cases    int           // that will be played
	Progress observer.Progress
	Latency  observer.Quantiles // of the last LatencyOver
	Last     []observer.Finished

	DecisionsPerSecond float64 // as the nodes count them
	CommitsPerSecond   float64 // Kafka transactions, as the nodes count them

	Nodes, NodesReady   int
	Partitions, Running int

	Kills     int
	Killed    int           // the node that was killed and not yet made up for, from 1; 0: none
	KilledAgo time.Duration // since when
}

// LatencyOver is the span of time over which State.Latency is taken.
const LatencyOver = 10 * time.Second

// part is one of the numbers of the cases.
type part struct {
	n    int
	word string
}

// parts are the numbers that the story has words for.
func (s State) parts() []part {
	all := []part{
		{s.Progress.Completed, s.Words.Completed}, {s.Progress.Failed, s.Words.Failed}, {s.Progress.Noted, s.Words.Noted},
	}
	return slices.DeleteFunc(all, func(p part) bool { return p.word == "" })
}

// Panel shows states.
type Panel interface {
	// Draw shows a state.
	Draw(State)
	// Close leaves the terminal in order. The last state stays to be seen.
	Close()
}

// count writes a number with thousands separated.
func count(n int) string {
	digits := fmt.Sprint(n)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// millis writes a latency.
func millis(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	if ms >= 100 {
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f ms", ms)
}

func clock(d time.Duration) string {
	return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}
