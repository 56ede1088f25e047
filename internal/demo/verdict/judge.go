package verdict

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Rules are what a story promises beside what every story does.
type Rules struct {
	Words Words
	// Begins reports whether an input begins the case of its key.
	Begins func(*Record) bool
	// Calls bound how often steps are visited.
	Calls []Call
	// Stateless demands that nothing about the run's cases is in the changelog.
	Stateless bool
	// Case demands what the story promises of a case that began, and counts it.
	Case func(*Report, *Case)
}

// Call is what a story allows one of its calls.
type Call struct {
	Kind     string // of the command
	Visits   int    // of its step, per case; 0: any number
	Attempts int    // of one visit; 0: any number
}

// Judge holds the books of a run against the rules. It is a pure function: the
// counts and violations of the report are its own, latency, kills and times are
// left to the caller.
func Judge(books *Books, rules Rules) *Report {
	report := &Report{Words: rules.Words}
	report.checkEnd(books) // first, for it often explains the rest
	cases := newCasebook(books, rules.Begins, report)
	inputs := inputsOf(books)
	for _, c := range cases.sorted() {
		if c.Began == nil {
			continue // an input to what never began does nothing
		}
		for _, cmd := range c.Commands {
			report.checkAttempts(c, cmd)
			report.checkCause(c, cmd, inputs)
		}
		report.checkEffects(c)
		report.checkCalls(c, rules.Calls)
		report.checkCompensations(c)
		rules.Case(report, c)
	}
	if rules.Stateless {
		report.checkStored(books)
	}
	return report
}

// Add notes a violation.
func (r *Report) Add(code Code, key, text string, at *Place) {
	r.Violations = append(r.Violations, Violation{Code: code, Case: key, Text: text, At: at})
}

// inputsOf finds the key of every record that may have caused a command.
func inputsOf(books *Books) map[string]string {
	inputs := make(map[string]string, len(books.Inputs))
	for _, rec := range books.Inputs {
		inputs[rec.Place.String()] = rec.Key
	}
	return inputs
}

// checkAttempts demands attempts 1, 2, 3…, each once and in this order, of one
// and the same command.
func (r *Report) checkAttempts(c *Case, cmd *Command) {
	first := cmd.First()
	want := 1
	for i, rec := range cmd.Records {
		if !sameCommand(first, &rec) {
			r.Add(ChangedCommand, c.Key, fmt.Sprintf("%s %s: attempt %d is another command than the one at %s",
				cmd.Kind, cmd.ID, cmd.Attempts[i], first.Place), &rec.Place)
		}
		switch attempt := cmd.Attempts[i]; {
		case attempt == want:
			want++
		case attempt < want:
			r.DuplicateCommands++
			r.Add(DuplicateCommand, c.Key, fmt.Sprintf("%s %s attempt %d is there already", cmd.Kind, cmd.ID, attempt), &rec.Place)
		default:
			r.Add(MissingAttempt, c.Key, fmt.Sprintf("%s %s: attempt %d where %d should come", cmd.Kind, cmd.ID, attempt, want), &rec.Place)
			want = attempt + 1
		}
	}
}

// sameCommand compares what may not differ between attempts.
func sameCommand(a, b *Record) bool {
	if a.Topic != b.Topic || a.Partition != b.Partition || a.Key != b.Key || !bytes.Equal(a.Value, b.Value) {
		return false
	}
	for _, name := range []string{"type", "rondo-workflow", "rondo-step", "rondo-compensates"} {
		if a.Headers[name] != b.Headers[name] {
			return false
		}
	}
	return true
}

// checkCause demands that the record named by rondo-cause is there and belongs
// to the same case. A timer's command names none.
func (r *Report) checkCause(c *Case, cmd *Command, inputs map[string]string) {
	for _, rec := range cmd.Records {
		cause := rec.Headers["rondo-cause"]
		if cause == "" {
			continue
		}
		key, ok := inputs[cause]
		switch {
		case !ok:
			r.Add(NoCause, c.Key, fmt.Sprintf("%s caused by %s, where the run has no input", cmd.Kind, cause), &rec.Place)
		case key != c.Key:
			r.Add(NoCause, c.Key, fmt.Sprintf("%s caused by %s, which is of %s", cmd.Kind, cause, key), &rec.Place)
		}
	}
}

// checkEffects demands that one input made one step send one command: an input
// that was decided twice shows here, even if the second got ids of its own.
func (r *Report) checkEffects(c *Case) {
	seen := map[string]string{}
	for _, cmd := range c.Commands {
		rec := cmd.First()
		cause := rec.Headers["rondo-cause"]
		if cause == "" {
			continue
		}
		// Branches send the same step's command for one input: their payloads tell them apart.
		effect := strings.Join([]string{cause, cmd.Step, cmd.Kind, cmd.Undoes, string(rec.Value)}, " ")
		if other, twice := seen[effect]; twice {
			r.Add(SameEffectTwice, c.Key, fmt.Sprintf("%s by step %s, caused by %s, as %s and as %s", cmd.Kind, cmd.Step, cause, other, cmd.ID), &rec.Place)
		}
		seen[effect] = cmd.ID
	}
}

// checkCalls demands that steps were not visited, and commands not tried, more
// often than the story can.
func (r *Report) checkCalls(c *Case, calls []Call) {
	for _, call := range calls {
		cmds := c.Of(call.Kind)
		if call.Visits > 0 && len(cmds) > call.Visits {
			extra := cmds[call.Visits].First()
			r.Add(SecondVisit, c.Key, fmt.Sprintf("%d commands %s, at most %d can be", len(cmds), call.Kind, call.Visits), &extra.Place)
		}
		for _, cmd := range cmds {
			if call.Attempts > 0 && cmd.AttemptMax > call.Attempts {
				r.Add(ExtraAttempt, c.Key, fmt.Sprintf("%s %s: attempt %d, at most %d can be", cmd.Kind, cmd.ID, cmd.AttemptMax, call.Attempts), &cmd.Records[len(cmd.Records)-1].Place)
			}
		}
	}
}

// checkCompensations demands that each compensation undoes a command of the
// case, and none is undone twice.
func (r *Report) checkCompensations(c *Case) {
	seen := map[string]*Command{}
	for _, cmd := range c.Commands {
		if cmd.Undoes == "" {
			continue
		}
		if c.Command(cmd.Undoes) == nil {
			r.Add(BadCommand, c.Key, fmt.Sprintf("%s undoes %s, which was never sent", cmd.Kind, cmd.Undoes), &cmd.First().Place)
		}
		if other, twice := seen[cmd.Undoes]; twice {
			r.Add(UndoneTwice, c.Key, fmt.Sprintf("%s is undone by %s and by %s", cmd.Undoes, other.ID, cmd.ID), &cmd.First().Place)
		}
		seen[cmd.Undoes] = cmd
	}
}

// OneOutcome demands that a case ended in exactly one of the outcomes and
// returns it; nil if there is none, and then the case is counted as lost or
// unfinished.
func (r *Report) OneOutcome(c *Case, outcomes []*Command) *Command {
	switch {
	case len(outcomes) == 0 && len(c.Commands) == 0:
		r.Lost++
		r.Add(Lost, c.Key, "no command and no outcome", &c.Began.Place)
		return nil
	case len(outcomes) == 0:
		r.Unfinished++
		r.Add(Unfinished, c.Key, "no outcome; last sent "+lastCommand(c), &c.Began.Place)
		return nil
	case len(outcomes) > 1:
		r.Add(TwoOutcomes, c.Key, fmt.Sprintf("%d outcomes: %s", len(outcomes), kinds(outcomes)), &outcomes[1].First().Place)
	}
	return outcomes[0]
}

func lastCommand(c *Case) string {
	last := c.Commands[len(c.Commands)-1]
	for _, cmd := range c.Commands {
		if cmd.LastTime().After(last.LastTime()) {
			last = cmd
		}
	}
	return fmt.Sprintf("%s, attempt %d", last.Kind, last.AttemptMax)
}

func kinds(cmds []*Command) string {
	names := make([]string, len(cmds))
	for i, c := range cmds {
		names[i] = c.Kind + " at " + c.First().Place.String()
	}
	return strings.Join(names, ", ")
}

// checkStored demands that no record of the changelog is about a case of the
// run. Its keys are a workflow, a slash and the instance's key.
func (r *Report) checkStored(books *Books) {
	for _, rec := range books.Changelog {
		if _, key, ok := strings.Cut(rec.Key, "/"); ok && books.ofRun(key) {
			r.Add(Stored, key, "something was stored", &rec.Place)
		}
	}
}

// checkEnd demands that nothing is left behind the run.
func (r *Report) checkEnd(books *Books) {
	for _, rec := range books.DeadLetters {
		r.Add(DeadLetter, rec.Key, deadLetterText(&rec), &rec.Place)
	}
	for _, at := range books.Open {
		r.Add(OpenTransaction, "", "a transaction was left open; nothing from here on can be read", &at)
	}
	for _, at := range books.Unread {
		r.Add(UnreadInput, "", "the orchestrator has not read from here on", &at)
	}
}

// deadLetterHeaders is how the headers begin that say why.
const deadLetterHeaders = "__rondo.errors."

// deadLetterText puts the headers of a dead letter in one line, in the order of
// their names.
func deadLetterText(rec *Record) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(rec.Headers)) {
		if about, ok := strings.CutPrefix(name, deadLetterHeaders); ok {
			parts = append(parts, about+"="+strconv.Quote(rec.Headers[name]))
		}
	}
	if len(parts) == 0 {
		return "a dead letter without a reason"
	}
	return strings.Join(parts, " ")
}
