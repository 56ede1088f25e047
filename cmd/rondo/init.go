package main

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"rondo/topology"
	"rondo/topology/editor"
	"rondo/topology/layout"
)

// initFiles are what `rondo init` writes, with {name} in place of the workflow's
// name, in contents and file names.
//
//go:embed init
var initFiles embed.FS

// initNames say how the files in initFiles are called where they are written.
var initNames = map[string]string{
	"workflow.yaml":      "{name}.yaml",
	"workflow.test.yaml": "{name}.test.yaml",
	"gitignore":          ".gitignore",
}

const schemaFile = "rondo.schema.json"

func newInit() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init [FOLDER]",
		Short: "Write a small workflow that works, with its tests, to begin with",
		Long: `Write a small workflow into a folder (the current one by default), with its
tests, a rondo.yaml, a README, and the language's JSON Schema for editors. Files
that are there already are never overwritten: then nothing is written.`,
		Example: `  rondo init new-order
  rondo init . --name new-order`,
		Args: atMostOne("FOLDER"),
	}
	name := cmd.Flags().String("name", "", "name of the workflow, in kebab-case (default: that of the folder)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		folder := "."
		if len(args) == 1 {
			folder = args[0]
		}
		if *name == "" {
			var err error
			if *name, err = nameOfFolder(folder); err != nil {
				return err
			}
		}
		if !kebabName.MatchString(*name) || len(*name) > topology.NameMaxLength {
			return usagef("%q is no name for a workflow: choose one in kebab-case with --name, like new-order", *name)
		}
		return initialize(folder, *name, cmd.OutOrStdout())
	}
	return cmd
}

var (
	kebabName = regexp.MustCompile(topology.KebabPattern)
	plainPath = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,-]+$`)
	notKebab  = regexp.MustCompile(`[^a-z0-9]+`)
)

// nameOfFolder makes a workflow's name of a folder's.
func nameOfFolder(folder string) (string, error) {
	path, err := filepath.Abs(folder)
	if err != nil {
		return "", fmt.Errorf("find the folder %s: %w", folder, err)
	}
	return strings.Trim(notKebab.ReplaceAllString(strings.ToLower(filepath.Base(path)), "-"), "-0123456789"), nil
}

// initialize writes the files, all or none of them.
func initialize(folder, name string, stdout io.Writer) error {
	files, err := initFilesFor(name)
	if err != nil {
		return err
	}
	if info, err := os.Stat(folder); err == nil && !info.IsDir() {
		return usagef("%s is a file, and nothing was written: name a folder", folder)
	}
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(folder, f.name)); !errors.Is(err, os.ErrNotExist) {
			return usagef("%s is there already, and nothing was written: choose another folder", filepath.Join(folder, f.name))
		}
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make the folder: %w", err)
	}
	for _, f := range files {
		if err := createFile(filepath.Join(folder, f.name), f.text); err != nil {
			return fmt.Errorf("write the workflow: %w", err)
		}
		if _, err := fmt.Fprintf(stdout, "wrote %s\n", filepath.Join(folder, f.name)); err != nil {
			return err
		}
	}
	where := ""
	if folder != "." {
		where = fmt.Sprintf("cd %s, ", quoted(folder))
	}
	_, err = fmt.Fprintf(stdout, "\nNext: %srondo test, rondo dev; README.md says more.\n", where)
	return err
}

// quoted is a path as a shell takes it.
func quoted(path string) string {
	if plainPath.MatchString(path) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// createFile writes a file that is not there.
func createFile(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

type initFile struct {
	name string
	text []byte
}

func initFilesFor(name string) ([]initFile, error) {
	entries, err := initFiles.ReadDir("init")
	if err != nil {
		return nil, err
	}
	out := []initFile{{schemaFile, editor.Schema()}}
	for _, e := range entries {
		text, err := initFiles.ReadFile("init/" + e.Name())
		if err != nil {
			return nil, err
		}
		target := initNames[e.Name()]
		if target == "" {
			target = e.Name()
		}
		f := initFile{strings.ReplaceAll(target, "{name}", name), []byte(strings.ReplaceAll(string(text), "{name}", name))}
		if e.Name() == "workflow.yaml" {
			if f.text, err = layout.Format(f.name, f.text); err != nil {
				return nil, err
			}
		}
		out = append(out, f)
	}
	return out, nil
}
