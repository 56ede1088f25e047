package topology

import (
	"slices"
	"time"

	"rondo/topology/expr"
	"rondo/topology/value"
)

// Plan is a compiled Definition: everything that deciding needs, found
// beforehand, so that a decision's cost does not grow with the definition. A
// Plan never changes and may be used by any number of goroutines.
type Plan struct {
	definition *Definition
	digest     string
	options    Options

	messages map[string]*message
	topics   map[string][]*message // those that can come, in the order of the file
	nodes    map[string]*node      // by place

	top        *list
	start      []*rule
	child      []*node      // alternatives of `start: {run: …}`
	migrated   []assignment // the `set` of `migrate`
	schedule   *schedule    // nil: none
	correlates []string     // variables by which instances are known, sorted
	scheduled  []*node      // the reaction to a firing of the schedule
	anytime    []*rule
	catch      []*rule
	uncaught   *node // what is done about an error that nothing catches

	deadline *moment
	output   *template
	keep     time.Duration
	vars     []string            // of the workflow's scope, sorted
	locals   map[string][]string // by the place of a fork, a loop or a reaction of `anytime`: what its branches see, sorted

	listeners map[string]listenSet // message → the listens that take it
	aside     listenSet            // listens in the reach of `anytime`
	rescue    listenSet            // listens in the reach of the workflow's `catch`
}

// Options are what a Plan needs to know of its surroundings.
type Options struct {
	// Application names the application; it goes into the ids of commands.
	Application string
	// Encode turns a command's payload into the bytes on the wire. An error is
	// a fault of kind `payload`. Nil: commands have a Payload and no Value.
	Encode func(*Message, value.Value) ([]byte, error)
	Limits Limits
	// Types are what is known of payloads: expressions are checked against them,
	// and what may be null where that fails is warned of. Nil: nothing of that is
	// looked at, as is right for what was deployed already.
	Types *Types
}

// Definition is what the plan was compiled from.
func (p *Plan) Definition() *Definition { return p.definition }

// Digest is that of the definition (Definition.Digest).
func (p *Plan) Digest() string { return p.digest }

// Reads returns the topics of the messages that instances start with, react to
// or wait for, sorted.
func (p *Plan) Reads() []string {
	return p.topicsOf(func(m *message) bool { return m.comes })
}

// Writes returns the topics of the messages that are sent, sorted.
func (p *Plan) Writes() []string {
	return p.topicsOf(func(m *message) bool { return m.goes })
}

// Tables are the tables that `lookup` finds rows in, in the order of the file.
func (p *Plan) Tables() []*Table { return p.definition.Tables }

// Listens reports whether the step at a place (Instance.Places) takes messages or
// waits for a condition; other steps wait for a time.
func (p *Plan) Listens(place string) bool {
	n := p.nodes[place]
	return n != nil && (n.listen >= 0 || len(n.word.takes()) > 0)
}

func (p *Plan) topicsOf(keep func(*message) bool) []string {
	var out []string
	for _, m := range p.definition.Messages {
		if keep(p.messages[m.Name]) {
			out = append(out, m.Topic)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// message is a compiled Message.
type message struct {
	*Message
	comes, goes   bool
	key, when, id *formula
	timeout       *moment
}

// role says what a node is to the one that carries it.
type role int

const (
	roleStep         role = iota // a step of a list
	roleOutcome                  // an alternative of `await`, `listen` or `switch`
	roleHandler                  // an alternative of the `catch` of a step or reaction
	roleStart                    // an alternative of `start`
	roleAnytime                  // an alternative of `anytime`
	roleCatch                    // an alternative of the workflow's `catch`
	roleUncaught                 // compensate, then fail
	roleCompensation             // undoes a step
	roleLine                     // undoes a branch of a fork or a loop
)

// node is a compiled step or reaction.
type node struct {
	place string
	role  role
	order int // in the file
	step  *Step
	name  string // of the rule that leads here: a message or an error
	owner *node  // who carries this reaction; nil for those of the workflow
	list  *list  // where this step stands; nil for a reaction
	jumps *list  // where a jump begins to look for its target; nil: none is possible
	next  *node  // the step behind this one in its list

	when, cond *formula
	set        []assignment
	word       word
	then       *target
	catch      []*rule
	timeout    *moment
	retry      *Retry
	undo       *node    // its compensation
	lines      *node    // undoes one of its branches
	kept       []string // variables that the compensation reads

	listen  int       // number of this listen, from 0; -1 for other steps
	reach   listenSet // listens that can still come once this node waits
	rescued listenSet // listens in the reach of its own `catch`
	behind  listenSet // listens that can still come once it is left, by its `catch` too
}

// list is a list of steps.
type list struct {
	owner *node // whose `do` it is; nil for the workflow's
	outer *list // where a jump may go on to; nil: it cannot leave this list
	steps []*node
	names map[string]*node
}

// find returns the step that a jump from l to name leads to.
func (l *list) find(name string) *node {
	for ; l != nil; l = l.outer {
		if n := l.names[name]; n != nil {
			return n
		}
	}
	return nil
}

// rule is a compiled Rule.
type rule struct {
	name         string
	alternatives []*node
}

func ruleFor(rules []*rule, name string) *rule {
	for _, r := range rules {
		if r.name == name {
			return r
		}
	}
	return nil
}

// target is a compiled Target: one of to, exit and by is set.
type target struct {
	to   *node
	exit bool
	by   *formula
}

// formula is a compiled Expr.
type formula struct {
	program *expr.Program
	source  *Expr
}

// template is a compiled Template; without expressions it is a literal.
type template struct {
	formula *formula
	literal value.Value
	list    []*template
	fields  []field
	isList  bool
	isMap   bool
}

type field struct {
	name  string
	value *template
}

// assignment is a compiled Assignment.
type assignment struct {
	name  string
	scope int // how many scopes outwards of its own it belongs; -1: to the workflow
	value *template
}

// moment is a compiled When.
type moment struct {
	fixed time.Duration
	by    *formula
}

// listenSet is a set of small numbers. It is never changed once compiled.
type listenSet []uint64

func newListenSet(n int) listenSet { return make(listenSet, (n+63)/64) }

func (b listenSet) add(i int) { b[i/64] |= 1 << (i % 64) }

// addAll adds the elements of c and reports whether b has grown by it.
func (b listenSet) addAll(c listenSet) bool {
	grown := false
	for i := range c {
		if c[i]&^b[i] != 0 {
			b[i] |= c[i]
			grown = true
		}
	}
	return grown
}

// meets reports whether b and c have an element in common that is not in but.
func (b listenSet) meets(c, but listenSet) bool {
	for i := range min(len(b), len(c)) {
		common := b[i] & c[i]
		if but != nil {
			common &^= but[i]
		}
		if common != 0 {
			return true
		}
	}
	return false
}
