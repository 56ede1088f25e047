package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"rondo/internal/config"
	"rondo/processor"
	"rondo/topology/diag"
)

// schemaEssay explains processor.CodeSchema, which belongs to no package that
// has essays of its own.
const schemaEssay = "A schema that the definition names cannot be used: its file is missing or is no schema, or the schema registry " +
	"does not have it. Rondo never registers schemas: put the file beside the definition, or register the schema first, " +
	"with the tools that your teams use for it."

func newExplain() *cobra.Command {
	return &cobra.Command{
		Use:   "explain CODE",
		Short: "Explain the code of an error: rondo explain unknown-message",
		Long:  "Explain the code that stands in brackets behind error or warning. Without a code, list all.",
		Args:  cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return allCodes(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			text := strings.Join(allCodes(), "\n")
			if len(args) == 1 {
				var err error
				if text, err = explain(args[0]); err != nil {
					return err
				}
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), strings.TrimRight(text, "\n"))
			return err
		},
	}
}

func explain(code string) (string, error) {
	if text, ok := diag.Explain(code); ok {
		return text, nil
	}
	if text := config.Explain(code); text != "" {
		return text, nil
	}
	if code == processor.CodeSchema {
		return schemaEssay, nil
	}
	if meant, ok := diag.Suggest(code, allCodes()); ok {
		return "", usagef("there is no code %s: did you mean %s?", code, meant)
	}
	return "", usagef("there is no code %s: rondo explain lists them", code)
}

// allCodes are the codes of all findings, sorted.
func allCodes() []string {
	codes := slices.Concat(diag.Codes(), config.Codes(), []string{processor.CodeSchema})
	slices.Sort(codes)
	return slices.Compact(codes)
}
