package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"rondo/internal/config"
	"rondo/topology/diag"
)

const defaultConfig = "rondo.yaml"

// configFlag adds --config to a command and returns where its value will be.
func configFlag(cmd *cobra.Command) *string {
	name := cmd.Flags().StringP("config", "c", defaultConfig, "configuration file")
	if err := cmd.MarkFlagFilename("config", "yaml", "yml"); err != nil {
		panic("complete --config: " + err.Error())
	}
	return name
}

// loadConfig reads the configuration file; what is wrong with it is shown on
// stderr.
func loadConfig(name string, stderr io.Writer) (*config.File, error) {
	file, src, list, err := config.Load(name, config.Process())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, usagef("there is no configuration file %s: write one with app and brokers, or name it with --config (docs/configuration.md)", name)
	case errors.Is(err, syscall.EISDIR):
		return nil, usagef("%s is a folder, and no configuration file: name the file in it, such as %s", name, filepath.Join(name, defaultConfig))
	case err != nil:
		return nil, usagef("read the configuration: %v", err)
	}
	if len(list) > 0 {
		if err := diag.Render(stderr, list, diag.SourceOf(name, src), isTerminal(stderr)); err != nil {
			return nil, err
		}
		return nil, said(exitUsage)
	}
	if name != defaultConfig {
		file.Node.TopicsCommand = "rondo topics apply --config " + name
	}
	return file, nil
}

// isTerminal reports whether w is a terminal that shows colours.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
