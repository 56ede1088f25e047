package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rondo/topology"
	"rondo/topology/diag"
)

// maxSchemaBytes bounds a schema file that a definition names.
const maxSchemaBytes = 1 << 20

// definitionFile is a workflow file as it was read and parsed.
type definitionFile struct {
	name     string
	src      []byte
	def      *topology.Definition // nil: it is no YAML
	findings diag.List
}

// readDefinitions reads the workflow files; of a folder, its YAML files that
// are no tests. The error is about reading; what is wrong inside the files is
// in their findings.
func readDefinitions(paths []string) ([]definitionFile, error) {
	names, err := definitionNames(paths)
	if err != nil {
		return nil, err
	}
	var out []definitionFile
	for _, name := range names {
		f, err := readDefinition(name)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// readDefinition reads and parses one workflow file.
func readDefinition(name string) (definitionFile, error) {
	src, err := readSource(name)
	if err != nil {
		return definitionFile{}, err
	}
	f := definitionFile{name: name, src: src}
	f.def, f.findings = topology.Parse(name, src, beside(name))
	return f, nil
}

// readSource reads the text of a workflow file, whoever needs it.
func readSource(name string) ([]byte, error) {
	src, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read the definition: %w", err)
	}
	return src, nil
}

// definitionNames replaces folders by the workflow files in them, and leaves out
// what is none by its name, for a shell's *.yaml names scripts and
// configurations as well.
func definitionNames(paths []string) ([]string, error) {
	workflows := slices.DeleteFunc(slices.Clone(paths), isNoDefinition)
	if len(workflows) == 0 && len(paths) > 0 {
		return nil, noDefinition(paths[0])
	}
	return namesIn(workflows)
}

// isNoDefinition holds for a script of tests and for a configuration.
func isNoDefinition(path string) bool {
	return filepath.Base(path) == defaultConfig || isScript(path)
}

// noDefinition says what a file is, and who reads it.
func noDefinition(path string) error {
	if isScript(path) {
		return fmt.Errorf("%s holds tests, and no workflow: rondo test runs them", path)
	}
	return fmt.Errorf("%s is a configuration, and no workflow: rondo topics plan reads it", path)
}

// noWorkflow says that there is nothing to work on in the folders.
func noWorkflow(folders []string) error {
	return usagef("there is no workflow file (*.yaml) in %s: name one, or let rondo init write one", strings.Join(folders, ", "))
}

func namesIn(paths []string) ([]string, error) {
	var out []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, noSuchFile(path)
		}
		if err != nil {
			return nil, fmt.Errorf("read the definition: %w", err)
		}
		if !info.IsDir() {
			out = append(out, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, fmt.Errorf("read the folder of definitions: %w", err)
		}
		for _, e := range entries {
			if isDefinition(e.Name()) && !e.IsDir() {
				out = append(out, filepath.Join(path, e.Name()))
			}
		}
	}
	return slices.Compact(out), nil
}

// noSuchFile says what to do about a file that is not there: it may be misspelt.
func noSuchFile(path string) error {
	var names []string
	entries, err := os.ReadDir(filepath.Dir(path))
	for _, e := range entries {
		if e.IsDir() || isDefinition(e.Name()) {
			names = append(names, filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
	if err != nil {
		return fmt.Errorf("there is no file or folder %s, nor the folder that it would be in: is the path right from here?", path)
	}
	if near, ok := diag.Suggest(filepath.Clean(path), names); ok {
		return fmt.Errorf("there is no file or folder %s: did you mean %s?", path, near)
	}
	return fmt.Errorf("there is no file or folder %s: name a workflow file (YAML), or a folder with some", path)
}

// isDefinition tells workflow files from tests and configurations by name.
func isDefinition(name string) bool {
	ext := filepath.Ext(name)
	return (ext == ".yaml" || ext == ".yml") && name != defaultConfig && !strings.HasPrefix(name, ".") &&
		!isScript(name)
}

func isScript(path string) bool {
	ext := filepath.Ext(path)
	return (ext == ".yaml" || ext == ".yml") && strings.HasSuffix(strings.TrimSuffix(path, ext), ".test")
}

// beside reads the schema files that a definition names, from its folder.
func beside(definition string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		if !filepath.IsLocal(name) {
			return nil, errors.New("is not in the folder of the definition")
		}
		path := filepath.Join(filepath.Dir(definition), name)
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, noSuchSchema(path, name)
		}
		if err != nil {
			return nil, err
		}
		if info.Size() > maxSchemaBytes {
			return nil, fmt.Errorf("has %d bytes, more than a schema may have (%d)", info.Size(), maxSchemaBytes)
		}
		return os.ReadFile(path)
	}
}

// noSuchSchema says what may be meant by a schema file that is not there: one of
// the same folder.
func noSuchSchema(path, name string) error {
	var names []string
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return errors.New("there is no such file, nor the folder that it would be in")
	}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); !e.IsDir() && (ext == ".avsc" || ext == ".json") {
			names = append(names, e.Name())
		}
	}
	if near, ok := diag.Suggest(filepath.Base(path), names); ok {
		return fmt.Errorf("there is no such file, did you mean %s?", filepath.ToSlash(filepath.Join(filepath.Dir(name), near)))
	}
	return errors.New("there is no such file")
}

// showFindings prints what was found in the files, and reports whether one of
// them must not be run.
func showFindings(w io.Writer, files []definitionFile) (wrong bool, err error) {
	var all diag.List
	for _, f := range files {
		all = append(all, f.findings...)
	}
	return all.HasErrors(), diag.Render(w, all, sourceOf(files), isTerminal(w))
}

func sourceOf(files []definitionFile) diag.Source {
	return func(name string) []byte {
		for _, f := range files {
			if f.name == name {
				return f.src
			}
		}
		return nil
	}
}

// definitions are the parsed definitions of files, none of which is unreadable.
func definitions(files []definitionFile) []*topology.Definition {
	var out []*topology.Definition
	for _, f := range files {
		out = append(out, f.def)
	}
	return out
}
