package verdict

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/kafkatest"
)

// desk writes to the topics of a made-up run.
type desk struct {
	t       *testing.T
	ctx     context.Context
	cluster *kafkatest.Cluster
	admin   *kadm.Client
	scope   Scope
}

func newDesk(t *testing.T) *desk {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	cluster := kafkatest.Embedded(t, 1)
	d := &desk{t: t, ctx: ctx, cluster: cluster, admin: kadm.NewClient(cluster.Client(t))}
	d.scope = Scope{Run: "r-", Group: "engine", Topics: Topics{
		Inputs: []string{"orders", "events"}, Commands: []string{"commands", "status"},
		Ledger: "ledger", DeadLetters: "dead", Inbox: "inbox", Tables: []string{"profiles"}, Changelog: "changelog",
	}}
	for _, topic := range d.scope.Topics.All() {
		if _, err := d.admin.CreateTopic(ctx, 2, 1, nil, topic); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func (d *desk) mark() {
	start, err := Mark(d.ctx, d.admin, d.scope.Topics)
	if err != nil {
		d.t.Fatal(err)
	}
	d.scope.Start = start
}

func (d *desk) write(topic, key string) {
	cl := d.cluster.Client(d.t)
	if err := cl.ProduceSync(d.ctx, &kgo.Record{Topic: topic, Key: []byte(key), Value: []byte("v")}).FirstErr(); err != nil {
		d.t.Fatal(err)
	}
}

// transact writes one record in a transaction and leaves its end to the caller.
func (d *desk) transact(topic, key string) *kgo.Client {
	cl := d.cluster.Client(d.t, kgo.TransactionalID(fmt.Sprint(topic, key)))
	if err := cl.BeginTransaction(); err != nil {
		d.t.Fatal(err)
	}
	if err := cl.ProduceSync(d.ctx, &kgo.Record{Topic: topic, Key: []byte(key), Value: []byte("v")}).FirstErr(); err != nil {
		d.t.Fatal(err)
	}
	return cl
}

func (d *desk) end(cl *kgo.Client, how kgo.TransactionEndTry) {
	if err := cl.EndTransaction(d.ctx, how); err != nil {
		d.t.Fatal(err)
	}
}

// commitAll commits everything in a topic as read.
func (d *desk) commitAll(topic string) {
	ends, err := d.admin.ListEndOffsets(d.ctx, topic)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := d.admin.CommitAllOffsets(d.ctx, d.scope.Group, ends.Offsets()); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) read() *Books {
	books, err := Read(d.ctx, d.cluster.Addrs, d.scope)
	if err != nil {
		d.t.Fatal(err)
	}
	return books
}

func keys(records []Record) []string {
	var out []string
	for _, r := range records {
		out = append(out, r.Key)
	}
	slices.Sort(out)
	return out
}

func TestOnlyWhatWasCommittedBehindTheMarksIsRead(t *testing.T) {
	d := newDesk(t)
	d.write("orders", "r-old")
	d.mark()
	d.write("orders", "r-1")
	d.write("events", "r-1")
	d.end(d.transact("commands", "r-1"), kgo.TryCommit)
	d.end(d.transact("commands", "r-2"), kgo.TryAbort)
	d.end(d.transact("status", "r-1"), kgo.TryCommit)
	d.write("ledger", "r-1")
	d.write("profiles", "r-1")
	d.end(d.transact("changelog", "r-1"), kgo.TryCommit)
	d.end(d.transact("dead", "r-3"), kgo.TryCommit)
	d.commitAll("orders")
	d.commitAll("events")

	b := d.read()
	for what, got := range map[string][]string{"tables": keys(b.Tables), "changelog": keys(b.Changelog), "ledger": keys(b.Ledger)} {
		if !slices.Equal(got, []string{"r-1"}) {
			t.Errorf("%s of %v, want r-1 alone", what, got)
		}
	}
	if got := keys(b.Inputs); !slices.Equal(got, []string{"r-1", "r-1"}) {
		t.Errorf("inputs of %v, want those of r-1 behind the marks", got)
	}
	if got := keys(b.Commands); !slices.Equal(got, []string{"r-1", "r-1"}) {
		t.Errorf("commands and outcomes of %v, want those of r-1: r-2 was aborted", got)
	}
	if got := keys(b.DeadLetters); !slices.Equal(got, []string{"r-3"}) {
		t.Errorf("dead letters of %v, want r-3", got)
	}
	if len(b.Open) != 0 || len(b.Unread) != 0 {
		t.Errorf("open %v, unread %v, want none", b.Open, b.Unread)
	}
}

func TestOpenTransactionIsFound(t *testing.T) {
	d := newDesk(t)
	d.mark()
	open := d.transact("commands", "r-1")
	b := d.read()
	if len(b.Open) != 1 || b.Open[0].Topic != "commands" || b.Open[0].Offset != 0 {
		t.Errorf("open %v, want the beginning of commands", b.Open)
	}
	if len(b.Commands) != 0 {
		t.Errorf("read %v out of an open transaction", keys(b.Commands))
	}
	d.end(open, kgo.TryAbort)
	if b := d.read(); len(b.Open) != 0 {
		t.Errorf("open %v after the end", b.Open)
	}
}

func TestUnreadInputIsFoundAndAMarkerIsNone(t *testing.T) {
	d := newDesk(t)
	d.write("orders", "r-0")
	d.mark()
	d.end(d.transact("inbox", "r-1"), kgo.TryAbort) // leaves two offsets and nothing to read
	if b := d.read(); len(b.Unread) != 0 {
		t.Fatalf("unread %v where there is nothing to read", b.Unread)
	}
	d.write("events", "r-1")
	d.end(d.transact("inbox", "r-1"), kgo.TryCommit)
	b := d.read()
	if len(b.Unread) != 2 || b.Unread[0].Topic != "events" || b.Unread[1].Topic != "inbox" {
		t.Fatalf("unread %v, want a record of events and one of inbox", b.Unread)
	}
	if b.Unread[0].Offset != 0 || b.Unread[1].Offset != 2 {
		t.Errorf("unread %v, want the first record of each, at 0 and 2", b.Unread)
	}
	d.commitAll("events")
	d.commitAll("inbox")
	if b := d.read(); len(b.Unread) != 0 {
		t.Errorf("unread %v after everything was committed", b.Unread)
	}
}
