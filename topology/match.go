package topology

import (
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/cockroachdb/apd/v3"

	"rondo/topology/value"
)

// Match is what a record is to a definition: the message that it is, and the
// keys of the instances that it is for, or why there are none. With Correlate,
// the keys are values of that variable.
type Match struct {
	Message   *Message
	Keys      []string
	Correlate string
	Dead      *DeadLetter
}

// Address is who gets the record under one of the Keys: an instance, or the
// mailbox that knows instances by a variable.
func (m Match) Address(workflow, key string) Address {
	if m.Correlate == "" {
		return Address{Workflow: workflow, Key: key}
	}
	return mailboxAddress(workflow, m.Correlate, key)
}

// Match finds the message that a record is: the first in the file whose topic
// and type are those of the record and whose `when` holds. A record that tells
// no type is its topic's only message, or one that `when` tells apart. It is
// false if no message fits.
func (p *Plan) Match(r *Record) (Match, bool) {
	var failed *DeadLetter
	names := &recordNames{r}
	untyped, only := r.untyped(), len(p.topics[r.Ref.Topic]) == 1
	for _, m := range p.topics[r.Ref.Topic] {
		if !slices.Contains(r.Types, m.wireType()) && !(untyped && (only || m.when != nil)) {
			continue
		}
		fits, fault := m.fits(names)
		if fault != nil && failed == nil {
			failed = &DeadLetter{"when-failed", "the `when` of " + m.Name + " at " + fault.Place + " fails over this record: " + fault.Text}
		}
		if fits {
			keys, dead := p.keysOf(m, names)
			keys = narrowed(keys, p.meantKey(r.Ref.Topic, r.Headers))
			if dead == nil {
				dead = tooManyCopies(m, len(keys), r)
			}
			return Match{Message: m.Message, Keys: keys, Correlate: m.Correlate, Dead: dead}, true
		}
	}
	if failed != nil {
		return Match{Dead: failed}, true
	}
	return Match{}, false
}

// fits evaluates the `when` of a message.
func (m *message) fits(names *recordNames) (bool, *Fault) {
	if m.when == nil {
		return true, nil
	}
	v, err := m.when.program.Eval(names)
	if err != nil {
		return false, m.when.faultOf(m.Name, err)
	}
	fits, isBool := v.(bool)
	if !isBool {
		return false, m.when.wrong(m.Name, "true or false", v)
	}
	return fits, nil
}

// keysOf returns the keys of the instances that a record is for: one, or those
// of a list.
func (p *Plan) keysOf(m *message, names *recordNames) ([]string, *DeadLetter) {
	v := value.Value(nil)
	if m.key != nil {
		var err error
		if v, err = m.key.program.Eval(names); err != nil {
			fault := m.key.faultOf(m.Name, err)
			return nil, &DeadLetter{"no-key", "the `key` of " + m.Name + " at " + fault.Place + " fails over this record: " + fault.Text}
		}
	} else if names.record.Ref.Key != nil {
		if !utf8.Valid(names.record.Ref.Key) {
			return nil, &DeadLetter{"no-key", "the record's key is not text; give " + m.Name + " a `key`"}
		}
		v = string(names.record.Ref.Key)
	}
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	return p.checkKeys(m, list)
}

func (p *Plan) checkKeys(m *message, list []any) ([]string, *DeadLetter) {
	limits := p.options.Limits
	switch {
	case len(list) == 0:
		return nil, &DeadLetter{"no-key", "the `key` of " + m.Name + " gives an empty list"}
	case len(list) > limits.Keys:
		return nil, &DeadLetter{"too-many-keys", fmt.Sprintf("the `key` of %s gives %d keys; the limit is %d", m.Name, len(list), limits.Keys)}
	}
	keys := make([]string, 0, len(list))
	for _, v := range list {
		key, ok := keyText(v)
		switch {
		case !ok:
			return nil, &DeadLetter{"no-key", fmt.Sprintf("the key of %s is %s; it must be text or a whole number", m.Name, value.KindOf(v))}
		case key == "":
			return nil, &DeadLetter{"no-key", "the key of " + m.Name + " is empty"}
		case len(key) > limits.Key:
			return nil, &DeadLetter{"key-too-long", fmt.Sprintf("the key of %s has %d bytes; the limit is %d", m.Name, len(key), limits.Key)}
		case !slices.Contains(keys, key):
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// copiesAtOnce is how many bytes of copies of one event are handed on: they are in
// one transaction, with what the event leads to.
const copiesAtOnce = 32 << 20

// tooManyCopies says why an event is too large for so many keys; nil if it is not.
func tooManyCopies(m *message, keys int, r *Record) *DeadLetter {
	e := Event{Record: r.Ref, Headers: r.Headers, Payload: r.Payload}
	size := max(r.Bytes, e.size())
	if keys <= 1 || size*keys <= copiesAtOnce {
		return nil
	}
	return &DeadLetter{"too-many-keys", fmt.Sprintf("the `key` of %s gives %d keys, and the event has %d bytes: what is handed on to all of them at once may have %d",
		m.Name, keys, size, copiesAtOnce)}
}

// keyText is a value as a record key: text, or a whole number, also one of JSON that is
// beyond 64 bits and so a decimal.
func keyText(v value.Value) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case int64:
		return strconv.FormatInt(v, 10), true
	case *apd.Decimal:
		return value.WideWhole(v)
	}
	return "", false
}

// headerCommandID is the header by which a service says to which command an
// event answers.
const headerCommandID = "rondo-command-id"

// Event makes the event of a record that Match has found a message for, or says
// why it cannot be one.
func (p *Plan) Event(m Match, r *Record) (*Event, *DeadLetter) {
	e := &Event{Message: m.Message.Name, Record: r.Ref, Headers: r.Headers, Payload: r.Payload}
	if id, ok := r.Headers.Lookup(headerCommandID); ok {
		e.CommandID, _ = id.(string)
	}
	f := p.messages[m.Message.Name].id
	if f == nil {
		return e, nil
	}
	v, err := f.program.Eval(&recordNames{r})
	if err != nil {
		fault := f.faultOf(m.Message.Name, err)
		return nil, &DeadLetter{"no-id", "the `id` of " + m.Message.Name + " at " + fault.Place + " fails over this record: " + fault.Text}
	}
	id, ok := textOf(v)
	if !ok && v != nil {
		return nil, &DeadLetter{"no-id", fmt.Sprintf("the `id` of %s is %s; it must be text or a number", m.Message.Name, value.KindOf(v))}
	}
	if limit := p.options.Limits.Key; len(id) > limit {
		return nil, &DeadLetter{"no-id", fmt.Sprintf("the `id` of %s has %d bytes; the limit is %d, as that of keys", m.Message.Name, len(id), limit)}
	}
	e.ID = id
	return e, nil
}

// recordNames gives the expressions of a message their names.
type recordNames struct{ record *Record }

// Lookup makes recordNames an expr.Bindings.
func (n *recordNames) Lookup(name string) (value.Value, bool) {
	switch name {
	case nameEvent:
		return n.record.Payload, true
	case nameHeaders:
		return n.record.Headers, true
	case nameRecord:
		return n.record.Ref.value(), true
	}
	return nil, false
}
