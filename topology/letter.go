package topology

import "rondo/topology/value"

// Address is where a letter goes, and under what an instance is kept.
type Address struct {
	Workflow string
	Desk     string // "" for an instance of the workflow; see Desk
	Key      string // its record key: decides in whose partition it lives
}

// String is the address as the key of stores and topics. A workflow's name and a
// desk's have neither slash nor "!".
func (a Address) String() string {
	if a.Desk == "" {
		return a.Workflow + "/" + a.Key
	}
	return a.Workflow + "!" + a.Desk + "/" + a.Key
}

// Address is where i is kept and written to.
func (i *Instance) Address() Address {
	return Address{Workflow: i.Workflow, Desk: i.Desk, Key: i.Key}
}

// Letter is what an instance or a desk tells another, in the transaction that
// commits the decision. It comes there through the inbox, in order.
type Letter struct {
	Kind LetterKind
	To   Address
	From Address
	Run  string // of the sender, if that is an instance; relay: of the instance that it is for

	Command string      // the call that it is about: its command id
	Message string      // ask, grant, release: the command's message
	Ask     int64       // ask, grant, release: which asking of the call it is about, for a call may ask again while an answer is under way
	Value   value.Value // run, begin: the `event` of the one that begins; outcome: its `output`
	Awaited bool        // run: the sender waits for the outcome; ask: an outcome will come; grant: the gate is to be told of the end
	Status  Status      // outcome: how the child has ended
	Failure *Failure    // outcome: why, unless it completed; cancel: why
	Event   *Event      // relay: what is for the instance
}

// LetterKind says what a letter tells.
type LetterKind string

const (
	LetterRun      LetterKind = "run"      // parent → child: begin, or be joined
	LetterOutcome  LetterKind = "outcome"  // child → parent: how it has ended
	LetterCancel   LetterKind = "cancel"   // parent → child: it is waited for no more
	LetterAnnounce LetterKind = "announce" // instance → mailbox: I am known by this value
	LetterWithdraw LetterKind = "withdraw" // instance → mailbox: no more
	LetterRelay    LetterKind = "relay"    // mailbox → instance: an event for you
	LetterBegin    LetterKind = "begin"    // schedule → instance: begin
	LetterAsk      LetterKind = "ask"      // instance → gate: may I send this command?
	LetterGrant    LetterKind = "grant"    // gate → instance: send it now
	LetterRelease  LetterKind = "release"  // instance → gate: that call is over, or I ask no more
)

// A desk is a small state machine beside the instances of a workflow, kept,
// decided and written to the history as one of them. Its name is its kind, a dot
// and what it is for.
//
//	mailbox.<variable>  for one value of a variable that `correlate` names: which
//	                    instances are known by it, and events that wait for one
//	schedule            of a workflow: when it fires next; the key is the workflow
//	gate.<Message>      of a command with a `limit`; the key is the message's name
const (
	deskMailbox  = "mailbox."
	deskSchedule = "schedule"
	deskGate     = "gate."
)

func mailboxAddress(workflow, variable, text string) Address {
	return Address{Workflow: workflow, Desk: deskMailbox + variable, Key: text}
}

func gateAddress(workflow, message string) Address {
	return Address{Workflow: workflow, Desk: deskGate + message, Key: message}
}

// ScheduleAddress is where a workflow's schedule is kept.
func ScheduleAddress(workflow string) Address {
	return Address{Workflow: workflow, Desk: deskSchedule, Key: workflow}
}
