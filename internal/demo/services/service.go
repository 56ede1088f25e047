package services

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/demo/ledger"
)

// Spec says what a service does with the commands of one topic.
type Spec struct {
	Name     string
	Commands string // topic read
	Events   string // topic written; "" for a service that never answers
	Habits   Habits

	// Read finds out what a record asks for; ok is false for a type that the
	// service does not know.
	Read func(*kgo.Record) (c Command, ok bool, err error)
	// Decide says what is done for a command the first time. Service, key and
	// command are filled in. Without a deed nothing is done, and nothing told.
	Decide func(d Dice, c Command) ledger.Entry
	// Undone is what an undoing command is entered as, and Refusals are the
	// deeds that changed nothing and so need no undoing.
	Undone   ledger.Deed
	Refusals []ledger.Deed
	// Answers are the events that tell of what was done; nil: there are none.
	Answers func(c Command, done ledger.Entry) ([]Answer, error)
	// MustEcho reports whether the reply carries the command's id in any case;
	// nil: in no case.
	MustEcho func(done ledger.Entry) bool
}

// Answer is an event that tells of a deed.
type Answer struct {
	Value []byte
	Type  string        // header `type`; "" for none
	Later time.Duration // behind the time at which the service answers
}

// Command is what a record asks of a service.
type Command struct {
	ID      string // rondo-command-id; else the record's coordinates
	Key     string // of the case
	Subject string // names the command apart from its run; chance hangs on it
	Undo    bool
	// Undoes is the id of the command to undo, and UndoesID the id of what was
	// done; either may be "".
	Undoes, UndoesID string
	// Sure says that nobody waits for an answer: such a command must not be lost.
	Sure    bool
	Payload any // as read, for Decide and Answers
}

// page is what a service knows of a command.
type page struct {
	deliveries int
	done       ledger.Entry // Did "" while nothing was done
	undone     bool
}

// remembered bounds the commands that a service recognises.
const remembered = 200_000

// Service is a post that carries commands out.
type Service struct {
	*Post
	spec Spec
	book *Memory[page]
	made *Memory[string] // command id by the id of what was made
}

// Open opens a service.
func Open(cfg Config, spec Spec) (*Service, error) {
	s := &Service{spec: spec, book: NewMemory[page](remembered), made: NewMemory[string](remembered)}
	post, err := OpenPost(cfg, spec.Name, s.take, spec.Commands)
	if err != nil {
		return nil, err
	}
	s.Post = post
	return s, nil
}

// take carries one record out.
func (s *Service) take(rec *kgo.Record, task *Task) {
	c, ok, err := s.spec.Read(rec)
	if err != nil {
		s.Log.Warn("cannot read command", "topic", rec.Topic, "partition", rec.Partition, "offset", rec.Offset, "error", err)
		return
	}
	if !ok {
		return
	}
	c.ID = CommandID(rec)
	if c.Undo {
		s.enter(task, c, s.undo(c))
		return
	}
	s.do(task, c)
}

// CommandID is the id of a command: its header, or its place without one.
func CommandID(rec *kgo.Record) string {
	if id := header(rec, "rondo-command-id"); id != "" {
		return id
	}
	return fmt.Sprintf("%s/%d/%d", rec.Topic, rec.Partition, rec.Offset)
}

// do does a command once and answers each delivery in its manner.
func (s *Service) do(task *Task, c Command) {
	p := s.book.Of(c.ID)
	p.deliveries++
	m := s.spec.Habits.Manner(s.Dice, c.Subject, p.deliveries)
	if m.Lost && !c.Sure || p.undone && p.done.Did == "" {
		return
	}
	if p.done.Did == "" {
		p.done = s.spec.Decide(s.Dice, c)
		if p.done.Did == "" {
			return // it never got the command
		}
		if p.done.ID != "" {
			*s.made.Of(p.done.ID) = c.ID
		}
		s.enter(task, c, p.done)
	}
	if m.Mute || s.spec.Answers == nil {
		return
	}
	s.reply(task, c, p.done, m)
}

// undo undoes a command once; of one that was never done it notes that it must
// not be done any more.
func (s *Service) undo(c Command) ledger.Entry {
	undoes := c.Undoes
	if undoes == "" && c.UndoesID != "" {
		undoes = *s.made.Of(c.UndoesID)
	}
	if undoes == "" {
		return ledger.Entry{Did: s.spec.Undone, ID: c.UndoesID, Nothing: true}
	}
	p := s.book.Of(undoes)
	nothing := p.undone || p.done.Did == ""
	for _, refusal := range s.spec.Refusals {
		nothing = nothing || p.done.Did == refusal
	}
	p.undone = true
	return ledger.Entry{Did: s.spec.Undone, ID: p.done.ID, Undoes: undoes, Nothing: nothing}
}

// enter writes a deed into the ledger.
func (s *Service) enter(task *Task, c Command, e ledger.Entry) {
	e.Service, e.Key, e.Command = s.Name, c.Key, c.ID
	s.Enter(task, e)
}

// Enter writes a deed into the ledger.
func (p *Post) Enter(task *Task, e ledger.Entry) {
	value, err := e.Marshal()
	if err != nil {
		p.Fail(err)
		return
	}
	p.Send(&kgo.Record{Topic: ledger.Topic, Key: []byte(e.Key), Value: value}, 0, task)
}

// reply sends the answers, once or twice.
func (s *Service) reply(task *Task, c Command, done ledger.Entry, m Manner) {
	answers, err := s.spec.Answers(c, done)
	if err != nil {
		s.Fail(fmt.Errorf("answer command %s of %s: %w", c.ID, c.Key, err))
		return
	}
	var headers []kgo.RecordHeader
	if m.Echo || s.spec.MustEcho != nil && s.spec.MustEcho(done) {
		headers = append(headers, kgo.RecordHeader{Key: "rondo-command-id", Value: []byte(c.ID)})
	}
	for _, after := range m.times() {
		for _, a := range answers {
			s.Send(a.record(s.spec.Events, c.Key, headers), after+a.Later, task)
		}
	}
}

// Record is the event as a record of a topic.
func (a Answer) Record(topic, key string) *kgo.Record { return a.record(topic, key, nil) }

func (a Answer) record(topic, key string, headers []kgo.RecordHeader) *kgo.Record {
	if a.Type != "" {
		headers = append([]kgo.RecordHeader{{Key: "type", Value: []byte(a.Type)}}, headers...)
	}
	return &kgo.Record{Topic: topic, Key: []byte(key), Value: a.Value, Headers: headers}
}

// times are when the answer is sent.
func (m Manner) times() []time.Duration {
	if m.Again == 0 {
		return []time.Duration{m.After}
	}
	return []time.Duration{m.After, m.Again}
}
