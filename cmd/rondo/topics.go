package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/term"

	"rondo/internal/config"
	"rondo/processor"
	"rondo/topology"
	"rondo/topology/diag"
)

func newTopics() *cobra.Command {
	return newGroup("topics", "Compare the topics with what is needed, create what is missing", newTopicsPlan(), newTopicsApply())
}

func newTopicsPlan() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan [FILE…]",
		Short: "Show which topics are missing or wrong; change nothing",
		Long: `Show the topics that the application needs: its own, and those of the messages
of its definitions: deployed, named in the configuration, or here as FILE, such
as one that is to be deployed.

Exit code 4 says that a topic is missing or that a node would not start with it.`,
		Example: `  rondo topics plan
  rondo topics plan --config rondo.yaml -o json`,
	}
	name := configFlag(cmd)
	form := jsonFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		asJSON, err := form()
		if err != nil {
			return err
		}
		return withTopics(cmd, *name, args, func(_ context.Context, t topicsCommand) error {
			if err := showPlan(cmd.OutOrStdout(), asJSON, t); err != nil {
				return err
			}
			if len(t.plan.Missing) > 0 || t.plan.Wrong() {
				return said(exitTopics)
			}
			return nil
		})
	}
	return cmd
}

func newTopicsApply() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "apply [FILE…]",
		Short: "Create the topics that are missing; change none that exists",
		Long: `Create the topics that are missing. What exists is never changed: neither its
number of partitions, which decides where instances live, nor its settings. FILE
is a workflow file, or a folder, whose topics are needed besides.

On a terminal it shows the plan and asks; elsewhere it needs --yes.`,
		Example: `  rondo topics apply
  rondo topics apply --config rondo.yaml --yes`,
	}
	name := configFlag(cmd)
	yes := cmd.Flags().BoolP("yes", "y", false, "create without asking")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withTopics(cmd, *name, args, func(ctx context.Context, t topicsCommand) error {
			return t.apply(ctx, cmd, *yes)
		})
	}
	return cmd
}

// topicsCommand is what both commands begin with.
type topicsCommand struct {
	cfg    processor.Config
	client *kgo.Client
	plan   processor.TopicPlan
}

// withTopics compares the topics, those of further workflow files included, and
// hands the result to do.
func withTopics(cmd *cobra.Command, configName string, further []string, do func(context.Context, topicsCommand) error) error {
	file, err := loadConfig(configName, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), commandPatience)
	defer cancel()
	if _, err := processor.CheckCluster(ctx, file.Node); err != nil {
		return err
	}
	plans, err := plansOf(ctx, file, further, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	client, err := file.Node.NewClient()
	if err != nil {
		return err
	}
	defer client.Close()
	file.Node.TopicsCommand = topicsCommandFor(file.Node, further)
	plan, err := processor.PlanTopics(ctx, file.Node, client, file.Node.Topics(plans))
	if err != nil {
		return err
	}
	return do(ctx, topicsCommand{file.Node, client, plan})
}

// topicsCommandFor is what creates the topics of workflow files that the
// configuration need not name.
func topicsCommandFor(cfg processor.Config, files []string) string {
	return strings.Join(append([]string{cmp.Or(cfg.TopicsCommand, "rondo topics apply")}, files...), " ")
}

// plansOf compiles the definitions that are deployed, those that the
// configuration names, and further ones. Their schemas do not matter here.
func plansOf(ctx context.Context, file *config.File, further []string, stderr io.Writer) ([]*topology.Plan, error) {
	defs, err := processor.DeployedDefinitions(ctx, file.Node)
	if err != nil {
		return nil, err
	}
	files, err := readDefinitions(file.Definitions)
	if err != nil {
		return nil, usagef("definitions of the configuration: %w", err)
	}
	more, err := readDefinitions(further)
	if err != nil {
		return nil, usageError(err)
	}
	files = append(files, more...)
	wrong, err := showFindings(stderr, files)
	if err != nil {
		return nil, err
	}
	if wrong {
		return nil, said(exitDefinition)
	}
	var plans []*topology.Plan
	for _, def := range append(defs, definitions(files)...) {
		plan, list := topology.Compile(def, file.Node.PlanOptions())
		if plan == nil {
			return nil, &processor.DefinitionError{List: list}
		}
		plans = append(plans, plan)
	}
	return plans, nil
}

func (t topicsCommand) apply(ctx context.Context, cmd *cobra.Command, yes bool) error {
	if len(t.plan.Missing) > 0 && !yes {
		if err := showPlan(cmd.ErrOrStderr(), false, t); err != nil {
			return err
		}
		if err := confirm(cmd, len(t.plan.Missing)); err != nil {
			return err
		}
	}
	out := cmd.OutOrStdout()
	err := t.plan.Apply(ctx, t.cfg, t.client, func(topic processor.Topic) {
		fmt.Fprintf(out, "created %s: %s, %s\n", topic.Name, diag.Count(int(topic.Partitions), "partition"), diag.CountOf(int(topic.Replication), "copy", "copies"))
	})
	if err != nil {
		return err
	}
	if len(t.plan.Missing) == 0 {
		if _, err := fmt.Fprintln(out, "all topics are there"); err != nil {
			return err
		}
	}
	if err := showFindingsOf(cmd.ErrOrStderr(), t.plan); err != nil {
		return err
	}
	if t.plan.Wrong() {
		return said(exitTopics)
	}
	return nil
}

// confirm asks whoever sits at the terminal.
func confirm(cmd *cobra.Command, n int) error {
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return usagef("there is no terminal to ask on: add --yes to create %s", countTopics(n))
	}
	if _, err := fmt.Fprintf(cmd.ErrOrStderr(), "create %s? [y/N] ", countTopics(n)); err != nil {
		return err
	}
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && answer == "" {
		return fmt.Errorf("read the answer: %w", err)
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return &failure{exitInterrupted, fmt.Errorf("nothing was created")}
	}
	return nil
}

func countTopics(n int) string {
	if n == 1 {
		return "one topic"
	}
	return fmt.Sprintf("%d topics", n)
}

// plannedTopic is what -o json prints of each topic.
type plannedTopic struct {
	Topic       string            `json:"topic"`
	Kind        string            `json:"kind"`
	Partitions  int               `json:"partitions"`
	Replication int               `json:"replication"`
	State       string            `json:"state"` // missing, present, note, warning, error
	Workflows   []string          `json:"workflows,omitempty"`
	Settings    map[string]string `json:"settings,omitempty"` // of a missing one
	Findings    []string          `json:"findings,omitempty"`
	Near        string            `json:"near,omitempty"` // of a missing one: one that there is, and that is called nearly so
}

// planned lists the topics of a plan as people read them.
func planned(p processor.TopicPlan) []plannedTopic {
	out := []plannedTopic{}
	for _, t := range p.Topics() {
		row := plannedTopic{
			Topic: t.Name, Kind: string(t.Kind), Partitions: t.Partitions, Replication: t.Replication,
			State: "present", Workflows: t.Workflows,
		}
		worst := processor.FindingSeverity(-1)
		for _, f := range p.Findings {
			if f.Topic == t.Name {
				row.Findings = append(row.Findings, f.Severity.String()+": "+f.Text)
				worst = max(worst, f.Severity)
			}
		}
		if worst >= 0 {
			row.State = worst.String()
		}
		if p.IsMissing(t.Name) {
			row.State, row.Settings, row.Near = "missing", t.Configs, p.Near[t.Name]
		}
		out = append(out, row)
	}
	return out
}

func showPlan(w io.Writer, asJSON bool, t topicsCommand) error {
	p := t.plan
	rows := planned(p)
	if asJSON {
		return printJSON(w, rows)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TOPIC\tKIND\tPARTITIONS\tCOPIES\tSTATE")
	for _, r := range rows {
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\n", r.Topic, r.Kind, r.Partitions, r.Replication, r.State)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if err := showFindingsOf(w, p); err != nil {
		return err
	}
	for _, text := range p.NearTexts() {
		if _, err := fmt.Fprintln(w, text); err != nil {
			return err
		}
	}
	if n := len(p.Missing); n > 0 {
		_, err := fmt.Fprintf(w, "\n%s to create: %s\n", countTopics(n), t.cfg.TopicsCommand)
		return err
	}
	return nil
}

// showFindingsOf prints what is not as it should be, a line each.
func showFindingsOf(w io.Writer, p processor.TopicPlan) error {
	for _, f := range p.Findings {
		if _, err := fmt.Fprintf(w, "%s: %s\n", f.Severity, f); err != nil {
			return err
		}
	}
	return nil
}
