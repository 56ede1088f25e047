// Package verdicttest writes the books of a run by hand: stories write a
// flawless one and plant one flaw of each kind into it.
package verdicttest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"rondo/internal/demo/ledger"
	"rondo/internal/demo/verdict"
)

// Book is the books of a run, all topics with one partition.
type Book struct {
	verdict.Books
	Workflow string

	t     *testing.T
	ends  map[string]int64
	clock time.Time
}

// New returns empty books of a run whose keys begin with "r-".
func New(t *testing.T, workflow string) *Book {
	return &Book{Books: verdict.Books{Run: "r-"}, Workflow: workflow, t: t, ends: map[string]int64{}, clock: time.Unix(1700000000, 0)}
}

// Pass lets time pass before the next record.
func (b *Book) Pass(d time.Duration) { b.clock = b.clock.Add(d) }

// Record makes a record at the end of a topic, a millisecond behind the last.
func (b *Book) Record(topic, key, kind, value string) verdict.Record {
	b.Pass(time.Millisecond)
	r := verdict.Record{
		Place: verdict.Place{Topic: topic, Offset: b.ends[topic]}, Time: b.clock,
		Key: key, Value: []byte(value), Headers: map[string]string{},
	}
	if kind != "" {
		r.Headers["type"] = kind
	}
	b.ends[topic]++
	return r
}

// Input adds an input and says how a command names it as its cause.
func (b *Book) Input(topic, key, kind, value string) (cause string) {
	r := b.Record(topic, key, kind, value)
	b.Inputs = append(b.Inputs, r)
	return r.Place.String()
}

// Row adds a row of a table.
func (b *Book) Row(topic, key, value string) {
	r := b.Record(topic, key, "", value)
	if value == "" {
		r.Value = nil
	}
	b.Tables = append(b.Tables, r)
}

// Command is a command to be added.
type Command struct {
	Topic, Key, Kind, Step, ID string
	Attempt                    int // 0: 1
	Cause, Undoes              string
	Value                      string // "": a JSON object with the key
}

// Send adds a command.
func (b *Book) Send(c Command) *verdict.Record {
	if c.Value == "" {
		c.Value = fmt.Sprintf(`{"key":%q}`, c.Key)
	}
	r := b.Record(c.Topic, c.Key, c.Kind, c.Value)
	for name, value := range map[string]string{
		"rondo-command-id": c.ID, "rondo-attempt": strconv.Itoa(max(c.Attempt, 1)), "rondo-workflow": b.Workflow,
		"rondo-key": c.Key, "rondo-step": c.Step, "rondo-cause": c.Cause, "rondo-compensates": c.Undoes,
	} {
		if value != "" {
			r.Headers[name] = value
		}
	}
	b.Commands = append(b.Commands, r)
	return &b.Commands[len(b.Commands)-1]
}

// Enter adds a deed.
func (b *Book) Enter(e ledger.Entry) {
	value, err := e.Marshal()
	if err != nil {
		b.t.Fatal(err)
	}
	b.Ledger = append(b.Ledger, b.Record(ledger.Topic, e.Key, "", string(value)))
}

// Find returns the record of a command and attempt.
func (b *Book) Find(id string, attempt int) *verdict.Record {
	i := slices.IndexFunc(b.Commands, func(r verdict.Record) bool { return isAttempt(r, id, attempt) })
	if i < 0 {
		b.t.Fatalf("no command %s attempt %d in the book", id, attempt)
	}
	return &b.Commands[i]
}

func isAttempt(r verdict.Record, id string, attempt int) bool {
	return r.Headers["rondo-command-id"] == id && r.Headers["rondo-attempt"] == strconv.Itoa(attempt)
}

// Again appends a copy of a command, to be changed by the caller.
func (b *Book) Again(id string, attempt int) *verdict.Record {
	r := *b.Find(id, attempt)
	r.Headers = maps.Clone(r.Headers)
	r.Offset = b.ends[r.Topic]
	b.ends[r.Topic]++
	b.Commands = append(b.Commands, r)
	return &b.Commands[len(b.Commands)-1]
}

// Without drops the commands of one id, or of attempts of it.
func (b *Book) Without(id string, attempts ...int) {
	b.Commands = slices.DeleteFunc(b.Commands, func(r verdict.Record) bool {
		if len(attempts) == 0 {
			return r.Headers["rondo-command-id"] == id
		}
		return slices.ContainsFunc(attempts, func(a int) bool { return isAttempt(r, id, a) })
	})
}

// WithoutInput drops the inputs of a key and type.
func (b *Book) WithoutInput(key, kind string) {
	b.Inputs = slices.DeleteFunc(b.Inputs, func(r verdict.Record) bool { return r.Key == key && r.Type() == kind })
}

// WithoutDeed drops the deeds of one command.
func (b *Book) WithoutDeed(command string) {
	b.Ledger = slices.DeleteFunc(b.Ledger, func(r verdict.Record) bool {
		e, err := ledger.Unmarshal(r.Value)
		if err != nil {
			b.t.Fatal(err)
		}
		return e.Command == command
	})
}

// Flaw is put into a flawless run alone, and must be found as exactly the
// violations that it wants.
type Flaw[B any] struct {
	Name string
	Do   func(b B)
	Want []verdict.Code
	Key  string // of the first violation
	At   string // place of the first violation; "" if it has none
}

// Check plants each flaw into a new book and demands its violations.
func Check[B any](t *testing.T, flaws []Flaw[B], book func(*testing.T) B, judge func(B) *verdict.Report) {
	for _, tc := range flaws {
		t.Run(tc.Name, func(t *testing.T) {
			b := book(t)
			tc.Do(b)
			found := judge(b).Violations
			var got []verdict.Code
			for _, v := range found {
				got = append(got, v.Code)
			}
			if !slices.Equal(got, tc.Want) {
				t.Fatalf("violations %v, want %v:\n%v", got, tc.Want, found)
			}
			first := found[0]
			if first.Case != tc.Key {
				t.Errorf("violation of %q, want %q", first.Case, tc.Key)
			}
			if tc.At != "" && (first.At == nil || first.At.String() != tc.At) {
				t.Errorf("violation at %v, want %s", first.At, tc.At)
			}
		})
	}
}
