package build

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"rondo/topology/layout"
)

// NamedStep is a step of a list.
type NamedStep struct {
	entry *layout.Entry
	err   error
}

// Step is a step with its name and its words.
func Step(name string, parts ...Part) NamedStep {
	n, err := body(parts)
	return NamedStep{&layout.Entry{Key: name, Value: n}, err}
}

func stepsOf(name string, steps []NamedStep) Part {
	var items []*layout.Node
	var errs []error
	for _, s := range steps {
		items, errs = append(items, layout.Block(s.entry)), append(errs, s.err)
	}
	return word(name, layout.Steps(items...), errors.Join(errs...))
}

// bareUndo is the word of Undo, which is written as a whole step.
const bareUndo = "compensate"

// body is the words of a step or reaction; several Cases are a list.
func body(parts []Part) (*layout.Node, error) {
	entries, err := joined(parts)
	switch {
	case len(entries) == 1 && entries[0].Key == "":
		return entries[0].Value, err
	case len(entries) > 0 && entries[0].Key == caseWord:
		return cases(entries), errors.Join(err, onlyCases(entries))
	}
	for _, e := range entries {
		if e.Key == "" || e.Key == caseWord {
			err = errors.Join(err, errors.New("Undo is a whole step, and Case stands beside other Cases only"))
		}
	}
	return layout.Step(entries...), err
}

// Undo is the bare word `compensate` as a whole step or reaction: it undoes what
// was done, newest first.
func Undo() Part { return word("", layout.Text(bareUndo), nil) }

// On is a reaction: what is done when a message comes or an error is caught. Its
// alternatives, if there are several, are made with Case.
func On(name string, parts ...Part) Part {
	n, err := body(parts)
	return word(name, n, err)
}

// caseWord marks a part as an alternative. It is no word of the language.
const caseWord = "case"

// Case is one of several alternatives, of On, Child or Switch: the first whose
// When holds is taken.
func Case(parts ...Part) Part {
	n, err := body(parts)
	return word(caseWord, n, err)
}

func cases(entries []*layout.Entry) *layout.Node {
	var items []*layout.Node
	for _, e := range entries {
		items = append(items, e.Value)
	}
	return layout.Steps(items...)
}

func onlyCases(entries []*layout.Entry) error {
	for _, e := range entries {
		if e.Key != caseWord {
			return fmt.Errorf("beside a Case only other Cases can stand, not %q", e.Key)
		}
	}
	return nil
}

func rulesOf(name string, rules []Part) Part {
	if len(rules) > 1 {
		return block(name, rules)
	}
	return flow(name, rules)
}

// If leaves the step out unless it holds.
func If(expression string) Part { return word("if", layout.Bare(expression), nil) }

// Set sets a variable. Several in one step are one `set`.
func Set(variable string, value any) Part { return entryOf("set", variable, value) }

// Send sends a message. With Await it is a call.
func Send(message string) Part { return word("send", layout.Text(message), nil) }

// With is what is sent, or what a child is given, as a mapping. Several add to
// one another; without fields it is an empty mapping.
func With(fields ...Entry) Part {
	n, err := fieldsNode(fields)
	p := word("with", n, err)
	p.merge = true
	return p
}

// WithValue is what is sent, as a value of any kind.
func WithValue(value any) Part {
	n, err := node(value)
	return word("with", n, err)
}

// Tombstone sends a record without a payload: `with: null`.
func Tombstone() Part { return WithValue(nil) }

// Header is a header of what is sent.
func Header(name string, value any) Part { return entryOf("headers", name, value) }

// Await has the outcomes of a call; of a child the only one is "completed".
func Await(rules ...Part) Part { return rulesOf("await", rules) }

// Listen waits for events without sending.
func Listen(rules ...Part) Part { return rulesOf("listen", rules) }

// Until listens until it holds.
func Until(expression string) Part { return word("until", layout.Bare(expression), nil) }

// Idle is the longest silence of a Listen.
func Idle[T time.Duration | Expression](t T) Part { return timed("idle", t) }

// Wait lets time pass: for a duration, or until a time that an expression gives.
func Wait[T time.Duration | Expression](t T) Part { return timed("wait", t) }

// Switch does the first alternative that holds. They are made with Case.
func Switch(alternatives ...Part) Part {
	entries, err := joined(alternatives)
	return word("switch", cases(entries), errors.Join(err, onlyCases(entries)))
}

// Fork runs lists of steps side by side. They are made with Branch.
func Fork(branches ...Part) Part { return block("fork", branches) }

// Branch is one of the lists of a Fork.
func Branch(name string, steps ...NamedStep) Part { return stepsOf(name, steps) }

// JoinAny goes on when one branch or iteration has finished; without a join all
// must.
func JoinAny() Part { return word("join", layout.Text("any"), nil) }

// Join goes on when so many branches or iterations have finished.
func Join(n int) Part { return word("join", layout.Int(int64(n)), nil) }

// For is a loop, over Each, or While something holds, or both. Its steps are the
// Do beside it.
func For(parts ...Part) Part { return flow("for", parts) }

// Each says over what a loop goes: the variable of the item, and an expression for
// the list.
func Each(variable, in string) Part { return each(variable, layout.Bare(in), nil) }

// EachOf is Each over a list of values.
func EachOf(variable string, in ...any) Part {
	n, err := node(in)
	return each(variable, n, err)
}

func each(variable string, in *layout.Node, err error) Part {
	return Part{entries: []*layout.Entry{{Key: "each", Value: layout.Text(variable)}, {Key: "in", Value: in}}, err: err}
}

// While is tested before each iteration begins.
func While(expression string) Part { return word("while", layout.Bare(expression), nil) }

// Parallel is how many iterations are under way at once.
func Parallel(n int) Part { return word("parallel", layout.Int(int64(n)), nil) }

// Collect makes a list of what the finished iterations give.
func Collect(list string, element any) Part { return entryOf("collect", list, element) }

// Run begins a child workflow. With Await it is a call.
func Run(workflow string) Part { return word("run", layout.Text(workflow), nil) }

// Raise raises an error by name, with Note and Data.
func Raise[T string | Expression](name T, details ...Part) Part {
	if len(details) == 0 {
		return word("raise", named(name), nil)
	}
	return flow("raise", append([]Part{word("error", named(name), nil)}, details...))
}

// Complete finishes the instance, wherever it stands.
func Complete() Part { return word("end", layout.Text("complete"), nil) }

// Fail finishes the instance as failed, with Note and Data.
func Fail[T string | Expression](name T, details ...Part) Part {
	return flow("end", append([]Part{word("fail", named(name), nil)}, details...))
}

// Note is the `message` of an error: a sentence for people.
func Note(value any) Part {
	n, err := node(value)
	return word("message", n, err)
}

// Data goes with an error.
func Data(value any) Part {
	n, err := node(value)
	return word("data", n, err)
}

// Timeout is the time of one attempt of a call, or of the whole of another step;
// of a message, that of every call that sends it.
func Timeout[T time.Duration | Expression](t T) Part { return timed("timeout", t) }

// Retry is the attempts of a call, or of every call that sends a message.
func Retry(parts ...Part) Part { return flow("retry", parts) }

// Attempts is how many there are, the first included.
func Attempts(n int) Part { return word("attempts", layout.Int(int64(n)), nil) }

// Unlimited is attempts without end.
func Unlimited() Part { return word("attempts", layout.Text("unlimited"), nil) }

// Backoff is the pause after the first attempt.
func Backoff(d time.Duration) Part { return fixed("backoff", d) }

// Max is the longest pause.
func Max(d time.Duration) Part { return fixed("max", d) }

// Within is the time after which no attempt begins.
func Within(d time.Duration) Part { return fixed("within", d) }

// Factor is by how much each pause is longer than the one before, in at most
// three decimals.
func Factor(f float64) Part { return word("factor", number(f), nil) }

// Jitter is by which part of itself a pause varies, in at most three decimals.
func Jitter(f float64) Part { return word("jitter", number(f), nil) }

func number(f float64) *layout.Node {
	return layout.Number(strconv.FormatFloat(f, 'f', -1, 64))
}

// Errors are those after which another attempt is made.
func Errors(names ...string) Part { return word("errors", texts(names), nil) }

// Then is where to go next: a step's name, "exit", or an expression for one.
func Then[T string | Expression](target T) Part { return word("then", named(target), nil) }

// Compensate says how to undo the step.
func Compensate(parts ...Part) Part {
	n, err := body(parts)
	return word("compensate", n, err)
}
