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
	Plans     map[string]*topology.Plan // by workflow: the newest version that is deployed
	Now       topology.Instant
	Instances map[string]*topology.Instance // by Address.String(): instances and desks; those that are remembered
	Sent      []Sent                        // all commands so far

	// Store, if set, is given each instance after a decision and returns what
	// the next decision gets instead: what came back from a store.
	Store func(*topology.Instance) (*topology.Instance, error)

	readers  []*topology.Plan // all that are deployed, in the order in which they get records: by workflow, that of Plan first, the newest version first
	versions []*topology.Plan // deployed or not
	offsets  map[string]int64 // by topic: the next one
	rows     rows
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
	Plan     *topology.Plan // by which it was made; nil: the record was for no instance
}

// New returns a World without instances, in which the first plan of each workflow is
// deployed; others of it are versions that Deploy can deploy. Schedules begin to
// count.
func New(plan *topology.Plan, others ...*topology.Plan) *World {
	w := &World{Plan: plan, Plans: map[string]*topology.Plan{}, Now: Start, Instances: map[string]*topology.Instance{}, offsets: map[string]int64{}}
	w.versions = append([]*topology.Plan{plan}, others...)
	for _, p := range w.versions {
		if w.Plans[p.Definition().Name] == nil {
			w.readers = append(w.readers, p)
			w.deploy(p)
		}
	}
	return w
}

// Deploy makes a version of a workflow the one with which new instances begin. Those
// that live keep theirs. In a World in which nothing has come in yet it is the only
// one.
func (w *World) Deploy(p *topology.Plan) {
	name := p.Definition().Name
	if former := w.Plans[name]; former == p {
		return
	} else if at := slices.Index(w.readers, former); w.isNew() {
		w.readers[at] = p
	} else {
		w.readers = slices.Insert(w.readers, at, p)
	}
	w.deploy(p)
}

// isNew reports whether nothing has come in yet.
func (w *World) isNew() bool { return len(w.offsets) == 0 && w.Now == Start }

func (w *World) deploy(p *topology.Plan) {
	name := p.Definition().Name
	w.Plans[name] = p
	if name == w.Plan.Definition().Name {
		w.Plan = p
	}
	to := topology.ScheduleAddress(name)
	if d := p.DecideAt(to, w.At(to), topology.Input{At: w.Now}); d.Instance != nil {
		w.Instances[to.String()] = d.Instance
	} else {
		delete(w.Instances, to.String())
	}
}

// version returns a version of a workflow, deployed or not; nil if there is none.
func (w *World) version(workflow string, version int) *topology.Plan {
	for _, p := range w.versions {
		if def := p.Definition(); def.Name == workflow && def.Version == version {
			return p
		}
	}
	return nil
}

// planOf is the plan by which whoever is kept under an address decides: a living
// instance keeps its version, for all else the newest decides.
func (w *World) planOf(to topology.Address) *topology.Plan {
	if i := w.At(to); i != nil && i.Desk == "" && !i.Ended() && i.Status != topology.StatusExpected {
		return w.version(to.Workflow, i.Version)
	}
	return w.Plans[to.Workflow]
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
	for _, found := range w.match(record) {
		decided, err := w.comes(found, record)
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

// matched is a record that a workflow has a message for.
type matched struct {
	to       []topology.Address // of all versions, each once
	versions []versionMatch     // the newest first
	dead     *topology.DeadLetter
}

type versionMatch struct {
	plan  *topology.Plan
	match topology.Match
}

// match finds, for each workflow, the messages that a record fits. The newest
// version that has one says whether it is dead.
func (w *World) match(record *topology.Record) []*matched {
	var out []*matched
	byWorkflow := map[string]*matched{}
	for _, p := range w.readers {
		match, ok := p.Match(record)
		if !ok {
			continue
		}
		name := p.Definition().Name
		m := byWorkflow[name]
		if m == nil {
			m = &matched{}
			byWorkflow[name] = m
			out = append(out, m)
		}
		m.add(versionMatch{p, match}, name)
	}
	return out
}

func (m *matched) add(v versionMatch, workflow string) {
	if v.match.Dead != nil {
		if len(m.versions) == 0 {
			m.dead = v.match.Dead
		}
		return
	}
	m.versions = append(m.versions, v)
	for _, key := range v.match.Keys {
		if to := v.match.Address(workflow, key); !slices.Contains(m.to, to) {
			m.to = append(m.to, to)
		}
	}
}

// comes lets a record come to a workflow.
func (w *World) comes(m *matched, record *topology.Record) ([]Decided, error) {
	if len(m.versions) == 0 {
		return w.dead("", m.dead), nil
	}
	var out []Decided
	for _, to := range m.to {
		v, ok := w.choose(m, to)
		if !ok {
			continue
		}
		event, dead := v.plan.Event(v.match, record)
		if dead != nil {
			return append(out, w.dead(to.Key, dead)...), nil
		}
		decided, err := w.decide(to, topology.Input{Event: event})
		if err != nil {
			return nil, err
		}
		out = append(out, decided...)
	}
	return out, nil
}

// choose returns the version by which whoever is kept under an address considers a
// record; false if that has no message for it. A mailbox takes what any version has
// for it.
func (w *World) choose(m *matched, to topology.Address) (versionMatch, bool) {
	plan := w.planOf(to)
	for _, v := range m.versions {
		if to.Desk == "" && v.plan != plan {
			continue
		}
		if slices.ContainsFunc(v.match.Keys, func(key string) bool { return v.match.Address(to.Workflow, key) == to }) {
			return v, true
		}
	}
	return versionMatch{}, false
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

// CanMigrate says what would become of the instance under an address if it were
// migrated to the version that is deployed; false if there is no instance.
func (w *World) CanMigrate(to topology.Address) (topology.Migrating, bool) {
	i := w.At(to)
	if i == nil {
		return topology.Migrating{}, false
	}
	return w.Plans[to.Workflow].CanMigrate(w.version(to.Workflow, i.Version), i, i.Done()), true
}

// Act lets an operator act on an instance.
func (w *World) Act(key string, act *topology.Act) ([]Decided, error) {
	return w.ActAt(w.address(key), act)
}

// ActAt is Act on an instance of any workflow. One that goes on after a stop fires
// at once what had fallen due meanwhile.
func (w *World) ActAt(to topology.Address, act *topology.Act) ([]Decided, error) {
	in := topology.Input{Act: act}
	if act.Kind == topology.ActMigrate {
		in.Older = w.planOf(to)
	}
	out, err := w.decide(to, in)
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

// Away lets time pass in which no node is there, and returns what was decided once
// one is: timers that fell due meanwhile fire then, in their order.
func (w *World) Away(d time.Duration) ([]Decided, error) {
	w.Now = w.Now.Add(d)
	return w.After(0)
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
		plan := w.planOf(to)
		if in.Older != nil {
			plan = w.Plans[to.Workflow] // to which it migrates
		}
		d := plan.DecideAt(to, w.Instances[to.String()], in)
		out = append(out, Decided{w.Now, to, to.Key, in, d, plan})
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
