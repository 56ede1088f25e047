package schemas

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/linkedin/goavro/v2"
	"github.com/twmb/franz-go/pkg/sr"

	"rondo/topology"
	"rondo/topology/value"
)

// sending is a definition that sends each of its messages.
func sending(messages ...*topology.Message) *topology.Definition {
	def := &topology.Definition{Messages: messages, Files: orderFiles}
	for _, m := range messages {
		def.Do = append(def.Do, &topology.Step{Name: m.Name, Action: &topology.Send{Message: m.Name}})
	}
	return def
}

func encode(t *testing.T, m *topology.Message, registry *Registry, payload value.Value) []byte {
	t.Helper()
	w, err := NewWriter(context.Background(), sending(m), registry)
	if err != nil {
		t.Fatal(err)
	}
	b, err := w.Encode(m, payload)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMessagesAreWrittenInTheirFormat(t *testing.T) {
	jsonValue := mapOf1("b", int64(1), "a", []any{1.0, dec("1.10"), nil, true, []byte("x"), time.Unix(0, 0).UTC(), 1500 * time.Millisecond})
	for name, c := range map[string]struct {
		format string
		v      value.Value
		want   string
	}{
		"json":      {"json", jsonValue, `{"a":[1.0,"1.10",null,true,"eA==","1970-01-01T00:00:00Z","1.5s"],"b":1}`},
		"nothing":   {"", "x", `"x"`},
		"text":      {"text", "grüße", "grüße"},
		"bytes":     {"bytes", []byte{0, 1}, "\x00\x01"},
		"no bytes":  {"bytes", []byte{}, ""},
		"tombstone": {"json", nil, ""},
	} {
		got := encode(t, message("M", c.format, ""), nil, c.v)
		if string(got) != c.want || (got == nil) != (c.v == nil) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestAvroIsFramedByFingerprintWithoutARegistry(t *testing.T) {
	codec, err := goavro.NewCodec(orderSchema)
	if err != nil {
		t.Fatal(err)
	}
	b := encode(t, message("OrderPlaced", "avro", "order.avsc"), nil, order())
	native, rest, err := codec.NativeFromSingle(b)
	if err != nil || len(rest) > 0 || native.(map[string]any)["order_id"] != "o-1234567" {
		t.Errorf("goavro reads %v (%v), %d bytes left", native, err, len(rest))
	}
}

func TestAvroIsFramedByTheRegistrysID(t *testing.T) {
	registry, fake := registryWith(t, sr.Schema{Schema: `"int"`}, sr.Schema{Schema: orderSchema})
	fake.SeedSchema("com.acme.shop.OrderPlaced", 1, 30, sr.Schema{Schema: strings.Replace(orderSchema, "order_id", "id", 1)})
	fake.SeedSchema("only.topic-com.acme.shop.OrderPlaced", 1, 40, sr.Schema{Schema: orderSchema})
	fake.Intercept(func(_ http.ResponseWriter, request *http.Request) bool {
		if request.Method == http.MethodPost && strings.HasSuffix(request.URL.Path, "/versions") {
			t.Errorf("a schema was registered: %s", request.URL)
		}
		return false
	})
	other := message("OrderPlaced", "avro", "order.avsc")
	other.Topic = "only.topic"
	latest := order().Without("order_id").With("id", "o-1234567")
	for name, c := range map[string]struct {
		message *topology.Message
		payload *value.Map
		id      int
	}{
		"a file, by topic":            {message("OrderPlaced", "avro", "order.avsc"), order(), 2},
		"a file, by topic and record": {other, order(), 40},
		"a subject":                   {message("OrderPlaced", "avro", "com.acme.shop.OrderPlaced"), latest, 30},
		"the topic's own subject":     {message("OrderPlaced", "avro", ""), order(), 2},
	} {
		t.Run(name, func(t *testing.T) {
			b := encode(t, c.message, registry, c.payload)
			if !bytes.HasPrefix(b, confluentHeader(c.id)) {
				t.Errorf("got %x", b[:5])
			}
		})
	}
}

func TestWriterNeedsItsSchemas(t *testing.T) {
	registry, fake := registryWith(t, sr.Schema{Schema: `"int"`}, sr.Schema{Schema: `{}`, Type: sr.TypeJSON})
	missing := message("OrderPlaced", "avro", "order.avsc")
	for name, c := range map[string]struct {
		message  *topology.Message
		registry *Registry
		want     string
	}{
		"a file that nobody registered": {missing, registry, "under any of the subjects shop.orders-value, com.acme.shop.OrderPlaced, shop.orders-com.acme.shop.OrderPlaced: register it"},
		"a subject that is not there":   {message("A", "avro", "nobody"), registry, "message A: the schema registry has no subject nobody"},
		"a subject of JSON":             {message("A", "avro", "shop.orders-value"), registry, "is JSON, not Avro"},
		"a subject without registry":    {message("A", "avro", "nobody"), nil, "no registry is configured"},
		"no schema, no registry":        {message("A", "avro", ""), nil, "the schema shop.orders-value is a subject of a schema registry"},
		"json with a schema":            {message("A", "json", "order.avsc"), nil, "is for Avro, but the format is json"},
	} {
		_, err := NewWriter(context.Background(), sending(c.message), c.registry)
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrRegistryUnavailable) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
		received := sending(c.message)
		received.Do = nil
		if _, err := NewWriter(context.Background(), received, c.registry); err != nil {
			t.Errorf("%s: a message that is only read: %v", name, err)
		}
	}
	fake.Close()
	if _, err := NewWriter(context.Background(), sending(missing), registry); !errors.Is(err, ErrRegistryUnavailable) {
		t.Errorf("a registry that is down: got %v", err)
	}
}

func TestPayloadThatDoesNotFitNamesMessageAndField(t *testing.T) {
	for _, c := range []struct {
		message *topology.Message
		v       value.Value
		want    string
	}{
		{message("OrderPlaced", "", "order.avsc"), order().With("items", []any{mapOf1("sku", "s", "qty", 1.5, "price", 1.0)}),
			"message OrderPlaced: field items[0].qty: 1.5 is not a whole number"},
		{message("M", "json", ""), mapOf1("a", math.NaN()), "message M: NaN and infinity cannot be stored or sent"},
		{message("M", "text", ""), int64(1), "message M: a text is needed, not a whole number"},
		{message("M", "text", ""), "\xff", "not valid UTF-8"},
		{message("M", "bytes", ""), "x", "message M: bytes is needed, not a text"},
	} {
		w, err := NewWriter(context.Background(), sending(c.message), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Encode(c.message, c.v); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	w, err := NewWriter(context.Background(), sending(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Encode(message("M", "json", ""), "x"); err == nil {
		t.Error("a message that is not sent was encoded")
	}
}

func TestEveryPlaceThatSendsIsFound(t *testing.T) {
	send := func(name string) *topology.Step { return &topology.Step{Action: &topology.Send{Message: name}} }
	rules := func(name string) []*topology.Rule {
		return []*topology.Rule{{Name: "any", Alternatives: []*topology.Step{send(name)}}}
	}
	def := &topology.Definition{
		Start: rules("start"), Anytime: rules("anytime"), Catch: rules("catch"),
		Do: []*topology.Step{
			{Action: &topology.Send{Message: "call", Await: rules("await")}, Catch: rules("step-catch"), Compensate: send("undo")},
			{Action: &topology.Listen{Rules: rules("listen")}},
			{Action: &topology.Switch{Alternatives: []*topology.Step{send("switch")}}},
			{Action: &topology.Block{Do: []*topology.Step{{Action: &topology.Block{Do: []*topology.Step{send("block")}}}}}},
			{Action: &topology.Fork{Branches: []topology.ForkBranch{{Name: "a", Do: []*topology.Step{send("fork")}}, {Name: "b", Do: []*topology.Step{send("branch")}}}}},
			{Action: &topology.For{Do: []*topology.Step{send("for")}}},
			{Action: &topology.Run{Workflow: "child", Await: rules("run")}},
			{Action: &topology.Raise{Error: "no"}},
		},
		Child: []*topology.Step{send("child")}, Schedule: &topology.Schedule{Reaction: send("schedule")},
	}
	got := sentMessages(def)
	for _, want := range []string{"start", "anytime", "catch", "call", "await", "step-catch", "undo", "listen", "switch", "block", "fork", "branch", "for", "run", "child", "schedule"} {
		if !got[want] {
			t.Errorf("%s is not found", want)
		}
	}
	if len(got) != 16 {
		t.Errorf("got %v", got)
	}
}
