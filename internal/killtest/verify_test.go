package killtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/kafkatest"
)

// booked is what the ledger says of one entry.
type booked struct {
	N, Seq    int
	Partition int32
	Offset    int64
}

// verify reads what the nodes have written, committed, and holds it against
// what the world has written. It returns everything that is wrong.
func verify(t *testing.T, cluster *kafkatest.Cluster, entries []written) []string {
	t.Helper()
	var wrong []string
	wrong = append(wrong, verifyLedger(readAll(t, cluster, "booked"), entries)...)
	wrong = append(wrong, verifyReminders(readAll(t, cluster, "reminders"), readAll(t, cluster, "given-up"), entries)...)
	for _, r := range readAll(t, cluster, appName+".dead-letters") {
		wrong = append(wrong, fmt.Sprintf("dead letter at offset %d: %v", r.Offset, r.Headers))
	}
	return wrong
}

// verifyLedger: every entry is booked once, counted without a gap, and in the
// order in which the account's entries stand in their topic.
func verifyLedger(records []*kgo.Record, entries []written) []string {
	var wrong []string
	type place struct {
		partition int32
		offset    int64
	}
	expected := make(map[place]written, len(entries))
	for _, e := range entries {
		expected[place{e.partition, e.offset}] = e
	}
	count, last := make(map[string]int), make(map[string]int64)
	seen := make(map[place]bool)
	for _, r := range records {
		var b booked
		if err := json.Unmarshal(r.Value, &b); err != nil {
			wrong = append(wrong, fmt.Sprintf("booked/%d/%d: %v", r.Partition, r.Offset, err))
			continue
		}
		account, at := string(r.Key), place{b.Partition, b.Offset}
		e, ok := expected[at]
		switch {
		case !ok || e.account != account || e.seq != b.Seq:
			wrong = append(wrong, fmt.Sprintf("%s: booked %+v, which was never written", account, b))
		case seen[at]:
			wrong = append(wrong, fmt.Sprintf("%s: booked twice: %+v", account, b))
		case b.N != count[account]+1:
			wrong = append(wrong, fmt.Sprintf("%s: count %d follows %d", account, b.N, count[account]))
		case b.Offset < last[account]:
			wrong = append(wrong, fmt.Sprintf("%s: offset %d follows %d", account, b.Offset, last[account]))
		}
		seen[at], count[account], last[account] = true, b.N, b.Offset
	}
	for at, e := range expected {
		if !seen[at] {
			wrong = append(wrong, fmt.Sprintf("%s: entry %d at %d/%d was never booked", e.account, e.seq, at.partition, at.offset))
		}
	}
	return wrong
}

// verifyReminders: of each tenth entry there is one reminder, with attempts
// without a gap, each once, and one end.
func verifyReminders(reminders, ends []*kgo.Record, entries []written) []string {
	var wrong []string
	command, attempts, ended := make(map[string]string), make(map[string]int), make(map[string]int)
	for _, r := range reminders {
		key, id, attempt := string(r.Key), header(r, "rondo-command-id"), header(r, "rondo-attempt")
		n, err := strconv.Atoi(attempt)
		switch {
		case err != nil || n != attempts[key]+1:
			wrong = append(wrong, fmt.Sprintf("%s: attempt %q follows %d", key, attempt, attempts[key]))
		case command[key] != "" && command[key] != id:
			wrong = append(wrong, fmt.Sprintf("%s: command %s follows %s", key, id, command[key]))
		}
		attempts[key], command[key] = n, id
	}
	for _, r := range ends {
		ended[string(r.Key)]++
	}
	for _, e := range entries {
		if e.seq%10 != 0 {
			continue
		}
		key := fmt.Sprintf("%s-%d", e.account, e.seq)
		if attempts[key] < 1 || attempts[key] > 3 {
			wrong = append(wrong, fmt.Sprintf("%s: %d attempts", key, attempts[key]))
		}
		if ended[key] != 1 {
			wrong = append(wrong, fmt.Sprintf("%s: ended %d times", key, ended[key]))
		}
		delete(ended, key)
	}
	for key, n := range ended {
		wrong = append(wrong, fmt.Sprintf("%s: ended %d times and never began", key, n))
	}
	return wrong
}

func header(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// readAll reads a topic, committed records only, up to its end.
func readAll(t *testing.T, cluster *kafkatest.Cluster, topic string) []*kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	admin := kadm.NewClient(cluster.Client(t))
	ends, err := admin.ListCommittedOffsets(ctx, topic)
	if err := errors.Join(err, ends.Error()); err != nil {
		t.Fatal(err)
	}
	client := cluster.Client(t, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	defer client.Close()
	missing := 0
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			missing++
		}
	})
	var records []*kgo.Record
	for missing > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("read %s: %v", topic, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				records = append(records, r)
			}
			if end, _ := ends.Lookup(topic, r.Partition); r.Offset+1 == end.Offset {
				missing--
			}
		})
	}
	return records
}

// The verifier must see what it is there to see.
func TestVerifierFindsEachKindOfViolation(t *testing.T) {
	entries := []written{{"a-1", 1, 0, 5}, {"a-1", 2, 0, 7}}
	book := func(n, seq int, offset int64) *kgo.Record {
		value, err := json.Marshal(booked{N: n, Seq: seq, Offset: offset})
		if err != nil {
			t.Fatal(err)
		}
		return &kgo.Record{Key: []byte("a-1"), Value: value}
	}
	good := []*kgo.Record{book(1, 1, 5), book(2, 2, 7)}
	if wrong := verifyLedger(good, entries); len(wrong) > 0 {
		t.Fatalf("a clean ledger: %v", wrong)
	}
	for name, records := range map[string][]*kgo.Record{
		"lost":          {book(1, 1, 5)},
		"doubled":       {book(1, 1, 5), book(2, 2, 7), book(3, 2, 7)},
		"gap":           {book(1, 1, 5), book(3, 2, 7)},
		"order":         {book(1, 2, 7), book(2, 1, 5)},
		"never written": {book(1, 1, 5), book(2, 2, 7), book(3, 3, 9)},
	} {
		if wrong := verifyLedger(records, entries); len(wrong) == 0 {
			t.Errorf("%s: not found", name)
		}
	}
	remind := func(id, attempt string) *kgo.Record {
		return &kgo.Record{Key: []byte("a-1-10"), Headers: []kgo.RecordHeader{
			{Key: "rondo-command-id", Value: []byte(id)}, {Key: "rondo-attempt", Value: []byte(attempt)}}}
	}
	end := &kgo.Record{Key: []byte("a-1-10")}
	tenth := []written{{"a-1", 10, 0, 9}}
	if wrong := verifyReminders([]*kgo.Record{remind("x", "1"), remind("x", "2")}, []*kgo.Record{end}, tenth); len(wrong) > 0 {
		t.Fatalf("clean reminders: %v", wrong)
	}
	for name, c := range map[string]struct{ reminders, ends []*kgo.Record }{
		"attempt twice": {[]*kgo.Record{remind("x", "1"), remind("x", "1")}, []*kgo.Record{end}},
		"attempt gap":   {[]*kgo.Record{remind("x", "1"), remind("x", "3")}, []*kgo.Record{end}},
		"other command": {[]*kgo.Record{remind("x", "1"), remind("y", "2")}, []*kgo.Record{end}},
		"no end":        {[]*kgo.Record{remind("x", "1")}, nil},
		"two ends":      {[]*kgo.Record{remind("x", "1")}, []*kgo.Record{end, end}},
		"never begun":   {nil, []*kgo.Record{end}},
	} {
		if wrong := verifyReminders(c.reminders, c.ends, tenth); len(wrong) == 0 {
			t.Errorf("reminders, %s: not found", name)
		}
	}
}
