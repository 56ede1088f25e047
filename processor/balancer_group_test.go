package processor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// groupMember is a real client in a group on the embedded broker. It records
// what it has and what it had to give up.
type groupMember struct {
	id       string
	client   *kgo.Client
	balancer *balancer
	news     chan<- struct{} // capacity 1, shared: some member's facts changed

	mu    sync.Mutex
	owned map[input]bool
	lost  map[input]bool // since the last call of forget
}

var groupTopics = map[string]int32{labInbox: 8, "orders": 16, "payments": 5}

// groupBroker is an embedded broker with the topics of groupTopics.
func groupBroker(t *testing.T) []string {
	t.Helper()
	opts := []kfake.Opt{kfake.NumBrokers(1)}
	for topic, partitions := range groupTopics {
		opts = append(opts, kfake.SeedTopics(partitions, topic))
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()
}

func joinAs(t *testing.T, addrs []string, id string, news chan<- struct{}) *groupMember {
	t.Helper()
	m := &groupMember{
		id:       id,
		balancer: newBalancer(labInbox).advertise(id+":7070", ""),
		news:     news,
		owned:    make(map[input]bool),
		lost:     make(map[input]bool),
	}
	gone := func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) { m.lose(partitions) }
	var err error
	m.client, err = kgo.NewClient(
		kgo.SeedBrokers(addrs...),
		kgo.ConsumerGroup("shop"),
		kgo.ConsumeTopics(slices.Sorted(maps.Keys(groupTopics))...),
		kgo.Balancers(m.balancer),
		kgo.HeartbeatInterval(50*time.Millisecond),
		kgo.DisableAutoCommit(),
		kgo.MetadataMinAge(10*time.Millisecond),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, added map[string][]int32) { m.gain(added) }),
		kgo.OnPartitionsRevoked(gone),
		kgo.OnPartitionsLost(gone),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.client.Close)
	return m
}

func (m *groupMember) gain(added map[string][]int32) {
	m.change(func() {
		for topic, partitions := range added {
			for _, p := range partitions {
				m.owned[input{topic, p}] = true
			}
		}
	})
}

func (m *groupMember) lose(gone map[string][]int32) {
	m.change(func() {
		for topic, partitions := range gone {
			for _, p := range partitions {
				delete(m.owned, input{topic, p})
				m.lost[input{topic, p}] = true
			}
		}
	})
}

func (m *groupMember) change(what func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	what()
	select {
	case m.news <- struct{}{}:
	default:
	}
}

func (m *groupMember) facts() (owned, lost map[input]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.owned), maps.Clone(m.lost)
}

func (m *groupMember) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.lost)
}

// unsettled says why a group is not yet as it should be; nil: it is.
func unsettled(members []*groupMember) error {
	lanes := make(map[int32]*groupMember)
	counts := make(map[string]int)
	for _, m := range members {
		owned, _ := m.facts()
		for in := range owned {
			if in.topic != labInbox {
				continue
			}
			if other := lanes[in.partition]; other != nil {
				return fmt.Errorf("lane %d is with %s and %s", in.partition, other.id, m.id)
			}
			lanes[in.partition] = m
			counts[m.id]++
		}
	}
	if len(lanes) != int(groupTopics[labInbox]) {
		return fmt.Errorf("only %d lanes are with somebody", len(lanes))
	}
	for _, m := range members {
		if n := counts[m.id]; n != 8/len(members) && n != (8+len(members)-1)/len(members) {
			return fmt.Errorf("%s has %d lanes of 8, with %d members", m.id, n, len(members))
		}
		if err := lanesInParts(m, lanes); err != nil {
			return err
		}
	}
	return nil
}

// lanesInParts says which partition a member has wrongly or lacks, and which
// lane it believes elsewhere.
func lanesInParts(m *groupMember, lanes map[int32]*groupMember) error {
	owned, _ := m.facts()
	for topic, partitions := range groupTopics {
		for p := range partitions {
			if mine := lanes[p%groupTopics[labInbox]] == m; owned[input{topic, p}] != mine {
				return fmt.Errorf("%s/%d: with %s is %v, its lane %v", topic, p, m.id, !mine, mine)
			}
		}
	}
	for lane, owner := range lanes {
		if known, _ := m.balancer.owners().of(lane); known.Address != owner.id+":7070" {
			return fmt.Errorf("%s believes lane %d at %q, it is with %s", m.id, lane, known.Address, owner.id)
		}
	}
	return nil
}

func awaitSettled(t *testing.T, news <-chan struct{}, members ...*groupMember) {
	t.Helper()
	limit := time.NewTimer(60 * time.Second)
	defer limit.Stop()
	for {
		err := unsettled(members)
		if err == nil {
			return
		}
		select {
		case <-news:
		case <-limit.C:
			t.Fatalf("the group does not settle: %v", err)
		}
	}
}

// lanesWith returns the lanes that a member has.
func lanesWith(m *groupMember) map[int32]bool {
	owned, _ := m.facts()
	lanes := make(map[int32]bool)
	for in := range owned {
		if in.topic == labInbox {
			lanes[in.partition] = true
		}
	}
	return lanes
}

// rebalanceBy has the group change and checks that lanes that stay where they
// were have not been interrupted.
func rebalanceBy(t *testing.T, news <-chan struct{}, members []*groupMember, change func() []*groupMember) {
	t.Helper()
	before := make(map[*groupMember]map[int32]bool)
	for _, m := range members {
		before[m] = lanesWith(m)
		m.forget()
	}
	now := change()
	awaitSettled(t, news, now...)
	for _, m := range now {
		_, lost := m.facts()
		after := lanesWith(m)
		for in := range lost {
			if lane := in.partition % groupTopics[labInbox]; before[m][lane] && after[lane] {
				t.Errorf("lane %d stays with %s, which had to give up %v", lane, m.id, in)
			}
		}
	}
}

// TestGroupOfThreeOnABrokerKeepsLanesWhole joins three clients one by one, and
// lets two of them leave again.
func TestGroupOfThreeOnABrokerKeepsLanesWhole(t *testing.T) {
	addrs := groupBroker(t)
	news := make(chan struct{}, 1)
	a := joinAs(t, addrs, "a", news)
	awaitSettled(t, news, a)

	var b, c *groupMember
	rebalanceBy(t, news, []*groupMember{a}, func() []*groupMember {
		b = joinAs(t, addrs, "b", news)
		return []*groupMember{a, b}
	})
	rebalanceBy(t, news, []*groupMember{a, b}, func() []*groupMember {
		c = joinAs(t, addrs, "c", news)
		return []*groupMember{a, b, c}
	})
	rebalanceBy(t, news, []*groupMember{a, b, c}, func() []*groupMember {
		a.client.Close() // the leader
		return []*groupMember{b, c}
	})
	rebalanceBy(t, news, []*groupMember{b, c}, func() []*groupMember {
		c.client.Close()
		return []*groupMember{b}
	})
}
