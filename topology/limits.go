package topology

import (
	"time"

	"rondo/topology/expr"
)

// Limits bound what one instance may ask for. A zero field has the default
// that DefaultLimits gives.
type Limits struct {
	Event        int           // bytes of an event as it is on the wire: dead letter
	Command      int           // bytes of a command's payload: limit.payload
	Variable     int           // bytes of one variable: limit.size
	Instance     int           // bytes of an instance with all its parts: limit.size
	Record       int           // bytes of an instance without its parts, and of each of these: limit.size
	Key          int           // bytes of an instance key: dead letter
	Keys         int           // instances that one event is for: dead letter
	Correlate    int           // values by which an instance is known: limit.correlate
	Members      int           // instances that are known by one value: dead letter
	Held         int           // events kept for a step that will listen: dead letter
	Queue        int           // inputs kept while stopped: dead letter
	Starts       int           // start messages that wait for the end: dead letter
	Seen         int           // ids of events: the oldest is forgotten
	Branches     int           // at once: limit.branches
	Elements     int           // of the list that a loop goes over: limit.elements
	Entries      int           // compensation entries: limit.entries
	StepsAtOnce  int           // in one decision: it goes on in the next one
	BytesAtOnce  int           // that one decision sends, before its next step: it goes on in the next one
	StepsUnasked int           // without an input: limit.spin
	Cost         int           // of one evaluation of an expression (expr.Limits): limit.cost
	Text         int           // bytes of a text that an expression builds: limit.cost
	TimerAhead   time.Duration // limit.timer
}

// DefaultKeep is how long a finished instance is remembered, unless its
// definition says otherwise.
const DefaultKeep = 24 * time.Hour

const day = 24 * time.Hour

// DefaultLimits are the limits that hold where Options say nothing.
func DefaultLimits() Limits {
	return Limits{
		Event:        768 << 10,
		Command:      768 << 10,
		Variable:     512 << 10,
		Instance:     16 << 20,
		Record:       3 << 20,
		Key:          512,
		Keys:         1000,
		Correlate:    1000,
		Members:      10_000,
		Held:         100,
		Queue:        10_000,
		Starts:       1000,
		Seen:         64,
		Branches:     1000,
		Elements:     100_000,
		Entries:      10_000,
		StepsAtOnce:  1000,
		BytesAtOnce:  4 << 20,
		StepsUnasked: 10_000,
		Cost:         expr.DefaultLimits().Cost,
		Text:         expr.DefaultLimits().TextBytes,
		TimerAhead:   10 * 365 * day,
	}
}

// withDefaults returns l with the zero fields filled in.
func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	fill := func(field *int, value int) {
		if *field == 0 {
			*field = value
		}
	}
	fill(&l.Event, d.Event)
	fill(&l.Command, d.Command)
	fill(&l.Variable, d.Variable)
	fill(&l.Instance, d.Instance)
	fill(&l.Record, d.Record)
	fill(&l.Key, d.Key)
	fill(&l.Keys, d.Keys)
	fill(&l.Correlate, d.Correlate)
	fill(&l.Members, d.Members)
	fill(&l.Held, d.Held)
	fill(&l.Queue, d.Queue)
	fill(&l.Starts, d.Starts)
	fill(&l.Seen, d.Seen)
	fill(&l.Branches, d.Branches)
	fill(&l.Elements, d.Elements)
	fill(&l.Entries, d.Entries)
	fill(&l.StepsAtOnce, d.StepsAtOnce)
	fill(&l.BytesAtOnce, d.BytesAtOnce)
	fill(&l.StepsUnasked, d.StepsUnasked)
	fill(&l.Cost, d.Cost)
	fill(&l.Text, d.Text)
	if l.TimerAhead == 0 {
		l.TimerAhead = d.TimerAhead
	}
	return l
}
