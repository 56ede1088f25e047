package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"rondo/processor"
	"rondo/topology"
	"rondo/topology/diag"
)

func newCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "check [FILE|FOLDER]…",
		Aliases: []string{"validate"},
		Short:   "Check workflow files without running them",
		Long: `Check workflow files, or those in folders (the current one without arguments),
without running them: every error at once, with its place and what to do, and
warnings of what is legal but hardly meant. Schema files are read beside the
workflow, and expressions and commands are checked against them.

-v also prints, for each step at which an instance can wait, which messages it
takes, holds for a later step, and ignores.

--against OLD tells what would change for instances of another version if they
were migrated: for each step where one can stand whether it is kept, mapped to
another step, entered afresh or refused, what differs there, further on, in what
is undone, and wherever it stands. Exit code 1 says that the file has a migrate
for that version, and instances at some step are refused all the same.

--live asks the application of the configuration and says of every living
instance whether it can move to this version; exit code 1 says that one cannot.

Subjects of a schema registry are checked only with --config, for only the
configuration says where the registry is; nothing else of it is used.`,
		Example: `  rondo check
  rondo check checkout.yaml -v
  rondo check checkout-2.yaml --against checkout.yaml
  rondo check checkout-2.yaml --live --config rondo.yaml -o json`,
		Args: cobra.ArbitraryArgs,
	}
	var options checkOptions
	application := addApplicationFlags(cmd)
	cmd.Flag("config").Usage, cmd.Flag("config").DefValue = "configuration file that names the schema registry; --live takes rondo.yaml without it", ""
	cmd.Flags().BoolVarP(&options.verbose, "verbose", "v", false, "print what each step takes, holds and ignores")
	cmd.Flags().StringVar(&options.against, "against", "", "workflow file of the version whose instances would be migrated")
	cmd.Flags().BoolVar(&options.live, "live", false, "say of every living instance whether it can move to this version")
	asJSON := cmd.Flags().Bool("json", false, "the same as -o json")
	output := outputFlag(cmd, "form of the findings: text or json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkOutput(*output); err != nil {
			return err
		}
		options.json = *asJSON || *output == "json"
		cfg, err := options.configuration(application)
		if err != nil {
			return err
		}
		return options.run(cmd.Context(), cfg, orHere(args), cmd.OutOrStdout())
	}
	return cmd
}

// configuration is that of the application with --live, else what --config
// names, if anything.
func (o checkOptions) configuration(named applicationFlags) (processor.Config, error) {
	if o.live || named.cmd.Flags().Changed("config") {
		return named.load()
	}
	if *named.app != "" || *named.brokers != "" {
		return processor.Config{}, usagef("--app and --brokers belong to --live")
	}
	return processor.Config{App: "check"}, nil
}

// checkOptions are what `rondo check` is asked to tell.
type checkOptions struct {
	verbose bool
	against string // a file; "": nothing to compare with
	live    bool   // with the application's instances
	json    bool
}

func (o checkOptions) run(ctx context.Context, cfg processor.Config, paths []string, stdout io.Writer) error {
	files, plans, err := readAndCheck(ctx, cfg, paths)
	if err != nil {
		return err
	}
	checkSiblings(files, paths)
	report := checkReport{files: files, verbose: o.verbose}
	for _, plan := range plans {
		if o.verbose {
			report.standings = append(report.standings, standingsOf(plan))
		}
	}
	if o.against != "" {
		if err := o.compare(ctx, cfg, plans, &report); err != nil {
			return err
		}
	}
	if o.live && len(plans) == len(files) {
		if report.migrations, err = judgeLive(ctx, cfg, plans); err != nil {
			return err
		}
	}
	show := report.showText
	if o.json {
		show = report.showJSON
	}
	wrong, err := show(stdout)
	if err != nil {
		return err
	}
	if wrong {
		return said(exitDefinition)
	}
	if err := checkDistinct(files); err != nil {
		return err
	}
	return report.verdict()
}

// readAndCheck reads, parses and compiles files. The plans are those of the files
// without errors.
func readAndCheck(ctx context.Context, cfg processor.Config, paths []string) ([]definitionFile, []*topology.Plan, error) {
	files, err := readDefinitions(paths)
	if err != nil {
		return nil, nil, &failure{exitUsage, err}
	}
	if len(files) == 0 {
		return nil, nil, noWorkflow(paths)
	}
	if cfg.Registry == nil {
		files = withoutSubjects(files)
	}
	plans, err := checkDefinitions(ctx, cfg, files)
	return files, plans, err
}

// compare adds what would change for instances of the version in o.against. Its
// file may have warnings, but no errors.
func (o checkOptions) compare(ctx context.Context, cfg processor.Config, plans []*topology.Plan, report *checkReport) error {
	files, older, err := readAndCheck(ctx, cfg, []string{o.against})
	if err != nil {
		return err
	}
	if len(older) != 1 || len(files) != 1 {
		report.files = append(report.files, files...)
		if len(files) != 1 {
			return usagef("--against %s names %s: name one file", o.against, diag.Count(len(files), "workflow"))
		}
		return nil
	}
	name := older[0].Definition().Name
	for _, plan := range plans {
		if plan.Definition().Name == name {
			report.comparisons = append(report.comparisons, topology.Compare(older[0], plan))
		}
	}
	if len(report.comparisons) == 0 && len(plans) > 0 {
		return usagef("--against %s is the workflow %s, and none of the files is: name an older version of the same workflow", o.against, name)
	}
	return nil
}

// withoutSubjects takes out the subjects of a schema registry that cannot be
// asked, and says so.
func withoutSubjects(files []definitionFile) []definitionFile {
	for i := range files {
		if files[i].def == nil {
			continue
		}
		for _, m := range files[i].def.Messages {
			if m.Schema != "" && !m.SchemaFile() {
				files[i].findings = append(files[i].findings, uncheckedSubject(m.Schema, m.SchemaPos))
				m.Schema, m.Format = "", "json" // any payload is right
			}
		}
		for _, t := range files[i].def.Tables {
			if t.Schema != "" && !t.SchemaFile() {
				files[i].findings = append(files[i].findings, uncheckedSubject(t.Schema, t.SchemaPos))
				t.Schema, t.Format = "", "json"
			}
		}
	}
	return files
}

func uncheckedSubject(subject string, at diag.Pos) diag.Diagnostic {
	return diag.Diagnostic{
		Severity: diag.Warning, Code: processor.CodeSchema, Pos: at, Length: len(subject),
		Message: fmt.Sprintf("the subject %s of the schema registry was not checked", subject),
		Help:    "name the configuration with --config, so that the registry can be asked",
	}
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
