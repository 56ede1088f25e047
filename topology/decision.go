package topology

import "rondo/topology/value"

// Semantics numbers the rules by which Decide decides. A change that alters
// any recorded transcript raises it, so that a history tells by which rules it
// was decided.
const Semantics = 1

// Decision is everything that shall happen because of one input. Whoever
// carries it out does all of it in one transaction, or nothing.
type Decision struct {
	// Instance is the next state; nil when nothing is kept (it never began, or
	// it ended and is forgotten). It replaces the state that was decided on.
	Instance *Instance
	// Changed is false when Instance is the state that was decided on, so that
	// nothing needs to be written.
	Changed bool

	// Run and Status are those of the instance after the decision, also when
	// it is not kept; "" when there is none.
	Run    string
	Status Status

	// Commands in the order of sending.
	Commands []Command

	// Letters to other instances and to desks, in the order of writing. They are
	// inputs there, once the transaction is committed.
	Letters []Letter
	// Lookups are the rows that were asked for, each once, in order. Given the
	// same ones the decision can be made again.
	Lookups []Lookup

	// Event is the event that was decided on, if the instance had kept it until
	// now, as it came or as a mailbox has handed it on: the input itself is none
	// then.
	Event *Event

	// DeadLetter is set when the input could not be used and must be kept
	// where an operator finds it.
	DeadLetter *DeadLetter

	// Outcome says what became of the input.
	Outcome Outcome
	// Taker is the step or reaction that took the input ("pay.PaymentCaptured").
	Taker string
	// Trace lists what happened, in order, for history and transcripts.
	Trace []Trace
	// Fault is set when this decision made the instance an incident.
	Fault *Fault
	// More is true when the instance owes something (Instance.Owes): the steps
	// of this decision reached their bound, or inputs are queued. Decide again
	// with Input{At: …} (no event, no timer) before the instance's next input,
	// after other instances have had their turn. If that does not happen, an
	// event is queued behind, and Instance.NextTimer is due at once.
	More bool

	turns []spotTurn // see Reached
}

// Outcome is what became of an input.
type Outcome string

const (
	Started   Outcome = "started"   // a new instance began
	Taken     Outcome = "taken"     // a waiting step or `anytime` took it
	Fired     Outcome = "fired"     // a timer did what it was armed for
	Held      Outcome = "held"      // kept for a step that will listen
	Queued    Outcome = "queued"    // kept until the instance is resumed
	Late      Outcome = "late"      // recorded, without effect
	Repeated  Outcome = "repeated"  // a start of what has started already
	Duplicate Outcome = "duplicate" // an `id` that was taken already
	Ignored   Outcome = "ignored"   // no instance, or refused by `when`: counted only, unless it changes something
	Dead      Outcome = "dead"      // see DeadLetter
	Acted     Outcome = "acted"     // an operator's act was done
	Continued Outcome = "continued" // see Decision.More
	Forgotten Outcome = "forgotten" // `keep` has passed
)

// Recorded reports whether the decision belongs in the history: all but those of
// inputs that were ignored and have left no trace. A schedule that arms itself, or
// an event for which a mailbox has waited in vain, is nobody's business and still
// changes what later decisions are made on.
func (d *Decision) Recorded() bool {
	return d.Outcome != Ignored || d.Changed || len(d.Commands)+len(d.Letters) > 0
}

// Command is a record to be sent.
type Command struct {
	Message     string
	Topic       string
	Type        string      // goes into the header `type`
	Key         string      // record key
	Value       []byte      // the payload on the wire; nil is a tombstone
	Payload     value.Value // the same before it was encoded, for transcripts
	Headers     *value.Map  // what the author set, text to text
	ID          string      // rondo-command-id: 32 hex digits
	Attempt     int         // from 1
	Step        string
	Compensates string // the command id that it undoes; "" if none
	AwaitsReply bool
}

// Lookup is a row of a table as a decision saw it.
type Lookup struct {
	Table, Key string
	Row        value.Value
	Found      bool
}

// Trace is one thing that happened within a decision.
type Trace struct {
	Kind string // enter, take, send, set, raise, catch, undo, leave, skip, end, arm, fire, …
	Step string
	Text string // message, variable or error name
}

// DeadLetter says why an input could not be used.
type DeadLetter struct {
	Reason string // code: no-key, no-instance, held-limit, when-failed, …
	Text   string // for a person: what, where, what to do
}

// Fault is an error of the definition or the data that stops an instance.
type Fault struct {
	Kind  string // expression, payload, then, limit.size, …
	Place string // step, and file:line:column where known
	Text  string // for a person
}
