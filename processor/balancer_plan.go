package processor

import (
	"cmp"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// seat is a member that may have lanes: one that subscribes to the inbox.
type seat struct {
	member     *kmsg.JoinGroupResponseMember
	topics     map[string]bool
	owned      map[input]bool
	generation int32 // the last one in which the member knew what it owned
	note       memberNote
}

func (b *balancer) seats(consumers *kgo.ConsumerBalancer) []seat {
	var seats []seat
	consumers.EachMember(func(member *kmsg.JoinGroupResponseMember, meta *kmsg.ConsumerMemberMetadata) {
		if !slices.Contains(meta.Topics, b.inbox) {
			return
		}
		s := seat{
			member:     member,
			topics:     make(map[string]bool),
			owned:      make(map[input]bool),
			generation: meta.Generation,
			note:       decodeMemberNote(meta.UserData),
		}
		for _, topic := range meta.Topics {
			s.topics[topic] = true
		}
		for _, owned := range meta.OwnedPartitions {
			for _, partition := range owned.Partitions {
				s.owned[input{owned.Topic, partition}] = true
			}
		}
		seats = append(seats, s)
	})
	return seats
}

// nobody is the owner of a lane that no member has.
const nobody = -1

// claim is a member's word that it has something of a lane.
type claim struct {
	inbox      bool
	generation int32
	partitions int
}

func (c claim) compare(other claim) int {
	if c.inbox != other.inbox {
		if c.inbox {
			return 1
		}
		return -1
	}
	return cmp.Or(cmp.Compare(c.generation, other.generation), cmp.Compare(c.partitions, other.partitions))
}

// currentOwners returns for each lane the index of the seat that has it, or
// nobody. Of a lane in parts it is the one with the inbox partition, for there
// the lane runs; else the one with most of it. A member that has missed
// rebalances claims what others have got meanwhile: the later generation holds.
func currentOwners(lanes int, inbox string, seats []seat) []int {
	owners := slices.Repeat([]int{nobody}, lanes)
	best := make([]claim, lanes)
	for i, s := range seats {
		for lane, c := range s.claims(lanes, inbox) {
			if owners[lane] == nobody || c.compare(best[lane]) > 0 {
				owners[lane], best[lane] = i, c
			}
		}
	}
	return owners
}

func (s seat) claims(lanes int, inbox string) map[int]claim {
	claims := make(map[int]claim)
	for in := range s.owned {
		lane := int(in.partition) % lanes
		c := claims[lane]
		claims[lane] = claim{c.inbox || in.topic == inbox, s.generation, c.partitions + 1}
	}
	return claims
}

// planLanes gives every lane to one of a number of members, by index. Members
// get equally many, or one more; one more first who has most, so that the fewest
// lanes move. A member keeps its lowest lanes up to its share; the others go, in
// order, to whoever misses most.
func planLanes(current []int, members int) []int {
	planned := slices.Repeat([]int{nobody}, len(current))
	if members == 0 {
		return planned
	}
	room := shares(current, members)
	for lane, owner := range current {
		if owner != nobody && room[owner] > 0 {
			planned[lane] = owner
			room[owner]--
		}
	}
	for lane, owner := range planned {
		if owner == nobody {
			neediest := indexOfMax(room)
			planned[lane] = neediest
			room[neediest]--
		}
	}
	return planned
}

// shares returns how many lanes each member is to have.
func shares(current []int, members int) []int {
	has := make([]int, members)
	for _, owner := range current {
		if owner != nobody {
			has[owner]++
		}
	}
	byMost := make([]int, members)
	for i := range byMost {
		byMost[i] = i
	}
	slices.SortStableFunc(byMost, func(a, b int) int { return cmp.Compare(has[b], has[a]) })
	shares := slices.Repeat([]int{len(current) / members}, members)
	for _, member := range byMost[:len(current)%members] {
		shares[member]++
	}
	return shares
}

// indexOfMax returns the first index of the greatest number.
func indexOfMax(numbers []int) int {
	best := 0
	for i, n := range numbers {
		if n > numbers[best] {
			best = i
		}
	}
	return best
}

// addLanes puts into the plan the partitions that make up each owner's lanes,
// of the topics that it subscribes to.
func addLanes(plan *kgo.BalancePlan, seats []seat, owners []int, topics map[string]int32) {
	for _, topic := range slices.Sorted(maps.Keys(topics)) {
		for partition := range topics[topic] {
			owner := owners[int(partition)%len(owners)]
			if owner != nobody && seats[owner].topics[topic] {
				plan.AddPartition(seats[owner].member, topic, partition)
			}
		}
	}
}

// holdBackParts takes out of the plan what a member would get of a lane whose
// inbox partition another has to give up first: a lane is handed over whole.
// What the member has already stays.
func holdBackParts(plan *kgo.BalancePlan, seats []seat, inbox string, lanes int32) {
	for _, s := range seats {
		planned := plan.AsMemberIDMap()[s.member.MemberID]
		mine := make(map[int32]bool)
		for _, lane := range planned[inbox] {
			mine[lane] = true
		}
		for topic, partitions := range planned {
			kept := slices.DeleteFunc(partitions, func(partition int32) bool {
				return !mine[partition%lanes] && !s.owned[input{topic, partition}]
			})
			if planned[topic] = kept; len(kept) == 0 {
				delete(planned, topic)
			}
		}
	}
}
