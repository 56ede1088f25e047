package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"rondo/internal/audit"
	"rondo/processor"
	"rondo/topology"
	"rondo/topology/diag"
)

func newInstances() *cobra.Command {
	return newGroup("instances", "Look at instances: where they are, since when, why they stand", newInstancesList(), newInstancesShow())
}

const whereHelp = `--where takes a condition in the language's expressions. Every instance has key,
workflow, version, status, steps (where it waits), started and vars; any other
name is the variable of that name, null where it was never set. Instances that
have ended have their search variables only.`

func newInstancesList() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List instances, living ones and those that are still kept",
		Long: `List instances as the changelog has them. It works while no node runs.

` + whereHelp,
		Example: `  rondo instances list --status incident
  rondo instances list --workflow checkout --where '"pay" in steps'
  rondo instances list --app shop --brokers localhost:9092 -o json`,
		Args: noArguments,
	}
	question := addQuestionFlags(cmd)
	filter := addInstanceFilter(cmd)
	cmd.Flags().StringVar(filter.workflow, "workflow", "", "only instances of this workflow")
	desks := cmd.Flags().Bool("desks", false, "list the desks as well: mailboxes, schedules and gates")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return question.put(func(ctx context.Context, cfg processor.Config, asJSON bool) error {
			found, err := filter.find(ctx, cfg, cmd.ErrOrStderr(), func(i *topology.Instance) bool { return *desks || i.Desk == "" })
			if err != nil {
				return err
			}
			return showInstances(cmd.OutOrStdout(), cmd.ErrOrStderr(), asJSON, found)
		})
	}
	return cmd
}

// instanceFilter chooses instances by flags; workflow and key are those of
// commands that have such.
type instanceFilter struct{ workflow, status, where, key *string }

func addInstanceFilter(cmd *cobra.Command) instanceFilter {
	return instanceFilter{
		workflow: new(string),
		status:   cmd.Flags().String("status", "", "only instances with this status: "+strings.Join(statuses(), ", ")),
		where:    cmd.Flags().String("where", "", "only instances for which this condition holds"),
		key:      new(string),
	}
}

func statuses() []string {
	var out []string
	for _, s := range []topology.Status{
		topology.StatusExpected, topology.StatusRunning, topology.StatusCompensating, topology.StatusPaused, topology.StatusIncident,
		topology.StatusCompleted, topology.StatusFailed, topology.StatusCancelled, topology.StatusTerminated,
	} {
		out = append(out, string(s))
	}
	return out
}

// find reads the instances that the filter lets through and more lets through.
func (f instanceFilter) find(ctx context.Context, cfg processor.Config, stderr io.Writer, more func(*topology.Instance) bool) ([]*topology.Instance, error) {
	chosen, where, err := f.holds(ctx, cfg)
	if err != nil {
		return nil, err
	}
	found, err := audit.Instances(ctx, cfg, func(i *topology.Instance) bool { return more(i) && chosen(i) })
	if err != nil {
		return nil, err
	}
	tellFailures(stderr, where)
	if found.Unreadable > 0 {
		fmt.Fprintf(stderr, "warning: left out, for a newer version of rondo has written them: %s\n", diag.Count(found.Unreadable, "instance"))
	}
	return found.Instances, nil
}

// holds is the filter as a condition, and its --where; nil: there is none.
func (f instanceFilter) holds(ctx context.Context, cfg processor.Config) (func(*topology.Instance) bool, *audit.Where, error) {
	if *f.status != "" && !slices.Contains(statuses(), *f.status) {
		return nil, nil, usagef("--status %s is not known: choose one of %s", *f.status, strings.Join(statuses(), ", "))
	}
	where, err := f.condition(ctx, cfg)
	return func(i *topology.Instance) bool {
		return (*f.workflow == "" || i.Workflow == *f.workflow) && (*f.status == "" || string(i.Status) == *f.status) &&
			(*f.key == "" || i.Key == *f.key) && (where == nil || where.Holds(i))
	}, where, err
}

// tellFailures says for how many instances the condition could not be computed.
func tellFailures(stderr io.Writer, where *audit.Where) {
	if where == nil {
		return
	}
	if n, first := where.Failures(); n > 0 {
		fmt.Fprintf(stderr, "note: the condition fails over %s, left out here; the first is %v\n", diag.Count(n, "instance"), first)
	}
}

// condition compiles --where with the variables of the deployed definitions.
func (f instanceFilter) condition(ctx context.Context, cfg processor.Config) (*audit.Where, error) {
	if *f.where == "" {
		return nil, nil
	}
	defs, err := processor.DeployedDefinitions(ctx, cfg)
	if err != nil {
		return nil, err
	}
	var variables []string
	for _, def := range defs {
		if *f.workflow != "" && def.Name != *f.workflow {
			continue
		}
		if plan, _ := topology.Compile(def, cfg.PlanOptions()); plan != nil {
			variables = append(variables, plan.Variables()...)
		}
	}
	where, err := audit.ParseWhere(*f.where, variables)
	if err != nil {
		return nil, usagef("--where: %v", err)
	}
	return where, nil
}

func showInstances(w, stderr io.Writer, asJSON bool, found []*topology.Instance) error {
	views := []audit.View{}
	for _, i := range found {
		view, err := audit.ViewOf(i)
		if err != nil {
			return err
		}
		views = append(views, view)
	}
	if asJSON {
		return printLines(w, views)
	}
	if len(views) == 0 {
		return sayNone(stderr, "instances")
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WORKFLOW\tKEY\tVERSION\tSTATUS\tSTEP\tSINCE\tNEXT TIMER\tNOTE")
	for _, v := range views {
		step, since := placeOf(v)
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", nameOf(v), v.Key, v.Version, v.Status, step, since, moment(v.NextTimer), noteOf(v))
	}
	return table.Flush()
}

// sayNone is what there is to say of an empty list, where it does not get between
// the lines that programs read.
func sayNone(stderr io.Writer, what string) error {
	_, err := fmt.Fprintf(stderr, "no %s\n", what)
	return err
}

func nameOf(v audit.View) string {
	if v.Desk != "" {
		return v.Workflow + "!" + v.Desk
	}
	return v.Workflow
}

// placeOf is where an instance waits, and since when.
func placeOf(v audit.View) (step, since string) {
	if len(v.Waits) == 0 {
		return "-", moment(v.Changed)
	}
	var steps []string
	first := v.Waits[0].Since
	for _, w := range v.Waits {
		steps = append(steps, w.Step)
		if w.Since.Before(first) {
			first = w.Since
		}
	}
	const shown = 3
	if n := len(steps); n > shown {
		steps = append(steps[:shown], fmt.Sprintf("and %d more", n-shown))
	}
	return strings.Join(steps, ", "), moment(&first)
}

// noteOf is what an operator looks for first.
func noteOf(v audit.View) string {
	switch {
	case slices.ContainsFunc(v.Waits, func(w audit.Waiting) bool { return w.Asking }):
		return "waits for its limit"
	case v.Incident != nil:
		return v.Incident.Kind + ": " + v.Incident.Text
	case v.Failure != nil:
		return strings.TrimSuffix(v.Failure.Error+": "+v.Failure.Message, ": ")
	}
	return string(v.Search)
}

func newInstancesShow() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show WORKFLOW/KEY",
		Short: "Show one instance, its variables included",
		Example: `  rondo instances show checkout/o-1
  rondo instances show checkout/o-1 --app shop --brokers localhost:9092 -o json`,
		Args: oneInstance,
	}
	question := addQuestionFlags(cmd)
	named := instanceFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		address, err := named(args)
		if err != nil {
			return err
		}
		return question.put(func(ctx context.Context, cfg processor.Config, asJSON bool) error {
			view, err := viewOf(ctx, cfg, address)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), view)
			}
			return showInstance(cmd.OutOrStdout(), view)
		})
	}
	return cmd
}

// viewOf reads an instance, its variables included.
func viewOf(ctx context.Context, cfg processor.Config, address topology.Address) (audit.View, error) {
	instance, err := audit.Instance(ctx, cfg, address)
	if err != nil {
		return audit.View{}, err
	}
	if instance == nil {
		return audit.View{}, fmt.Errorf("there is no instance %s: it never began, or ended and is kept no more; rondo history shows what is known", address)
	}
	return audit.FullViewOf(instance)
}

func showInstance(w io.Writer, v audit.View) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, text string) {
		if text != "" && text != "-" {
			fmt.Fprintf(table, "%s\t%s\n", name, text)
		}
	}
	row("workflow", nameOf(v)+" version "+v.Version)
	row("key", v.Key)
	row("run", v.Run)
	row("status", v.Status)
	row("started", moment(v.Started))
	row("changed", moment(v.Changed))
	row("ended", moment(v.Ended))
	for _, at := range v.Waits {
		text := at.Step + " since " + moment(&at.Since)
		switch {
		case at.Asking:
			text += fmt.Sprintf(", until the limit lets attempt %d of command %s be sent", at.Attempt, at.Command)
		case at.Attempt > 0:
			text += fmt.Sprintf(", attempt %d of command %s", at.Attempt, at.Command)
		}
		row("waits at", text)
	}
	row("next timer", moment(v.NextTimer))
	row("kept until", moment(v.KeptUntil))
	if x := v.Incident; x != nil {
		row("incident", fmt.Sprintf("%s at %s: %s (%s)", x.Kind, x.Step, x.Text, moment(&x.At)))
	}
	if f := v.Failure; f != nil {
		row("failure", strings.TrimSuffix(fmt.Sprintf("%s at %s: %s", f.Error, f.Step, f.Message), ": "))
	}
	row("held for later", count(v.Held))
	row("queued", count(v.Queued))
	row("undoable steps", count(v.Undoable))
	row("search", string(v.Search))
	row("variables", string(v.Vars))
	row("output", string(v.Output))
	return table.Flush()
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
