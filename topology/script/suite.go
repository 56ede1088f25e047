package script

import (
	"time"

	yaml "go.yaml.in/yaml/v4"

	"rondo/topology"
	"rondo/topology/diag"
	"rondo/topology/value"
)

// Suite is the tests in one file.
type Suite struct {
	File      string
	Workflow  File   // the definition that is tested
	Workflows []File // others, which it runs as children
	Older     []File // older versions of these, which scripts deploy
	Tests     []Test
}

// File is a file that a suite names, relative to its own.
type File struct {
	Name string
	Pos  diag.Pos
}

// Files are the definitions that the suite names: the tested one first, older
// versions last.
func (s *Suite) Files() []File {
	return append(append([]File{s.Workflow}, s.Workflows...), s.Older...)
}

// Test is one script.
type Test struct {
	Name  string
	Pos   diag.Pos
	Steps []Step
}

// Step is one line of a script: something that happens, or something expected.
type Step struct {
	Pos      diag.Pos
	Word     string // one of the words above
	Workflow string // whose instance; "" is the tested workflow
	Key      string // of the instance; "" is that of the last `in`. Of an `in`: the record's key

	Branch string // vars: of which branch; "" is the workflow's own

	Message   string      // in, out, late: a message's name; "" for `out: none` and any late one
	Payload   value.Value // in, out: the payload; vars: the variables; run: `with`; table: rows by table and key
	Headers   *value.Map
	Echo      string                 // in: a step, whose latest command the service answers
	Attempt   int                    // out; 0 is any
	Times     int                    // out, from 1
	After     time.Duration          // after, away
	Texts     []string               // at: places; end: status, error name; incident: kind; dead-letter: reason; migrates: part of why not
	Version   int                    // deploy
	Afresh    []topology.StepMapping // migrates: steps that are entered afresh
	Otherwise []topology.StepMapping // migrates: steps that are undone in another way
	Act       *topology.Act          // act
	Child     Child                  // run, child

	at    *yaml.Node // what the word says; nil: the word alone
	where places
}

// Words that a line of a script may begin with.
const (
	wordIn         = "in"
	wordOut        = "out"
	wordRun        = "run"
	wordAfter      = "after"
	wordAt         = "at"
	wordVars       = "vars"
	wordEnd        = "end"
	wordIncident   = "incident"
	wordLate       = "late"
	wordDeadLetter = "dead-letter"
	wordTable      = "table"
	wordAct        = "act"
	wordChild      = "child"
	wordDeploy     = "deploy"
	wordAway       = "away"
	wordMigrates   = "migrates"
)

// stepWords are all of them, in the order of the documentation.
var stepWords = []string{
	wordIn, wordOut, wordRun, wordAfter, wordAt, wordVars, wordEnd, wordIncident, wordLate, wordDeadLetter, wordTable, wordAct, wordChild,
	wordDeploy, wordMigrates, wordAway,
}

// Child is a child workflow: one that is expected to begin, or whose outcome a
// script plays.
type Child struct {
	Workflow string // "": whichever
	Key      string // "": whichever
	Status   topology.Status
	Output   value.Value       // of one that has completed
	Failure  *topology.Failure // of any other
}

// places are where the parts of a line stand: of each, its key or its value.
type places struct {
	message, payload, headers, echo, attempt, key, workflow *yaml.Node
	child, branch                                           *yaml.Node // the child's workflow
}

// acts are what an operator can do to an instance.
var acts = []string{"cancel", "terminate", "pause", "resume", "shift", "retry", "skip", "fail", "set", "jump", "migrate"}
