package processor

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

const labInbox = "shop.inbox"

// labMember is a member of a group that exists in memory only.
type labMember struct {
	id         string
	topics     []string
	owned      map[string][]int32
	generation int32
	balancer   *balancer
}

// labGroup does what the coordinator and the clients do, without any of them.
type labGroup struct {
	topics     map[string]int32
	members    []*labMember
	generation int32
}

func newLabGroup(inbox int32, others map[string]int32) *labGroup {
	g := &labGroup{topics: map[string]int32{labInbox: inbox}}
	maps.Copy(g.topics, others)
	return g
}

func (g *labGroup) join(id string, topics ...string) *labMember {
	m := &labMember{
		id:         id,
		topics:     slices.Sorted(slices.Values(append(topics, labInbox))),
		owned:      map[string][]int32{},
		generation: -1,
		balancer:   newBalancer(labInbox).advertise(id+":7070", "zone-"+id),
	}
	g.members = append(g.members, m)
	slices.SortFunc(g.members, func(a, b *labMember) int { return cmp.Compare(a.id, b.id) })
	return m
}

func (g *labGroup) leave(id string) {
	g.members = slices.DeleteFunc(g.members, func(m *labMember) bool { return m.id == id })
}

// plan asks the leader for a plan, as bytes.
func (g *labGroup) plan(t fataler) []kmsg.SyncGroupRequestGroupAssignment {
	t.Helper()
	return g.planBy(t, g.members[0])
}

func (g *labGroup) planBy(t fataler, leader *labMember) []kmsg.SyncGroupRequestGroupAssignment {
	t.Helper()
	var joined []kmsg.JoinGroupResponseMember
	for _, m := range g.members {
		joined = append(joined, kmsg.JoinGroupResponseMember{
			MemberID:         m.id,
			ProtocolMetadata: m.balancer.JoinGroupMetadata(slices.Clone(m.topics), cloneAssignment(m.owned), m.generation),
		})
	}
	asked, interests, err := leader.balancer.MemberBalancer(joined)
	if err != nil {
		t.Fatalf("member balancer: %v", err)
	}
	counts := make(map[string]int32)
	for topic := range interests {
		counts[topic] = g.topics[topic]
	}
	plan, err := asked.(kgo.GroupMemberBalancerOrError).BalanceOrError(counts)
	if err != nil {
		t.Fatalf("balance: %v", err)
	}
	return plan.IntoSyncAssignment()
}

// move is a partition that a member gave up or got.
type move struct {
	member string
	input  input
}

// rebalance makes one rebalance and returns what was given up; more says that
// the members that gave something up will ask for another.
func (g *labGroup) rebalance(t fataler) (revoked []move, more bool) {
	t.Helper()
	plan := g.plan(t)
	g.generation++
	had := g.owners(t)
	for i, m := range g.members {
		if plan[i].MemberID != m.id {
			t.Fatalf("assignment %d is for %s, want %s", i, plan[i].MemberID, m.id)
		}
		next, err := m.balancer.ParseSyncAssignment(plan[i].MemberAssignment)
		if err != nil {
			t.Fatalf("parse: %v", err)
		}
		revoked = append(revoked, lostBy(m, next)...)
		g.checkWhole(t, m, next)
		m.owned, m.generation = next, g.generation
	}
	for in, now := range g.owners(t) {
		if before, owned := had[in]; owned && before != now && slices.Contains(g.ids(), before) {
			t.Fatalf("%v went from %s to %s without being given up in between", in, before, now)
		}
	}
	return revoked, len(revoked) > 0
}

// checkWhole: nobody gets anything of a lane before its inbox partition.
func (g *labGroup) checkWhole(t fataler, m *labMember, next map[string][]int32) {
	t.Helper()
	for topic, partitions := range next {
		for _, p := range partitions {
			lane := p % g.topics[labInbox]
			if !slices.Contains(next[labInbox], lane) && !slices.Contains(m.owned[topic], p) {
				t.Fatalf("%s gets %s/%d and has not lane %d", m.id, topic, p, lane)
			}
		}
	}
}

func lostBy(m *labMember, next map[string][]int32) (lost []move) {
	for topic, partitions := range m.owned {
		for _, p := range partitions {
			if !slices.Contains(next[topic], p) {
				lost = append(lost, move{m.id, input{topic, p}})
			}
		}
	}
	return lost
}

// settle rebalances until nobody gives anything up.
func (g *labGroup) settle(t fataler) (revoked []move) {
	t.Helper()
	for range 5 {
		lost, more := g.rebalance(t)
		revoked = append(revoked, lost...)
		if !more {
			return revoked
		}
	}
	t.Fatalf("the group does not settle")
	return nil
}

func (g *labGroup) ids() []string {
	var ids []string
	for _, m := range g.members {
		ids = append(ids, m.id)
	}
	return ids
}

// owners returns who has what, and fails if two have the same.
func (g *labGroup) owners(t fataler) map[input]string {
	t.Helper()
	owners := make(map[input]string)
	for _, m := range g.members {
		for topic, partitions := range m.owned {
			for _, p := range partitions {
				in := input{topic, p}
				if other, taken := owners[in]; taken {
					t.Fatalf("%v is with %s and with %s", in, other, m.id)
				}
				owners[in] = m.id
			}
		}
	}
	return owners
}

// lanes returns the owners of the inbox partitions, by lane; "" is nobody.
func (g *labGroup) lanes(t fataler) []string {
	lanes := make([]string, g.topics[labInbox])
	for in, id := range g.owners(t) {
		if in.topic == labInbox {
			lanes[in.partition] = id
		}
	}
	return lanes
}

// checkSettled holds a settled group to what the balancer promises.
func (g *labGroup) checkSettled(t fataler) {
	t.Helper()
	owners := g.owners(t)
	lanes := g.lanes(t)
	counts := make(map[string]int)
	for lane, id := range lanes {
		if id == "" {
			t.Fatalf("lane %d is with nobody", lane)
		}
		counts[id]++
	}
	least, most := len(lanes), 0
	for _, m := range g.members {
		least, most = min(least, counts[m.id]), max(most, counts[m.id])
	}
	if most-least > 1 {
		t.Fatalf("lanes are spread unevenly: %v", counts)
	}
	for _, m := range g.members {
		for _, topic := range m.topics {
			g.checkTopic(t, m, topic, owners, lanes)
		}
		g.checkRoutes(t, m, lanes)
	}
	for in, id := range owners {
		if m := g.member(id); !slices.Contains(m.topics, in.topic) {
			t.Fatalf("%s has %v and does not subscribe to it", id, in)
		}
	}
}

// checkTopic: a member that subscribes to a topic has of it what its lanes have.
func (g *labGroup) checkTopic(t fataler, m *labMember, topic string, owners map[input]string, lanes []string) {
	t.Helper()
	for p := range g.topics[topic] {
		mine := lanes[int(p)%len(lanes)] == m.id
		if got := owners[input{topic, p}] == m.id; got != mine {
			t.Fatalf("%s/%d: with %s is %v, its lane %v", topic, p, m.id, got, mine)
		}
	}
}

// checkRoutes: every member knows who has which lane.
func (g *labGroup) checkRoutes(t fataler, m *labMember, lanes []string) {
	t.Helper()
	for lane, id := range lanes {
		owner, known := m.balancer.owners().of(int32(lane))
		if !known || owner != (laneOwner{ID: id, Address: id + ":7070", Zone: "zone-" + id}) {
			t.Fatalf("%s believes lane %d with %v, it is with %s", m.id, lane, owner, id)
		}
	}
}

func (g *labGroup) member(id string) *labMember {
	for _, m := range g.members {
		if m.id == id {
			return m
		}
	}
	return nil
}

// fataler is what testing.T and rapid.T have in common.
type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

func cloneAssignment(a map[string][]int32) map[string][]int32 {
	out := make(map[string][]int32, len(a))
	for topic, partitions := range a {
		out[topic] = slices.Clone(partitions)
	}
	return out
}

func TestPlanMovesAsFewLanesAsBalanceAllows(t *testing.T) {
	const x = nobody
	for _, tc := range []struct {
		name    string
		current []int
		members int
		want    []int
	}{
		{"first member takes all", []int{x, x, x}, 1, []int{0, 0, 0}},
		{"first members share", []int{x, x, x, x, x}, 2, []int{0, 0, 1, 0, 1}},
		{"one joins", []int{0, 0, 0, 0}, 2, []int{0, 0, 1, 1}},
		{"one joins two", []int{0, 1, 0, 1, 0, 1, 0, 1}, 3, []int{0, 1, 0, 1, 0, 1, 2, 2}},
		{"one has left", []int{0, x, 0, x, 1, x}, 2, []int{0, 1, 0, 0, 1, 1}},
		{"who has more keeps more", []int{1, 1, 0}, 2, []int{1, 1, 0}},
		{"more members than lanes", []int{2, x}, 4, []int{2, 0}},
		{"all is well", []int{1, 0, 1, 0}, 2, []int{1, 0, 1, 0}},
		{"no members", []int{x, x}, 0, []int{x, x}},
	} {
		if got := planLanes(tc.current, tc.members); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestPlanIsBalancedAndSticky(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := rapid.IntRange(1, 7).Draw(t, "members")
		current := rapid.SliceOfN(rapid.IntRange(nobody, members-1), 1, 40).Draw(t, "current")
		planned := planLanes(current, members)
		has, gets, kept := make([]int, members), make([]int, members), 0
		for lane, owner := range planned {
			if owner < 0 || owner >= members {
				t.Fatalf("lane %d is with %d", lane, owner)
			}
			gets[owner]++
			if current[lane] != nobody {
				has[current[lane]]++
			}
			if current[lane] == owner {
				kept++
			}
		}
		if slices.Max(gets)-slices.Min(gets) > 1 {
			t.Fatalf("uneven: %v", gets)
		}
		if most := mostKept(has, len(current)); kept != most {
			t.Fatalf("%d lanes stay, %d could: %v to %v", kept, most, current, planned)
		}
		if again := planLanes(planned, members); !slices.Equal(again, planned) {
			t.Fatalf("a balanced group is not left alone: %v to %v", planned, again)
		}
	})
}

// mostKept is how many lanes can stay in any balanced plan.
func mostKept(has []int, lanes int) int {
	floor, extra, kept := lanes/len(has), lanes%len(has), 0
	for _, n := range has {
		kept += min(n, floor)
		if n > floor && extra > 0 {
			kept++
			extra--
		}
	}
	return kept
}

func TestGroupKeepsItsLanesWholeThroughJoinsAndLeaves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		topics := map[string]int32{"orders": rapid.Int32Range(1, 20).Draw(t, "orders"), "payments": rapid.Int32Range(1, 20).Draw(t, "payments")}
		g := newLabGroup(rapid.Int32Range(1, 12).Draw(t, "lanes"), topics)
		g.join("a", "orders", "payments")
		g.settle(t)
		for step := range rapid.IntRange(1, 12).Draw(t, "steps") {
			before := g.lanes(t)
			if len(g.members) > 1 && rapid.Bool().Draw(t, "leave") {
				g.leave(rapid.SampledFrom(g.ids()).Draw(t, "who"))
			} else {
				g.join(rapid.StringMatching(`[a-z]`).Draw(t, "id")+fmt.Sprint(step), "orders", "payments")
			}
			interruptedLanes := lanesOf(g.settle(t), len(before))
			g.checkSettled(t)
			for lane, id := range g.lanes(t) {
				if before[lane] == id && interruptedLanes[lane] {
					t.Fatalf("lane %d stays with %s and was interrupted", lane, id)
				}
			}
		}
	})
}

func lanesOf(moves []move, lanes int) map[int]bool {
	out := make(map[int]bool)
	for _, m := range moves {
		out[int(m.input.partition)%lanes] = true
	}
	return out
}

// TestGroupHealsWhateverItFinds begins with partitions spread at random: lanes
// in parts, claims that are stale, topics that are not subscribed to any more.
func TestGroupHealsWhateverItFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := newLabGroup(rapid.Int32Range(1, 8).Draw(t, "lanes"), map[string]int32{"orders": 7, "payments": 12})
		g.generation = 10
		for i := range rapid.IntRange(1, 5).Draw(t, "members") {
			m := g.join(fmt.Sprintf("m%d", i), rapid.SliceOfDistinct(rapid.SampledFrom([]string{"orders", "payments"}), rapid.ID).Draw(t, "topics")...)
			m.generation = 10
		}
		for topic, partitions := range g.topics {
			for p := range partitions {
				if who := rapid.IntRange(-1, len(g.members)-1).Draw(t, "owner"); who >= 0 {
					m := g.members[who]
					m.owned[topic] = append(m.owned[topic], p)
				}
			}
		}
		g.settle(t)
		g.checkSettled(t)
	})
}

func TestPlanIsTheSameWhoeverMakesIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := newLabGroup(rapid.Int32Range(1, 12).Draw(t, "lanes"), map[string]int32{"orders": 9})
		for i := range rapid.IntRange(1, 5).Draw(t, "members") {
			g.join(fmt.Sprint("m", i), "orders")
		}
		g.rebalance(t)
		g.join("new", "orders")
		first := g.plan(t)
		for _, leader := range g.members {
			if again := g.planBy(t, leader); !slices.EqualFunc(first, again, sameAssignment) {
				t.Fatalf("two plans for one group:\n%v\n%v", first, again)
			}
		}
	})
}

func sameAssignment(a, b kmsg.SyncGroupRequestGroupAssignment) bool {
	return a.MemberID == b.MemberID && bytes.Equal(a.MemberAssignment, b.MemberAssignment)
}

func TestMemberMetadataIsTheSameForTheSameFacts(t *testing.T) {
	b := newBalancer(labInbox).advertise("host:1", "z")
	b.self.Lag = map[int32]uint8{3: 1, 11: 0, 2: 4}
	owned := map[string][]int32{"x": {1, 2}, "a": {0}, labInbox: {0, 1, 2}}
	first := b.JoinGroupMetadata([]string{"a", labInbox, "x"}, owned, 5)
	for range 50 {
		if again := b.JoinGroupMetadata([]string{"a", labInbox, "x"}, maps.Clone(owned), 5); !bytes.Equal(first, again) {
			t.Fatal("the same facts gave other bytes: Kafka would rebalance")
		}
	}
}

// TestTopicOfANewDefinitionGoesToThoseWhoSubscribe is a rolling deploy: first
// one member knows the new topic, then the other does too.
func TestTopicOfANewDefinitionGoesToThoseWhoSubscribe(t *testing.T) {
	g := newLabGroup(4, map[string]int32{"orders": 4, "refunds": 8})
	g.join("a", "orders")
	b := g.join("b", "orders", "refunds")
	g.settle(t)
	g.checkSettled(t)
	before := g.lanes(t)
	owners := g.owners(t)
	for p := range int32(8) {
		want := ""
		if before[p%4] == "b" {
			want = "b"
		}
		if got := owners[input{"refunds", p}]; got != want {
			t.Errorf("refunds/%d is with %q, want %q", p, got, want)
		}
	}
	g.member("a").topics = slices.Clone(b.topics)
	if revoked := g.settle(t); len(revoked) != 0 {
		t.Errorf("learning a topic interrupted %v", revoked)
	}
	g.checkSettled(t)
	if len(g.owners(t)) != 4+4+8 {
		t.Errorf("not everything is assigned: %v", g.owners(t))
	}
	if !slices.Equal(before, g.lanes(t)) {
		t.Errorf("lanes moved from %v to %v", before, g.lanes(t))
	}
}

func TestMemberWithoutTheInboxGetsNothing(t *testing.T) {
	g := newLabGroup(4, map[string]int32{"orders": 4})
	g.join("a", "orders")
	stranger := g.join("b", "orders")
	stranger.topics = []string{"orders"}
	g.settle(t)
	if len(stranger.owned) != 0 {
		t.Errorf("it got %v", stranger.owned)
	}
	if len(g.member("a").owned[labInbox]) != 4 {
		t.Errorf("the other has %v", g.member("a").owned)
	}
}

// TestStaleClaimDoesNotTakeALaneBack: a member that slept through a rebalance
// claims lanes that another has got meanwhile.
func TestStaleClaimDoesNotTakeALaneBack(t *testing.T) {
	g := newLabGroup(2, nil)
	a, b := g.join("a"), g.join("b")
	a.owned, a.generation = map[string][]int32{labInbox: {0, 1}}, 3
	b.owned, b.generation = map[string][]int32{labInbox: {0}}, 7
	plan := g.plan(t)
	got, err := b.balancer.ParseSyncAssignment(plan[1].MemberAssignment)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got[labInbox], []int32{0}) {
		t.Errorf("b keeps %v, want lane 0", got)
	}
	g.settleStale(t, a)
	g.checkSettled(t)
}

// settleStale lets the stale member learn what it has not any more, then settles.
func (g *labGroup) settleStale(t fataler, stale *labMember) {
	t.Helper()
	next, err := stale.balancer.ParseSyncAssignment(g.plan(t)[0].MemberAssignment)
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	stale.owned, stale.generation = next, 8
	g.generation = 8
	g.settle(t)
}

func TestUnknownNotesAreLeftUnused(t *testing.T) {
	for _, raw := range []string{"", "no json", `{"v":2,"members":[{"id":"a"}],"lanes":[0]}`, `{"v":1,"members":[],"lanes":[0]}`, `{"v":1,"members":[],"lanes":[-2]}`} {
		if got := decodeLaneOwners([]byte(raw)); got != nil {
			t.Errorf("owners %q were read as %v", raw, got)
		}
	}
	if got := decodeLaneOwners([]byte(`{"v":1,"members":[{"id":"a","new":7}],"lanes":[0,-1],"more":{}}`)); got == nil {
		t.Error("an added field makes the note unreadable")
	} else if owner, known := got.of(0); !known || owner.ID != "a" {
		t.Errorf("lane 0 is with %v %v", owner, known)
	} else if _, known := got.of(1); known {
		t.Error("a lane that is being moved has an owner")
	}
	for _, raw := range []string{"", "x", `{"v":9,"address":"elsewhere:1"}`} {
		if got := decodeMemberNote([]byte(raw)); got.Address != "" || got.Version != 0 {
			t.Errorf("note %q was read as %v", raw, got)
		}
	}
	var none *laneOwners
	if _, known := none.of(0); known {
		t.Error("before the first assignment there is an owner")
	}
}

func TestBalancerWithoutAnInboxSaysWhatToDo(t *testing.T) {
	g := newLabGroup(0, map[string]int32{"orders": 1})
	g.join("a", "orders")
	m := g.members[0]
	asked, _, err := m.balancer.MemberBalancer([]kmsg.JoinGroupResponseMember{{
		MemberID: m.id, ProtocolMetadata: m.balancer.JoinGroupMetadata(m.topics, nil, -1),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := asked.(kgo.GroupMemberBalancerOrError).BalanceOrError(map[string]int32{"orders": 1}); err == nil {
		t.Error("a plan without lanes")
	}
}
