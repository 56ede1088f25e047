package graph

import (
	"fmt"
	"strings"
	"time"

	"rondo/topology"
	"rondo/topology/diag"
)

func whenText(s *topology.Step) string {
	if s.When != nil {
		return "if " + s.When.Text
	}
	return "otherwise"
}

func failText(t *topology.Template) string {
	if t.Expr != nil {
		return t.Expr.Text
	}
	return fmt.Sprint(t.Literal)
}

func errorText(a *topology.Raise) string {
	if a.Name != nil {
		return a.Name.Text
	}
	return a.Error
}

// actionLines say what a step does.
func actionLines(s *topology.Step) []string {
	switch a := s.Action.(type) {
	case *topology.Send:
		return append([]string{"send " + a.Message}, namesLines("await", a.Await)...)
	case *topology.Run:
		return append([]string{"run " + a.Workflow}, namesLines("await", a.Await)...)
	case *topology.Listen:
		lines := namesLines("listen for", a.Rules)
		if a.Until != nil {
			lines = append(lines, "until "+a.Until.Text)
		}
		return lines
	case *topology.Undo:
		return []string{"undo what was done, newest first"}
	case *topology.Raise:
		return []string{"raise " + errorText(a)}
	}
	return nil
}

// namesLines lists messages, a few on a line.
func namesLines(word string, rules []*topology.Rule) []string {
	var lines []string
	line := word
	for i, r := range rules {
		text := r.Name
		if i+1 < len(rules) {
			text += ","
		}
		if len(line)+len(text) > 38 && line != word {
			lines = append(lines, line)
			line = "  "
		}
		line += " " + text
	}
	if line == word {
		return nil
	}
	return append(lines, line)
}

// clockText says what times a step has.
func clockText(s *topology.Step) string {
	var parts []string
	if w, ok := s.Action.(*topology.Wait); ok {
		parts = append(parts, "wait "+timeText(w.For))
	}
	if s.Timeout != nil {
		parts = append(parts, "within "+timeText(s.Timeout))
	}
	if l, ok := s.Action.(*topology.Listen); ok && l.Idle != nil {
		parts = append(parts, "silent for "+timeText(l.Idle))
	}
	switch r := s.Retry; {
	case r == nil:
	case r.Attempts == 0:
		parts = append(parts, "tried again without end")
	case r.Attempts > 1:
		parts = append(parts, fmt.Sprintf("%d attempts", r.Attempts))
	}
	return strings.Join(parts, ", ")
}

func timeText(t *topology.When) string {
	if t.Expr != nil {
		return t.Expr.Text
	}
	return topology.FormatDuration(t.Duration.Round(time.Millisecond))
}

func loopLines(a *topology.For) []string {
	var parts []string
	if a.In != nil {
		list := "a list"
		if a.In.Expr != nil {
			list = a.In.Expr.Text
		}
		parts = append(parts, "for each "+a.Each+" in "+list)
	}
	if a.While != nil {
		parts = append(parts, "while "+a.While.Text)
	}
	if a.Parallel > 1 {
		parts = append(parts, fmt.Sprintf("%d at once", a.Parallel))
	}
	return append(parts, joinText(a.Join)...)
}

func forkText(a *topology.Fork) string {
	return strings.Join(append([]string{"side by side"}, joinText(a.Join)...), ", ")
}

func joinText(j topology.Join) []string {
	switch j.Mode {
	case "any":
		return []string{"until one has finished"}
	case "n":
		return []string{"until " + diag.CountOf(j.N, "has", "have") + " finished"}
	}
	return nil
}

func joinTexts(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ": " + b
}
