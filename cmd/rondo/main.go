// Command rondo runs and looks after workflows on Kafka.
//
// Each command is a file of its own, which reads flags and the configuration,
// wires the packages together and prints. Data goes to stdout, everything else
// to stderr. What exit codes mean is in exit.go and docs/operations.md.
package main

import (
	"context"
	"io"
	"os"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with everything that it touches.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	started := false
	root.PersistentPreRun = preRun(&started)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	refuseUnknownShells(root)
	err := root.ExecuteContext(ctx)
	if err != nil && !started {
		err = usageError(err)
	}
	return report(err, stderr)
}
