package topology_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rondo/topology"
	"rondo/topology/script"
	"rondo/topology/value"
)

// TestLettersUnderArbitraryInputs plays anything to made-up workflows that run
// children, are found by another key and send limited commands; and letters that
// nobody expects.
func TestLettersUnderArbitraryInputs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := topology.Limits{StepsAtOnce: 7, StepsUnasked: 40, Held: 2, Queue: 3, Starts: 2, Entries: 10, Branches: 4, Instance: 6000, Correlate: 2, Members: 1}
		p := newPlay(t, compiled(t, lettersDefinition(t), limits), compiled(t, childDefinition(t), limits))
		for range rapid.IntRange(1, 30).Draw(t, "length") {
			p.step(anyPayload)
		}
		checkGates(t, p.memory)
	})
}

func compiled(t *rapid.T, def *topology.Definition, limits topology.Limits) *topology.Plan {
	plan, found := topology.Compile(def, topology.Options{Application: "shop", Encode: encodeJSON, Limits: limits})
	if found.HasErrors() {
		t.Fatalf("compile: %v", found)
	}
	return plan
}

// lettersDefinition is any definition, with what writes letters put into it.
func lettersDefinition(t *rapid.T) *topology.Definition {
	def := anyDefinition(t)
	for _, m := range def.Messages {
		switch m.Name {
		case "C":
			m.Limit = &topology.Limit{Open: 1}
		case "D":
			m.Limit = &topology.Limit{Rate: 2, Per: time.Second, Open: rapid.IntRange(0, 2).Draw(t, "open")}
		case "M3":
			m.Correlate = "n"
		case "M1":
			m.Early.Hold = rapid.SampledFrom([]time.Duration{0, time.Minute}).Draw(t, "early hold")
		}
	}
	def.Child = []*topology.Step{{Set: []topology.Assignment{{Name: "n", Value: expression("event")}}}}
	run := &topology.Run{Workflow: rapid.SampledFrom([]string{"child", "child", "nobody"}).Draw(t, "child"), Key: &topology.Expr{Text: "'kid'"}, With: expression("n")}
	kid := &topology.Step{Name: "kid", Action: run, Compensate: &topology.Step{Action: &topology.Send{Message: "D"}}}
	if rapid.IntRange(0, 3).Draw(t, "awaited") > 0 {
		run.Await = []*topology.Rule{{Name: "completed", Alternatives: []*topology.Step{{When: &topology.Expr{Text: "event != 1"}, Set: []topology.Assignment{{Name: "m", Value: expression("0")}}}}}}
		kid.Timeout = rapid.SampledFrom([]*topology.When{nil, {Duration: time.Minute}}).Draw(t, "timeout of the child")
		kid.Catch = []*topology.Rule{{Name: "any", Alternatives: []*topology.Step{{}}}}
	}
	at := rapid.IntRange(0, len(def.Do)).Draw(t, "where")
	def.Do = append(slices.Insert(def.Do, at, kid), &topology.Step{Name: "tell", Action: &topology.Send{Message: "C"}})
	return def
}

func childDefinition(t *rapid.T) *topology.Definition {
	def := &topology.Definition{Name: "child", Version: 1}
	def.Again = rapid.SampledFrom([]topology.Again{topology.AgainNever, topology.AgainEnded, topology.AgainQueue, topology.AgainRestart}).Draw(t, "again of the child")
	def.Schedule = &topology.Schedule{Every: time.Minute, Key: &topology.Expr{Text: "'kid'"}, Reaction: &topology.Step{}}
	def.Child = []*topology.Step{{When: &topology.Expr{Text: "event != 5"}, Set: []topology.Assignment{{Name: "x", Value: expression("event")}}}}
	def.Do = []*topology.Step{
		{Name: "rest", Action: &topology.Wait{For: &topology.When{Duration: rapid.SampledFrom([]time.Duration{0, time.Second, 5 * time.Minute}).Draw(t, "rest")}}},
		{Name: "odd", If: &topology.Expr{Text: "x == 0"}, Action: &topology.Raise{Error: "odd"}},
		{Name: "fault", Set: []topology.Assignment{{Name: "x", Value: expression("x == null ? 0 : x + 1")}}},
	}
	def.Output = expression("x")
	return def
}

// letter draws one that comes.
func (p *play) letter() func(w *script.World) ([]script.Decided, error) {
	l := p.anyLetter()
	return func(w *script.World) ([]script.Decided, error) { return w.Deliver(l) }
}

// anyLetter draws one that may fit nothing.
func (p *play) anyLetter() topology.Letter {
	kind := rapid.SampledFrom([]topology.LetterKind{topology.LetterRun, topology.LetterOutcome, topology.LetterCancel, topology.LetterAnnounce,
		topology.LetterWithdraw, topology.LetterRelay, topology.LetterBegin, topology.LetterAsk, topology.LetterGrant, topology.LetterRelease, "nonsense"}).Draw(p.t, "letter")
	commands := append([]string{"c1", "c2"}, p.runs...)
	for _, key := range p.memory.Keys() {
		for _, b := range p.memory.Instance(key).Branches {
			for _, f := range b.Frames {
				if f.Call != nil {
					commands = append(commands, f.Call.Command)
				}
			}
		}
	}
	name := p.memory.Plan.Definition().Name
	l := topology.Letter{
		Kind: kind, To: topology.Address{Workflow: name, Key: rapid.SampledFrom([]string{"a", "b"}).Draw(p.t, "to")},
		From: topology.Address{Workflow: "elsewhere", Key: "x"}, Run: rapid.SampledFrom([]string{"", "in/0/0"}).Draw(p.t, "run"),
		Command: rapid.SampledFrom(commands).Draw(p.t, "command"), Message: "C", Awaited: rapid.Bool().Draw(p.t, "awaits"),
		Value:  rapid.SampledFrom([]value.Value{nil, int64(1), "text"}).Draw(p.t, "value"),
		Status: rapid.SampledFrom([]topology.Status{topology.StatusCompleted, topology.StatusFailed, topology.StatusTerminated, ""}).Draw(p.t, "status"),
	}
	if kind == topology.LetterRun || kind == topology.LetterBegin { // no command is given twice: runs are named by it
		l.Command = fmt.Sprintf("c1.%d", len(p.decided))
		p.runs = append(p.runs, l.Command)
	}
	if rapid.Bool().Draw(p.t, "why") {
		l.Failure = &topology.Failure{Name: rapid.SampledFrom([]string{"oops", "fault", "cancelled"}).Draw(p.t, "error")}
	}
	if kind == topology.LetterRelay && rapid.Bool().Draw(p.t, "with an event") {
		l.Event = event("M1", "id", "a")
		l.Event.Record.Offset = int64(1_000_000 + len(p.decided)) // none comes twice
	}
	l.To.Desk = rapid.SampledFrom([]string{"", "", "", "gate.C", "gate.Nobody", "mailbox.n", "schedule", "strange"}).Draw(p.t, "desk")
	if l.To.Desk == "schedule" { // there is one
		l.To = topology.ScheduleAddress(name)
	}
	return l
}

// checkGates: whoever waits at a gate is one that asks there, and no place is taken
// by a call that is over. Letters that nobody expected may have asked besides.
func checkGates(t *rapid.T, w *script.World) {
	gate := w.Instances["any!gate.C/C"]
	if gate == nil {
		return
	}
	for _, leave := range gate.Counter.Open {
		if len(leave.Command) == 32 && !isOpen(w, leave.Command) {
			t.Fatalf("the call %s is over, and its place at the gate is not free", leave.Command)
		}
	}
}

func isOpen(w *script.World, command string) bool {
	for _, key := range w.Keys() {
		for _, b := range w.Instance(key).Branches {
			for _, f := range b.Frames {
				if f.Call != nil && !f.Call.Over && f.Call.Command == command {
					return true
				}
			}
		}
	}
	return false
}
