package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInitWritesWhatWorks(t *testing.T) {
	folder(t, nil)
	if r := rondo(t, "init", "reception"); r.code != exitDone || r.stderr != "" {
		t.Fatalf("%+v", r)
	}
	text, err := os.ReadFile("reception/reception.yaml")
	if err != nil || !strings.HasPrefix(string(text), "# yaml-language-server: $schema=rondo.schema.json\nworkflow: reception\n") {
		t.Errorf("%v\n%s", err, text)
	}
	schema, err := os.ReadFile("reception/rondo.schema.json")
	if err != nil || string(schema) != rondo(t, "schema").stdout {
		t.Errorf("the schema is not that of rondo schema: %v", err)
	}
	for _, command := range []string{"validate reception", "fmt --check reception", "graph reception", "test reception --coverage-min 100"} {
		if r := rondo(t, strings.Fields(command)...); r.code != exitDone || r.stderr != "" || strings.Contains(r.stdout, "warning") {
			t.Errorf("%s: %+v", command, r)
		}
	}
}

func TestWhatInitWritesRunsInDev(t *testing.T) {
	folder(t, nil)
	if r := rondo(t, "init", "--name", "desk"); r.code != exitDone {
		t.Fatalf("%+v", r)
	}
	d := start(t, "dev", ".", "--port", "0", "--http", "127.0.0.1:0")
	d.eventually(t, "the workflow is in force", func() bool {
		return strings.Contains(d.stdout.String(), "desk version 1 is in force (desk.yaml)")
	})
	if code := d.end(t); code != exitDone {
		t.Errorf("stopped with exit code %d: %s", code, d.stderr.String())
	}
}

func TestInitOverwritesNothing(t *testing.T) {
	dir := folder(t, map[string]string{"README.md": "mine"})
	rondo(t, "init", "--name", "desk").want(t, exitUsage, "rondo: README.md is there already, and nothing was written: choose another folder")
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("written in spite of that: %v, %v", left, err)
	}
}

func TestInitTakesTheNameOfTheFolder(t *testing.T) {
	folder(t, nil)
	for name, want := range map[string]string{"New Order_2": "new-order", "a.b": "a-b"} {
		if r := rondo(t, "init", name); r.code != exitDone || name == "New Order_2" && !strings.Contains(r.stdout, "Next: cd 'New Order_2', rondo test") {
			t.Errorf("%s: %+v", name, r)
		}
		if _, err := os.Stat(filepath.Join(name, want+".yaml")); err != nil {
			t.Error(err)
		}
	}
	rondo(t, "init", "123").want(t, exitUsage, `rondo: "" is no name for a workflow: choose one in kebab-case with --name, like new-order`)
	rondo(t, "init", "x", "--name", "New").want(t, exitUsage, `rondo: "New" is no name for a workflow: choose one in kebab-case with --name, like new-order`)
}
