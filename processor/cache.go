package processor

import "rondo/topology"

// What bounds the decoded instances of one lane: two generations, each of up to
// so many instances and, as they are stored, so many bytes; a single instance may
// be larger than that.
const (
	cachedInstances = 4096
	cachedBytes     = 16 << 20
)

// cached is an instance in memory. The zero one is known to be absent.
type cached struct {
	instance *topology.Instance
	head     int // bytes as it is stored, without its parts
	parts    int // bytes of its parts, by value.Size
}

// instanceCache remembers committed instances that were decided on lately, so
// that an instance whose events follow each other closely is not decoded again
// and again, nor one with many parts each time that one of its iterations ends.
// It keeps two generations: what was not asked for while the young one filled up
// goes with the old one.
type instanceCache struct {
	limit, bytes int // of a generation
	young, old   map[string]cached
	used         int // bytes in the young one
}

func newInstanceCache(limit, bytes int) *instanceCache {
	return &instanceCache{limit: limit, bytes: bytes, young: make(map[string]cached)}
}

func (c *instanceCache) get(key string) (cached, bool) {
	if found, ok := c.young[key]; ok {
		return found, true
	}
	found, ok := c.old[key]
	if ok {
		c.put(key, found)
	}
	return found, ok
}

// put replaces what is remembered under key.
func (c *instanceCache) put(key string, now cached) {
	if was, ok := c.young[key]; ok {
		c.used -= was.head + was.parts
	} else if len(c.young) >= c.limit || c.used >= c.bytes {
		c.young, c.old = make(map[string]cached), c.young
		c.used = 0
	}
	c.young[key] = now
	c.used += now.head + now.parts
	delete(c.old, key)
}
