package topology

import (
	"slices"

	"rondo/topology/expr"
)

// scope is what the expressions of one context may refer to.
type scope = expr.Scope

// Names that an expression can refer to beside variables.
const (
	nameKey      = "key"
	nameEvent    = "event"
	nameHeaders  = "headers"
	nameRecord   = "record"
	nameNow      = "now"
	nameInstance = "instance"
	nameCommand  = "command"
	nameError    = "error"
	nameUndoes   = "undoes"
	nameIndex    = "index"
)

// formula compiles an expression of an instance; nil stays nil.
func (c *compiler) formula(e *Expr, ctx context) *formula {
	return c.inScope(e, ctx, expr.Compile)
}

// condition compiles an expression that must be true or false.
func (c *compiler) condition(e *Expr, ctx context) *formula {
	return c.inScope(e, ctx, expr.CompileCondition)
}

type compileFunc func(text string, vars expr.Scope) (*expr.Program, []expr.Issue)

func (c *compiler) inScope(e *Expr, ctx context, compile compileFunc) *formula {
	if e == nil {
		return nil
	}
	f := c.compile(e, c.scope(ctx), compile)
	if c.reads != nil && f.program != nil {
		for _, name := range f.program.Reads() {
			c.reads[name] = true
		}
	}
	return f
}

// withTables adds the tables, where there are any.
func (c *compiler) withTables(s scope) scope {
	if len(c.def.Tables) == 0 && !c.def.gaps.mayHave("tables") {
		return s
	}
	rows := make(map[string]expr.Type, len(c.def.Tables))
	for _, t := range c.def.Tables {
		rows[t.Name] = expr.Type{}
	}
	for _, name := range c.def.gaps.variables() { // tables are called as variables are
		rows[name] = expr.Type{}
	}
	return s.WithTables(rows)
}

// recordFormula compiles an expression over a record alone: a message's `key`,
// `when` and `id`.
func (c *compiler) recordFormula(e *Expr, compile compileFunc) *formula {
	if e == nil {
		return nil
	}
	return c.compile(e, expr.NewScope(nameEvent, nameHeaders, nameRecord), compile)
}

func (c *compiler) compile(e *Expr, s scope, compile compileFunc) *formula {
	if c.found.full() {
		return &formula{nil, e} // no more is reported, and looking for what was meant takes time
	}
	program, issues := compile(e.Text, s)
	for _, issue := range issues {
		c.report(e.At(issue.Offset), issue.Length, issue.Code, issue.Help, "%s", issue.Message)
	}
	if program != nil {
		limits := c.plan.options.Limits
		program = program.Within(expr.Limits{Cost: limits.Cost, TextBytes: limits.Text})
	}
	return &formula{program, e}
}

// scope returns the names of a context.
func (c *compiler) scope(ctx context) scope {
	if s, ok := c.names[ctx]; ok {
		return s
	}
	names := []string{nameKey, nameNow, nameInstance}
	names = append(names, c.scopes.visible(ctx.scope)...)
	names = append(names, c.def.gaps.variables()...)
	if ctx.unknown {
		names = append(names, builtInVariables()...)
	}
	if ctx.index {
		names = append(names, nameIndex)
	}
	if ctx.event {
		names = append(names, nameEvent, nameHeaders, nameRecord)
	}
	if ctx.failure {
		names = append(names, nameError)
	}
	if ctx.command {
		names = append(names, nameCommand)
	}
	if ctx.undoes {
		names = append(names, nameUndoes)
	}
	s := c.withTables(expr.NewScope(names...))
	c.names[ctx] = s
	return s
}

// compensation compiles how a step is undone, and notes which variables that
// reads: they are kept as they are when there is something to undo.
func (c *compiler) compensation(n *node, ctx context) {
	ctx = context{failure: true, undoes: true, scope: ctx.scope, index: ctx.index, unknown: ctx.unknown}
	c.reads = make(map[string]bool)
	n.undo = c.node(n.step.Compensate, n.place+".compensate", roleCompensation, nil, ctx)
	visible := append(c.scopes.visible(ctx.scope), nameIndex)
	for _, name := range sortedKeys(c.reads) {
		if slices.Contains(visible, name) {
			n.kept = append(n.kept, name)
		}
	}
	c.reads = nil
}
