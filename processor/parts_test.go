package processor

import (
	"errors"
	"testing"

	"rondo/statestore"
	"rondo/topology"
)

func wideInstance(parts ...*topology.Part) *topology.Instance {
	return &topology.Instance{Workflow: "w", Key: "k", Status: topology.StatusRunning, Parts: parts}
}

// keeping stages what becomes of the instance w/k, one decision after the other.
type keeping struct {
	t      *testing.T
	tenure *tenure
	batch  *batch
	now    *topology.Instance
}

func (k *keeping) to(next *topology.Instance) {
	k.t.Helper()
	to := topology.Address{Workflow: "w", Key: "k"}
	decision := topology.Decision{Instance: next, Changed: true}
	if _, err := k.batch.keep(&decisionOf{to: to, before: k.now, decision: decision}); err != nil {
		k.t.Fatal(err)
	}
	var err error
	if k.now, err = k.batch.instance(to.String()); err != nil || k.now != next {
		k.t.Fatalf("the batch does not have what it was given: %v", err)
	}
}

// apply applies the batch, and begins the next one with nothing in the cache.
func (k *keeping) apply() {
	k.t.Helper()
	if err := k.batch.overlay.Apply(statestore.Position{Offset: 1}); err != nil {
		k.t.Fatal(err)
	}
	k.tenure.cache = newInstanceCache(10, 1<<20)
	k.begin()
}

func (k *keeping) begin() {
	k.t.Helper()
	k.batch = newBatch(k.tenure)
	var err error
	if k.now, err = k.batch.instance("w/k"); err != nil {
		k.t.Fatal(err)
	}
}

// has compares what is stored: the value of each part, by its id, and no others.
func (k *keeping) has(want map[int64]int64) {
	k.t.Helper()
	if got := len(partsOf(k.now)); got != len(want) {
		k.t.Fatalf("%d parts, want %d", got, len(want))
	}
	for id := range int64(5) {
		_, found, err := k.tenure.lane.store.Get([]byte(PartKey("w/k", id)))
		if _, wanted := want[id]; err != nil || found != wanted {
			k.t.Errorf("part %d is stored: %v, %v", id, found, err)
		}
	}
	for _, part := range partsOf(k.now) {
		if part.Value != want[part.ID] {
			k.t.Errorf("part %d is %v, want %v", part.ID, part.Value, want[part.ID])
		}
	}
}

// What a batch leaves of an instance's parts is what the last decision had, also if
// the instance was changed, deleted and begun anew within it, under the same ids.
func TestPartsOfAnInstanceThatBeginsAnewWithinABatch(t *testing.T) {
	k := &keeping{t: t, tenure: bareTenure(t, start{})}
	part := func(id, v int64) *topology.Part { return &topology.Part{ID: id, Value: v} }
	k.begin()
	first, second := part(1, 10), part(2, 20)
	k.to(wideInstance(first, second))
	k.to(wideInstance(first, part(2, 21), part(3, 30)))
	k.apply()
	k.has(map[int64]int64{1: 10, 2: 21, 3: 30})

	k.to(wideInstance(k.now.Parts[1])) // 1 and 3 are over
	k.to(nil)                          // it is forgotten
	k.to(wideInstance(part(1, 100)))   // a new run counts from 1 again
	k.to(wideInstance(k.now.Parts[0], part(4, 40)))
	k.apply()
	k.has(map[int64]int64{1: 100, 4: 40})

	k.to(wideInstance(part(1, 7), part(2, 8))) // aborted
	k.batch.overlay.Discard()
	k.begin()
	k.to(wideInstance(k.now.Parts[1]))
	k.apply()
	k.has(map[int64]int64{4: 40})

	k.to(nil)
	k.apply()
	k.has(nil)
}

// An instance whose part is not there is damage, to be mended by the changelog, and
// not a smaller instance.
func TestInstanceWithoutOneOfItsPartsIsDamage(t *testing.T) {
	k := &keeping{t: t, tenure: bareTenure(t, start{})}
	k.begin()
	k.to(wideInstance(&topology.Part{ID: 1, Value: int64(1)}, &topology.Part{ID: 2, Value: int64(2)}))
	k.apply()
	k.batch.overlay.Delete([]byte(PartKey("w/k", 2)))
	if err := k.batch.overlay.Apply(statestore.Position{Offset: 2}); err != nil {
		t.Fatal(err)
	}
	k.tenure.cache = newInstanceCache(10, 1<<20)
	if found, err := k.tenure.load("w/k"); !errors.Is(err, statestore.ErrDamaged) || !errors.Is(err, errPartGone) {
		t.Errorf("loaded %+v: %v", found, err)
	}
}
