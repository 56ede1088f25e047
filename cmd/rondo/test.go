package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"rondo/internal/suite"
	"rondo/processor"
	"rondo/schemas"
	"rondo/topology"
)

func newTest() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test [FILE|FOLDER]…",
		Short: "Run scripts of workflows (*.test.yaml) in virtual time",
		Long: `Run the scripts in files of tests (*.test.yaml), or those in folders and below
(the current one by default), in virtual time and without a broker.

A script that differs from what the workflow does is shown with its place, what
it expects beside what there is, and everything that happened up to there. All
words of scripts: docs/testing.md.

Subjects of a schema registry are used only with --config, for only the
configuration says where the registry is.`,
		Example: `  rondo test
  rondo test checkout.test.yaml --run refused --transcript
  rondo test --coverage --junit report.xml
  rondo test --record checkout/o-1 --app shop --brokers localhost:9092`,
		Args: cobra.ArbitraryArgs,
	}
	t := &tests{}
	flags := cmd.Flags()
	flags.StringVar(&t.only, "run", "", "run only the tests whose name matches this regular expression")
	flags.BoolVar(&t.watch, "watch", false, "run again when a file changes, until Ctrl-C")
	flags.BoolVar(&t.text.Coverage, "coverage", false, "say which steps, branches and outcomes the tests reach, and list the others")
	flags.Float64Var(&t.coverageMin, "coverage-min", 0, "fail if the tests of a workflow reach less than this, in percent; implies --coverage")
	flags.StringVar(&t.junit, "junit", "", "also write JUnit XML into this file")
	flags.BoolVar(&t.json, "json", false, "the same as -o json")
	flags.BoolVar(&t.text.Transcripts, "transcript", false, "also print what happens in the tests that pass")
	recorded := flags.String("record", "", "print the history of a real instance, WORKFLOW/KEY, as a file of tests; needs --config, or --app and --brokers")
	application := addApplicationFlags(cmd)
	flags.Lookup("config").Usage = "configuration file, for the schema registry and for --record"
	output := outputFlag(cmd, "form of the report: text or json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkOutput(*output); err != nil {
			return err
		}
		if *recorded != "" {
			cfg, err := application.load()
			if err != nil {
				return err
			}
			return record(cmd.Context(), cfg, *recorded, cmd.OutOrStdout(), cmd.ErrOrStderr())
		}
		if flags.Changed("config") {
			t.config = *application.config
		}
		t.json = t.json || *output == "json"
		t.stdout, t.stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
		return t.start(cmd.Context(), args)
	}
	return cmd
}

// tests is one `rondo test`.
type tests struct {
	only, junit, config string
	watch, json         bool
	coverageMin         float64
	text                suite.TextOptions
	stdout, stderr      io.Writer

	paths  []string
	runner *suite.Runner
	cfg    processor.Config
}

func (t *tests) start(ctx context.Context, paths []string) error {
	if t.coverageMin < 0 || t.coverageMin > 100 {
		return usagef("--coverage-min %v is no percentage: choose 0 to 100", t.coverageMin)
	}
	t.text.Coverage = t.text.Coverage || t.coverageMin > 0
	t.text.Color = isTerminal(t.stdout)
	if t.paths = paths; len(paths) == 0 {
		t.paths = []string{"."}
	}
	t.cfg = processor.Config{App: "test"}
	if t.config != "" {
		file, err := loadConfig(t.config, t.stderr)
		if err != nil {
			return err
		}
		t.cfg = file.Node
	}
	t.runner = &suite.Runner{Load: t.load, Transcripts: t.text.Transcripts}
	if t.only != "" {
		only, err := regexp.Compile(t.only)
		if err != nil {
			return usagef("--run %s is no regular expression: %w", t.only, err)
		}
		t.runner.Only = only
	}
	if !t.watch {
		_, err := t.once(ctx)
		return err
	}
	ctx, stop := untilSignal(ctx)
	defer stop()
	return unlessStopped(ctx, t.again(ctx))
}

// once runs the tests and reports. It returns the files on which the report
// depends.
func (t *tests) once(ctx context.Context) (reads []string, err error) {
	files, err := suite.Find(t.paths)
	if err != nil {
		return nil, &failure{exitUsage, err}
	}
	if len(files) == 0 {
		return nil, usagef("there is no file of tests (*.test.yaml) in %s: name one, or let rondo init write one (docs/testing.md)", strings.Join(t.paths, ", "))
	}
	report, err := t.runner.Run(ctx, files)
	if err != nil {
		return files, err
	}
	if n, _ := report.Count(); n == 0 && t.only != "" && !t.watch {
		if _, wrong := report.Failed(); wrong == 0 {
			return nil, usagef("no test has a name that matches --run %s", t.only)
		}
	}
	if err := t.print(report); err != nil {
		return nil, err
	}
	return report.Reads(), t.verdict(report)
}

func (t *tests) print(report *suite.Report) error {
	if t.junit != "" {
		if err := writeFile(t.junit, report.JUnit); err != nil {
			return fmt.Errorf("write the JUnit report: %w", err)
		}
	}
	if t.json {
		return report.JSON(t.stdout)
	}
	return report.Text(t.stdout, t.text)
}

// writeFile makes a file of what write writes.
func writeFile(name string, write func(io.Writer) error) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return write(f)
}

// verdict is the exit code of a report that has been printed.
func (t *tests) verdict(report *suite.Report) error {
	failed, wrong := report.Failed()
	switch {
	case wrong > 0:
		return said(exitDefinition)
	case failed > 0:
		return said(exitFailed)
	}
	for _, c := range report.Coverage {
		if c.Percent() < t.coverageMin {
			return &failure{exitFailed, fmt.Errorf("the tests reach %.1f %% of %s, less than --coverage-min %v: --coverage lists the rest",
				c.Percent(), c.Workflow, t.coverageMin)}
		}
	}
	return nil
}

// load reads and compiles a definition as a node would.
func (t *tests) load(ctx context.Context, file string) (*suite.Definition, error) {
	f, err := readDefinition(file)
	if err != nil {
		return nil, err
	}
	files := []definitionFile{f}
	if t.cfg.Registry == nil {
		files = withoutSubjects(files)
	}
	plans, err := checkDefinitions(ctx, t.cfg, files)
	if err != nil {
		return nil, err
	}
	out := &suite.Definition{File: file, Source: f.src, Findings: files[0].findings, Reads: filesOf(file, f.def)}
	if len(plans) == 0 {
		return out, nil
	}
	out.Plan = plans[0]
	if out.Wire, err = processor.NewWire(ctx, t.cfg, f.def); err != nil {
		return nil, t.wireError(file, err)
	}
	return out, nil
}

func (t *tests) wireError(file string, err error) error {
	if errors.Is(err, schemas.ErrRegistryUnavailable) {
		return &failure{exitUnreachable, fmt.Errorf("get the schemas of %s: %w", file, err)}
	}
	return &failure{exitDefinition, fmt.Errorf("the schemas of %s cannot be used: %w", file, err)}
}

// filesOf are the files of which a definition is made.
func filesOf(file string, def *topology.Definition) []string {
	out := []string{file}
	if def == nil {
		return out
	}
	for name := range def.Files {
		out = append(out, filepath.Join(filepath.Dir(file), name))
	}
	return out
}
