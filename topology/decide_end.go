package topology

import (
	"fmt"

	"rondo/topology/value"
)

// complete ends the instance well. Its `output` is computed now.
func (p *pass) complete() {
	var output value.Value
	if p.plan.output != nil {
		var fault *Fault
		if output, fault = p.fill(nil, outputNode, p.plan.output); fault != nil {
			p.abort("", fault)
			return
		}
		if size, limit := value.Size(output), p.plan.options.Limits.Command; size > limit {
			p.abort("", &Fault{Kind: "limit.payload", Place: outputNode.place, Text: fmt.Sprintf(
				"`output` has %d bytes; the limit is %d: a parent is told of it, as a command is sent", size, limit)})
			return
		}
	}
	p.end(StatusCompleted, nil, output)
}

// outputNode names the place of `output` in faults.
var outputNode = &node{place: "output"}

// fail ends the instance with an error; `cancelled` ends it as cancelled.
func (p *pass) fail(f *Failure) {
	status := StatusFailed
	if f != nil && f.Name == errorCancelled {
		status = StatusCancelled
	}
	p.end(status, f, nil)
}

// end ends the instance: all else is cancelled, nothing is compensated. What was
// held for a step is late now. Whoever waits for the outcome is told.
func (p *pass) end(status Status, f *Failure, output value.Value) {
	p.ending = true
	p.cancelAll()
	inst := p.edit()
	for _, k := range inst.Held {
		p.note("late", "", k.Event.Message)
	}
	text := string(status)
	if f != nil && f.Name != text { // an error called like the status adds nothing
		text += " " + f.Name
	}
	p.note("end", "", text)
	search := make(map[string]value.Value, len(p.plan.definition.Search))
	for _, name := range p.plan.definition.Search {
		search[name], _ = inst.Vars.Lookup(name)
	}
	parents := inst.Parents
	*inst = Instance{
		Workflow: inst.Workflow, Key: inst.Key, Version: inst.Version, Run: inst.Run,
		Status: status, Started: inst.Started, At: p.at, EndedAt: p.at,
		Queue: inst.Queue, Starts: inst.Starts,
		Sent: inst.Sent, Arms: inst.Arms, Made: inst.Made,
		Failure: f, Output: output, Known: inst.Known,
	}
	if len(search) > 0 {
		inst.Search = value.MapOf(search)
	}
	inst.Forget = p.arm(p.at.Add(p.plan.keep))
	for _, parent := range parents {
		if parent.Awaited {
			p.write(inst.outcomeFor(parent))
		}
	}
}
