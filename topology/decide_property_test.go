package topology_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rondo/schemas"
	"rondo/topology"
	"rondo/topology/script"
	"rondo/topology/value"
)

// TestCheckoutUnderArbitraryInputs plays anything to the checkout: the rules of
// play hold, and what was done is undone in reverse.
func TestCheckoutUnderArbitraryInputs(t *testing.T) {
	src, err := os.ReadFile("../examples/checkout/checkout.yaml")
	if err != nil {
		t.Fatal(err)
	}
	plan := compile(t, "../examples/checkout/checkout.yaml", string(src), topology.Limits{Held: 3, Queue: 5})
	rapid.Check(t, func(t *rapid.T) {
		p := newPlay(t, plan)
		for range rapid.IntRange(1, 40).Draw(t, "length") {
			p.step(checkoutPayload)
		}
		checkCompensations(t, p.decided)
	})
}

// TestAnyWorkflowUnderArbitraryInputs plays anything to workflows that are
// themselves made up: their steps, jumps, errors and limits.
func TestAnyWorkflowUnderArbitraryInputs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		def := anyDefinition(t)
		t.Log(textOf(def))
		limits := topology.Limits{StepsAtOnce: 7, StepsUnasked: 40, Held: 2, Queue: 3, Starts: 2, Entries: 10, Branches: 7, Instance: 9000}
		others := []*topology.Plan{compiled(t, childDefinition(t), limits)}
		if rapid.IntRange(0, 2).Draw(t, "versions") == 0 {
			newer := newerDefinition(t, def)
			t.Log(textOf(newer))
			others = append(others, compiled(t, newer, limits))
		}
		p := newPlay(t, compiled(t, def, limits), others...)
		for range rapid.IntRange(1, 30).Draw(t, "length") {
			p.step(anyPayload)
		}
	})
}

// play is two worlds that get the same inputs: in one the instances stay in
// memory, in the other each comes back from its encoded form.
type play struct {
	t        *rapid.T
	memory   *script.World
	stored   *script.World
	decided  []script.Decided
	incoming []*topology.Message
	runs     []string // commands of the letters that were to begin a child
	versions []*topology.Plan

	last map[string]*topology.Instance // by address: what the latest decision has left
	over map[string]bool               // by address and record: events that had an outcome
}

func newPlay(t *rapid.T, plan *topology.Plan, others ...*topology.Plan) *play {
	p := &play{t: t, memory: script.New(plan, others...), stored: script.New(plan, others...), versions: append([]*topology.Plan{plan}, others...)}
	p.last, p.over = map[string]*topology.Instance{}, map[string]bool{}
	p.stored.Store = func(i *topology.Instance) (*topology.Instance, error) {
		b, err := schemas.EncodeInstance(i)
		if err != nil {
			return nil, err
		}
		return schemas.DecodeInstance(b, func(id int64) ([]byte, error) { return encodedPart(i, id) })
	}
	for _, m := range plan.Definition().Messages {
		if slices.Contains(plan.Reads(), m.Topic) && m.Key != nil {
			p.incoming = append(p.incoming, m)
		}
	}
	return p
}

type drawPayload func(t *rapid.T, message string) value.Value

func (p *play) step(payload drawPayload) {
	before := p.encodedInstances()
	var act func(w *script.World) ([]script.Decided, error)
	switch rapid.IntRange(0, 10).Draw(p.t, "step") {
	case 0, 1, 2, 3:
		act = p.event(payload)
	case 4, 5:
		act = p.answer(payload)
	case 6, 7:
		act = p.time()
	case 8:
		act = p.letter()
	case 9:
		act = p.surroundings()
	default:
		act = p.operator()
	}
	inMemory := p.inBoth(act)
	p.checkArguments(before)
	for _, d := range inMemory {
		p.checkDecision(d)
		p.checkKept(d)
	}
	p.checkTotal()
	p.checkRest()
	checkAttempts(p.t, p.memory.Sent)
}

// inBoth lets the same happen in both worlds, which decide alike.
func (p *play) inBoth(act func(w *script.World) ([]script.Decided, error)) []script.Decided {
	inMemory, err := act(p.memory)
	if err != nil {
		p.t.Fatal(err)
	}
	fromStore, err := act(p.stored)
	if err != nil {
		p.t.Fatal(err)
	}
	if a, b := rendered(p.t, inMemory), rendered(p.t, fromStore); a != b {
		p.t.Fatalf("in memory:\n%s\nfrom the store:\n%s", a, b)
	}
	p.decided = append(p.decided, inMemory...)
	for _, d := range inMemory {
		x := d.Decision
		p.t.Logf("%d %s %s %s: %v", d.At-script.Start, d.To, x.Outcome, x.Status, x.Trace)
	}
	return inMemory
}

func (p *play) event(payload drawPayload) func(w *script.World) ([]script.Decided, error) {
	m := rapid.SampledFrom(p.incoming).Draw(p.t, "message")
	in := script.Incoming{Message: m.Name, Payload: payload(p.t, m.Name)}
	if len(p.memory.Sent) > 0 && rapid.Bool().Draw(p.t, "with an echo") {
		in.Echo = rapid.SampledFrom(p.memory.Sent).Draw(p.t, "echo").ID
	}
	return func(w *script.World) ([]script.Decided, error) { return w.In(in) }
}

// answer draws one to a call that is open, if there is one.
func (p *play) answer(payload drawPayload) func(w *script.World) ([]script.Decided, error) {
	var open []script.Sent
	for _, key := range p.memory.Keys() {
		for _, b := range p.memory.Instance(key).Branches {
			for _, f := range b.Frames {
				if f.Call != nil && !f.Call.Over {
					open = append(open, script.Sent{Command: topology.Command{ID: f.Call.Command}, Instance: key})
				}
			}
		}
	}
	if len(open) == 0 {
		return p.event(payload)
	}
	m := rapid.SampledFrom(p.incoming).Draw(p.t, "message")
	to := rapid.SampledFrom(open).Draw(p.t, "call")
	fields, _ := payload(p.t, m.Name).(*value.Map)
	in := script.Incoming{Message: m.Name, Echo: to.ID, Payload: fields.Merge(value.MapOf(map[string]value.Value{"id": to.Instance, "order_id": to.Instance}))}
	return func(w *script.World) ([]script.Decided, error) { return w.In(in) }
}

// surroundings draws what happens around the instances: a row of a table comes, a
// version is deployed, or no node is there for a while.
func (p *play) surroundings() func(w *script.World) ([]script.Decided, error) {
	switch rapid.IntRange(0, 2).Draw(p.t, "surroundings") {
	case 0:
		row := rapid.SampledFrom([]value.Value{nil, int64(1), "text"}).Draw(p.t, "row")
		return func(w *script.World) ([]script.Decided, error) {
			w.SetRow("rows", "a", row)
			return nil, nil
		}
	case 1:
		plan := rapid.SampledFrom(p.versions).Draw(p.t, "version")
		return func(w *script.World) ([]script.Decided, error) {
			w.Deploy(plan)
			return nil, nil
		}
	}
	d := rapid.SampledFrom([]time.Duration{time.Second, time.Hour}).Draw(p.t, "away")
	return func(w *script.World) ([]script.Decided, error) { return w.Away(d) }
}

// checkTotal: what could not have come, or is out of order, has a decision too, the
// same one twice, and changes nothing here.
func (p *play) checkTotal() {
	addresses := slices.Sorted(maps.Keys(p.memory.Instances))
	if len(addresses) == 0 {
		return
	}
	inst := p.memory.Instances[rapid.SampledFrom(addresses).Draw(p.t, "whose")]
	plan := p.memory.Plans[inst.Workflow]
	if own := p.planOf(inst); inst.Desk == "" && own != nil {
		plan = own
	}
	in := p.oddInput()
	decide := func() string {
		d := plan.DecideAt(inst.Address(), inst, in)
		if d.Fault != nil && slices.Contains([]string{"internal", "damaged"}, d.Fault.Kind) {
			p.t.Fatalf("a mistake: %s", d.Fault.Text)
		}
		if d.DeadLetter != nil && d.DeadLetter.Reason == "internal" {
			p.t.Fatalf("a mistake: %s", d.DeadLetter.Text)
		}
		return rendered(p.t, []script.Decided{{Decision: d}})
	}
	before := encoded(p.t, inst)
	if a, b := decide(), decide(); a != b {
		p.t.Fatalf("first:\n%s\nand then:\n%s", a, b)
	}
	if !bytes.Equal(before, encoded(p.t, inst)) {
		p.t.Fatal("deciding has changed what it was about")
	}
}

func (p *play) time() func(w *script.World) ([]script.Decided, error) {
	d := rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Second, 10 * time.Second, time.Minute, 10 * time.Minute}).Draw(p.t, "time")
	if due, ok := p.memory.NextTimer(); ok && rapid.Bool().Draw(p.t, "to the next timer") {
		d = max(0, due.Time().Sub(p.memory.Now.Time()))
	}
	return func(w *script.World) ([]script.Decided, error) { return w.After(d) }
}

func (p *play) operator() func(w *script.World) ([]script.Decided, error) {
	kind := rapid.SampledFrom([]string{"cancel", "terminate", "pause", "resume", "shift", "jump", "migrate", "retry", "retry", "skip", "skip", "fail", "set", "nonsense"}).Draw(p.t, "act")
	act := &topology.Act{Kind: kind, Principal: "ann"}
	switch kind {
	case "set":
		act.Data = value.MapOf(map[string]value.Value{rapid.SampledFrom([]string{"n", "card", "nobody"}).Draw(p.t, "variable"): int64(1)})
	case "jump":
		act.Step = rapid.SampledFrom([]string{"s1", "s2", "pay"}).Draw(p.t, "to")
	case "fail":
		act.Data = rapid.SampledFrom([]value.Value{nil, "timeout", "oops"}).Draw(p.t, "error")
	}
	key := rapid.SampledFrom([]string{"a", "b"}).Draw(p.t, "key")
	return func(w *script.World) ([]script.Decided, error) { return w.Act(key, act) }
}

func (p *play) encodedInstances() map[*topology.Instance][]byte {
	out := map[*topology.Instance][]byte{}
	for _, i := range p.memory.Instances {
		out[i] = encoded(p.t, i)
	}
	return out
}

// encoded is an instance with its parts, as bytes.
func encoded(t *rapid.T, i *topology.Instance) []byte {
	if i == nil {
		return nil
	}
	b, err := schemas.EncodeInstance(i)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range i.Parts {
		record, err := encodedPart(i, part.ID)
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, record...)
	}
	return b
}

// encodedPart is the part of an instance with an id, as it is stored.
func encodedPart(i *topology.Instance, id int64) ([]byte, error) {
	for _, part := range i.Parts {
		if part.ID == id {
			return schemas.EncodePart(part)
		}
	}
	return nil, fmt.Errorf("no part %d", id)
}

// checkArguments: what was decided on is as it was.
func (p *play) checkArguments(before map[*topology.Instance][]byte) {
	for i, b := range before {
		if !bytes.Equal(b, encoded(p.t, i)) {
			p.t.Fatalf("a decision has changed the instance it was about: %s/%s", i.Workflow, i.Key)
		}
	}
}

// checkDecision: every input has an outcome; faults make incidents, and deciding
// again gives the same.
func (p *play) checkDecision(d script.Decided) {
	switch {
	case d.Decision.Outcome == "":
		p.t.Fatalf("no outcome: %+v", d)
	case d.Decision.Outcome == topology.Dead && d.Decision.DeadLetter == nil:
		p.t.Fatalf("a dead letter without a reason: %+v", d)
	case d.Decision.Fault != nil && slices.Contains([]string{"internal", "damaged"}, d.Decision.Fault.Kind):
		p.t.Fatalf("a mistake: %s", d.Decision.Fault.Text)
	case d.Decision.DeadLetter != nil && d.Decision.DeadLetter.Reason == "internal": // of a desk
		p.t.Fatalf("a mistake: %s", d.Decision.DeadLetter.Text)
	case d.Decision.Fault != nil && d.Decision.Instance.Status != topology.StatusIncident:
		p.t.Fatalf("a fault, but no incident: %+v", d)
	}
}

// checkRest: every instance has ended, or is stopped with a reason, or each of
// its branches waits at a named thing with a timer or for a message.
func (p *play) checkRest() {
	for _, key := range p.memory.Keys() {
		i := p.memory.Instance(key)
		switch {
		case i.Status == topology.StatusExpected:
			if _, due := i.NextTimer(); !due || len(i.Held) == 0 {
				p.t.Fatalf("%s is expected for ever", key)
			}
		case i.Ended():
			if len(i.Branches) > 0 || i.EntryCount() > 0 || len(i.Parts) > 0 {
				p.t.Fatalf("%s has ended and is somewhere", key)
			}
		case i.Status == topology.StatusIncident:
			if i.Incident == nil || i.Incident.Fault.Text == "" {
				p.t.Fatalf("%s is an incident without a cause", key)
			}
		case i.Status != topology.StatusPaused:
			p.checkWaiting(key, i)
		}
	}
}

func (p *play) checkWaiting(key string, i *topology.Instance) {
	if i.Owes() || len(i.Branches) == 0 || i.Incident != nil {
		p.t.Fatalf("%s is not at rest: %+v", key, i)
	}
	live := map[*topology.Branch]bool{} // waits for what comes from outside, or for one that does
	for range i.Branches {
		for _, b := range i.Branches {
			live[b] = live[b] || p.waitsForOutside(i, b) || slices.ContainsFunc(i.Branches, func(other *topology.Branch) bool {
				return live[other] && mayWaitFor(i, b, other)
			})
		}
	}
	for _, b := range i.Branches {
		if b.Next != "" || !live[b] {
			p.t.Fatalf("%s waits for nothing at %s", key, b.Frames[len(b.Frames)-1].Place)
		}
	}
}

// waitsForOutside: a branch waits for a time, a message, or the outcome of a call.
func (p *play) waitsForOutside(i *topology.Instance, b *topology.Branch) bool {
	top := b.Frames[len(b.Frames)-1]
	asks := top.Call != nil && !top.Call.Over && (top.Call.Asking || top.Call.Child != topology.Address{})
	plan := p.planOf(i)
	return asks || top.Timeout.Armed() || top.Wake.Armed() || plan != nil && plan.Listens(top.Place)
}

// planOf is the version that an instance has.
func (p *play) planOf(i *topology.Instance) *topology.Plan {
	for _, plan := range p.versions {
		if def := plan.Definition(); def.Name == i.Workflow && def.Version == i.Version {
			return plan
		}
	}
	return nil
}

// mayWaitFor: a fork or a loop waits for branches that it has begun, undoing for what
// is undone beside it, in a line or by another `compensate`.
func mayWaitFor(i *topology.Instance, b, other *topology.Branch) bool {
	switch other.Kind {
	case topology.BranchFork, topology.BranchIteration:
		if other.Parent == b.ID {
			return true
		}
	case topology.BranchUndo:
		return other.ID != b.ID
	}
	return other.ID != b.ID && slices.ContainsFunc(other.Frames, func(f topology.Frame) bool {
		return f.Entry != nil && isEntry(i, f.Entry.Seq)
	})
}

func isEntry(i *topology.Instance, seq int64) bool {
	for e := range i.AllEntries() {
		if e.Seq == seq {
			return true
		}
	}
	return false
}

// rendered is everything that a decision says, as text; of the instance a digest.
func rendered(t *rapid.T, decided []script.Decided) string {
	var out strings.Builder
	for _, d := range decided {
		x := d.Decision
		fmt.Fprintf(&out, "%s %s %s %s more=%v changed=%v dead=%v fault=%v\n", d.Key, x.Outcome, x.Taker, x.Status, x.More, x.Changed, x.DeadLetter, x.Fault)
		for _, step := range x.Trace {
			fmt.Fprintf(&out, "  %v\n", step)
		}
		for _, c := range x.Commands {
			fmt.Fprintf(&out, "  %s %d %s %s %s %q %s %s\n", c.ID, c.Attempt, c.Message, c.Key, c.Step, c.Value, value.Format(c.Headers), c.Compensates)
		}
		fmt.Fprintf(&out, "  %x\n", sha256.Sum256(encoded(t, x.Instance)))
	}
	return out.String()
}

// checkAttempts: a command's attempts are counted from 1 without a gap, and none
// is sent twice.
func checkAttempts(t *rapid.T, sent []script.Sent) {
	last := map[string]int{}
	step := map[string]string{}
	for _, c := range sent {
		if c.Attempt != last[c.ID]+1 || last[c.ID] > 0 && step[c.ID] != c.Instance+" "+c.Step {
			t.Fatalf("attempt %d of %s (%s) follows attempt %d of %s", c.Attempt, c.ID, c.Step, last[c.ID], step[c.ID])
		}
		last[c.ID], step[c.ID] = c.Attempt, c.Instance+" "+c.Step
		if len(c.ID) != 32 {
			t.Fatalf("id %q", c.ID)
		}
	}
}

// undoable are the steps of the checkout that have a compensation, and the
// outcomes that say that nothing was done.
var undoable = map[string]string{"reserve": "reserve.StockRejected", "pay": "pay.PaymentDeclined"}

// checkCompensations: in each run, what was undone is what was done or is in
// doubt, the newest first, each once; and all of it if the order has failed.
func checkCompensations(t *rapid.T, decided []script.Decided) {
	type run struct{ done, undone []string }
	runs := map[string]*run{}
	for _, d := range decided {
		r := runs[d.Key+d.Decision.Run]
		if r == nil {
			r = &run{}
			runs[d.Key+d.Decision.Run] = r
		}
		if len(r.done) > 0 && slices.Contains([]string{undoable["reserve"], undoable["pay"]}, takenBy(d.Decision)) {
			r.done = r.done[:len(r.done)-1]
		}
		for _, c := range d.Decision.Commands {
			switch {
			case undoable[c.Step] != "" && c.Attempt == 1:
				r.done = append(r.done, c.ID)
			case c.Compensates != "":
				r.undone = append(r.undone, c.Compensates)
			}
		}
		failed := d.Decision.Status == topology.StatusFailed || d.Decision.Status == topology.StatusCancelled
		if !failed || len(r.done) == 0 {
			continue
		}
		want := slices.Clone(r.done)
		slices.Reverse(want)
		if !slices.Equal(want, r.undone) {
			t.Fatalf("done %v, undone %v", r.done, r.undone)
		}
	}
}

// takenBy is the reaction that took an event, also where an operator has let the
// event be decided again.
func takenBy(d topology.Decision) string {
	if d.Fault != nil {
		return ""
	}
	return d.Taker
}

func checkoutPayload(t *rapid.T, message string) value.Value {
	fields := map[string]value.Value{
		"order_id":       rapid.SampledFrom([]string{"a", "b"}).Draw(t, "order"),
		"card_token":     "c",
		"reservation_id": rapid.SampledFrom([]string{"r-1", "r-2"}).Draw(t, "reservation"),
		"payment_id":     rapid.SampledFrom([]string{"p-1", "p-2"}).Draw(t, "payment"),
		"tracking_no":    "t",
		"total":          int64(30),
		"items":          []any{},
		"address":        nil,
	}
	if message == "OrderPlaced" && rapid.IntRange(0, 9).Draw(t, "broken") == 0 {
		delete(fields, "total")
	}
	return value.MapOf(fields)
}

func anyPayload(t *rapid.T, _ string) value.Value {
	return value.MapOf(map[string]value.Value{
		"id":   rapid.SampledFrom([]string{"a", "b"}).Draw(t, "id"),
		"n":    rapid.SampledFrom([]value.Value{int64(0), int64(1), int64(5), nil, "text"}).Draw(t, "n"),
		"name": rapid.SampledFrom([]string{"oops", "timeout", "s1", "s2", "exit"}).Draw(t, "name"),
		"fill": rapid.SampledFrom([]string{"f1", "f2"}).Draw(t, "fill"),
	})
}
