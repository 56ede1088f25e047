package audit

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/processor"
	"rondo/schemas"
	"rondo/topology"
	"rondo/topology/value"
)

// order is a living instance that waits for a payment.
func order() *topology.Instance {
	return &topology.Instance{
		Workflow: "checkout", Key: "o-1", Version: 100_002, Run: "shop.orders/0/1", Status: topology.StatusRunning, Started: 1000, At: 2000,
		Branches: []*topology.Branch{{Kind: topology.BranchMain, Frames: []topology.Frame{
			{Place: "all", Since: 1000}, {Place: "pay", Since: 2000, Call: &topology.Call{Command: "ff", Attempt: 3}},
		}}},
		Vars:     value.MapOf(map[string]value.Value{"declines": int64(2), "status": "odd"}),
		Search:   value.MapOf(map[string]value.Value{"declines": int64(2)}),
		Deadline: topology.Timer{Due: 9000, Arm: 1},
	}
}

func TestWhereSeesWhatEveryInstanceHasAndItsVariables(t *testing.T) {
	ended := &topology.Instance{Workflow: "checkout", Key: "o-2", Status: topology.StatusCompleted, Search: value.MapOf(map[string]value.Value{"declines": int64(9)})}
	for text, want := range map[string][2]bool{
		`declines > 1`: {true, true},
		`status == "running" && vars.status == "odd"`:        {true, false},
		`"pay" in steps && key.startsWith("o-")`:             {true, false},
		`card == null`:                                       {true, true},
		`card.number > 3`:                                    {false, false},
		`workflow == "checkout" && version == 100002`:        {true, false},
		`started < parse_time("1970-01-01T00:00:02Z")`:       {true, true},
		`status in ["completed", "failed"] && declines == 9`: {false, true},
	} {
		where, err := ParseWhere(text, []string{"declines", "card", "status"})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := [2]bool{where.Holds(order()), where.Holds(ended)}; got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
		if n, first := where.Failures(); (n > 0) != (text == "card.number > 3") || n > 0 && !strings.HasPrefix(first.Error(), "checkout/o-1: ") {
			t.Errorf("%s: failed %d times, first %v", text, n, first)
		}
	}
}

func TestWhereThatIsNeitherTrueNorFalseFails(t *testing.T) {
	where, err := ParseWhere("key", nil)
	if err != nil {
		t.Fatal(err)
	}
	holds := where.Holds(order())
	if n, first := where.Failures(); holds || n != 1 || first.Error() != "checkout/o-1: it gives string, and not true or false" {
		t.Errorf("%v, %d times, %v", holds, n, first)
	}
}

func TestWhereSaysAllThatIsWrongWithIt(t *testing.T) {
	for text, want := range map[string]string{
		"declined > 1 && nokey == 2": "column 1: `declined` is not a variable",
		"declines +":                 "column 1",
		"key + 'x'":                  "a condition is expected here",
	} {
		if _, err := ParseWhere(text, []string{"declines"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAViewSaysWhereAnInstanceWaits(t *testing.T) {
	v, err := FullViewOf(order())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"workflow":"checkout","key":"o-1","version":"2+dev.1","status":"running","run":"shop.orders/0/1",` +
		`"started":"1970-01-01T00:00:01Z","changed":"1970-01-01T00:00:02Z","waits":[{"step":"pay","since":"1970-01-01T00:00:02Z","attempt":3,"command":"ff"}],` +
		`"nextTimer":"1970-01-01T00:00:09Z","search":{"declines":2},"vars":{"declines":2,"status":"odd"}}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

func TestAViewSaysHowLongWhatHasEndedIsKept(t *testing.T) {
	ended := &topology.Instance{Workflow: "checkout", Key: "o-2", Status: topology.StatusCompleted, Forget: topology.Timer{Due: 9000, Arm: 1}}
	v, err := ViewOf(ended)
	if err != nil || v.NextTimer != nil || v.KeptUntil == nil {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestAViewTellsACallThatWaitsForItsLimit(t *testing.T) {
	i := order()
	i.Branches[0].Frames[len(i.Branches[0].Frames)-1].Call.Asking = true
	if v, err := ViewOf(i); err != nil || !v.Waits[0].Asking {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestWhatIsNoInstanceIsPassedOver(t *testing.T) {
	part, err := schemas.EncodePart(&topology.Part{ID: 3, Value: int64(1)})
	if err != nil {
		t.Fatal(err)
	}
	head, err := schemas.EncodeInstance(order())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		record kgo.Record
		want   bool
	}{
		"an instance":              {kgo.Record{Key: []byte("checkout/o-1"), Value: head}, true},
		"an instance that is gone": {kgo.Record{Key: []byte("checkout/o-1")}, true},
		"a part":                   {kgo.Record{Key: []byte("checkout/o-1\x003"), Value: part}, false},
		"progress":                 {kgo.Record{Key: []byte("@progress"), Value: []byte("x")}, false},
	} {
		if got := holdsInstance(&c.record); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestDecisionIsToldInOrder(t *testing.T) {
	v, err := DecisionViewOf(Entry{History: schemas.History{
		At: 1000, Workflow: "checkout", Key: "o-1", Version: 2, Outcome: topology.Taken, Taker: "pay.PaymentCaptured", Message: "PaymentCaptured",
		Input:    schemas.HistoryInput{Kind: schemas.InputEvent, Record: &topology.RecordRef{Topic: "payment.events", Partition: 3, Offset: 7}, Payload: []byte(`{"id":"o-1"}`)},
		Trace:    []topology.Trace{{Kind: "take", Step: "pay", Text: "PaymentCaptured"}, {Kind: "enter", Step: "label"}},
		Commands: []schemas.HistoryCommand{{ID: "ab", Attempt: 1, Message: "PrintLabel", Topic: "shipping.commands", Step: "label"}},
		Lookups:  []schemas.HistoryLookup{{Table: "profile", Key: "u-1", Found: true, Row: "vip"}, {Table: "profile", Key: "u-2"}},
		Status:   topology.StatusRunning, NextTimer: 11000,
	}, Partition: 1, Offset: 5})
	if err != nil {
		t.Fatal(err)
	}
	want := `1970-01-01 00:00:01.000Z  PaymentCaptured payment.events/3/7  taken by pay.PaymentCaptured
    event     {"id":"o-1"}
    take      pay PaymentCaptured
    enter     label
    command   PrintLabel to shipping.commands, attempt 1, id ab
    lookup    profile[u-1]: "vip"
    lookup    profile[u-2]: no row
    then      running, next timer 1970-01-01 00:00:11.000Z
`
	if got := v.Tell(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestDecisionThatEndsTellsHowLongItIsKept(t *testing.T) {
	v, err := DecisionViewOf(Entry{History: schemas.History{At: 1000, Workflow: "checkout", Key: "o-1", Status: topology.StatusFailed, NextTimer: 11000}})
	if got := v.Tell(); err != nil || !strings.HasSuffix(got, "then      failed, kept until 1970-01-01 00:00:11.000Z\n") {
		t.Errorf("%v:\n%s", err, got)
	}
}

func TestDecisionTellsWhatItsRecordHadNoRoomFor(t *testing.T) {
	v, err := DecisionViewOf(Entry{History: schemas.History{At: 1000, Workflow: "checkout", Key: "o-1", Omitted: "the trace of 9 entries: too large"}})
	if got := v.Tell(); err != nil || !strings.Contains(got, "\n    omitted   the trace of 9 entries: too large\n") {
		t.Errorf("%v:\n%s", err, got)
	}
}

func TestDecisionTellsWhatAnActCarried(t *testing.T) {
	v, err := DecisionViewOf(Entry{History: schemas.History{At: 1000, Workflow: "checkout", Key: "o-1", Outcome: topology.Acted,
		Input: schemas.HistoryInput{Kind: schemas.InputAct, Act: &topology.Act{Kind: "set", Principal: "ada", Data: value.MapOf(map[string]value.Value{"card": "c-2"})}},
		Trace: []topology.Trace{{Kind: "act", Text: "set"}, {Kind: "set", Text: "card"}}}})
	want := "act set by ada  acted\n    data      {\"card\":\"c-2\"}\n    act       set\n    set       card\n"
	if got := v.Tell(); err != nil || !strings.HasSuffix(got, want) {
		t.Errorf("%v:\n%s", err, got)
	}
}

func TestLastRunIsWhatTheLatestLifeOfAKeyDid(t *testing.T) {
	entry := func(run string, offset int64) Entry { return Entry{History: schemas.History{Run: run}, Offset: offset} }
	got := LastRun([]Entry{entry("a", 1), entry("", 2), entry("b", 3), entry("b", 4), entry("", 5)})
	if len(got) != 3 || got[0].Offset != 3 {
		t.Errorf("got %+v", got)
	}
	if got := LastRun(nil); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

func TestADeadLetterWhoseHeadersMakeNoSenseIsSaid(t *testing.T) {
	record := &kgo.Record{Headers: []kgo.RecordHeader{{Key: processor.HeaderDeadOffset, Value: []byte("seven")}}}
	if _, err := deadLetterOf(record); err == nil || !strings.Contains(err.Error(), `"seven", not an offset`) {
		t.Errorf("%v", err)
	}
}
