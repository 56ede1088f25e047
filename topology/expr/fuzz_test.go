package expr

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"rondo/topology/value"
)

// checkProgram compiles any text and evaluates it: value or error, never a
// panic, and twice the same.
func checkProgram(t *testing.T, text string, b mapBindings) {
	t.Helper()
	p, issues := Compile(text, b.scope())
	if (p == nil) == (len(issues) == 0) {
		t.Fatalf("%q: program %v with issues %v", text, p, issues)
	}
	for _, i := range issues {
		if i.Offset < 0 || i.Length < 1 || i.Offset > utf8.RuneCountInString(text) || i.Code == "" || i.Message == "" || !utf8.ValidString(i.Message+i.Help) {
			t.Fatalf("%q: issue %+v", text, i)
		}
	}
	if p == nil {
		return
	}
	first, second := outcome(t, p, b), outcome(t, p, b)
	if first != second {
		t.Fatalf("%q gave %s, then %s", text, first, second)
	}
}

// outcome is all of a result that counts: the bytes of a value, the code of an
// error.
func outcome(t *testing.T, p *Program, b mapBindings) string {
	t.Helper()
	v, err := p.Eval(b)
	var failed *Error
	switch {
	case err == nil:
		if err := value.Check(v, resultMax); err != nil {
			t.Fatalf("%q gave what cannot be stored: %v", p, err)
		}
		if kind, ok := p.ResultKind(); ok && kind != value.KindOf(v) {
			t.Fatalf("%q gave %s, not %s as foretold", p, value.KindOf(v), kind)
		}
		if !p.CanBe(value.KindOf(v)) {
			t.Fatalf("%q gave %s, which was said to be impossible", p, value.KindOf(v))
		}
		return string(value.AppendCanonical(nil, v))
	case !errors.As(err, &failed) || failed.Text == "" || failed.Length < 1 || !slices.Contains([]string{CodeExpression, CodeCost, CodeSize}, failed.Code):
		t.Fatalf("%q failed with %#v", p, err)
	}
	return failed.Code
}

func seeds() []string {
	var texts []string
	for _, c := range ruleCases {
		texts = append(texts, c.text)
	}
	for _, c := range errorCases {
		texts = append(texts, c.text)
	}
	return append(texts, "", "a ==", "event?.x", "'", "${a}", "((((", "event.`", "x.map(", "“a”", "1u", "\x00", doubling(5))
}

func FuzzCompile(f *testing.F) {
	for _, text := range seeds() {
		f.Add(text)
	}
	b := vars(f)
	f.Fuzz(func(t *testing.T, text string) { checkProgram(t, text, b) })
}

// FuzzEval gives the programs of the other tests any values.
func FuzzEval(f *testing.F) {
	for i, text := range seeds() {
		f.Add(text, []byte(`{"payment_id": 1, "total": "x", "items": {"a": [1, 2.5, null]}, "address": [], "tags": 12345678901234567890}`), int64(i), float64(i)/3)
	}
	f.Fuzz(func(t *testing.T, text string, event []byte, n int64, d float64) {
		v, err := value.FromJSON(event)
		if err != nil {
			return
		}
		b := vars(t)
		b["event"], b["n"], b["d"], b["payment"], b["unset"] = v, n, d, string(event), v
		b["wait"], b["at"] = time.Duration(n), time.UnixMilli(n%(1<<45)).UTC()
		checkProgram(t, text, b)
	})
}

// mapMacros is everything that goes through a map.
var mapMacros = []string{
	"m.map(k, k)", "m.map(k, m[k])", "m.map(k, m[k] > 5, k)", "m.filter(k, m[k] % 2 == 0)", "m.all(k, m[k] < 40)", "m.exists(k, m[k] > 40)", "m.exists_one(k, m[k] == 7)", "m.existsOne(k, v, v == 7)",
	"m.all(k, v, v >= 0)", "m.exists(k, v, v == 3)", "m.transformList(k, v, k + string(v))", "m.transformList(k, v, v > 5, k)", "m.transformMap(k, v, v * 2)", "m.transformMap(k, v, v > 5, k)",
	"m.transformMapEntry(k, v, {k + 'x': v})", "m.transformMapEntry(k, v, v > 5, {string(v): k})", "m.transformList(k, v, v).sortBy(v, -v)", "m.map(k, k).join(',')", "format('%s', m)", "hash(m)", "uuid(m)",
	"merge(m, {'k1': 'x', 'zz': 'y'})", "without(m, 'k1', 'k2')", "{'b': m, 'a': m.map(k, k)}", "sum(m.transformList(k, v, v))", "m.map(k, 1 / m[k])", "m.exists(k, 10 / m[k] == 5.0)",
	"m.transformMapEntry(k, v, {'same': v})", "m == m.transformMap(k, v, v)", "distinct([m, m])", "m.map(k, m.map(l, k < l ? m[l] : m[k]))", "m.filter(k, m['zz' + k] == 1)", "size(m)", "m", "max(m.map(k, m[k]))",
}

// Go's maps are gone through in another order each time; Rondo's are not, and
// errors neither.
func TestMapsAreGoneThroughInOneOrder(t *testing.T) {
	for _, text := range mapMacros {
		want := ""
		for run := range 100 {
			entries := map[string]value.Value{}
			for _, i := range rand.Perm(40) {
				entries[fmt.Sprintf("k%d", i)] = int64(i)
			}
			b := mapBindings{"m": value.MapOf(entries)}
			p, issues := Compile(text, b.scope())
			if len(issues) > 0 {
				t.Fatalf("%s: %v", text, issues)
			}
			v, err := p.Eval(b)
			got := value.Format(v)
			if err != nil {
				failed := err.(*Error)
				got = failed.Code + " " + place(failed.Offset, failed.Length) + " " + failed.Text
			}
			if run == 0 {
				want = got
			}
			if got != want {
				t.Fatalf("%s: run %d gave %s, before %s", text, run, got, want)
			}
		}
	}
}

func TestManyMayEvaluateAtOnce(t *testing.T) {
	b := vars(t)
	p, issues := Compile("event.items.filter(i, i.qty > 1).map(i, i.sku + string(n)).join(',') + at.getHours('Europe/Berlin').map_(1)", b.scope())
	if len(issues) == 0 {
		t.Fatal("there is no map_")
	}
	p, issues = Compile("event.items.filter(i, i.qty > 1).map(i, i.sku + string(n)).join(',') + string(at.getHours('Europe/Berlin'))", b.scope())
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if v, err := p.Eval(b); err != nil || v != "b7,c713" {
					t.Errorf("got %v, %v", v, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestEvaluationTakesNoMemoryOfItsOwn(t *testing.T) {
	b := vars(t)
	for _, text := range []string{"event.payment_id != payment", "n >= 3 || event.price > 90.0", "event.items.all(i, i.qty > 0)", "event.total"} {
		p, issues := Compile(text, b.scope())
		if len(issues) > 0 {
			t.Fatal(issues)
		}
		if allocs := testing.AllocsPerRun(200, func() { _, _ = p.Eval(b) }); allocs >= 1 {
			t.Errorf("%s: %v allocations", text, allocs)
		}
	}
}

// hostile is expressions that would run for minutes without the limits, and what
// becomes of each.
var hostile = []struct{ text, code string }{
	{"list.map(x, far + near)", "limit.cost"},
	{"list.map(x, round(near, 34))", ""},
	{"list.exists(x, format('%.34f', far) == x)", "limit.cost"},
	{"list.map(x, long.matches('(a*)*b'))", "limit.cost"},
	{"list.exists(x, x.matches('(' + x + '|b){900}'))", "limit.cost"},
	{"list.exists(x, x.matches('(' + x + '){20}'))", "limit.cost"},
	{"list.map(x, long < long + 'b')", "limit.cost"},
	{"list.distinct()", ""},
	{"list.sort().reverse().distinct()", "limit.cost"},
	{"list.join().split('').size()", "limit.cost"},
	{"list.map(x, list)", "limit.size"},
	{"list.map(x, at.getHours('Europe/Berlin'))", ""},
	{"list.exists(x, at.getHours(x) == 1)", "limit.cost"},
	{"list.exists(x, plus(at, 'P1M', 'Asia/Tokyo') == at)", "limit.cost"},
	{"list.map(x, long.replace('a', 'b'))", "limit.cost"},
	{"list.map(x, size(long))", "limit.cost"},
	{"list.map(x, list + list)", "limit.cost"},
	{"list.map(x, list == list)", "limit.cost"},
	{"list.map(x, math.sqrt(far))", "limit.cost"},
	{"list.exists(x, far / near == 1)", "limit.cost"},
	{"list.exists(x, far % near == 1)", "limit.cost"},
	{"list.exists(x, div(far, near) == 1)", "limit.cost"},
	{"list.exists(x, int(far) == 1)", "expression"},
	{"list.map(x, string(far))", ""},
	{"list.map(x, far == near)", ""},
	{"list.map(x, uuid(long))", "limit.cost"},
	{"list.exists(x, parse_time(long, long) == at)", "limit.cost"},
	{"list.exists(x, format(at, long) == x)", "limit.cost"},
	{"list.exists(x, duration(long) == wait)", "expression"},
	{"list.exists(x, decimal(long) == 1)", "expression"},
	{"list.exists(x, double(long) == 1.0)", "expression"},
	{"list.exists(x, int(long) == 1)", "expression"},
	{"list.exists(x, timestamp(long) == at)", "expression"},
	{"list.exists(x, parse_time(x) == at)", "limit.cost"}, {"list.exists(x, duration(x) == wait)", "expression"}, {"list.exists(x, bool(long))", "expression"},
	{"list.exists(x, wide.zz == 1)", "expression"},
	{"list.map(x, wide.map(k, k + x))", "limit.cost"},
	{"list.map(x, {x: wide}).size()", ""},
}

func hostileVars(t testing.TB) mapBindings {
	b := vars(t)
	list := make([]any, 20_000)
	for i := range list {
		list[i] = strings.Repeat("a", 30)
	}
	wide := map[string]value.Value{}
	for i := range 1000 {
		wide[strings.Repeat("z", 90)+strconv.Itoa(i)] = int64(i)
	}
	b["wide"] = value.MapOf(wide)
	b["list"], b["long"], b["near"], b["far"] = list, strings.Repeat("a", 250<<10), mustDecimal("9E-400"), mustDecimal("9E400")
	return b
}

func TestHostileExpressionsEnd(t *testing.T) {
	b := hostileVars(t)
	for _, c := range hostile {
		p, issues := Compile(c.text, b.scope())
		if len(issues) > 0 {
			t.Fatalf("%s: %v", c.text, issues)
		}
		code := ""
		if _, err := p.Eval(b); err != nil {
			code = err.(*Error).Code
		}
		if code != c.code {
			t.Errorf("%s: got %q, want %q", c.text, code, c.code)
		}
	}
}

func BenchmarkHostile(b *testing.B) {
	bindings := hostileVars(b)
	for _, c := range hostile {
		p, issues := Compile(c.text, bindings.scope())
		if len(issues) > 0 {
			b.Fatal(issues)
		}
		b.Run(c.text, func(b *testing.B) {
			for b.Loop() {
				_, _ = p.Eval(bindings)
			}
		})
	}
}

func mustDecimal(text string) value.Value {
	d, err := value.ParseDecimal(text)
	if err != nil {
		panic(err)
	}
	return d
}
