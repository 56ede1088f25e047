package expr

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/ext"
	"cel.dev/cel-go/parser"
	"pgregory.net/rapid"

	"rondo/topology/value"
)

// celVars is what both evaluators compute with.
var celVars = map[string]any{
	"i": int64(7), "j": int64(-3), "z": int64(0), "d": 2.5, "s": "héllo", "t": "l", "b": true, "nothing": nil,
	"l": []any{int64(3), int64(1), int64(2)}, "words": []any{"b", "a", "c"}, "m": map[string]any{"a": int64(1), "b": map[string]any{"c": "x"}},
	"at": time.Date(2026, 3, 1, 12, 30, 15, 0, time.UTC), "wait": 90 * time.Second,
}

// reference evaluates by cel-go, without checking types beforehand, as Rondo's
// values have none.
func reference(t testing.TB, env *cel.Env, text string) (value.Value, error) {
	t.Helper()
	tree, issues := env.Parse(text)
	if issues.Err() != nil {
		t.Fatalf("%s: cel-go: %v", text, issues.Err())
	}
	program, err := env.Program(tree)
	if err != nil {
		return nil, err
	}
	out, _, err := program.Eval(celVars)
	if err != nil {
		return nil, err
	}
	return valueOfCEL(out)
}

func referenceEnv(t testing.TB) *cel.Env {
	t.Helper()
	options := []cel.EnvOption{
		cel.OptionalTypes(), ext.Strings(), ext.Lists(), ext.Sets(), ext.Math(), ext.Bindings(), ext.TwoVarComprehensions(),
		cel.EnableIdentifierEscapeSyntax(), cel.DefaultUTCTimeZone(true),
	}
	for name := range celVars {
		options = append(options, cel.Variable(name, cel.DynType))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func valueOfCEL(v ref.Val) (value.Value, error) {
	switch v := v.(type) {
	case types.Null:
		return nil, nil
	case types.Bool:
		return bool(v), nil
	case types.Int:
		return int64(v), nil
	case types.Double:
		if d := float64(v); math.IsNaN(d) || math.IsInf(d, 0) {
			return nil, fmt.Errorf("not finite")
		}
		return float64(v), nil
	case types.String:
		return string(v), nil
	case types.Bytes:
		return []byte(v), nil
	case types.Timestamp:
		return v.UTC(), nil
	case types.Duration:
		return v.Duration, nil
	case traits.Mapper:
		return mapOfCEL(v)
	case traits.Lister:
		out := []any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			item, err := valueOfCEL(it.Next())
			if err != nil {
				return nil, err
			}
			out = append(out, item)
		}
		return out, nil
	}
	return nil, fmt.Errorf("%s is no value", v.Type())
}

func mapOfCEL(m traits.Mapper) (value.Value, error) {
	out := map[string]value.Value{}
	for it := m.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		name, ok := key.(types.String)
		if !ok {
			return nil, fmt.Errorf("a key that is no text")
		}
		item, err := valueOfCEL(m.Get(key))
		if err != nil {
			return nil, err
		}
		out[string(name)] = item
	}
	return value.MapOf(out), nil
}

// ours evaluates by Rondo; an issue counts as an error, for cel-go finds later
// what Rondo finds at once.
func ours(text string) (value.Value, error) {
	b := mapBindings{}
	for name, v := range celVars {
		b[name] = fromGo(v)
	}
	p, issues := Compile(text, b.scope())
	if len(issues) > 0 {
		return nil, fmt.Errorf("%s", issues[0].line())
	}
	return p.Eval(b)
}

func fromGo(v any) value.Value {
	if m, ok := v.(map[string]any); ok {
		out := map[string]value.Value{}
		for key, item := range m {
			out[key] = fromGo(item)
		}
		return value.MapOf(out)
	}
	return v
}

// compareWithCEL demands the same value, or an error from both.
func compareWithCEL(t testing.TB, env *cel.Env, text string) (same bool, explanation string) {
	t.Helper()
	want, wantErr := reference(t, env, text)
	got, gotErr := ours(text)
	if (wantErr == nil) != (gotErr == nil) || wantErr == nil && string(value.AppendCanonical(nil, got)) != string(value.AppendCanonical(nil, want)) {
		return false, fmt.Sprintf("%s:\n got     %s (%T), %v\n cel-go  %s (%T), %v", text, value.Format(got), got, gotErr, value.Format(want), want, wantErr)
	}
	return true, ""
}

// Where Rondo's rules are CEL's, the results are those of cel-go.
func TestMeansWhatCELMeans(t *testing.T) {
	env := referenceEnv(t)
	for _, text := range strings.Split(strings.TrimSpace(`
i + j * 2 - -i
i % 3 + j % 2
-9223372036854775808 + z
9223372036854775807 + i
i - 9223372036854775807 - i
i % z
d + 0.5 > 2.9
i == 7.0 && 7.0 == i
i < d || d < i
l == [3.0, 1, 2]
m == {'b': {'c': 'x'}, 'a': 1.0}
nothing == null
nothing + 1
m.a + m.zz
has(m.a) && !has(m.zz) && has(m.b.c)
has(m.zz.c)
has(m.a.c)
m.?zz.?c.orValue(3)
m.?b.c.orValue(3)
m.?a.hasValue()
m[?'zz'].orValue(l[?9].orValue(l[?0].orValue(0)))
m.?b.?c.optMap(x, x + 'y').orValue('none')
m.?b.optFlatMap(x, x.?c).orValue('none')
optional.of(i).or(optional.of(j)).value()
optional.none().or(optional.of(j)).value()
optional.none().value()
optional.ofNonZeroValue('').hasValue() || optional.ofNonZeroValue([1]).hasValue()
[?m.?a, ?m.?zz, i]
{?'a': m.?a, ?'z': m.?zz}
optional.unwrap([m.?a, m.?zz])
true || i / z > 0
i % z > 0 || true
i % z > 0 && false
i % z > 0 && true
b ? i : j % z
!b
l[0] + l[2]
l[3]
l[1.0]
m['a']
m['zz']
2 in l && !(5 in l) && 'a' in m && 2.0 in l
l + [4]
l.map(x, x * 2)
l.map(x, x > 1, x * 2)
l.filter(x, x > 1)
l.all(x, x > 0) && l.exists(x, x == 2) && l.exists_one(x, x > 2)
l.all(x, 6 / x > 1 || x > 2)
[0, 1].exists(x, 1 % x == 0)
[0, 1].all(x, 1 % x == 0)
[0, 1].exists_one(x, 1 % x == 0)
[].all(x, x) && ![].exists(x, x)
l.existsOne(i, v, i + v == 4)
l.transformList(i, v, i * v)
l.transformList(i, v, i > 0, i * v)
{'a': 1, 'b': 2}.transformMap(k, v, k + 'x')
{'a': 1, 'b': 2}.transformMap(k, v, v > 1, v)
words.transformMapEntry(i, v, {v: i})
['a', 'a'].transformMapEntry(i, v, {v: i})
m.all(k, v, k < 'c')
cel.bind(x, i + 1, x * x)
cel.bind(x, l, x.map(y, cel.bind(z, y, z + size(x))))
size(s) + s.size() + size(l) + size(m) + size(b'abc')
s.contains('ll') && s.startsWith('h') && s.endsWith('o') && s.matches('^h.*o$')
s.charAt(1) + s.charAt(5)
s.charAt(6)
s.charAt(-1)
s.indexOf(t)
s.indexOf(t, 3)
s.indexOf('', 2)
s.indexOf(t, -1)
s.indexOf(t, 99)
s.lastIndexOf(t)
s.lastIndexOf(t, 2)
s.lastIndexOf('', 2)
s.lastIndexOf(t, 99)
s.lastIndexOf(t, -1)
s.substring(1)
s.substring(1, 3)
s.substring(3, 1)
s.substring(0, 9)
s.replace(t, 'L')
s.replace(t, 'L', 1)
s.replace(t, 'L', 0)
s.replace(t, 'L', -1)
s.replace('', '_')
s.split(t)
s.split(t, 2)
s.split(t, 0)
s.split(t, 1)
s.split('')
words.join()
words.join(', ')
l.join()
s.upperAscii() + s.lowerAscii()
'  x '.trim() + 'abc'.reverse()
strings.quote('a"\n\\')
'%s %d %% %x'.format(['a', 3, 255])
'%b %o %X'.format([5, 8, 255])
'%d'.format(['a'])
'%s'.format([])
words.sort() + words.distinct() + words.reverse()
[1, 'a'].sort()
l.sortBy(x, -x)
[1, 1.0, 2].distinct()
l.slice(1, 3)
l.slice(1, 9)
[[1], [2, [3]]].flatten()
[[1], [2, [3]]].flatten(2)
lists.range(4)
l.first().value() + l.last().value()
sets.contains(l, [1, 2.0]) && sets.equivalent(l, [1, 2, 3]) && !sets.intersects(l, [9])
math.greatest(i, d, j) + math.least([j, i])
math.greatest(d, 3.5)
math.ceil(d) + math.floor(d) + math.round(d) + math.trunc(d)
math.round(-2.5)
math.abs(j) + math.sign(j) + math.bitAnd(i, 3) + math.bitOr(i, 8) + math.bitXor(i, 1) + math.bitNot(i)
math.bitShiftLeft(i, 2) + math.bitShiftRight(-1, 60)
math.bitShiftLeft(i, 64)
math.bitShiftLeft(i, -1)
math.sqrt(16)
int(d) + int('12') + int(-2.9)
int('x')
int(1e30)
double(i) + double('1.5')
string(i) + string(d) + string(b) + string(b'abc')
string(b'\xff')
bool('true') && !bool('false')
bool('x')
bytes('é') == b'é'
timestamp('2026-03-01T12:00:00+01:00')
timestamp('2026-03-01')
timestamp(0) + wait
int(at)
string(at) + string(wait)
at - timestamp('2026-03-01T12:30:00Z')
at + wait - wait == at
wait + wait
duration('1h30m') + duration('1.5s') - duration('250ms')
duration('x')
[at.getFullYear(), at.getMonth(), at.getDate(), at.getDayOfMonth(), at.getDayOfWeek(), at.getDayOfYear(), at.getHours(), at.getMinutes(), at.getSeconds(), at.getMilliseconds()]
[at.getHours('Europe/Berlin'), at.getHours('-02:30'), at.getMinutes('-02:30')]
[wait.getHours(), wait.getMinutes(), wait.getSeconds(), wait.getMilliseconds()]
at < at + wait && 'a' < 'b' && b'a' < b'b' && false < true && wait > duration('1s')
'a' < 1
null < 1
"a\u00e9\x41\101\n" + r'\n' + '''x'y'''
0x10 + -0x10
1e3 + .5
{'a': {'b': [1, {'c': null}]}}.a.b[1].c
[1, 2, 3][1] == 2 ? 'yes' : 'no'
`), "\n") {
		if same, why := compareWithCEL(t, env, text); !same {
			t.Error(why)
		}
	}
}

// genExpr writes an expression at random, such that both evaluators mean the
// same by it. Its kind is what it mostly gives; now and then it is another.
type genExpr struct {
	t      *rapid.T
	locals []string
}

func (g *genExpr) pick(label string, texts ...string) string {
	return rapid.SampledFrom(texts).Draw(g.t, label)
}

func (g *genExpr) int(depth int) string {
	if depth == 0 {
		return g.pick("int", append([]string{"i", "j", "z", "1", "2", "m.a", "l[0]", "m.zz", "nothing"}, g.locals...)...)
	}
	switch rapid.IntRange(0, 8).Draw(g.t, "int") {
	case 0, 1:
		return "(" + g.int(depth-1) + g.pick("op", " + ", " - ", " * ", " % ") + g.int(depth-1) + ")"
	case 2:
		return "size(" + g.list(depth-1) + ")"
	case 3:
		return "(" + g.bool(depth-1) + " ? " + g.int(depth-1) + " : " + g.int(depth-1) + ")"
	case 4:
		return g.list(depth-1) + "[" + g.int(depth-1) + "]"
	case 5:
		return "size(" + g.text(depth-1) + ")"
	case 6:
		return "cel.bind(x, " + g.int(depth-1) + ", " + g.with("x", func() string { return g.int(depth - 1) }) + ")"
	case 7:
		return "m[?" + g.text(depth-1) + "].orValue(" + g.int(depth-1) + ")"
	}
	return "-(" + g.int(depth-1) + ")"
}

func (g *genExpr) bool(depth int) string {
	if depth == 0 {
		return g.pick("bool", "b", "true", "false", "i > 3", "has(m.a)", "has(m.zz)", "nothing", "i % z == 1", "d == 2.5")
	}
	switch rapid.IntRange(0, 7).Draw(g.t, "bool") {
	case 0, 1:
		return "(" + g.bool(depth-1) + g.pick("op", " && ", " || ") + g.bool(depth-1) + ")"
	case 2:
		return "!(" + g.bool(depth-1) + ")"
	case 3:
		return "(" + g.int(depth-1) + g.pick("op", " < ", " <= ", " > ", " >= ", " == ", " != ") + g.int(depth-1) + ")"
	case 4:
		return "(" + g.text(depth-1) + g.pick("op", " < ", " >= ", " == ", " != ") + g.text(depth-1) + ")"
	case 5:
		return "(" + g.int(depth-1) + " in " + g.list(depth-1) + ")"
	case 6:
		return g.list(depth-1) + g.pick("macro", ".all(x, ", ".exists(x, ", ".exists_one(x, ") + g.with("x", func() string { return g.bool(depth - 1) }) + ")"
	}
	return "(" + g.list(depth-1) + " == " + g.list(depth-1) + ")"
}

func (g *genExpr) list(depth int) string {
	if depth == 0 {
		return g.pick("list", "l", "[]", "[1, 2, 3]", "[i, z]", "l", "{'a': i}")
	}
	switch rapid.IntRange(0, 5).Draw(g.t, "list") {
	case 0:
		return "(" + g.list(depth-1) + " + [" + g.int(depth-1) + "])"
	case 1:
		return g.list(depth-1) + ".map(x, " + g.with("x", func() string { return g.int(depth - 1) }) + ")"
	case 2:
		return g.list(depth-1) + ".filter(x, " + g.with("x", func() string { return g.bool(depth - 1) }) + ")"
	case 3:
		return "[" + g.int(depth-1) + ", " + g.int(depth-1) + "]"
	case 4:
		return g.list(depth-1) + ".transformList(x, y, " + g.with("y", func() string { return g.int(depth - 1) }) + ")"
	}
	return "(" + g.bool(depth-1) + " ? " + g.list(depth-1) + " : " + g.list(depth-1) + ")"
}

func (g *genExpr) text(depth int) string {
	if depth == 0 {
		return g.pick("text", "s", "t", "'a'", "''", "m.b.c", "nothing")
	}
	switch rapid.IntRange(0, 4).Draw(g.t, "text") {
	case 0:
		return "(" + g.text(depth-1) + " + " + g.text(depth-1) + ")"
	case 1:
		return g.text(depth-1) + ".substring(" + g.int(depth-1) + ")"
	case 2:
		return "string(" + g.int(depth-1) + ")"
	case 3:
		return g.text(depth-1) + ".replace(" + g.text(depth-1) + ", " + g.text(0) + ")"
	}
	return "(" + g.bool(depth-1) + " ? " + g.text(depth-1) + " : " + g.text(depth-1) + ")"
}

func (g *genExpr) with(name string, write func() string) string {
	g.locals = append(g.locals, name)
	defer func() { g.locals = g.locals[:len(g.locals)-1] }()
	return write()
}

func (g *genExpr) any(depth int) string {
	switch rapid.IntRange(0, 3).Draw(g.t, "kind") {
	case 0:
		return g.int(depth)
	case 1:
		return g.bool(depth)
	case 2:
		return g.list(depth)
	}
	return g.text(depth)
}

// differs are the texts in which Rondo means something else than CEL.
func differs(text string) bool {
	_, err := ours(text)
	if err == nil {
		return false
	}
	// Found before anything runs, while CEL may never get there.
	for _, code := range []string{IssueWrongKind, IssueNotACondition, IssueAlwaysFails, IssueNeverEqual} {
		if strings.Contains(err.Error(), code+": ") {
			return true
		}
	}
	return false
}

// What is found to be never equal is an error here, and false in CEL.
func TestNeverEqualDiffersFromCEL(t *testing.T) {
	if text := "!(!([] == {'a': i})) && !(!(!b))"; !differs(text) {
		t.Errorf("%s is not found at compilation", text)
	}
}

func TestRandomExpressionsMeanWhatCELMeans(t *testing.T) {
	env := referenceEnv(t)
	rapid.Check(t, func(rt *rapid.T) {
		text := (&genExpr{t: rt}).any(4)
		if differs(text) {
			rt.Skip("found at compilation")
		}
		if same, why := compareWithCEL(t, env, text); !same {
			rt.Fatal(why)
		}
	})
}

// The parser of cel-go that is used is the newer of its two; both must read the
// same.
func TestBothParsersOfCELAgree(t *testing.T) {
	antlr, err := parser.NewParser(parser.EnableOptionalSyntax(true), parser.EnableIdentEscapeSyntax(true), parser.EnableVariadicOperatorASTs(true))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		text := (&genExpr{t: rt}).any(4)
		ours, issues := parse(text)
		theirs, errs := antlr.Parse(common.NewTextSource(text))
		if len(issues) > 0 || len(errs.GetErrors()) > 0 {
			rt.Fatalf("%s: %v, %v", text, issues, errs.GetErrors())
		}
		a, errA := parser.Unparse(ours.Expr(), ours.SourceInfo())
		b, errB := parser.Unparse(theirs.Expr(), theirs.SourceInfo())
		if errA != nil || errB != nil || a != b {
			rt.Fatalf("%s: %s, %v; %s, %v", text, a, errA, b, errB)
		}
	})
}
