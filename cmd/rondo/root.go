package main

import (
	"errors"
	"fmt"
	"strings"

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

// helpWidth is the widest line of all help, in characters, as terminals have them.
const helpWidth = 80

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
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", fmt.Sprintf(".FlagUsagesWrapped %d", helpWidth)))
	root.AddCommand(commands()...)
	root.SetHelpCommand(newHelp())
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

// newGroup is a command that only holds others.
func newGroup(use, short string, members ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		DisableFlagsInUseLine: true,
	}
	cmd.AddCommand(members...)
	return cmd
}

// newHelp is `rondo help COMMAND`. Unlike cobra's own it refuses what is no command.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Explain a command: the same as --help",

		Example: "  rondo help topics plan",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, left, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			if len(left) > 0 && about.HasSubCommands() {
				return unknownCommand(about, left)
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// refuseUnknownShells makes cobra's `completion` refuse a shell that it does not
// know, as other commands refuse theirs. Cobra asks for the output here, so that must
// be set before.
func refuseUnknownShells(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Args, c.DisableFlagsInUseLine = unknownCommand, true
			c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
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
	unknown, invalid := new(pflag.NotExistError), new(pflag.InvalidValueError)
	if errors.As(err, &invalid) {
		name := invalid.GetFlag().Name
		return usagef("--%s %s is not understood: %s is expected, see %s --help", name, invalid.GetValue(), kindOf(invalid.GetFlag()), cmd.CommandPath())
	}
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

// kindOf says in words what the values of a flag are.
func kindOf(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "bool":
		return "true or false"
	case "duration":
		return "a duration such as 30s"
	case "float64":
		return "a number"
	case "int", "int64":
		return "a whole number"
	case "uint64":
		return "a whole number from 0"
	}
	return "another value"
}

// aboveZero refuses whole numbers that were given and are none above 0, which
// elsewhere stands for the default.
func aboveZero(flags *pflag.FlagSet, names ...string) error {
	for _, name := range names {
		n, err := flags.GetInt(name)
		if err != nil {
			return fmt.Errorf("read --%s: %w", name, err)
		}
		if n < 1 {
			return usagef("--%s %d is none: give a number above 0", name, n)
		}
	}
	return nil
}

// notBelowZero refuses numbers and durations with a minus, of which none means
// anything.
func notBelowZero(flags *pflag.FlagSet, names ...string) error {
	for _, name := range names {
		if value := flags.Lookup(name).Value.String(); strings.HasPrefix(value, "-") {
			return usagef("--%s %s is below 0: leave it out, or give something above", name, value)
		}
	}
	return nil
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

// atMostOne allows for one argument, which is what: "FOLDER".
func atMostOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usagef("%s takes one %s, and got %s as well: see %s --help", cmd.CommandPath(), what, args[1], cmd.CommandPath())
		}
		return nil
	}
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
