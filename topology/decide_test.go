package topology_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rondo/topology"
	"rondo/topology/script"
	"rondo/topology/value"
)

const small = `messages:
  Go:   {topic: in, key: event.id}
  Note: {topic: in, key: event.id}
  Ask:  {topic: out}
  Yes:  {topic: in, key: event.id}
start: {Go: {set: {n: 0}}}
`

func goEvent() *topology.Event { return event("Go", "id", "a") }

// An event that comes before the instance is at rest waits its turn, whoever
// does not let it go on first.
func TestEventForABusyInstanceIsQueued(t *testing.T) {
	plan := compile(t, "w.yaml", small+`do:
  - loop: {set: {n: =n + 1}}
  - back: {if: n < 9, then: loop}
  - hear: {listen: {Note: {}}, timeout: 1h}
`, topology.Limits{StepsAtOnce: 5})
	at := script.Start
	first := plan.Decide(nil, "a", topology.Input{At: at, Event: goEvent()})
	if !first.More || !first.Instance.Owes() {
		t.Fatalf("%+v", first)
	}
	if due, ok := first.Instance.NextTimer(); !ok || due > at {
		t.Error("one that is not at rest must be due at once")
	}
	second := plan.Decide(first.Instance, "a", topology.Input{At: at, Event: event("Note", "id", "a")})
	if second.Outcome != topology.Queued || !second.More {
		t.Fatalf("%+v", second)
	}
	inst := second.Instance
	for timer := false; inst.Owes(); timer = !timer { // a timer does the same
		d := plan.Decide(inst, "a", topology.Input{At: at, Timer: timer})
		if d.Fault != nil || !d.Changed {
			t.Fatalf("%+v", d)
		}
		inst = d.Instance
	}
	if inst.Status != topology.StatusCompleted {
		t.Errorf("%s at %v", inst.Status, inst.Places())
	}
}

func TestTimeNeverGoesBack(t *testing.T) {
	plan := compile(t, "w.yaml", small+"do:\n  - a: {wait: 1h}\n  - b: {wait: 1h}\n", topology.Limits{})
	first := plan.Decide(nil, "a", topology.Input{At: 5000, Event: goEvent()})
	paused := plan.Decide(first.Instance, "a", topology.Input{At: 3000, Act: &topology.Act{Kind: "pause"}})
	if paused.Instance.At != 5000 {
		t.Errorf("at %d", paused.Instance.At)
	}
}

func TestWhatChangesNothing(t *testing.T) {
	plan := compile(t, "w.yaml", small+"do:\n  - a: {wait: 1h}\n", topology.Limits{})
	inst := plan.Decide(nil, "a", topology.Input{At: 5000, Event: goEvent()}).Instance
	for name, in := range map[string]topology.Input{
		"a timer that is not due": {At: 6000, Timer: true},
		"nothing to go on with":   {At: 6000},
		"an unknown message":      {At: 6000, Event: event("Strange", "id", "a")},
		"an unknown act":          {At: 6000, Act: &topology.Act{Kind: "dance"}},
	} {
		if d := plan.Decide(inst, "a", in); d.Changed || d.Instance != inst || d.Outcome == "" {
			t.Errorf("%s: %+v", name, d)
		}
		if d := plan.Decide(nil, "a", in); d.Changed || d.Instance != nil || d.Outcome == "" {
			t.Errorf("%s, without an instance: %+v", name, d)
		}
	}
}

// An instance of another version of the definition stops, and says so.
func TestInstanceOfAnotherVersionStops(t *testing.T) {
	old := compile(t, "w.yaml", small+"do:\n  - old: {listen: {Note: {}}, timeout: 1h}\n", topology.Limits{})
	plan := compile(t, "w.yaml", small+"do:\n  - new: {listen: {Note: {}}, timeout: 1h}\n", topology.Limits{})
	inst := old.Decide(nil, "a", topology.Input{At: 5000, Event: goEvent()}).Instance
	d := plan.Decide(inst, "a", topology.Input{At: 6000, Event: event("Note", "id", "a")})
	if d.Fault == nil || d.Fault.Kind != "definition" || !strings.Contains(d.Fault.Text, `no step "old"`) {
		t.Fatalf("%+v", d.Fault)
	}
	if d := plan.Decide(d.Instance, "a", topology.Input{At: 6000, Act: &topology.Act{Kind: "terminate"}}); d.Status != topology.StatusTerminated {
		t.Errorf("cannot be terminated: %+v", d)
	}
	again := old.Decide(d.Instance, "a", topology.Input{At: 7000, Act: &topology.Act{Kind: "retry"}})
	if again.Status != topology.StatusCompleted {
		t.Errorf("with its own definition: %+v", again)
	}
}

// TestDamagedInstancesCanOnlyBeTerminated: what no decision has made is no mistake of
// the program.
func TestDamagedInstancesCanOnlyBeTerminated(t *testing.T) {
	plan := compile(t, "w.yaml", small+`do:
  - both: {fork: {a: [{ask: {send: Ask, compensate: {send: Ask}}}], b: [{rest: {wait: 1m}}]}}
`, topology.Limits{})
	main := func(frames ...topology.Frame) *topology.Branch {
		return &topology.Branch{Kind: topology.BranchMain, Frames: frames}
	}
	entry := &topology.Entry{Seq: 1, Place: "ask", Command: "c"}
	for name, inst := range map[string]*topology.Instance{
		"a place that is not there, beside a line": {Branches: []*topology.Branch{
			main(topology.Frame{Place: "nowhere"}), {ID: 1, Kind: topology.BranchUndo, Place: "nowhere"}}},
		"a failed compensation at what is none": {Entries: []*topology.Entry{entry}, Incident: &topology.Incident{Place: "both"},
			Branches: []*topology.Branch{main(topology.Frame{Place: "both", Entry: entry, Loop: &topology.Loop{Count: 2, Begun: 2}})}},
	} {
		inst.Workflow, inst.Key, inst.Version, inst.Run, inst.Status = "test", "a", 1, "in/0/7", topology.StatusIncident
		if d := plan.Decide(inst, "a", topology.Input{At: 5000, Act: &topology.Act{Kind: "retry"}}); d.Fault != nil || d.DeadLetter == nil {
			t.Errorf("%s: retry: %+v", name, d.Fault)
		}
		if d := plan.Decide(inst, "a", topology.Input{At: 5000, Act: &topology.Act{Kind: "terminate"}}); d.Status != topology.StatusTerminated {
			t.Errorf("%s: terminate: %+v", name, d.Fault)
		}
	}
}

// An operator's act that fails itself does not lose what stopped the instance.
func TestActThatFailsKeepsTheCause(t *testing.T) {
	plan := compile(t, "w.yaml", small+`do:
  - ask: {send: Ask, await: {Yes: {set: {n: =event.n}}}, timeout: 1h}
  - hear: {listen: {Note: {}}, timeout: 1h}
catch:
  any: {do: [{bad: {set: {n: =1 / n}}}, {failed: {end: {fail: failed}}}]}
`, topology.Limits{})
	inst := plan.Decide(nil, "a", topology.Input{At: 5000, Event: goEvent()}).Instance
	inst = plan.Decide(inst, "a", topology.Input{At: 5000, Event: event("Yes", "id", "a")}).Instance
	cancelled := plan.Decide(inst, "a", topology.Input{At: 6000, Act: &topology.Act{Kind: "cancel"}})
	if cancelled.Fault == nil || len(cancelled.Instance.Queue) != 1 || cancelled.Instance.Queue[0].Event.Message != "Yes" {
		t.Fatalf("%+v", cancelled)
	}
}

// TestFaultWhileACompensationIsTriedAgain: it stays the incident that it was, and
// can be tried once more.
func TestFaultWhileACompensationIsTriedAgain(t *testing.T) {
	plan := compile(t, "w.yaml", small+`do:
  - ask: {send: Ask, await: {Yes: {}}, timeout: 1h, compensate: {send: Ask, with: {rest: =10 / (command.attempt - 2)}, await: {Yes: {raise: cannot}, Note: {}}, timeout: 1h}}
  - fail: {raise: wrong}
`, topology.Limits{})
	at := topology.Instant(5000)
	decide := func(inst *topology.Instance, in topology.Input) topology.Decision {
		t.Helper()
		in.At = at
		return plan.Decide(inst, "a", in)
	}
	inst := decide(nil, topology.Input{Event: goEvent()}).Instance
	inst = decide(inst, topology.Input{Event: event("Yes", "id", "a")}).Instance
	stopped := decide(inst, topology.Input{Event: event("Yes", "id", "a")})
	if stopped.Fault == nil || stopped.Fault.Kind != "compensation" {
		t.Fatalf("%+v", stopped)
	}
	retry := topology.Input{Act: &topology.Act{Kind: "retry"}}
	for range 2 {
		again := decide(stopped.Instance, retry)
		if again.Fault == nil || again.Fault.Kind != "expression" || again.Instance.Incident.Input != nil {
			t.Fatalf("%+v", again)
		}
		stopped = again
	}
	skipped := decide(stopped.Instance, topology.Input{Act: &topology.Act{Kind: "skip"}})
	if skipped.Status != topology.StatusFailed {
		t.Errorf("%+v", skipped)
	}
}

// TestDecideIsTotal gives instances that no decision has made to a plan: each
// field may be anything. There is a decision, and it can be stored.
func TestDecideIsTotal(t *testing.T) {
	const text = small + `deadline: 1h
anytime: {Note: {do: [{beside: {wait: 1m}}]}}
do:
  - ask: {send: Ask, await: {Yes: {do: [{think: {wait: 1m}}]}}, timeout: 1m, retry: {attempts: 3}, compensate: {send: Ask, await: {Yes: {}}, timeout: 1m}}
  - block: {do: [{hear: {listen: {Note: {}}, until: n > 3, idle: 1m}}], timeout: 1m, catch: {timeout: {do: [{undo: compensate}]}}}
  - both:
      fork: {left: [{left-ask: {send: Ask, await: {Yes: {}}, timeout: 1m, compensate: {send: Ask}}}], right: [{right-wait: {wait: 1m}}]}
      join: any
  - items:
      for: {each: item, in: [1, 2, 3], parallel: 2, while: n < 9}
      do: [{item-ask: {send: Ask, await: {Yes: {set: {got: =index}}}, timeout: 1m, compensate: {send: Ask, with: {item: =item}, await: {Yes: {}}, timeout: 1m}}}]
      join: 2
      collect: {all: =got}
catch: {any: {do: [{undo-all: compensate}, {failed: {end: {fail: =error.name}}}]}}
`
	plan := compile(t, "w.yaml", text, topology.Limits{Instance: 4000})
	newer := compile(t, "w.yaml", "workflow: test\nversion: 2\nmigrate: {from: 1, set: {n: =n}, steps: {ask: hear}}\n"+text, topology.Limits{Instance: 4000})
	rapid.Check(t, func(t *rapid.T) {
		inst, in := strangeInstance(t), strangeInput(t)
		plan := plan
		if in.Act != nil && in.Act.Kind == topology.ActMigrate {
			in.Older, plan = rapid.SampledFrom([]*topology.Plan{nil, plan}).Draw(t, "older"), newer
		}
		before := encoded(t, inst)
		d := plan.Decide(inst, "a", in)
		again := plan.Decide(inst, "a", in)
		if d.Outcome == "" && d.Fault == nil || d.Fault != nil && d.Fault.Kind == "internal" {
			t.Fatalf("%+v %+v", d, d.Fault)
		}
		if !bytes.Equal(encoded(t, d.Instance), encoded(t, again.Instance)) || !bytes.Equal(before, encoded(t, inst)) {
			t.Fatal("other bytes the second time")
		}
	})
}

func strangeInstance(t *rapid.T) *topology.Instance {
	places := []string{"ask", "ask.Yes", "think", "ask.compensate", "ask.compensate.Yes", "block", "hear", "hear.Note", "block.catch.timeout",
		"both", "left-ask", "right-wait", "both.undo", "items", "item-ask", "item-ask.Yes", "items.undo", "item-ask.compensate", "undo", "catch.any", "undo-all", "failed", "anytime.Note", "beside", "start.Go", "uncaught", "nowhere"}
	place := func() string { return rapid.SampledFrom(places).Draw(t, "place") }
	timer := func() topology.Timer { return strangeTimer(t) }
	flag := func(name string) bool { return rapid.Bool().Draw(t, name) }
	inst := &topology.Instance{Workflow: "test", Key: "a", Version: 1, Run: "in/0/7", At: 10, Deadline: timer(), Forget: timer(),
		Owed: flag("owed"), DeadlinePassed: flag("passed"), Sent: 3, Arms: 3, Made: 3,
		Status: topology.Status(rapid.SampledFrom([]string{"running", "compensating", "paused", "incident", "completed", "expected"}).Draw(t, "status"))}
	if flag("counter") {
		inst.Counter = strangeCounter(t)
	}
	if flag("parts") {
		inst.Parts = []*topology.Part{{ID: 1, Value: []any{int64(1), nil}}, {ID: 2, Value: "no list"}}
		inst.PartsMade = 2
	}
	if flag("n") {
		inst.Vars = value.MapOf(map[string]value.Value{"n": int64(1)})
	}
	for seq := range int64(rapid.IntRange(0, 3).Draw(t, "entries")) {
		inst.Entries = append(inst.Entries, &topology.Entry{Seq: seq + 1, Place: place(), Command: "c", Line: strangeLine(t, place)})
	}
	for id := range int64(rapid.IntRange(0, 4).Draw(t, "branches")) {
		b := strangeBranch(t, id, place)
		for range rapid.IntRange(0, 4).Draw(t, "frames") {
			f := topology.Frame{Place: place(), Timeout: timer(), Wake: timer(), Mark: int64(rapid.IntRange(0, 3).Draw(t, "mark"))}
			if flag("loop") {
				f.Loop = strangeLoop(t)
			}
			if flag("call") {
				f.Call = &topology.Call{Command: "c", Attempt: 1, Over: flag("over")}
			}
			if flag("error") {
				f.Error = &topology.Failure{Name: "timeout"}
			}
			if len(inst.Entries) > 0 && flag("entry") {
				f.Entry = inst.Entries[0]
			}
			b.Frames = append(b.Frames, f)
		}
		if flag("next") {
			b.Next = place()
		}
		inst.Branches = append(inst.Branches, b)
	}
	kept := func() *topology.Kept {
		in := strangeInput(t)
		return &topology.Kept{At: 9, Event: in.Event, Timer: in.Timer, Act: in.Act, Letter: in.Letter, Until: timer()}
	}
	if flag("incident") {
		inst.Incident = &topology.Incident{Place: place(), Branch: int64(rapid.IntRange(0, 2).Draw(t, "branch"))}
		if flag("input") {
			inst.Incident.Input = kept()
		}
	}
	if flag("held") {
		inst.Held = []*topology.Kept{{Event: event("Note", "id", "a"), Until: timer()}, kept()}
	}
	if flag("queue") {
		inst.Queue = []*topology.Kept{{At: 9, Event: event("Yes", "id", "a")}, kept()}
	}
	if flag("starts") {
		inst.Starts = []*topology.Kept{{At: 9, Event: goEvent()}, kept()}
	}
	return inst
}

func strangeBranch(t *rapid.T, id int64, place func() string) *topology.Branch {
	kinds := []topology.BranchKind{topology.BranchMain, topology.BranchAnytime, topology.BranchFork, topology.BranchIteration, topology.BranchUndo}
	b := &topology.Branch{ID: id, Kind: topology.BranchMain}
	if rapid.Bool().Draw(t, "other branch") {
		b.Kind = rapid.SampledFrom(kinds).Draw(t, "kind")
		b.Parent = int64(rapid.IntRange(0, 4).Draw(t, "parent"))
		b.Index = rapid.IntRange(-1, 300).Draw(t, "index")
		b.Place = place()
	}
	return b
}

func strangeLoop(t *rapid.T) *topology.Loop {
	number := func(name string) int { return rapid.IntRange(-1, 4).Draw(t, name) }
	parts := func(name string) []int64 { return rapid.SliceOfN(rapid.Int64Range(0, 2), 0, 2).Draw(t, name) }
	return &topology.Loop{Items: parts("items"), Results: parts("results"), Count: number("count"), Begun: number("begun"),
		Finished: number("finished"), Lost: number("lost"), Closed: rapid.Bool().Draw(t, "closed"), Steps: int64(number("steps"))}
}

func strangeLine(t *rapid.T, place func() string) []topology.Side {
	var out []topology.Side
	for range rapid.IntRange(0, 2).Draw(t, "sides") {
		out = append(out, topology.Side{Branch: rapid.Int64Range(0, 4).Draw(t, "side"), Visit: rapid.Int64Range(0, 3).Draw(t, "visit"), Place: place()})
	}
	return out
}

func strangeInput(t *rapid.T) topology.Input {
	in := topology.Input{At: topology.Instant(rapid.IntRange(0, 30).Draw(t, "at"))}
	switch rapid.IntRange(0, 4).Draw(t, "input") {
	case 0:
		in.Timer = true
	case 3:
		in.Letter = strangeLetter(t)
	case 1:
		kind := rapid.SampledFrom([]string{"cancel", "terminate", "pause", "resume", "shift", "retry", "skip", "fail", "set", "jump", "migrate", "nonsense"}).Draw(t, "act")
		in.Act = &topology.Act{Kind: kind, Step: rapid.SampledFrom([]string{"", "ask", "hear", "both", "nowhere"}).Draw(t, "step"),
			Data: rapid.SampledFrom([]value.Value{nil, "oops", value.MapOf(map[string]value.Value{"n": int64(5)})}).Draw(t, "data")}
	case 2:
		e := event(rapid.SampledFrom([]string{"Go", "Note", "Yes", "Strange"}).Draw(t, "message"), "id", "a")
		e.CommandID = rapid.SampledFrom([]string{"", "c"}).Draw(t, "echo")
		in.Event = e
	}
	return in
}

// TestDecidingForADeskIsTotal is TestDecideIsTotal for the desks beside the
// instances: mailboxes, gates and schedules whose records no decision has made. A
// mistake that is recovered is a failure here.
func TestDecidingForADeskIsTotal(t *testing.T) {
	plans := []*topology.Plan{
		compile(t, "w.yaml", small+"do:\n  - ask: {send: Ask}\n", topology.Limits{}),
		compile(t, "w.yaml", `messages:
  Go:   {topic: in, key: event.id}
  Note: {topic: in, key: event.id, correlate: n, early: 1m}
  Ask:  {topic: out, limit: {rate: 2/s, open: 1}}
start: {Go: {set: {n: =event.id}}}
do: [{ask: {send: Ask}}, {hear: {listen: {Note: {}}, timeout: 1h}}]
`, topology.Limits{Held: 2, Members: 2}),
		compile(t, "w.yaml", `messages: {Ask: {topic: out, limit: {rate: 2/s}}}
start: {every: 10ms, key: "event.missed > 0 ? 'a' : ''"}
do: [{ask: {send: Ask}}]
`, topology.Limits{}),
		compile(t, "w.yaml", `messages: {Ask: {topic: out, limit: {open: 2}}}
start: {cron: "0 6 * * *"}
do: [{ask: {send: Ask}}]
`, topology.Limits{}),
	}
	rapid.Check(t, func(t *rapid.T) {
		plan := rapid.SampledFrom(plans).Draw(t, "plan")
		to := topology.Address{Workflow: "test", Key: "a", Desk: rapid.SampledFrom([]string{"mailbox.n", "mailbox.", "gate.Ask", "gate.Nobody", "schedule", "strange"}).Draw(t, "desk")}
		inst, in := strangeDesk(t, to), strangeInput(t)
		before := encoded(t, inst)
		d := plan.DecideAt(to, inst, in)
		again := plan.DecideAt(to, inst, in)
		if d.Outcome == "" || d.DeadLetter != nil && d.DeadLetter.Reason == "internal" {
			t.Fatalf("%+v %+v", d, d.DeadLetter)
		}
		if !bytes.Equal(encoded(t, d.Instance), encoded(t, again.Instance)) || !bytes.Equal(before, encoded(t, inst)) {
			t.Fatal("other bytes the second time")
		}
	})
}

func strangeDesk(t *rapid.T, at topology.Address) *topology.Instance {
	if rapid.IntRange(0, 5).Draw(t, "kept") == 0 {
		return nil
	}
	inst := &topology.Instance{Workflow: at.Workflow, Desk: at.Desk, Key: at.Key, Version: 1, At: 10, Arms: 3, Status: topology.StatusRunning}
	if rapid.Bool().Draw(t, "counter") {
		inst.Counter = strangeCounter(t)
	}
	inst.Parts, inst.PartsMade = strangeParts(t), rapid.Int64Range(0, 3).Draw(t, "parts made")
	for range rapid.IntRange(0, 2).Draw(t, "held") {
		k := &topology.Kept{At: 9, Until: strangeTimer(t)}
		if rapid.Bool().Draw(t, "with an event") {
			k.Event = event(rapid.SampledFrom([]string{"Go", "Note", "Strange"}).Draw(t, "message"), "id", "a")
		}
		inst.Held = append(inst.Held, k)
	}
	return inst
}

func strangeCounter(t *rapid.T) *topology.Counter {
	commands := rapid.SliceOfN(rapid.SampledFrom([]string{"c", "d", ""}), 0, 3)
	c := &topology.Counter{Asking: rapid.SliceOfN(rapid.Int64Range(-1, 4), 0, 3).Draw(t, "asking"),
		Spec: rapid.SampledFrom([]string{"", "every 10ms"}).Draw(t, "spec"), Next: strangeTimer(t),
		Fired: topology.Instant(rapid.Int64().Draw(t, "fired")), Free: rapid.Int64().Draw(t, "free")}
	for _, command := range commands.Draw(t, "open") {
		c.Open = append(c.Open, topology.Leave{Command: command})
	}
	for _, run := range commands.Draw(t, "members") {
		c.Members = append(c.Members, topology.Member{Key: "x", Run: run})
	}
	return c
}

// strangeParts are parts of a gate, of which some are none.
func strangeParts(t *rapid.T) []*topology.Part {
	values := []value.Value{nil, "no list", []any{}, []any{nil}, []any{[]any{"x", "c", true}}, []any{[]any{"x", int64(1)}, []any{"y", "d", false}}}
	var out []*topology.Part
	for id := range int64(rapid.IntRange(0, 3).Draw(t, "parts")) {
		out = append(out, &topology.Part{ID: id + 1, Value: rapid.SampledFrom(values).Draw(t, "part")})
	}
	return out
}

func strangeTimer(t *rapid.T) topology.Timer {
	return topology.Timer{Due: topology.Instant(rapid.IntRange(0, 20).Draw(t, "due")), Arm: int64(rapid.IntRange(0, 3).Draw(t, "arm"))}
}

// strangeLetter may be about anything that an instance or a desk knows.
func strangeLetter(t *rapid.T) *topology.Letter {
	l := &topology.Letter{
		Kind: rapid.SampledFrom([]topology.LetterKind{topology.LetterRun, topology.LetterOutcome, topology.LetterCancel, topology.LetterAnnounce, topology.LetterWithdraw,
			topology.LetterRelay, topology.LetterBegin, topology.LetterAsk, topology.LetterGrant, topology.LetterRelease, "nonsense"}).Draw(t, "letter"),
		From: topology.Address{Workflow: "test", Key: "x"}, Run: rapid.SampledFrom([]string{"", "in/0/7", "c"}).Draw(t, "run"),
		Command: rapid.SampledFrom([]string{"", "c", "d"}).Draw(t, "command"), Message: rapid.SampledFrom([]string{"", "Ask"}).Draw(t, "of"),
		Awaited: rapid.Bool().Draw(t, "awaited"), Value: rapid.SampledFrom([]value.Value{nil, int64(1), "text"}).Draw(t, "value"),
		Status: rapid.SampledFrom([]topology.Status{topology.StatusCompleted, topology.StatusFailed, "", "strange"}).Draw(t, "how"),
	}
	if rapid.Bool().Draw(t, "why") {
		l.Failure = &topology.Failure{Name: "oops"}
	}
	if rapid.Bool().Draw(t, "with an event") {
		l.Event = event("Note", "id", "a")
	}
	return l
}

// TestCommandIDIsForEver: services remember ids, so how they are made never
// changes.
func TestCommandIDIsForEver(t *testing.T) {
	plan := compile(t, "w.yaml", small+"do:\n  - one: {send: Ask}\n  - two: {send: Ask, await: {Yes: {}}, timeout: 1m}\n", topology.Limits{})
	d := plan.Decide(nil, "ä:1", topology.Input{At: 5000, Event: goEvent()})
	owner := sha256.Sum256([]byte("4:shop4:test4:ä:1"))
	for n, c := range d.Commands {
		command := sha256.Sum256(fmt.Appendf(nil, "4:shop4:test4:ä:16:in/0/7%d", n))
		if want := hex.EncodeToString(owner[:6]) + hex.EncodeToString(command[:10]); c.ID != want {
			t.Errorf("command %d: %s, want %s", n, c.ID, want)
		}
	}
	if len(d.Commands) != 2 || d.Commands[1].ID != "d17756db5f0a2288335555131102acc3" {
		t.Errorf("%+v", d.Commands)
	}
}

// A reply to a call of an earlier run of the key is late: the call of the run that
// has taken its place has asked for something else.
func TestReplyToAnEarlierRunIsNotTaken(t *testing.T) {
	plan := compile(t, "w.yaml", small+"again: restart\ndo:\n  - ask: {send: Ask, await: {Yes: {}}, timeout: 1m}\n", topology.Limits{})
	at := script.Start
	decide := func(inst *topology.Instance, e *topology.Event) topology.Decision {
		at += 10
		d := plan.Decide(inst, "a", topology.Input{At: at, Event: e})
		if d.More {
			outcome := d.Outcome
			d = plan.Decide(d.Instance, "a", topology.Input{At: at})
			d.Outcome = outcome
		}
		return d
	}
	first := decide(nil, goEvent())
	again := goEvent()
	again.Record.Offset++
	second := decide(first.Instance, again)
	yes := event("Yes", "id", "a")
	yes.CommandID = first.Commands[0].ID
	late := decide(second.Instance, yes)
	if len(second.Commands) != 1 || late.Outcome != topology.Late {
		t.Fatalf("the reply to the earlier run: %s, %+v", late.Outcome, second)
	}
	yes.CommandID = second.Commands[0].ID
	if d := decide(late.Instance, yes); d.Outcome != topology.Taken {
		t.Errorf("the reply to this run: %s", d.Outcome)
	}
}

// A command that cannot be made is not one that was sent: the next one has its number.
func TestACommandThatCannotBeMadeIsNotCounted(t *testing.T) {
	plan := compile(t, "w.yaml", small+`do:
  - ask: {send: Ask, with: {share: "=div(10, n)"}, await: {Yes: {}}, timeout: 1s, catch: {fault: {}}}
  - tell: {send: Ask, with: {share: "=div(10, n)"}, catch: {fault: {}}}
  - hear: {send: Ask, await: {Yes: {}}, timeout: 1s}
`, topology.Limits{})
	d := plan.Decide(nil, "a", topology.Input{At: script.Start, Event: goEvent()})
	if len(d.Commands) != 1 || d.Instance == nil || d.Instance.Sent != 1 {
		t.Errorf("%d commands, instance %+v", len(d.Commands), d.Instance)
	}
}
