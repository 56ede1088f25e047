package build

import (
	"errors"
	"fmt"
	"time"

	"rondo/topology"
	"rondo/topology/diag"
	"rondo/topology/layout"
)

// Part is a word of the language with its value. The zero Part is no word and
// left out, so that a part can be chosen by a condition.
type Part struct {
	entries []*layout.Entry
	// merge: what is written by several parts of the same word is one mapping.
	merge bool
	err   error
}

// word makes a part, unless its value could not be made.
func word(name string, value *layout.Node, err error) Part {
	return Part{entries: []*layout.Entry{{Key: name, Value: value}}, err: err}
}

// Builder is a workflow that is being made.
type Builder struct {
	name string
	root *layout.Node
	err  error
}

// Workflow begins a workflow with its name, its version and the words of the file.
func Workflow(name string, version int, parts ...Part) *Builder {
	head := []Part{word("workflow", layout.Text(name), nil), word("version", layout.Int(int64(version)), nil)}
	entries, err := joined(append(head, parts...))
	for _, e := range entries {
		switch e.Key {
		case "messages", "start", "anytime", "do", "catch":
			e.Apart()
		}
	}
	return &Builder{name: name, root: layout.Block(entries...), err: err}
}

// Source is the workflow as YAML, in the canonical form. It fails if a value
// cannot be written: its type is none that a definition can hold.
func (b *Builder) Source() ([]byte, error) {
	if b.err != nil {
		return nil, fmt.Errorf("build the workflow %s: %w", b.name, b.err)
	}
	return layout.Print(b.root), nil
}

// Definition is what topology.Parse makes of the source: with places in it, its
// Source and its Digest. Findings are as of Parse, and name the file NAME.yaml.
// files gives the schema files that the messages name; nil has none.
//
// The error is that of Source.
func (b *Builder) Definition(files func(name string) ([]byte, error)) (*topology.Definition, diag.List, error) {
	src, err := b.Source()
	if err != nil {
		return nil, nil, err
	}
	def, found := topology.Parse(b.name+".yaml", src, files)
	return def, found, nil
}

// joined makes entries of parts. Parts of the same word that add to one another
// become one.
func joined(parts []Part) ([]*layout.Entry, error) {
	var out []*layout.Entry
	var errs []error
	at := map[string]int{}
	for _, p := range parts {
		errs = append(errs, p.err)
		for _, e := range p.entries {
			if i, ok := at[e.Key]; ok && p.merge {
				out[i] = &layout.Entry{Key: e.Key, Value: out[i].Value.Joined(e.Value)}
				continue
			}
			at[e.Key] = len(out)
			out = append(out, e)
		}
	}
	return out, errors.Join(errs...)
}

// flow is a word whose value is a mapping of parts, on one line if it fits.
func flow(name string, parts []Part) Part {
	entries, err := joined(parts)
	return word(name, layout.Flow(entries...), err)
}

// block is a word whose value is a mapping of parts, each on a line of its own.
func block(name string, parts []Part) Part {
	entries, err := joined(parts)
	return word(name, layout.Block(entries...), err)
}

// Doc says what the workflow is for.
func Doc(text string) Part { return word("doc", layout.Text(text), nil) }

// Messages declares the record types that the workflow reads or writes.
func Messages(messages ...Part) Part { return block("messages", messages) }

// Message is one of Messages.
func Message(name string, parts ...Part) Part { return flow(name, parts) }

// Topic is the Kafka topic of a message or a table.
func Topic(name string) Part { return word("topic", layout.Text(name), nil) }

// Type is the name of a message on the wire.
func Type(name string) Part { return word("type", layout.Text(name), nil) }

// Key is the key of the instance of an incoming message, the record key of an
// outgoing one, the key of a child, or that of an instance which a schedule
// begins.
func Key(expression string) Part { return word("key", layout.Bare(expression), nil) }

// When is what else must hold for a record to be a message, or for an alternative
// to be taken.
func When(expression string) Part { return word("when", layout.Bare(expression), nil) }

// Format is how the payload is written: avro, json, text or bytes.
func Format(name string) Part { return word("format", layout.Text(name), nil) }

// Schema is a file beside the definition or a subject of the registry.
func Schema(name string) Part { return word("schema", layout.Text(name), nil) }

// Correlate is the variable with whose value the key of a message is matched.
func Correlate(variable string) Part { return word("correlate", layout.Text(variable), nil) }

// Early says what becomes of an event before its step: "hold", "drop", "reject",
// or for how long it waits for its instance.
func Early[T string | time.Duration](what T) Part {
	if d, ok := any(what).(time.Duration); ok {
		return word("early", duration(d), wholeMilliseconds("early", d))
	}
	return word("early", layout.Text(fmt.Sprint(what)), nil)
}

// ID tells repeated events apart from new ones.
func ID(expression string) Part { return word("id", layout.Bare(expression), nil) }

// Limit bounds how a command is sent: see Rate and Open.
func Limit(parts ...Part) Part { return flow("limit", parts) }

// Rate is how many are sent in a second, a minute, an hour or a day ("s", "m",
// "h", "d").
func Rate(n int, per string) Part {
	return word("rate", layout.Text(fmt.Sprintf("%d/%s", n, per)), nil)
}

// Open is how many calls may be without an outcome at once.
func Open(n int) Part { return word("open", layout.Int(int64(n)), nil) }

// Tables declares compacted topics that are held as local tables.
func Tables(tables ...Part) Part { return block("tables", tables) }

// Table is one of Tables.
func Table(name string, parts ...Part) Part { return flow(name, parts) }

// Again is what a start message does to a key that lives or has ended.
func Again(again topology.Again) Part { return word("again", layout.Text(string(again)), nil) }

// Start is what begins an instance: On for messages, Child for parents, Every or
// Cron for a schedule, with Zone, Key and Set beside them.
func Start(parts ...Part) Part { return flow("start", parts) }

// Child lets other workflows begin this one with Run. Alternatives are made with
// Case.
func Child(parts ...Part) Part { return On("run", parts...) }

// Every is a schedule: an instance at each whole multiple of d.
func Every(d time.Duration) Part { return word("every", duration(d), wholeMilliseconds("every", d)) }

// Cron is a schedule on the calendar, in five fields.
func Cron(fields string) Part { return word("cron", layout.Text(fields), nil) }

// Zone is the time zone of Cron.
func Zone(name string) Part { return word("zone", layout.Text(name), nil) }

// Deadline is the time that the whole instance has.
func Deadline[T time.Duration | Expression](t T) Part { return timed("deadline", t) }

// Anytime has reactions to messages that may come at any moment.
func Anytime(rules ...Part) Part { return rulesOf("anytime", rules) }

// Do is the steps of a workflow, of a block, of a loop, or of a reaction.
func Do(steps ...NamedStep) Part { return stepsOf("do", steps) }

// Catch has reactions to errors: by their name, or "any".
func Catch(rules ...Part) Part { return rulesOf("catch", rules) }

// Output is what the instance returns when it completes.
func Output(value any) Part {
	n, err := node(value)
	return word("output", n, err)
}

// Search names up to eight variables by which instances can be found.
func Search(variables ...string) Part { return word("search", texts(variables), nil) }

// Keep is how long a finished instance is remembered.
func Keep(d time.Duration) Part { return word("keep", duration(d), wholeMilliseconds("keep", d)) }

// Migrate says how instances of the older version come to this one: with Rename
// and Set.
func Migrate(from int, parts ...Part) Part {
	return flow("migrate", append([]Part{word("from", layout.Int(int64(from)), nil)}, parts...))
}

// Rename maps a step of the older version to one of this version.
func Rename(old, new string) Part {
	p := word("steps", layout.Flow(&layout.Entry{Key: old, Value: layout.Text(new)}), nil)
	p.merge = true
	return p
}
