package workload

import (
	"embed"
	"fmt"
	"io/fs"
	"regexp"

	"github.com/twmb/franz-go/pkg/kgo"
)

// definitions are the workflow files and their schemas.
//
//go:embed definitions
var definitions embed.FS

// Workload is something to run and to measure.
type Workload struct {
	Name     string
	Short    string // what it does, in a few words
	Compares string // whom it lets us compare with

	// Inputs and Outputs are the topics that the load writes and reads, without
	// the prefix of a run.
	Inputs, Outputs []string

	// Records is how many output records a case gives. Each has a place, from 0.
	Records int

	// Steps is how many steps a case has. A step is what an event leads to: a
	// command of a call and its reply, or for a workload without calls one event.
	Steps int

	// Sequential: each of a case's records but the first follows from a reply to
	// the one before.
	Sequential bool

	// Loops: a bare loop can take the engine's place, for what is written follows
	// from single inputs.
	Loops bool

	// Definition is the name of the workflow's file below definitions.
	Definition string

	open func(c Casting) (Player, error)
}

// Casting is what a player is told of its run.
type Casting struct {
	Prefix string // of the topics: "run1-engine" for "run1-engine.bench.begin"
	Tag    string // begins all ids: four letters or digits, new for each run of a load
}

// Player plays the world around the workflows. It is used by one goroutine at a
// time.
type Player interface {
	// Begin returns the record that begins the nth case, from 0.
	Begin(n int64) *kgo.Record
	// See says what an output record is.
	See(r *kgo.Record) Sighting
}

// Sighting is what an output record is.
type Sighting struct {
	Case  int64       // -1: of none of this run's cases
	Place int         // which of the case's records it is
	Reply *kgo.Record // what the service answers; nil: nothing
	Wrong string      // why it cannot be what it should be; "" if it can
}

// stranger is a record of no case of this run.
var stranger = Sighting{Case: -1}

// Open prepares a player.
func (w *Workload) Open(c Casting) (Player, error) {
	if len(c.Tag) != tagLength {
		return nil, fmt.Errorf("workload %s: tag %q: give %d letters or digits", w.Name, c.Tag, tagLength)
	}
	return w.open(c)
}

// topicWord is where a definition names a topic.
var topicWord = regexp.MustCompile(`\btopic: `)

// Files are the workload's definition, reading and writing topics with the
// prefix, and the schemas beside it, by file name.
func (w *Workload) Files(prefix string) (map[string][]byte, error) {
	files := map[string][]byte{}
	text, err := fs.ReadFile(definitions, "definitions/"+w.Definition)
	if err != nil {
		return nil, fmt.Errorf("read the definition %s: %w", w.Definition, err)
	}
	files[w.Definition] = topicWord.ReplaceAll(text, []byte("topic: "+prefix+"."))
	schemas, err := fs.Glob(definitions, "definitions/schemas/*.avsc")
	if err != nil {
		return nil, fmt.Errorf("find the schemas: %w", err)
	}
	for _, name := range schemas {
		if files[name[len("definitions/"):]], err = fs.ReadFile(definitions, name); err != nil {
			return nil, fmt.Errorf("read the schema %s: %w", name, err)
		}
	}
	return files, nil
}

// Topic is the name of a topic of a run.
func Topic(prefix, name string) string { return prefix + "." + name }

// Headers by which services and load know a record.
const (
	headerType      = "type"
	headerStep      = "rondo-step"
	headerCommandID = "rondo-command-id"
)

// header is the record's header of this name; nil without one.
func header(r *kgo.Record, name string) []byte {
	for i := range r.Headers {
		if r.Headers[i].Key == name {
			return r.Headers[i].Value
		}
	}
	return nil
}

// event is a record with a type.
func event(topic, kind string, id, value []byte) *kgo.Record {
	return &kgo.Record{Topic: topic, Key: id, Value: value, Headers: []kgo.RecordHeader{{Key: headerType, Value: []byte(kind)}}}
}

// reply is the answer to a command. A service sends back what says which command
// it was.
func reply(topic, kind string, id, value []byte, command *kgo.Record) *kgo.Record {
	r := event(topic, kind, id, value)
	for _, h := range command.Headers {
		if h.Key == headerCommandID || h.Key == headerStep {
			r.Headers = append(r.Headers, h)
		}
	}
	return r
}
