package view

import (
	"fmt"
	"io"
	"strings"

	"charm.land/lipgloss/v2"

	"rondo/internal/demo/observer"
	"rondo/topology/diag"
)

// Live draws a panel in place on a terminal.
type Live struct {
	w     io.Writer
	title string
	width func() int
	lines int // of the panel as it stands
}

// lastShown is how many finished cases the panel lists.
const lastShown = 6

// NewLive returns a panel for a terminal of the given width in columns.
func NewLive(w io.Writer, title string, width func() int) *Live {
	fmt.Fprint(w, hideCursor)
	return &Live{w: w, title: title, width: width}
}

const (
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
	clearBelow = "\x1b[J"
	upBy       = "\x1b[%dA\r"
)

var (
	titleStyle = lipgloss.NewStyle().Bold(true)
	dimStyle   = lipgloss.NewStyle().Faint(true)
	goodStyle  = lipgloss.NewStyle().Foreground(lipgloss.Green)
	badStyle   = lipgloss.NewStyle().Foreground(lipgloss.Red)
	warnStyle  = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	labelStyle = lipgloss.NewStyle().Faint(true).Width(9)
)

// Draw replaces the panel.
func (l *Live) Draw(s State) {
	width := max(40, l.width()-1)
	lines := strings.Split(l.render(s, width), "\n")
	if l.lines > 0 {
		fmt.Fprintf(l.w, upBy, l.lines)
	}
	fmt.Fprint(l.w, clearBelow)
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(lipgloss.NewStyle().MaxWidth(width).Render(line))
		b.WriteByte('\n')
	}
	l.lines = len(lines)
	// A terminal that cannot be written to shows nothing; the run goes on.
	_, _ = lipgloss.Fprint(l.w, b.String())
}

// Close shows the cursor again below the panel.
func (l *Live) Close() { fmt.Fprint(l.w, showCursor) }

func (l *Live) render(s State, width int) string {
	rows := []string{
		titleStyle.Render(l.title) + "  " + dimStyle.Render(clock(s.Elapsed)) + "  " + s.Stage,
		"",
		row(s.Words.Cases, counts(s)),
		row("", bar(s.Progress, s.Cases, min(60, width-12))),
		row("step", latency(s.Latency)),
		row("engine", fmt.Sprintf("%.0f decisions/s   %.0f commits/s", s.DecisionsPerSecond, s.CommitsPerSecond)),
		row("nodes", nodes(s)),
		"",
		dimStyle.Render("last to finish"),
	}
	for i := range lastShown {
		text := ""
		if i < len(s.Last) {
			text = finished(s.Last[i])
		}
		rows = append(rows, text)
	}
	return strings.Join(rows, "\n")
}

// counts are the numbers of the cases, as far as the story has words for them.
func counts(s State) string {
	text := titleStyle.Render(count(s.Progress.Started)) + " started"
	for _, p := range s.parts() {
		style := goodStyle
		switch p.word {
		case s.Words.Failed:
			style = badStyle
		case s.Words.Noted:
			style = dimStyle
		}
		text += "   " + style.Render(count(p.n)) + " " + p.word
	}
	return text + "   " + titleStyle.Render(count(s.Progress.InFlight())) + " in flight"
}

func row(label, text string) string { return labelStyle.Render(label) + text }

func latency(q observer.Quantiles) string {
	if q.N == 0 {
		return dimStyle.Render("-")
	}
	return fmt.Sprintf("p50 %s   p99 %s   %s", titleStyle.Render(millis(q.P50)), titleStyle.Render(millis(q.P99)),
		dimStyle.Render("event sent to command readable, last "+LatencyOver.String()))
}

func nodes(s State) string {
	text := fmt.Sprintf("%d of %d ready   %d of %d partitions running", s.NodesReady, s.Nodes, s.Running, s.Partitions)
	if s.Kills > 0 {
		text += "   " + diag.Count(s.Kills, "kill")
	}
	if s.Killed > 0 {
		text += "   " + warnStyle.Render(fmt.Sprintf("node %d killed %.1f s ago", s.Killed, s.KilledAgo.Seconds()))
	}
	return text
}

// bar shows which part of all cases completed, failed, and is in flight.
func bar(p observer.Progress, cases, width int) string {
	if cases == 0 || width <= 0 {
		return ""
	}
	part := func(n int) int { return min(width, n*width/cases) }
	completed := part(p.Completed)
	failed := part(p.Completed+p.Failed) - completed
	flying := part(p.Started) - completed - failed
	rest := width - completed - failed - max(flying, 0)
	return goodStyle.Render(strings.Repeat("█", completed)) +
		badStyle.Render(strings.Repeat("█", failed)) +
		warnStyle.Render(strings.Repeat("▒", max(flying, 0))) +
		dimStyle.Render(strings.Repeat("░", rest))
}

func finished(f observer.Finished) string {
	mark := goodStyle.Render("✓")
	if f.Failed {
		mark = badStyle.Render("✗")
	}
	return fmt.Sprintf("  %s %s  %6.2f s  %s", mark, dimStyle.Render(f.Case), f.Took.Seconds(), f.Path)
}
