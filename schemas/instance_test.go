package schemas

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rondo/topology"
	"rondo/topology/value"
)

// fullInstance has something in every field.
func fullInstance() *topology.Instance {
	older := []*topology.Entry{
		{Seq: 1, Place: "reserve", Branch: 1, Line: []topology.Side{{Branch: 1, Visit: 5, Place: "legs"}}},
		{Seq: 2, Place: "price", Command: "0e0e", Done: true, Vars: mapOf1("total", dec("10.50"))},
	}
	entry := &topology.Entry{Seq: 3, Place: "pay", Branch: 0, Command: "0f0f", Done: true, Vars: mapOf1("payment", "p-1")}
	event := &topology.Event{
		Message: "PaymentCaptured",
		Record:  topology.RecordRef{Topic: "payment.events", Partition: 3, Offset: 41, Time: 1763000000100, Key: []byte("o-1")},
		Headers: mapOf1("type", "PaymentCaptured"), Payload: mapOf1("amount", dec("10.50"), "at", time.Unix(1763000000, 5).UTC()),
		ID: "e-1", CommandID: "0f0f",
	}
	failure := &topology.Failure{Name: "declined", Message: "no money", Step: "pay", Data: int64(3), At: 1763000000200,
		Cause: &topology.Failure{Name: "timeout", Data: mapOf1("idle", false)}}
	child := topology.Address{Workflow: "delivery", Key: "o-1/2"}
	letter := &topology.Letter{
		Kind: topology.LetterOutcome, To: topology.Address{Workflow: "checkout", Desk: "gate.Pay", Key: "Pay"}, From: child,
		Run: "command:1f1f", Command: "1f1f", Message: "Pay", Ask: 4, Value: mapOf1("left", int64(3)), Awaited: true,
		Status: topology.StatusFailed, Failure: failure, Event: event,
	}
	return &topology.Instance{
		Workflow: "checkout", Desk: "mailbox.card", Key: "o-1", Version: 3, Run: "shop.orders/3/40", Status: topology.StatusIncident,
		Started: 1763000000000, At: 1763000000300,
		Branches: []*topology.Branch{
			{ID: 0, Kind: topology.BranchMain, Next: "tell", Frames: []topology.Frame{
				{Place: "catch.any", Since: 1763000000200, Error: failure, Mark: 1},
				{Place: "pay.compensate", Since: 1763000000250, Entry: entry,
					Call:    &topology.Call{Command: "1f1f", Attempt: 4, Base: 3, First: 1763000000250, Over: true, Asking: true, Ask: 12, Gate: "Pay", Child: child},
					Loop:    &topology.Loop{Items: []int64{1, 4}, Count: 300, Begun: 7, Finished: 6, Lost: 1, Failed: failure, Closed: true, Results: []int64{5}, Steps: 9},
					Timeout: topology.Timer{Due: 1763000002250, Arm: 7}, Wake: topology.Timer{Due: 1, Arm: 8}},
			}},
			{ID: 1, Parent: 0, Kind: topology.BranchAnytime, Place: "anytime.OrderCancelled", Vars: mapOf1("who", "ann"),
				Frames: []topology.Frame{{Place: "anytime.OrderCancelled", Event: event}}},
			{ID: 2, Parent: 1, Kind: topology.BranchIteration, Place: "each", Name: "left", Index: 7},
		},
		Vars:    mapOf1("card", "c-1", "declines", int64(2)),
		Entries: []*topology.Entry{entry}, Older: 2,
		Held:   []*topology.Kept{{At: 5, Event: event, Until: topology.Timer{Due: 6, Arm: 2}}},
		Queue:  []*topology.Kept{{At: 6, Event: event}, {At: 7, Letter: letter}},
		Starts: []*topology.Kept{{At: 7, Event: event}},
		Seen:   []string{"PaymentCaptured e-1"},
		Incident: &topology.Incident{At: 8, Fault: topology.Fault{Kind: "expression", Place: "pay (checkout.yaml:12:7)", Text: "no such field"},
			Place: "pay", Input: &topology.Kept{At: 8, Act: &topology.Act{Kind: "set", Principal: "ann", Reason: "wrong", Step: "pay", Data: mapOf1("card", "c-2")}, Timer: true}, Branch: 1},
		Stopped:   9,
		Parents:   []topology.Parent{{Address: topology.Address{Workflow: "season", Key: "2026"}, Run: "a.b/1/2", Command: "2f2f", Awaited: true}},
		Known:     []topology.Correlation{{Variable: "card", Value: "c-1"}},
		Parts:     []*topology.Part{{ID: 1, Value: []any{"x", int64(1)}}, {ID: 4, Value: []any{}}, {ID: 5, Value: []any{nil, mapOf1("sum", dec("1.50"))}}, {ID: 6, Entries: older}},
		PartsMade: 6,
		Deadline:  topology.Timer{Due: 9, Arm: 1, Fixed: true}, DeadlinePassed: true, Owed: true,
		Sent: 10, Arms: 11, Made: 12, Steps: 13,
		EndedAt: 14, Forget: topology.Timer{Due: 15, Arm: 16}, Failure: failure,
		Output: []any{int64(1), nil, 1.5}, Search: mapOf1("card", "c-1"),
		Counter: &topology.Counter{
			Members: []topology.Member{{Key: "o-1", Run: "shop.orders/3/40"}}, Spec: "every 1h", Fired: 17, Next: topology.Timer{Due: 18, Arm: 19}, Free: 20,
			Open: []topology.Leave{{Command: "3f3f", Ask: 2}}, Asking: []int64{4},
		},
	}
}

// encodeParts returns what EncodePart makes of an instance's parts, as
// DecodeInstance asks for it.
func encodeParts(t testing.TB, i *topology.Instance) func(id int64) ([]byte, error) {
	t.Helper()
	records := map[int64][]byte{}
	for _, p := range i.Parts {
		b, err := EncodePart(p)
		if err != nil {
			t.Fatal(err)
		}
		records[p.ID] = b
	}
	return func(id int64) ([]byte, error) {
		if b, ok := records[id]; ok {
			return b, nil
		}
		return nil, errors.New("is not there")
	}
}

// The golden file is an instance as the released program wrote it (see
// TestRecordsKeepTheirBytes).
func TestInstanceKeepsItsBytes(t *testing.T) {
	golden := filepath.Join("testdata", "records", "instance.bin")
	got, err := EncodeInstance(fullInstance())
	if err != nil {
		t.Fatal(err)
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
		t.Errorf("encoded\n%x\nwant\n%x", got, want)
	}
	back, err := DecodeInstance(want, encodeParts(t, fullInstance()))
	if err != nil || !reflect.DeepEqual(back, fullInstance()) {
		t.Errorf("decoded %+v (%v)", back, err)
	}
}

func TestPartKeepsItsBytes(t *testing.T) {
	checkPartGolden(t, "part.bin", fullInstance().Parts[2])
	checkPartGolden(t, "part-entries.bin", fullInstance().Parts[3])
}

func checkPartGolden(t *testing.T, name string, part *topology.Part) {
	t.Helper()
	golden := filepath.Join("testdata", "records", name)
	got, err := EncodePart(part)
	if err != nil {
		t.Fatal(err)
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
		t.Errorf("encoded\n%x\nwant\n%x", got, want)
	}
	back, err := newRecordReader().part(want)
	if err != nil || !reflect.DeepEqual(back, part) {
		t.Errorf("decoded %+v (%v)", back, err)
	}
}

// What a field of a struct of topology is like in fullInstance: something, in at
// least one of the places where the struct stands.
func TestFullInstanceHasSomethingInEveryField(t *testing.T) {
	filled := map[string]bool{}
	noteFields(reflect.ValueOf(fullInstance()), filled)
	for field, something := range filled {
		if !something {
			t.Errorf("%s is empty: the other tests say nothing about it", field)
		}
	}
	if len(filled) < 100 {
		t.Errorf("%d fields were looked at", len(filled))
	}
}

// noteFields notes of each field of topology's structs whether one with content
// was met.
func noteFields(v reflect.Value, filled map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			noteFields(v.Elem(), filled)
		}
	case reflect.Slice:
		for i := range v.Len() {
			noteFields(v.Index(i), filled)
		}
	case reflect.Struct:
		if !strings.HasSuffix(v.Type().PkgPath(), "/topology") {
			return
		}
		for field := range v.NumField() {
			if !v.Type().Field(field).IsExported() {
				continue // found out anew, not kept
			}
			name := v.Type().Name() + "." + v.Type().Field(field).Name
			filled[name] = filled[name] || !v.Field(field).IsZero()
			noteFields(v.Field(field), filled)
		}
	}
}

func TestPartThatIsNotThereIsAnError(t *testing.T) {
	head, err := EncodeInstance(fullInstance())
	if err != nil {
		t.Fatal(err)
	}
	without := fullInstance()
	without.Parts = without.Parts[:2]
	if i, err := DecodeInstance(head, encodeParts(t, without)); err == nil {
		t.Errorf("decoded %+v", i)
	}
	other, err := EncodePart(&topology.Part{ID: 2})
	if err != nil {
		t.Fatal(err)
	}
	if i, err := DecodeInstance(head, func(int64) ([]byte, error) { return other, nil }); err == nil {
		t.Errorf("another part was taken: %+v", i)
	}
}

// TestHeadAndPartsThatDoNotFitAreAnError: an instance without some of what it could
// undo must not be decided on.
func TestHeadAndPartsThatDoNotFitAreAnError(t *testing.T) {
	for name, change := range map[string]func(*topology.Instance){
		"fewer entries than the head says": func(i *topology.Instance) { i.Older++ },
		"more entries than the head says":  func(i *topology.Instance) { i.Older-- },
		"parts out of order":               func(i *topology.Instance) { i.Parts[1], i.Parts[2] = i.Parts[2], i.Parts[1] },
		"a part twice":                     func(i *topology.Instance) { i.Parts[1] = i.Parts[0] },
	} {
		i := fullInstance()
		change(i)
		head, err := EncodeInstance(i)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := DecodeInstance(head, encodeParts(t, i)); err == nil {
			t.Errorf("%s: decoded %+v", name, back)
		}
	}
}

// TestHeadAloneTellsHowMuchCouldBeUndone also where a compensation is at work on what
// is in a part.
func TestHeadAloneTellsHowMuchCouldBeUndone(t *testing.T) {
	i := fullInstance()
	i.Branches[0].Frames[1].Entry = i.Parts[3].Entries[0]
	head, err := EncodeInstance(i)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := DecodeHead(head)
	if err != nil || alone.EntryCount() != 3 {
		t.Errorf("decoded %+v (%v)", alone, err)
	}
	whole, err := DecodeInstance(head, encodeParts(t, i))
	if err != nil || whole.Branches[0].Frames[1].Entry != whole.Parts[3].Entries[0] {
		t.Errorf("decoded %+v (%v)", whole, err)
	}
}

// TestRunsNameEachPartOnce compares them with the ids one by one.
func TestRunsNameEachPartOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var parts []*topology.Part
		var want []int64
		for id := range int64(rapid.IntRange(0, 60).Draw(t, "parts")) {
			if rapid.IntRange(0, 5).Draw(t, "gone") > 0 {
				parts, want = append(parts, &topology.Part{ID: id + 1}), append(want, id+1)
			}
		}
		var got []int64
		last := int64(-1)
		for _, r := range runsOf(parts) {
			if r.first <= last+1 {
				t.Fatalf("the run from %d follows %d: they are one", r.first, last)
			}
			for last = r.first; ; last++ {
				if got = append(got, last); last == r.last {
					break
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("runs of %v are those of %v", want, got)
		}
	})
}

func TestInstanceComesBackAsItWas(t *testing.T) {
	wholeTest := t
	rapid.Check(t, func(t *rapid.T) {
		i := anyInstance(t)
		first, err := EncodeInstance(i)
		if err != nil {
			t.Fatal(err)
		}
		second, err := EncodeInstance(i)
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("other bytes the second time (%v)", err)
		}
		native, err := instanceFormat().decode(first)
		if err != nil {
			t.Fatal(err)
		}
		if byGoavro, err := instanceFormat().encode(native); err != nil || !bytes.Equal(first, byGoavro) {
			t.Fatalf("goavro writes\n%x (%v)\nwant\n%x", byGoavro, err, first)
		}
		back, err := DecodeInstance(first, encodeParts(wholeTest, i))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(back, i) {
			t.Fatalf("decoded\n%+v\nwant\n%+v", back, i)
		}
	})
}

func TestInstanceThatCannotBeStoredIsAnError(t *testing.T) {
	deep := value.Value(nil)
	for range value.DepthMax + 1 {
		deep = []any{deep}
	}
	for _, v := range []value.Value{math.NaN(), math.Inf(1), deep, 1, mapOf1("x", mapOf1("y", math.NaN()))} {
		if b, err := EncodeInstance(&topology.Instance{Output: v}); err == nil {
			t.Errorf("%v became %x", v, b)
		}
		if b, err := EncodePart(&topology.Part{ID: 1, Value: v}); err == nil {
			t.Errorf("%v became %x", v, b)
		}
	}
}

func TestDamagedInstanceIsAnError(t *testing.T) {
	b, err := EncodeInstance(fullInstance())
	if err != nil {
		t.Fatal(err)
	}
	for n := range b {
		if _, err := DecodeInstance(b[:n], encodeParts(t, fullInstance())); err == nil {
			t.Fatalf("%d of %d bytes were decoded", n, len(b))
		}
	}
	part, err := EncodePart(fullInstance().Parts[2])
	if err != nil {
		t.Fatal(err)
	}
	for n := range part {
		if _, err := newRecordReader().part(part[:n]); err == nil {
			t.Fatalf("%d of %d bytes of a part were decoded", n, len(part))
		}
	}
}

func TestCompensationOfAnEntryThatIsNotThereIsAnError(t *testing.T) {
	i := fullInstance()
	i.Entries = nil
	b, err := EncodeInstance(i)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DecodeInstance(b, encodeParts(t, i)); err == nil {
		t.Error("decoded")
	}
}

// anyInstance draws the shape of an instance; most fields are those of
// fullInstance, or empty.
func anyInstance(t *rapid.T) *topology.Instance {
	i := fullInstance()
	i.Key = rapid.String().Draw(t, "key")
	i.Vars = anyVars(t)
	i.Output = anyStored(t, 3)
	i.Sent = rapid.Int64().Draw(t, "sent")
	i.DeadlinePassed, i.Owed = rapid.Bool().Draw(t, "passed"), rapid.Bool().Draw(t, "owed")
	i.Started = topology.Instant(rapid.Int64().Draw(t, "started"))
	without := func(name string, empty func()) {
		if rapid.Bool().Draw(t, "without "+name) {
			empty()
		}
	}
	without("branches", func() { i.Branches = nil })
	without("queue", func() { i.Held, i.Queue = nil, nil })
	without("incident", func() { i.Incident = nil })
	without("failure", func() { i.Failure = nil })
	without("seen", func() { i.Seen, i.Starts = nil, nil })
	without("search", func() { i.Search = nil })
	without("parts", func() { i.Parts, i.Older = nil, 0 })
	without("counter", func() { i.Counter = nil })
	without("parents", func() { i.Parents, i.Known = nil, nil })
	if len(i.Parts) > 0 {
		i.Parts[0] = &topology.Part{ID: 1, Value: anyStored(t, 3)}
	}
	i.Held = append(i.Held, &topology.Kept{Event: &topology.Event{Payload: anyStored(t, 3)}})
	return i
}

func anyVars(t *rapid.T) *value.Map {
	m := rapid.MapOfN(rapid.StringMatching("[a-z]{1,4}"), rapid.Custom(func(t *rapid.T) value.Value { return anyStored(t, 2) }), 0, 4).Draw(t, "vars")
	if len(m) == 0 {
		return nil
	}
	return value.MapOf(m)
}

// anyStored draws a value that can be stored.
func anyStored(t *rapid.T, depth int) value.Value {
	kinds := 10
	if depth == 0 {
		kinds = 8
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return rapid.Int64().Draw(t, "int")
	case 3:
		return rapid.Float64().Filter(func(f float64) bool { return f-f == 0 }).Draw(t, "double")
	case 4:
		return rapid.String().Draw(t, "text")
	case 5:
		return append([]byte{}, rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")...)
	case 6:
		return time.Unix(rapid.Int64Range(-1e11, 1e11).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanos")).UTC()
	case 7:
		return time.Duration(rapid.Int64().Draw(t, "duration"))
	case 8:
		list := make([]any, rapid.IntRange(0, 3).Draw(t, "items"))
		for i := range list {
			list[i] = anyStored(t, depth-1)
		}
		return list
	}
	m := map[string]value.Value{}
	for range rapid.IntRange(0, 3).Draw(t, "entries") {
		m[rapid.String().Draw(t, "name")] = anyStored(t, depth-1)
	}
	var b value.MapBuilder // as the reader makes maps, so that empty ones are alike
	for name, v := range m {
		b.Add(name, v)
	}
	out, _, _ := b.Map()
	return out
}

func BenchmarkInstance(b *testing.B) {
	i := fullInstance()
	encoded, err := EncodeInstance(i)
	if err != nil {
		b.Fatal(err)
	}
	parts := encodeParts(b, i)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := EncodeInstance(i); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := DecodeInstance(encoded, parts); err != nil {
				b.Fatal(err)
			}
		}
	})
}
