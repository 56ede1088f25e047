package topology

import (
	"rondo/topology/value"
)

// Instance is one run of a workflow for one key: everything that is known of it
// between two decisions.
//
// An Instance is never changed once a decision has returned it: Decide copies
// what it changes and shares the rest. Whoever holds one may read it from any
// goroutine, and must not write to it or to anything that it points to.
type Instance struct {
	Workflow string
	Desk     string // "" for an instance of the workflow; else only the fields of Desk below count
	Key      string
	Version  int
	Run      string // names the start: "topic/partition/offset", "command:<id>" of a child, "schedule:<instant>"
	Status   Status
	Started  Instant
	At       Instant // of the last decision that changed it

	// Branches are where it stands: the main line first, then reactions of
	// `anytime` and what undoes the losers of a join, in the order in which they
	// began; each followed by the branches that it has begun, in the order of the
	// file and of index. Empty once it has ended.
	Branches []*Branch
	Vars     *value.Map // of the workflow's scope; a variable that was never set is absent
	Entries  []*Entry   // what `compensate` would undo, oldest first: the newest of them
	Older    int        // entries that are in Parts

	Held   []*Kept  // events kept for a step that will listen, oldest first
	Queue  []*Kept  // inputs kept while it was stopped or busy, oldest first
	Starts []*Kept  // start messages that wait for its end (`again: queue`, `restart`)
	Seen   []string // ids of events taken, for messages with an `id`; oldest first

	Incident *Incident // what stopped it; set while Status is StatusIncident
	Stopped  Instant   // since when an operator has it paused

	Parents   []Parent      // who waits for its outcome
	Known     []Correlation // the values that it has announced
	Parts     []*Part       // in the order of their ids
	PartsMade int64         // parts made so far: the id of the latest

	Deadline       Timer
	DeadlinePassed bool // it passed while the workflow's `catch` ran
	// Owed is true when a decision ended before the instance was at rest: it
	// goes on before it considers anything else.
	Owed bool

	Sent  int64 // commands sent so far, attempts not counted: the n of the next command id
	Arms  int64 // timers armed so far
	Made  int64 // compensation entries, branches and visits of forks made so far
	Steps int64 // steps since the last input, for the limit `limit.spin`

	// What is known of one that has ended.
	EndedAt Instant
	Forget  Timer       // when it is forgotten
	Failure *Failure    // why, unless it completed
	Output  value.Value // what the definition's `output` gave
	Search  *value.Map  // the variables by which it can be found, as they were at the last decision

	Counter *Counter // of a desk

	partBytes  int     // that Parts take, once it was found out; 0: not yet
	entryBytes int     // what Entries take: see sizeOfEntries
	chunks     []chunk // where the older entries are: see chunkList
}

// Part is a piece of an instance that is kept as a record of its own, so that a
// step rewrites what it changed and not the whole: some elements of a long list, or
// some of the older entries. A Part is never changed; another with the same id takes
// its place.
type Part struct {
	ID      int64       // from 1, unique within the instance
	Value   value.Value // of a loop or a gate
	Entries []*Entry    // oldest first; none: it is a Value
}

// Parent is an instance that waits for this one's outcome, or has begun it.
type Parent struct {
	Address Address
	Run     string
	Command string // its call: the command id
	Awaited bool
}

// Correlation is a value under which an instance is known.
type Correlation struct {
	Variable string
	Value    string
}

// Counter is what a desk remembers.
type Counter struct {
	Members []Member // mailbox: who is known by the value, in the order of coming
	Spec    string   // schedule: what Next was computed from, as Schedule.String has it
	Fired   Instant  // schedule: the latest instant for which it has fired, or from which it counts
	Next    Timer    // schedule: when it fires next; gate: when it may grant again
	Free    int64    // gate: from when the next may be sent, microseconds since the Unix epoch
	Open    []Leave  // gate: the calls that were let through and are not over
	Asking  []int64  // gate: parts with those that wait, oldest first
}

// Leave is that a gate has let a call through.
type Leave struct {
	Command string
	Ask     int64 // as Letter has it
}

// Member is an instance that a mailbox knows.
type Member struct {
	Key string
	Run string
}

// Status is the state of an instance as its operators see it.
type Status string

const (
	StatusExpected     Status = "expected" // there is none: events wait for one to begin (`early: <duration>`)
	StatusRunning      Status = "running"
	StatusCompensating Status = "compensating"
	StatusPaused       Status = "paused"
	StatusIncident     Status = "incident"

	StatusCompleted  Status = "completed"
	StatusFailed     Status = "failed"
	StatusCancelled  Status = "cancelled"
	StatusTerminated Status = "terminated"
)

// Final reports whether nothing comes after s.
func (s Status) Final() bool {
	switch s {
	case StatusCompleted, StatusFailed, StatusCancelled, StatusTerminated:
		return true
	}
	return false
}

// Stopped reports whether an instance in s queues what comes and fires no timer.
func (s Status) Stopped() bool { return s == StatusPaused || s == StatusIncident }

// BranchKind says what a branch of an instance is.
type BranchKind string

const (
	BranchMain      BranchKind = "main"
	BranchAnytime   BranchKind = "anytime"
	BranchFork      BranchKind = "fork"      // one of a fork's
	BranchIteration BranchKind = "iteration" // one of a loop's
	BranchUndo      BranchKind = "undo"      // undoes what a loser of a join has done
)

// Branch is one line of an instance: a stack of what was entered and not left
// yet, the outermost first. The last frame is the step that waits.
type Branch struct {
	// ID is unique within the instance for all its life; 0 is the main line. What
	// undoes a branch has the ID of that branch.
	ID     int64
	Parent int64 // the branch that began it and waits for it; itself where none waits
	Kind   BranchKind
	Place  string // anytime: the reaction; fork, iteration: the step whose branch it is; undo: the same of what it undoes
	Name   string // of a fork's branch
	Index  int    // of an iteration or a fork's branch, from 0
	Frames []Frame
	// Next is the step to be entered next, within the last frame; "" when the
	// branch waits. At rest it is "" everywhere.
	Next string
	Vars *value.Map // of the branch's own scope
}

// Frame is a step or a reaction that was entered and not left yet.
type Frame struct {
	Place string
	Since Instant
	Event *Event   // the event that this reaction took
	Error *Failure // the error that this reaction handles
	Entry *Entry   // what this compensation undoes
	// Mark is Instance.Made when it was entered: later entries are its own. Of a
	// call the number before that of its entry; of a fork or a loop the number of
	// this visit.
	Mark    int64
	Call    *Call // of a call
	Loop    *Loop // of a fork or a loop that is at work
	Timeout Timer // of the attempt, the listen or the block
	Wake    Timer // of a wait; before the next attempt; `idle` of a listen
}

// Call is a command whose outcome is awaited. It is over once an outcome was
// taken.
type Call struct {
	Command string  // rondo-command-id: 32 hex digits
	Attempt int     // the last one that was sent, from 1
	Base    int     // attempts sent before an operator let it begin again
	First   Instant // when attempt Base+1 was sent
	Over    bool
	Asking  bool    // it waits for leave to be sent: Attempt is the one that shall be
	Ask     int64   // the number of the latest asking, unique within the instance
	Gate    string  // the message whose gate is to be told when this attempt is over, or asked for no more; "" for none
	Child   Address // of `run`: whose outcome it is; the zero Address for a command
}

// Loop is how far a fork or a loop has come.
type Loop struct {
	Items    []int64  // parts with the elements of `in` that have not begun, in order: the first has the next one
	Count    int      // elements of `in`; of a fork: branches; -1: `while` alone
	Begun    int      // iterations begun
	Finished int      // iterations finished
	Lost     int      // iterations that an error has ended
	Failed   *Failure // the error of the latest of them, of a loop with a `while`: it may end before the join is met
	Closed   bool     // no more begin: `while` was false
	Results  []int64  // parts with what finished iterations gave, in order of their index: lists of maps, null for none; 0: nothing yet
	Steps    int64    // Instance.Steps when it was entered
}

// loopPart is the number of elements in one part of a loop.
const loopPart = 256

// Timer is when something is due. The zero Timer is not armed.
type Timer struct {
	Due Instant
	Arm int64 // from 1, in the order of arming: decides between equal Dues
	// Fixed is true for a point in time that the author named. Any other is so
	// long after its arming, and can be moved by the length of a stop.
	Fixed bool
}

// Armed reports whether t is due some time.
func (t Timer) Armed() bool { return t.Arm != 0 }

// before reports whether t fires before u.
func (t Timer) before(u Timer) bool {
	if t.Armed() != u.Armed() {
		return t.Armed()
	}
	return t.Due < u.Due || t.Due == u.Due && t.Arm < u.Arm
}

// Entry is one visit of a step that can be undone.
type Entry struct {
	Seq     int64      // in the order of making, from 1
	Place   string     // the step
	Branch  int64      // the branch that made it
	Line    []Side     // the branches in which that was, the outermost first; none: the main line
	Command string     // its command id; "" if it sent none
	Done    bool       // false: in doubt
	Vars    *value.Map // what the compensation reads, as it was
}

// Side is a branch in which an Entry was made. What was begun by one visit ran
// side by side, and is undone so.
type Side struct {
	Branch int64  // its ID
	Visit  int64  // of the fork or loop that began it: unique within the instance
	Place  string // that fork or loop; of `anytime` the reaction
}

// Kept is an input that is kept for later, with the time of its coming.
type Kept struct {
	At     Instant
	Event  *Event // at most one of Event, Act, Timer and Letter is set; none: steps that were to go on
	Act    *Act
	Timer  bool
	Letter *Letter
	Until  Timer // of an event that waits for an instance: how long
}

// Failure is an error of the workflow language, as `error` shows it.
type Failure struct {
	Name    string
	Message string
	Step    string // place where it was raised
	Data    value.Value
	At      Instant
	Cause   *Failure // the error during whose handling it was raised
}

// Incident is why an instance has stopped until an operator acts.
type Incident struct {
	At    Instant
	Fault Fault
	Place string // the step or reaction, as Frame.Place has it; "" for none
	// Input is what was being decided; its decision has changed nothing and is
	// made again by `retry`. Nil for a compensation that failed: `retry` sends
	// it again.
	Input  *Kept
	Branch int64 // where it was
}

// Ended reports whether i is over: it considers nothing and is only remembered.
func (i *Instance) Ended() bool { return i.Status.Final() }

// NextTimer returns when the instance's earliest timer is due. One that has
// not come to rest is due at once. One that is stopped has no timers until it
// goes on; theirs then may be due in the past.
func (i *Instance) NextTimer() (due Instant, ok bool) {
	if i.Owes() {
		return i.At, true
	}
	next := i.nextTimer()
	return next.timer.Due, next.timer.Armed()
}

// Owes reports whether i has something to do before it considers its next
// input: decide on it with Input{At: …} until it owes nothing.
func (i *Instance) Owes() bool {
	switch {
	case i.Status.Stopped():
		return false
	case i.Ended():
		return len(i.Starts)+len(i.Queue) > 0
	}
	return i.Owed || len(i.Queue) > 0
}

// armed is a timer and whose it is.
type armed struct {
	timer  Timer
	kind   timerKind
	branch int64
	depth  int // of the frame within the branch
}

type timerKind int

const (
	timerNone timerKind = iota
	timerForget
	timerHeld // what waits for an instance
	timerDesk
	timerDeadline
	timerTimeout
	timerWake
)

func (a *armed) consider(t Timer, kind timerKind, branch int64, depth int) {
	if t.Armed() && t.before(a.timer) {
		*a = armed{t, kind, branch, depth}
	}
}

// nextTimer returns the timer that fires first; its kind is timerNone if none
// is armed.
func (i *Instance) nextTimer() armed {
	var next armed
	if i.Status.Stopped() {
		return next
	}
	next.consider(i.Forget, timerForget, 0, 0)
	for _, k := range i.Held {
		next.consider(k.Until, timerHeld, 0, 0)
	}
	if i.Counter != nil {
		next.consider(i.Counter.Next, timerDesk, 0, 0)
	}
	next.consider(i.Deadline, timerDeadline, 0, 0)
	for _, b := range i.Branches {
		for depth := range b.Frames {
			f := &b.Frames[depth]
			next.consider(f.Timeout, timerTimeout, b.ID, depth)
			next.consider(f.Wake, timerWake, b.ID, depth)
		}
	}
	return next
}

// branch returns the branch with an id, or nil.
func (i *Instance) branch(id int64) *Branch {
	for _, b := range i.Branches {
		if b.ID == id {
			return b
		}
	}
	return nil
}

// main returns the main line, or nil once it has run to its end.
func (i *Instance) main() *Branch { return i.branch(mainID) }

// mainID is the id of the main line.
const mainID = 0

// clone returns a copy of b whose frames may be changed, with room for one more:
// what happens to a branch mostly begins with a frame upon those.
func (b *Branch) clone() *Branch {
	out := *b
	out.Frames = append(make([]Frame, 0, len(b.Frames)+1), b.Frames...)
	return &out
}

// top returns the innermost frame, or nil.
func (b *Branch) top() *Frame {
	if len(b.Frames) == 0 {
		return nil
	}
	return &b.Frames[len(b.Frames)-1]
}

// Places returns the names of the steps and reactions where the instance waits, in
// the order of its branches. A step that waits for its branches is not one.
func (i *Instance) Places() []string {
	var out []string
	for at, b := range i.Branches {
		waits := at+1 < len(i.Branches) && i.Branches[at+1].isOf(b)
		if top := b.top(); top != nil && !waits {
			out = append(out, top.Place)
		}
	}
	return out
}
