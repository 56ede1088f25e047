package main

import (
	"encoding/json"
	"strings"
	"testing"

	"rondo/topology/diag"
)

func TestValidateSaysThatAFileIsRight(t *testing.T) {
	folder(t, map[string]string{"parcel.yaml": parcelFile, "parcel.test.yaml": "tests: []", "rondo.yaml": "app: x"})
	for _, args := range []string{"parcel.yaml", "."} {
		r := rondo(t, "validate", args)
		if r.code != exitDone || r.stdout != "parcel.yaml: parcel version 1 is right\n" || r.stderr != "" {
			t.Errorf("validate %s: %+v", args, r)
		}
	}
}

func TestValidateShowsWhatIsWrong(t *testing.T) {
	folder(t, map[string]string{"parcel.yaml": wrongFile})
	r := rondo(t, "validate", "parcel.yaml")
	if r.code != exitDefinition || r.stderr != "" {
		t.Errorf("exit code %d, stderr %s", r.code, r.stderr)
	}
	golden(t, "validate-wrong.txt", r.stdout)
}

func TestValidateTellsProgramsTheSame(t *testing.T) {
	folder(t, map[string]string{"wrong.yaml": wrongFile, "parcel.yaml": parcelFile})
	r := rondo(t, "validate", "-o", "json", "wrong.yaml", "parcel.yaml")
	var got struct {
		Valid bool
		Files []struct {
			File, Workflow string
			Version        int
			Valid          bool
		}
		Findings diag.List
	}
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil {
		t.Fatalf("%v in %s", err, r.stdout)
	}
	if r.code != exitDefinition || got.Valid || len(got.Files) != 2 || got.Files[0].Valid || !got.Files[1].Valid {
		t.Errorf("exit code %d, %+v", r.code, got)
	}
	if len(got.Findings) == 0 || got.Findings[0].Pos.File != "wrong.yaml" || got.Findings[0].Code == "" {
		t.Errorf("findings: %+v", got.Findings)
	}
}

func TestValidateNeedsNoRegistryForWhatItCannotAsk(t *testing.T) {
	src := strings.Replace(parcelFile, "{topic: parcel.commands}", "{topic: parcel.commands, format: avro, schema: parcel-value}", 1)
	folder(t, map[string]string{"parcel.yaml": src})
	r := rondo(t, "validate", "parcel.yaml")
	if r.code != exitDone || !strings.Contains(r.stdout, "the subject parcel-value of the schema registry was not checked") {
		t.Errorf("exit code %d: %s", r.code, r.stdout)
	}
}

func TestValidateChecksSchemaFiles(t *testing.T) {
	src := strings.Replace(parcelFile, "{topic: parcel.commands}", "{topic: parcel.commands, schema: send.avsc}", 1)
	dir := folder(t, map[string]string{"parcel.yaml": src})
	if r := rondo(t, "validate", "parcel.yaml"); r.code != exitDefinition || !strings.Contains(r.stdout, "send.avsc") {
		t.Errorf("a file that is missing: exit code %d: %s", r.code, r.stdout)
	}
	write(t, dir+"/send.avsc", `{"type": "record"}`)
	if r := rondo(t, "validate", "parcel.yaml"); r.code != exitDefinition || !strings.Contains(r.stdout, "error[") {
		t.Errorf("a file that is no schema: exit code %d: %s", r.code, r.stdout)
	}
	write(t, dir+"/send.avsc", `{"type": "record", "name": "Send", "fields": [{"name": "id", "type": "string"}]}`)
	if r := rondo(t, "validate", "parcel.yaml"); r.code != exitDone {
		t.Errorf("a file that is right: exit code %d: %s", r.code, r.stdout)
	}
}

func TestTwoFilesCannotBeOneVersion(t *testing.T) {
	folder(t, map[string]string{"a.yaml": parcelFile, "b.yaml": parcelFile})
	r := rondo(t, "validate", "a.yaml", "b.yaml")
	r.want(t, exitDefinition, "rondo: a.yaml and b.yaml are both parcel version 1: remove one, or give it another version")
}

func TestValidateOfAnEmptyFolderSaysSo(t *testing.T) {
	folder(t, nil)
	rondo(t, "validate", ".").want(t, exitUsage, "rondo: there is no workflow file in [.]")
}
