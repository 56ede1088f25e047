package processor_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"rondo/internal/kafkatest"
	"rondo/processor"
)

// count adds up numbers and tells the sum after each: an input that is lost,
// doubled or out of order shows in every sum behind it.
const count = `
workflow: count
version: 1
messages:
  Add:   {topic: %s.in, key: event.id}
  Total: {topic: %s.out}
start: {Add: {set: {sum: =event.n, adds: 1}}}
do:
  - report: {send: Total, with: {id: =key, sum: =sum, adds: =adds}}
  - more:
      listen: {Add: {set: {sum: =sum + event.n, adds: =adds + 1}, then: report}}
`

// counting is an application of count with its nodes' clients on a wire.
type counting struct {
	*app
	wire *kafkatest.Wire
	seen *watch
	out  *follower
	keys int
	adds int // written so far, in turns to all keys
	told map[string]int
}

func newCounting(t *testing.T, cluster *kafkatest.Cluster) *counting {
	c := &counting{app: newApp(t, cluster, count), wire: new(kafkatest.Wire), keys: 8, told: make(map[string]int)}
	c.app.dial = c.wire.Dial
	c.app.config.TransactionTimeout = time.Second
	c.app.create(nil)
	c.seen = c.app.watch()
	c.out = c.app.follow("out")
	return c
}

// add writes numbers to every key in turn.
func (c *counting) add(n int) {
	c.t.Helper()
	for range n {
		id := fmt.Sprintf("c-%d", c.adds%c.keys)
		c.produce("in", id, fmt.Sprintf(`{"type":"Add","id":%q,"n":%d}`, id, c.adds/c.keys+1))
		c.adds++
	}
}

// settle waits until everything that was added is told, and checks that each
// number counted once and in its turn.
func (c *counting) settle() {
	c.t.Helper()
	sum := 0
	for _, n := range c.told {
		sum += n
	}
	for _, total := range c.out.next(c.adds - sum) {
		id := string(total.Key)
		c.told[id]++
		n := c.told[id] // the numbers of a key are 1, 2, 3, …
		if field(c.t, total, "adds") != float64(n) || field(c.t, total, "sum") != float64(n*(n+1)/2) {
			c.t.Fatalf("after %d numbers: %s", n, describe(total))
		}
	}
}

// topicNames are the names of the topics by Kafka's ids.
func (a *app) topicNames() map[[16]byte]string {
	a.t.Helper()
	admin := kadm.NewClient(a.cluster.Client(a.t)) // the app's remembers for a moment which topics there were
	topics, err := admin.ListTopics(a.t.Context())
	if err != nil {
		a.t.Fatal(err)
	}
	names := make(map[[16]byte]string)
	for name, detail := range topics {
		names[detail.ID] = name
	}
	return names
}

var transactionKeys = []kmsg.Key{kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.Produce, kmsg.TxnOffsetCommit, kmsg.EndTxn}

func TestEachInputCountsOnceWhileConnectionsAreCut(t *testing.T) {
	for what, when := range cuts {
		t.Run(what, func(t *testing.T) {
			c := newCounting(t, kafkatest.Embedded(t, 3))
			c.ready(c.node())
			for _, key := range append(transactionKeys, kmsg.Fetch, kmsg.OffsetFetch, kmsg.ListOffsets, kmsg.Heartbeat) {
				for range 3 {
					c.wire.Cut(key, when, 1)
					c.add(8)
				}
				c.settle()
			}
			if c.wire.Mend() == 0 {
				t.Error("nothing was cut")
			}
		})
	}
}

// Whatever is decided again after an abort, and with it what was decided upon it,
// counts once, while records keep coming.
func TestEachInputCountsOnceWhileTransactionsAreAborted(t *testing.T) {
	c := newCounting(t, kafkatest.Embedded(t, 1))
	c.keys = 2
	node := c.node()
	c.ready(node)
	for range 10 {
		c.cluster.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.TransactionAbortable})
		c.add(20)
	}
	c.settle()
	if n := node.count("rondo_transaction_replays_total"); n < 5 {
		t.Errorf("%v batches were decided again", n)
	}
}

// The connection stays cut for longer than a transaction may take: nobody can
// say what became of it. The lane finds out by reading.
func TestUnknownOutcomeIsFoundOutByReading(t *testing.T) {
	for _, key := range []kmsg.Key{kmsg.Produce, kmsg.TxnOffsetCommit, kmsg.EndTxn} {
		for what, when := range cuts {
			t.Run(key.Name()+" "+what, func(t *testing.T) {
				c := newCounting(t, kafkatest.Embedded(t, 1))
				node := c.node()
				c.ready(node)
				c.add(16)
				c.settle()
				c.wire.Cut(key, when, -1)
				c.add(16)
				c.await("an outcome that is not known", func() bool {
					return node.count("rondo_transactions_total", "result", "unknown") > 0
				})
				c.wire.Mend()
				c.add(16)
				c.settle()
			})
		}
	}
}

func TestEachInputCountsOnceWhateverTheBrokerAnswers(t *testing.T) {
	c := newCounting(t, kafkatest.Embedded(t, 1))
	node := c.node()
	c.ready(node)
	for _, fault := range []struct {
		key kmsg.Key
		top bool
		err []*kerr.Error
	}{
		{kmsg.Produce, false, []*kerr.Error{kerr.TransactionAbortable, kerr.NotLeaderForPartition, kerr.ConcurrentTransactions, kerr.InvalidTxnState, kerr.UnknownServerError}},
		{kmsg.TxnOffsetCommit, false, []*kerr.Error{kerr.CoordinatorLoadInProgress, kerr.ConcurrentTransactions, kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.GroupAuthorizationFailed, kerr.InvalidProducerEpoch}},
		{kmsg.EndTxn, true, []*kerr.Error{kerr.ConcurrentTransactions, kerr.NotCoordinator, kerr.InvalidTxnState, kerr.UnknownServerError, kerr.ProducerFenced}},
		{kmsg.InitProducerID, true, []*kerr.Error{kerr.ConcurrentTransactions, kerr.CoordinatorNotAvailable}},
		{kmsg.OffsetFetch, true, []*kerr.Error{kerr.UnstableOffsetCommit, kerr.NotCoordinator}},
		{kmsg.ListOffsets, false, []*kerr.Error{kerr.NotLeaderForPartition, kerr.UnknownServerError}},
		{kmsg.Heartbeat, true, []*kerr.Error{kerr.RebalanceInProgress, kerr.IllegalGeneration, kerr.UnknownMemberID}},
	} {
		for _, err := range fault.err {
			c.cluster.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{fault.key}, TopLevel: fault.top, Err: err, Count: 2, When: ofLanes})
			c.add(24)
			c.settle()
		}
	}
	if aborts := node.count("rondo_transaction_replays_total"); aborts == 0 {
		t.Error("no transaction was decided again")
	}
}

// ofLanes leaves out what the test itself produces.
func ofLanes(r kmsg.Request) bool {
	switch r := r.(type) {
	case *kmsg.ProduceRequest:
		return r.TransactionID != nil
	case *kmsg.InitProducerIDRequest:
		return r.TransactionalID != nil
	}
	return true
}

// The group throws members out behind their backs while they decide.
func TestEachInputCountsOnceWhileMembersAreThrownOut(t *testing.T) {
	c := newCounting(t, kafkatest.Embedded(t, 1))
	first, second := c.node(), c.node()
	c.await("both nodes to have lanes", func() bool {
		a, b := first.Status().Partitions.Running, second.Status().Partitions.Running
		return a > 0 && b > 0 && a+b == appPartitions
	})
	for range 2 {
		group := c.cluster.Fake.GroupInfo(c.config.App)
		for _, member := range group.Members {
			c.throwOut(member.MemberID)
			c.add(40)
		}
		c.settle()
	}
	c.ready(first, second)
}

func (a *app) throwOut(member string) {
	a.t.Helper()
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group, req.MemberID = a.config.App, member
	leaving := kmsg.NewLeaveGroupRequestMember()
	leaving.MemberID = member
	req.Members = append(req.Members, leaving)
	if _, err := req.RequestWith(a.t.Context(), a.client); err != nil {
		a.t.Fatal(err)
	}
}

// While a rebalance is between its two halves, a member has the new generation
// already, but not the assignment that goes with it. What its lanes commit
// meanwhile must be refused.
func TestNobodyCommitsUnderAGenerationBeforeItsAssignment(t *testing.T) {
	c := newCounting(t, kafkatest.Embedded(t, 1))
	fake := c.cluster.Fake
	var mu sync.Mutex // guards assigned
	assigned := make(map[processor.Member]bool)
	fake.ControlKey(int16(kmsg.SyncGroup), func(r kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		sync := r.(*kmsg.SyncGroupRequest)
		fake.SleepControl(func() { time.Sleep(300 * time.Millisecond) })
		mu.Lock()
		defer mu.Unlock()
		assigned[processor.Member{ID: sync.MemberID, Generation: sync.Generation}] = true
		return nil, nil, false
	})
	fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Observe: true, Count: -1, When: func(r kmsg.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if as := (processor.Member{ID: r.(*kmsg.TxnOffsetCommitRequest).MemberID, Generation: r.(*kmsg.TxnOffsetCommitRequest).Generation}); !assigned[as] {
			t.Errorf("a lane commits as %v, whose assignment is still to come", as)
		}
		return true
	}})
	first := c.node()
	c.ready(first)
	second := c.node()
	deadline := time.Now().Add(40 * time.Second)
	for first.Status().Partitions.Running+second.Status().Partitions.Running != appPartitions || second.Status().Partitions.Running == 0 {
		if time.Now().After(deadline) {
			t.Fatal("the second node gets no lane")
		}
		c.add(8)
	}
	c.settle()
}

// Nothing may be read while somebody's open transaction holds the changelog's
// last stable offset back: what was committed behind it would be missing.
func TestRestoreWaitsForAllThatWasWritten(t *testing.T) {
	c := newCounting(t, kafkatest.Embedded(t, 1))
	dir := t.TempDir()
	node := c.nodeIn(dir)
	c.ready(node)
	c.add(16)
	c.settle()
	stranger := c.cluster.Client(t, kgo.TransactionalID(kafkatest.Unique(t, "stranger")), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err := stranger.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for p := range int32(appPartitions) {
		if err := stranger.ProduceSync(t.Context(), &kgo.Record{Topic: c.topic("changelog"), Partition: p, Key: []byte("stranger")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	c.add(16)
	c.settleLater(node)
	if err := node.stop(); err != nil {
		t.Fatal(err)
	}

	node = c.node() // with nothing on its disk
	c.await("the partitions to be restored", func() bool { return node.Status().Partitions.Restoring == appPartitions })
	time.Sleep(500 * time.Millisecond)
	if s := node.Status(); s.Partitions.Restoring != appPartitions {
		t.Errorf("not all partitions are being restored: %+v", s)
	}
	// Stopping does not wait for what may never come.
	began := time.Now()
	if err := node.stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("to stop a node that restores took %v", took)
	}

	node = c.node()
	c.await("the partitions to be restored", func() bool { return node.Status().Partitions.Restoring == appPartitions })
	if err := stranger.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	c.ready(node)
	c.add(16)
	c.settle()
}

// settleLater waits until what was added is decided, without looking at it: it
// may not be visible yet.
func (c *counting) settleLater(node *runningNode) {
	c.t.Helper()
	c.await("the inputs to be decided", func() bool { return c.lag() == 0 })
}

func TestLocalStoreThatIsLostOrDamagedIsRebuilt(t *testing.T) {
	for what, harm := range map[string]func(t *testing.T, dir string){
		"deleted": func(t *testing.T, dir string) {
			if err := os.RemoveAll(filepath.Join(dir, "state")); err != nil {
				t.Fatal(err)
			}
		},
		"overwritten": func(t *testing.T, dir string) { overwrite(t, dir, ".sst") },
		"without its manifest": func(t *testing.T, dir string) {
			overwrite(t, dir, "MANIFEST")
		},
	} {
		t.Run(strings.ReplaceAll(what, " ", "-"), func(t *testing.T) {
			c := newCounting(t, kafkatest.Embedded(t, 1))
			dir := t.TempDir()
			for range 3 {
				node := c.nodeIn(dir)
				c.ready(node)
				c.add(16)
				c.settle()
				if err := node.stop(); err != nil {
					t.Fatal(err)
				}
				harm(t, dir)
			}
			c.add(16)
			c.ready(c.nodeIn(dir))
			c.settle()
		})
	}
}

// overwrite spoils the middle of files of the local store.
func overwrite(t *testing.T, dir, kind string) {
	t.Helper()
	hit := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(d.Name(), kind) {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i := range raw[len(raw)/4 : len(raw)/2] {
			raw[len(raw)/4+i] ^= 0xa5
		}
		hit++
		return os.WriteFile(path, raw, 0o600)
	})
	if err != nil || hit == 0 {
		t.Fatalf("%d files were overwritten: %v", hit, err)
	}
}

// gate is a network that can be shut.
type gate struct {
	mu   sync.Mutex // guards what follows
	shut bool
	open []net.Conn
}

func (g *gate) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil || g.shut {
		return nil, errors.Join(errors.New("no network"), err, closeAll(conn))
	}
	g.open = append(g.open, conn)
	return conn, nil
}

func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut = shut; shut {
		_ = closeAll(g.open...)
		g.open = nil
	}
}

func closeAll(conns ...net.Conn) error {
	for _, c := range conns {
		if c != nil {
			c.Close()
		}
	}
	return nil
}

func TestNodeWithoutBrokersIsNotReadyAndHealsByItself(t *testing.T) {
	c := newCounting(t, kafkatest.Embedded(t, 1))
	network := new(gate)
	c.dial = network.dial
	node := c.node()
	c.ready(node)
	c.add(16)
	c.settle()
	network.set(true)
	c.add(16)
	c.await("the node not to be ready", func() bool { return !node.Status().Ready })
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if s := node.Status(); s.Ready || !s.Live {
			t.Fatalf("without brokers: %+v", s)
		}
	}
	network.set(false)
	c.ready(node)
	c.settle()
	c.await("the node to be ready", func() bool { return node.Status().Ready })
}

// count returns a counter of the node; labels come as name, value.
func (n *runningNode) count(name string, labels ...string) float64 {
	families, err := n.reg.Gather()
	if err != nil {
		return -1
	}
	sum := 0.0
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			match := true
			for i := 0; i+1 < len(labels); i += 2 {
				has := false
				for _, l := range m.GetLabel() {
					has = has || l.GetName() == labels[i] && l.GetValue() == labels[i+1]
				}
				match = match && has
			}
			if match {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// Nothing of an aborted transaction exists, so its inputs are decided again at
// once: no takeover, no restore.
func TestAbortedTransactionIsDecidedAgainWithoutATakeover(t *testing.T) {
	for _, fault := range []kfake.Fault{
		{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.TransactionAbortable, When: ofLanes},
		{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.TransactionAbortable},
	} {
		c := newCounting(t, kafkatest.Embedded(t, 1))
		node := c.node()
		c.ready(node)
		for range 5 {
			c.cluster.Fake.Fault(fault)
			c.add(16)
			c.settle()
		}
		if replays, takeovers := node.count("rondo_transaction_replays_total"), node.count("rondo_takeovers_total"); replays < 5 || takeovers != appPartitions {
			t.Errorf("%v: %v replays, %v takeovers", fault.Keys, replays, takeovers)
		}
	}
}

// A lane that the group does not know any more waits for the group's word: to
// open the ring again would fence whoever has the partition now.
func TestExpelledLaneDoesNotFenceTheNextOwner(t *testing.T) {
	c := newCounting(t, kafkatest.Embedded(t, 1))
	node := c.node()
	c.ready(node)
	refused := c.cluster.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.UnknownMemberID, Count: -1})
	fences := c.cluster.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, TopLevel: true, Observe: true, Count: -1, When: ofLanes})
	c.add(1)
	if err := refused.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	time.Sleep(c.config.SessionTimeout / 2)
	if n := fences.Hits(); n != 0 {
		t.Errorf("the lane has opened %d producers", n)
	}
	if s := node.Status(); s.Ready || s.Partitions.Running != appPartitions-1 {
		t.Errorf("status: %+v", s)
	}
	refused.Remove()
	c.settle()
}
