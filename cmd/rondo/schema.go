package main

import (
	"github.com/spf13/cobra"

	"rondo/topology/editor"
)

func newSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the language, for editors",
		Long: `Print the JSON Schema (draft-07) of workflow files. An editor that knows it
completes words, shows what they mean, and marks what cannot stand where it
does. The first line of a workflow file names it:

  # yaml-language-server: $schema=rondo.schema.json`,
		Example: `  rondo schema > rondo.schema.json`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(editor.Schema())
			return err
		},
	}
}
