package view

import (
	"strings"
	"testing"
	"time"

	"charm.land/lipgloss/v2"

	"rondo/internal/demo/observer"
	"rondo/internal/demo/verdict"
)

var busy = State{
	Elapsed: 72 * time.Second, Stage: "orders are placed", Cases: 2000,
	Words:    verdict.Words{Cases: "orders", Completed: "completed", Failed: "failed", Noted: "compensated"},
	Progress: observer.Progress{Started: 1500, Completed: 1200, Failed: 200, Noted: 90},
	Latency:  observer.Quantiles{N: 10, P50: 3100 * time.Microsecond, P99: 212 * time.Millisecond},
	Last: []observer.Finished{
		{Case: "r-1", Path: "reserve → pay → label → completed", Took: 200 * time.Millisecond},
		{Case: "r-2", Path: "reserve → out-of-stock", Failed: true, Took: 40 * time.Millisecond},
	},
	DecisionsPerSecond: 812, CommitsPerSecond: 214,
	Nodes: 2, NodesReady: 1, Partitions: 8, Running: 4,
	Kills: 2, Killed: 1, KilledAgo: 1500 * time.Millisecond,
}

func TestPlainPanelSaysWhatAPersonWouldAsk(t *testing.T) {
	var out strings.Builder
	NewPlain(&out).Draw(busy)
	want := "1:12  orders are placed: 1,500 started, 1,200 completed, 200 failed, 90 compensated, 100 in flight; " +
		"p50 3.1 ms, p99 212 ms; 812 decisions/s, 214 commits/s; 2 kills, node 1 killed 1.5 s ago, 4 of 8 partitions running\n"
	if out.String() != want {
		t.Errorf("got  %swant %s", out.String(), want)
	}
}

func TestPlainPanelIsQuietWhileNothingChanges(t *testing.T) {
	var out strings.Builder
	p := NewPlain(&out)
	s := busy
	for range 20 { // two seconds
		p.Draw(s)
		s.Elapsed += 100 * time.Millisecond
	}
	s.Kills++
	p.Draw(s)
	if n := strings.Count(out.String(), "\n"); n != 2 {
		t.Errorf("%d lines, want one at the start and one for the kill:\n%s", n, out.String())
	}
}

func TestLivePanelIsDrawnInItsPlaceAndFitsTheTerminal(t *testing.T) {
	var out strings.Builder
	p := NewLive(&out, "rondo demo: checkout", func() int { return 81 })
	p.Draw(busy)
	first := out.String()
	for _, want := range []string{"1,500", "1,200", "100", "3.1 ms", "4 of 8 partitions running", "out-of-stock"} {
		if !strings.Contains(first, want) {
			t.Errorf("panel lacks %q:\n%s", want, first)
		}
	}
	for _, line := range strings.Split(first, "\n") {
		if w := lipgloss.Width(line); w > 80 {
			t.Errorf("a line of %d columns on a terminal of 81: %q", w, line)
		}
	}
	out.Reset()
	p.Draw(busy)
	if !strings.HasPrefix(out.String(), "\x1b[15A\r") {
		t.Errorf("the second panel is not drawn over the first: %q", out.String()[:20])
	}
	p.Close()
	if !strings.HasSuffix(out.String(), showCursor) {
		t.Error("the cursor stays hidden")
	}
}

func TestBarIsAlwaysFull(t *testing.T) {
	for _, p := range []observer.Progress{
		{}, {Started: 1}, {Started: 3, Completed: 2, Failed: 1}, {Started: 2000, Completed: 1999, Failed: 1}, busy.Progress,
	} {
		cells := 0
		for _, r := range bar(p, 2000, 37) {
			if strings.ContainsRune("█▒░", r) {
				cells++
			}
		}
		if cells != 37 {
			t.Errorf("%d cells for %+v, want 37", cells, p)
		}
	}
}
