package topology_test

import (
	"strings"
	"testing"

	"rondo/topology"
	"rondo/topology/script"
)

const versionOne = `workflow: move
version: 1
messages: &M
  Go:   {topic: in, key: event.id}
  Note: {topic: in, key: event.id}
  Ask:  {topic: out}
  Yes:  {topic: in, key: event.id}
  Undo: {topic: out}
  Tell: {topic: out}
start: {Go: {set: {n: 0}}}
do:
  - before: {send: Tell, compensate: {send: Undo, with: {of: before}}}
  - ask: {send: Ask, await: {Yes: {}}, timeout: 10s, retry: {attempts: 3, backoff: 1s}, compensate: {send: Undo, with: {of: ask}}}
  - hear: {listen: {Note: {}}, timeout: 1h}
`

func version(t *testing.T, n string, replace ...string) *topology.Plan {
	t.Helper()
	text := strings.NewReplacer(append([]string{" &M", "", "version: 1", "version: " + n}, replace...)...).Replace(versionOne)
	return compile(t, "move.yaml", text, topology.Limits{})
}

// standing returns an instance of version 1 whose call has failed once and is out a
// second time, and that has held a Note.
func standing(t *testing.T, old *topology.Plan) *topology.Instance {
	t.Helper()
	w := script.New(old)
	for _, in := range []script.Incoming{{Message: "Go", Payload: goEvent().Payload}, {Message: "Note", Payload: goEvent().Payload}} {
		if _, err := w.In(in); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.After(11_000_000_000); err != nil {
		t.Fatal(err)
	}
	inst := w.Instance("a")
	if call := inst.Branches[0].Frames[0].Call; call.Attempt != 2 || len(inst.Held) != 1 || len(inst.Entries) != 2 {
		t.Fatalf("%+v", inst)
	}
	return inst
}

func migrate(p, old *topology.Plan, inst *topology.Instance) topology.Decision {
	act := &topology.Act{Kind: topology.ActMigrate, Principal: "ann"}
	return p.Decide(inst, "a", topology.Input{At: script.Start + 12_000, Act: act, Older: old})
}

// A step of the same kind under another name waits on: the same command, attempt
// and timer. What was done before is undone by the newer version.
func TestMigrateKeepsWhatWaits(t *testing.T) {
	old := version(t, "1")
	inst := standing(t, old)
	next := version(t, "2", "ask:", "ask-again:", "of: ask", "of: ask-again", "start: {Go", "migrate: {from: 1, steps: {ask: ask-again}, set: {n: =n + 5, m: =key}}\nstart: {Go")
	if verdict := next.CanMigrate(old, inst, inst.Done()); len(verdict.Refused)+len(verdict.Afresh) > 0 {
		t.Fatalf("%+v", verdict)
	}
	d := migrate(next, old, inst)
	if d.Outcome != topology.Acted || d.Instance.Version != 2 || len(d.Commands) > 0 {
		t.Fatalf("%+v", d)
	}
	was, is := inst.Branches[0].Frames[0], d.Instance.Branches[0].Frames[0]
	if is.Place != "ask-again" || *is.Call != *was.Call || is.Timeout != was.Timeout {
		t.Errorf("was %+v, is %+v", was, is)
	}
	if n, _ := d.Instance.Vars.Lookup("n"); n != int64(5) {
		t.Errorf("n is %v", n)
	}
	if inst.Branches[0].Frames[0].Place != "ask" || inst.Entries[1].Place != "ask" {
		t.Error("the instance that was decided on has changed")
	}
	end := next.Decide(d.Instance, "a", topology.Input{At: script.Start + 13_000, Act: &topology.Act{Kind: topology.ActCancel}})
	if len(end.Commands) != 2 || end.Commands[0].Compensates != was.Call.Command || string(end.Commands[0].Value) != `{"of":"ask-again"}` || string(end.Commands[1].Value) != `{"of":"before"}` {
		t.Errorf("%+v", end.Commands)
	}
	on := next.Decide(d.Instance, "a", topology.Input{At: script.Start + 13_000, Event: event("Yes", "id", "a")})
	if on.Status != topology.StatusCompleted {
		t.Errorf("%s: %v", on.Status, on.Trace) // the Note that was held
	}
}

// Another kind is entered afresh, in a decision of its own; what was held for nobody
// is late.
func TestMigrateEntersAnotherKindAfresh(t *testing.T) {
	old := version(t, "1")
	inst := standing(t, old)
	next := version(t, "2", "hear: {listen: {Note: {}}, timeout: 1h}", "hear: {wait: 1h}",
		"ask: {send: Ask, await: {Yes: {}}, timeout: 10s, retry: {attempts: 3, backoff: 1s}, ", "rest: {wait: 3h, ", "start: {Go", "migrate: {from: 1, steps: {ask: rest}}\nanytime: {Yes: {}, Note: {}}\nstart: {Go")
	if verdict := next.CanMigrate(old, inst, inst.Done()); len(verdict.Refused) > 0 || len(verdict.Afresh) != 1 {
		t.Fatalf("%+v", verdict)
	}
	d := migrate(next, old, inst)
	if d.DeadLetter != nil || !d.More || len(d.Instance.Held) != 0 || len(d.Instance.Entries) != 2 {
		t.Fatalf("%+v", d)
	}
	d = next.Decide(d.Instance, "a", topology.Input{At: script.Start + 12_000})
	if due, _ := d.Instance.NextTimer(); d.More || d.Instance.Places()[0] != "rest" || due != script.Start+12_000+3*3600*1000 {
		t.Errorf("%+v", d)
	}
}

func TestMigrateRefuses(t *testing.T) {
	old := version(t, "1")
	inst := standing(t, old)
	with := func(n string, replace ...string) *topology.Plan {
		return version(t, n, append(replace, "start: {Go", "migrate: {from: 1}\nstart: {Go")...)
	}
	for name, row := range map[string]struct {
		plan, old *topology.Plan
		want      string
	}{
		"the same version": {old, old, "has version 1 already"},
		"no migrate":       {version(t, "2"), old, "says nothing of `migrate`"},
		"unknown old":      {with("2"), nil, "is not deployed"},
		"no such step":     {with("2", "ask:", "other:"), old, "has no step ask"},
		"in another list":  {with("2", "  - ask: {", "  - block: {do: [{ask: {", "{of: ask}}}", "{of: ask}}}}]}"), old, "within block"},
		"cannot be undone": {with("2", "  - before: {send: Tell, compensate: {send: Undo, with: {of: before}}}", "  - before: {send: Tell}"), old, "cannot undo"},
		"a set that fails": {version(t, "2", "start: {Go", "migrate: {from: 1, set: {n: =1 / n}}\nstart: {Go"), old, "is not moved"},
	} {
		t.Run(name, func(t *testing.T) {
			d := migrate(row.plan, row.old, inst)
			if d.DeadLetter == nil || d.DeadLetter.Reason != "act-refused" || !strings.Contains(d.DeadLetter.Text, row.want) || d.Changed {
				t.Errorf("%+v", d.DeadLetter)
			}
		})
	}
}

// What runs in a fork moves with it.
func TestMigrateThroughAFork(t *testing.T) {
	const forked = small + "do: [{both: {fork: {a: [{ask: {send: Ask, await: {Yes: {}}, timeout: 1h}}], b: [{rest: {wait: 1h}}]}}}]\n"
	old := compile(t, "f.yaml", "workflow: move\nversion: 1\n"+forked, topology.Limits{})
	inst := old.Decide(nil, "a", topology.Input{At: script.Start, Event: goEvent()}).Instance
	to := func(text, steps string) *topology.Plan {
		return compile(t, "f.yaml", "workflow: move\nversion: 2\nmigrate: {from: 1, steps: "+steps+"}\n"+text, topology.Limits{})
	}
	renamed := to(strings.NewReplacer("both:", "all:", "rest:", "pause:").Replace(forked), "{both: all, rest: pause}")
	d := migrate(renamed, old, inst)
	if d.DeadLetter != nil || strings.Join(d.Instance.Places(), " ") != "ask pause" {
		t.Fatalf("%+v %v", d.DeadLetter, d.Instance.Places())
	}
	d = renamed.Decide(d.Instance, "a", topology.Input{At: script.Start + 13_000, Event: event("Yes", "id", "a")})
	d = renamed.Decide(d.Instance, "a", topology.Input{At: script.Start + 4_000_000, Timer: true})
	if d.Status != topology.StatusCompleted {
		t.Errorf("%s: %+v", d.Status, d)
	}
}
