package topology

import (
	"slices"

	"rondo/topology/value"
)

// Plan is a compiled Definition: everything that deciding needs, found
// beforehand, so that a decision's cost does not grow with the definition. A
// Plan never changes and may be used by any number of goroutines.
type Plan struct {
	definition *Definition
	digest     string
	options    Options
}

// Options are what a Plan needs to know of its surroundings.
type Options struct {
	// Application names the application; it goes into the ids of commands.
	Application string
	// Encode turns a command's payload into the bytes on the wire. An error is
	// a fault of kind `payload`. Nil: commands have a Payload and no Value.
	Encode func(*Message, value.Value) ([]byte, error)
	Limits Limits
}

// Definition is what the plan was compiled from.
func (p *Plan) Definition() *Definition { return p.definition }

// Digest is that of the definition (Definition.Digest).
func (p *Plan) Digest() string { return p.digest }

// Match is what a record is to a definition: the message that it is, and the
// keys of the instances that it is for, or why there are none.
type Match struct {
	Message *Message
	Keys    []string
	Dead    *DeadLetter
}

// topics returns the topics of the messages that keep says, sorted.
func (p *Plan) topics(keep func(*Message) bool) []string {
	var out []string
	for _, m := range p.definition.Messages {
		if keep(m) {
			out = append(out, m.Topic)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
