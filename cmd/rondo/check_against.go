package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"rondo/topology"
)

// refuses reports whether a version that takes instances of the older one refuses
// those at some step.
func refuses(c topology.Comparison) bool {
	return c.Migrates && slices.ContainsFunc(c.Steps, func(s topology.StepChange) bool { return s.Fate == topology.FateRefused })
}

// writeComparison tells people what would change for instances that are migrated:
// by step where they stand, then what lies ahead of them, what undoes what they
// have done, and what holds for all.
func writeComparison(out io.Writer, c topology.Comparison) {
	fmt.Fprintf(out, "\n%s, an instance of version %d that is migrated to version %d:\n", c.Workflow, c.From, c.To)
	if !c.Migrates {
		fmt.Fprintf(out, "  none can be migrated yet: version %d has no `migrate: {from: %d}`; with it:\n", c.To, c.From)
	}
	w := newChangeWriter(out, c)
	w.places()
	w.section("further on", func(s topology.StepChange) []topology.Change { return s.Ahead })
	w.section("null unless set", func(s topology.StepChange) []topology.Change { return s.Variables })
	w.section("when it undoes what was done", func(s topology.StepChange) []topology.Change { return s.Undo })
	w.everywhere()
}

// changeWriter writes a comparison in two columns: a place, and what is new there.
type changeWriter struct {
	out   io.Writer
	c     topology.Comparison
	width int
	last  string // the place in the left column
}

func newChangeWriter(out io.Writer, c topology.Comparison) *changeWriter {
	w := &changeWriter{out: out, c: c}
	wide := func(changes []topology.Change) {
		for _, change := range changes {
			w.width = max(w.width, len([]rune(change.Step)))
		}
	}
	for _, s := range c.Steps {
		w.width = max(w.width, len([]rune(fromTo(s))))
		for _, changes := range [][]topology.Change{s.Ahead, s.Variables, s.Undo} {
			wide(changes)
		}
	}
	wide(c.Everywhere)
	return w
}

// row writes a line; what stands in the left column is not repeated.
func (w *changeWriter) row(place, text string) {
	shown := place
	if place == w.last {
		shown = ""
	}
	w.last = place
	fmt.Fprintf(w.out, "    %s%s  %s\n", shown, strings.Repeat(" ", w.width-len([]rune(shown))), text)
}

func (w *changeWriter) heading(text string) {
	w.last = "-" // no place has this name
	fmt.Fprintf(w.out, "\n  %s\n", text)
}

func (w *changeWriter) places() {
	w.heading("where it stands")
	for _, s := range w.c.Steps {
		w.row(fromTo(s), fateText(s))
		for _, reason := range s.RefusedIf {
			w.row(fromTo(s), "  refused if it "+reason)
		}
		for _, change := range s.Here {
			text := change.Text
			if change.Step != s.To {
				text = change.Step + " " + text
			}
			w.row(fromTo(s), "  "+text)
		}
	}
	if len(w.c.Steps) == 0 {
		w.row("", "nowhere: no instance of that version ever waits")
	}
}

func fateText(s topology.StepChange) string {
	switch s.Fate {
	case topology.FateRefused:
		return "refused: it " + strings.Join(s.Refused, "; it ")
	case topology.FateAfresh:
		return "entered afresh: its timers and attempts begin again"
	case topology.FateMapped:
		return "mapped: it goes on waiting under the new name"
	}
	return "kept: it goes on waiting"
}

func fromTo(s topology.StepChange) string {
	if s.To == "" || s.To == s.Place {
		return s.Place
	}
	return s.Place + " → " + s.To
}

// section writes each change once, with the places for which it holds unless
// these are all.
func (w *changeWriter) section(title string, of func(topology.StepChange) []topology.Change) {
	var order []topology.Change
	from := map[topology.Change][]string{}
	movable := 0
	for _, s := range w.c.Steps {
		if s.Fate != topology.FateRefused {
			movable++
		}
		for _, change := range of(s) {
			if from[change] == nil {
				order = append(order, change)
			}
			from[change] = append(from[change], s.Place)
		}
	}
	if len(order) == 0 {
		return
	}
	w.heading(title)
	for _, change := range order {
		text := change.Text
		if len(from[change]) < movable {
			text += " (from " + strings.Join(from[change], ", ") + ")"
		}
		w.row(change.Step, text)
	}
}

func (w *changeWriter) everywhere() {
	if len(w.c.Everywhere) == 0 {
		return
	}
	w.heading("wherever it stands")
	for _, change := range w.c.Everywhere {
		w.row(change.Step, change.Text)
	}
}
