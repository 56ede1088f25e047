package audit

import (
	"encoding/json"
	"fmt"
	"time"

	"rondo/processor"
	"rondo/topology"
	"rondo/topology/value"
)

// View is an instance as people and programs read it.
type View struct {
	Workflow string `json:"workflow"`
	Desk     string `json:"desk,omitempty"`
	Key      string `json:"key"`
	Version  string `json:"version"`
	Status   string `json:"status"`
	Run      string `json:"run"`

	Started   *time.Time `json:"started,omitempty"`
	Changed   *time.Time `json:"changed,omitempty"` // by its last decision
	Ended     *time.Time `json:"ended,omitempty"`
	Waits     []Waiting  `json:"waits,omitempty"`
	NextTimer *time.Time `json:"nextTimer,omitempty"`
	KeptUntil *time.Time `json:"keptUntil,omitempty"` // of one that has ended

	Incident *IncidentView `json:"incident,omitempty"`
	Failure  *FailureView  `json:"failure,omitempty"`
	Held     int           `json:"held,omitempty"`    // events kept for later
	Queued   int           `json:"queued,omitempty"`  // inputs kept while it is stopped
	Undoable int           `json:"entries,omitempty"` // steps that `compensate` would undo

	Search json.RawMessage `json:"search,omitempty"`
	Vars   json.RawMessage `json:"vars,omitempty"`
	Output json.RawMessage `json:"output,omitempty"`
}

// Waiting is a place where an instance waits.
type Waiting struct {
	Step    string    `json:"step"`
	Since   time.Time `json:"since"`
	Attempt int       `json:"attempt,omitempty"` // of a call
	Command string    `json:"command,omitempty"` // of a call: its command id
	Asking  bool      `json:"asking,omitempty"`  // of a call: it waits its turn by the message's limit
}

// IncidentView is why an instance stands still.
type IncidentView struct {
	Kind  string    `json:"kind"`
	Step  string    `json:"step,omitempty"`
	Place string    `json:"place,omitempty"`
	Text  string    `json:"text"`
	At    time.Time `json:"at"`
}

// FailureView is why an instance did not complete.
type FailureView struct {
	Error   string `json:"error"`
	Message string `json:"message,omitempty"`
	Step    string `json:"step,omitempty"`
}

// ViewOf shows an instance without its variables.
func ViewOf(i *topology.Instance) (View, error) {
	v := View{
		Workflow: i.Workflow, Desk: i.Desk, Key: i.Key, Version: processor.VersionText(i.Version),
		Status: string(i.Status), Run: i.Run,
		Started: instant(i.Started), Changed: instant(i.At), Ended: instant(i.EndedAt),
		Held: len(i.Held), Queued: len(i.Queue), Undoable: i.EntryCount(),
	}
	for _, b := range i.Branches {
		if n := len(b.Frames); n > 0 {
			v.Waits = append(v.Waits, waitingAt(b.Frames[n-1]))
		}
	}
	if i.Forget.Armed() {
		v.KeptUntil = instant(i.Forget.Due)
	} else if due, ok := i.NextTimer(); ok {
		v.NextTimer = instant(due)
	}
	if x := i.Incident; x != nil {
		v.Incident = &IncidentView{x.Fault.Kind, x.Place, x.Fault.Place, x.Fault.Text, x.At.Time()}
	}
	if f := i.Failure; f != nil {
		v.Failure = &FailureView{f.Name, f.Message, f.Step}
	}
	var err error
	if v.Search, err = asJSON(i.Search.Len() > 0, i.Search); err != nil {
		return v, fmt.Errorf("search variables of %s: %w", i.Address(), err)
	}
	return v, nil
}

// FullViewOf shows an instance with its variables and its output.
func FullViewOf(i *topology.Instance) (View, error) {
	v, err := ViewOf(i)
	if err != nil {
		return v, err
	}
	if v.Vars, err = asJSON(i.Vars.Len() > 0, i.Vars); err != nil {
		return v, fmt.Errorf("variables of %s: %w", i.Address(), err)
	}
	if v.Output, err = asJSON(i.Output != nil, i.Output); err != nil {
		return v, fmt.Errorf("output of %s: %w", i.Address(), err)
	}
	return v, nil
}

func waitingAt(f topology.Frame) Waiting {
	w := Waiting{Step: f.Place, Since: f.Since.Time()}
	if f.Call != nil {
		w.Attempt, w.Command, w.Asking = f.Call.Attempt, f.Call.Command, f.Call.Asking
	}
	return w
}

func instant(i topology.Instant) *time.Time {
	if i == 0 {
		return nil
	}
	t := i.Time()
	return &t
}

func asJSON(present bool, v value.Value) (json.RawMessage, error) {
	if !present {
		return nil, nil
	}
	text, err := value.ToJSON(v)
	return text, err
}
