package main

import (
	"os"
	"strings"
	"testing"
)

// crookedFile means the same as parcelFile.
var crookedFile = strings.NewReplacer("workflow: parcel", "workflow:   'parcel'  # theirs", "do:\n  - parcel", "do:\n     - parcel").Replace(parcelFile)

func TestFmtPrintsTheForm(t *testing.T) {
	folder(t, map[string]string{"parcel.yaml": crookedFile})
	r := rondo(t, "fmt", "parcel.yaml")
	want := strings.Replace(parcelFile, "workflow: parcel", "workflow: parcel                            # theirs", 1)
	if r.code != exitDone || r.stdout != want {
		t.Errorf("%+v\nwant:\n%s", r, want)
	}
}

func TestFmtChecksAndWrites(t *testing.T) {
	folder(t, map[string]string{"parcel.yaml": crookedFile, "right.yaml": parcelFile, "rondo.yaml": "app:   x"})
	if r := rondo(t, "fmt", "--check", "."); r.code != exitDefinition || r.stdout != "parcel.yaml\n" {
		t.Errorf("check: %+v", r)
	}
	if r := rondo(t, "fmt", "-w", "."); r.code != exitDone || r.stdout != "" {
		t.Errorf("write: %+v", r)
	}
	if r := rondo(t, "fmt", "--check", "."); r.code != exitDone || r.stdout != "" {
		t.Errorf("check again: %+v", r)
	}
	if text, err := os.ReadFile("rondo.yaml"); err != nil || string(text) != "app:   x" {
		t.Errorf("rondo.yaml was touched: %q, %v", text, err)
	}
	if left, err := os.ReadDir("."); err != nil || len(left) != 3 {
		t.Errorf("files are left: %v, %v", left, err)
	}
}

// TestWithoutFilesTheFolderIsMeant goes through the commands that authors use.
func TestWithoutFilesTheFolderIsMeant(t *testing.T) {
	folder(t, map[string]string{"parcel.yaml": crookedFile})
	rondo(t, "graph", "a.yaml", "b.yaml").want(t, exitUsage, "rondo: rondo graph takes one FILE, and got b.yaml as well: see rondo graph --help")
	if r := rondo(t, "fmt"); r.code != exitDefinition || r.stdout != "parcel.yaml\n" {
		t.Errorf("fmt: %+v", r)
	}
	if r := rondo(t, "fmt", "-w"); r.code != exitDone || r.stdout != "" {
		t.Errorf("fmt -w: %+v", r)
	}
	if r := rondo(t, "fmt"); r.code != exitDone || r.stdout != "" {
		t.Errorf("fmt again: %+v", r)
	}
	if r := rondo(t, "check"); r.code != exitDone || r.stdout != "parcel.yaml: parcel version 1 is right\n" {
		t.Errorf("check: %+v", r)
	}
	if r := rondo(t, "graph"); r.code != exitDone || !strings.HasPrefix(r.stdout, "flowchart") {
		t.Errorf("graph: %+v", r)
	}
	folder(t, map[string]string{"rondo.yaml": "app: x"})
	rondo(t, "fmt").want(t, exitUsage, "rondo: there is no workflow file (*.yaml) in .: name one, or let rondo init write one")
	rondo(t, "graph").want(t, exitUsage, "rondo: there is no workflow file (*.yaml) in .: name one, or let rondo init write one")
}

func TestFmtLeavesAWrongFileAndSaysWhy(t *testing.T) {
	folder(t, map[string]string{"parcel.yaml": wrongFile})
	r := rondo(t, "fmt", "-w", "parcel.yaml")
	if r.code != exitDefinition || !strings.Contains(r.stderr, "did you mean `Sent`?") {
		t.Errorf("%+v", r)
	}
	if text, err := os.ReadFile("parcel.yaml"); err != nil || string(text) != wrongFile {
		t.Errorf("it was written: %s, %v", text, err)
	}
	rondo(t, "fmt", "-w", "--check", "parcel.yaml").want(t, exitUsage, "rondo: --write and --check exclude each other: choose one")
}
