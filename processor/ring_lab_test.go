package processor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"rondo/internal/kafkatest"
	"rondo/processor"
)

// ringLab is what a test of the ring works with: topics, a group with a living
// member, and rings of one pair of transactional ids.
type ringLab struct {
	t       *testing.T
	ctx     context.Context
	cluster *kafkatest.Cluster
	admin   *kadm.Client

	input     string // 1 partition
	output    string // outputPartitions
	changelog string // 1 partition
	group     string
	ids       [2]string
	member    *labMember
}

const outputPartitions = 4

// onEachCluster runs a test on every kind of cluster, and on an embedded one
// with three brokers, where partitions have to be named beforehand.
func onEachCluster(t *testing.T, test func(lab *ringLab)) {
	t.Run("embedded-3", func(t *testing.T) { test(newRingLab(t, kafkatest.Embedded(t, 3))) })
	kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) { test(newRingLab(t, cluster)) })
}

func newRingLab(t *testing.T, cluster *kafkatest.Cluster) *ringLab {
	ctx, cancel := context.WithTimeout(context.Background(), 9*time.Minute)
	t.Cleanup(cancel)
	lab := &ringLab{
		t: t, ctx: ctx, cluster: cluster,
		admin:     kadm.NewClient(cluster.Client(t)),
		input:     cluster.Topic(t, "input", 1),
		output:    cluster.Topic(t, "output", outputPartitions),
		changelog: cluster.Topic(t, "changelog", 1),
		group:     kafkatest.Unique(t, "group"),
		ids:       [2]string{kafkatest.Unique(t, "0"), kafkatest.Unique(t, "1")},
	}
	lab.member = lab.join()
	return lab
}

// labMember is a member of the group, as a lane knows it: by what the
// assignment callbacks say.
type labMember struct {
	client *kgo.Client

	mu      sync.Mutex // guards the fields below
	current processor.Member
	changed chan struct{} // closed and replaced when current changes
}

// join adds a member to the group and waits until it has an identity.
func (l *ringLab) join() *labMember {
	m := &labMember{changed: make(chan struct{})}
	seen := func(_ context.Context, client *kgo.Client, _ map[string][]int32) {
		id, generation := client.GroupMetadata()
		m.mu.Lock()
		defer m.mu.Unlock()
		m.current = processor.Member{ID: id, Generation: generation}
		close(m.changed)
		m.changed = make(chan struct{})
	}
	m.client = l.cluster.Client(l.t,
		kgo.ConsumerGroup(l.group), kgo.ConsumeTopics(l.input), kgo.DisableAutoCommit(),
		kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.HeartbeatInterval(100*time.Millisecond),
		kgo.OnPartitionsAssigned(seen))
	m.await(l, func(m processor.Member) bool { return m.ID != "" })
	return m
}

// await returns the identity as soon as it is as wanted.
func (m *labMember) await(l *ringLab, wanted func(processor.Member) bool) processor.Member {
	l.t.Helper()
	for {
		m.mu.Lock()
		current, changed := m.current, m.changed
		m.mu.Unlock()
		if wanted(current) {
			return current
		}
		select {
		case <-changed:
		case <-l.ctx.Done():
			l.t.Fatalf("the group did not change as expected; member %v", current)
		}
	}
}

func (l *ringLab) identity() processor.Member {
	return l.member.await(l, func(m processor.Member) bool { return m.ID != "" })
}

func (l *ringLab) ringConfig(opts ...kgo.Opt) processor.RingConfig {
	return processor.RingConfig{
		NewClient: func(ring ...kgo.Opt) (*kgo.Client, error) { return l.cluster.NewClient(append(ring, opts...)...) },
		IDs:       l.ids,
		Group:     l.group,
	}
}

// brief is a transaction timeout for tests that have to wait for it. On three
// brokers and two cores the first transaction on new topics takes seconds.
func (l *ringLab) brief() time.Duration {
	if l.cluster.Real() {
		return 4 * time.Second
	}
	return time.Second
}

func (l *ringLab) open(cfg processor.RingConfig) *processor.Ring {
	l.t.Helper()
	ring, err := processor.OpenRing(l.ctx, cfg)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(ring.Close)
	return ring
}

// begin starts transaction n: its number in every partition of the output and
// in the changelog.
func (l *ringLab) begin(ring *processor.Ring, n int) *processor.Txn {
	txn := ring.Begin()
	value := []byte(fmt.Sprint(n))
	for p := range int32(outputPartitions) {
		txn.Add(&kgo.Record{Topic: l.output, Partition: p, Value: value})
	}
	txn.Add(&kgo.Record{Topic: l.changelog, Value: value})
	return txn
}

func (l *ringLab) offsets(next int64) processor.Offsets {
	return processor.Offsets{l.input: {0: {Next: next, LeaderEpoch: -1, Metadata: "of the test"}}}
}

// commit runs transaction n, which moves the input's offset to n.
func (l *ringLab) commit(ring *processor.Ring, n int) error {
	return l.begin(ring, n).Commit(l.ctx, l.offsets(int64(n)), l.identity())
}

func (l *ringLab) mustCommit(ring *processor.Ring, numbers ...int) {
	l.t.Helper()
	for _, n := range numbers {
		if err := l.commit(ring, n); err != nil {
			l.t.Fatalf("commit %d: %v", n, err)
		}
	}
}

// expect checks that exactly these transactions are there: in every partition,
// in order, and the group's offset is the last one's.
func (l *ringLab) expect(numbers ...int) {
	l.t.Helper()
	want := make([]string, len(numbers))
	for i, n := range numbers {
		want[i] = fmt.Sprint(n)
	}
	for p, got := range l.readCommitted(l.output, outputPartitions) {
		if !slices.Equal(got, want) {
			l.t.Errorf("output %d holds %v, not %v", p, got, want)
		}
	}
	if got := l.readCommitted(l.changelog, 1)[0]; !slices.Equal(got, want) {
		l.t.Errorf("the changelog holds %v, not %v", got, want)
	}
	next := int64(-1)
	if len(numbers) > 0 {
		next = int64(numbers[len(numbers)-1])
	}
	if got := l.committedOffset(); got != next {
		l.t.Errorf("the group's offset is %d, not %d", got, next)
	}
}

// committedOffset is the group's offset of the input, -1 without one.
func (l *ringLab) committedOffset() int64 {
	l.t.Helper()
	offset, err := l.fetchOffset()
	if err != nil {
		l.t.Fatalf("fetch the group's offset: %v", err)
	}
	return offset
}

// fetchOffset returns the group's offset of the input, -1 without one, once no
// transaction on it is undecided. Asked without "stable" a coordinator that has
// just been started answers with the offset before a transaction whose commit it
// has confirmed and whose marker it has not read yet.
func (l *ringLab) fetchOffset() (int64, error) {
	stable := kadm.RequireStable(l.ctx)
	for {
		offsets, err := l.admin.FetchOffsets(stable, l.group)
		if err == nil {
			err = offsets.Error()
		}
		switch {
		case err == nil:
			if offset, ok := offsets.Lookup(l.input, 0); ok {
				return offset.At, nil
			}
			return -1, nil
		case !errors.Is(err, kerr.UnstableOffsetCommit):
			return 0, err
		}
	}
}

// readCommitted reads a topic as read_committed consumers see it, to its end,
// after every transaction on it has ended.
func (l *ringLab) readCommitted(topic string, partitions int) [][]string {
	l.t.Helper()
	values := make([][]string, partitions)
	l.eachCommitted(topic, partitions, func(rec *kgo.Record) {
		values[rec.Partition] = append(values[rec.Partition], string(rec.Value))
	})
	return values
}

// offsetsOf returns where the values of a topic with one partition are.
func (l *ringLab) offsetsOf(topic string) map[string]int64 {
	l.t.Helper()
	offsets := make(map[string]int64)
	l.eachCommitted(topic, 1, func(rec *kgo.Record) { offsets[string(rec.Value)] = rec.Offset })
	return offsets
}

func (l *ringLab) eachCommitted(topic string, partitions int, visit func(*kgo.Record)) {
	l.t.Helper()
	ends := l.settledEnds(topic)
	starts := make(map[int32]kgo.Offset)
	left := 0
	for p := range int32(partitions) {
		starts[p] = kgo.NewOffset().AtStart()
		if ends[p] > 0 {
			left++
		}
	}
	client, err := l.cluster.NewClient(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: starts}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	if err != nil {
		l.t.Fatal(err)
	}
	defer client.Close()
	for left > 0 {
		fetches := client.PollFetches(l.ctx)
		if err := fetches.Err(); err != nil {
			l.t.Fatalf("read %s: %v", topic, err)
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			if !rec.Attrs.IsControl() {
				visit(rec)
			}
			if rec.Offset+1 == ends[rec.Partition] { // a marker: the last thing of a transaction
				left--
			}
		})
	}
}

// settledEnds waits until the last stable offsets have reached the high
// watermarks, and returns them.
func (l *ringLab) settledEnds(topic string) map[int32]int64 {
	l.t.Helper()
	for {
		stable, err := l.admin.ListCommittedOffsets(l.ctx, topic)
		if err != nil {
			l.t.Fatal(err)
		}
		all, err := l.admin.ListEndOffsets(l.ctx, topic)
		if err != nil {
			l.t.Fatal(err)
		}
		ends, settled := make(map[int32]int64), true
		for p, end := range all[topic] {
			settled = settled && end.Err == nil && stable[topic][p].Err == nil && end.Offset == stable[topic][p].Offset
			ends[p] = end.Offset
		}
		if settled {
			return ends
		}
	}
}

// throwOut removes a member from the group behind its back.
func (l *ringLab) throwOut(member processor.Member) {
	l.t.Helper()
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group, req.MemberID = l.group, member.ID
	leaving := kmsg.NewLeaveGroupRequestMember()
	leaving.MemberID = member.ID
	req.Members = append(req.Members, leaving)
	resp, err := req.RequestWith(l.ctx, l.member.client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		l.t.Fatalf("throw out member %s: %v", member.ID, err)
	}
}
