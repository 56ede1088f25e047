package topology

import "slices"

// Word is one word of the language, described once: the parser, its
// suggestions, the reference page and the editor's schema are made of these.
type Word struct {
	Name string
	In   []Place // where it may stand
	Kind Kind    // what its value is
	Doc  string  // one sentence for a person

	Choices  []string // of KindChoice: the values
	Default  string   // what holds without the word, as it would be written; "" if nothing does
	Required bool     // must stand in each of its places
	Action   bool     // what a step does: at most one of them stands in a step
	Needs    []string // one of these must stand beside it
	Excludes []string // none of these may stand beside it
	PartOf   []string // of an Action: beside these it is no action but a part of theirs
}

// Place is a kind of mapping in which words stand.
type Place string

const (
	InWorkflow     Place = "workflow"     // the file
	InMessage      Place = "message"      // one message of `messages`
	InStep         Place = "step"         // a step of `do`
	InReaction     Place = "reaction"     // a reaction, or an alternative of `switch`
	InCompensation Place = "compensation" // the body of `compensate`
	InRetry        Place = "retry"
	InRaise        Place = "raise"
	InEnd          Place = "end"
	InStart        Place = "start" // beside the messages
	InTable        Place = "table" // one table of `tables`
	InLimit        Place = "limit"
	InFor          Place = "for"
	InMigrate      Place = "migrate"
)

// Places lists all places, outermost first.
func Places() []Place {
	return []Place{
		InWorkflow, InStart, InMessage, InLimit, InTable, InStep, InReaction, InCompensation, InFor, InRetry, InRaise, InEnd, InMigrate,
	}
}

// Kind is what the value of a word is.
type Kind string

const (
	KindName         Kind = "name"         // of a workflow
	KindText         Kind = "text"         // any text
	KindWhole        Kind = "whole number" // an int
	KindNumber       Kind = "number"       // with up to three decimals
	KindChoice       Kind = "choice"       // one of Word.Choices
	KindExpression   Kind = "expression"   // CEL, without `=`
	KindValue        Kind = "value"        // a template: literals, with `=` expressions at any depth
	KindDuration     Kind = "duration"     // 1h30m
	KindTime         Kind = "time"         // a duration, or `=` an expression for one or for a timestamp
	KindMessages     Kind = "messages"     // message name → attributes
	KindMessageName  Kind = "message name"
	KindMessageRules Kind = "reactions by message"
	KindStart        Kind = "reactions by message, and the words of `start`"
	KindErrorRules   Kind = "reactions by error"
	KindSteps        Kind = "steps"        // a list of `name: step`
	KindAlternatives Kind = "alternatives" // a list of reactions
	KindCompensation Kind = "compensation" // a step without a name
	KindValues       Kind = "values by name"
	KindVariables    Kind = "values by variable"
	KindVariableList Kind = "list of variables"
	KindErrorName    Kind = "error name"
	KindErrorList    Kind = "list of error names"
	KindAttempts     Kind = "attempts"
	KindRetry        Kind = "retry"
	KindRaise        Kind = "raise"    // an error's name, or a mapping
	KindEnd          Kind = "end"      // `complete`, or a mapping
	KindTarget       Kind = "target"   // a step's name, `exit`, or `=` an expression for one
	KindReaction     Kind = "reaction" // or a list of alternatives
	KindEarly        Kind = "choice or duration"
	KindVariable     Kind = "variable"
	KindCron         Kind = "cron"     // five fields: minute, hour, day, month, weekday
	KindZone         Kind = "zone"     // a name of the IANA time zone database
	KindTables       Kind = "tables"   // table name → attributes
	KindLimit        Kind = "limit"    // of a command
	KindRate         Kind = "rate"     // 50/s
	KindBranches     Kind = "branches" // branch name → steps
	KindJoin         Kind = "join"     // `all`, `any`, or a whole number
	KindLoop         Kind = "loop"
	KindItems        Kind = "items" // an expression without `=`, or a list of values
	KindMigration    Kind = "migration"
	KindStepNames    Kind = "step names by step name"
)

// Words lists the words of the language in the order of the reference page.
func Words() []Word {
	return slices.Concat(workflowWords(), messageWords(), stepWords(), retryWords(), errorWords(), loopWords(), startWords(), limitWords(), migrateWords())
}

var (
	// anyStep is wherever a step is described, with or without a name.
	anyStep = []Place{InStep, InReaction, InCompensation}
	// forwardStep is those of them that something follows.
	forwardStep = []Place{InStep, InReaction}
)

func workflowWords() []Word {
	in := []Place{InWorkflow}
	return []Word{
		{Name: "workflow", In: in, Kind: KindName, Required: true,
			Doc: "The name of the workflow, in kebab-case. With `version` it is the identity of the definition."},
		{Name: "version", In: in, Kind: KindWhole, Required: true,
			Doc: "A whole number from 1. A deployed version never changes; an instance keeps the version with which it began."},
		{Name: "doc", In: in, Kind: KindText,
			Doc: "What the workflow is for, in a sentence or two."},
		{Name: "messages", In: in, Kind: KindMessages,
			Doc: "Every record type that the workflow reads or writes."},
		{Name: "tables", In: in, Kind: KindTables,
			Doc: "Compacted topics that are held as local tables, for `lookup('table', key)`. A row's key is the record's key as text."},
		{Name: "again", In: in, Kind: KindChoice, Default: string(AgainNever),
			Choices: []string{string(AgainNever), string(AgainEnded), string(AgainQueue), string(AgainRestart)},
			Doc:     "What a start message does to a key that lives or has ended: nothing (`never`), begin anew after the end (`ended`), wait its turn (`queue`), or cancel the living one and begin anew (`restart`)."},
		{Name: "start", In: in, Kind: KindStart, Required: true,
			Doc: "What begins an instance, and what is done first: messages, a schedule, or a parent's `run`."},
		{Name: "deadline", In: in, Kind: KindTime,
			Doc: "The time that the whole instance has, from its start; then the error `deadline` goes to the workflow's `catch`."},
		{Name: "anytime", In: in, Kind: KindMessageRules,
			Doc: "Reactions to messages that may come at any moment and that no waiting step takes."},
		{Name: "do", In: in, Kind: KindSteps, Required: true,
			Doc: "The steps, in the order in which they are done."},
		{Name: "catch", In: in, Kind: KindErrorRules,
			Doc: "Reactions to errors that no step caught. Each path must finish with `end`, `raise` or `then`. An error that is not caught here either: compensate, then fail."},
		{Name: "output", In: in, Kind: KindValue,
			Doc: "What the instance returns, evaluated when it completes."},
		{Name: "search", In: in, Kind: KindVariableList,
			Doc: "Up to eight variables by which instances can be found."},
		{Name: "keep", In: in, Kind: KindDuration, Default: "24h",
			Doc: "How long a finished instance is remembered, so that late events are known as late and repeated starts as repeated. At most a year. One that begins and ends in one decision is remembered only if this word is there."},
		{Name: "migrate", In: in, Kind: KindMigration,
			Doc: "How living instances of an older version can come to this one, when an operator migrates them."},
	}
}

func messageWords() []Word {
	in := []Place{InMessage}
	wire := []Place{InMessage, InTable}
	return []Word{
		{Name: "topic", In: wire, Kind: KindText, Required: true,
			Doc: "The Kafka topic."},
		{Name: "type", In: in, Kind: KindText, Default: "the message's name",
			Doc: "The name on the wire: in the header `type` or `ce_type`, else the Avro record's full or short name, else the JSON field `type`."},
		{Name: "key", In: in, Kind: KindExpression,
			Doc: "Incoming: the key of the instance, over `event`, `headers` and `record`, or a list of keys; without it the record's key. Outgoing: the record key, `event` being the payload; without it the instance's key."},
		{Name: "when", In: []Place{InMessage}, Kind: KindExpression,
			Doc: "What else must hold for a record to be this message, over `event`, `headers` and `record`. Of several messages that fit a record the first in the file is it."},
		{Name: "format", In: wire, Kind: KindChoice, Choices: []string{"avro", "json", "text", "bytes"},
			Default: "found out for each record; `json` when written without a schema",
			Doc:     "How the payload is written on the wire."},
		{Name: "schema", In: wire, Kind: KindText,
			Doc: "A file beside the definition (`schemas/order.avsc`), or a subject of the schema registry."},
		{Name: "correlate", In: in, Kind: KindVariable,
			Doc: "A variable (a text, a whole number, or a list of them) with whose value `key` is matched, in place of the instance's key."},
		{Name: "early", In: in, Kind: KindEarly, Default: "hold", Choices: []string{"hold", "drop", "reject"},
			Doc: "What becomes of an event that comes before the step that listens for it: `hold` it, `drop` it, or `reject` it (a dead letter). A duration: hold it also before its instance has begun, that long, then it is a dead letter."},
		{Name: "id", In: in, Kind: KindExpression,
			Doc: "An event whose id this instance has taken already is a duplicate and changes nothing."},
		{Name: "limit", In: in, Kind: KindLimit,
			Doc: "Bounds how a command is sent, over the whole application. What exceeds it waits in order, and its `timeout` begins when it is sent."},
		{Name: "timeout", In: in, Kind: KindTime,
			Doc: "The `timeout` of every call that sends this command, unless the step has its own."},
		{Name: "retry", In: in, Kind: KindRetry,
			Doc: "The `retry` of every call that sends this command, unless the step has its own."},
	}
}

func stepWords() []Word {
	return slices.Concat(guardWords(), actionWords(), aroundWords())
}

func guardWords() []Word {
	return []Word{
		{Name: "when", In: []Place{InReaction}, Kind: KindExpression,
			Doc: "When this alternative holds. The first that holds is taken; one without `when` always does."},
		{Name: "if", In: anyStep, Kind: KindExpression,
			Doc: "False: the step is left out, and the next one of the list is done."},
		{Name: "set", In: anyStep, Kind: KindVariables,
			Doc: "Sets variables, before the action. All values see the state before it."},
	}
}

func actionWords() []Word {
	return []Word{
		{Name: "send", In: anyStep, Kind: KindMessageName, Action: true,
			Doc: "Sends a message. With `await` it is a call."},
		{Name: "with", In: anyStep, Kind: KindValue, Needs: []string{"send", "run"},
			Doc: "The payload of what is sent; `with: null` is a tombstone. Of a child: its `event`."},
		{Name: "headers", In: anyStep, Kind: KindValues, Needs: []string{"send"},
			Doc: "Headers of what is sent, beside Rondo's own."},
		{Name: "await", In: anyStep, Kind: KindMessageRules, Needs: []string{"send", "run"},
			Doc: "The outcomes of a call: the first that comes ends it. Of a child: `completed`, with its `output` as `event`; its failure is raised here as an error of the same name."},
		{Name: "listen", In: anyStep, Kind: KindMessageRules, Action: true,
			Doc: "Waits for events without sending. Without `until` the first one ends it."},
		{Name: "until", In: anyStep, Kind: KindExpression, Needs: []string{"listen"},
			Doc: "Listens until this holds: tested on entry, after each event, and when its variables change."},
		{Name: "idle", In: anyStep, Kind: KindTime, Needs: []string{"listen"},
			Doc: "The longest silence, since entry or the last event taken; then the error `timeout`."},
		{Name: "wait", In: anyStep, Kind: KindTime, Action: true,
			Doc: "Waits for a duration, or until a timestamp."},
		{Name: "switch", In: anyStep, Kind: KindAlternatives, Action: true,
			Doc: "Does the first alternative that holds; if none does, nothing."},
		{Name: "fork", In: anyStep, Kind: KindBranches, Action: true,
			Doc: "Runs named lists of steps side by side."},
		{Name: "for", In: anyStep, Kind: KindLoop, Action: true,
			Doc: "Does the steps of the `do` beside it for each item of a list, while something holds, or both."},
		{Name: "join", In: anyStep, Kind: KindJoin, Needs: []string{"fork", "for"}, Default: "all",
			Doc: "When a `fork` or `for` is done: when `all` branches have finished, when `any` has, or so many. The others are cancelled and undone."},
		{Name: "collect", In: anyStep, Kind: KindVariables, Needs: []string{"for"},
			Doc: "Lists with one element for each finished iteration, in the order of `in`."},
		{Name: "run", In: anyStep, Kind: KindName, Action: true,
			Doc: "Begins a child: an instance of the workflow with this name. With `await` it is a call; without, the child outlives the parent."},
		{Name: "key", In: anyStep, Kind: KindExpression, Needs: []string{"run"}, Default: "the instance's own key",
			Doc: "The key of the child that `run` begins."},
		{Name: "do", In: anyStep, Kind: KindSteps, Action: true, PartOf: []string{"for"},
			Doc: "A block: a list of steps in place of an action, with a `timeout` and a `catch` of its own. Beside `for`: what each iteration does."},
		{Name: "raise", In: anyStep, Kind: KindRaise, Action: true,
			Doc: "Raises an error by name. As the outcome of a call it says that nothing was done, so that nothing is undone."},
		{Name: "end", In: anyStep, Kind: KindEnd, Action: true,
			Doc: "Finishes the instance, wherever it stands: `complete`, or `{fail: name}`. Nothing is compensated."},
	}
}

func aroundWords() []Word {
	return []Word{
		{Name: "timeout", In: anyStep, Kind: KindTime, Needs: []string{"await", "listen", "do", "fork", "for"},
			Doc: "Of a call: the time of one attempt. Of `listen`: the time since entry. Of a block, `fork`, `for` or `run`: the whole. Then the error `timeout`."},
		{Name: "retry", In: anyStep, Kind: KindRetry, Needs: []string{"await"},
			Doc: "The attempts of a call. Without it there is one."},
		{Name: "catch", In: anyStep, Kind: KindErrorRules,
			Doc: "Reactions to errors of this step and of what is in it: an error's name, or `any`. One that does not jump goes on behind this step."},
		{Name: "then", In: forwardStep, Kind: KindTarget, Excludes: []string{"raise", "end"},
			Doc: "Where to go next: a step of the same list or of one around it, forward or back, or `exit`, the end of the innermost list."},
		{Name: "compensate", In: forwardStep, Kind: KindCompensation,
			Doc: "How to undo this step. In place of a step (`- undo: compensate`) the bare word undoes what was done, newest first."},
	}
}

func retryWords() []Word {
	in := []Place{InRetry}
	return []Word{
		{Name: "attempts", In: in, Kind: KindAttempts, Default: "3",
			Doc: "The number of attempts, the first included, up to 10,000; or `unlimited`, which needs `within` or a `deadline`."},
		{Name: "backoff", In: in, Kind: KindDuration, Default: "1s",
			Doc: "The pause after the first attempt."},
		{Name: "factor", In: in, Kind: KindNumber, Default: "2",
			Doc: "By how much each pause is longer than the one before, from 1."},
		{Name: "max", In: in, Kind: KindDuration, Default: "1h",
			Doc: "The longest pause, before `jitter`."},
		{Name: "jitter", In: in, Kind: KindNumber, Default: "0",
			Doc: "By which part of itself a pause is made longer or shorter, from 0 to 1: different for each command, the same whenever it is decided again."},
		{Name: "within", In: in, Kind: KindDuration,
			Doc: "From the first sending: no attempt begins after it, and the last is cut to it."},
		{Name: "errors", In: in, Kind: KindErrorList, Default: "[timeout]",
			Doc: "The errors after which another attempt is made."},
	}
}

func errorWords() []Word {
	return []Word{
		{Name: "error", In: []Place{InRaise}, Kind: KindErrorName, Required: true,
			Doc: "The name of the error, in kebab-case, or `=` an expression for it."},
		{Name: "fail", In: []Place{InEnd}, Kind: KindErrorName, Required: true,
			Doc: "The name of the failure, in kebab-case, or `=` an expression for it. `cancelled` ends the instance as cancelled."},
		{Name: "message", In: []Place{InRaise, InEnd}, Kind: KindValue,
			Doc: "A sentence for people."},
		{Name: "data", In: []Place{InRaise, InEnd}, Kind: KindValue,
			Doc: "What goes with it: `error.data` where it is caught."},
	}
}

func loopWords() []Word {
	in := []Place{InFor}
	return []Word{
		{Name: "each", In: in, Kind: KindVariable, Needs: []string{"in"},
			Doc: "The variable that is the item, in each iteration its own; `index` is its place, from 0."},
		{Name: "in", In: in, Kind: KindItems, Needs: []string{"each"},
			Doc: "The list, evaluated once: an expression without `=`, or a list of values."},
		{Name: "parallel", In: in, Kind: KindWhole, Needs: []string{"in"}, Default: "1",
			Doc: "How many iterations are under way at once."},
		{Name: "while", In: in, Kind: KindExpression,
			Doc: "Tested before each iteration begins. False: no more begin, and those under way finish."},
	}
}

func startWords() []Word {
	in := []Place{InStart}
	return []Word{
		{Name: "every", In: in, Kind: KindDuration, Excludes: []string{"cron"},
			Doc: "A schedule: begins an instance at each whole multiple of this time since the beginning of 1970, UTC."},
		{Name: "cron", In: in, Kind: KindCron,
			Doc: "A schedule on the calendar: minute, hour, day of the month, month, day of the week. A firing that was missed is made up once, with `event.scheduled` and `event.missed`."},
		{Name: "zone", In: in, Kind: KindZone, Needs: []string{"cron"}, Default: "UTC",
			Doc: "The time zone of `cron`, such as Europe/Berlin."},
		{Name: "key", In: in, Kind: KindExpression, Needs: []string{"every", "cron"}, Default: "the workflow's name",
			Doc: "The key of the instance that a schedule begins, over `event` (`scheduled`, `missed`)."},
		{Name: "set", In: in, Kind: KindVariables, Needs: []string{"every", "cron"},
			Doc: "Sets variables when a schedule begins an instance."},
		{Name: "run", In: in, Kind: KindReaction,
			Doc: "Lets other workflows begin this one with `run`; `event` is what they give in `with`."},
	}
}

func limitWords() []Word {
	in := []Place{InLimit}
	return []Word{
		{Name: "rate", In: in, Kind: KindRate,
			Doc: "How many are sent in a second, minute, hour or day at most, evenly spaced: `50/s`."},
		{Name: "open", In: in, Kind: KindWhole,
			Doc: "How many calls may be without an outcome at once."},
	}
}

func migrateWords() []Word {
	in := []Place{InMigrate}
	return []Word{
		{Name: "from", In: in, Kind: KindWhole, Required: true,
			Doc: "The version whose instances can come to this one."},
		{Name: "steps", In: in, Kind: KindStepNames,
			Doc: "Steps that have another name now: old name, new name."},
		{Name: "set", In: in, Kind: KindVariables,
			Doc: "Sets variables when an instance moves."},
	}
}

// vocabulary finds words by place and name.
type vocabulary struct {
	words map[Place]map[string]Word
	names map[Place][]string // in the order of Words
}

func newVocabulary() *vocabulary {
	v := &vocabulary{words: map[Place]map[string]Word{}, names: map[Place][]string{}}
	for _, w := range Words() {
		for _, place := range w.In {
			if v.words[place] == nil {
				v.words[place] = map[string]Word{}
			}
			v.words[place][w.Name] = w
			v.names[place] = append(v.names[place], w.Name)
		}
	}
	return v
}

func (v *vocabulary) find(place Place, name string) (Word, bool) {
	w, ok := v.words[place][name]
	return w, ok
}

// elsewhere lists the other places in which a word stands.
func (v *vocabulary) elsewhere(not Place, name string) []Place {
	var places []Place
	for _, place := range Places() {
		if _, ok := v.words[place][name]; ok && place != not {
			places = append(places, place)
		}
	}
	return places
}

// isStepWord reports whether a step cannot be called name, because it is a word
// that stands in steps.
func (v *vocabulary) isStepWord(name string) bool {
	_, ok := v.words[InReaction][name]
	return ok
}
