package schemas

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"rondo/topology"
	"rondo/topology/value"
)

var update = flag.Bool("update", false, "write the golden files anew")

// ownRecord is one record of Rondo as the tests need it.
type ownRecord struct {
	name   string
	format *Format
	encode func() ([]byte, error)
	decode func([]byte) (any, error)
	record any
}

func anyOf[T any](decode func([]byte) (T, error)) func([]byte) (any, error) {
	return func(b []byte) (any, error) { return decode(b) }
}

func ownRecords() []ownRecord {
	progress := Progress{
		At:         1763000000123,
		Inputs:     []InputPosition{{Topic: "payment.events", TopicID: [16]byte{1, 15: 2}, Partition: 3, Next: 17}, {Topic: "shop.orders", Partition: 3, Next: 1 << 40}},
		Feeders:    []string{"payment.events", "shop.orders"},
		Owner:      "rondo-1-7b1f",
		Generation: 12,
	}
	ref := &topology.RecordRef{Topic: "shop.orders", Partition: 3, Offset: 41, Time: 1763000000100, Key: []byte("o-1")}
	act := &topology.Act{Kind: "set", Principal: "ada@example.com", Reason: "wrong card", Step: "pay",
		Data: mapOf1("card", "c-2", "limit", dec("10.50"), "until", time.Unix(1763000000, 5).UTC(), "within", time.Minute,
			"list", []any{nil, true, int64(-1), 1.5, []byte{0}}, "none", mapOf1())}
	sum := [32]byte{1, 2, 31: 3}
	history := History{
		At: 1763000000123, Workflow: "checkout", Key: "o-1", Version: 2, Definition: strings.Repeat("ab", 32), Semantics: 1,
		Run:     "shop.orders/3/41",
		Input:   HistoryInput{Kind: InputEvent, Record: ref, Payload: []byte(`{"order_id":"o-1"}`), Headers: []Header{{"type", []byte("OrderPlaced")}, {"x", nil}}},
		Message: "OrderPlaced", Outcome: topology.Started, Taker: "OrderPlaced",
		Trace:    []topology.Trace{{Kind: "enter", Step: "reserve"}, {Kind: "send", Step: "reserve", Text: "ReserveStock"}},
		Letters:  []HistoryLetter{{Kind: topology.LetterRun, To: topology.Address{Workflow: "delivery", Desk: "d", Key: "o-1"}, Command: "ff"}},
		Lookups:  []HistoryLookup{{Table: "profile", Key: "c-1", Found: true, Row: mapOf1("tier", "gold")}, {Table: "profile", Key: "c-2", RowOmitted: "larger than 16 KiB"}},
		Commands: []HistoryCommand{{ID: strings.Repeat("0f", 16), Attempt: 1, Message: "ReserveStock", Topic: "inventory.commands", Key: "o-1", Step: "reserve", Value: &sum}, {ID: "1", Compensates: "0"}},
		Fault:    &topology.Fault{Kind: "expression", Place: "pay, checkout.yaml:12:7", Text: "no such field"},
		Status:   "running", State: &sum, NextTimer: 1763000002123,
	}
	dead := History{
		At: 1, Input: HistoryInput{Kind: InputAct, PayloadOmitted: "larger than 16 KiB", Act: act}, Outcome: topology.Dead,
		DeadLetter: &topology.DeadLetter{Reason: "no-key", Text: "the key is null"},
	}
	inbox := Inbox{Kind: InboxEvent, Workflow: "checkout", Message: "PaymentCaptured", Key: "o-1", Source: ref, Value: []byte{0, 1, 2},
		Headers: []Header{{"rondo-command-id", []byte("ff")}}}
	inboxAct := Inbox{Kind: InboxAct, Workflow: "checkout", Key: "o-1", Act: act}
	letter := *fullInstance().Queue[1].Letter
	inboxLetter := NewLetter(&letter)
	historyLetter := History{At: 1, Workflow: "checkout", Desk: "gate.Pay", Key: "Pay", Input: HistoryInput{Kind: InputLetter, Record: ref, Letter: &letter}}
	deployment := Deployment{Workflow: "checkout", Version: 3, Source: []byte("workflow: checkout\n"),
		Files:  map[string][]byte{"b.avsc": []byte(`"int"`), "a.avsc": []byte(`"long"`)},
		Digest: strings.Repeat("cd", 32), DeployedAt: 1763000000123, By: "ada"}
	return []ownRecord{
		{"progress", progressFormat(), progress.Encode, anyOf(DecodeProgress), progress},
		{"history", historyFormat(), history.Encode, anyOf(DecodeHistory), history},
		{"history-dead", historyFormat(), dead.Encode, anyOf(DecodeHistory), dead},
		{"history-letter", historyFormat(), historyLetter.Encode, anyOf(DecodeHistory), historyLetter},
		{"inbox-letter", inboxFormat(), inboxLetter.Encode, anyOf(DecodeInbox), inboxLetter},
		{"inbox", inboxFormat(), inbox.Encode, anyOf(DecodeInbox), inbox},
		{"inbox-act", inboxFormat(), inboxAct.Encode, anyOf(DecodeInbox), inboxAct},
		{"deployment", deploymentFormat(), deployment.Encode, anyOf(DecodeDeployment), deployment},
	}
}

// The golden files are the records as the released program wrote them: a
// difference means that records out there can no longer be read, unless the
// former schema was kept as a former version of the format.
func TestRecordsKeepTheirBytes(t *testing.T) {
	for _, r := range ownRecords() {
		golden := filepath.Join("testdata", "records", r.name+".bin")
		got, err := r.encode()
		if err != nil {
			t.Fatalf("%s: %v", r.name, err)
		}
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: encoded\n%x\nwant\n%x", r.name, got, want)
		}
		back, err := r.decode(want)
		if err != nil || !same(back, r.record) {
			t.Errorf("%s: decoded\n%+v (%v)\nwant\n%+v", r.name, back, err, r.record)
		}
	}
}

// Some records are written directly, and not by goavro.
func TestRecordsAreWrittenAsGoavroWritesThem(t *testing.T) {
	for _, r := range ownRecords() {
		b, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		native, err := r.format.decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if byGoavro, err := r.format.encode(native); err != nil || !bytes.Equal(b, byGoavro) {
			t.Errorf("%s: goavro writes\n%x (%v)\nwant\n%x", r.name, byGoavro, err, b)
		}
	}
}

// same compares records; the data of an act, which may differ in how they are
// held, by their canonical bytes.
func same(a, b any) bool {
	a, dataA := withoutData(a)
	b, dataB := withoutData(b)
	return reflect.DeepEqual(a, b) && bytes.Equal(dataA, dataB)
}

func withoutData(record any) (any, []byte) {
	cut := func(act *topology.Act) (*topology.Act, []byte) {
		if act == nil {
			return nil, nil
		}
		bare := *act
		bare.Data = nil
		return &bare, value.AppendCanonical(nil, act.Data)
	}
	var data []byte
	switch r := record.(type) {
	case Inbox:
		r.Act, data = cut(r.Act)
		return r, data
	case History:
		r.Input.Act, data = cut(r.Input.Act)
		return r, data
	}
	return record, nil
}

func TestRecordsAlwaysGiveTheSameBytes(t *testing.T) {
	for _, r := range ownRecords() {
		first, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		for range 50 {
			if again, err := r.encode(); err != nil || !bytes.Equal(first, again) {
				t.Fatalf("%s: other bytes (%v)", r.name, err)
			}
		}
	}
}

func TestProgressIsWrittenInOrder(t *testing.T) {
	at := func(topic string, partition int32) InputPosition {
		return InputPosition{Topic: topic, Partition: partition}
	}
	a, err := Progress{Inputs: []InputPosition{at("b", 0), at("a", 10), at("a", 2)}, Feeders: []string{"b", "a"}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	b, err := Progress{Inputs: []InputPosition{at("a", 2), at("a", 10), at("b", 0)}, Feeders: []string{"a", "b"}}.Encode()
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("the order of inputs or feeders shows in the bytes (%v)", err)
	}
}

func TestRecordOfANewerProgramStopsTheReader(t *testing.T) {
	for _, r := range ownRecords() {
		b, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		b[2]++
		_, err = r.decode(b)
		var unknown *UnknownFormatError
		if !errors.As(err, &unknown) || !strings.Contains(err.Error(), "update this node") {
			t.Errorf("%s: got %v", r.name, err)
		}
	}
}

func TestDamagedRecordIsAnError(t *testing.T) {
	for _, r := range ownRecords() {
		b, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		for n := range b {
			if _, err := r.decode(b[:n]); err == nil {
				t.Fatalf("%s: %d of %d bytes were decoded", r.name, n, len(b))
			}
		}
		if _, err := r.decode(append(b, 0)); err == nil || !strings.Contains(err.Error(), "left over") {
			t.Errorf("%s with a byte too many: %v", r.name, err)
		}
	}
}

// A map of Avro would be written in random order.
func TestNoRecordHasAnAvroMap(t *testing.T) {
	files, err := avscFiles.ReadDir("avsc")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if s := mustEmbedded(file.Name()); strings.Contains(s.Canonical(), `"type":"map"`) {
			t.Errorf("%s has a map", file.Name())
		}
	}
}

func TestFormerVersionsAreUpgradedStepByStep(t *testing.T) {
	version := func(fields string) *Schema {
		return mustSchema(t, `{"type":"record","name":"Thing","fields":[`+fields+`]}`)
	}
	v1, v2, v3 := version(`{"name":"a","type":"int"}`), version(`{"name":"a","type":"long"}`), version(`{"name":"b","type":"string"}`)
	f := formatOfVersions("thing", v3,
		schemaVersion{v1, func(n map[string]any) map[string]any { return map[string]any{"a": int64(n["a"].(int32)) + 1} }},
		schemaVersion{v2, func(n map[string]any) map[string]any { return map[string]any{"b": fmt.Sprint(n["a"])} }})
	for s, c := range map[*Schema]struct {
		native map[string]any
		want   string
	}{
		v1: {map[string]any{"a": int32(1)}, "2"},
		v2: {map[string]any{"a": int64(1)}, "1"},
		v3: {map[string]any{"b": "1"}, "1"},
	} {
		b, err := s.codec.BinaryFromNative(appendSingleObjectHeader(nil, s.Fingerprint()), c.native)
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.decode(b)
		if err != nil || got["b"] != c.want {
			t.Errorf("%s: got %v (%v), want %s", s.Canonical(), got, err, c.want)
		}
	}
}

func TestWhatCannotBeStoredIsAnError(t *testing.T) {
	deep := value.Value(nil)
	for range value.DepthMax + 1 {
		deep = []any{deep}
	}
	for name, data := range map[string]value.Value{"NaN": nan(), "too deep": deep, "no value": struct{}{}, "in a map": mapOf1("a", []any{nan()})} {
		if _, err := (Inbox{Kind: InboxAct, Act: &topology.Act{Data: data}}).Encode(); err == nil {
			t.Errorf("%s was stored", name)
		}
		if _, err := (History{Input: HistoryInput{Kind: InputAct, Act: &topology.Act{Data: data}}}).Encode(); err == nil {
			t.Errorf("%s was stored", name)
		}
		if _, err := NewLetter(&topology.Letter{Value: data}).Encode(); err == nil {
			t.Errorf("%s was stored", name)
		}
	}
	if _, err := (Inbox{Kind: "unheard of"}).Encode(); err == nil {
		t.Error("an unknown kind was stored")
	}
	if _, err := (History{Input: HistoryInput{Kind: "unheard of"}}).Encode(); err == nil {
		t.Error("an unknown kind was stored")
	}
	if _, err := (Deployment{Version: 1 << 40}).Encode(); err == nil {
		t.Error("a version beyond 32 bits was stored")
	}
}

func nan() float64 { z := 0.0; return z / z }
