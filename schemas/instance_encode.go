package schemas

import (
	"fmt"
	"sort"

	"rondo/topology"
)

// EncodeInstance returns an instance as it is stored and written to the
// changelog, without its parts: of them it holds the ids. Equal instances give
// equal bytes. It fails for a value that cannot be stored, which no decision lets
// into an instance.
//
// Every decision that changes something is followed by it. So the bytes are
// written directly, in the order of avsc/instance.avsc, and not by goavro, which
// would take a map for each record: a tenth of the time, and of the garbage. That
// both write the same is a test.
func EncodeInstance(i *topology.Instance) ([]byte, error) {
	w := newRecordWriter(instanceFormat())
	w.instance(i)
	b, err := w.done()
	if err != nil {
		return nil, fmt.Errorf("encode instance %s: %w", i.Address(), err)
	}
	return b, nil
}

// EncodePart returns a part of an instance, which is a record of its own.
func EncodePart(p *topology.Part) ([]byte, error) {
	w := newRecordWriter(partFormat())
	w.long(p.ID)
	w.value(p.Value)
	writeArray(w, p.Entries, w.entry)
	b, err := w.done()
	if err != nil {
		return nil, fmt.Errorf("encode part %d: %w", p.ID, err)
	}
	return b, nil
}

func (w *recordWriter) instance(i *topology.Instance) {
	w.text(i.Workflow)
	w.text(i.Desk)
	w.text(i.Key)
	w.long(int64(i.Version))
	w.text(i.Run)
	w.text(string(i.Status))
	w.instant(i.Started)
	w.instant(i.At)
	writeArray(w, i.Branches, w.branch)
	w.value(i.Vars)
	writeArray(w, i.Entries, w.entry)
	writeArray(w, i.Held, w.kept)
	writeArray(w, i.Queue, w.kept)
	writeArray(w, i.Starts, w.kept)
	writeArray(w, i.Seen, w.text)
	w.incident(i.Incident)
	w.instant(i.Stopped)
	writeArray(w, i.Parents, w.parent)
	writeArray(w, i.Known, w.correlation)
	w.partsOf(i)
	w.timer(i.Deadline)
	w.bool(i.DeadlinePassed)
	w.bool(i.Owed)
	w.long(i.Sent)
	w.long(i.Arms)
	w.long(i.Made)
	w.long(i.Steps)
	w.instant(i.EndedAt)
	w.timer(i.Forget)
	w.failure(i.Failure)
	w.value(i.Output)
	w.value(i.Search)
	w.counter(i.Counter)
}

func (w *recordWriter) branch(b *topology.Branch) {
	w.long(b.ID)
	w.long(b.Parent)
	w.text(string(b.Kind))
	w.text(b.Place)
	w.text(b.Name)
	w.long(int64(b.Index))
	w.long(int64(len(b.Frames)))
	for i := range b.Frames {
		w.frame(&b.Frames[i])
	}
	if len(b.Frames) > 0 {
		w.long(0)
	}
	w.text(b.Next)
	w.value(b.Vars)
}

func (w *recordWriter) frame(f *topology.Frame) {
	w.text(f.Place)
	w.instant(f.Since)
	w.event(f.Event)
	w.failure(f.Error)
	if f.Entry != nil {
		w.long(f.Entry.Seq)
	} else {
		w.long(0)
	}
	w.long(f.Mark)
	w.call(f.Call)
	w.loop(f.Loop)
	w.timer(f.Timeout)
	w.timer(f.Wake)
}

func (w *recordWriter) call(c *topology.Call) {
	if !w.optional(c != nil) {
		return
	}
	w.text(c.Command)
	w.long(int64(c.Attempt))
	w.long(int64(c.Base))
	w.instant(c.First)
	w.bool(c.Over)
	w.bool(c.Asking)
	w.long(c.Ask)
	w.text(c.Gate)
	if w.optional(c.Child != topology.Address{}) {
		w.address(c.Child)
	}
}

func (w *recordWriter) loop(l *topology.Loop) {
	if !w.optional(l != nil) {
		return
	}
	writeArray(w, l.Items, w.long)
	w.long(int64(l.Count))
	w.long(int64(l.Begun))
	w.long(int64(l.Finished))
	w.long(int64(l.Lost))
	w.failure(l.Failed)
	w.bool(l.Closed)
	writeArray(w, l.Results, w.long)
	w.long(l.Steps)
}

func (w *recordWriter) side(s topology.Side) {
	w.long(s.Branch)
	w.long(s.Visit)
	w.text(s.Place)
}

func (w *recordWriter) parent(p topology.Parent) {
	w.address(p.Address)
	w.text(p.Run)
	w.text(p.Command)
	w.bool(p.Awaited)
}

func (w *recordWriter) correlation(c topology.Correlation) {
	w.text(c.Variable)
	w.text(c.Value)
}

func (w *recordWriter) partsOf(i *topology.Instance) {
	if !w.optional(i.PartsMade != 0 || len(i.Parts) > 0) {
		return
	}
	w.long(i.PartsMade)
	w.long(int64(i.Older))
	writeArray(w, runsOf(i.Parts), w.run)
}

// run is the ids of parts that follow each other without a gap.
type run struct{ first, last int64 }

// runsOf returns the runs of parts, which are in the order of their ids. It does not
// look at each of them, of which a large instance has many.
func runsOf(parts []*topology.Part) []run {
	var runs []run
	for len(parts) > 0 {
		first := parts[0].ID
		n := sort.Search(len(parts), func(i int) bool { return parts[i].ID != first+int64(i) })
		runs = append(runs, run{first, parts[n-1].ID})
		parts = parts[n:]
	}
	return runs
}

func (w *recordWriter) run(r run) {
	w.long(r.first)
	w.long(r.last)
}

func (w *recordWriter) counter(c *topology.Counter) {
	if !w.optional(c != nil) {
		return
	}
	writeArray(w, c.Members, w.member)
	w.text(c.Spec)
	w.instant(c.Fired)
	w.timer(c.Next)
	w.long(c.Free)
	writeArray(w, c.Open, w.leave)
	writeArray(w, c.Asking, w.long)
}

func (w *recordWriter) leave(l topology.Leave) {
	w.text(l.Command)
	w.long(l.Ask)
}

func (w *recordWriter) member(m topology.Member) {
	w.text(m.Key)
	w.text(m.Run)
}

func (w *recordWriter) timer(t topology.Timer) {
	w.instant(t.Due)
	w.long(t.Arm)
	w.bool(t.Fixed)
}

func (w *recordWriter) entry(e *topology.Entry) {
	w.long(e.Seq)
	w.text(e.Place)
	w.long(e.Branch)
	writeArray(w, e.Line, w.side)
	w.text(e.Command)
	w.bool(e.Done)
	w.value(e.Vars)
}

func (w *recordWriter) kept(k *topology.Kept) {
	w.instant(k.At)
	w.event(k.Event)
	w.act(k.Act)
	w.bool(k.Timer)
	w.letter(k.Letter)
	w.timer(k.Until)
}

func (w *recordWriter) incident(i *topology.Incident) {
	if !w.optional(i != nil) {
		return
	}
	w.instant(i.At)
	w.text(i.Fault.Kind)
	w.text(i.Fault.Place)
	w.text(i.Fault.Text)
	w.text(i.Place)
	if w.optional(i.Input != nil) {
		w.kept(i.Input)
	}
	w.long(i.Branch)
}
