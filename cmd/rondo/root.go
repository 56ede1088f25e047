package main

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rondo/topology/diag"
)

const rootHelp = `Rondo runs workflows on Kafka: it reads events, sends commands, waits, retries
and undoes, exactly once.

Try it:                  rondo demo
Begin one of your own:   rondo init
Write a workflow:        rondo check FILE, rondo dev FOLDER
Run it for real:         rondo topics plan, rondo topics apply, rondo serve
Put a version into use:  rondo deploy FILE

Commands that talk to Kafka read rondo.yaml (docs/configuration.md).
Exit codes are listed in docs/operations.md.`

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "rondo",
		Short:         "Run workflows on Kafka",
		Long:          rootHelp,
		SilenceErrors: true, // report says what went wrong
		SilenceUsage:  true, // a failure is no reason to print all flags
		Args:          unknownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		DisableFlagsInUseLine: true,
	}
	root.SetFlagErrorFunc(wrongFlag)
	root.AddCommand(commands()...)
	return root
}

// commands are all that the program can do, in no order: help sorts them.
func commands() []*cobra.Command {
	return []*cobra.Command{
		newFmt(), newSchema(), newGraph(), newInit(), newTest(),
		newDemo(), newBench(), newDev(), newCheck(), newTopics(), newServe(), newDeploy(), newExplain(), newVersion(),
		newAct(), newInstances(), newHistory(), newDLQ(), newMigrate(),
	}
}

// unknownCommand refuses what is no command, in one sentence.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	if meant, ok := diag.Suggest(args[0], names); ok {
		return usagef("there is no command %s: did you mean %s %s?", args[0], cmd.CommandPath(), meant)
	}
	return usagef("there is no command %s: %s --help lists them", args[0], cmd.CommandPath())
}

// wrongFlag adds to the error about a flag what was probably meant, or where
// the flags are listed.
func wrongFlag(cmd *cobra.Command, err error) error {
	unknown := new(pflag.NotExistError)
	if !errors.As(err, &unknown) {
		return usagef("%w: see %s --help", err, cmd.CommandPath())
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if meant, ok := diag.Suggest(unknown.GetSpecifiedName(), names); ok && unknown.GetSpecifiedShortnames() == "" {
		return usagef("%w: did you mean --%s?", err, meant)
	}
	return usagef("%w: %s --help lists them", err, cmd.CommandPath())
}

// preRun notes that the command line was understood: what goes wrong from then
// on is not the fault of its form.
func preRun(started *bool) func(*cobra.Command, []string) {
	return func(*cobra.Command, []string) { *started = true }
}

// noArguments refuses what a command would ignore.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no arguments, and got %s: see %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())
	}
	return nil
}

// orHere are the arguments of a command that takes the current folder without any.
func orHere(args []string) []string {
	if len(args) == 0 {
		return []string{"."}
	}
	return args
}

// someFiles asks for at least one FILE.
func someFiles(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usagef("%s needs at least one FILE: see %s --help", cmd.CommandPath(), cmd.CommandPath())
	}
	return nil
}

// outputFlag adds -o to a command and returns where its value will be.
func outputFlag(cmd *cobra.Command, text string) *string {
	out := cmd.Flags().StringP("output", "o", "text", text)
	if err := cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic("complete -o: " + err.Error())
	}
	return out
}

// checkOutput refuses a form that there is not.
func checkOutput(form string) error {
	if form != "text" && form != "json" {
		return usagef("-o %s is not known: choose text or json", form)
	}
	return nil
}
