package processor

import (
	"fmt"
	"testing"

	"rondo/topology"
)

// A generation is full by the bytes of instances and of their parts, each counted
// once, however often an instance is replaced.
func TestCacheCountsPartsAndReplacements(t *testing.T) {
	one := &topology.Instance{Key: "one"}
	for name, c := range map[string]struct {
		size cached
		keep int // how many are known at least
	}{
		"heads": {cached{instance: one, head: 10}, 10},
		"parts": {cached{instance: one, head: 1, parts: 9}, 10},
	} {
		cache := newInstanceCache(1000, 100)
		for range 50 {
			cache.put("hot", c.size) // replaced, not added
		}
		if cache.used != 10 {
			t.Errorf("%s: 50 replacements take %d bytes", name, cache.used)
		}
		for i := range 25 {
			cache.put(fmt.Sprint(i), c.size)
		}
		if n := len(cache.young) + len(cache.old); n > 20 || n < c.keep {
			t.Errorf("%s: %d instances of 10 bytes are kept where a generation has 100", name, n)
		}
		if _, known := cache.get("24"); !known {
			t.Errorf("%s: the last one is gone", name)
		}
		if _, known := cache.get("hot"); known {
			t.Errorf("%s: what nobody asked for is still there", name)
		}
	}
}

// What is asked for moves to the young generation, and an instance that is absent is
// known to be.
func TestCacheKeepsWhatIsAskedForAndKnowsWhatIsAbsent(t *testing.T) {
	cache := newInstanceCache(2, 1<<20)
	cache.put("gone", cached{})
	for i := range 5 {
		if found, known := cache.get("gone"); !known || found.instance != nil {
			t.Fatalf("after %d others: %v, %v", i, found, known)
		}
		cache.put(fmt.Sprint(i), cached{instance: &topology.Instance{}})
	}
}
