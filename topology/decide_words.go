package topology

import (
	"fmt"

	"rondo/topology/value"
)

// waiting is `wait`: a time passes.
type waiting struct {
	plain
	until *moment
}

func (w waiting) enter(p *pass, b *Branch, n *node) {
	wake, fault := p.armFor(b, n, w.until)
	switch {
	case fault != nil:
		p.fault(b, n, fault)
	case wake.Due <= p.at:
		p.done(b)
	default:
		b.top().Wake = wake
	}
}

func (waiting) fire(p *pass, b *Branch, _ *node, depth int, _ timerKind) {
	b.Frames[depth].Wake = Timer{}
	p.done(b)
}

// choosing is `switch`: the first alternative that holds.
type choosing struct {
	plain
	alternatives []*node
}

func (c *compiler) choice(n *node, a *Switch, ctx context) word {
	w := &choosing{}
	place := n.place
	if !n.isStep() {
		place += ".switch" // a reaction's own alternatives are numbered already
	}
	for i, step := range a.Alternatives {
		w.alternatives = append(w.alternatives, c.node(step, fmt.Sprintf("%s.%d", place, i+1), roleOutcome, n, ctx))
	}
	return w
}

func (c *choosing) reactions() []*node { return c.alternatives }

func (c *choosing) enter(p *pass, b *Branch, n *node) {
	for _, alternative := range c.alternatives {
		holds, fault := p.holds(b, alternative, alternative.when)
		if fault != nil {
			p.fault(b, n, fault)
			return
		}
		if holds {
			p.note("enter", alternative.place, "")
			p.push(b, Frame{Place: alternative.place})
			p.reactIn(b, alternative)
			return
		}
	}
	p.turn(n.place, turnNone)
	p.done(b)
}

// grouping is `do` in place of an action: a list of steps with a `catch` and a
// `timeout` of its own.
type grouping struct {
	plain
	steps *list
}

func (c *compiler) block(n *node, a *Block, ctx context) word {
	return &grouping{steps: c.list(a.Do, n, n.outerList(), ctx)}
}

func (g *grouping) lists() []*list { return []*list{g.steps} }

func (g *grouping) enter(p *pass, b *Branch, n *node) {
	if !p.armWhole(b, n) {
		return
	}
	if len(g.steps.steps) == 0 {
		p.done(b)
		return
	}
	b.Next = g.steps.steps[0].place
}

func (*grouping) fire(p *pass, b *Branch, n *node, depth int, _ timerKind) { p.fireWhole(b, n, depth) }

// raising is `raise`: an error by name.
type raising struct {
	plain
	name    string
	by      *formula
	message *template
	data    *template
}

func (c *compiler) raise(a *Raise, ctx context) word {
	return &raising{plain{}, a.Error, c.formula(a.Name, ctx), c.template(a.Message, ctx), c.template(a.Data, ctx)}
}

func (r *raising) enter(p *pass, b *Branch, n *node) {
	name, fault := r.name, (*Fault)(nil)
	if r.by != nil {
		name, fault = p.errorName(b, n, r.by)
	}
	if fault == nil {
		var failure *Failure
		if failure, fault = p.described(b, n, name, r.message, r.data); fault == nil {
			p.raiseNamed(b, n, failure)
			return
		}
	}
	p.fault(b, n, fault)
}

// errorName evaluates the name of an error.
func (p *pass) errorName(b *Branch, n *node, f *formula) (string, *Fault) {
	v, fault := p.eval(b, n, f)
	if fault != nil {
		return "", fault
	}
	name, isText := v.(string)
	if !isText || name == "" {
		return "", f.wrong(n.place, "the name of an error", v)
	}
	return name, nil
}

// described makes an error with a message and data.
func (p *pass) described(b *Branch, n *node, name string, message, data *template) (*Failure, *Fault) {
	failure := p.failure(b, name, "", nil)
	if message != nil {
		v, fault := p.fill(b, n, message)
		if fault != nil {
			return nil, fault
		}
		text, isText := textOf(v)
		if !isText {
			text = value.Format(v)
		}
		failure.Message = text
	}
	if data != nil {
		v, fault := p.fill(b, n, data)
		if fault != nil {
			return nil, fault
		}
		failure.Data = v
	}
	if size, limit := value.Size(failure.Data)+len(failure.Message), p.plan.options.Limits.Variable; size > limit {
		return nil, &Fault{Kind: "limit.size", Text: fmt.Sprintf("message and data of the error %s would take %d bytes; the limit is %d", name, size, limit)}
	}
	return failure, nil
}

// ending is `end`: of the whole instance, wherever it stands.
type ending struct {
	plain
	fail    *template // nil: complete
	message *template
	data    *template
}

func (c *compiler) end(a *End, ctx context) word {
	return &ending{plain{}, c.template(a.Fail, ctx), c.template(a.Message, ctx), c.template(a.Data, ctx)}
}

func (e *ending) enter(p *pass, b *Branch, n *node) {
	if e.fail == nil {
		p.complete()
		return
	}
	v, fault := p.fill(b, n, e.fail)
	if fault == nil {
		name, isText := v.(string)
		if !isText || name == "" {
			fault = &Fault{Kind: "expression", Text: "`fail` gives " + string(value.KindOf(v)) + ", and must give the name of an error"}
		} else {
			var failure *Failure
			if failure, fault = p.described(b, n, name, e.message, e.data); fault == nil {
				p.fail(failure)
				return
			}
		}
	}
	p.fault(b, n, fault)
}
