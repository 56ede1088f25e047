package script_test

import (
	"strings"
	"testing"

	"rondo/topology"
	"rondo/topology/script"
)

const parcelOne = `workflow: parcel
version: 1
messages:
  Go:   {topic: in, key: event.id}
  Yes:  {topic: in, key: event.id}
  Old:  {topic: in, key: event.id}
  Ask:  {topic: out}
  Tell: {topic: out}
start: {Go: {}}
do:
  - ask: {send: Ask, await: {Yes: {}, Old: {}}, timeout: 10s}
  - hear: {listen: {Yes: {}}, timeout: 1h}
`

var parcelTwo = strings.NewReplacer(
	"version: 1", "version: 2\nmigrate: {from: 1, steps: {hear: rest}, set: {moved: true}}",
	"  Old:  {topic: in, key: event.id}\n", "", ", Old: {}", "",
	"listen: {Yes: {}}, timeout: 1h", "send: Tell", "- hear:", "- rest: {wait: 1h}\n  - hear:",
).Replace(parcelOne)

func planOfText(t *testing.T, text string) *topology.Plan {
	t.Helper()
	def, found := topology.Parse("w.yaml", []byte(text), nil)
	if found.HasErrors() {
		t.Fatal(found)
	}
	plan, found := topology.Compile(def, topology.Options{Application: "test"})
	if found.HasErrors() {
		t.Fatal(found)
	}
	return plan
}

const parcelSuite = `workflow: two.yaml
older: [one.yaml]
tests:
  - name: one that waits for an answer keeps its timer
    script:
      - deploy: 1
      - in: {Go: {id: a}}
      - out: {Ask: {}}
      - after: 4s
      - deploy: 2
      - migrates: stays
      - in: {Go: {id: b}}
      - {out: {Ask: {}}, key: b}
      - {act: migrate, key: a}
      - {vars: {moved: true}, key: a}
      - in: {Yes: {id: a}}
      - at: rest
      - after: 1h
      - out: {Tell: {}}
      - {end: failed, key: b}
  - name: one that is mapped to another wait enters it afresh
    script:
      - deploy: 1
      - in: {Go: {id: a}}
      - out: {Ask: {}}
      - in: {Old: {id: a}}
      - at: hear
      - deploy: 2
      - migrates: {afresh: {hear: rest}}
      - act: migrate
      - at: rest
      - migrates: {refused: has version 2 already}
      - act: migrate
      - dead-letter: act-refused
  - name: a new one begins with what is deployed, and what only the older version takes is not for it
    script:
      - in: {Go: {id: a}}
      - out: {Ask: {}}
      - in: {Yes: {id: a}}
      - at: rest
  - name: one that is not migrated keeps its version
    script:
      - deploy: 1
      - in: {Go: {id: a}}
      - out: {Ask: {}}
      - deploy: 2
      - in: {Old: {id: a}}
      - at: hear
`

// TestScriptsMigrate: a script deploys an older version first, and migrates in
// virtual time what began with it.
func TestScriptsMigrate(t *testing.T) {
	one, two := planOfText(t, parcelOne), planOfText(t, parcelTwo)
	suite, found := script.Parse("x.test.yaml", []byte(parcelSuite))
	if suite == nil {
		t.Fatal(found)
	}
	if files := suite.Files(); len(files) != 2 || files[1].Name != "one.yaml" {
		t.Errorf("files %v", files)
	}
	if found := suite.Check(nil, two, one); len(found) > 0 {
		t.Fatal(found)
	}
	for _, test := range suite.Tests {
		if failure := test.Run(two, one); failure != nil {
			t.Error(failure)
		}
	}
	told := suite.Tests[1].Transcript(two, one)
	for _, want := range []string{"deploy parcel version 2\n", "act migrate\n", "migrate from version 1 to 2\n"} {
		if !strings.Contains(told, want) {
			t.Errorf("the transcript has no %q:\n%s", want, told)
		}
	}
}

// TestMigrationsThatDiffer: what becomes of an instance is told beside what was
// expected, in the words of scripts.
func TestMigrationsThatDiffer(t *testing.T) {
	one, two := planOfText(t, parcelOne), planOfText(t, parcelTwo)
	for _, c := range []struct{ script, want string }{
		{"migrates: {afresh: {ask: rest}}", "expected: afresh: ask as rest\n  actual:   stays"},
		{"migrates: {otherwise: {ask: ask}}", "expected: otherwise: ask as ask\n  actual:   stays"},
		{"migrates: {refused: no step}", "expected: refused: no step\n  actual:   stays"},
		{"in: {Old: {id: a}}\n- migrates: stays", "expected: stays\n  actual:   afresh: hear as rest"},
		{"act: migrate\n- migrates: stays", "expected: stays\n  actual:   refused: has version 2 already"},
		{"act: migrate\n- act: migrate", "expected: no dead-letter"},
		{"{migrates: stays, key: b}", `there is no instance "b"`},
	} {
		text := "workflow: two.yaml\nolder: [one.yaml]\ntests:\n- name: n\n  script:\n  - deploy: 1\n  - in: {Go: {id: a}}\n  - out: {Ask: {}}\n  - deploy: 2\n  - " +
			strings.ReplaceAll(c.script, "\n", "\n  ")
		suite, found := script.Parse("x.test.yaml", []byte(text))
		if suite == nil {
			t.Fatal(found)
		}
		if failure := suite.Tests[0].Run(two, one); failure == nil || !strings.Contains(failure.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", c.script, failure, c.want)
		}
	}
}

// TestFindingsAboutVersions: what is wrong with versions in a file of tests is told
// before anything runs.
func TestFindingsAboutVersions(t *testing.T) {
	suite, found := script.Parse("x.test.yaml", []byte(`workflow: two.yaml
older: [one.yaml, again.yaml, two.yaml, other.yaml]
tests:
  - name: n
    script:
      - deploy: 3
      - deploy: 2
      - deploy: 1
  - name: too late
    script:
      - in: {Go: {id: a}}
      - deploy: 1
`))
	if suite == nil {
		t.Fatal(found)
	}
	one, two := planOfText(t, parcelOne), planOfText(t, parcelTwo)
	other := planOfText(t, strings.Replace(parcelOne, "workflow: parcel", "workflow: other", 1))
	wantFindings(t, suite.Check(nil, two, one, planOfText(t, parcelOne), two, other), `
		2:19: version 1 of parcel is named already
		2:31: version 2 of parcel is not older than the one that is tested, which is version 2
		2:41: other is none of the workflows that are tested here
		6:17: the file of tests names no version 3 of parcel (name its file in older)
		8:17: version 2 is deployed already (begin the script with the oldest version)
		12:17: version 2 is deployed already (begin the script with the oldest version)`)
	_, found = script.Parse("x.test.yaml", []byte(`workflow: two.yaml
older: one.yaml
tests:
  - name: n
    script:
      - deploy: one.yaml
      - act: {migrate: 2}
      - migrates: stay
      - migrates: {}
      - migrates: {afresh: rest}
      - migrates: {movd: {}}
      - migrates: {afresh: {}}
`))
	wantFindings(t, found, `
		2:8: older must be a list
		6:17: deploy must be the number of a version
		7:24: an instance migrates to the version that is deployed: act: migrate
		8:19: migrates must be stays, {afresh: {old: new}} or {refused: why} (did you mean stays?)
		9:19: migrates must be stays, {afresh: {old: new}} or {refused: why}
		10:28: afresh must be a mapping
		11:20: movd is nothing that becomes of an instance (here belongs one of stays, afresh, otherwise, refused)
		12:19: migrates must be stays, {afresh: {old: new}} or {refused: why}`)
}
