package audit

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/kafkatest"
	"rondo/processor"
	"rondo/schemas"
	"rondo/topology"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }

// doing is an instance of a workflow that has done what its parts and it itself say,
// the steps of each in one text.
func doing(workflow string, head string, parts ...string) *topology.Instance {
	i := &topology.Instance{Workflow: workflow, Key: "o-1", Status: topology.StatusRunning}
	entries := func(steps string) (out []*topology.Entry) {
		for _, step := range strings.Fields(steps) {
			i.Made++
			out = append(out, &topology.Entry{Seq: i.Made, Place: step})
		}
		return out
	}
	for _, steps := range parts {
		i.PartsMade++
		part := &topology.Part{ID: i.PartsMade, Entries: entries(steps)}
		i.Parts, i.Older = append(i.Parts, part), i.Older+len(part.Entries)
	}
	i.Entries = entries(head)
	return i
}

// written are the changelog's records of an instance, by name: head, 1, 2, …
func written(t *testing.T, i *topology.Instance) map[string]*kgo.Record {
	t.Helper()
	key := i.Address().String()
	head, err := schemas.EncodeInstance(i)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*kgo.Record{"head": {Key: []byte(key), Value: head}}
	for _, part := range i.Parts {
		record, err := schemas.EncodePart(part)
		if err != nil {
			t.Fatal(err)
		}
		out[fmt.Sprint(part.ID)] = &kgo.Record{Key: []byte(processor.PartKey(key, part.ID)), Value: record}
	}
	return out
}

// deleted is the record that says that another is gone.
func deleted(record *kgo.Record) *kgo.Record { return &kgo.Record{Key: record.Key} }

// newer is a record as a newer version of the program would write it.
func newer(record *kgo.Record) *kgo.Record {
	value := slices.Clone(record.Value)
	value[3] ^= 0xff // of the format's fingerprint
	return &kgo.Record{Key: record.Key, Value: value}
}

func TestWhatWasDoneIsReadFromHeadsAndParts(t *testing.T) {
	now := written(t, doing("checkout", "c a", "b b a", "d b"))
	before := written(t, doing("checkout", "a", "x", "b", "y"))
	other := written(t, doing("checkout-b2b", "z", "z"))
	for name, c := range map[string]struct {
		records []*kgo.Record
		want    string // the steps, unreadable, gone, or the error
	}{
		"in the order of writing":            {[]*kgo.Record{now["1"], now["2"], now["head"]}, "b a d c"},
		"in any order":                       {[]*kgo.Record{now["head"], now["2"], now["1"]}, "b a d c"},
		"what was written again":             {[]*kgo.Record{before["1"], before["2"], before["head"], now["1"], now["2"], now["head"]}, "b a d c"},
		"a part that is gone":                {[]*kgo.Record{before["3"], deleted(before["3"]), now["1"], now["2"], now["head"]}, "b a d c"},
		"other workflows":                    {[]*kgo.Record{other["1"], other["head"], now["1"], now["2"], now["head"]}, "b a d c"},
		"an instance that is gone":           {[]*kgo.Record{now["1"], now["2"], now["head"], deleted(now["1"]), deleted(now["2"]), deleted(now["head"])}, "gone"},
		"a part that is not there yet":       {[]*kgo.Record{now["1"], now["head"]}, "instance checkout/o-1 has 5 things to undo in its parts, and these have 3 in the changelog: try again; if that does not help, the changelog is damaged"},
		"a part that a newer one has":        {[]*kgo.Record{now["1"], newer(now["2"]), now["head"]}, "unreadable"},
		"a newer part in which is no entry":  {[]*kgo.Record{newer(before["3"]), now["1"], now["2"], now["head"]}, "b a d c"},
		"an instance that a newer one has":   {[]*kgo.Record{now["1"], now["2"], newer(now["head"])}, "unreadable"},
		"progress, and a loop's part":        {[]*kgo.Record{{Key: []byte("@progress"), Value: []byte("x")}, loopPart(t), now["1"], now["2"], now["head"]}, "b a d c"},
		"a part that is a loop's by now":     {[]*kgo.Record{before["3"], loopPart(t), now["1"], now["2"], now["head"]}, "b a d c"},
		"an instance without parts by now":   {[]*kgo.Record{now["1"], now["2"], now["head"], deleted(now["1"]), deleted(now["2"]), written(t, doing("checkout", "a c a"))["head"]}, "a c"},
		"the parts of a former one are gone": {[]*kgo.Record{before["1"], deleted(before["1"]), written(t, doing("checkout", ""))["head"]}, ""},
	} {
		collection := newCollection(func(i *topology.Instance) bool { return i.Workflow == "checkout" })
		collection.done = newDoneParts("checkout")
		for _, record := range c.records {
			if err := collection.add(record); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if got := outcomeOf(collection); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func loopPart(t *testing.T) *kgo.Record {
	t.Helper()
	record, err := schemas.EncodePart(&topology.Part{ID: 3, Value: []any{int64(1)}})
	if err != nil {
		t.Fatal(err)
	}
	return &kgo.Record{Key: []byte(processor.PartKey("checkout/o-1", 3)), Value: record}
}

func outcomeOf(c *collection) string {
	whole := c.whole()
	found, err := c.found()
	switch {
	case err != nil:
		return err.Error()
	case found.Unreadable > 0:
		return "unreadable"
	case len(found.Instances) == 0:
		return "gone"
	case !whole:
		return "found, and not whole"
	}
	return strings.Join(found.Done(found.Instances[0]), " ")
}

// TestAScanGoesOnWhileSomethingIsMissing: what was written together may lie on either
// side of where the topic ended.
func TestAScanGoesOnWhileSomethingIsMissing(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		topic, client := cluster.Topic(t, "changelog", 1), cluster.Client(t)
		cfg := processor.Config{App: "shop", Brokers: cluster.Addrs, TransactionTimeout: 5 * time.Second}.WithDefaults()
		write := func(text string) {
			if err := client.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(text)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		write("1")
		for _, c := range []struct {
			more string // written at each end, a record each
			want string
		}{{"", "1"}, {"23", "123"}, {strings.Repeat("4", rereadsMax+5), "123" + strings.Repeat("4", rereadsMax-1)}} {
			var got []byte
			more := c.more
			err := scanUntil(ctx, cfg, stretch{topic: topic}, func(r *kgo.Record) error {
				got = append(got, r.Value...)
				return nil
			}, func() bool {
				if more != "" {
					write(more[:1])
					more = more[1:]
				}
				return false
			})
			if err != nil || string(got) != c.want {
				t.Errorf("with %q to come: read %q, want %q (%v)", c.more, got, c.want, err)
			}
		}
	})
}
