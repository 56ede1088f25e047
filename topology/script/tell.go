package script

import (
	"fmt"
	"io"
	"strings"
	"time"

	"rondo/topology"
	"rondo/topology/value"
)

// Teller tells decisions so that somebody who knows the business can read them:
//
//	+2s taken by pay.PaymentDeclined
//	  pay.PaymentDeclined sets declines
//	  raise pay declined
//	  = running at new-card, until +10m2s, to undo: reserve
//
// Times count from Start. Commands are numbered in the order of sending: #1, #2;
// what may have to be undone has a question mark while it is in doubt.
type Teller struct {
	out      io.Writer
	workflow string            // of the first that is told of
	ids      map[string]string // command id → #1
}

// NewTeller returns a Teller that writes to out, whose errors it does not see.
func NewTeller(out io.Writer) *Teller { return &Teller{out: out, ids: map[string]string{}} }

// Number returns the number of a command that was told about, like "#1"; "" for
// another.
func (t *Teller) Number(id string) string { return t.ids[id] }

// Tell tells what was decided.
func (t *Teller) Tell(decided []Decided) {
	if len(decided) == 0 {
		t.line("  nothing happens")
	}
	for _, d := range decided {
		t.tell(d)
	}
}

func (t *Teller) line(format string, args ...any) { fmt.Fprintf(t.out, format+"\n", args...) }

func (t *Teller) tell(d Decided) {
	text := since(d.At) + " " + t.whose(d.To) + string(d.Decision.Outcome)
	if d.Decision.Taker != "" {
		text += " by " + d.Decision.Taker
	}
	if why := d.Decision.DeadLetter; why != nil {
		text += " letter: " + why.Reason + ": " + why.Text
	}
	t.line("%s", text)
	t.trace(d.Decision)
	for _, l := range d.Decision.Letters {
		t.letter(l)
	}
	if f := d.Decision.Fault; f != nil {
		t.line("  INCIDENT %s at %s: %s", f.Kind, f.Place, f.Text)
	}
	if d.Decision.Changed && d.Decision.Instance != nil {
		t.line("  = %s", stateText(d.Decision.Instance, d.Decision.More))
	}
}

// whose names an instance of another workflow than the first that is told of, and
// a desk.
func (t *Teller) whose(to topology.Address) string {
	if t.workflow == "" {
		t.workflow = to.Workflow
	}
	if to == (topology.Address{}) || to.Workflow == t.workflow && to.Desk == "" {
		return ""
	}
	return to.String() + " "
}

func since(at topology.Instant) string {
	return "+" + topology.FormatDuration(time.Duration(at-Start)*time.Millisecond)
}

// trace tells what happened, with the commands where they were sent.
func (t *Teller) trace(d topology.Decision) {
	commands := d.Commands
	for i := 0; i < len(d.Trace); i++ {
		step := d.Trace[i]
		switch step.Kind {
		case "enter":
		case "start", "take":
			if step.Step != d.Taker {
				t.line("  %s", words(step.Kind, step.Step, step.Text))
			}
		case "send", "retry":
			t.command(commands[0])
			commands = commands[1:]
		case "set":
			names := setBy(d.Trace[i:])
			t.line("  %s", words(step.Step, "sets", strings.Join(names, ", ")))
			i += len(names) - 1
		default:
			t.line("  %s", words(step.Kind, step.Step, step.Text))
		}
	}
}

func words(parts ...string) string {
	return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
}

// setBy returns the variables that one step sets, from the first entry on.
func setBy(trace []topology.Trace) []string {
	var names []string
	for _, step := range trace {
		if step.Kind != "set" || step.Step != trace[0].Step {
			break
		}
		names = append(names, step.Text)
	}
	return names
}

// letter tells what is written to another instance or a desk.
func (t *Teller) letter(l topology.Letter) {
	text := "writes " + string(l.Kind) + " to " + l.To.String()
	if l.Command != "" && l.Kind != topology.LetterBegin {
		text += " " + t.number(l.Command)
	}
	if l.Value != nil {
		text += " " + value.Format(t.named(l.Value))
	}
	if l.Event != nil {
		text += " " + l.Event.Message
	}
	if l.Status != "" {
		text += " " + string(l.Status)
	}
	if l.Failure != nil && l.Failure.Name != string(l.Status) {
		text += " " + l.Failure.Name
	}
	t.line("  %s", text)
}

// number is the number of a command, which it gets when it is told of first.
func (t *Teller) number(id string) string {
	if t.ids[id] == "" {
		t.ids[id] = fmt.Sprintf("#%d", len(t.ids)+1)
	}
	return t.ids[id]
}

func (t *Teller) command(c topology.Command) {
	t.number(c.ID)
	text := fmt.Sprintf("%s sends %s %s %s", c.Step, c.Message, value.Format(t.named(c.Payload)), t.ids[c.ID])
	if c.Attempt > 1 {
		text += fmt.Sprintf(" attempt %d", c.Attempt)
	}
	if c.Compensates != "" {
		text += " undoes " + t.ids[c.Compensates]
	}
	if c.Headers.Len() > 0 {
		text += " headers " + value.Format(c.Headers)
	}
	t.line("  %s", text)
}

// named shows ids of commands by their numbers.
func (t *Teller) named(v value.Value) value.Value {
	switch v := v.(type) {
	case string:
		if name := t.ids[v]; name != "" {
			return name
		}
	case *value.Map:
		out := v
		for key, item := range v.All() {
			out = out.With(key, t.named(item))
		}
		return out
	}
	return v
}

// stateText tells where an instance stands.
func stateText(i *topology.Instance, more bool) string {
	text := string(i.Status)
	if places := i.Places(); len(places) > 0 {
		text += " at " + strings.Join(places, ", ")
	}
	if due, ok := i.NextTimer(); ok {
		text += ", until " + since(due)
	}
	if len(i.Held) > 0 {
		text += fmt.Sprintf(", holds %d", len(i.Held))
	}
	if n := len(i.Queue) + len(i.Starts); n > 0 {
		text += fmt.Sprintf(", queue of %d", n)
	}
	if i.EntryCount() > 0 {
		text += ", to undo:"
	}
	for e := range i.AllEntries() {
		text += " " + e.Place
		if !e.Done {
			text += "?"
		}
	}
	if more {
		text += ", more"
	}
	return text
}
