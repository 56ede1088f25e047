package suite

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"rondo/topology/diag"
)

// TextOptions say what Text prints beside failures and the summary.
type TextOptions struct {
	Coverage    bool
	Transcripts bool
	Color       bool
}

// Text writes the report for a person: a line for each file, failures with all
// that is needed to understand them, the coverage, and a sentence at the end.
func (r *Report) Text(w io.Writer, o TextOptions) error {
	out := bufio.NewWriter(w)
	for i := range r.Suites {
		if err := r.Suites[i].text(out, o); err != nil {
			return err
		}
	}
	if o.Coverage {
		r.coverageText(out)
	}
	fmt.Fprintln(out, r.Summary())
	return out.Flush()
}

func (s *Suite) text(out *bufio.Writer, o TextOptions) error {
	for _, d := range s.Findings {
		if err := diag.RenderOne(out, d, s.Source, o.Color); err != nil {
			return err
		}
	}
	failed := 0
	for _, t := range s.Tests {
		if t.Failure != nil {
			failed++
		}
		if err := s.testText(out, t, o); err != nil {
			return err
		}
	}
	switch {
	case s.Findings.HasErrors():
		fmt.Fprintf(out, "WRONG %s: not run, %s\n", s.File, s.Findings.Summary())
	case failed > 0:
		fmt.Fprintf(out, "FAIL  %s: %d of %s failed\n", s.File, failed, count(len(s.Tests), "test"))
	default:
		fmt.Fprintf(out, "ok    %s: %s (%s)\n", s.File, count(len(s.Tests), "test"), took(s.Took))
	}
	return nil
}

func (s *Suite) testText(out *bufio.Writer, t Test, o TextOptions) error {
	if t.Failure == nil {
		if o.Transcripts {
			fmt.Fprintf(out, "--- %s\n%s\n", t.Name, indent(t.Transcript))
		}
		return nil
	}
	fmt.Fprintf(out, "--- FAIL: %s\n", t.Name)
	if err := diag.RenderOne(out, t.Failure.Diagnostic(), s.Source, o.Color); err != nil {
		return err
	}
	if err := t.Failure.Detail(out); err != nil {
		return err
	}
	fmt.Fprintln(out)
	return nil
}

func indent(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString("    " + line)
	}
	return out.String()
}

// coverageText lists, for each workflow, what was reached and where the rest is.
func (r *Report) coverageText(out io.Writer) {
	for _, c := range r.Coverage {
		var parts []string
		for _, k := range c.Kinds {
			parts = append(parts, fmt.Sprintf("%s %d of %d", plurals[string(k.Kind)], k.Reached, k.Total))
		}
		fmt.Fprintf(out, "coverage of %s: %.1f %%: %s\n", c.Workflow, c.Percent(), strings.Join(parts, ", "))
		for _, spot := range c.Unreached {
			fmt.Fprintf(out, "  %s: %s `%s` was not reached\n", spot.Pos, spot.Kind, spot.Name)
		}
	}
}

var plurals = map[string]string{"step": "steps", "branch": "branches", "outcome": "outcomes", "test": "tests", "file": "files", "line": "lines"}

func count(n int, noun string) string {
	if n != 1 {
		noun = plurals[noun]
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// Summary is the report in one sentence.
func (r *Report) Summary() string {
	tests, steps := r.Count()
	failed, wrong := r.Failed()
	text := fmt.Sprintf("%s in %s, %s, %s", count(tests, "test"), count(len(r.Suites), "file"), count(steps, "line"), took(r.Took))
	switch {
	case wrong > 0 && failed > 0:
		return fmt.Sprintf("FAIL: %s failed, %s could not be run: %s", count(failed, "test"), count(wrong, "file"), text)
	case wrong > 0:
		return fmt.Sprintf("FAIL: %s could not be run: %s", count(wrong, "file"), text)
	case failed > 0:
		return fmt.Sprintf("FAIL: %s failed: %s", count(failed, "test"), text)
	}
	return "PASS: " + text
}

// took rounds a duration for people.
func took(d time.Duration) string {
	if d < time.Second {
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}
