package audit

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"rondo/processor"
	"rondo/schemas"
	"rondo/topology"
)

// DecisionView is a decision as people and programs read it.
type DecisionView struct {
	At         time.Time `json:"at"`
	Workflow   string    `json:"workflow"`
	Desk       string    `json:"desk,omitempty"`
	Key        string    `json:"key"`
	Version    string    `json:"version"`
	Definition string    `json:"definition"` // digest
	Semantics  int       `json:"semantics"`
	Run        string    `json:"run,omitempty"`
	History    string    `json:"history"` // partition/offset of the history topic

	Input   InputView   `json:"input"`
	Outcome string      `json:"outcome"`
	Taker   string      `json:"taker,omitempty"`
	Trace   []TraceView `json:"trace,omitempty"`

	Commands []CommandView `json:"commands,omitempty"`
	Letters  []LetterView  `json:"letters,omitempty"`
	Lookups  []LookupView  `json:"lookups,omitempty"`
	Fault    *FaultView    `json:"fault,omitempty"`
	Dead     *DeadView     `json:"deadLetter,omitempty"`
	Omitted  string        `json:"omitted,omitempty"` // which of trace, commands and letters are not here, and why

	Status    string     `json:"status,omitempty"`
	NextTimer *time.Time `json:"nextTimer,omitempty"`
}

// TraceView is one thing that happened within a decision.
type TraceView struct {
	Kind string `json:"kind"`
	Step string `json:"step,omitempty"`
	Text string `json:"text,omitempty"`
}

// InputView is what a decision was about.
type InputView struct {
	Kind    string          `json:"kind"`
	Message string          `json:"message,omitempty"`
	Record  string          `json:"record,omitempty"` // topic/partition/offset
	Payload json.RawMessage `json:"payload,omitempty"`
	Bytes   []byte          `json:"bytes,omitempty"` // of a payload that is no JSON
	Omitted string          `json:"omitted,omitempty"`
	Act     *ActView        `json:"act,omitempty"`
	Letter  *LetterView     `json:"letter,omitempty"`
}

// ActView is an operator's act.
type ActView struct {
	Kind      string          `json:"kind"`
	Principal string          `json:"principal"`
	Reason    string          `json:"reason,omitempty"`
	Step      string          `json:"step,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"`
}

// CommandView is a command that was sent.
type CommandView struct {
	Message     string `json:"message"`
	Topic       string `json:"topic"`
	Key         string `json:"key"`
	ID          string `json:"id"`
	Attempt     int    `json:"attempt"`
	Step        string `json:"step"`
	Compensates string `json:"compensates,omitempty"`
}

// LetterView is a letter that was written or received.
type LetterView struct {
	Kind    string `json:"kind"`
	To      string `json:"to,omitempty"`
	From    string `json:"from,omitempty"`
	Command string `json:"command,omitempty"`
}

// LookupView is a row of a table as the decision saw it.
type LookupView struct {
	Table   string          `json:"table"`
	Key     string          `json:"key"`
	Found   bool            `json:"found"`
	Row     json.RawMessage `json:"row,omitempty"`
	Omitted string          `json:"omitted,omitempty"`
}

// FaultView is a fault that stopped the instance.
type FaultView struct {
	Kind  string `json:"kind"`
	Place string `json:"place,omitempty"`
	Text  string `json:"text"`
}

// DeadView is why an input could not be used.
type DeadView struct {
	Reason string `json:"reason"`
	Text   string `json:"text"`
}

// DecisionViewOf shows a decision.
func DecisionViewOf(e Entry) (DecisionView, error) {
	v := DecisionView{
		At: e.At.Time(), Workflow: e.Workflow, Desk: e.Desk, Key: e.Key,
		Version: processor.VersionText(int(e.Version)), Definition: e.Definition, Semantics: int(e.Semantics), Run: e.Run,
		History: fmt.Sprintf("%d/%d", e.Partition, e.Offset),
		Outcome: string(e.Outcome), Taker: e.Taker, Omitted: e.Omitted,
		Status: string(e.Status), NextTimer: instant(e.NextTimer),
	}
	var err error
	if v.Input, err = inputViewOf(e.History); err != nil {
		return v, fmt.Errorf("history record %s: %w", v.History, err)
	}
	for _, t := range e.Trace {
		v.Trace = append(v.Trace, TraceView(t))
	}
	for _, c := range e.Commands {
		v.Commands = append(v.Commands, CommandView{c.Message, c.Topic, c.Key, c.ID, int(c.Attempt), c.Step, c.Compensates})
	}
	for _, l := range e.Letters {
		v.Letters = append(v.Letters, LetterView{Kind: string(l.Kind), To: l.To.String(), Command: l.Command})
	}
	for _, l := range e.Lookups {
		row, err := asJSON(l.Found && l.RowOmitted == "", l.Row)
		if err != nil {
			return v, fmt.Errorf("history record %s: row of table %s: %w", v.History, l.Table, err)
		}
		v.Lookups = append(v.Lookups, LookupView{l.Table, l.Key, l.Found, row, l.RowOmitted})
	}
	if f := e.Fault; f != nil {
		v.Fault = &FaultView{f.Kind, f.Place, f.Text}
	}
	if d := e.DeadLetter; d != nil {
		v.Dead = &DeadView{d.Reason, d.Text}
	}
	return v, nil
}

func inputViewOf(h schemas.History) (InputView, error) {
	in := InputView{Kind: string(h.Input.Kind), Message: h.Message, Omitted: h.Input.PayloadOmitted}
	if ref := h.Input.Record; ref != nil {
		in.Record = fmt.Sprintf("%s/%d/%d", ref.Topic, ref.Partition, ref.Offset)
	}
	if json.Valid(h.Input.Payload) {
		in.Payload = h.Input.Payload
	} else {
		in.Bytes = h.Input.Payload
	}
	if a := h.Input.Act; a != nil {
		data, err := asJSON(a.Data != nil, a.Data)
		if err != nil {
			return in, fmt.Errorf("data of the act: %w", err)
		}
		in.Act = &ActView{a.Kind, a.Principal, a.Reason, a.Step, data}
	}
	if l := h.Input.Letter; l != nil {
		in.Letter = &LetterView{Kind: string(l.Kind), From: l.From.String(), Command: l.Command}
	}
	return in, nil
}

// Tell writes a decision as a few lines for people: when and what, what came of
// it, what happened in order, where the instance stands then.
func (v DecisionView) Tell() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  %s", v.At.Format("2006-01-02 15:04:05.000Z"), v.Input.tell(), v.Outcome)
	if v.Taker != "" {
		fmt.Fprintf(&b, " by %s", v.Taker)
	}
	b.WriteByte('\n')
	if len(v.Input.Payload) > 0 {
		fmt.Fprintf(&b, "    event     %s\n", clip(string(v.Input.Payload)))
	}
	if a := v.Input.Act; a != nil && len(a.Data) > 0 {
		fmt.Fprintf(&b, "    data      %s\n", clip(string(a.Data)))
	}
	if v.Omitted != "" {
		fmt.Fprintf(&b, "    omitted   %s\n", v.Omitted)
	}
	for _, t := range v.Trace {
		fmt.Fprintf(&b, "    %-9s %s\n", t.Kind, strings.TrimSpace(t.Step+" "+t.Text))
	}
	for _, c := range v.Commands {
		fmt.Fprintf(&b, "    command   %s to %s, attempt %d, id %s%s\n", c.Message, c.Topic, c.Attempt, c.ID, optional(", compensates ", c.Compensates))
	}
	for _, l := range v.Letters {
		fmt.Fprintf(&b, "    letter    %s to %s\n", l.Kind, l.To)
	}
	for _, l := range v.Lookups {
		row := "no row"
		if l.Found {
			row = clip(string(l.Row)) + l.Omitted
		}
		fmt.Fprintf(&b, "    lookup    %s[%s]: %s\n", l.Table, l.Key, row)
	}
	if f := v.Fault; f != nil {
		fmt.Fprintf(&b, "    fault     %s: %s%s\n", f.Kind, f.Text, optional(", at ", f.Place))
	}
	if d := v.Dead; d != nil {
		fmt.Fprintf(&b, "    dead      %s: %s\n", d.Reason, d.Text)
	}
	if v.Status != "" {
		fmt.Fprintf(&b, "    then      %s", v.Status)
		if v.NextTimer != nil {
			until := ", next timer"
			if topology.Status(v.Status).Final() {
				until = ", kept until"
			}
			fmt.Fprintf(&b, "%s %s", until, v.NextTimer.Format("2006-01-02 15:04:05.000Z"))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (in InputView) tell() string {
	switch {
	case in.Act != nil:
		return fmt.Sprintf("act %s by %s%s", in.Act.Kind, in.Act.Principal, optional(": ", in.Act.Reason))
	case in.Letter != nil:
		return fmt.Sprintf("letter %s from %s", in.Letter.Kind, in.Letter.From)
	case in.Message != "":
		return in.Message + " " + in.Record
	case in.Record != "":
		return in.Kind + " " + in.Record
	}
	return in.Kind
}

func optional(before, text string) string {
	if text == "" {
		return ""
	}
	return before + text
}

// clip keeps a line readable.
func clip(text string) string {
	const most = 200
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most]) + " …"
}
