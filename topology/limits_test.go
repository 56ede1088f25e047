package topology_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"rondo/topology"
	"rondo/topology/diag"
	"rondo/topology/script"
	"rondo/topology/value"
)

// limitCase is one limit: what takes n of it, and how it ends when there is one more
// than may be. What is decided is put in one word: the kind of a fault, the reason of a
// dead letter, `more` if it goes on in the next decision, or nothing.
type limitCase struct {
	name string
	most int
	set  func(*topology.Limits, int)
	text string // the workflow; `messages` are those of limitMessages
	play func(w *limitWorld, n int)
	want string
}

const limitMessages = `messages:
  Go:    {topic: in, key: event.id}
  Note:  {topic: in, key: event.id}
  Seen:  {topic: in, key: event.id, id: event.n}
  Tell:  {topic: out}
`

// limitWorld plays one case.
type limitWorld struct {
	t *testing.T
	*script.World
	got string
}

func (w *limitWorld) in(message string, fields ...any) {
	w.t.Helper()
	payload := map[string]value.Value{}
	for i := 0; i+1 < len(fields); i += 2 {
		payload[fields[i].(string)] = fields[i+1]
	}
	w.see(w.In(script.Incoming{Message: message, Payload: value.MapOf(payload)}))
}

func (w *limitWorld) act(act *topology.Act) { w.t.Helper(); w.see(w.Act("a", act)) }

func (w *limitWorld) see(decided []script.Decided, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, d := range decided {
		switch {
		case d.Decision.Fault != nil:
			w.got = d.Decision.Fault.Kind
		case d.Decision.DeadLetter != nil:
			w.got = d.Decision.DeadLetter.Reason
		case d.Decision.More:
			w.got = "more"
		}
	}
}

// ofSize is a text of so many bytes as limits count them.
func ofSize(n int) string { return strings.Repeat("x", n-value.Size("")) }

func numbers(n int) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = int64(i)
	}
	return out
}

var limitCases = []limitCase{
	{"variable", 100, func(l *topology.Limits, n int) { l.Variable = n }, "start: {Go: {set: {x: =event.x}}}\ndo: [{rest: {wait: 1h}}]",
		func(w *limitWorld, n int) { w.in("Go", "id", "a", "x", ofSize(n)) }, "limit.size"},
	{"variable, by an operator", 100, func(l *topology.Limits, n int) { l.Variable = n }, "start: {Go: {set: {x: 1}}}\ndo: [{rest: {wait: 1h}}]",
		func(w *limitWorld, n int) {
			w.in("Go", "id", "a")
			w.act(&topology.Act{Kind: topology.ActSet, Data: value.MapOf(map[string]value.Value{"x": ofSize(n)})})
		}, "act-refused"},
	{"message and data of an error", 200, func(l *topology.Limits, n int) { l.Variable = n }, "start: {Go: {set: {x: =event.x}}}\ndo: [{wrong: {raise: {error: wrong, message: =x}, catch: {wrong: {then: rest}}}}, {rest: {wait: 1h}}]",
		func(w *limitWorld, n int) { w.in("Go", "id", "a", "x", strings.Repeat("x", n-value.Size(nil))) }, "limit.size"},
	{"command", 100, func(l *topology.Limits, n int) { l.Command = n }, "start: {Go: {set: {x: =event.x}}}\ndo: [{tell: {send: Tell, with: =x, headers: {h: \"12\"}}}, {rest: {wait: 1h}}]",
		func(w *limitWorld, n int) { // "a" is its key, the value is in quotes
			w.in("Go", "id", "a", "x", strings.Repeat("x", n-len("a")-len(`""`)-len("h")-value.Size("12")))
		}, "limit.payload"},
	{"key", 20, func(l *topology.Limits, n int) { l.Key = n }, "start: {Go: {}}\ndo: [{rest: {wait: 1h}}]",
		func(w *limitWorld, n int) { w.in("Go", "id", strings.Repeat("k", n)) }, "key-too-long"},
	{"key of a child", 20, func(l *topology.Limits, n int) { l.Key = n }, "start: {Go: {set: {x: =event.x}}}\ndo: [{kid: {run: other, key: x}}, {rest: {wait: 1h}}]",
		func(w *limitWorld, n int) { w.in("Go", "id", "a", "x", strings.Repeat("k", n)) }, "expression"},
	{"keys of one event", 3, func(l *topology.Limits, n int) { l.Keys = n }, "start: {Go: {}}\ndo: [{rest: {wait: 1h}}]",
		func(w *limitWorld, n int) { w.in("Go", "id", numbers(n)) }, "too-many-keys"},
	{"correlated values", 3, func(l *topology.Limits, n int) { l.Correlate = n }, "  Paid: {topic: paid, key: event.payment, correlate: payments}\nstart: {Go: {set: {payments: =event.x}}}\nanytime: {Paid: {}}\ndo: [{rest: {wait: 1h}}]",
		func(w *limitWorld, n int) { w.in("Go", "id", "a", "x", numbers(n)) }, "limit.correlate"},
	{"members of a mailbox", 3, func(l *topology.Limits, n int) { l.Members = n }, "  Paid: {topic: paid, key: event.payment, correlate: payments}\nstart: {Go: {set: {payments: p}}}\nanytime: {Paid: {}}\ndo: [{rest: {wait: 1h}}]",
		func(w *limitWorld, n int) { w.in("Go", "id", numbers(n)) }, "mailbox-limit"},
	{"held", 3, func(l *topology.Limits, n int) { l.Held = n }, "start: {Go: {}}\ndo: [{rest: {wait: 1h}}, {note: {listen: {Note: {}}}}]",
		func(w *limitWorld, n int) { w.in("Go", "id", "a"); w.times(n, "Note") }, "held-limit"},
	{"queued while stopped", 3, func(l *topology.Limits, n int) { l.Queue = n }, "start: {Go: {}}\ndo: [{note: {listen: {Note: {}}}}]",
		func(w *limitWorld, n int) {
			w.in("Go", "id", "a")
			w.act(&topology.Act{Kind: topology.ActPause})
			w.times(n, "Note")
		}, "queue-limit"},
	{"starts", 3, func(l *topology.Limits, n int) { l.Starts = n }, "again: queue\nstart: {Go: {}}\ndo: [{rest: {wait: 1h}}]",
		func(w *limitWorld, n int) { w.times(n+1, "Go") }, "starts-limit"},
	{"branches of a loop", 3, func(l *topology.Limits, n int) { l.Branches = n }, "start: {Go: {set: {items: =event.x}}}\ndo: [{all: {for: {each: i, in: items, parallel: 9}, do: [{rest: {wait: 1h}}]}}]",
		func(w *limitWorld, n int) { w.in("Go", "id", "a", "x", numbers(n)) }, "limit.branches"},
	{"branches of a fork", 3, func(l *topology.Limits, n int) { l.Branches = n },
		"start: {Go: {set: {items: =event.x}}}\ndo: [{all: {fork: {a: [{rest: {wait: 1h}}], b: [{some: {for: {each: i, in: items, parallel: 9}, do: [{one: {wait: 1h}}]}}]}}}]",
		func(w *limitWorld, n int) { w.in("Go", "id", "a", "x", numbers(n-2)) }, "limit.branches"},
	{"branches of anytime", 3, func(l *topology.Limits, n int) { l.Branches = n }, "start: {Go: {}}\nanytime: {Note: {do: [{beside: {wait: 1h}}]}}\ndo: [{rest: {wait: 1h}}]",
		func(w *limitWorld, n int) { w.in("Go", "id", "a"); w.times(n, "Note") }, "limit.branches"},
	{"elements", 3, func(l *topology.Limits, n int) { l.Elements = n }, "start: {Go: {set: {items: =event.x}}}\ndo: [{all: {for: {each: i, in: items}, do: [{one: {set: {y: =i}}}]}}]",
		func(w *limitWorld, n int) { w.in("Go", "id", "a", "x", numbers(n)) }, "limit.elements"},
	{"entries", 3, func(l *topology.Limits, n int) { l.Entries = n }, "start: {Go: {set: {items: =event.x}}}\ndo: [{all: {for: {each: i, in: items}, do: [{one: {send: Tell, compensate: {send: Tell}}}]}}, {rest: {wait: 1h}}]",
		func(w *limitWorld, n int) { w.in("Go", "id", "a", "x", numbers(n)) }, "limit.entries"},
	{"steps in one decision", 5, func(l *topology.Limits, n int) { l.StepsAtOnce = n }, "start: {Go: {set: {items: =event.x}}}\ndo: [{all: {for: {each: i, in: items}, do: [{one: {set: {y: =i}}}]}}, {rest: {wait: 1h}}]",
		func(w *limitWorld, n int) { w.in("Go", "id", "a", "x", numbers(n-3)) }, "more"}, // start, all and rest are steps too
	{"steps without an input", 5, func(l *topology.Limits, n int) { l.StepsUnasked = n }, "start: {Go: {set: {n: =event.x}}}\ndo: [{one: {set: {n: =n - 1}, then: \"=n > 0 ? 'one' : 'rest'\"}}, {rest: {wait: 1h}}]",
		func(w *limitWorld, n int) { w.in("Go", "id", "a", "x", int64(n-2)) }, "limit.spin"},
	{"timer ahead, milliseconds", 90_000, func(l *topology.Limits, n int) { l.TimerAhead = time.Duration(n) * time.Millisecond }, "start: {Go: {set: {x: =event.x}}}\ndo: [{rest: {wait: \"=duration(string(x) + 'ms')\"}}]",
		func(w *limitWorld, n int) { w.in("Go", "id", "a", "x", int64(n)) }, "limit.timer"},
	{"cost of an expression", 20, func(l *topology.Limits, n int) { l.Cost = n }, "start: {Go: {set: {x: =lists.range(event.x)}}}\ndo: [{rest: {wait: 1h}}]",
		func(w *limitWorld, n int) { w.in("Go", "id", "a", "x", int64(n-3)) }, "limit.cost"},
	{"cost of a message's key", 20, func(l *topology.Limits, n int) { l.Cost = n }, "  Sum: {topic: sums, key: \"string(lists.range(event.x).size())\"}\nstart: {Sum: {}}\ndo: [{rest: {wait: 1h}}]",
		func(w *limitWorld, n int) { w.in("Sum", "x", int64(n-5)) }, "no-key"},
	{"text of an expression", 100, func(l *topology.Limits, n int) { l.Text = n }, "start: {Go: {set: {x: \"=event.x + 'y'\"}}}\ndo: [{rest: {wait: 1h}}]",
		func(w *limitWorld, n int) { w.in("Go", "id", "a", "x", strings.Repeat("x", n-1)) }, "limit.cost"},
	{"ids", 3, func(l *topology.Limits, n int) { l.Seen = n }, "start: {Go: {}}\ndo: [{seen: {listen: {Seen: {}}, until: \"false\"}}]",
		func(w *limitWorld, n int) {
			w.in("Go", "id", "a")
			for i := range n {
				w.in("Seen", "id", "a", "n", int64(i))
			}
			decided, err := w.In(script.Incoming{Message: "Seen", Payload: value.MapOf(map[string]value.Value{"id": "a", "n": int64(0)})})
			if w.see(decided, err); decided[0].Decision.Outcome != topology.Duplicate {
				w.got = "forgotten"
			}
		}, "forgotten"},
}

func (w *limitWorld) times(n int, message string) {
	w.t.Helper()
	for range n {
		w.in(message, "id", "a")
	}
}

// TestEachLimitHoldsExactly plays each limit twice: as much as may be, and one more.
func TestEachLimitHoldsExactly(t *testing.T) {
	for _, c := range limitCases {
		for more, want := range []string{"", c.want} {
			limits := topology.Limits{}
			c.set(&limits, c.most)
			w := &limitWorld{t: t, World: script.New(compile(t, "w.yaml", limitMessages+c.text+"\n", limits))}
			c.play(w, c.most+more)
			if w.got != want {
				t.Errorf("%s: %d where %d may be: %q, want %q", c.name, c.most+more, c.most, w.got, want)
			}
		}
	}
}

// TestEachBoundOfTheCheckHoldsExactly is the same for what a definition may say.
func TestEachBoundOfTheCheckHoldsExactly(t *testing.T) {
	blocks := func(n int) string {
		return "do: [" + strings.Repeat("{b%: {do: [", n) + "{rest: {wait: 1h}}" + strings.Repeat("]}}", n) + "]"
	}
	variables := func(n int) string {
		set, names := "", ""
		for i := range n {
			set += fmt.Sprintf("v%d: 1, ", i)
			names += fmt.Sprintf("v%d, ", i)
		}
		return "start: {Go: {set: {" + set + "}}}\nsearch: [" + names + "]\ndo: [{rest: {wait: 1h}}]"
	}
	const begins, waits = "start: {Go: {}}\n", "\ndo: [{rest: {wait: 1h}}]"
	const calls = "do: [{ask: {send: Tell, await: {Go: {}}, timeout: 1s, retry: {attempts: "
	for name, c := range map[string]struct{ most, more, code string }{
		"nesting":    {begins + blocks(15), begins + blocks(16), "too-deep"}, // the outermost list is one too,
		"search":     {variables(8), variables(9), "too-many"},
		"attempts":   {begins + calls + "10000}}}]", begins + calls + "10001}}}]", "bad-retry"},
		"keep":       {begins + "keep: 365d" + waits, begins + "keep: 365d1ms" + waits, "time-range"},
		"timers":     {begins + "do: [{rest: {wait: 3650d}}]", begins + "do: [{rest: {wait: 3650d1ms}}]", "time-range"},
		"deadline":   {begins + "deadline: 3650d" + waits, begins + "deadline: 3650d1ms" + waits, "time-range"},
		"parallel":   {begins + "do: [{all: {for: {each: i, in: [1], parallel: 100000}, do: [{one: {wait: 1h}}]}}]", begins + "do: [{all: {for: {each: i, in: [1], parallel: 100001}, do: [{one: {wait: 1h}}]}}]", "bad-number"},
		"the length": {strings.Repeat("#", 1<<20-len(limitFile(begins+waits))-1) + "\n" + begins + waits, strings.Repeat("#", 1<<20-len(limitFile(begins+waits))) + "\n" + begins + waits, "file-too-large"},
	} {
		if codes := errorsOf(c.most); len(codes) > 0 {
			t.Errorf("%s, as much as may be: %v", name, codes)
		}
		if codes := errorsOf(c.more); len(codes) != 1 || codes[0] != c.code {
			t.Errorf("%s, one more: %v, want %s", name, codes, c.code)
		}
	}
}

// limitFile is a whole file; each % in it is another number.
func limitFile(text string) string {
	out := "workflow: test\nversion: 1\n" + limitMessages
	for i, part := range strings.Split(text, "%") {
		if i > 0 {
			out += strconv.Itoa(i)
		}
		out += part
	}
	return out
}

// errorsOf are the codes of the errors in a file.
func errorsOf(text string) (codes []string) {
	_, found := topology.Parse("w.yaml", []byte(limitFile(text)), nil)
	for _, f := range found {
		if f.Severity == diag.Error {
			codes = append(codes, f.Code)
		}
	}
	return codes
}
