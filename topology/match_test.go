package topology

import (
	"strings"
	"testing"

	"rondo/topology/value"
)

// matched compiles messages and returns the one that a record is; "" if none.
func matched(t *testing.T, messages string, r *Record) string {
	t.Helper()
	def, found := Parse("test.yaml", []byte("workflow: w\nversion: 1\nmessages:\n"+messages+
		"start: {A: {}}\ndo: [{rest: {listen: {A: {}, B: {}}, timeout: 1h}}]\n"), nil)
	if found.HasErrors() {
		t.Fatalf("%+v", found)
	}
	plan, found := Compile(def, Options{Application: "test"})
	if found.HasErrors() {
		t.Fatalf("%+v", found)
	}
	m, ok := plan.Match(r)
	if !ok {
		return ""
	}
	return m.Message.Name
}

func TestRecordWithoutATypeIsTheOnlyMessageOrTheOneWhoseWhenHolds(t *testing.T) {
	payload := value.MapOf(map[string]value.Value{"hot": true})
	const (
		alone  = "  A: {topic: a, key: \"'k'\"}\n  B: {topic: b, key: \"'k'\"}\n"
		shared = "  A: {topic: a, key: \"'k'\"}\n  B: {topic: a, key: \"'k'\"}\n"
		apart  = "  A: {topic: a, key: \"'k'\", when: '!event.hot'}\n  B: {topic: a, key: \"'k'\", when: event.hot}\n"
	)
	for _, c := range []struct {
		name, messages string
		record         Record
		want           string
	}{
		{"the topic's only message", alone, Record{Payload: payload}, "A"},
		{"another type", alone, Record{Types: []string{"C"}, Payload: payload}, ""},
		{"a tombstone", alone, Record{}, ""},
		{"a tombstone that tells its type", alone, Record{Types: []string{"A"}}, "A"},
		{"one of two", shared, Record{Payload: payload}, ""},
		{"told apart by when", apart, Record{Payload: payload}, "B"},
		{"with a type, when still counts", apart, Record{Types: []string{"A"}, Payload: payload}, ""},
	} {
		c.record.Ref.Topic = "a"
		if got := matched(t, c.messages, &c.record); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// An id is remembered with the instance: one of any length would be a state of any size.
func TestIDThatIsLongerThanAKeyIsRefused(t *testing.T) {
	def, found := Parse("test.yaml", []byte("workflow: w\nversion: 1\nmessages:\n  A: {topic: a, key: \"'k'\", id: event.id}\n"+
		"start: {A: {}}\ndo: [{rest: {listen: {A: {}}, timeout: 1h}}]\n"), nil)
	if found.HasErrors() {
		t.Fatalf("%+v", found)
	}
	plan, found := Compile(def, Options{Application: "test"})
	if found.HasErrors() {
		t.Fatalf("%+v", found)
	}
	for length, want := range map[int]string{512: "", 513: "the `id` of A has 513 bytes; the limit is 512, as that of keys"} {
		r := &Record{Types: []string{"A"}, Ref: RecordRef{Topic: "a"}, Payload: value.MapOf(map[string]value.Value{"id": strings.Repeat("x", length)})}
		m, _ := plan.Match(r)
		event, dead := plan.Event(m, r)
		switch {
		case want == "" && (dead != nil || len(event.ID) != length):
			t.Errorf("%d bytes: %+v", length, dead)
		case want != "" && (dead == nil || dead.Reason != "no-id" || dead.Text != want):
			t.Errorf("%d bytes: %+v", length, dead)
		}
	}
}

func decimalOf(t *testing.T, text string) value.Value {
	t.Helper()
	d, err := value.ParseDecimal(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The last row of the table of values: what a record key may be made of.
func TestKeyIsTextOrAWholeNumberAndNothingElse(t *testing.T) {
	def, found := Parse("test.yaml", []byte("workflow: w\nversion: 1\nmessages:\n  A: {topic: a, key: event.k}\n"+
		"start: {A: {}}\ndo: [{rest: {wait: 1h}}]\n"), nil)
	if found.HasErrors() {
		t.Fatalf("%+v", found)
	}
	plan, found := Compile(def, Options{Application: "test"})
	if found.HasErrors() {
		t.Fatalf("%+v", found)
	}
	many := make([]any, 1001)
	for i := range many {
		many[i] = int64(i)
	}
	for name, c := range map[string]struct {
		key  value.Value
		want string // the key, or the dead letter's reason
	}{
		"text":           {"o-1", "o-1"},
		"uuid":           {"30313233-3435-3637-3839-616263646566", "30313233-3435-3637-3839-616263646566"},
		"number":         {int64(-7), "-7"},
		"beyond 64 bits": {decimalOf(t, "12345678901234567890"), "12345678901234567890"},
		"decimal":        {decimalOf(t, "5.00"), "no-key"},
		"with fraction":  {decimalOf(t, "12345678901234567890.5"), "no-key"},
		"a list of one":  {[]any{"o-1", "o-1"}, "o-1"},
		"null":           {nil, "no-key"},
		"empty":          {"", "no-key"},
		"double":         {7.0, "no-key"},
		"bool":           {true, "no-key"},
		"map":            {value.MapOf(nil), "no-key"},
		"bytes":          {[]byte("o-1"), "no-key"},
		"empty list":     {[]any{}, "no-key"},
		"512 bytes":      {strings.Repeat("x", 512), strings.Repeat("x", 512)},
		"513 bytes":      {strings.Repeat("x", 513), "key-too-long"},
		"1,001 keys":     {many, "too-many-keys"},
	} {
		r := &Record{Types: []string{"A"}, Ref: RecordRef{Topic: "a"}, Payload: value.MapOf(map[string]value.Value{"k": c.key})}
		m, ok := plan.Match(r)
		got := strings.Join(m.Keys, ",")
		if m.Dead != nil {
			got = m.Dead.Reason
		}
		if !ok || got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
