package topology

import (
	"fmt"
	"math"
	"strconv"

	"rondo/topology/value"
)

// command is what a step sends: the word `send` without its waiting.
type command struct {
	message *message
	with    *template // nil: a payload without fields
	headers []field
}

func (c *compiler) command(a *Send, ctx context) command {
	out := command{message: c.message(a.Message, a.Pos), with: c.template(a.With, ctx)}
	for _, f := range a.Headers {
		out.headers = append(out.headers, field{f.Name, c.template(f.Value, ctx)})
	}
	return out
}

// sending is `send` without `await`: done with the decision.
type sending struct {
	plain
	command
}

func (c *compiler) send(a *Send, ctx context) word {
	ctx.command = true
	return &sending{command: c.command(a, ctx)}
}

func (s *sending) enter(p *pass, b *Branch, n *node) {
	call := &Call{Command: p.commandID(p.inst.Sent), Attempt: 1, First: p.at, Over: true}
	if !p.ask(b, n, s.command, call, false) {
		s.granted(p, b, n, call)
	}
}

func (s *sending) granted(p *pass, b *Branch, n *node, call *Call) {
	call = call.ended()
	if fault := p.emit(b, n, s.command, call); fault != nil {
		p.fault(b, n, fault)
		return
	}
	b.top().Call = call
	p.done(b)
}

// emit sends a command. While its parts are computed expressions may name it.
func (p *pass) emit(b *Branch, n *node, c command, call *Call) (fault *Fault) {
	p.env.call = call
	defer func() { p.env.call = nil }()
	out := Command{
		Message: c.message.Name, Topic: c.message.Topic, Type: c.message.wireType(),
		ID: call.Command, Attempt: call.Attempt, Step: n.place,
		AwaitsReply: !call.Over, Compensates: p.compensates(b),
	}
	if out.Payload, fault = p.payload(b, n, c); fault != nil {
		return fault
	}
	if out.Headers, fault = p.headers(b, n, c); fault != nil {
		return fault
	}
	if out.Key, fault = p.recordKey(b, n, c, out.Payload); fault != nil {
		return fault
	}
	if out.Value, fault = p.encode(c, out.Payload); fault != nil {
		return fault
	}
	size, limit := out.size(), p.plan.options.Limits.Command
	if size > limit {
		return &Fault{Kind: "limit.payload", Text: fmt.Sprintf("%s has %d bytes with its key and headers; the limit is %d", c.message.Name, size, limit)}
	}
	p.out.Commands = append(p.out.Commands, out)
	if c.message.Limit == nil {
		p.countSent(call)
	}
	p.sent += size
	if call.Attempt == 1 {
		p.note("send", n.place, c.message.Name)
	} else {
		p.note("retry", n.place, c.message.Name)
	}
	return nil
}

// countSent notes that the number which the command's id is made of is taken: once it
// is sent, or asks its gate.
func (p *pass) countSent(call *Call) {
	if call.Attempt == 1 {
		p.edit().Sent++
	}
}

// size is how many bytes of the author's are sent: record key, value and headers.
func (c *Command) size() int {
	n := len(c.Key) + len(c.Value)
	for i := range c.Headers.Len() {
		name, v := c.Headers.At(i)
		n += len(name) + value.Size(v)
	}
	return n
}

func (m *message) wireType() string {
	if m.Type == "" {
		return m.Name
	}
	return m.Type
}

// compensates returns the id of the command that is being undone where b stands.
func (p *pass) compensates(b *Branch) string {
	p.env.b = b
	if f := p.env.innermost(func(f *Frame) bool { return f.Entry != nil }); f != nil {
		return f.Entry.Command
	}
	return ""
}

// payload fills in `with`. Without `with` the payload has no fields.
func (p *pass) payload(b *Branch, n *node, c command) (value.Value, *Fault) {
	if c.with == nil {
		return (*value.Map)(nil), nil
	}
	return p.fill(b, n, c.with)
}

func (p *pass) headers(b *Branch, n *node, c command) (*value.Map, *Fault) {
	if len(c.headers) == 0 {
		return nil, nil
	}
	out := make(map[string]value.Value, len(c.headers))
	for _, f := range c.headers {
		v, fault := p.fill(b, n, f.value)
		if fault != nil {
			return nil, fault
		}
		text, isText := textOf(v)
		if !isText {
			return nil, &Fault{Kind: "payload", Text: fmt.Sprintf(
				"the header %s is %s, and must be text, a number or true or false", f.name, value.KindOf(v))}
		}
		out[f.name] = text
	}
	return value.MapOf(out), nil
}

// textOf is a simple value as text.
func textOf(v value.Value) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	}
	if value.IsNumber(v) {
		return value.NumberText(v), true
	}
	return "", false
}

// recordKey is the key of a command's record: the instance's, unless the message
// has its own expression, with `event` being the payload. The `key` of a message
// that also comes in is that of the instance.
func (p *pass) recordKey(b *Branch, n *node, c command, payload value.Value) (string, *Fault) {
	f := c.message.key
	if f == nil || c.message.comes {
		return p.key, nil
	}
	p.env.sending, p.env.payload = true, payload
	v, err := p.compute(b, f)
	p.env.sending, p.env.payload = false, nil
	if err != nil {
		return "", f.faultOf(n.place, err)
	}
	key, ok := keyText(v)
	if !ok {
		return "", f.wrong(n.place, "text or a whole number, for it is the record's key", v)
	}
	return key, nil
}

func (p *pass) encode(c command, payload value.Value) ([]byte, *Fault) {
	if payload == nil || p.plan.options.Encode == nil {
		return nil, nil
	}
	out, err := p.plan.options.Encode(c.message.Message, payload)
	if err != nil {
		return nil, &Fault{Kind: "payload", Text: fmt.Sprintf("%s cannot be written: %v", c.message.Name, err)}
	}
	return out, nil
}

// calling is `send` with `await`: it waits for one of the outcomes.
type calling struct {
	plain
	command
	await    []*rule
	outcomes []*node
}

func (c *compiler) call(n *node, a *Send, ctx context) word {
	ctx.command = true
	w := &calling{command: c.command(a, ctx)}
	ctx.event = true
	w.await = c.rules(a.Await, n.place, roleOutcome, n, ctx)
	w.outcomes = alternativesOf(w.await)
	return w
}

func alternativesOf(rules []*rule) []*node {
	var out []*node
	for _, r := range rules {
		out = append(out, r.alternatives...)
	}
	return out
}

func (c *calling) takes() []*rule       { return c.await }
func (c *calling) reactions() []*node   { return c.outcomes }
func (c *calling) awaits(f *Frame) bool { return f.Call != nil && !f.Call.Over && !f.Call.isUnsent() }

func (c *calling) enter(p *pass, b *Branch, n *node) {
	call := &Call{Command: p.commandID(p.inst.Sent), Attempt: 1, First: p.at}
	c.try(p, b, n, call)
}

// try makes an attempt, or asks for leave to. All attempts together have the time
// that `within` says, waiting for leave included.
func (c *calling) try(p *pass, b *Branch, n *node, call *Call) {
	if !p.ask(b, n, c.command, call, true) {
		c.attempt(p, b, n, call)
		return
	}
	if r := c.retry(n); r != nil && r.Within > 0 && call.Attempt > call.Base+1 {
		b.top().Timeout = p.arm(max(p.at, call.First.Add(r.Within)))
	}
}

func (c *calling) granted(p *pass, b *Branch, n *node, call *Call) {
	if r := c.retry(n); r != nil && r.Within > 0 && p.at >= call.First.Add(r.Within) {
		call.Asking = true // still: it is not sent any more
		c.fire(p, b, n, len(b.Frames)-1, timerTimeout)
		return
	}
	c.attempt(p, b, n, call)
}

// attempt sends the command and waits.
func (c *calling) attempt(p *pass, b *Branch, n *node, call *Call) {
	end, fault := c.timeout(p, b, n, call)
	if fault == nil {
		fault = p.emit(b, n, c.command, call)
	}
	if fault != nil {
		if b.top().Call == call {
			call.Asking = true // it was let through, and is not sent
		}
		p.fault(b, n, fault)
		return
	}
	f := b.top()
	f.Call = call
	f.Timeout, f.Wake = Timer{}, Timer{}
	if end.Due != never {
		f.Timeout = p.armed(end)
	}
	if call.Attempt == 1 || p.entryOf(f) == nil {
		p.makeEntry(b, n, call.Command, false)
	}
}

const never = Instant(math.MaxInt64)

// timeout says when an attempt is over, not armed yet: its own time, but not beyond
// that of all attempts.
func (c *calling) timeout(p *pass, b *Branch, n *node, call *Call) (Timer, *Fault) {
	m := n.timeout
	if m == nil {
		m = c.message.timeout
	}
	end := Timer{Due: never}
	if m != nil {
		var fault *Fault
		if end, fault = p.due(b, n, m, p.at); fault != nil {
			return end, fault
		}
	}
	if r := c.retry(n); r != nil && r.Within > 0 {
		if last := max(p.at, call.First.Add(r.Within)); last < end.Due {
			end = Timer{Due: last}
		}
	}
	return end, nil
}

// retry is the step's own, or else the message's.
func (c *calling) retry(n *node) *Retry {
	if n.retry != nil {
		return n.retry
	}
	return c.message.Retry
}

// taken: an outcome has come, so the call is over.
func (c *calling) taken(p *pass, b *Branch, _ *node) {
	f := b.top()
	p.release(f.Call)
	f.Call = f.Call.ended()
	f.Timeout, f.Wake = Timer{}, Timer{}
}

func (c *calling) confirmed(p *pass, b *Branch, n, reaction *node) { p.confirmOutcome(b, n, reaction) }

// confirmOutcome: an outcome that raises says that nothing was done; any other
// says that there is something to undo.
func (p *pass) confirmOutcome(b *Branch, n, reaction *node) {
	if n.undo == nil {
		return
	}
	if _, raises := reaction.word.(*raising); raises {
		p.dropEntry(b, n)
		return
	}
	p.confirmEntry(b, n)
}

// commandOf returns the id of the command of step n, which is in b.
func (b *Branch) commandOf(n *node) string {
	if f := b.callOf(n); f != nil {
		return f.Call.Command
	}
	return ""
}

// callOf returns the frame of the call n, which is in b, or nil.
func (b *Branch) callOf(n *node) *Frame {
	for i := len(b.Frames) - 1; i >= 0; i-- {
		if f := &b.Frames[i]; f.Place == n.place && f.Call != nil {
			return f
		}
	}
	return nil
}

// fire: the time of an attempt is over, or the pause before the next one.
func (c *calling) fire(p *pass, b *Branch, n *node, depth int, kind timerKind) {
	f := &b.Frames[depth]
	if kind == timerWake {
		if p.ordered(b, n) {
			return
		}
		call := *f.Call
		call.Attempt++
		c.try(p, b, n, &call)
		return
	}
	f.Timeout = Timer{}
	p.release(f.Call)
	rest := *f.Call
	if rest.Asking {
		rest.Attempt-- // which was not sent
	}
	rest.Asking, rest.Gate = false, ""
	f.Call = &rest
	failure := p.failure(b, errorTimeout, fmt.Sprintf("no answer to %s after %s", c.message.Name, attemptsText(f.Call.Attempt)),
		timeoutData(f.Call, false))
	p.raise(b, depth, failure)
}

func attemptsText(n int) string {
	if n == 1 {
		return "1 attempt"
	}
	return strconv.Itoa(n) + " attempts"
}

func timeoutData(call *Call, idle bool) value.Value {
	attempts, command := value.Value(nil), value.Value(nil)
	if call != nil {
		attempts, command = int64(call.Attempt), call.Command
	}
	return value.MapOf(map[string]value.Value{"attempts": attempts, "command": command, "idle": idle})
}

// retries lets the call at depth try again after an error, if its `retry` is for
// it and has an attempt left.
func (p *pass) retries(b *Branch, depth int, n *node, f *Failure) bool {
	c, isCall := n.word.(*calling)
	if !isCall {
		return false
	}
	frame := &b.Frames[depth]
	r := c.retry(n)
	if r == nil || frame.Call == nil || !r.names(f.Name) {
		return false
	}
	delay, again := r.next(*frame.Call, p.at)
	if !again {
		return false
	}
	for len(b.Frames) > depth+1 {
		p.leave(b)
	}
	b.Next = ""
	call := *frame.Call
	call.Over = false
	frame.Call = &call
	frame.Timeout = Timer{}
	frame.Wake = p.arm(p.at.Add(delay))
	p.note("wait", n.place, f.Name+", again in "+value.DurationText(delay))
	return true
}

// ended is c once an outcome was taken, or it was left.
func (c *Call) ended() *Call {
	over := *c
	if over.Asking {
		over.Attempt-- // which was not sent: the answer is to an earlier one
	}
	over.Over, over.Asking, over.Gate = true, false, ""
	return &over
}
