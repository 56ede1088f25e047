package suite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Find returns the files of tests that paths name, sorted, each once: of a
// folder those in it and below, `folder/...` being the same. Hidden folders are
// passed over. It fails for a path that is not there.
func Find(paths []string) ([]string, error) {
	var out []string
	for _, path := range paths {
		path = strings.TrimSuffix(path, "...")
		if path == "" {
			path = "."
		}
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("there is no file or folder %s: name a file of tests (*.test.yaml), or a folder with some", path)
		}
		if err != nil {
			return nil, fmt.Errorf("read the tests: %w", err)
		}
		if !info.IsDir() {
			out = append(out, filepath.Clean(path))
			continue
		}
		found, err := below(path)
		if err != nil {
			return nil, fmt.Errorf("read the folder of tests: %w", err)
		}
		out = append(out, found...)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func below(folder string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != folder && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case !entry.IsDir() && IsSuite(entry.Name()):
			out = append(out, filepath.Clean(path))
		}
		return nil
	})
	return out, err
}

// IsSuite tells files of tests from others by name.
func IsSuite(name string) bool {
	return strings.HasSuffix(name, ".test.yaml") || strings.HasSuffix(name, ".test.yml")
}
