package topology_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rondo/topology"
	"rondo/topology/script"
	"rondo/topology/value"
)

const everyQuarter = `workflow: sync
version: 1
messages: {Tell: {topic: out}}
start: {every: 15m, set: {missed: =event.missed}}
do: [{tell: {send: Tell, with: {missed: =missed}}}]
`

func at(t *testing.T, text string) topology.Instant {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return topology.InstantOf(parsed)
}

// A schedule that could not fire makes up for it once, and says how many it was.
func TestScheduleFiresOnceForWhatItMissed(t *testing.T) {
	to := topology.ScheduleAddress("sync")
	for _, row := range []struct{ start, armed, fires, scheduled, next string }{
		{"every: 15m", "2026-01-01T00:01:00Z", "2026-01-01T01:02:00Z", "2026-01-01T01:00:00Z missed 3", "2026-01-01T01:15:00Z"},
		{"every: 15m", "2026-01-01T00:00:00Z", "2026-01-01T00:15:00Z", "2026-01-01T00:15:00Z missed 0", "2026-01-01T00:30:00Z"},
		{"every: 5ms", "2026-01-01T00:00:00Z", "2036-01-01T00:00:00Z", "2036-01-01T00:00:00Z missed 1000", "2036-01-01T00:00:00Z"},
		{"cron: 0 6 * * *", "2026-01-01T00:00:00Z", "2026-01-04T05:00:00Z", "2026-01-03T06:00:00Z missed 2", "2026-01-04T06:00:00Z"},
		{"cron: '* * * * *'", "2016-01-01T00:00:00Z", "2026-01-01T00:00:30Z", "2026-01-01T00:00:00Z missed 1000", "2026-01-01T00:01:00Z"},
		{"cron: 0 6 1 1 *", "2016-01-02T00:00:00Z", "2026-01-01T00:00:30Z", "2025-01-01T06:00:00Z missed 8", "2026-01-01T06:00:00Z"},
	} {
		plan := compile(t, "sync.yaml", strings.Replace(everyQuarter, "every: 15m", row.start, 1), topology.Limits{})
		desk := plan.DecideAt(to, nil, topology.Input{At: at(t, row.armed)}).Instance
		d := plan.DecideAt(to, desk, topology.Input{At: at(t, row.fires), Timer: true})
		if len(d.Letters) != 1 {
			t.Fatalf("%s: %+v", row.start, d)
		}
		event := d.Letters[0].Value.(*value.Map)
		scheduled, _ := event.Lookup("scheduled")
		missed, _ := event.Lookup("missed")
		got := scheduled.(time.Time).Format(time.RFC3339) + " missed " + value.Format(missed)
		next, _ := d.Instance.NextTimer()
		if got != row.scheduled || next.Time().Format(time.RFC3339) != row.next {
			t.Errorf("%s: fired for %s, then at %s; want %s, then %s", row.start, got, next.Time(), row.scheduled, row.next)
		}
		if again := plan.DecideAt(to, d.Instance, topology.Input{At: at(t, row.fires), Timer: true}); len(again.Letters) > 0 {
			t.Errorf("%s: fired twice", row.start)
		}
	}
}

// The newest version decides what a schedule is: the same one goes on, another one
// counts from now, none vanishes.
func TestScheduleFollowsTheNewestVersion(t *testing.T) {
	to := topology.ScheduleAddress("sync")
	start := at(t, "2026-01-01T00:01:00Z")
	one := compile(t, "sync.yaml", everyQuarter, topology.Limits{})
	desk := one.DecideAt(to, nil, topology.Input{At: start}).Instance
	same := compile(t, "sync.yaml", strings.Replace(everyQuarter, "version: 1", "version: 2", 1), topology.Limits{})
	if d := same.DecideAt(to, desk, topology.Input{At: start + 1}); d.Changed {
		t.Errorf("armed anew: %+v", d)
	}
	other := compile(t, "sync.yaml", strings.Replace(everyQuarter, "15m", "10m", 1), topology.Limits{})
	d := other.DecideAt(to, desk, topology.Input{At: at(t, "2026-01-01T00:52:00Z")})
	if due, _ := d.Instance.NextTimer(); len(d.Letters) > 0 || due != at(t, "2026-01-01T01:00:00Z") {
		t.Errorf("another schedule: at %s, %+v", due.Time(), d)
	}
	none := compile(t, "sync.yaml", "workflow: sync\nversion: 3\n"+small+"do: [{a: {wait: 1h}}]\n", topology.Limits{})
	if d := none.DecideAt(to, desk, topology.Input{At: start + 1}); d.Instance != nil || !d.Changed {
		t.Errorf("no schedule: %+v", d)
	}
}

const gated = `messages:
  Go:  {topic: in, key: event.id}
  Ask: {topic: out, limit: {rate: 3/s, open: 500}}
  Yes: {topic: in, key: event.id}
start: {Go: {}}
do: [{ask: {send: Ask, await: {Yes: {}}}}]
`

func ask(command string) topology.Input {
	return topology.Input{At: script.Start, Letter: &topology.Letter{Kind: topology.LetterAsk, From: topology.Address{Workflow: "test", Key: "k-" + command}, Command: command, Awaited: true}}
}

var gate = topology.Address{Workflow: "test", Desk: "gate.Ask", Key: "Ask"}

// A rate that does not divide a second is never exceeded, and reached on the average
// though the gate's timer is late each time; a decision rewrites one part of those
// that wait.
func TestGateKeepsItsRateAndOrder(t *testing.T) {
	plan := compile(t, "w.yaml", gated, topology.Limits{})
	var desk *topology.Instance
	var granted []string
	take := func(d topology.Decision) {
		desk = d.Instance
		for _, l := range d.Letters {
			granted = append(granted, l.Command)
		}
	}
	var asked []string
	for n := range 200 {
		asked = append(asked, string(rune('a'+n/26))+string(rune('a'+n%26)))
		before := desk
		take(plan.DecideAt(gate, desk, ask(asked[n])))
		if before != nil && newParts(before, desk) > 1 {
			t.Fatalf("%d parts are rewritten", newParts(before, desk))
		}
	}
	if len(desk.Parts) != 4 {
		t.Errorf("%d parts", len(desk.Parts))
	}
	now := script.Start
	for len(granted) < 100 {
		due, ok := desk.NextTimer()
		if !ok {
			t.Fatal("waits for nothing")
		}
		now = due + 20 // late
		take(plan.DecideAt(gate, desk, topology.Input{At: now, Timer: true}))
	}
	if seconds := float64(now-script.Start) / 1000; seconds < 32.9 || seconds > 33.5 {
		t.Errorf("100 in %v s at 3/s", seconds)
	}
	for n, command := range granted {
		if command != asked[n] {
			t.Fatalf("%d: %s", n, command)
		}
	}
}

func newParts(before, after *topology.Instance) int {
	n := 0
	for _, p := range after.Parts {
		known := false
		for _, q := range before.Parts {
			known = known || p == q
		}
		if !known {
			n++
		}
	}
	return n
}

// A newer version with a higher limit lets those go that it allows; one that says
// the same changes nothing.
func TestGateFollowsTheNewestVersion(t *testing.T) {
	narrow := strings.Replace(gated, "rate: 3/s, open: 500", "open: 1", 1)
	one := compile(t, "w.yaml", narrow, topology.Limits{})
	three := compile(t, "w.yaml", strings.Replace(narrow, "open: 1", "open: 3", 1), topology.Limits{})
	var desk *topology.Instance
	for _, command := range []string{"a", "b", "c", "d"} {
		desk = one.DecideAt(gate, desk, ask(command)).Instance
	}
	if d := one.DecideAt(gate, desk, topology.Input{At: script.Start}); d.Changed || len(d.Letters) != 0 || d.Outcome != topology.Ignored {
		t.Errorf("the same limit: %+v", d)
	}
	d := three.DecideAt(gate, desk, topology.Input{At: script.Start})
	if len(d.Letters) != 2 || d.Letters[0].Command != "b" || d.Letters[1].Command != "c" || !d.Letters[1].Awaited || d.Outcome != topology.Taken {
		t.Fatalf("a higher limit: %+v", d)
	}
	if d := three.DecideAt(gate, d.Instance, topology.Input{At: script.Start}); d.Changed {
		t.Errorf("told again: %+v", d)
	}
	if d := three.DecideAt(gate, nil, topology.Input{At: script.Start}); d.Changed || d.Instance != nil {
		t.Errorf("a gate that keeps nothing: %+v", d)
	}
}

// A newer version without the limit lets everything go, and the gate is no more.
func TestGateWithoutLimitLetsAllGo(t *testing.T) {
	plan := compile(t, "w.yaml", gated, topology.Limits{})
	free := compile(t, "w.yaml", strings.Replace(gated, ", limit: {rate: 3/s, open: 500}", "", 1), topology.Limits{})
	var desk *topology.Instance
	for _, command := range []string{"a", "b", "c"} {
		desk = plan.DecideAt(gate, desk, ask(command)).Instance
	}
	d := free.DecideAt(gate, desk, topology.Input{At: script.Start})
	if len(d.Letters) != 2 || d.Letters[0].Awaited || d.Instance != nil {
		t.Errorf("%+v", d)
	}
	if d.Outcome != topology.Taken { // so that it is in the history
		t.Errorf("outcome: %s", d.Outcome)
	}
	// What an instance of the older version asks for is granted at once.
	if d := free.DecideAt(gate, nil, ask("d")); len(d.Letters) != 1 || d.Instance != nil {
		t.Errorf("%+v", d)
	}
}

// A leave that nobody needs is given back.
func TestGrantThatComesTooLateIsGivenBack(t *testing.T) {
	plan := compile(t, "w.yaml", gated, topology.Limits{})
	grant := &topology.Letter{Kind: topology.LetterGrant, From: gate, Command: "x", Message: "Ask", Awaited: true}
	inst := plan.Decide(nil, "a", topology.Input{At: script.Start, Event: goEvent()}).Instance
	for _, inst := range []*topology.Instance{nil, inst} {
		d := plan.Decide(inst, "a", topology.Input{At: script.Start, Letter: grant})
		if len(d.Letters) != 1 || d.Letters[0].Kind != topology.LetterRelease || d.Letters[0].To != gate || d.Changed {
			t.Errorf("%+v", d)
		}
	}
}

const undoneByLeave = `messages:
  Go:     {topic: in, key: event.id}
  Do:     {topic: out}
  Undo:   {topic: out, limit: {open: 1}}
  Undone: {topic: in, key: event.id}
start: {Go: {}}
do:
  - one: {send: Do, compensate: {send: Undo, await: {Undone: {}}, timeout: 1s, retry: {attempts: 9, backoff: 1s, within: 3s}}}
  - two: {raise: enough}
`

// A leave that was given for an asking which is over is not taken for the next one: a
// compensation has asked, its time was over while the leave was under way, and when it
// is tried again the place at the gate is another's.
func TestLeaveForAFormerAskingIsGivenBack(t *testing.T) {
	plan := compile(t, "w.yaml", undoneByLeave, topology.Limits{})
	gate := topology.Address{Workflow: "test", Desk: "gate.Undo", Key: "Undo"}
	kept := map[topology.Address]*topology.Instance{}
	decide := func(to topology.Address, in topology.Input) topology.Decision {
		d := plan.DecideAt(to, kept[to], in)
		kept[to] = d.Instance
		return d
	}
	deliver := func(at topology.Instant, letters []topology.Letter) (answers []topology.Letter) {
		for i := range letters {
			answers = append(answers, decide(letters[i].To, topology.Input{At: at, Letter: &letters[i]}).Letters...)
		}
		return answers
	}
	a, now := topology.Address{Workflow: "test", Key: "a"}, script.Start
	asked := decide(a, topology.Input{At: now, Event: goEvent()}).Letters
	deliver(now, deliver(now, asked)) // it is let through, and sent
	deliver(now+1000, decide(a, topology.Input{At: now + 1000, Timer: true}).Letters)
	deliver(now+1000, []topology.Letter{{Kind: topology.LetterAsk, To: gate, From: topology.Address{Workflow: "test", Key: "b"}, Command: "b", Ask: 1, Awaited: true}})
	deliver(now+2000, decide(a, topology.Input{At: now + 2000, Timer: true}).Letters) // it asks anew
	late := deliver(now+3000, []topology.Letter{{Kind: topology.LetterRelease, To: gate, From: topology.Address{Workflow: "test", Key: "b"}, Command: "b", Ask: 1}})
	if len(late) != 1 || late[0].Kind != topology.LetterGrant || late[0].To != a {
		t.Fatalf("%+v", late)
	}
	d := decide(a, topology.Input{At: now + 3000, Timer: true}) // `within` is over
	if d.Status != topology.StatusIncident {
		t.Fatalf("%+v", d)
	}
	deliver(now+3000, d.Letters)
	deliver(now+3000, []topology.Letter{{Kind: topology.LetterAsk, To: gate, From: topology.Address{Workflow: "test", Key: "c"}, Command: "c", Ask: 1, Awaited: true}})
	deliver(now+4000, decide(a, topology.Input{At: now + 4000, Act: &topology.Act{Kind: topology.ActRetry}}).Letters)
	d = decide(a, topology.Input{At: now + 4000, Letter: &late[0]})
	if len(d.Commands) != 0 || d.Outcome != topology.Late {
		t.Errorf("it is sent beside another: %+v", d)
	}
	deliver(now+4000, d.Letters)
	if open := kept[gate].Counter.Open; len(open) != 1 || open[0].Command != "c" {
		t.Errorf("%+v", open)
	}
	granted := deliver(now+5000, []topology.Letter{{Kind: topology.LetterRelease, To: gate, From: topology.Address{Workflow: "test", Key: "c"}, Command: "c", Ask: 1}})
	if len(granted) != 1 || len(decide(a, topology.Input{At: now + 5000, Letter: &granted[0]}).Commands) != 1 {
		t.Errorf("it is not let through in its turn: %+v", granted)
	}
}

// A late withdrawal of an old run does not make a new one unknown.
func TestMailboxKnowsRunsApart(t *testing.T) {
	plan := compile(t, "w.yaml", small+"do: [{a: {wait: 1h}}]\n", topology.Limits{Members: 2})
	to := topology.Address{Workflow: "test", Desk: "mailbox.n", Key: "7"}
	var desk *topology.Instance
	tell := func(kind topology.LetterKind, key, run string) topology.Decision {
		d := plan.DecideAt(to, desk, topology.Input{At: script.Start, Letter: &topology.Letter{Kind: kind, From: topology.Address{Workflow: "test", Key: key}, Run: run}})
		desk = d.Instance
		return d
	}
	tell(topology.LetterAnnounce, "a", "run-1")
	tell(topology.LetterAnnounce, "a", "run-2")
	tell(topology.LetterWithdraw, "a", "run-1")
	if d := tell(topology.LetterWithdraw, "a", "run-1"); d.Outcome != topology.Late || d.Changed {
		t.Errorf("%+v", d)
	}
	relayed := plan.DecideAt(to, desk, topology.Input{At: script.Start, Event: goEvent()})
	if len(relayed.Letters) != 1 || relayed.Letters[0].Run != "run-2" {
		t.Fatalf("%+v", relayed)
	}
	// A run that is no more does not take what was for it.
	inst := plan.Decide(nil, "a", topology.Input{At: script.Start, Event: goEvent()}).Instance
	letter := relayed.Letters[0]
	if d := plan.DecideAt(letter.To, inst, topology.Input{At: script.Start, Letter: &letter}); d.Outcome != topology.Late {
		t.Errorf("%+v", d)
	}
	tell(topology.LetterAnnounce, "b", "run-1")
	if d := tell(topology.LetterAnnounce, "c", "run-1"); d.DeadLetter == nil || d.DeadLetter.Reason != "mailbox-limit" {
		t.Errorf("%+v", d)
	}
}

// A mailbox does not hand on more than a transaction can hold.
func TestMailboxDoesNotCopyALargeEventToMany(t *testing.T) {
	plan := compile(t, "w.yaml", small+"do: [{a: {wait: 1h}}]\n", topology.Limits{})
	to := topology.Address{Workflow: "test", Desk: "mailbox.n", Key: "7"}
	desk := &topology.Instance{Workflow: "test", Desk: to.Desk, Key: to.Key, Status: topology.StatusRunning, Counter: &topology.Counter{}}
	for i := range 1000 {
		desk.Counter.Members = append(desk.Counter.Members, topology.Member{Key: fmt.Sprint(i), Run: "run-1"})
	}
	event := goEvent()
	if d := plan.DecideAt(to, desk, topology.Input{At: script.Start, Event: event}); len(d.Letters) != 1000 {
		t.Errorf("a small one: %d letters, %+v", len(d.Letters), d.DeadLetter)
	}
	event.Payload = strings.Repeat("x", 100<<10)
	if d := plan.DecideAt(to, desk, topology.Input{At: script.Start, Event: event}); len(d.Letters) != 0 || d.DeadLetter == nil || d.DeadLetter.Reason != "mailbox-limit" {
		t.Errorf("a large one: %d letters, %+v", len(d.Letters), d.DeadLetter)
	}
}

// Who runs a workflow that is not deployed is told; nobody else waits for an answer.
func TestUndeliverableRunIsAnswered(t *testing.T) {
	run := topology.Letter{Kind: topology.LetterRun, To: topology.Address{Workflow: "gone", Key: "a"}, From: topology.Address{Workflow: "test", Key: "a"}, Command: "x", Awaited: true}
	answer, ok := topology.Undeliverable(run, script.Start)
	if !ok || answer.To != run.From || answer.Command != "x" || answer.Failure.Name != "run.unknown" || answer.Status != topology.StatusFailed {
		t.Errorf("%+v", answer)
	}
	run.Awaited = false
	if _, ok := topology.Undeliverable(run, script.Start); ok {
		t.Error("an answer to nobody")
	}
	if _, ok := topology.Undeliverable(topology.Letter{Kind: topology.LetterOutcome}, script.Start); ok {
		t.Error("an answer to an answer")
	}
}

// TestAnAttemptThatWasNotSentIsNotCounted: the time for all attempts is over while the
// second one waits for leave, or is over when the leave comes; or an answer to the first
// one comes then and is a reason to try again.
func TestAnAttemptThatWasNotSentIsNotCounted(t *testing.T) {
	plan := compile(t, "w.yaml", `messages:
  Go:  {topic: in, key: event.id}
  Ask: {topic: out, limit: {open: 1}}
  Yes: {topic: in, key: event.id}
  No:  {topic: in, key: event.id}
start: {Go: {}}
do:
  - ask: {send: Ask, await: {Yes: {}, No: {raise: refused}}, timeout: 1s, retry: {attempts: 9, backoff: 1s, within: 5s, errors: [timeout, refused]}}
`, topology.Limits{})
	d := plan.Decide(nil, "a", topology.Input{At: 5000, Event: goEvent()})
	leave := func(asked topology.Letter) *topology.Letter {
		return &topology.Letter{Kind: topology.LetterGrant, To: asked.From, Command: asked.Command, Ask: asked.Ask, Awaited: true}
	}
	d = plan.Decide(d.Instance, "a", topology.Input{At: 5000, Letter: leave(d.Letters[0])})
	if len(d.Commands) != 1 {
		t.Fatalf("granted: %+v", d)
	}
	for range 2 { // the attempt's time, and the pause behind it
		due, _ := d.Instance.NextTimer()
		d = plan.Decide(d.Instance, "a", topology.Input{At: due, Timer: true})
	}
	refused := plan.Decide(d.Instance, "a", topology.Input{At: d.Instance.At, Event: event("No", "id", "a")})
	due, _ := refused.Instance.NextTimer()
	again := plan.Decide(refused.Instance, "a", topology.Input{At: due, Timer: true})
	again = plan.Decide(again.Instance, "a", topology.Input{At: due, Letter: leave(again.Letters[0])})
	if len(again.Commands) != 1 || again.Commands[0].Attempt != 2 {
		t.Errorf("behind a late answer: %+v", again.Commands)
	}
	due, _ = d.Instance.NextTimer()
	for name, in := range map[string]topology.Input{"the time is over": {At: due, Timer: true}, "the leave comes late": {At: due, Letter: leave(d.Letters[0])}} {
		d := plan.Decide(d.Instance, "a", in)
		if d.Status != topology.StatusFailed || len(d.Commands) != 0 {
			t.Fatalf("%s: %s, with the commands %+v", name, d.Status, d.Commands)
		}
		if attempts, _ := d.Instance.Failure.Data.(*value.Map).Lookup("attempts"); attempts != int64(1) {
			t.Errorf("%s: %v attempts, and 1 was sent", name, attempts)
		}
	}
}

// A decision that nobody asked for is in the history if it changed something, or
// what later ones are made on would have no origin.
func TestWhatChangesADeskIsRecordedThoughTheInputWasNobodys(t *testing.T) {
	schedule := compile(t, "sync.yaml", everyQuarter, topology.Limits{})
	to := topology.ScheduleAddress("sync")
	armed := schedule.DecideAt(to, nil, topology.Input{At: script.Start})
	if armed.Outcome != topology.Ignored || !armed.Recorded() {
		t.Errorf("a schedule that arms itself: %s, recorded %v", armed.Outcome, armed.Recorded())
	}
	if again := schedule.DecideAt(to, armed.Instance, topology.Input{At: script.Start}); again.Recorded() {
		t.Errorf("a schedule that is told again: %+v", again)
	}
	plan := compile(t, "w.yaml", small+"do: [{a: {wait: 1h}}]\n", topology.Limits{})
	to = topology.Address{Workflow: "test", Desk: "mailbox.n", Key: "7"}
	held := plan.DecideAt(to, nil, topology.Input{At: script.Start, Event: goEvent()})
	due, _ := held.Instance.NextTimer()
	expired := plan.DecideAt(to, held.Instance, topology.Input{At: due, Timer: true})
	if expired.Outcome != topology.Ignored || expired.Instance != nil || !expired.Recorded() {
		t.Errorf("an event that a mailbox gives up: %s, recorded %v", expired.Outcome, expired.Recorded())
	}
	grant := &topology.Letter{Kind: topology.LetterGrant, From: topology.Address{Workflow: "test", Desk: "gate.Tell", Key: "Tell"}, Awaited: true}
	if declined := plan.Decide(nil, "a", topology.Input{At: script.Start, Letter: grant}); len(declined.Letters) != 1 || !declined.Recorded() {
		t.Errorf("a leave that is given back: %+v", declined)
	}
	if nobodys := plan.Decide(nil, "a", topology.Input{At: script.Start, Timer: true}); nobodys.Recorded() {
		t.Errorf("nothing: %+v", nobodys)
	}
}

// What is kept of those that are known by a value is one record.
func TestMailboxWhoseMembersFillARecordTakesNoMore(t *testing.T) {
	plan := compile(t, "w.yaml", small+"do: [{a: {wait: 1h}}]\n", topology.Limits{Record: 4000})
	to := topology.Address{Workflow: "test", Desk: "mailbox.n", Key: "7"}
	var desk *topology.Instance
	for i := range 100 {
		from := topology.Address{Workflow: "test", Key: fmt.Sprint(strings.Repeat("k", 400), i)}
		d := plan.DecideAt(to, desk, topology.Input{At: script.Start, Letter: &topology.Letter{Kind: topology.LetterAnnounce, From: from, Run: "run-1"}})
		if desk = d.Instance; d.DeadLetter == nil {
			continue
		}
		if n := len(desk.Counter.Members); d.DeadLetter.Reason != "mailbox-limit" || n < 5 || n > 9 {
			t.Errorf("after %d: %+v", n, d.DeadLetter)
		}
		return
	}
	t.Errorf("%d members of 400 bytes are kept in 4000", len(desk.Counter.Members))
}
