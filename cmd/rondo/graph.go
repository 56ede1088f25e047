package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"rondo/topology/diag"
	"rondo/topology/graph"
)

// graphForms are the values of `rondo graph -o`.
var graphForms = []string{"mermaid", "dot", "svg"}

func newGraph() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "graph [FILE|FOLDER]",
		Short: "Draw a workflow: Mermaid for a README, DOT for Graphviz, SVG",
		Long: `Draw a workflow for people who know the business: its steps with what they send
and await and their times, the ways between them with the message, condition or
error that takes them, what undoes them, and what may come at any time.

The SVG needs no other program. The same file gives the same bytes. A folder
(the current one without an argument) must hold one workflow file.`,
		Example: `  rondo graph
  rondo graph checkout.yaml -o svg > checkout.svg`,
		Args: atMostOne("FILE"),
	}
	form := cmd.Flags().StringP("output", "o", "mermaid", "form of the drawing: mermaid, dot or svg")
	if err := cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(graphForms, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic("complete -o: " + err.Error())
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		draw := map[string]func(*graph.Picture) string{"mermaid": (*graph.Picture).Mermaid, "dot": (*graph.Picture).DOT, "svg": (*graph.Picture).SVG}[*form]
		if draw == nil {
			return usagef("-o %s is not known: choose mermaid, dot or svg", *form)
		}
		args = orHere(args)
		files, err := readDefinitions(args)
		if err != nil {
			return &failure{exitUsage, err}
		}
		if len(files) == 0 {
			return noWorkflow(args)
		}
		if len(files) > 1 {
			return usagef("%s holds %s: name the one to draw", args[0], diag.Count(len(files), "workflow file"))
		}
		if files[0].findings.HasErrors() {
			if _, err := showFindings(cmd.ErrOrStderr(), files); err != nil {
				return err
			}
			return said(exitDefinition)
		}
		_, err = fmt.Fprint(cmd.OutOrStdout(), draw(graph.Of(files[0].def)))
		return err
	}
	return cmd
}
