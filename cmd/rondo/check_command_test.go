package main

import (
	"encoding/json"
	"strings"
	"testing"

	"rondo/topology/diag"
)

func TestCheckSaysThatAFileIsRight(t *testing.T) {
	folder(t, map[string]string{"parcel.yaml": parcelFile, "parcel.test.yaml": "tests: []", "rondo.yaml": "app: x"})
	for _, args := range []string{"parcel.yaml", "."} {
		r := rondo(t, "check", args)
		if r.code != exitDone || r.stdout != "parcel.yaml: parcel version 1 is right\n" || r.stderr != "" {
			t.Errorf("check %s: %+v", args, r)
		}
	}
}

func TestWhatIsNoWorkflowIsPassedOver(t *testing.T) {
	folder(t, map[string]string{"parcel.yaml": parcelFile, "parcel.test.yaml": "tests: []", "rondo.yaml": "app: x"})
	for _, command := range []string{"check", "fmt --check"} {
		r := rondo(t, append(strings.Fields(command), "parcel.test.yaml", "parcel.yaml", "rondo.yaml")...)
		if r.code != exitDone || r.stderr != "" {
			t.Errorf("%s *.yaml: %+v", command, r)
		}
		rondo(t, append(strings.Fields(command), "parcel.test.yaml")...).want(t, exitUsage,
			"rondo: parcel.test.yaml holds tests, and no workflow: rondo test runs them")
		rondo(t, append(strings.Fields(command), "rondo.yaml")...).want(t, exitUsage,
			"rondo: rondo.yaml is a configuration, and no workflow: rondo topics plan reads it")
	}
}

func TestCheckShowsWhatIsWrong(t *testing.T) {
	folder(t, map[string]string{"parcel.yaml": wrongFile})
	r := rondo(t, "check", "parcel.yaml")
	if r.code != exitDefinition || r.stderr != "" {
		t.Errorf("exit code %d, stderr %s", r.code, r.stderr)
	}
	golden(t, "check-wrong.txt", r.stdout)
}

func TestCheckTellsProgramsTheSame(t *testing.T) {
	folder(t, map[string]string{"wrong.yaml": wrongFile, "parcel.yaml": parcelFile})
	r := rondo(t, "check", "-o", "json", "wrong.yaml", "parcel.yaml")
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

func TestCheckNeedsNoRegistryForWhatItCannotAsk(t *testing.T) {
	src := strings.Replace(parcelFile, "{topic: parcel.commands}", "{topic: parcel.commands, format: avro, schema: parcel-value}", 1)
	folder(t, map[string]string{"parcel.yaml": src})
	r := rondo(t, "check", "parcel.yaml")
	if r.code != exitDone || !strings.Contains(r.stdout, "the subject parcel-value of the schema registry was not checked") {
		t.Errorf("exit code %d: %s", r.code, r.stdout)
	}
}

func TestCheckChecksSchemaFiles(t *testing.T) {
	src := strings.Replace(parcelFile, "{topic: parcel.commands}", "{topic: parcel.commands, schema: send.avsc}", 1)
	dir := folder(t, map[string]string{"parcel.yaml": src})
	if r := rondo(t, "check", "parcel.yaml"); r.code != exitDefinition || !strings.Contains(r.stdout, "send.avsc") {
		t.Errorf("a file that is missing: exit code %d: %s", r.code, r.stdout)
	}
	write(t, dir+"/send.avsc", `{"type": "record"}`)
	if r := rondo(t, "check", "parcel.yaml"); r.code != exitDefinition || !strings.Contains(r.stdout, "error[") {
		t.Errorf("a file that is no schema: exit code %d: %s", r.code, r.stdout)
	}
	write(t, dir+"/send.avsc", `{"type": "record", "name": "Send", "fields": [{"name": "id", "type": "string"}]}`)
	if r := rondo(t, "check", "parcel.yaml"); r.code != exitDone {
		t.Errorf("a file that is right: exit code %d: %s", r.code, r.stdout)
	}
}

func TestCheckKnowsASchemaFileByANearName(t *testing.T) {
	src := strings.Replace(parcelFile, "{topic: parcel.commands}", "{topic: parcel.commands, schema: sent.avsc}", 1)
	dir := folder(t, map[string]string{"parcel.yaml": src})
	for _, want := range []string{"cannot be read: there is no such file\n", "there is no such file, did you mean send.avsc?\n"} {
		if r := rondo(t, "check", "parcel.yaml"); r.code != exitDefinition || !strings.Contains(r.stdout, want) {
			t.Errorf("exit code %d: %s\nwant %s", r.code, r.stdout, want)
		}
		write(t, dir+"/send.avsc", `{"type": "record", "name": "Send", "fields": []}`)
	}
}

// TestABinaryFileIsNamedAndNotShown gives a program's file to whoever reads files.
func TestABinaryFileIsNamedAndNotShown(t *testing.T) {
	const binary = "\x7fELF\x02\x01\x00\xff\xfe"
	folder(t, map[string]string{"a.yaml": binary, "a.test.yaml": binary, "rondo.yaml": binary})
	for _, args := range []string{"check a.yaml", "fmt a.yaml", "graph a.yaml", "test a.test.yaml", "topics plan"} {
		r := rondo(t, strings.Fields(args)...)
		said := r.stdout + r.stderr
		if r.code != exitDefinition && r.code != exitUsage || !strings.Contains(said, "]: the file is no text, but binary\n") || strings.Contains(said, "ELF") {
			t.Errorf("%s: exit code %d: %s", args, r.code, said)
		}
	}
}

func TestTwoFilesCannotBeOneVersion(t *testing.T) {
	folder(t, map[string]string{"a.yaml": parcelFile, "b.yaml": parcelFile})
	r := rondo(t, "check", "a.yaml", "b.yaml")
	r.want(t, exitDefinition, "rondo: a.yaml and b.yaml are both parcel version 1: remove one, or give it another version")
}

func TestCheckOfAnEmptyFolderSaysSo(t *testing.T) {
	folder(t, nil)
	rondo(t, "check", ".").want(t, exitUsage, "rondo: there is no workflow file (*.yaml) in .: name one, or let rondo init write one")
}

// newerParcel is another version of parcelFile.
var newerParcel = strings.NewReplacer("version: 1", "version: 2", "timeout: 5s", "timeout: 6s").Replace(parcelFile)

func TestCheckTellsWhatStepsTakeAndWhatMigratingChanges(t *testing.T) {
	folder(t, map[string]string{"parcel.yaml": parcelFile, "newer.yaml": newerParcel})
	r := rondo(t, "check", "-v", "newer.yaml", "--against", "parcel.yaml")
	if r.code != exitDone {
		t.Errorf("exit code %d: %s%s", r.code, r.stdout, r.stderr)
	}
	golden(t, "check-against.txt", r.stdout)
	r = rondo(t, "check", "-v", "newer.yaml", "--against", "parcel.yaml", "--json")
	golden(t, "check-against.json", r.stdout)
}

// TestCheckAgainstFailsWhereThePromiseOfMigrateIsNotKept looks at a version that
// says it takes instances, and cannot take all.
func TestCheckAgainstFailsWhereThePromiseOfMigrateIsNotKept(t *testing.T) {
	lost := strings.NewReplacer("version: 1", "version: 2\nmigrate: {from: 1}", "- parcel:", "- packet:").Replace(parcelFile)
	mapped := strings.Replace(lost, "{from: 1}", "{from: 1, steps: {parcel: packet}}", 1)
	folder(t, map[string]string{"parcel.yaml": parcelFile, "lost.yaml": lost, "mapped.yaml": mapped})
	r := rondo(t, "check", "lost.yaml", "--against", "parcel.yaml")
	if r.code != exitFailed || !strings.HasSuffix(r.stdout, "\n  where it stands\n    parcel  refused: it stands at parcel, and version 2 has no step parcel: map it in migrate.steps\n") {
		t.Errorf("exit code %d: %s", r.code, r.stdout)
	}
	r = rondo(t, "check", "mapped.yaml", "--against", "parcel.yaml")
	if r.code != exitDone || !strings.HasSuffix(r.stdout, "\n    parcel → packet  mapped: it goes on waiting under the new name\n") {
		t.Errorf("exit code %d: %s", r.code, r.stdout)
	}
}

func TestCheckAgainstWhatItCannotCompare(t *testing.T) {
	other := strings.Replace(parcelFile, "workflow: parcel", "workflow: other", 1)
	folder(t, map[string]string{"parcel.yaml": parcelFile, "other.yaml": other, "wrong.yaml": wrongFile})
	rondo(t, "check", "parcel.yaml", "--against", "other.yaml").want(t, exitUsage,
		"rondo: --against other.yaml is the workflow other, and none of the files is: name an older version of the same workflow")
	rondo(t, "check", "parcel.yaml", "--against", ".").want(t, exitUsage, "rondo: --against . names 3 workflows: name one file")
	if r := rondo(t, "check", "parcel.yaml", "--against", "wrong.yaml"); r.code != exitDefinition || !strings.Contains(r.stdout, "wrong.yaml:") {
		t.Errorf("an old file that is wrong: exit code %d: %s", r.code, r.stdout)
	}
}

func TestCheckFindsAFieldThatASchemaDoesNotHave(t *testing.T) {
	src := strings.Replace(parcelFile, "{topic: parcel.orders, key: event.id}", "{topic: parcel.orders, key: event.idd, schema: ordered.json}", 1)
	folder(t, map[string]string{"parcel.yaml": src, "ordered.json": `{"type": "object", "properties": {"id": {"type": "string"}}}`})
	r := rondo(t, "validate", "parcel.yaml")
	if r.code != exitDefinition || !strings.Contains(r.stdout, "event has no field `idd`") || !strings.Contains(r.stdout, "did you mean `id`?") {
		t.Errorf("exit code %d: %s", r.code, r.stdout)
	}
}

// TestCheckComparesFilesThatAreCheckedTogether looks at a parent beside its child,
// alone in a folder, alone by its name, and beside a file that cannot be read.
func TestCheckComparesFilesThatAreCheckedTogether(t *testing.T) {
	const parent = "workflow: order\nversion: 1\nmessages: {Go: {topic: go, key: event.id}}\nstart: {Go: {}}\ndo:\n  - ship: {run: parcle}\n"
	const child = "workflow: parcel\nversion: 1\nstart: {run: {}}\ndo: [{a: {wait: 1s}}]\n"
	dir := folder(t, map[string]string{"order.yaml": parent})
	const unknown = "warning[unknown-workflow]: none of the workflows that are checked here is called `parcle`"
	check := func(says bool, args ...string) {
		t.Helper()
		r := rondo(t, append([]string{"check"}, args...)...)
		if strings.Contains(r.stdout, unknown) != says {
			t.Errorf("check %v: exit code %d: %s", args, r.code, r.stdout)
		}
	}
	check(true, ".")
	check(false, "order.yaml")
	write(t, dir+"/child.yaml", child)
	check(true, "order.yaml", "child.yaml")
	if r := rondo(t, "check"); r.code != exitDone || !strings.Contains(r.stdout, "did you mean `parcel`?") {
		t.Errorf("exit code %d: %s", r.code, r.stdout)
	}
	write(t, dir+"/child.yaml", "\t{")
	check(false, ".")
}
