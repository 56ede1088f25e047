package expr

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rondo/topology/value"
)

func place(offset, length int) string { return fmt.Sprintf("%d+%d", offset, length) }

func (i Issue) line() string {
	line := place(i.Offset, i.Length) + " " + i.Code + ": " + i.Message
	if i.Help != "" {
		line += " | " + i.Help
	}
	return line
}

// testScope knows of an order what a schema would tell.
func testScope() Scope {
	s := NewScope("event", "payment", "declines", "order_total", "key")
	s["order"] = Type{Kind: value.MapKind, Fields: map[string]Type{
		"order_id": {Kind: value.String}, "total": {Kind: value.Decimal}, "note": {Kind: value.String, Nullable: true},
		"items":  {Kind: value.List, Elem: &Type{Kind: value.MapKind, Fields: map[string]Type{"sku": {Kind: value.String}, "qty": {Kind: value.Int}}}},
		"labels": {Kind: value.MapKind, Elem: &Type{Kind: value.String}},
	}}
	return s
}

func TestIssuesSayWhatIsMeant(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		// Names.
		{"paymnt == 1", []string{"0+6 unknown-variable: `paymnt` is not a variable | did you mean `payment`?"}},
		{"vip", []string{"0+3 unknown-variable: `vip` is not a variable | a text stands in quotes: 'vip'; a variable is set in `set`"}},
		{"error.name", []string{"0+5 unknown-variable: `error` does not exist here | `error` exists in `catch` and in compensations"}},
		{"payment == None", []string{"11+4 unknown-variable: `None` is not a variable | write null"}},
		{"payload.x", []string{"0+7 unknown-variable: `payload` is not a variable | the payload of the event is `event`"}},
		{"size == 3", []string{"0+4 unknown-variable: `size` is not a variable | `size` is a function: size(…)"}},
		{"event.items.map(item, itm.sku)", []string{"22+3 unknown-variable: `itm` is not a variable | did you mean `item`?"}},
		{"{order_id: 1, x: 2}", []string{"1+8 unknown-variable: `order_id` is not a variable | keys stand in quotes: {'order_id': …}", "14+1 unknown-variable: `x` is not a variable | keys stand in quotes: {'x': …}"}},
		{"foo + bar", []string{"0+3 unknown-variable: `foo` is not a variable | a text stands in quotes: 'foo'; a variable is set in `set`", "6+3 unknown-variable: `bar` is not a variable | a text stands in quotes: 'bar'; a variable is set in `set`"}},
		{"summ([1])", []string{"0+4 unknown-function: there is no function `summ` | did you mean `sum`?"}},
		{"event.items.mapp(x, x)", []string{"12+4 unknown-function: there is no function `mapp` | did you mean `map`?"}},
		{"len(event.items)", []string{"0+3 unknown-function: there is no function `len` | write size(x)"}},
		{"'a'.toUpperCase()", []string{"4+11 unknown-function: there is no function `toUpperCase` | write text.upperAscii()"}},
		{"startsWith(payment, 'a')", []string{"0+10 unknown-function: there is no function `startsWith` to call like this | write value.startsWith(…)"}},
		{"payment.duration()", []string{"8+8 unknown-function: there is no function `duration` to call like this | write duration(…)"}},
		{"math.abss(1)", []string{"5+4 unknown-function: there is no function `math.abss` | did you mean `math.abs`?"}},
		{"now() > 1", []string{"0+3 unknown-function: there is no function `now` | write now: the time of the decision is a variable"}},
		{"lookup('profile', key)", []string{"0+6 unknown-function: `lookup` cannot be used here | the `key`, `when` and `id` of a message know the record alone; look up in the steps, or declare `tables` in the workflow"}},
		{"7u", []string{"0+2 expression-syntax: there are no unsigned ints | leave the `u` out"}},
		{"Order{total: 1}", []string{"5+1 expression-syntax: `Order{…}` would be a message of a type, which there is not here | a map is written {'key': value}"}},
		// Fields that a schema tells.
		{"order.totl", []string{"6+4 unknown-field: order has no field `totl` | did you mean `total`?"}},
		{"order.items[0].skku", []string{"15+4 unknown-field: order.items[0] has no field `skku` | did you mean `sku`?"}},
		{"order.items.map(i, i.price)", []string{"21+5 unknown-field: i has no field `price` | its fields are: qty, sku"}},
		{"order.items.filter(i, i.qty > 1)[0].skku", []string{"36+4 unknown-field: the record has no field `skku` | did you mean `sku`?"}},
		{"{'a': 1}.b", []string{"9+1 unknown-field: the record has no field `b` | its fields are: a"}},
		{"[{'a': 1}][0].b", []string{"14+1 unknown-field: the record has no field `b` | its fields are: a"}},
		{"null.a", []string{"5+1 wrong-kind: this is null and has no field `a`"}},
		{"order['tota']", []string{"6+6 unknown-field: order has no field `tota` | did you mean `total`?"}},
		{"has(order.nte)", []string{"10+3 unknown-field: order has no field `nte` | did you mean `note`?"}},
		{"order.order_id + 1", []string{"15+1 wrong-kind: cannot compute string + int | to join texts, make the other one a text: string(x)"}},
		{"order.order_id.x", []string{"15+1 wrong-kind: order.order_id is a string and has no field `x`"}},
		{"order.order_id.size", []string{"15+4 wrong-kind: order.order_id is a string and has no field `size` | `size` is a function: write size()"}},
		{"order.total == 'x'", []string{"12+2 never-equal: this compares a decimal with a string, which are never equal | turn one into the other: string(number), int(text)"}},
		{"order.labels.x > 3", []string{"15+1 wrong-kind: cannot order a string and an int | turn one into the other: string(number), int(text)"}},
		{"order.total.map(x, x)", []string{"12+3 wrong-kind: `map` goes through a list or a map, but order.total is a decimal"}},
		// Kinds.
		{"!5", []string{"1+1 not-a-condition: a condition is expected here, but this is an int | compare: … == …, … > …"}},
		{"size(event) && true", []string{"0+10 not-a-condition: a condition is expected here, but this is an int | compare: … == …, … > …"}},
		{"'a' ? 1 : 2", []string{"0+3 not-a-condition: a condition is expected here, but this is a string | compare: … == …, … > …"}},
		{"event.x.filter(i, 1)", []string{"18+1 not-a-condition: a condition is expected here, but this is an int | compare: … == …, … > …"}},
		{"event.?x && true", []string{"0+8 not-a-condition: a condition is expected here, but this is an optional | end it with .hasValue() or .orValue(false)"}},
		{"event.?x", []string{"0+8 wrong-kind: the result is an optional, which is no value | end it with .orValue(…): what shall hold if there is none?"}},
		{"event.?x + 1", []string{"9+1 wrong-kind: cannot compute optional + int | end the optional with .orValue(…)"}},
		{"event.x.orValue(1)", []string{"8+7 wrong-kind: `orValue` belongs behind an optional, but this is a value | write event.?a.orValue(…); for a null: coalesce(a, b)"}},
		{"{'a': 1} + {'b': 2}", []string{"9+1 wrong-kind: cannot compute map + map | merge(a, b) puts maps together, without(map, key) takes keys off"}},
		{"timestamp(0) + 5", []string{"13+1 wrong-kind: cannot compute timestamp + int | add a duration: t + duration('5m')"}},
		{"null + 1", []string{"5+1 wrong-kind: cannot compute null + int"}},
		{"null < 1", []string{"5+1 wrong-kind: cannot order null and an int"}},
		{"-'a'", []string{"0+1 wrong-kind: cannot compute -string"}},
		{"size(3)", []string{"5+1 wrong-kind: `size` needs a string, bytes, list or map here, not an int"}},
		{"'a'.startsWith(1)", []string{"15+1 wrong-kind: `startsWith` needs a string here, not an int"}},
		{"'a'.charAt('b')", []string{"11+3 wrong-kind: `charAt` needs a whole number here, not a string"}},
		{"size(event.?x)", []string{"5+8 wrong-kind: `size` needs a string, bytes, list or map here, not an optional | end it with .orValue(…)"}},
		{"'a' in 'abc'", []string{"7+5 wrong-kind: `in` looks into a list or the keys of a map, but this is a string | for a part of a text write text.contains(part)"}},
		{"{1: 2}", []string{"1+1 wrong-kind: a key of a map is a string, not an int"}},
		{"[?1]", []string{"2+1 wrong-kind: `?` needs an optional, but this is an int | write event.?a, or leave the question mark out"}},
		{"5[0]", []string{"1+1 wrong-kind: this is an int and has no elements"}},
		// Numbers of arguments.
		{"sum()", []string{"0+3 wrong-arguments: `sum` takes 1 argument, not 0 arguments"}},
		{"sum([1], 2)", []string{"0+3 wrong-arguments: `sum` takes 1 argument, not 2 arguments"}},
		{"'a'.substring()", []string{"4+9 wrong-arguments: `substring` takes 1 to 2 arguments, not 0 arguments"}},
		{"max()", []string{"0+3 wrong-arguments: `max` takes at least 1 argument, not 0 arguments"}},
		{"'a'.trim(1)", []string{"4+4 wrong-arguments: `trim` takes no arguments, not 1 argument"}},
		{"coalesce()", []string{"0+8 wrong-arguments: `coalesce` takes at least 1 argument, not 0 arguments | write coalesce(a, b, …)"}},
		{"event.x.map(y)", []string{"8+3 wrong-arguments: `map` takes 2 or 3 arguments, not 1 argument | write list.map(x, value) or list.map(x, condition, value)"}},
		{"event.x.map('y', 1)", []string{"12+3 wrong-arguments: a name for the variable is expected here | for example items.map(item, item.price)"}},
		{"event.x.all(i, i, true)", []string{"15+1 wrong-arguments: the two variables have the same name `i`"}},
		{"has(payment)", []string{"4+7 wrong-arguments: `has` needs a field, such as has(event.a) | write payment != null to ask whether it is set; has(…) asks for a field"}},
		{"has(size(payment))", []string{"4+12 wrong-arguments: `has` needs a field, such as has(event.a) | write has(event.a), or x != null for a variable"}},
		{"cel.bind(a, 1)", []string{"4+4 wrong-arguments: `cel.bind` takes 3 arguments, not 2 arguments | write cel.bind(name, value, expression)"}},
		// What fails each time.
		{"1 / 0", []string{"2+1 always-fails: this always fails: division by zero"}},
		{"duration('5x')", []string{"0+8 always-fails: this always fails: `duration`: '5x' is not a duration: numbers with units (ms, s, m, h, d, w), such as \"1h30m\""}},
		{"decimal('1,5')", []string{"0+7 always-fails: this always fails: `decimal`: '1,5' is not a number of at most 34 digits"}},
		{"payment.matches('[')", []string{"16+3 always-fails: this always fails: the pattern of `matches` is not a regular expression (RE2)"}},
		{"{'a': 1, 'a': 2}", []string{"9+3 always-fails: the key `a` stands twice"}},
		{"next('0 6 * *', key)", []string{"5+9 always-fails: this always fails: `next`: 4 fields, and there must be five: minute, hour, day of the month, month, day of the week"}},
		// Several at once, in the order of their places.
		{"order.totl > 1 && evnt.x == sizee('a')", []string{
			"6+4 unknown-field: order has no field `totl` | did you mean `total`?", "18+4 unknown-variable: `evnt` is not a variable | did you mean `event`?",
			"28+5 unknown-function: there is no function `sizee` | did you mean `size`?"}},
		// Syntax, and the habits of other languages.
		{"", []string{"0+1 expression-syntax: the expression is empty | write a value, such as true or event.total"}},
		{"  ", []string{"0+1 expression-syntax: the expression is empty | write a value, such as true or event.total"}},
		{" =payment", []string{"1+1 needless-equals: the expression begins with `=` | leave it out: `=` marks expressions where a value may also be a literal, and it stands once"}},
		{"\xff", []string{"0+1 expression-syntax: the expression is not valid UTF-8"}},
		{"payment = 1", []string{"8+1 expression-syntax: `=` does not compare | write `==` to compare; variables are set in `set`"}},
		{"payment === 1", []string{"8+3 expression-syntax: `===` is not CEL | write `==`: it compares by value"}},
		{"payment !== 1", []string{"8+3 expression-syntax: `!==` is not CEL | write `!=`"}},
		{"payment <> 1", []string{"8+2 expression-syntax: `<>` is not CEL | write `!=`"}},
		{"payment and true", []string{"8+3 expression-syntax: `and` is not CEL | write `&&`"}},
		{"not payment", []string{"0+3 expression-syntax: `not` is not CEL | write `!`"}},
		{"payment is null", []string{"8+2 expression-syntax: `is` is not CEL | write `==`; for null: x == null"}},
		{"if payment then 1 else 2", []string{"0+2 expression-syntax: `if` is not CEL | write condition ? a : b"}},
		{"payment & true", []string{"8+1 expression-syntax: `&` is not CEL | write `&&`"}},
		{"payment | true", []string{"8+1 expression-syntax: `|` is not CEL | write `||`"}},
		{"event?.x", []string{"5+2 expression-syntax: `?.` is not CEL | the question mark stands behind the dot: a.?b.orValue(c)"}},
		{"payment ?? 1", []string{"8+2 expression-syntax: `??` is not CEL | write coalesce(a, b) for a null, a.?b.orValue(c) for a missing field"}},
		{"event.items.map(x => x.sku)", []string{"18+2 expression-syntax: `=>` is not CEL | macros take the variable as their first argument: list.map(x, x.price)"}},
		{"${payment}", []string{"0+2 expression-syntax: `${…}` is not CEL | write the expression itself, without `${` and `}`"}},
		{"payment;", []string{"7+1 expression-syntax: `;` is not CEL | an expression is one value; leave the semicolon out"}},
		{"payment == “x”", []string{"11+1 expression-syntax: typographic quotes do not enclose a text | write ' or \""}},
		{"declines++", []string{"8+2 expression-syntax: `++` is not CEL | write `x + 1`; variables are set in `set`"}},
		{"'abc", []string{"0+1 expression-syntax: the text has no closing quote | a quote within a text needs a backslash, or the other kind of quote around it"}},
		{`"a\q"`, []string{`0+1 expression-syntax: the text has an escape that is not known | the escapes are \n \r \t \\ \' \" \u00e9; r'…' takes backslashes as they are`}},
		{"(payment == 1", []string{"13+1 expression-syntax: a `(` is not closed | the `(` before `payment == 1` is not closed"}},
		{"[1, 2", []string{"5+1 expression-syntax: a `[` is not closed | the `[` before `1, 2` is not closed"}},
		{"{'a': 1", []string{"7+1 expression-syntax: a `{` is not closed | the `{` before `'a': 1` is not closed"}},
		{"payment == ", []string{"11+1 expression-syntax: the expression ends too early"}},
		{"payment)", []string{"7+1 expression-syntax: `)` is not expected here | it closes nothing: remove it, or open it before"}},
		{"payment declines", []string{"8+8 expression-syntax: `declines` is not expected here | an operator is missing before it, such as == or &&; a text stands in quotes"}},
		{"payment >== 2", []string{"10+1 expression-syntax: `=` is not expected here | one operator stands between two values: == != < <= > >= && || + - * / % in"}},
		{"event.", []string{"6+1 expression-syntax: a name is expected behind the dot | odd names are written in backticks: event.`order-id`"}},
		{"event.in", []string{"6+2 expression-syntax: a name is expected behind the dot | odd names are written in backticks: event.`order-id`"}},
		{"package == 1", []string{"0+7 expression-syntax: this word is reserved in CEL | as the name of a field it can be written in backticks: event.`in`"}},
		{"payment ? 1", []string{"11+1 expression-syntax: `condition ? a` has no `: b` | write condition ? a : b"}},
		{"99999999999999999999", []string{"0+20 expression-syntax: the number does not fit into an int of 64 bits | write decimal('…')"}},
		{"payment ==\n  1 = 2", []string{"15+1 expression-syntax: `=` does not compare | write `==` to compare; variables are set in `set`"}},
		{"'é' + x", []string{"6+1 unknown-variable: `x` is not a variable | a text stands in quotes: 'x'; a variable is set in `set`"}},
		{strings.Repeat("1+", 6000) + "1", []string{"0+1 expression-too-long: the expression is longer than 10,000 characters | set variables in steps before, and compute with them"}},
		{strings.Repeat("(", 200) + "1" + strings.Repeat(")", 200), []string{"0+1 expression-syntax: the expression is nested too deeply | set variables in steps before, and compute with them"}},
	} {
		p, issues := Compile(c.text, testScope())
		var got []string
		for _, i := range issues {
			got = append(got, i.line())
		}
		if p != nil || !slices.Equal(got, c.want) {
			t.Errorf("%.80s\n got  %s\n want %s", c.text, strings.Join(got, "\n      "), strings.Join(c.want, "\n      "))
		}
	}
}

func TestLookupsAreChecked(t *testing.T) {
	for text, want := range map[string]string{
		"lookup('profil', key)":          "7+8 unknown-table: no table is called `profil` | did you mean `profile`?",
		"lookup('users', key)":           "7+7 unknown-table: no table is called `users` | the tables are: profile, rates",
		"lookup(key, key)":               "7+3 wrong-arguments: the first argument of `lookup` is the name of a table, written as a text | write lookup('table', key)",
		"lookup('profile')":              "0+6 wrong-arguments: `lookup` takes 2 arguments, not 1 argument",
		"lookup('profile', 3)":           "18+1 wrong-kind: `lookup` needs a string here, not an int",
		"lookup('profile', key).segmnt":  "23+6 unknown-field: the record has no field `segmnt` | did you mean `segment`?",
		"lookup('profile', key).segment": "",
		"lookup('rates', key) + 1":       "",
		"lookup == 1":                    "0+6 unknown-variable: `lookup` is not a variable | `lookup` is a function: lookup(…)",
	} {
		_, issues := Compile(text, tableScope())
		got := ""
		if len(issues) > 0 {
			got = issues[0].line()
		}
		if got != want {
			t.Errorf("%s\n got  %s\n want %s", text, got, want)
		}
	}
}

// TestTheLanguageHasItsFunctions shows each function that the reference lists.
func TestTheLanguageHasItsFunctions(t *testing.T) {
	for text, want := range map[string]string{
		"sum([1, 2.5])": "3.5", "sum([])": "0", "avg([1, 2])": "1.5", "min([2, 1])": "1", "max(1, 3, 2)": "3", "max([])": "null", "sort([2, 1])": "[1, 2]",
		"distinct([1, 1.0])": "[1]", "last([1, 2, 3], 2)": "[2, 3]", "merge({'a': 1}, {'b': 2})": "{a: 1, b: 2}", "without({'a': 1, 'b': 2}, 'a')": "{b: 2}",
		"coalesce(null, 3)": "3", "size(uuid('a'))": "36", "hash('a') % 1": "0", "'%d of %s'.format([1, 'a'])": `"1 of a"`,
		"format('%d of %s', 1, 'a')": `"1 of a"`,
		"parse_time('2026-03-01')":   "2026-03-01T00:00:00Z", "duration('5d')": "432000s", "plus(parse_time('2026-01-31'), 'P1M', 'Europe/Berlin')": "2026-02-28T00:00:00Z",
		"next('0 6 * * 1-5', parse_time('2026-03-27T12:00:00Z'), 'Europe/Berlin')": "2026-03-30T04:00:00Z", "next('*/15 * * * *', parse_time('2026-03-01'))": "2026-03-01T00:15:00Z",
		"round(1.255, 2)": "1.26", "decimal('1.10') + 1": "2.10", "div(7, 2)": "3", "7 % 2": "1", "3 / 4": "0.75", "1 == 1.0": "true",
		"decimal('0.1') + 0.2": "0.3", "string(3)": `"3"`, "int('3')": "3", "double('3.5')": "3.5", "has({'a': 1}.a)": "true",
		"{'a': 1}.?a.orValue(2)": "1", "sets.contains([1, 2], [1])": "true", "math.abs(-3)": "3", "cel.bind(x, 2, x * x)": "4",
		"[1, 2].transformList(i, v, i + v)": "[1, 3]", "{'order-id': 1}.`order-id`": "1",
	} {
		p, issues := Compile(text, testScope())
		if len(issues) > 0 {
			t.Errorf("%s: %s", text, issues[0].line())
			continue
		}
		v, err := p.Eval(mapBindings{})
		if got := value.Format(v); err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestConditionsCanBeTrueOrFalse(t *testing.T) {
	for text, want := range map[string]string{
		"event.x": "", "declines > 3": "", "event.?x.orValue(false)": "", "max([true, false])": "",
		"declines + 1":  "0+12 not-a-condition: a condition is expected here, but this is a number | compare: … == …, … > …",
		" 'x' ":         "1+3 not-a-condition: a condition is expected here, but this is a string | compare: … == …, … > …",
		"size(event)":   "0+11 not-a-condition: a condition is expected here, but this is an int | compare: … == …, … > …",
		"[event.x]":     "0+9 not-a-condition: a condition is expected here, but this is a list | compare: size(list) > 0",
		"null":          "0+4 not-a-condition: a condition is expected here, but this is null",
		"payment == ":   "11+1 expression-syntax: the expression ends too early",
		"order.total":   "0+11 not-a-condition: a condition is expected here, but this is a decimal | compare: … == …, … > …",
		"order.nothing": "6+7 unknown-field: order has no field `nothing` | its fields are: items, labels, note, order_id, total",
	} {
		_, issues := CompileCondition(text, testScope())
		got := ""
		if len(issues) > 0 {
			got = issues[0].line()
		}
		if got != want {
			t.Errorf("%s\n got  %s\n want %s", text, got, want)
		}
	}
}

func TestProgramsTellWhatTheyRead(t *testing.T) {
	for text, want := range map[string][]string{
		"1 + 1": nil, "event.a + payment": {"event", "payment"}, "event.items.map(payment, payment + declines)": {"declines", "event"},
		"cel.bind(x, key, x)": {"key"}, "{'a': event, 'b': [key]}": {"event", "key"}, "coalesce(payment, declines)": {"declines", "payment"}, "has(event.a)": {"event"},
	} {
		p, issues := Compile(text, testScope())
		if len(issues) > 0 || !slices.Equal(p.Reads(), want) {
			t.Errorf("%s: got %v, want %v", text, p.Reads(), want)
		}
	}
}

func TestConstantsAreKnownBeforehand(t *testing.T) {
	for text, want := range map[string]string{
		"1 + 2 * 3": "7", "'a'": `"a"`, "null": "null", "duration('5m')": "300s", "[1, {'a': -2}]": "[1, {a: -2}]", "decimal('1.10')": "1.10", "-0.5": "-0.5",
		"plus(timestamp('2026-01-31T00:00:00Z'), 'P1M')": "2026-02-28T00:00:00Z", "payment": "", "[payment]": "", "lists.range(3)": "[0, 1, 2]",
	} {
		p, issues := Compile(text, testScope())
		if len(issues) > 0 {
			t.Fatal(issues)
		}
		v, ok := p.Constant()
		if got := value.Format(v); ok != (want != "") || ok && got != want {
			t.Errorf("%s: got %s, %v; want %s", text, got, ok, want)
		}
	}
}

func TestResultKindIsKnownWhereItIsCertain(t *testing.T) {
	for text, want := range map[string]value.Kind{
		"declines > 3": value.Bool, "size(event)": value.Int, "'a' + string(key)": value.String, "1 / 2": value.Double, "order.total + 1": value.Decimal,
		"event.x": "", "declines + 1": "", "declines > 1 ? 1 : 'a'": "", "declines > 1 ? 'b' : 'a'": value.String, "order.note": "", "order.items": value.List,
		"event.?x.orValue(1)": "", "order.?order_id.orValue('')": value.String, "null": value.Null, "{}": value.MapKind, "timestamp(key) + duration('1s')": value.Timestamp,
	} {
		p, issues := Compile(text, testScope())
		if len(issues) > 0 {
			t.Fatal(issues)
		}
		if got, ok := p.ResultKind(); got != want || ok != (want != "") {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	p, _ := Compile("declines + 1", testScope())
	if p.CanBe(value.Bool) || !p.CanBe(value.Double) {
		t.Error("a sum can be a double but no bool")
	}
}

func TestCELWordsCannotNameVariables(t *testing.T) {
	for name, want := range map[string]bool{"payment": true, "int": true, "math": true, "in": false, "if": false, "loop": false, "a.b": false, "1a": false, "": false, "null": false} {
		if CanName(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}
