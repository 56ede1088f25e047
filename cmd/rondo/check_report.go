package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"rondo/topology"
	"rondo/topology/diag"
)

// checkReport is what `rondo check` has found.
type checkReport struct {
	files       []definitionFile
	standings   []workflowStandings
	comparisons []topology.Comparison
	migrations  []*migrationReport
	verbose     bool
}

// verdict is the failure of files that are right, but leave instances behind.
func (r checkReport) verdict() error {
	dirty := func(m *migrationReport) bool { return !m.clean() }
	if slices.ContainsFunc(r.comparisons, refuses) || slices.ContainsFunc(r.migrations, dirty) {
		return said(exitFailed)
	}
	return nil
}

// workflowStandings are the places at which instances of a workflow can wait.
type workflowStandings struct {
	Workflow string              `json:"workflow"`
	Version  int                 `json:"version"`
	Steps    []topology.Standing `json:"steps"`
}

func standingsOf(plan *topology.Plan) workflowStandings {
	def := plan.Definition()
	return workflowStandings{Workflow: def.Name, Version: def.Version, Steps: plan.Standings()}
}

func (r checkReport) showText(w io.Writer) (wrong bool, err error) {
	if wrong, err = showFindings(w, r.files); err != nil || wrong {
		return wrong, err
	}
	var out strings.Builder
	for _, f := range r.files {
		fmt.Fprintf(&out, "%s: %s version %d is right\n", f.name, f.def.Name, f.def.Version)
	}
	for _, s := range r.standings {
		writeStandings(&out, s)
	}
	for _, c := range r.comparisons {
		writeComparison(&out, c)
	}
	for _, m := range r.migrations {
		out.WriteString("\n")
		if err := m.writePlan(&out, r.verbose); err != nil {
			return false, err
		}
	}
	_, err = io.WriteString(w, out.String())
	return false, err
}

func writeStandings(out *strings.Builder, s workflowStandings) {
	fmt.Fprintf(out, "\n%s version %d, where an instance can wait:\n", s.Workflow, s.Version)
	for _, step := range s.Steps {
		fmt.Fprintf(out, "\n  %s (%s)\n", step.Place, step.Does)
		for _, line := range []struct {
			what  string
			names []string
		}{
			{"takes", step.Takes}, {"anytime", step.Anytime}, {"holds", step.Holds}, {"rejects", step.Rejects},
			{"drops", step.Drops}, {"queues", step.Starts}, {"ignores", step.Ignores},
		} {
			if len(line.names) > 0 {
				fmt.Fprintf(out, "    %-8s %s\n", line.what, strings.Join(line.names, ", "))
			}
		}
	}
	if len(s.Steps) == 0 {
		out.WriteString("  nowhere: it ends in the decision that begins it\n")
	}
}

// checked is what -o json prints.
type checked struct {
	Valid       bool                  `json:"valid"`
	Files       []fileSummary         `json:"files"`
	Findings    diag.List             `json:"findings"`
	Steps       []workflowStandings   `json:"steps,omitempty"`
	Comparisons []topology.Comparison `json:"comparisons,omitempty"`
	Live        []*migrationReport    `json:"live,omitempty"`
}

type fileSummary struct {
	File     string `json:"file"`
	Workflow string `json:"workflow,omitempty"`
	Version  int    `json:"version,omitempty"`
	Valid    bool   `json:"valid"`
}

func (r checkReport) showJSON(w io.Writer) (wrong bool, err error) {
	out := checked{Valid: true, Findings: diag.List{}, Steps: slices.Clone(r.standings), Comparisons: r.comparisons, Live: r.migrations}
	for _, f := range r.files {
		s := fileSummary{File: f.name, Valid: !f.findings.HasErrors()}
		if f.def != nil {
			s.Workflow, s.Version = f.def.Name, f.def.Version
		}
		out.Valid = out.Valid && s.Valid
		out.Files = append(out.Files, s)
		out.Findings = append(out.Findings, f.findings...)
	}
	return !out.Valid, printJSON(w, out)
}
