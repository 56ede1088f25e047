package project

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"rondo/internal/config"
	"rondo/internal/demo"
	"rondo/topology"
	"rondo/topology/layout"
	"rondo/topology/script"
)

// Each story is a folder of examples/ in which nothing is missing, and nothing
// wrong.
func TestEveryStoryIsComplete(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join(root, "examples/*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(folders) != len(demo.Stories()) {
		t.Errorf("%d examples and %d stories", len(folders), len(demo.Stories()))
	}
	for _, s := range demo.Stories() {
		t.Run(s.Name(), func(t *testing.T) {
			folder := filepath.Join(root, "examples", s.Name())
			checkDefinition(t, folder, s.Definition)
			checkScripts(t, filepath.Join(folder, s.Name()+".test.yaml"))
			if _, err := os.Stat(filepath.Join(folder, "README.md")); err != nil {
				t.Error(err)
			}
			if _, _, found, err := config.Load(filepath.Join(folder, "rondo.yaml"), config.Process()); err != nil || len(found) > 0 {
				t.Errorf("rondo.yaml: %v %+v", err, found)
			}
			if _, err := s.Source(); err != nil {
				t.Error(err)
			}
		})
	}
}

func checkDefinition(t *testing.T, folder, name string) {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	def, found := topology.Parse(name, src, func(file string) ([]byte, error) { return os.ReadFile(filepath.Join(folder, file)) })
	if len(found) > 0 {
		t.Fatalf("%+v", found)
	}
	if _, found := topology.Compile(def, topology.Options{Application: "examples"}); len(found) > 0 {
		t.Errorf("%+v", found)
	}
	canonical, err := layout.Format(name, src)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(canonical, src) {
		t.Errorf("%s is not in its canonical form: rondo fmt -w %s", name, filepath.Join("examples", filepath.Base(folder), name))
	}
}

func checkScripts(t *testing.T, name string) {
	t.Helper()
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if suite, found := script.Parse(name, src); len(found) > 0 || len(suite.Tests) == 0 {
		t.Errorf("%s: %+v", name, found)
	}
}
