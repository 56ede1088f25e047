package topology

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"rondo/topology/diag"
	"rondo/topology/value"
)

// difference is what differs at a node of the newer version; one whose carrier is
// new as well is told of with that.
func (c *comparing) difference(now *node) []Change {
	was := c.was[now]
	if was != nil {
		return append(c.differences(was, now), c.undoDifferences(was, now)...)
	}
	if carrier := now.around(); carrier != nil && (c.was[carrier] == nil || c.was[carrier].actionKind() != carrier.actionKind()) {
		return nil
	}
	return []Change{{now.place, ChangeStep, withDoes("is new", now.step)}}
}

// withDoes adds what a step does, if that can be said in a word or two.
func withDoes(text string, s *Step) string {
	if does := doesText(s); does != "" {
		text += "; it " + does
	}
	if s.Then != nil {
		text += "; it goes on to " + cmp.Or(s.Then.Name, "="+exprText(s.Then.Expr))
	}
	return text
}

// differences compares two steps or reactions without what is nested in them.
func (c *comparing) differences(was, now *node) []Change {
	a, b := was.step, now.step
	at := now.place
	out := slices.Concat(
		differ(at, ChangeCondition, "`when`", exprText(a.When), exprText(b.When)),
		differ(at, ChangeCondition, "`if`", exprText(a.If), exprText(b.If)),
		setChanges(at, a.Set, b.Set),
	)
	if before, after := doesText(a), doesText(b); before != after {
		out = append(out, Change{at, ChangeAction, cmp.Or(before, "does nothing") + " → " + cmp.Or(after, "does nothing")})
	} else {
		out = append(out, actionChanges(at, a.Action, b.Action)...)
	}
	return slices.Concat(
		out,
		differ(at, ChangeTimeout, "`timeout`", whenText(was.timeLimit()), whenText(now.timeLimit())),
		differ(at, ChangeRetry, "`retry`", retryText(was.attempts()), retryText(now.attempts())),
		c.nextChange(was, now),
	)
}

// timeLimit is the `timeout` of a step, or the one of the command that it sends.
func (n *node) timeLimit() *When {
	call, isCall := n.word.(*calling)
	if n.step.Timeout == nil && isCall {
		return call.message.Timeout
	}
	return n.step.Timeout
}

// attempts is the `retry` of a call; nil for other steps.
func (n *node) attempts() *Retry {
	if call, isCall := n.word.(*calling); isCall {
		return call.retry(n)
	}
	return nil
}

// nextChange says where a step of a list leads now.
func (c *comparing) nextChange(was, now *node) []Change {
	before, after := was.leadsTo(), now.leadsTo()
	if was.step.Then == nil || was.step.Then.Expr == nil {
		before = c.newer.placeOf(before)
	}
	if before == after || before == "" || after == "" {
		return nil
	}
	return []Change{{now.place, ChangeNext, fmt.Sprintf("goes on to %s, and not to %s", after, before)}}
}

// leadsTo is where a step goes when it is done, as people read it.
func (n *node) leadsTo() string {
	switch then := n.step.Then; {
	case then != nil && then.Expr != nil:
		return "=" + then.Expr.Text
	case then != nil:
		return then.Name
	case n.next != nil:
		return n.next.place
	case n.role == roleStep:
		return "the end of its list"
	}
	return "what comes next"
}

// undoDifferences compares how two steps are undone.
func (c *comparing) undoDifferences(was, now *node) []Change {
	before, after := undoText(was.step), undoText(now.step)
	if before == after && was.undo != nil && now.undo != nil && !undoneAlike(c.older, c.newer, was, now) {
		return []Change{{now.place, ChangeUndo, "`compensate` " + after + " with other details"}}
	}
	return differ(now.place, ChangeUndo, "`compensate`", before, after)
}

func undoText(s *Step) string {
	if s.Compensate == nil {
		return ""
	}
	return doesText(s.Compensate)
}

// actionChanges compares two actions that do the same with other details.
func actionChanges(at string, was, now Action) []Change {
	switch a := was.(type) {
	case *Send:
		b := now.(*Send)
		return append(withChanges(at, a.With, b.With), detail(at, ChangeData, "`headers`", a.Headers, b.Headers)...)
	case *Run:
		b := now.(*Run)
		return append(withChanges(at, a.With, b.With), differ(at, ChangeAction, "`key`", exprText(a.Key), exprText(b.Key))...)
	case *Listen:
		b := now.(*Listen)
		return append(differ(at, ChangeCondition, "`until`", exprText(a.Until), exprText(b.Until)), differ(at, ChangeTimeout, "`idle`", whenText(a.Idle), whenText(b.Idle))...)
	case *Fork:
		return differ(at, ChangeAction, "`join`", joinText(a.Join), joinText(now.(*Fork).Join))
	case *For:
		return loopChanges(at, a, now.(*For))
	case *Raise:
		b := now.(*Raise)
		return append(detail(at, ChangeData, "`message`", a.Message, b.Message), detail(at, ChangeData, "`data`", a.Data, b.Data)...)
	case *End:
		b := now.(*End)
		return append(detail(at, ChangeData, "`message`", a.Message, b.Message), detail(at, ChangeData, "`data`", a.Data, b.Data)...)
	}
	return nil
}

func loopChanges(at string, a, b *For) []Change {
	return slices.Concat(
		detail(at, ChangeAction, "`in`", a.In, b.In),
		differ(at, ChangeCondition, "`while`", exprText(a.While), exprText(b.While)),
		differ(at, ChangeAction, "`parallel`", strconv.Itoa(a.Parallel), strconv.Itoa(b.Parallel)),
		differ(at, ChangeAction, "`join`", joinText(a.Join), joinText(b.Join)),
		setChanges(at, a.Collect, b.Collect),
	)
}

func detail(at string, what ChangeKind, label string, was, now any) []Change {
	if same(was, now) {
		return nil
	}
	return []Change{{at, what, label + " differs"}}
}

// withChanges names the fields of a payload that differ.
func withChanges(at string, was, now *Template) []Change {
	if same(was, now) {
		return nil
	}
	if was == nil || now == nil || was.Map == nil || now.Map == nil {
		return []Change{{at, ChangeData, "`with` differs"}}
	}
	return named(at, ChangeData, "`with`: ", fieldsOf(was.Map), fieldsOf(now.Map))
}

func fieldsOf(fields []Field) []Assignment {
	var out []Assignment
	for _, f := range fields {
		out = append(out, Assignment{Name: f.Name, Value: f.Value})
	}
	return out
}

func setChanges(at string, was, now []Assignment) []Change {
	return named(at, ChangeSet, "sets ", was, now)
}

// named says which names are new, gone or stand for something else, in one change.
func named(at string, what ChangeKind, label string, was, now []Assignment) []Change {
	find := func(list []Assignment, name string) *Template {
		for _, a := range list {
			if a.Name == name {
				return a.Value
			}
		}
		return nil
	}
	var parts []string
	for _, a := range now {
		switch before := find(was, a.Name); {
		case before == nil:
			parts = append(parts, a.Name+" too")
		case !same(before, a.Value):
			parts = append(parts, a.Name+" otherwise")
		}
	}
	for _, a := range was {
		if find(now, a.Name) == nil {
			parts = append(parts, a.Name+" no more")
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return []Change{{at, what, label + strings.Join(parts, ", ")}}
}

// attributeChanges are the changes of a message that matter for an instance.
func attributeChanges(was, now *Message) []Change {
	label := func(attribute string) string { return fmt.Sprintf("`%s` of message %s", attribute, now.Name) }
	return slices.Concat(
		differ("", ChangeMessage, label("topic"), was.Topic, now.Topic),
		differ("", ChangeMessage, label("type"), was.Type, now.Type),
		differ("", ChangeMessage, label("key"), exprText(was.Key), exprText(now.Key)),
		differ("", ChangeMessage, label("when"), exprText(was.When), exprText(now.When)),
		differ("", ChangeMessage, label("id"), exprText(was.ID), exprText(now.ID)),
		differ("", ChangeMessage, label("correlate"), was.Correlate, now.Correlate),
		differ("", ChangeMessage, label("schema"), was.Schema, now.Schema),
		detail("", ChangeMessage, label("limit"), was.Limit, now.Limit),
	)
}

// messageChanges say of each message what becomes of it now at a step, and what
// became of it.
func messageChanges(at string, was, now Standing) []Change {
	before, after := was.fates(), now.fates()
	names := slices.Concat(sortedKeys(before), sortedKeys(after))
	slices.Sort(names)
	var out []Change
	for _, name := range slices.Compact(names) {
		a, b := cmp.Or(before[name], fateUnread), cmp.Or(after[name], fateUnread)
		if a != b && !(a == fateUnread && b == fateIgnored) && !(a == fateIgnored && b == fateUnread) {
			out = append(out, Change{at, ChangeMessage, fmt.Sprintf("%s %s → %s", name, a, b)})
		}
	}
	return out
}

const (
	fateUnread  = "not read"
	fateIgnored = "late"
)

// fates are what becomes of each message at a place, in a word or two.
func (s Standing) fates() map[string]string {
	out := map[string]string{}
	for _, f := range []struct {
		names []string
		fate  string
	}{
		{s.Takes, "taken"}, {s.Anytime, "taken by `anytime`"}, {s.Holds, "held for later"}, {s.Rejects, "rejected as early"},
		{s.Drops, "dropped as early"}, {s.Starts, "kept as the next start"}, {s.Ignores, fateIgnored},
	} {
		for _, name := range f.names {
			out[name] = f.fate
		}
	}
	return out
}

// doesText says what a step or a reaction does, without its details.
func doesText(s *Step) string {
	switch a := s.Action.(type) {
	case *Send:
		if len(a.Await) > 0 {
			return "calls " + a.Message
		}
		return "sends " + a.Message
	case *Run:
		if len(a.Await) > 0 {
			return "runs " + a.Workflow
		}
		return "begins " + a.Workflow
	case *Listen:
		return "listens"
	case *Wait:
		return "waits " + whenText(a.For)
	case *Switch:
		return "chooses"
	case *Block:
		return "has steps of its own"
	case *Fork:
		return "forks"
	case *For:
		return "loops"
	case *Raise:
		return "raises " + cmp.Or(exprText(a.Name), a.Error)
	case *End:
		if a.Fail != nil {
			return "ends as failed: " + templateText(a.Fail)
		}
		return "ends as completed"
	case *Undo:
		return "undoes what was done"
	}
	return ""
}

func exprText(e *Expr) string {
	if e == nil {
		return ""
	}
	return strings.Join(strings.Fields(e.Text), " ")
}

func templateText(t *Template) string {
	if t.Expr != nil {
		return "=" + exprText(t.Expr)
	}
	return value.Format(t.Literal)
}

func whenText(w *When) string {
	switch {
	case w == nil:
		return ""
	case w.Expr != nil:
		return "=" + exprText(w.Expr)
	}
	return FormatDuration(w.Duration)
}

func joinText(j Join) string {
	if j.Mode == "n" {
		return strconv.Itoa(j.N)
	}
	return cmp.Or(j.Mode, "all")
}

// retryText writes a `retry` as its author would.
func retryText(r *Retry) string {
	if r == nil {
		return ""
	}
	var parts []string
	add := func(name, text string, present bool) {
		if present {
			parts = append(parts, name+" "+text)
		}
	}
	thousandths := func(n int) string { return strconv.FormatFloat(float64(n)/1000, 'f', -1, 64) }
	duration := func(name string, d time.Duration) { add(name, FormatDuration(d), d != 0) }
	add("attempts", strconv.Itoa(r.Attempts), r.Attempts != 0)
	duration("backoff", r.Backoff)
	add("factor", thousandths(r.Factor), r.Factor != 0 && r.Factor != 1000)
	duration("max", r.Max)
	add("jitter", thousandths(r.Jitter), r.Jitter != 0)
	duration("within", r.Within)
	add("errors", strings.Join(r.Errors, ", "), len(r.Errors) > 0)
	return strings.Join(parts, ", ")
}

func valueOf(a any) reflect.Value { return reflect.ValueOf(a) }

// sameMeaning compares two pieces of definitions without their places.
func sameMeaning(a, b reflect.Value) bool {
	if a.IsValid() != b.IsValid() {
		return false
	}
	if !a.IsValid() {
		return true
	}
	if a.Type() != b.Type() {
		return false
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return sameMeaning(a.Elem(), b.Elem())
	case reflect.Struct:
		return sameFields(a, b)
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !sameMeaning(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

var posType = reflect.TypeFor[diag.Pos]()

func sameFields(a, b reflect.Value) bool {
	if a.Type() == posType {
		return true
	}
	for i := range a.NumField() {
		f := a.Type().Field(i)
		if !f.IsExported() && a.Type().PkgPath() == reflect.TypeFor[Expr]().PkgPath() {
			continue // where characters stand, and gaps, which a plan has none of
		}
		if !f.IsExported() {
			return reflect.DeepEqual(a.Interface(), b.Interface()) // a value of another package, such as a decimal
		}
		if !sameMeaning(a.Field(i), b.Field(i)) {
			return false
		}
	}
	return true
}
