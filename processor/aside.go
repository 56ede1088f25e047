package processor

import (
	"time"

	"rondo/statestore"
	"rondo/topology"
)

// Timers of instances whose definition this node does not know are set aside: they
// cannot fire, and must hold up nobody else. Unlike a record, a timer is not passed
// over by that: it stays in the store, and is recalled when definitions change, and
// by whoever owns the partition next.

// asideMax bounds what is remembered of timers that are set aside. With more of
// them the partition waits.
const asideMax = 100_000

// asideNotice is how often a lane says that timers are set aside.
const asideNotice = time.Minute

// setAside sets the timer of an instance aside whose definition is not known.
func (b *batch) setAside(storeKey string, instance *topology.Instance) (bool, error) {
	t := b.tenure
	if _, known := b.knownPlan(instance); known || t.lane.store.Aside() >= asideMax {
		return false, nil
	}
	committed, err := t.load(storeKey)
	if err != nil || committed.instance == nil {
		return true, err
	}
	due, _ := committed.instance.NextTimer()
	if t.missing == nil {
		t.missing = make(map[string]time.Time)
	}
	definition, now := definitionOf(instance), t.lane.shared.clock()
	if now.Sub(t.missing[definition]) >= asideNotice {
		t.missing[definition] = now
		t.lane.log.Warn("timers wait for a definition that is not deployed, or that this node cannot use: deploy it, or update the node",
			"definition", definition, "instance", instance.Address().String())
	}
	return true, t.lane.store.SetAside(statestore.Timer{Due: int64(due), Key: []byte(storeKey)})
}

// recallTimers brings back what was set aside when definitions have changed, and
// from time to time, so that it is said again that they wait.
func (t *tenure) recallTimers() {
	if t.lane.store.Aside() == 0 {
		return
	}
	set, now := t.lane.shared.catalog.set.Load(), t.lane.shared.clock()
	if set == t.asideBy && now.Sub(t.recalled) < asideNotice {
		return
	}
	t.asideBy, t.recalled = set, now
	t.lane.store.RecallTimers()
}
