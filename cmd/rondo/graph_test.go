package main

import (
	"strings"
	"testing"
)

func TestGraphDrawsInAllForms(t *testing.T) {
	folder(t, map[string]string{"parcel.yaml": parcelFile, "rondo.yaml": "app: x"})
	for form, begin := range map[string]string{"mermaid": "flowchart TD\n", "dot": "digraph ", "svg": "<svg "} {
		for _, path := range []string{"parcel.yaml", "."} {
			r := rondo(t, "graph", path, "-o", form)
			if r.code != exitDone || !strings.HasPrefix(r.stdout, begin) || !strings.Contains(r.stdout, "send Send") {
				t.Errorf("%s of %s: %+v", form, path, r)
			}
		}
	}
}

func TestGraphOfAWrongFileShowsWhy(t *testing.T) {
	folder(t, map[string]string{"parcel.yaml": parcelFile, "wrong.yaml": wrongFile})
	if r := rondo(t, "graph", "wrong.yaml"); r.code != exitDefinition || r.stdout != "" || !strings.Contains(r.stderr, "unknown-message") {
		t.Errorf("%+v", r)
	}
	rondo(t, "graph", ".").want(t, exitUsage, "rondo: . holds 2 workflow files: name the one to draw")
	rondo(t, "graph", "-o", "png", "parcel.yaml").want(t, exitUsage, "rondo: -o png is not known: choose mermaid, dot or svg")
}
