package schemas

import (
	"fmt"
	"sync"

	"rondo/topology"
	"rondo/topology/value"
)

var instanceFormat = sync.OnceValue(func() *Format { return newFormat("instance") })

// DecodeInstance reads what EncodeInstance wrote, in this or a former version.
// An *UnknownFormatError reports a newer one.
func DecodeInstance(b []byte) (*topology.Instance, error) {
	n, err := instanceFormat().decode(b)
	if err != nil {
		return nil, err
	}
	r := &instanceReader{entries: map[int64]*topology.Entry{}}
	i := r.instance(n)
	if r.err != nil {
		return nil, fmt.Errorf("decode instance %s/%s: %w", i.Workflow, i.Key, r.err)
	}
	return i, nil
}

// instanceReader makes an instance of what goavro gives. It keeps the first error.
type instanceReader struct {
	entries map[int64]*topology.Entry // by number
	err     error
}

func (r *instanceReader) instance(n fields) *topology.Instance {
	i := &topology.Instance{
		Workflow: get[string](n, "workflow"),
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
	}
	i.Branches = sliceOf(n, "branches", r.branch) // its frames name entries
	return i
}

func instantOf(n fields, name string) topology.Instant { return topology.Instant(get[int64](n, name)) }

func textsOf(n fields, name string) []string {
	items := get[[]any](n, name)
	if len(items) == 0 {
		return nil
	}
	out := make([]string, len(items))
	for i, item := range items {
		out[i] = item.(string)
	}
	return out
}

func timerOf(n fields, name string) topology.Timer {
	inner := get[fields](n, name)
	return topology.Timer{Due: instantOf(inner, "due"), Arm: get[int64](inner, "arm")}
}

func (r *instanceReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *instanceReader) value(n fields, name string) value.Value {
	v, err := valueOf(n[name])
	if err != nil {
		r.fail(fmt.Errorf("%s: %w", name, err))
	}
	return v
}

// values reads a map of variables; the empty one is nil.
func (r *instanceReader) values(n fields, name string) *value.Map {
	m, isMap := r.value(n, name).(*value.Map)
	if !isMap && r.err == nil {
		r.fail(fmt.Errorf("%s: is no map", name))
	}
	if m.Len() == 0 {
		return nil
	}
	return m
}

func (r *instanceReader) branch(n fields) *topology.Branch {
	return &topology.Branch{
		ID:     get[int64](n, "id"),
		Parent: get[int64](n, "parent"),
		Kind:   topology.BranchKind(get[string](n, "kind")),
		Place:  get[string](n, "place"),
		Frames: sliceOf(n, "frames", r.frame),
		Next:   get[string](n, "next"),
		Vars:   r.values(n, "vars"),
	}
}

func (r *instanceReader) frame(n fields) topology.Frame {
	seq := get[int64](n, "entry")
	entry := r.entries[seq]
	if seq != 0 && entry == nil {
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
		Timeout: timerOf(n, "timeout"),
		Wake:    timerOf(n, "wake"),
	}
}

func (r *instanceReader) event(n fields) *topology.Event {
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

func (r *instanceReader) failure(n fields, name string) *topology.Failure {
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
	return &topology.Call{
		Command: get[string](inner, "command"),
		Attempt: int(get[int32](inner, "attempt")),
		Base:    int(get[int32](inner, "base")),
		First:   instantOf(inner, "first"),
		Over:    get[bool](inner, "over"),
	}
}

func (r *instanceReader) entry(n fields) *topology.Entry {
	e := &topology.Entry{
		Seq:     get[int64](n, "seq"),
		Place:   get[string](n, "place"),
		Branch:  get[int64](n, "branch"),
		Command: get[string](n, "command"),
		Done:    get[bool](n, "done"),
		Vars:    r.values(n, "vars"),
	}
	r.entries[e.Seq] = e
	return e
}

func (r *instanceReader) kept(n fields) *topology.Kept {
	act, err := unwrapAct(n, "act")
	if err != nil {
		r.fail(err)
	}
	return &topology.Kept{At: instantOf(n, "at"), Event: r.event(n), Act: act, Timer: get[bool](n, "timer")}
}

func (r *instanceReader) incident(n fields) *topology.Incident {
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
