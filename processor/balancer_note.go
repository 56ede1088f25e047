package processor

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
)

// noteVersion is the version of what members tell each other beside Kafka's own
// fields. A field may be added without a new version, for unknown ones are
// skipped; a note of a higher version is not understood and left unused.
const noteVersion = 1

// memberNote is what a member tells the leader about itself.
type memberNote struct {
	Version int    `json:"v"`
	Address string `json:"address,omitempty"` // where other nodes reach it, host:port
	Zone    string `json:"zone,omitempty"`    // what fails together
	// Lag says by lane how far the member's copy of the state is behind, in
	// coarse steps, so that the note does not change all the time. Absent: no copy.
	Lag map[int32]uint8 `json:"lag,omitempty"`
}

func (n memberNote) encode() []byte {
	n.Version = noteVersion
	return mustJSON(n)
}

// decodeMemberNote returns an empty note for one that is not understood: the
// member is then like any other.
func decodeMemberNote(raw []byte) memberNote {
	var n memberNote
	if json.Unmarshal(raw, &n) != nil || n.Version != noteVersion {
		return memberNote{}
	}
	return n
}

// laneOwners says which member has which lane, as the group's leader told all
// members with one assignment.
type laneOwners struct {
	Version int         `json:"v"`
	Members []laneOwner `json:"members"` // in the order of their ids
	Lanes   []int       `json:"lanes"`   // by lane, the index of its owner; -1: it is being moved
}

type laneOwner struct {
	ID      string `json:"id"`
	Address string `json:"address,omitempty"`
	Zone    string `json:"zone,omitempty"`
}

// newLaneOwners reads the owners out of a finished plan.
func newLaneOwners(plan *kgo.BalancePlan, seats []seat, inbox string, lanes int32) laneOwners {
	notes := make(map[string]memberNote)
	for _, s := range seats {
		notes[s.member.MemberID] = s.note
	}
	owners := laneOwners{Version: noteVersion, Lanes: slices.Repeat([]int{nobody}, int(lanes))}
	for i, id := range slices.Sorted(maps.Keys(notes)) {
		owners.Members = append(owners.Members, laneOwner{ID: id, Address: notes[id].Address, Zone: notes[id].Zone})
		for _, lane := range plan.AsMemberIDMap()[id][inbox] {
			owners.Lanes[lane] = i
		}
	}
	return owners
}

func (o laneOwners) encode() []byte { return mustJSON(o) }

// decodeLaneOwners returns nil for a note that is not understood. The
// assignment itself holds without it; only routing has to wait.
func decodeLaneOwners(raw []byte) *laneOwners {
	var o laneOwners
	if json.Unmarshal(raw, &o) != nil || o.Version != noteVersion {
		return nil
	}
	for _, owner := range o.Lanes {
		if owner < nobody || owner >= len(o.Members) {
			return nil
		}
	}
	return &o
}

// of returns the owner of a lane; false while it is being moved, or if there is
// no such lane.
func (o *laneOwners) of(lane int32) (laneOwner, bool) {
	if o == nil || lane < 0 || int(lane) >= len(o.Lanes) || o.Lanes[lane] == nobody {
		return laneOwner{}, false
	}
	return o.Members[o.Lanes[lane]], true
}

// mustJSON encodes a struct of ours, whose maps come out in the order of their keys.
func mustJSON(v any) []byte {
	out, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encode %T: %v", v, err))
	}
	return out
}
