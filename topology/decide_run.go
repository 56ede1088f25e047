package topology

import (
	"fmt"
	"slices"
	"strings"

	"rondo/topology/value"
)

// Names of errors with which Rondo answers for a child that did not begin.
const (
	errorRunUnknown = "run.unknown" // no such workflow is deployed
	errorRunRefused = "run.refused" // it has no `start` for it, or too many wait
)

// RunErrors are the names with a dot that a `catch` may have: of what Rondo itself
// answers for a child that did not begin.
func RunErrors() []string { return []string{errorRunUnknown, errorRunRefused} }

// Undeliverable is what comes back for a letter to a workflow of which no version
// is deployed; false if nobody waits for an answer. Whoever cannot deliver a letter
// writes it in its place, in the same transaction.
func Undeliverable(l Letter, at Instant) (Letter, bool) {
	if l.Kind != LetterRun || !l.Awaited {
		return Letter{}, false
	}
	return Letter{Kind: LetterOutcome, To: l.From, From: l.To, Command: l.Command, Status: StatusFailed, Failure: &Failure{
		Name: errorRunUnknown, Message: "no workflow " + l.To.Workflow + " is deployed", At: at}}, true
}

// running is `run`: it begins a child workflow. With `await` it is a call, whose
// outcome is that of the child.
type running struct {
	plain
	workflow string
	key      *formula // nil: the instance's own
	with     *template
	awaited  bool
	outcomes []*node // alternatives of `completed`
}

func (c *compiler) run(n *node, a *Run, ctx context) word {
	ctx.command = true
	w := &running{workflow: a.Workflow, key: c.formula(a.Key, ctx), with: c.template(a.With, ctx), awaited: a.Await != nil}
	if n.retry != nil {
		c.structural(n.step.Pos, len(n.step.Name), codeMisplacedWord,
			"let the child try again, or catch its error and come back here with `then`", "a `run` has no `retry`")
	}
	ctx.event = true
	w.outcomes = alternativesOf(c.rules(a.Await, n.place, roleOutcome, n, ctx))
	return w
}

func (r *running) reactions() []*node { return r.outcomes }

func (r *running) enter(p *pass, b *Branch, n *node) {
	call := &Call{Command: p.commandID(p.inst.Sent), Attempt: 1, First: p.at, Over: !r.awaited}
	letter, fault := r.letter(p, b, n, call)
	if fault == nil && r.awaited && n.timeout != nil {
		var due Timer
		if due, fault = p.armFor(b, n, n.timeout); fault == nil {
			b.top().Timeout = due
		}
	}
	if fault != nil {
		p.fault(b, n, fault)
		return
	}
	p.edit().Sent++
	p.write(letter)
	p.note("run", n.place, letter.To.String())
	if b.top().Call = call; !r.awaited {
		p.done(b)
		return
	}
	call.Child = letter.To
	p.makeEntry(b, n, call.Command, false)
}

func (r *running) letter(p *pass, b *Branch, n *node, call *Call) (out Letter, fault *Fault) {
	p.env.call = call
	defer func() { p.env.call = nil }()
	out = Letter{Kind: LetterRun, To: Address{Workflow: r.workflow, Key: p.key}, Command: call.Command, Awaited: r.awaited}
	if r.key != nil {
		if out.To.Key, fault = r.childKey(p, b, n); fault != nil {
			return out, fault
		}
	}
	if out.To == p.address() {
		return out, &Fault{Kind: "run", Text: "this would run the instance itself: give the child another key"}
	}
	if r.with != nil {
		if out.Value, fault = p.fill(b, n, r.with); fault != nil {
			return out, fault
		}
	}
	if size, limit := value.Size(out.Value), p.plan.options.Limits.Command; size > limit {
		return out, &Fault{Kind: "limit.payload", Text: fmt.Sprintf("`with` has %d bytes; the limit is %d", size, limit)}
	}
	return out, nil
}

func (r *running) childKey(p *pass, b *Branch, n *node) (string, *Fault) {
	v, fault := p.eval(b, n, r.key)
	if fault != nil {
		return "", fault
	}
	key, ok := keyText(v)
	if !ok || key == "" || len(key) > p.plan.options.Limits.Key {
		return "", r.key.wrong(n.place, fmt.Sprintf("text or a whole number of at most %d bytes, for it is the child's key", p.plan.options.Limits.Key), v)
	}
	return key, nil
}

// taken: the child has ended.
func (*running) taken(_ *pass, b *Branch, _ *node) {
	f := b.top()
	f.Call, f.Timeout = f.Call.ended(), Timer{}
}

func (*running) confirmed(p *pass, b *Branch, n, reaction *node) { p.confirmOutcome(b, n, reaction) }

func (*running) fire(p *pass, b *Branch, n *node, depth int, _ timerKind) {
	f := &b.Frames[depth]
	f.Timeout = Timer{}
	p.raise(b, depth, p.failure(b, errorTimeout, "the child "+f.Call.Child.String()+" has not ended in time", timeoutData(f.Call, false)))
}

// childEnds is where the child of a call has ended: false if that call is over.
func (p *pass) childEnds(l *Letter) bool {
	b := p.openCall(l.Command)
	if b == nil {
		return false
	}
	n := p.nodeOf(b.top())
	r, isRun := n.word.(*running)
	if !isRun {
		return false
	}
	p.timePasses() // nor is a child that ends at once
	p.out.Outcome, p.out.Taker = Taken, n.place
	b = p.change(b)
	r.taken(p, b, n)
	if l.Status == StatusCompleted {
		r.childCompletes(p, b, n, l)
	} else {
		r.childFails(p, b, n, l)
	}
	p.toRest()
	return true
}

// childCompletes: the first alternative that holds takes the child's output. If
// none does, the step is done.
func (r *running) childCompletes(p *pass, b *Branch, n *node, l *Letter) {
	e := &Event{Message: eventCompleted, Payload: l.Value}
	for _, reaction := range r.outcomes {
		p.env.event = e
		holds, fault := p.holds(b, reaction, reaction.when)
		p.env.event = nil
		if fault != nil {
			p.fault(b, n, fault)
			return
		}
		if holds {
			p.out.Taker = reaction.place
			p.react(b, n, reaction, e)
			return
		}
	}
	p.note("take", n.place, eventCompleted)
	p.confirmEntry(b, n)
	p.done(b)
}

// childFails raises the child's error. Nothing is to be undone then, for it has
// undone itself; unless it was terminated.
func (r *running) childFails(p *pass, b *Branch, n *node, l *Letter) {
	p.note("take", n.place, string(l.Status))
	if l.Status != StatusTerminated {
		p.dropEntry(b, n)
	}
	name, message, data := string(l.Status), "", value.Value(nil)
	if l.Failure != nil {
		name, message, data = l.Failure.Name, l.Failure.Message, l.Failure.Data
	}
	if !p.raise(b, len(b.Frames)-1, p.failure(b, name, message, data)) {
		p.abort(n.place, &Fault{Kind: "run", Place: placeText(n.place, n.step.Pos), Text: "the child " + l.From.String() + " has failed with a fault: " + message})
	}
}

// parts is where a parent waits no more: what only it has begun and nobody else
// waits for is cancelled, and does not begin if it was still to.
func (p *pass) parts(l *Letter) bool {
	isIts := func(k *Kept) bool { return k.Letter != nil && k.Letter.Command == l.Command }
	if at := slices.IndexFunc(p.inst.Starts, isIts); at >= 0 {
		inst := p.edit()
		inst.Starts = slices.Delete(slices.Clone(inst.Starts), at, at+1)
		p.note("part", "", l.From.String())
		p.out.Outcome = Taken
		return true
	}
	at := slices.IndexFunc(p.inst.Parents, func(parent Parent) bool { return parent.Command == l.Command })
	if at < 0 {
		return false
	}
	inst := p.edit()
	inst.Parents = slices.Delete(slices.Clone(inst.Parents), at, at+1)
	p.note("part", "", l.From.String())
	p.out.Outcome = Taken
	if len(inst.Parents) == 0 && strings.HasPrefix(inst.Run, runOfChild) {
		p.cancel(l.From.String(), "nobody waits for it any more")
	}
	return true
}
