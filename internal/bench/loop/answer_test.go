package loop

import (
	"bytes"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func header(key, value string) kgo.RecordHeader {
	return kgo.RecordHeader{Key: key, Value: []byte(value)}
}

func TestTheFirstRouteThatFitsAnswers(t *testing.T) {
	route := func(to, prefix string, headers ...HeaderMatch) Route {
		return Route{Headers: headers, Prefix: []byte(prefix), Outputs: []Output{{Topic: to}}}
	}
	a := newAnswerer(Spec{Routes: []Route{
		route("both", "v1", HeaderMatch{"type", "Reply"}, HeaderMatch{"step", "s1"}),
		route("header", "", HeaderMatch{"type", "Reply"}),
		route("prefix", "v2"),
	}}, 0)
	for want, rec := range map[string]*kgo.Record{
		"both":   {Value: []byte("v1..."), Headers: []kgo.RecordHeader{header("step", "s1"), header("type", "Reply")}},
		"header": {Value: []byte("v3..."), Headers: []kgo.RecordHeader{header("step", "s1"), header("type", "Reply")}},
		"prefix": {Value: []byte("v2..."), Headers: []kgo.RecordHeader{header("type", "Begin")}},
		"":       {Value: []byte("v"), Headers: []kgo.RecordHeader{header("type", "Begin")}},
	} {
		got, routed := a.answer(nil, rec)
		if routed != (want != "") || routed && (len(got) != 1 || got[0].Topic != want) {
			t.Errorf("%q: answered by %v, %v", want, got, routed)
		}
	}
}

func TestOutputIsFilledInAndFilledUp(t *testing.T) {
	rec := &kgo.Record{Topic: "in", Partition: 3, Offset: 41, Key: []byte("k-1"), Value: []byte("abc")}
	a := newAnswerer(Spec{}, 0)
	made := a.make(&Output{
		Topic: "out", Key: Text{Text: "wf/{key}"}, Value: Value{Echo: true, Size: 100},
		Headers: []Header{{"cause", Text{Text: "{at}"}}, {"id", Text{Text: "{", Bytes: 40}}, {"cut", Text{Text: "{key}{key}", Bytes: 4}}},
	}, rec)
	if made.Topic != "out" || made.Partition != 3 || string(made.Key) != "wf/k-1" {
		t.Errorf("made %s/%d %s", made.Topic, made.Partition, made.Key)
	}
	if len(made.Value) != 100 || !bytes.HasPrefix(made.Value, []byte("abc")) || bytes.Count(made.Value[3:], []byte{0}) > 10 {
		t.Errorf("value %q", made.Value)
	}
	for i, want := range []struct {
		prefix string
		length int
	}{{"in/3/41", 7}, {"{", 40}, {"k-1k", 4}} {
		got := string(made.Headers[i].Value)
		if len(got) != want.length || !strings.HasPrefix(got, want.prefix) {
			t.Errorf("header %d: %q", i, got)
		}
	}
	again := a.make(&Output{Value: Value{Size: 32}}, rec)
	if bytes.Equal(again.Value, a.make(&Output{Value: Value{Size: 32}}, rec).Value) {
		t.Error("two records have the same noise")
	}
	if made := a.make(&Output{}, rec); made.Value != nil {
		t.Errorf("without a value a record is a tombstone, not %q", made.Value)
	}
}

func TestOnceForEachKeyAndOnceForEachPartition(t *testing.T) {
	a := newAnswerer(Spec{
		Routes:   []Route{{Outputs: []Output{{Topic: "command"}, {Topic: "changelog", PerKey: true, Value: Value{Echo: true}}}}},
		Progress: &Output{Topic: "progress"},
	}, 0)
	in := []*kgo.Record{
		{Partition: 1, Key: []byte("a"), Value: []byte("first")},
		{Partition: 1, Key: []byte("b"), Value: []byte("other")},
		{Partition: 2, Key: []byte("a"), Value: []byte("last")},
	}
	for range 2 { // what one transaction has does not reach into the next
		out, unrouted := a.answerAll(in)
		topics, changelog := map[string]int{}, ""
		for _, rec := range out {
			topics[rec.Topic]++
			if rec.Topic == "changelog" {
				changelog += string(rec.Value) + " "
			}
		}
		if topics["command"] != 3 || topics["changelog"] != 2 || topics["progress"] != 2 || unrouted != 0 {
			t.Errorf("wrote %v", topics)
		}
		if changelog != "last other " {
			t.Errorf("the changelog holds %s", changelog)
		}
	}
}
