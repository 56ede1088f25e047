package workload

import (
	"bytes"
	"io/fs"
	"testing"

	"github.com/linkedin/goavro/v2"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/topology"
)

func TestIdsTellTheirRunAndNumber(t *testing.T) {
	for _, n := range []int64{0, 7, 99_999_999_999} {
		id := caseID("a1b2", n)
		if len(id) != idLength || caseOf("a1b2", id) != n || caseOf("a1b3", id) != -1 {
			t.Errorf("case %d: id %s, back %d, of another run %d", n, id, caseOf("a1b2", id), caseOf("a1b3", id))
		}
	}
	for _, id := range []string{"", "a1b2-0000000000x", "a1b2_00000000001", "a1b2-000000000012"} {
		if n := caseOf("a1b2", []byte(id)); n != -1 {
			t.Errorf("%q is case %d", id, n)
		}
	}
}

func TestStampedPayloadsAreThoseThatAvroWrites(t *testing.T) {
	p, err := encode("begin.avsc", map[string]any{"text": greeting})
	if err != nil {
		t.Fatal(err)
	}
	schema, err := fs.ReadFile(definitions, "definitions/schemas/begin.avsc")
	if err != nil {
		t.Fatal(err)
	}
	codec, err := goavro.NewCodec(string(schema))
	if err != nil {
		t.Fatal(err)
	}
	id := caseID("a1b2", 42)
	want, err := codec.SingleFromNative(nil, map[string]any{"id": string(id), "text": greeting})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.of(id); !bytes.Equal(got, want) {
		t.Errorf("%x\nwant %x", got, want)
	}
}

// What a workload says of itself must be true of its definition.
func TestEveryDefinitionIsRightAndNamesTheTopics(t *testing.T) {
	for _, w := range append(All(), LieDown, GetUp) {
		files, err := w.Files("run")
		if err != nil {
			t.Fatal(err)
		}
		d, list := topology.Parse(w.Definition, files[w.Definition], func(name string) ([]byte, error) {
			if text, ok := files[name]; ok {
				return text, nil
			}
			return nil, fs.ErrNotExist
		})
		if list.HasErrors() {
			t.Errorf("%s: %v", w.Name, list)
			continue
		}
		topics := map[string]bool{}
		for _, m := range d.Messages {
			topics[m.Topic] = true
		}
		for _, name := range append(append([]string{}, w.Inputs...), w.Outputs...) {
			if !topics[Topic("run", name)] {
				t.Errorf("%s: its definition does not name %s", w.Name, Topic("run", name))
			}
		}
		if _, err := w.Cast(Casting{Prefix: "run", Tag: "a1b2"}); err != nil {
			t.Errorf("%s: %v", w.Name, err)
		}
		if _, err := w.Cast(Casting{Prefix: "run", Tag: "long1"}); err == nil {
			t.Errorf("%s: a tag of five letters is taken", w.Name)
		}
		if w.Short == "" || len(w.Closed) == 0 || w.Records < 1 || w.Steps < 1 {
			t.Errorf("%s: something is missing: %+v", w.Name, w)
		}
	}
}

func TestServicesSendBackWhichCommandTheyAnswer(t *testing.T) {
	p, err := Named("call5").Cast(Casting{Prefix: "run", Tag: "a1b2"})
	if err != nil {
		t.Fatal(err)
	}
	command := &kgo.Record{Topic: "run.bench.commands", Key: caseID("a1b2", 3), Headers: []kgo.RecordHeader{
		{Key: headerStep, Value: []byte("s2")}, {Key: headerCommandID, Value: []byte("id")}, {Key: "rondo-key", Value: []byte("k")},
	}}
	s := p.See(command)
	if s.Case != 3 || s.Place != 1 || s.Reply == nil || s.Reply.Topic != "run.bench.replies" {
		t.Fatalf("%+v", s)
	}
	if got := [3]string{string(header(s.Reply, headerType)), string(header(s.Reply, headerStep)), string(header(s.Reply, headerCommandID))}; got != [3]string{"Reply", "s2", "id"} {
		t.Errorf("the reply's headers: %q", got)
	}
	command.Headers[0].Value = []byte("s9")
	if s := p.See(command); s.Wrong == "" {
		t.Error("a command of a step that there is not is taken")
	}
	command.Key = caseID("a1b3", 3)
	if s := p.See(command); s.Case != -1 {
		t.Error("a command of another run is taken")
	}
}

// Additions to a key are answered in their order.
func TestAnAnswerBelongsToTheOldestAdditionOfItsKey(t *testing.T) {
	p, err := Named("counter").Cast(Casting{Prefix: "run", Tag: "a1b2"})
	if err != nil {
		t.Fatal(err)
	}
	first, second := p.Begin(0), p.Begin(1)
	if !bytes.Equal(first.Key, second.Key) {
		t.Fatalf("two keys: %s and %s", first.Key, second.Key)
	}
	answer := &kgo.Record{Topic: "run.bench.done", Key: first.Key}
	if a, b := p.See(answer), p.See(answer); a.Case != 0 || b.Case != 1 {
		t.Errorf("%+v, %+v", a, b)
	}
	if s := p.See(answer); s.Wrong == "" {
		t.Error("an answer too many is taken")
	}
}

func TestKeysOfCountersAreSpread(t *testing.T) {
	seen := map[int64]int{}
	for n := range int64(10_000) {
		k := scatter(n, 100)
		if k < 0 || k >= 100 {
			t.Fatalf("key %d", k)
		}
		seen[k]++
	}
	for k, n := range seen {
		if n < 50 || n > 200 {
			t.Errorf("key %d has %d of 10,000", k, n)
		}
	}
}
