package script

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"rondo/topology"
	"rondo/topology/value"
)

// Start is the time at which the clock of a World stands first.
const Start = topology.Instant(1_767_225_600_000) // 2026-01-01T00:00:00Z

// World is the surroundings of a workflow in virtual time, and of others that it
// runs. Its fields may be read between calls.
type World struct {
	Plan      *topology.Plan            // the workflow that records come in for, and that operators act on
	Plans     map[string]*topology.Plan // by workflow: all that there are
	Now       topology.Instant
	Instances map[string]*topology.Instance // by Address.String(): instances and desks; those that are remembered
	Sent      []Sent                        // all commands so far

	// Store, if set, is given each instance after a decision and returns what
	// the next decision gets instead: what came back from a store.
	Store func(*topology.Instance) (*topology.Instance, error)

	readers []*topology.Plan // all Plans, in the order in which they get records: Plan, then the others
	offsets map[string]int64 // by topic: the next one
	rows    rows
}

// Sent is a command and whose it is.
type Sent struct {
	topology.Command
	Instance string
}

// Decided is one decision of a World.
type Decided struct {
	At       topology.Instant
	To       topology.Address // whose decision it is
	Key      string           // that of To; "" for a record that was for no instance
	Input    topology.Input
	Decision topology.Decision
}

// New returns a World without instances. Schedules begin to count.
func New(plan *topology.Plan, others ...*topology.Plan) *World {
	w := &World{Plan: plan, Plans: map[string]*topology.Plan{}, Now: Start, Instances: map[string]*topology.Instance{}, offsets: map[string]int64{}}
	w.readers = append([]*topology.Plan{plan}, others...)
	for _, p := range w.readers {
		name := p.Definition().Name
		w.Plans[name] = p
		to := topology.ScheduleAddress(name)
		if desk := p.DecideAt(to, nil, topology.Input{At: Start}).Instance; desk != nil {
			w.Instances[to.String()] = desk
		}
	}
	return w
}

// Instance returns the instance of the Plan under a key, or nil.
func (w *World) Instance(key string) *topology.Instance { return w.At(w.address(key)) }

// At returns the instance, or the desk, that is kept under an address, or nil.
func (w *World) At(to topology.Address) *topology.Instance { return w.Instances[to.String()] }

func (w *World) address(key string) topology.Address {
	return topology.Address{Workflow: w.Plan.Definition().Name, Key: key}
}

// Incoming is a record that comes in.
type Incoming struct {
	Message  string // its name in a definition
	Workflow string // in that of which; "": the first of the Plans that has it
	Payload  value.Value
	Key      string // of the record; "" is none
	Headers  map[string]string
	Echo     string // a rondo-command-id that the service sends along; "" for none
}

// In lets a record come in and returns what was decided: one decision for each
// instance of each workflow that it is for, and those that followed from them at
// once.
func (w *World) In(in Incoming) ([]Decided, error) {
	message := w.message(in)
	if message == nil {
		return nil, fmt.Errorf("the workflow has no message %q", in.Message)
	}
	record := w.record(message, in)
	var out []Decided
	for _, p := range w.readers {
		decided, err := w.comes(p, record)
		if err != nil {
			return nil, err
		}
		out = append(out, decided...)
	}
	if len(out) == 0 {
		return []Decided{{At: w.Now, Decision: topology.Decision{Outcome: topology.Ignored}}}, nil
	}
	return out, nil
}

// comes lets a record come to a workflow.
func (w *World) comes(p *topology.Plan, record *topology.Record) ([]Decided, error) {
	match, ok := p.Match(record)
	switch {
	case !ok:
		return nil, nil
	case match.Dead != nil:
		return w.dead("", match.Dead), nil
	}
	var out []Decided
	for _, key := range match.Keys {
		event, dead := p.Event(match, record)
		if dead != nil {
			return append(out, w.dead(key, dead)...), nil
		}
		decided, err := w.decide(match.Address(p.Definition().Name, key), topology.Input{Event: event})
		if err != nil {
			return nil, err
		}
		out = append(out, decided...)
	}
	return out, nil
}

func (w *World) message(in Incoming) *topology.Message {
	for _, p := range w.readers {
		if in.Workflow != "" && in.Workflow != p.Definition().Name {
			continue
		}
		for _, m := range p.Definition().Messages {
			if m.Name == in.Message {
				return m
			}
		}
	}
	return nil
}

// record is what would have been decoded from the message's topic.
func (w *World) record(m *topology.Message, in Incoming) *topology.Record {
	headers := make(map[string]value.Value, len(in.Headers)+1)
	for name, text := range in.Headers {
		headers[name] = text
	}
	if in.Echo != "" {
		headers["rondo-command-id"] = in.Echo
	}
	wireType := m.Type
	if wireType == "" {
		wireType = m.Name
	}
	record := &topology.Record{
		Ref:     topology.RecordRef{Topic: m.Topic, Offset: w.offsets[m.Topic], Time: w.Now},
		Types:   []string{wireType},
		Headers: value.MapOf(headers),
		Payload: in.Payload,
	}
	if in.Key != "" {
		record.Ref.Key = []byte(in.Key)
	}
	w.offsets[m.Topic]++
	return record
}

func (w *World) dead(key string, why *topology.DeadLetter) []Decided {
	return []Decided{{At: w.Now, Key: key, Decision: topology.Decision{Outcome: topology.Dead, DeadLetter: why}}}
}

// Act lets an operator act on an instance.
func (w *World) Act(key string, act *topology.Act) ([]Decided, error) {
	return w.ActAt(w.address(key), act)
}

// ActAt is Act on an instance of any workflow. One that goes on after a stop fires
// at once what had fallen due meanwhile.
func (w *World) ActAt(to topology.Address, act *topology.Act) ([]Decided, error) {
	out, err := w.decide(to, topology.Input{Act: act})
	if inst := w.Instances[to.String()]; err != nil || inst == nil {
		return out, err
	} else if due, armed := inst.NextTimer(); !armed || due >= w.Now {
		return out, nil
	}
	more, err := w.After(0)
	return append(out, more...), err
}

// Deliver lets a letter come that was written somewhere else.
func (w *World) Deliver(l topology.Letter) ([]Decided, error) {
	return w.decide(l.To, topology.Input{Letter: &l})
}

// After lets time pass and returns what was decided about the timers that fell
// due, in their order.
func (w *World) After(d time.Duration) ([]Decided, error) {
	until := w.Now.Add(d)
	var out []Decided
	for range timersMax {
		to, due, ok := w.nextTimer()
		if !ok || due > until {
			w.Now = until
			return out, nil
		}
		w.Now = max(w.Now, due)
		decided, err := w.decide(to, topology.Input{Timer: true})
		if err != nil {
			return nil, err
		}
		if !decided[0].Decision.Changed {
			return nil, fmt.Errorf("a timer of %s that was due changed nothing", to)
		}
		out = append(out, decided...)
	}
	return nil, fmt.Errorf("%d timers fire within %s", timersMax, topology.FormatDuration(d))
}

// timersMax bounds the timers that fire while time passes: a step that waits a
// millisecond, in a loop, for years.
const timersMax = 100_000

// NextTimer returns when the next timer of any instance is due.
func (w *World) NextTimer() (topology.Instant, bool) {
	_, due, ok := w.nextTimer()
	return due, ok
}

// nextTimer returns the timer that is due first; of several, that of the first
// address.
func (w *World) nextTimer() (to topology.Address, due topology.Instant, ok bool) {
	for _, name := range slices.Sorted(maps.Keys(w.Instances)) {
		i := w.Instances[name]
		if at, armed := i.NextTimer(); armed && (!ok || at < due) {
			to, due, ok = i.Address(), at, true
		}
	}
	return to, due, ok
}

// Keys returns the keys of the Plan's instances that are remembered, sorted.
func (w *World) Keys() []string {
	keys := make([]string, 0, len(w.Instances))
	for _, i := range w.Instances {
		if i.Address() == w.address(i.Key) {
			keys = append(keys, i.Key)
		}
	}
	slices.Sort(keys)
	return keys
}

// endless bounds the decisions that follow from one input.
const endless = 10_000

// decide decides an input, goes on until whose it is owes nothing, and delivers the
// letters that were written, in order. One to a workflow that is not here is left
// to whoever reads the decisions.
func (w *World) decide(to topology.Address, in topology.Input) ([]Decided, error) {
	out, err := w.settle(to, in)
	for i := 0; i < len(out) && err == nil; i++ {
		for _, l := range out[i].Decision.Letters {
			if w.Plans[l.To.Workflow] == nil {
				continue
			}
			var more []Decided
			more, err = w.settle(l.To, topology.Input{Letter: &l})
			out = append(out, more...)
		}
		if len(out) > endless {
			return nil, fmt.Errorf("%s: letters are written without an end", to)
		}
	}
	return out, err
}

// settle decides an input, and goes on until whose it is owes nothing.
func (w *World) settle(to topology.Address, in topology.Input) ([]Decided, error) {
	var out []Decided
	for range endless {
		in.At = w.Now
		if in.Tables == nil {
			in.Tables = w.rows
		}
		d := w.Plans[to.Workflow].DecideAt(to, w.Instances[to.String()], in)
		out = append(out, Decided{w.Now, to, to.Key, in, d})
		for _, c := range d.Commands {
			w.Sent = append(w.Sent, Sent{c, to.Key})
		}
		if err := w.keep(to, d); err != nil {
			return nil, err
		}
		if !d.More {
			return out, nil
		}
		in = topology.Input{}
	}
	return nil, fmt.Errorf("the instance %s does not come to rest", to)
}

func (w *World) keep(to topology.Address, d topology.Decision) error {
	switch {
	case !d.Changed:
		return nil
	case d.Instance == nil:
		delete(w.Instances, to.String())
		return nil
	}
	next := d.Instance
	if w.Store != nil {
		var err error
		if next, err = w.Store(next); err != nil {
			return fmt.Errorf("store %s: %w", to, err)
		}
	}
	w.Instances[to.String()] = next
	return nil
}
