package topology_test

import (
	"strings"
	"testing"

	"rondo/topology"
	"rondo/topology/script"
)

// after is the instance after the start and further messages.
func after(t *testing.T, p *topology.Plan, messages ...string) *topology.Instance {
	t.Helper()
	inst := p.Decide(nil, "a", topology.Input{At: script.Start, Event: goEvent()}).Instance
	for _, m := range messages {
		d := p.Decide(inst, "a", topology.Input{At: script.Start + 1, Event: event(m, "id", "a")})
		if inst = d.Instance; inst == nil || d.Outcome != topology.Taken {
			t.Fatalf("%s: %+v", m, d)
		}
	}
	return inst
}

// TestMigrateRules has for each rule of `migrate` an instance that it keeps from coming,
// and one that differs in nothing but that rule and comes.
func TestMigrateRules(t *testing.T) {
	const asks = "do: [{ask: {send: Ask, await: {Yes: {}}, timeout: 1h}}]\n"
	const inBlock = "do: [{all: {do: [{ask: {send: Ask, await: {Yes: {}}, timeout: 1h}}]}}]\n"
	const undoes = "do: [{one: {send: Ask, compensate: {send: Ask, await: {Yes: {}}, timeout: 1h}}}, {two: {listen: {Note: {raise: wrong}}, timeout: 1h}}]\n"
	const done = "do: [{one: {send: Ask, compensate: {send: Ask}}}, {two: {listen: {Note: {}}, timeout: 1h}}]\n"
	const fails = "do: [{hear: {listen: {Note: {}}, timeout: 1h}}, {ask: {send: Ask, with: {n: =1 / n}, await: {Yes: {}}, timeout: 1h}}]\n"
	for name, c := range map[string]struct {
		old, steps   string
		messages     []string
		is           func(*topology.Instance)
		migrate      string
		replace      [2]string // in the newer version
		want         string    // why it is refused, in part; "": it comes
		place, entry string    // where it stands then, and what it could undo
	}{
		"a block with its step":      {old: inBlock, steps: "{all: whole}", replace: [2]string{"all:", "whole:"}, place: "ask"},
		"a block that is a loop":     {old: inBlock, steps: "{all: whole}", replace: [2]string{"all: {", "whole: {for: {each: i, in: [1]}, "}, want: "stands at all, a block, and in version 2 whole is a `for`"},
		"a compensation":             {old: undoes, messages: []string{"Note"}, steps: "{one: first}", replace: [2]string{"one:", "first:"}, place: "first.compensate", entry: "first"},
		"of another kind":            {old: undoes, messages: []string{"Note"}, steps: "{one: first}", replace: [2]string{"one: {send: Ask, compensate: {send: Ask, await: {Yes: {}}, timeout: 1h}}", "first: {send: Ask, compensate: {wait: 1h}}"}, want: "stands at one.compensate, a call, and in version 2 first.compensate is a `wait`"},
		"what is done":               {old: done, steps: "{one: first}", replace: [2]string{"one:", "first:"}, place: "two", entry: "first"},
		"undone on another topic":    {old: done, replace: [2]string{"Ask:  {topic: out}", "Ask:  {topic: off}"}, want: "undoes in another way"},
		"undone as another type":     {old: done, replace: [2]string{"Ask:  {topic: out}", "Ask:  {topic: out, type: Demand}"}, want: "undoes in another way"},
		"undone in another format":   {old: done, replace: [2]string{"Ask:  {topic: out}", "Ask:  {topic: out, format: text}"}, want: "undoes in another way"},
		"undone by another schema":   {old: done, replace: [2]string{"Ask:  {topic: out}", "Ask:  {topic: out, format: avro, schema: asks-value}"}, want: "undoes in another way"},
		"undone under another key":   {old: done, replace: [2]string{"Ask:  {topic: out}", "Ask:  {topic: out, key: event.n}"}, want: "undoes in another way"},
		"about to enter":             {old: asks, is: func(i *topology.Instance) { i.Branches[0].Frames, i.Branches[0].Next = nil, "ask" }, steps: "{ask: demand}", replace: [2]string{"ask:", "demand:"}},
		"about to enter what is not": {old: asks, is: func(i *topology.Instance) { i.Branches[0].Frames, i.Branches[0].Next = nil, "ask" }, replace: [2]string{"ask:", "demand:"}, want: "is to enter ask, and version 2 has no such step"},
		"an incident":                {old: fails, messages: []string{"Note"}, steps: "{ask: demand}", replace: [2]string{"ask:", "demand:"}, place: "hear"},
		"an incident entered anew":   {old: fails, messages: []string{"Note"}, steps: "{hear: rest}", replace: [2]string{"hear: {listen: {Note: {}}, timeout: 1h}", "rest: {wait: 1h}"}, want: "is an incident, and hear would be entered anew"},
		"a desk":                     {old: asks, is: func(i *topology.Instance) { i.Desk = "schedule" }, want: "is no instance, but a desk"},
		"of another workflow":        {old: asks, is: func(i *topology.Instance) { i.Workflow = "other" }, want: "is one of workflow other"},
		"a set that is large":        {old: asks, migrate: `, set: {n: "=lists.range(900).map(i, 'xxxxxxxxx')"}`, want: "the variable n would take"},
		"a set that is small":        {old: asks, migrate: `, set: {n: "=lists.range(9).map(i, 'xxxxxxxxx')"}`, place: "ask"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			old := compile(t, "w.yaml", "workflow: w\nversion: 1\n"+small+c.old, topology.Limits{})
			inst := after(t, old, c.messages...)
			if c.is != nil {
				c.is(inst)
			}
			steps := ""
			if c.steps != "" {
				steps = ", steps: " + c.steps
			}
			text := small + c.old
			if c.replace[0] != "" && !strings.Contains(text, c.replace[0]) {
				t.Fatalf("no %s", c.replace[0])
			}
			next := compile(t, "w.yaml", "workflow: w\nversion: 2\nmigrate: {from: 1"+steps+c.migrate+"}\n"+strings.Replace(text, c.replace[0], c.replace[1], 1), topology.Limits{Variable: 5000})
			verdict := strings.Join(next.CanMigrate(old, inst, inst.Done()).Refused, "; ")
			d := migrate(next, old, inst)
			why := ""
			if d.DeadLetter != nil {
				why = d.DeadLetter.Text
			}
			if c.want != "" {
				if c.migrate == "" && !strings.Contains(verdict, c.want) || inst.Desk == "" && !strings.Contains(why, c.want) {
					t.Errorf("refused %q, %q; want %q", verdict, why, c.want)
				}
				return
			}
			if verdict+why != "" || d.Instance.Version != 2 {
				t.Fatalf("refused %q, %q: %+v", verdict, why, d)
			}
			if place := strings.Join(d.Instance.Places(), " "); place != c.place {
				t.Errorf("it stands at %q, want %q", place, c.place)
			}
			if entry := strings.Join(d.Instance.Done(), " "); entry != c.entry {
				t.Errorf("it could undo %q, want %q", entry, c.entry)
			}
			if i := d.Instance.Incident; i != nil && i.Place != "demand" {
				t.Errorf("the incident is at %q", i.Place)
			}
			if c.place == "" && d.Instance.Branches[0].Next != "demand" {
				t.Errorf("it is to enter %q", d.Instance.Branches[0].Next)
			}
		})
	}
}
