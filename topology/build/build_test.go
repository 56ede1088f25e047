package build_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"

	. "rondo/topology/build"

	"rondo/topology"
	"rondo/topology/internal/definitiontest"
)

// complete is testdata/complete.yaml of topology, in which every word stands.
func complete() *Builder {
	return Workflow("complete", 7,
		Doc("Shows all that can be said."),
		Messages(
			Message("Ordered", Topic("shop.orders"), Type("shop.order.v1"), Key("event.order_id"), When("event.total > 0"),
				Format("json"), Schema("shop.orders-value"), Early("drop"), ID("event.id")),
			Message("Settled", Topic("psp.events"), Key("event.payment_id"), Early("hold")),
			Message("Shipped", Topic("ship.events"), Key("event.parcel"), Correlate("parcel"), Early(10*time.Minute)),
			Message("Charge", Topic("psp.commands"), Limit(Rate(50, "s"), Open(20)), Timeout(5*time.Second),
				Retry(Attempts(4), Backoff(250*time.Millisecond), Factor(1.5), Max(time.Minute), Jitter(0.25), Within(time.Hour), Errors("timeout", "closed"))),
			Message("Note", Topic("notes"), Early("reject")),
			Message("Closed", Topic("shop.closed")),
		),
		Tables(
			Table("profile", Topic("user.profiles")),
			Table("rates", Topic("rates"), Format("json"), Schema("rates-value")),
		),
		Again(topology.AgainEnded),
		Start(
			Cron("0 6 * * 1-5"), Zone("Europe/Berlin"), Key("string(event.scheduled)"),
			Set("order", Fields{Field("total", 0)}), Set("vip", false),
			Child(
				Case(When("event.vip"), Set("order", Expr("event")), Set("vip", true)),
				Case(Set("order", Expr("event")), Set("vip", false)),
			),
			On("Ordered",
				Case(When("event.vip"), Set("order", Expr("event")), Set("vip", true)),
				Case(Set("order", Expr("event")), Set("vip", false)),
			),
		),
		Deadline(Expr("order.due")),
		Anytime(On("Closed", Raise("closed", Note(Expr("error.name + '!'")), Data(Fields{Field("by", Expr("event.by")), Field("at", []any{1, 2.5, nil, "x"})})))),
		Do(
			Step("charge",
				If("order.total > 0"),
				Set("payment", nil), Set("tries", Expr("tries + 1")),
				Send("Charge"),
				With(
					Field("order_id", Expr("key")),
					Field("lines", []any{map[string]any{"sku": "a", "qty": 1}, Expr("order.lines[0]")}),
					Field("note", "=literal"),
					Field("text", "a: b"),
				),
				Header("trace", Expr("order.trace")), Header("kind", "plain"),
				Await(On("Settled", Set("payment", Expr("event.payment_id")), Then("watch"))),
				Catch(On("timeout", Send("Note"), Tombstone()), On("any", Undo())),
				Compensate(If("undoes.done"), Send("Note"), With(Field("undo", Expr("undoes.id")))),
				Then("choose"),
			),
			Step("watch",
				Listen(On("Note", Case(When("event.hot"), Do(Step("hot", Set("hot", true)))), Case())),
				Until("hot == true"), Idle(30*time.Second), Timeout(90*time.Minute),
			),
			Step("choose", Switch(
				Case(When("vip"), Then("block")),
				Case(Wait(Expr("now + duration('5m')")), Then(Expr("order.next_step"))),
			)),
			Step("block", Do(
				Step("pause", If("vip"), Wait(7*24*time.Hour), Then("exit")),
				Step("undo-all", Undo()),
			), Timeout(2*time.Hour)),
			Step("legs",
				For(Each("venue", "order.venues"), While("tries < 9"), Parallel(8)),
				Do(Step("leg", Send("Note"), With(Field("venue", Expr("venue.name"))), Set("fill", Expr("venue.size")))),
				Join(2), Collect("fills", Expr("fill")), Timeout(3*time.Second),
			),
			Step("again", For(While("tries < 3")), Do(Step("rest", Set("tries", Expr("tries + 1")), Wait(time.Second)))),
			Step("three", For(EachOf("model", "rules", 2, map[string]any{"a": "b"})), Do(Step("ask", Send("Note"), WithValue(Expr("model"))))),
			Step("both", Fork(
				Branch("left", Step("track", Listen(On("Shipped", Set("parcel", Expr("event.parcel")))))),
				Branch("right", Step("rate", Set("rate", Expr("lookup('rates', 'EUR')")))),
			), JoinAny()),
			Step("child",
				Run("other-workflow"), Key("key + '-1'"), With(Field("order", Expr("order"))),
				Await(On("completed", Set("result", Expr("event")))),
				Catch(On("any")),
				Compensate(Run("undo-workflow"), With(Field("id", Expr("undoes.id")))),
			),
			Step("over", Complete()),
		),
		Catch(
			On("closed", Fail("cancelled", Note("closed"), Data(Expr("error.data")))),
			On("any", Fail(Expr("error.name"))),
		),
		Output(Fields{Field("total", Expr("order.total")), Field("state", "done")}),
		Search("payment", "vip"),
		Keep(30*24*time.Hour),
		Migrate(6, Rename("pay", "charge"), Rename("waiting", "watch"), Set("tries", 0)),
	)
}

func TestWhatYAMLCanSayTheBuilderCanSay(t *testing.T) {
	src, err := os.ReadFile("../testdata/complete.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want, _ := topology.Parse("complete.yaml", src, nil)
	got, found, err := complete().Definition(nil)
	if err != nil || len(found) > 0 {
		t.Fatalf("%v %v", err, found)
	}
	// In a map of Go the fields have no order.
	lines := got.Do[0].Action.(*topology.Send).With.Map[1].Value.List[0].Map
	lines[0], lines[1] = lines[1], lines[0]
	if diff := definitiontest.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, w := range topology.Words() {
		if w.Name != "every" && !strings.Contains(string(got.Source), w.Name+":") { // `every` excludes `cron`
			t.Errorf("%s does not stand in what the builder wrote", w.Name)
		}
	}
}

func TestWhatWasBuiltCanBeDeployed(t *testing.T) {
	one, _, err := complete().Definition(nil)
	if err != nil {
		t.Fatal(err)
	}
	two, _, _ := complete().Definition(nil)
	if len(one.Source) == 0 || one.Digest() != two.Digest() {
		t.Errorf("source of %d bytes, digests %s and %s", len(one.Source), one.Digest(), two.Digest())
	}
	read, found := topology.Parse("complete.yaml", one.Source, nil)
	if found.HasErrors() || read.Digest() != one.Digest() || definitiontest.Diff(one, read) != "" {
		t.Errorf("%v %s", found, definitiontest.Diff(one, read))
	}
}

// greet is a workflow of two steps around what is to be tried.
func greet(parts ...Part) *Builder {
	return Workflow("greet", 1,
		Messages(Message("Arrived", Topic("door"), Key("event.guest")), Message("Welcome", Topic("host"))),
		Start(On("Arrived")),
		Do(Step("welcome", parts...)))
}

func TestWhatIsWrongIsSaidInTheWordsOfTheCheck(t *testing.T) {
	for name, tc := range map[string]struct {
		parts []Part
		code  string
	}{
		"two actions":        {[]Part{Send("Welcome"), Wait(time.Second)}, "two-actions"},
		"an unknown message": {[]Part{Send("Welcom")}, "unknown-message"},
		"a word misplaced":   {[]Part{Send("Welcome"), Topic("x")}, "misplaced-word"},
		"a word twice":       {[]Part{Send("Welcome"), Send("Welcome")}, "duplicate-key"},
		"with alone":         {[]Part{With()}, "word-needs"},
		"no alternatives":    {[]Part{Switch()}, "empty-value"},
	} {
		_, found, err := greet(tc.parts...).Definition(nil)
		if err != nil || len(found) == 0 || found[0].Code != tc.code || found[0].Pos.File != "greet.yaml" || found[0].Pos.Line == 0 {
			t.Errorf("%s: %v, %v", name, err, found)
		}
	}
}

func TestValuesThatNoDefinitionHoldsAreErrors(t *testing.T) {
	for name, parts := range map[string][]Part{
		"a channel":               {Set("x", make(chan int))},
		"in a list":               {Set("x", []any{1, struct{}{}})},
		"in a mapping":            {Send("Welcome"), With(Field("a", Fields{Field("b", time.Now)}))},
		"an empty expression":     {Set("x", Expr(" "))},
		"a part of a millisecond": {Wait(time.Microsecond)},
		"a negative time":         {Wait(-time.Second)},
		"Undo beside words":       {Undo(), Then("exit")},
		"Case beside words":       {Send("Welcome"), Await(On("Arrived", Case(), Then("exit")))},
	} {
		if _, _, err := greet(parts...).Definition(nil); err == nil || !strings.Contains(err.Error(), "greet") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestValuesKeepTheirTypes(t *testing.T) {
	for _, tc := range []struct{ value, want any }{
		{1, int64(1)}, {1.0, 1.0}, {1e300, 1e300}, {"", ""}, {"1", "1"}, {"true", "true"}, {"null", "null"}, {"01", "01"}, {"event.id", "event.id"},
		{"a\nb", "a\nb"}, {"a\nb\n", "a\nb\n"}, {"\ta ", "\ta "}, {" #x", " #x"}, {"- x", "- x"}, {"*x", "*x"}, {"!x", "!x"}, {"é\u0085\u2028\x00", "é\u0085\u2028\x00"}, {nil, nil}, {true, true},
		{time.Hour + time.Minute, "1h1m"},
	} {
		def, found, err := greet(Set("x", tc.value)).Definition(nil)
		if err != nil || found.HasErrors() {
			t.Errorf("%#v: %v %v", tc.value, err, found)
			continue
		}
		if got := def.Do[0].Set[0].Value; got.Expr != nil || got.Literal != tc.want {
			t.Errorf("%#v was read as %#v", tc.value, got.Literal)
		}
	}
}

func TestWhatHasNoLiteralIsAnExpression(t *testing.T) {
	cents, _, err := apd.NewFromString("1.10")
	if err != nil {
		t.Fatal(err)
	}
	for want, value := range map[string]any{"decimal('1.10')": cents, `'=it\'s'`: "=it's"} {
		def, found, err := greet(Set("x", value)).Definition(nil)
		if err != nil || found.HasErrors() || def.Do[0].Set[0].Value.Expr == nil || def.Do[0].Set[0].Value.Expr.Text != want {
			t.Errorf("%v: %v %v", value, err, found)
		}
	}
}

func TestASchedule(t *testing.T) {
	def, found, err := Workflow("sweep", 1, Start(Every(15*time.Minute), Key("'sweep'")), Do(Step("rest", Wait(Expr("event.scheduled"))))).Definition(nil)
	if err != nil || found.HasErrors() || def.Schedule == nil || def.Schedule.Every != 15*time.Minute {
		t.Errorf("%v %v", err, found)
	}
}
