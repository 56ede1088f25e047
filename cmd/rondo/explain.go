package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"rondo/internal/config"
	"rondo/topology/diag"
)

func newExplain() *cobra.Command {
	return &cobra.Command{
		Use:   "explain CODE",
		Short: "Explain the code of an error: rondo explain unknown-message",
		Long:  "Explain the code that stands in brackets behind error or warning. Without a\ncode, list all.",
		Example: `  rondo explain
  rondo explain unknown-message`,
		Args: atMostOne("CODE"),
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
	if meant, ok := diag.Suggest(code, allCodes()); ok {
		return "", usagef("there is no code %s: did you mean %s?", code, meant)
	}
	return "", usagef("there is no code %s: rondo explain lists them", code)
}

// allCodes are the codes of all findings, sorted.
func allCodes() []string {
	codes := slices.Concat(diag.Codes(), config.Codes())
	slices.Sort(codes)
	return codes
}
