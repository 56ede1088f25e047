package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"rondo/internal/audit"
	"rondo/processor"
	"rondo/topology"
)

func newHistory() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history WORKFLOW/KEY",
		Short: "Show the decisions about one instance, in order",
		Long: `Show the decisions about one instance, in order, as the history topic has them:
what came, what was done, what was sent, where the instance stood then. It knows
instances that have ended as long as the topic keeps its records.`,
		Example: `  rondo history checkout/o-1
  rondo history checkout/o-1 --last --app shop --brokers localhost:9092
  rondo history checkout/o-1 --since 24h -o json`,
		Args: oneInstance,
	}
	question := addQuestionFlags(cmd)
	named := instanceFlags(cmd)
	desk := cmd.Flags().String("desk", "", "of a desk of the workflow instead: mailbox.<variable>, schedule, gate.<Message>")
	last := cmd.Flags().Bool("last", false, "the latest run of the key only")
	since := sinceFlag(cmd, "nothing older than this")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		address, err := named(args)
		if err != nil {
			return err
		}
		if *desk != "" && !deskName.MatchString(*desk) {
			return usagef("--desk %s is not known: choose mailbox.<variable>, schedule or gate.<Message>, as rondo instances list --desks shows them", *desk)
		}
		address.Desk = *desk
		from, err := since()
		if err != nil {
			return err
		}
		return question.put(func(ctx context.Context, cfg processor.Config, asJSON bool) error {
			entries, err := audit.History(ctx, cfg, address, from)
			if err != nil {
				return err
			}
			if len(entries) == 0 {
				return nothingKnown(address, from)
			}
			if *last {
				entries = audit.LastRun(entries)
			}
			return showHistory(cmd.OutOrStdout(), asJSON, entries)
		})
	}
	return cmd
}

// deskName is how desks are called (topology.Address).
var deskName = regexp.MustCompile(`^(schedule|(mailbox|gate)\..+)$`)

// nothingKnown says that the history of an instance is empty since a time, or
// altogether.
func nothingKnown(address topology.Address, from time.Time) error {
	since := ""
	if !from.IsZero() {
		since = " since " + moment(&from)
	}
	return fmt.Errorf("the history knows nothing of %s%s: rondo instances list shows what there is", address, since)
}

func showHistory(w io.Writer, asJSON bool, entries []audit.Entry) error {
	var views []audit.DecisionView
	for _, e := range entries {
		v, err := audit.DecisionViewOf(e)
		if err != nil {
			return err
		}
		views = append(views, v)
	}
	if asJSON {
		return printLines(w, views)
	}
	for _, v := range views {
		if _, err := io.WriteString(w, v.Tell()); err != nil {
			return err
		}
	}
	return nil
}
