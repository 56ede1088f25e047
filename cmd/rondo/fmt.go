package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"rondo/topology/diag"
	"rondo/topology/layout"
)

func newFmt() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fmt [FILE|FOLDER]…",
		Short: "Write workflow files in the canonical form, comments kept",
		Long: `Bring workflow files, or those in folders (the current one without arguments),
into the canonical form: two blanks of indentation, quotes where an expression
needs them and nowhere else, long expressions in blocks. What stands on one line
stays there while it fits. Comments are kept, and the meaning never changes.

One FILE is printed; - reads standard input. With -w the files are written anew.
With --check those that are not in the form are named, and the exit code is 3;
so it is for folders and several files, of which none is printed. A file with
errors is shown with them, and left as it is.`,
		Example: `  rondo fmt -w
  rondo fmt --check workflows
  rondo fmt checkout.yaml`,
		Args: cobra.ArbitraryArgs,
	}
	var f formatter
	cmd.Flags().BoolVarP(&f.write, "write", "w", false, "write the files anew in place of printing them")
	cmd.Flags().BoolVar(&f.check, "check", false, "only name the files that are not in the form")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if f.write && f.check {
			return usagef("--write and --check exclude each other: choose one")
		}
		f.stdin, f.stdout, f.stderr = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
		return f.run(orHere(args))
	}
	return cmd
}

// formatter is one run of `rondo fmt`.
type formatter struct {
	write, check   bool
	stdin          io.Reader
	stdout, stderr io.Writer

	wrong   bool // a file has errors
	crooked bool // a file is not in the form
}

func (f *formatter) run(paths []string) error {
	if slices.Equal(paths, []string{"-"}) {
		if err := f.input(); err != nil {
			return err
		}
		return f.verdict()
	}
	names, err := definitionNames(paths)
	if err != nil {
		return &failure{exitUsage, err}
	}
	if len(names) == 0 {
		return noWorkflow(paths)
	}
	if !slices.Equal(names, paths) || len(names) > 1 {
		f.check = !f.write // files printed one behind the other are of no use
	}
	for _, name := range names {
		if err := f.file(name); err != nil {
			return err
		}
	}
	return f.verdict()
}

// verdict is the exit code of what was formatted.
func (f *formatter) verdict() error {
	if f.wrong || f.check && f.crooked {
		return said(exitDefinition)
	}
	return nil
}

// input formats standard input.
func (f *formatter) input() error {
	src, err := io.ReadAll(f.stdin)
	if err != nil {
		return fmt.Errorf("read standard input: %w", err)
	}
	return f.format("<stdin>", src, func(out []byte) error { _, err := f.stdout.Write(out); return err })
}

func (f *formatter) file(name string) error {
	src, err := readSource(name)
	if err != nil {
		return &failure{exitUsage, err}
	}
	return f.format(name, src, func(out []byte) error { return replaceFile(name, out) })
}

func (f *formatter) format(name string, src []byte, save func([]byte) error) error {
	out, err := layout.Format(name, src)
	if wrong := new(layout.WrongError); errors.As(err, &wrong) {
		f.wrong = true
		return diag.Render(f.stderr, wrong.Findings, func(string) []byte { return src }, isTerminal(f.stderr))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	changed := !bytes.Equal(src, out)
	f.crooked = f.crooked || changed
	switch {
	case f.check && changed:
		_, err = fmt.Fprintln(f.stdout, name)
	case f.write && changed:
		err = save(out)
	case !f.check && !f.write:
		_, err = f.stdout.Write(out)
	}
	return err
}

// replaceFile writes a file in one go: whoever reads it meanwhile sees the old
// text or the new one, and if the disk is full the old one stays.
func replaceFile(name string, text []byte) error {
	info, err := os.Stat(name)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	target, err := filepath.EvalSymlinks(name)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	fresh, err := os.CreateTemp(filepath.Dir(target), ".rondo-fmt-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = fresh.Write(text)
	err = errors.Join(err, fresh.Chmod(info.Mode().Perm()), fresh.Close())
	if err == nil {
		err = os.Rename(fresh.Name(), target)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, errors.Join(err, os.Remove(fresh.Name())))
	}
	return nil
}
