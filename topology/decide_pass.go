package topology

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"rondo/topology/diag"
	"rondo/topology/value"
)

// pass is one decision being made. What it changes it copies first; inst is the
// state as it is so far.
type pass struct {
	plan *Plan
	was  *Instance // what is decided on; never changed
	base *Instance // what stands if the pass is broken off: was, but for an input taken from its queue
	inst *Instance // was, until something is changed
	kept *Kept     // the input that is decided, if it was kept in the instance

	failed *Incident // the compensation that is tried again
	key    string
	at     Instant
	tables Tables // nil: none
	older  *Plan  // of an act `migrate`
	out    Decision

	own     []*Branch // branches that were copied, or begun, in this pass
	latest  int       // where the branch stands that began latest, if it still does
	steps   int
	sent    int      // bytes of commands and letters
	changed []string // variables set since the `until`s were tested

	exact     bool        // the event answers a call of this run: it is for no other
	answered  bool        // that call is over
	refused   []*node     // steps and reactions that refused the event by `when`
	bury      *DeadLetter // a `when` that failed: for the event, if nobody takes it
	fromQueue bool        // the event was queued, and is not to be queued again
	itsTurn   bool        // the event is the start message that has waited longest
	began     bool        // the instance began in this pass
	given     *value.Map  // what an operator has set before it began; nil: nothing

	broken *Incident // a fault that nobody names: nothing of this pass stands
	ending bool      // the instance ends: what steps leave behind matters no more
	halted bool      // a compensation has failed: the instance stops here
	orders order     // an operator's, for the place of an incident
	env    environment

	space struct { // where own and changed begin
		own     [2]*Branch
		changed [4]string
	}
}

// order is what an operator wants done at the place of a fault when its input
// is decided again.
type order struct {
	place  string
	branch int64 // the main line: any
	skip   bool
	raise  *Failure
}

func newPass(plan *Plan, inst *Instance, key string, in Input) *pass {
	p := &pass{plan: plan, was: inst, base: inst, inst: inst, key: key, at: in.At, tables: in.Tables, older: in.Older}
	if inst != nil {
		p.at = max(in.At, inst.At) // time never goes back
	}
	p.env.p = p
	p.own, p.changed = p.space.own[:0], p.space.changed[:0]
	return p
}

// decision sums up the pass.
func (p *pass) decision(in Input) Decision {
	if p.broken == nil {
		p.introduce()
		p.checkSize()
	}
	if p.broken != nil {
		p.stop(in)
	}
	out := p.out
	if p.kept != nil {
		out.Event = p.kept.event()
	}
	out.Changed = p.inst != p.was
	out.Instance = p.inst
	if p.inst != nil {
		out.Run, out.Status = p.inst.Run, p.inst.Status
		out.More = p.inst.Owes()
		if out.Changed {
			p.inst.At = p.at
		}
	}
	if p.vanishes() {
		out.Instance, out.Changed = nil, p.was != nil
	}
	return out
}

// vanishes reports whether an instance that has ended is not even remembered.
func (p *pass) vanishes() bool {
	return p.inst != nil && p.inst.Ended() && p.began && p.plan.definition.Keep == nil && !p.inst.Owes()
}

// stop makes the instance an incident: nothing of the pass stands but that, and
// that its input was taken.
func (p *pass) stop(in Input) {
	incident := p.incidentOf(in)
	if p.base == nil || p.began {
		p.inst = p.newborn(incident.Input, p.base)
	} else {
		p.inst = copyOf(p.base)
		p.requeueCause(incident)
	}
	p.inst.Status, p.inst.Incident = StatusIncident, incident
	p.out.Commands, p.out.Letters, p.out.DeadLetter, p.out.turns = nil, nil, nil, nil
	p.out.Fault = &incident.Fault
	p.out.Trace = []Trace{{Kind: "incident", Step: incident.Place, Text: incident.Fault.Kind}}
}

// incidentOf is the incident that the pass ends with: of the input, or of one
// that was decided again.
func (p *pass) incidentOf(in Input) *Incident {
	incident := p.broken
	incident.At = p.at
	switch {
	case p.failed != nil:
		incident.Place, incident.Branch = p.failed.Place, p.failed.Branch
	case p.kept != nil:
		incident.Input = p.kept
	default:
		incident.Input = &Kept{At: p.at, Event: in.Event, Act: in.Act, Timer: in.Timer, Letter: in.Letter}
	}
	return incident
}

// isAboutOthers reports whether an event or a letter was being decided, and not
// what the instance does of itself or an operator wants.
func (i *Incident) isAboutOthers() bool {
	return i.Input != nil && (i.Input.Event != nil || i.Input.Letter != nil)
}

// requeueCause keeps the input of a former incident, if that is replaced by
// another before its input was decided.
func (p *pass) requeueCause(incident *Incident) {
	former := p.base.Incident
	if former == nil || !former.isAboutOthers() || former.Input == incident.Input {
		return
	}
	p.inst.Queue = append([]*Kept{former.Input}, p.inst.Queue...)
}

// edit returns the instance, copied if it is still the one that is decided on.
func (p *pass) edit() *Instance {
	if p.inst == p.was {
		p.inst = copyOf(p.was)
	}
	return p.inst
}

func copyOf(i *Instance) *Instance {
	out := *i
	out.Branches = slices.Clone(i.Branches)
	out.partBytes = i.sizeOfParts()
	out.entryBytes = i.sizeOfEntries()
	out.chunks = i.chunkList()
	return &out
}

// change returns a branch that may be changed, in the place of b.
func (p *pass) change(b *Branch) *Branch {
	if slices.Contains(p.own, b) {
		return b
	}
	inst := p.edit()
	mine := b.clone()
	inst.Branches[slices.Index(inst.Branches, b)] = mine
	p.own = append(p.own, mine)
	return mine
}

// grow adds a branch.
func (p *pass) grow(b *Branch) *Branch {
	inst := p.edit()
	inst.Branches = append(inst.Branches, b)
	p.own = append(p.own, b)
	return b
}

// prune removes a branch that has run to its end or was cancelled.
func (p *pass) prune(b *Branch) {
	inst := p.edit()
	inst.Branches = slices.DeleteFunc(inst.Branches, func(other *Branch) bool { return other == b })
}

// over reports whether nothing more may happen in this pass.
func (p *pass) over() bool { return p.broken != nil || p.halted || p.inst.Ended() }

func (p *pass) note(kind, place, text string) {
	if p.out.Trace == nil {
		p.out.Trace = make([]Trace, 0, 8)
	}
	p.out.Trace = append(p.out.Trace, Trace{kind, place, text})
}

func (p *pass) dead(why DeadLetter) {
	p.out.Outcome, p.out.DeadLetter = Dead, &why
}

// who names the instance for people.
func (p *pass) who() string { return p.plan.definition.Name + "/" + p.key }

// nodeOf returns the node of a frame.
func (p *pass) nodeOf(f *Frame) *node { return p.plan.nodes[f.Place] }

// isCatching reports whether the workflow's `catch`, or what is done without
// one, is running.
func (p *pass) isCatching() bool {
	main := p.inst.main()
	if main == nil || len(main.Frames) == 0 {
		return false
	}
	switch p.nodeOf(&main.Frames[0]).role {
	case roleCatch, roleUncaught:
		return true
	}
	return false
}

// arm returns a timer for due.
func (p *pass) arm(due Instant) Timer { return p.armed(Timer{Due: due}) }

// armed is t, armed.
func (p *pass) armed(t Timer) Timer {
	inst := p.edit()
	inst.Arms++
	t.Arm = inst.Arms
	return t
}

// ownerBytes is how much of a command's id, before it is written in hex, says
// whose the command is.
const ownerBytes = 6

// commandID is the id of the n-th command of this run, 32 hex digits: the first 6
// bytes of SHA-256 over the application, the workflow and the key, each as
// "length:text", then the first 10 over the same, the run in that form, and n in
// decimal.
func (p *pass) commandID(n int64) string {
	var space [256]byte
	named := p.appendOwner(space[:0])
	owner := sha256.Sum256(named)
	command := sha256.Sum256(strconv.AppendInt(appendSized(named, p.inst.Run), n, 10))
	var id [16]byte
	copy(id[copy(id[:], owner[:ownerBytes]):], command[:])
	return string(hex.AppendEncode(space[:0], id[:]))
}

// isOwn reports whether an id is that of a command which this workflow has sent
// under this key, in this run or in an earlier one.
func (p *pass) isOwn(id string) bool {
	var space [256]byte
	owner := sha256.Sum256(p.appendOwner(space[:0]))
	return strings.HasPrefix(id, hex.EncodeToString(owner[:ownerBytes]))
}

// appendOwner appends what the commands of this workflow under this key have in common.
func (p *pass) appendOwner(b []byte) []byte {
	for _, part := range [...]string{p.plan.options.Application, p.plan.definition.Name, p.inst.Key} {
		b = appendSized(b, part)
	}
	return b
}

func appendSized(b []byte, text string) []byte {
	b = strconv.AppendInt(b, int64(len(text)), 10)
	b = append(b, ':')
	return append(b, text...)
}

// hasSeen reports whether an event with this id was taken.
func (p *pass) hasSeen(e *Event) bool {
	return e.ID != "" && slices.Contains(p.inst.Seen, e.seenAs())
}

// seenAs is how the id of an event is remembered: two messages may give the
// same id to different things.
func (e *Event) seenAs() string { return e.Message + " " + e.ID }

// remember notes that an event was taken.
func (p *pass) remember(e *Event) {
	if e.ID == "" {
		return
	}
	inst := p.edit()
	drop := max(0, len(inst.Seen)+1-p.plan.options.Limits.Seen)
	inst.Seen = append(slices.Clone(inst.Seen[drop:]), e.seenAs())
}

func appendCopy(list []*Kept, k *Kept) []*Kept { return append(slices.Clone(list), k) }

// hasRoom reports whether the instance can keep an input without becoming too
// large.
func (p *pass) hasRoom(k *Kept) bool {
	return p.isStorable(p.inst, k.size())
}

// isStorable reports whether an instance with so many bytes more can be stored: as a
// whole, and what is none of its parts as one record.
func (p *pass) isStorable(inst *Instance, more int) bool {
	size, limits := inst.size()+more, &p.plan.options.Limits
	return size <= limits.Instance && size-inst.sizeOfParts() <= limits.Record
}

// sizeText says how large an instance is, and may be.
func (p *pass) sizeText(inst *Instance) string {
	size, limits := inst.size(), &p.plan.options.Limits
	if size > limits.Instance {
		return fmt.Sprintf("it takes %d bytes, and the limit is %d", size, limits.Instance)
	}
	return fmt.Sprintf("it takes %d bytes in its own record, and the limit is %d", size-inst.sizeOfParts(), limits.Record)
}

// checkSize makes an incident of an instance that has become too large. One
// that is stopped grows only by what there is room for.
func (p *pass) checkSize() {
	if p.inst == p.was || p.inst == nil || p.inst.Status.Stopped() {
		return
	}
	if !p.isStorable(p.inst, 0) {
		p.abortBySize("the instance would be too large: " + p.sizeText(p.inst) + ": keep less in variables")
	}
}

// checkPart makes an incident of an instance with a part that no record can hold.
func (p *pass) checkPart(part *Part) {
	limit := p.plan.options.Limits.Record
	if p.inst.sizeOfParts() <= limit {
		return // so does each of them
	}
	switch size := part.Size(); {
	case size <= limit:
	case len(part.Entries) > 0:
		p.abortBySize(fmt.Sprintf("what is kept to undo %s would take %d bytes, and the limit is %d: let its compensation read less",
			part.Entries[0].Place, size, limit))
	default:
		p.abortBySize(fmt.Sprintf("%d elements of a loop would take %d bytes, and the limit is %d: collect less", loopPart, size, limit))
	}
}

func (p *pass) abortBySize(text string) {
	p.abort("", &Fault{Kind: "limit.size", Place: p.plan.definition.Name, Text: text})
}

// abort ends the pass with a fault that nobody names.
func (p *pass) abort(place string, f *Fault) {
	if p.broken == nil {
		p.broken = &Incident{Fault: *f, Place: place}
	}
}

// abortIn is abort where b stands.
func (p *pass) abortIn(b *Branch, place string, f *Fault) {
	if p.broken == nil {
		p.broken = &Incident{Fault: *f, Place: place, Branch: b.ID}
	}
}

// placeText names a place for people: the step, and where it stands in the file.
func placeText(place string, pos diag.Pos) string {
	if pos.IsZero() {
		return place
	}
	return place + " (" + pos.String() + ")"
}

// size estimates how many bytes an instance takes when stored.
func (i *Instance) size() int {
	n := 256 + len(i.Key) + value.Size(i.Vars) + value.Size(i.Output) + i.sizeOfParts() + i.sizeOfEntries()
	n += i.Failure.size() + i.Counter.size()
	if i.Incident != nil && i.Incident.Input != nil {
		n += i.Incident.Input.size()
	}
	for _, known := range i.Known {
		n += 16 + len(known.Value)
	}
	for _, id := range i.Seen {
		n += 8 + len(id)
	}
	for _, b := range i.Branches {
		n += 64 + value.Size(b.Vars)
		for j := range b.Frames {
			n += 128 + b.Frames[j].Event.size() + b.Frames[j].Error.size()
			if loop := b.Frames[j].Loop; loop != nil {
				n += loop.Failed.size()
			}
		}
	}
	for _, list := range [...][]*Kept{i.Held, i.Queue, i.Starts} {
		for _, k := range list {
			n += k.size()
		}
	}
	return n
}

func (k *Kept) size() int {
	n := 16 + k.Event.size()
	if l := k.Letter; l != nil {
		n += l.size()
	}
	return n
}

// size is that of the failure and of what has led to it.
func (f *Failure) size() int {
	n := 0
	for ; f != nil; f = f.Cause {
		n += 64 + len(f.Name) + len(f.Message) + value.Size(f.Data)
	}
	return n
}

func (l *Letter) size() int {
	return 128 + value.Size(l.Value) + l.Event.size() + l.Failure.size()
}

func (c *Counter) size() int {
	if c == nil {
		return 0
	}
	n := 8 * len(c.Asking)
	for _, m := range c.Members {
		n += 16 + len(m.Key) + len(m.Run)
	}
	for _, leave := range c.Open {
		n += 16 + len(leave.Command)
	}
	return n
}

func (e *Event) size() int {
	if e == nil {
		return 0
	}
	return 96 + len(e.Record.Key) + value.Size(e.Headers) + value.Size(e.Payload)
}
