package topology

import (
	"strings"
	"time"

	"rondo/topology/diag"
	"rondo/topology/value"
)

// Definition is one version of a workflow as its author wrote it: complete, with
// places. Parse makes one out of YAML and checks its structure; Compile checks
// its expressions and makes a Plan that decides.
type Definition struct {
	Name    string
	Version int // from 1
	Doc     string
	Pos     diag.Pos // of the name

	Messages []*Message // in the order of the file
	Tables   []*Table   // in the order of the file
	Again    Again
	AgainPos diag.Pos  // of its value; zero: not written
	Start    []*Rule   // message name → reaction
	Child    []*Step   // `start: {run: …}`: alternatives; nil: nobody's child
	Schedule *Schedule // `start: {every: …}` or `{cron: …}`; nil: none
	Deadline *When     // of the instance, from its start
	Anytime  []*Rule   // message name → reaction
	Do       []*Step
	Catch    []*Rule // error name or "any" → reaction

	Output    *Template
	Search    []string
	SearchPos []diag.Pos // of each name in Search
	Keep      *When      // how long a finished instance is remembered; nil: DefaultKeep
	Migrate   *Migration // how instances of an older version come to this one; nil: they cannot

	// Source is the YAML text, Files the schema files that it names, by the
	// name used in the text. Both together are what Digest covers and what is
	// deployed (see Digest).
	Source []byte
	Files  map[string][]byte

	gaps *gaps // what Parse did not understand; nil: nothing, or this was not parsed
}

// Again is what a start message does to a key that lives or has ended.
type Again string

const (
	AgainNever   Again = "never" // the default
	AgainEnded   Again = "ended"
	AgainQueue   Again = "queue"
	AgainRestart Again = "restart"
)

// Message is one record type that a workflow reads or writes.
type Message struct {
	Name      string
	Pos       diag.Pos
	Topic     string
	TopicPos  diag.Pos
	Type      string // the name on the wire; default Name
	Key       *Expr
	When      *Expr
	Format    string // avro, json, text, bytes; "" is found out per record
	Schema    string // a file or a registry subject (see SchemaFile); or ""
	SchemaPos diag.Pos

	Correlate    string // a variable; see language reference "Another key"
	CorrelatePos diag.Pos
	Early        Early
	ID           *Expr

	Timeout *When
	Retry   *Retry
	Limit   *Limit // of a command; nil: none

	unknown bool // a part of it was not understood, see gaps
}

// Limit bounds how a command is sent, over the whole application: at most Rate
// times in each Per, evenly spaced, and with at most Open calls without outcome
// at once. What exceeds it waits in order.
type Limit struct {
	Pos  diag.Pos
	Rate int           // 0: no bound
	Per  time.Duration // of Rate: a second, a minute, an hour or a day
	Open int           // 0: no bound
}

// Table is a compacted topic that is held as a local table, read-only. The key
// of a row is the record's key as text.
type Table struct {
	Name      string // snake_case, as in lookup('name', key)
	Pos       diag.Pos
	Topic     string
	TopicPos  diag.Pos
	Format    string // as of a Message
	Schema    string // as of a Message
	SchemaPos diag.Pos
}

// Schedule begins instances at times: one of Every and Cron is set. Instants of
// Every are whole multiples of it since the Unix epoch.
type Schedule struct {
	Pos      diag.Pos
	Every    time.Duration
	Cron     string // five fields
	CronPos  diag.Pos
	Zone     string // of Cron, as "Europe/Berlin"; "" is UTC
	ZonePos  diag.Pos
	Key      *Expr // of the instance, over `event` (scheduled, missed); nil: the workflow's name
	Reaction *Step // what a firing does first: its Set; never nil
}

// Migration says how instances of version From come to this one.
type Migration struct {
	Pos   diag.Pos
	From  int
	Steps []StepMapping // where a step has another name, or another kind of wait
	Set   []Assignment  // done when an instance moves
}

// StepMapping maps a step of the older version to one of this version.
type StepMapping struct {
	Old, New string
	Pos      diag.Pos // of Old
	NewPos   diag.Pos
}

// SchemaFile reports whether Schema names a file, to be found in
// Definition.Files, and not a subject of the registry: files end in .avsc or
// .json or have a slash, which no subject has. A dot alone does not make a file,
// for subjects are named after topics ("shop.orders-value").
func (m *Message) SchemaFile() bool { return namesFile(m.Schema) }

// SchemaFile is as that of a Message.
func (t *Table) SchemaFile() bool { return namesFile(t.Schema) }

func namesFile(schema string) bool {
	return strings.HasSuffix(schema, ".avsc") || strings.HasSuffix(schema, ".json") || strings.Contains(schema, "/")
}

// Early says what becomes of an event that comes before the step that listens
// for it (Mode hold, drop, reject) or before its instance (Hold > 0).
type Early struct {
	Mode string // "hold" (default), "drop", "reject"
	Hold time.Duration
}

// Expr is an expression in CEL, with its place: Pos is that of the first
// character of Text, behind the `=` and the quote.
type Expr struct {
	Text string
	Pos  diag.Pos

	// turns are the characters of Text at which the place in the file is not
	// the one beside the former's, for Text was folded or had escapes.
	turns []turn
}

// turn says that the character of a text at Offset stands at Line and Column.
type turn struct {
	Offset       int
	Line, Column int
}

// At is the place in the file of the character of Text at offset (from 0, in
// characters), also where the text was folded over lines or had escapes.
func (e *Expr) At(offset int) diag.Pos {
	at := turn{Line: e.Pos.Line, Column: e.Pos.Column}
	for _, t := range e.turns {
		if t.Offset > offset {
			break
		}
		at = t
	}
	return diag.Pos{File: e.Pos.File, Line: at.Line, Column: at.Column + offset - at.Offset}
}

// Template is a value in which expressions may stand at any depth. At most one
// of Expr, List, Map is not nil (an empty list or mapping is not nil); if none is,
// it is the Literal, which may be nil.
type Template struct {
	Pos     diag.Pos
	Expr    *Expr
	Literal value.Value
	List    []*Template
	Map     []Field

	unknown bool // it was not understood, see gaps
}

// Field is one entry of a Template's map; Fields keep the order of the file.
type Field struct {
	Name  string
	Pos   diag.Pos
	Value *Template
}

// When is a time that the author wrote: a fixed duration, or an expression
// that gives a duration (from now) or a timestamp (at).
type When struct {
	Pos      diag.Pos
	Duration time.Duration
	Expr     *Expr
}

// Retry is the attempts of a call.
type Retry struct {
	Pos      diag.Pos
	Attempts int // the first included; 0 is unlimited
	Backoff  time.Duration
	Factor   int // thousandths
	Max      time.Duration
	Jitter   int           // thousandths
	Within   time.Duration // 0: no bound
	Errors   []string
	ErrorPos []diag.Pos // of each name in Errors, where the author wrote them
}

// Rule is "name → what then": a message (start, anytime, listen, await) or an
// error (catch) with its alternatives, the first of which that holds is taken.
type Rule struct {
	Name         string
	Pos          diag.Pos
	Alternatives []*Step
}

// Step is a step of a list, or, without a name, a reaction: at most one
// action, and what surrounds it. Order: If, Set, Action, Then.
type Step struct {
	Name string   // "" for a reaction
	Pos  diag.Pos // of the name; of a reaction, where it begins

	When *Expr // reactions and alternatives only
	If   *Expr
	Set  []Assignment

	Action Action // nil: none

	Timeout    *When
	Retry      *Retry
	Catch      []*Rule
	Then       *Target
	Compensate *Step // undoes this step; its Name is ""

	// unknown: a part of its own words was not understood, see gaps. It may do
	// anything then, and go anywhere.
	unknown bool
}

// Assignment sets one variable.
type Assignment struct {
	Name  string
	Pos   diag.Pos
	Value *Template
}

// Target is where to go next: the name of a step, "exit", or an expression
// that yields one.
type Target struct {
	Pos  diag.Pos
	Name string
	Expr *Expr
}

// Action is what a step does: one of the types below.
type Action interface{ action() }

// Send emits a command; with Await it is a call.
type Send struct {
	Message string
	Pos     diag.Pos  // of the message's name
	With    *Template // nil: no payload written; a Template with Literal nil is a tombstone
	Headers []Field
	Await   []*Rule
}

// Listen waits for events without a command.
type Listen struct {
	Pos   diag.Pos
	Rules []*Rule
	Until *Expr
	Idle  *When
}

// Wait waits for a time.
type Wait struct {
	Pos diag.Pos
	For *When
}

// Switch takes the first alternative that holds.
type Switch struct {
	Pos          diag.Pos
	Alternatives []*Step
}

// Block is a list of steps in place of an action.
type Block struct {
	Pos diag.Pos
	Do  []*Step
}

// Fork runs named branches side by side.
type Fork struct {
	Pos      diag.Pos
	Branches []ForkBranch // in the order of the file
	Join     Join
}

// ForkBranch is one branch of a Fork.
type ForkBranch struct {
	Name string
	Pos  diag.Pos
	Do   []*Step
}

// Join says when a fork or a loop is done: when all branches have finished, when
// one has, or N.
type Join struct {
	Pos  diag.Pos
	Mode string // "all" (the default, also ""), "any", or "n"
	N    int    // of mode "n"
}

// early reports whether a join does not wait for all: it may cancel some.
func (j Join) early() bool { return j.Mode == "any" || j.Mode == "n" }

// For is a loop: over a list, while something holds, or both.
type For struct {
	Pos      diag.Pos
	Each     string // the variable of the item; "" without In
	EachPos  diag.Pos
	In       *Template // an expression, or a list of literals; nil: only While
	While    *Expr     // tested before each iteration begins; nil: always
	Parallel int       // iterations at once, from 1
	Do       []*Step
	Join     Join
	Collect  []Assignment // list → the element that each finished iteration gives
}

// Run begins a child workflow; with Await it is a call, whose outcome is the
// child's.
type Run struct {
	Workflow string
	Pos      diag.Pos // of the workflow's name
	Key      *Expr    // of the child; nil: the instance's own
	With     *Template
	Await    []*Rule // the only name is "completed"; nil: the child outlives the parent
}

// Raise raises an error by name, with data.
type Raise struct {
	Pos     diag.Pos
	Error   string // a name, unless Name is set
	Name    *Expr  // `raise: =expr`; nil for a literal name
	Message *Template
	Data    *Template
}

// End finishes the instance.
type End struct {
	Pos     diag.Pos
	Fail    *Template // nil: complete
	Message *Template
	Data    *Template
}

// Undo is the bare word `compensate` as a step's action.
type Undo struct {
	Pos diag.Pos
}

func (*Send) action()   {}
func (*Listen) action() {}
func (*Wait) action()   {}
func (*Switch) action() {}
func (*Block) action()  {}
func (*Fork) action()   {}
func (*For) action()    {}
func (*Run) action()    {}
func (*Raise) action()  {}
func (*End) action()    {}
func (*Undo) action()   {}
