package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"rondo/processor"
	"rondo/topology"
	"rondo/topology/diag"
)

func newValidate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate FILE…",
		Short: "Check workflow files without running them",
		Long: `Check workflow files, or those in folders, without running them: every error at
once, with its place and what to do. Schema files are read beside the workflow.

Subjects of a schema registry are checked only with --config, for only the
configuration says where the registry is; nothing else of it is used.`,
		Args: someFiles,
	}
	name := cmd.Flags().StringP("config", "c", "", "configuration file that names the schema registry")
	output := outputFlag(cmd, "form of the findings: text or json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkOutput(*output); err != nil {
			return err
		}
		cfg := processor.Config{App: "validate"}
		if *name != "" {
			file, err := loadConfig(*name, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			cfg = file.Node
		}
		return validate(cmd.Context(), cfg, args, *output, cmd.OutOrStdout())
	}
	return cmd
}

func validate(ctx context.Context, cfg processor.Config, paths []string, output string, stdout io.Writer) error {
	files, err := readDefinitions(paths)
	if err != nil {
		return &failure{exitUsage, err}
	}
	if len(files) == 0 {
		return usagef("there is no workflow file in %v", paths)
	}
	if cfg.Registry == nil {
		files = withoutSubjects(files)
	}
	if _, err := checkDefinitions(ctx, cfg, files); err != nil {
		return err
	}
	show := showText
	if output == "json" {
		show = showJSON
	}
	wrong, err := show(stdout, files)
	if err != nil {
		return err
	}
	if wrong {
		return said(exitDefinition)
	}
	return checkDistinct(files)
}

// withoutSubjects takes out the subjects of a schema registry that cannot be
// asked, and says so.
func withoutSubjects(files []definitionFile) []definitionFile {
	for i := range files {
		if files[i].def == nil {
			continue
		}
		for _, m := range files[i].def.Messages {
			if m == nil || !isSubject(m) {
				continue
			}
			files[i].findings = append(files[i].findings, diag.Diagnostic{
				Severity: diag.Warning, Code: processor.CodeSchema, Pos: m.Pos, Length: len(m.Name),
				Message: fmt.Sprintf("the subject %s of the schema registry was not checked", m.Schema),
				Help:    "name the configuration with --config, so that the registry can be asked",
			})
			m.Schema, m.Format = "", "json" // any payload is right
		}
	}
	return files
}

// isSubject reports whether a message names a subject, not a file.
func isSubject(m *topology.Message) bool {
	return m.Schema != "" && !strings.ContainsAny(m.Schema, "./")
}

func showText(w io.Writer, files []definitionFile) (wrong bool, err error) {
	if wrong, err = showFindings(w, files); err != nil || wrong {
		return wrong, err
	}
	for _, f := range files {
		if _, err := fmt.Fprintf(w, "%s: %s version %d is right\n", f.name, f.def.Name, f.def.Version); err != nil {
			return false, err
		}
	}
	return false, nil
}

// validated is what -o json prints.
type validated struct {
	Valid    bool          `json:"valid"`
	Files    []fileSummary `json:"files"`
	Findings diag.List     `json:"findings"`
}

type fileSummary struct {
	File     string `json:"file"`
	Workflow string `json:"workflow,omitempty"`
	Version  int    `json:"version,omitempty"`
	Valid    bool   `json:"valid"`
}

func showJSON(w io.Writer, files []definitionFile) (wrong bool, err error) {
	out := validated{Valid: true, Findings: diag.List{}}
	for _, f := range files {
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

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
