package workload

import (
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"time"

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

	// Closed is how many cases are kept under way, a measurement for each; the last
	// is where the workload is at its limit. Open is how many steps a second are
	// begun, whatever comes of them.
	Closed []int
	Open   []float64

	// Loops: a bare loop can take the engine's place, for what is written follows
	// from single inputs.
	Loops bool

	// Sleepers: a second engine, in whose store very many instances wait, is
	// measured beside the first.
	Sleepers bool

	// Delay is how long a case lasts by its definition. It is no latency.
	Delay time.Duration

	// Definition is the name of the workflow's file.
	Definition string

	files fs.FS // with the definition; nil: those in definitions
	open  func(c Casting) (Player, error)
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

// Cast prepares a player.
func (w *Workload) Cast(c Casting) (Player, error) {
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
	from := w.files
	if from == nil {
		var err error
		if from, err = fs.Sub(definitions, "definitions"); err != nil {
			return nil, fmt.Errorf("open the definitions: %w", err)
		}
	}
	schemas, err := fs.Glob(from, "schemas/*.avsc")
	if err != nil {
		return nil, fmt.Errorf("find the schemas: %w", err)
	}
	files := map[string][]byte{}
	for _, name := range append(schemas, w.Definition) {
		if files[name], err = fs.ReadFile(from, name); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
	}
	files[w.Definition] = topicWord.ReplaceAll(files[w.Definition], []byte("topic: "+prefix+"."))
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
