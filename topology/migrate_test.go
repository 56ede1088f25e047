package topology_test

import (
	"strings"
	"testing"

	"rondo/topology"
	"rondo/topology/script"
)

// versionOf compiles one version of a workflow whose steps are given.
func versionOf(t *testing.T, version, migrate, steps string) *topology.Plan {
	t.Helper()
	text := "workflow: w\nversion: " + version + "\n" + migrate + small + steps
	def, list := topology.Parse("w.yaml", []byte(text), nil)
	if list.HasErrors() {
		t.Fatal(list)
	}
	plan, list := topology.Compile(def, topology.Options{})
	if list.HasErrors() {
		t.Fatal(list)
	}
	return plan
}

func TestAnInstanceCanMoveIfEachPlaceIsThereWithTheSameKindOfWait(t *testing.T) {
	const asks = "do:\n  - ask: {send: Ask, await: {Yes: {}}, timeout: 1h}\n"
	old := versionOf(t, "1", "", asks)
	inst := old.Decide(nil, "a", topology.Input{At: script.Start, Event: goEvent()}).Instance
	if inst == nil || strings.Join(inst.Places(), " ") != "ask" {
		t.Fatalf("instance %+v", inst)
	}
	for name, c := range map[string]struct {
		migrate, steps string
		refused        string
		afresh         string
		stays          string
	}{
		"the same step":                   {"migrate: {from: 1}\n", asks, "", "", "ask ask"},
		"renamed and mapped":              {"migrate: {from: 1, steps: {ask: demand}}\n", strings.Replace(asks, "- ask:", "- demand:", 1), "", "", "ask demand"},
		"renamed and not mapped":          {"migrate: {from: 1}\n", strings.Replace(asks, "- ask:", "- demand:", 1), "stands at ask, and version 2 has no step ask: map it in migrate.steps", "", ""},
		"another kind under the name":     {"migrate: {from: 1}\n", "do:\n  - ask: {wait: 1h}\n", "stands at ask, a call, and in version 2 ask is a `wait`: map it to another step in migrate.steps", "", ""},
		"mapped to another kind":          {"migrate: {from: 1, steps: {ask: rest}}\n", "do:\n  - rest: {wait: 1h}\n", "", "ask rest", ""},
		"into a block":                    {"migrate: {from: 1}\n", "do:\n  - all: {do: [{ask: {send: Ask, await: {Yes: {}}, timeout: 1h}}]}\n", "stands at ask, which version 2 has within all: only steps that stay where they are can be moved to", "", ""},
		"nothing said":                    {"", asks, "version 2 says nothing of `migrate`: nobody can come to it", "", ""},
		"from another version than it is": {"migrate: {from: 7}\n", asks, "has version 1, and version 2 takes instances of version 7 only", "", ""},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			number := "2"
			if strings.Contains(c.migrate, "7") {
				number = "8"
				c.refused = strings.ReplaceAll(c.refused, "version 2", "version 8")
			}
			got := versionOf(t, number, c.migrate, c.steps).CanMigrate(old, inst, inst.Done())
			afresh := ""
			for _, a := range got.Afresh {
				afresh += a.Old + " " + a.New
			}
			stays := ""
			for _, s := range got.Stays {
				stays += s.Old + " " + s.New
			}
			if strings.Join(got.Refused, "; ") != c.refused || afresh != c.afresh || stays != c.stays {
				t.Errorf("refused %q, afresh %q, stays %q; want %q, %q, %q", got.Refused, afresh, stays, c.refused, c.afresh, c.stays)
			}
		})
	}
	if got := old.CanMigrate(old, inst, inst.Done()); strings.Join(got.Refused, "; ") != "has version 1 already" {
		t.Errorf("to its own version: %v", got.Refused)
	}
	done := old.Decide(inst, "a", topology.Input{At: script.Start, Event: event("Yes", "id", "a")}).Instance
	if done != nil {
		if got := versionOf(t, "2", "migrate: {from: 1}\n", asks).CanMigrate(old, done, done.Done()); strings.Join(got.Refused, "; ") != "has ended (completed)" {
			t.Errorf("one that has ended: %v", got.Refused)
		}
	}
}

// What was done is undone by the newer version: in the same way, or in another one if
// its author has named the step.
func TestNothingIsUndoneInAnotherWayUnlessThatIsSaid(t *testing.T) {
	const did = "do:\n  - one: {send: Ask, compensate: {send: Ask, with: {undo: =n}}}\n  - hear: {listen: {Note: {}}, timeout: 1h}\n"
	old := versionOf(t, "1", "", did)
	inst := old.Decide(nil, "a", topology.Input{At: script.Start, Event: goEvent()}).Instance
	another := strings.Replace(did, "undo: =n", "undo: =n + 1", 1)
	for name, c := range map[string]struct {
		migrate, steps, refused, otherwise string
	}{
		"in the same way":               {"migrate: {from: 1}\n", did, "", ""},
		"in the same way, renamed":      {"migrate: {from: 1, steps: {one: first}}\n", strings.Replace(did, "one:", "first:", 1), "", ""},
		"the step itself has changed":   {"migrate: {from: 1}\n", strings.Replace(did, "one: {send: Ask,", "one: {send: Ask, with: {x: 1},", 1), "", ""},
		"in another way":                {"migrate: {from: 1}\n", another, "has done one, which version 2 undoes in another way: if that is meant, name it in migrate.steps (one: one)", ""},
		"in another way, which is said": {"migrate: {from: 1, steps: {one: one}}\n", another, "", "one one"},
		"the message goes elsewhere":    {"migrate: {from: 1}\n", "Ask:  {topic: out}=>Ask:  {topic: out2}" + did, "has done one, which version 2 undoes in another way: if that is meant, name it in migrate.steps (one: one)", ""},
		"in no way":                     {"migrate: {from: 1, steps: {one: one}}\n", strings.Replace(did, ", compensate: {send: Ask, with: {undo: =n}}", "", 1), "has done one, which version 2 cannot undo: give it a compensation there", ""},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			messages, steps := small, c.steps
			if change, rest, ok := strings.Cut(c.steps, "do:"); ok && change != "" {
				was, is, _ := strings.Cut(change, "=>")
				messages, steps = strings.Replace(small, was, is, 1), "do:"+rest
			}
			next := compile(t, "w.yaml", "workflow: w\nversion: 2\n"+c.migrate+messages+steps, topology.Limits{})
			got := next.CanMigrate(old, inst, inst.Done())
			otherwise := ""
			for _, o := range got.Otherwise {
				otherwise += o.Old + " " + o.New
			}
			if strings.Join(got.Refused, "; ") != c.refused || otherwise != c.otherwise || len(got.Afresh) > 0 {
				t.Errorf("%+v; want refused %q, otherwise %q", got, c.refused, c.otherwise)
			}
			if d := next.Decide(inst, "a", topology.Input{At: script.Start, Act: &topology.Act{Kind: topology.ActMigrate}, Older: old}); (d.DeadLetter != nil) != (c.refused != "") {
				t.Errorf("migrated: %+v", d.DeadLetter)
			}
		})
	}
}
