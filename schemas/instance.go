package schemas

import (
	"fmt"
	"sync"

	"rondo/topology"
	"rondo/topology/value"
)

var (
	instanceFormat = sync.OnceValue(func() *Format { return newFormat("instance") })
	partFormat     = sync.OnceValue(func() *Format { return newFormat("part") })
)

// DecodeInstance reads what EncodeInstance wrote, in this or a former version.
// part gives each of the instance's parts as EncodePart wrote it. An
// *UnknownFormatError reports a newer version.
func DecodeInstance(head []byte, part func(id int64) ([]byte, error)) (*topology.Instance, error) {
	n, err := instanceFormat().decode(head)
	if err != nil {
		return nil, err
	}
	r := newRecordReader()
	parts := r.parts(n, part)
	i := r.instance(n)
	if r.err != nil {
		return nil, fmt.Errorf("decode instance %s: %w", i.Address(), r.err)
	}
	i.Parts = parts
	return i, nil
}

// DecodeHead reads what EncodeInstance wrote without the instance's parts: what
// is shown of it, and not enough to decide on it. A compensation at work has no
// entry if that is in a part.
func DecodeHead(head []byte) (*topology.Instance, error) {
	n, err := instanceFormat().decode(head)
	if err != nil {
		return nil, err
	}
	r := newRecordReader()
	r.headOnly = true
	i := r.instance(n)
	if r.err != nil {
		return nil, fmt.Errorf("decode instance %s: %w", i.Address(), r.err)
	}
	return i, nil
}

// DecodePart reads what EncodePart wrote, as DecodeInstance reads a head.
func DecodePart(record []byte) (*topology.Part, error) { return newRecordReader().part(record) }

// IsPart reports whether a record was written by EncodePart.
func IsPart(record []byte) bool {
	fingerprint, _, ok := cutSingleObjectHeader(record)
	return ok && partFormat().versions[fingerprint] != nil
}

// parts reads the parts that the head of an instance names.
func (r *recordReader) parts(head fields, part func(id int64) ([]byte, error)) []*topology.Part {
	n, ok := unwrap[fields](head, "parts", "rondo.Parts")
	if !ok {
		return nil
	}
	var parts []*topology.Part
	entries, last := 0, int64(0)
	for _, run := range sliceOf(n, "runs", runOf) {
		if run.first <= last || run.last < run.first {
			r.fail(fmt.Errorf("its parts %d to %d do not follow part %d", run.first, run.last, last))
		}
		for id := run.first; id <= run.last && r.err == nil; id++ {
			p := r.fetchPart(id, part)
			parts = append(parts, p)
			entries += len(p.Entries)
		}
		last = run.last
	}
	if want := get[int64](n, "entries"); r.err == nil && int64(entries) != want {
		r.fail(fmt.Errorf("its parts have %d entries and not %d", entries, want))
	}
	return parts
}

func runOf(n fields) run { return run{get[int64](n, "first"), get[int64](n, "last")} }

func (r *recordReader) fetchPart(id int64, part func(id int64) ([]byte, error)) *topology.Part {
	b, err := part(id)
	p := &topology.Part{}
	if err == nil {
		p, err = r.part(b)
	}
	if err == nil && p.ID != id {
		err = fmt.Errorf("the record is that of part %d", p.ID)
	}
	if err != nil {
		r.fail(fmt.Errorf("part %d: %w", id, err))
	}
	return p
}

func (r *recordReader) part(b []byte) (*topology.Part, error) {
	n, err := partFormat().decode(b)
	if err != nil {
		return &topology.Part{}, err
	}
	return &topology.Part{ID: get[int64](n, "id"), Value: r.value(n, "value"), Entries: sliceOf(n, "entries", r.entry)}, r.err
}

// recordReader makes what a record tells of what goavro gives. It keeps the
// first error.
type recordReader struct {
	entries  map[int64]*topology.Entry // of an instance, by number
	headOnly bool                      // there are others in parts
	err      error
}

func newRecordReader() *recordReader { return &recordReader{entries: map[int64]*topology.Entry{}} }

func (r *recordReader) instance(n fields) *topology.Instance {
	i := &topology.Instance{
		Workflow: get[string](n, "workflow"),
		Desk:     get[string](n, "desk"),
		Key:      get[string](n, "key"),
		Version:  int(get[int32](n, "version")),
		Run:      get[string](n, "run"),
		Status:   topology.Status(get[string](n, "status")),
		Started:  instantOf(n, "started"),
		At:       instantOf(n, "at"),
		Vars:     r.values(n, "vars"),
		Entries:  sliceOf(n, "entries", r.entry),
		Held:     sliceOf(n, "held", r.kept),
		Queue:    sliceOf(n, "queue", r.kept),
		Starts:   sliceOf(n, "starts", r.kept),
		Seen:     textsOf(n, "seen"),
		Incident: r.incident(n),
		Stopped:  instantOf(n, "stopped"),

		Parents: sliceOf(n, "parents", parentOf),
		Known:   sliceOf(n, "known", correlationOf),

		Deadline:       timerOf(n, "deadline"),
		DeadlinePassed: get[bool](n, "deadlinePassed"),
		Owed:           get[bool](n, "owed"),

		Sent:  get[int64](n, "sent"),
		Arms:  get[int64](n, "arms"),
		Made:  get[int64](n, "made"),
		Steps: get[int64](n, "steps"),

		EndedAt: instantOf(n, "endedAt"),
		Forget:  timerOf(n, "forget"),
		Failure: r.failure(n, "failure"),
		Output:  r.value(n, "output"),
		Search:  r.values(n, "search"),

		Counter: counterOf(n),
	}
	if parts, ok := unwrap[fields](n, "parts", "rondo.Parts"); ok {
		i.PartsMade, i.Older = get[int64](parts, "made"), int(get[int64](parts, "entries"))
	}
	i.Branches = sliceOf(n, "branches", r.branch) // its frames name entries
	return i
}

func instantOf(n fields, name string) topology.Instant { return topology.Instant(get[int64](n, name)) }

func textsOf(n fields, name string) []string { return plainOf[string](n, name) }

func numbersOf(n fields, name string) []int64 { return plainOf[int64](n, name) }

// plainOf reads an array of what goavro gives as it stands; an empty one is nil.
func plainOf[T any](n fields, name string) []T {
	items := get[[]any](n, name)
	if len(items) == 0 {
		return nil
	}
	out := make([]T, len(items))
	for i, item := range items {
		out[i] = item.(T)
	}
	return out
}

func timerOf(n fields, name string) topology.Timer {
	inner := get[fields](n, name)
	return topology.Timer{Due: instantOf(inner, "due"), Arm: get[int64](inner, "arm"), Fixed: get[bool](inner, "fixed")}
}

func (r *recordReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *recordReader) value(n fields, name string) value.Value {
	v, err := valueOf(n[name])
	if err != nil {
		r.fail(fmt.Errorf("%s: %w", name, err))
	}
	return v
}

// values reads a map of variables; the empty one is nil.
func (r *recordReader) values(n fields, name string) *value.Map {
	m, isMap := r.value(n, name).(*value.Map)
	if !isMap && r.err == nil {
		r.fail(fmt.Errorf("%s: is no map", name))
	}
	if m.Len() == 0 {
		return nil
	}
	return m
}

func (r *recordReader) branch(n fields) *topology.Branch {
	return &topology.Branch{
		ID:     get[int64](n, "id"),
		Parent: get[int64](n, "parent"),
		Kind:   topology.BranchKind(get[string](n, "kind")),
		Place:  get[string](n, "place"),
		Name:   get[string](n, "name"),
		Index:  int(get[int64](n, "index")),
		Frames: sliceOf(n, "frames", r.frame),
		Next:   get[string](n, "next"),
		Vars:   r.values(n, "vars"),
	}
}

func (r *recordReader) frame(n fields) topology.Frame {
	seq := get[int64](n, "entry")
	entry := r.entries[seq]
	if seq != 0 && entry == nil && !r.headOnly {
		r.fail(fmt.Errorf("the compensation %s undoes the entry %d, which is not there", get[string](n, "place"), seq))
	}
	return topology.Frame{
		Place:   get[string](n, "place"),
		Since:   instantOf(n, "since"),
		Event:   r.event(n),
		Error:   r.failure(n, "error"),
		Entry:   entry,
		Mark:    get[int64](n, "mark"),
		Call:    callOf(n),
		Loop:    r.loop(n),
		Timeout: timerOf(n, "timeout"),
		Wake:    timerOf(n, "wake"),
	}
}

func (r *recordReader) event(n fields) *topology.Event {
	inner, ok := unwrap[fields](n, "event", "rondo.Event")
	if !ok {
		return nil
	}
	return &topology.Event{
		Message:   get[string](inner, "message"),
		Record:    recordRefOf(get[fields](inner, "record")),
		Headers:   r.values(inner, "headers"),
		Payload:   r.value(inner, "payload"),
		ID:        get[string](inner, "id"),
		CommandID: get[string](inner, "command"),
	}
}

func (r *recordReader) failure(n fields, name string) *topology.Failure {
	inner, ok := unwrap[fields](n, name, "rondo.Failure")
	if !ok {
		return nil
	}
	return &topology.Failure{
		Name:    get[string](inner, "name"),
		Message: get[string](inner, "message"),
		Step:    get[string](inner, "step"),
		Data:    r.value(inner, "data"),
		At:      instantOf(inner, "at"),
		Cause:   r.failure(inner, "cause"),
	}
}

func callOf(n fields) *topology.Call {
	inner, ok := unwrap[fields](n, "call", "rondo.Call")
	if !ok {
		return nil
	}
	child, _ := unwrap[fields](inner, "child", "rondo.Address")
	return &topology.Call{
		Command: get[string](inner, "command"),
		Attempt: int(get[int32](inner, "attempt")),
		Base:    int(get[int32](inner, "base")),
		First:   instantOf(inner, "first"),
		Over:    get[bool](inner, "over"),
		Asking:  get[bool](inner, "asking"),
		Ask:     get[int64](inner, "ask"),
		Gate:    get[string](inner, "gate"),
		Child:   addressOf(child),
	}
}

func (r *recordReader) loop(n fields) *topology.Loop {
	inner, ok := unwrap[fields](n, "loop", "rondo.Loop")
	if !ok {
		return nil
	}
	return &topology.Loop{
		Items:    numbersOf(inner, "items"),
		Count:    int(get[int64](inner, "count")),
		Begun:    int(get[int64](inner, "begun")),
		Finished: int(get[int64](inner, "finished")),
		Lost:     int(get[int64](inner, "lost")),
		Failed:   r.failure(inner, "failed"),
		Closed:   get[bool](inner, "closed"),
		Results:  numbersOf(inner, "results"),
		Steps:    get[int64](inner, "steps"),
	}
}

func sideOf(n fields) topology.Side {
	return topology.Side{Branch: get[int64](n, "branch"), Visit: get[int64](n, "visit"), Place: get[string](n, "place")}
}

// addressOf reads an address; none is the zero Address.
func addressOf(n fields) topology.Address {
	if n == nil {
		return topology.Address{}
	}
	return topology.Address{Workflow: get[string](n, "workflow"), Desk: get[string](n, "desk"), Key: get[string](n, "key")}
}

func parentOf(n fields) topology.Parent {
	return topology.Parent{
		Address: addressOf(get[fields](n, "address")),
		Run:     get[string](n, "run"),
		Command: get[string](n, "command"),
		Awaited: get[bool](n, "awaited"),
	}
}

func correlationOf(n fields) topology.Correlation {
	return topology.Correlation{Variable: get[string](n, "variable"), Value: get[string](n, "value")}
}

func counterOf(n fields) *topology.Counter {
	inner, ok := unwrap[fields](n, "counter", "rondo.Counter")
	if !ok {
		return nil
	}
	return &topology.Counter{
		Members: sliceOf(inner, "members", memberOf),
		Spec:    get[string](inner, "spec"),
		Fired:   instantOf(inner, "fired"),
		Next:    timerOf(inner, "next"),
		Free:    get[int64](inner, "free"),
		Open:    sliceOf(inner, "open", leaveOf),
		Asking:  numbersOf(inner, "asking"),
	}
}

func leaveOf(n fields) topology.Leave {
	return topology.Leave{Command: get[string](n, "command"), Ask: get[int64](n, "ask")}
}

func memberOf(n fields) topology.Member {
	return topology.Member{Key: get[string](n, "key"), Run: get[string](n, "run")}
}

func (r *recordReader) letter(n fields, name string) *topology.Letter {
	inner, ok := unwrap[fields](n, name, "rondo.Letter")
	if !ok {
		return nil
	}
	return &topology.Letter{
		Kind:    topology.LetterKind(get[string](inner, "kind")),
		To:      addressOf(get[fields](inner, "to")),
		From:    addressOf(get[fields](inner, "from")),
		Run:     get[string](inner, "run"),
		Command: get[string](inner, "command"),
		Message: get[string](inner, "message"),
		Ask:     get[int64](inner, "ask"),
		Value:   r.value(inner, "value"),
		Awaited: get[bool](inner, "awaited"),
		Status:  topology.Status(get[string](inner, "status")),
		Failure: r.failure(inner, "failure"),
		Event:   r.event(inner),
	}
}

func (r *recordReader) entry(n fields) *topology.Entry {
	e := &topology.Entry{
		Seq:     get[int64](n, "seq"),
		Place:   get[string](n, "place"),
		Branch:  get[int64](n, "branch"),
		Line:    sliceOf(n, "line", sideOf),
		Command: get[string](n, "command"),
		Done:    get[bool](n, "done"),
		Vars:    r.values(n, "vars"),
	}
	r.entries[e.Seq] = e
	return e
}

func (r *recordReader) act(n fields) *topology.Act {
	inner, ok := unwrap[fields](n, "act", "rondo.Act")
	if !ok {
		return nil
	}
	return &topology.Act{
		Kind:      get[string](inner, "kind"),
		Principal: get[string](inner, "principal"),
		Reason:    get[string](inner, "reason"),
		Step:      get[string](inner, "step"),
		Data:      r.value(inner, "data"),
	}
}

func (r *recordReader) kept(n fields) *topology.Kept {
	return &topology.Kept{
		At: instantOf(n, "at"), Event: r.event(n), Act: r.act(n), Timer: get[bool](n, "timer"),
		Letter: r.letter(n, "letter"), Until: timerOf(n, "until"),
	}
}

func (r *recordReader) incident(n fields) *topology.Incident {
	inner, ok := unwrap[fields](n, "incident", "rondo.Incident")
	if !ok {
		return nil
	}
	i := &topology.Incident{
		At:     instantOf(inner, "at"),
		Fault:  topology.Fault{Kind: get[string](inner, "kind"), Place: get[string](inner, "where"), Text: get[string](inner, "text")},
		Place:  get[string](inner, "place"),
		Branch: get[int64](inner, "branch"),
	}
	if input, ok := unwrap[fields](inner, "input", "rondo.KeptInput"); ok {
		i.Input = r.kept(input)
	}
	return i
}
