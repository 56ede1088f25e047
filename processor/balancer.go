package processor

import (
	"cmp"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// balancer gives lanes, not partitions, to the members of the group. With P
// partitions of the inbox, partition q of any topic belongs to lane q mod P, and
// whoever has a lane's inbox partition has all of it that it subscribes to.
//
// It is sticky (a member keeps its lanes up to its fair share, so that the
// fewest move), balanced within one lane, and deterministic. It uses the classic
// cooperative protocol: lanes that stay are not interrupted by a rebalance, and
// a lane that moves is first given up and then, in the next rebalance, given
// away whole.
//
// Members may subscribe to different topics while a new definition spreads. A
// member never gets a topic that it does not subscribe to: such a partition is
// assigned to nobody until its lane's owner subscribes (or the lane moves), and
// is read from its committed offset then. Nobody else may have it, for who has
// not the lane cannot decide its records. A member that does not subscribe to
// the inbox gets nothing.
//
// With the assignment every member learns who has which lane; see owners.
type balancer struct {
	inbox string
	self  memberNote
	last  atomic.Pointer[laneOwners]
}

// newBalancer returns the balancer of an application with this inbox. It
// belongs to one client.
func newBalancer(inbox string) *balancer { return &balancer{inbox: inbox} }

// advertise sets what the other members learn about this one. Call it before
// the client is made.
func (b *balancer) advertise(address, zone string) *balancer {
	b.self.Address, b.self.Zone = address, zone
	return b
}

// owners returns who has which lane by the newest assignment; nil before the
// first, or if a newer version wrote it in a way that this one does not know.
func (b *balancer) owners() *laneOwners { return b.last.Load() }

// ProtocolName is what all members must have in common. A balancer that plans
// in another way needs another name.
func (b *balancer) ProtocolName() string { return "rondo-lanes" }

func (b *balancer) IsCooperative() bool { return true }

// JoinGroupMetadata tells the leader what this member subscribes to and has.
// The same facts give the same bytes: Kafka rebalances when they change.
func (b *balancer) JoinGroupMetadata(topics []string, current map[string][]int32, generation int32) []byte {
	meta := kmsg.NewConsumerMemberMetadata()
	meta.Version = 3
	meta.Topics = topics
	meta.Generation = generation
	meta.UserData = b.self.encode()
	for topic, partitions := range current {
		owned := kmsg.NewConsumerMemberMetadataOwnedPartition()
		owned.Topic, owned.Partitions = topic, partitions
		meta.OwnedPartitions = append(meta.OwnedPartitions, owned)
	}
	slices.SortFunc(meta.OwnedPartitions, func(a, b kmsg.ConsumerMemberMetadataOwnedPartition) int {
		return cmp.Compare(a.Topic, b.Topic)
	})
	return meta.AppendTo(nil)
}

// ParseSyncAssignment takes this member's assignment, and remembers the owners.
func (b *balancer) ParseSyncAssignment(raw []byte) (map[string][]int32, error) {
	var assignment kmsg.ConsumerMemberAssignment
	if err := assignment.ReadFrom(raw); err != nil {
		return nil, fmt.Errorf("read the group's assignment: %w", err)
	}
	b.last.Store(decodeLaneOwners(assignment.UserData))
	out := make(map[string][]int32, len(assignment.Topics))
	for _, topic := range assignment.Topics {
		out[topic.Topic] = topic.Partitions
	}
	return out, nil
}

// MemberBalancer is asked of the leader only.
func (b *balancer) MemberBalancer(members []kmsg.JoinGroupResponseMember) (kgo.GroupMemberBalancer, map[string]struct{}, error) {
	consumers, err := kgo.NewConsumerBalancer(b, members)
	if err != nil {
		return nil, nil, fmt.Errorf("read the group's members: %w", err)
	}
	return consumers, consumers.MemberTopics(), nil
}

// Balance makes the plan for the group: which member gets which lane, then
// which partitions that is, then what must be given up before.
func (b *balancer) Balance(consumers *kgo.ConsumerBalancer, topics map[string]int32) kgo.IntoSyncAssignment {
	lanes := topics[b.inbox]
	if lanes <= 0 {
		consumers.SetError(fmt.Errorf("assign lanes: topic %s has no partitions; does it exist? `rondo topics apply` creates it", b.inbox))
		return nil
	}
	seats := b.seats(consumers)
	owners := planLanes(currentOwners(int(lanes), b.inbox, seats), len(seats))
	plan := consumers.NewPlan()
	addLanes(plan, seats, owners, topics)
	plan.AdjustCooperative(consumers)
	holdBackParts(plan, seats, b.inbox, lanes)
	return lanesAssignment{plan, newLaneOwners(plan, seats, b.inbox, lanes)}
}

// lanesAssignment adds the map of owners to each member's assignment.
type lanesAssignment struct {
	plan   *kgo.BalancePlan
	owners laneOwners
}

func (a lanesAssignment) IntoSyncAssignment() []kmsg.SyncGroupRequestGroupAssignment {
	note := a.owners.encode()
	assignments := a.plan.IntoSyncAssignment()
	for i := range assignments {
		var one kmsg.ConsumerMemberAssignment
		if err := one.ReadFrom(assignments[i].MemberAssignment); err != nil {
			panic(fmt.Sprintf("the plan for member %s cannot be read back: %v", assignments[i].MemberID, err))
		}
		one.UserData = note
		assignments[i].MemberAssignment = one.AppendTo(nil)
	}
	return assignments
}
