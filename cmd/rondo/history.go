package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"rondo/internal/audit"
)

func newHistory() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history WORKFLOW/KEY",
		Short: "Show the decisions about one instance, in order",
		Long: `Show the decisions about one instance, in order, as the history topic has them:
what came, what was done, what was sent, where the instance stood then. It knows
instances that have ended as long as the topic keeps its records.`,
		Args: oneInstance,
	}
	application := addApplicationFlags(cmd)
	named := instanceFlags(cmd)
	desk := cmd.Flags().String("desk", "", "of a desk of the workflow instead: mailbox.<variable>, schedule, gate.<Message>")
	last := cmd.Flags().Bool("last", false, "the latest run of the key only")
	since := sinceFlag(cmd, "nothing older than this")
	form := jsonFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		asJSON, err := form()
		if err != nil {
			return err
		}
		address, err := named(args)
		if err != nil {
			return err
		}
		address.Desk = *desk
		from, err := since()
		if err != nil {
			return err
		}
		cfg, err := application.load()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), commandPatience)
		defer cancel()
		entries, err := audit.History(ctx, cfg, address, from)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			return fmt.Errorf("the history knows nothing of %s", address)
		}
		if *last {
			entries = audit.LastRun(entries)
		}
		return showHistory(cmd.OutOrStdout(), asJSON, entries)
	}
	return cmd
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
