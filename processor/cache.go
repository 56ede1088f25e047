package processor

import "rondo/topology"

// What bounds the decoded instances of one lane: up to twice cachedInstances
// are kept, none of them larger than cachedBytes as stored.
const (
	cachedInstances = 4096
	cachedBytes     = 32 << 10
)

// instanceCache remembers committed instances that were decided on lately, so
// that an instance whose events follow each other closely is not decoded again
// and again. It keeps two generations: what was not asked for while the young
// one filled up goes with the old one.
type instanceCache struct {
	limit      int
	young, old map[string]*topology.Instance // nil: known to be absent
}

func newInstanceCache(limit int) *instanceCache {
	return &instanceCache{limit: limit, young: make(map[string]*topology.Instance)}
}

func (c *instanceCache) get(key string) (*topology.Instance, bool) {
	if instance, ok := c.young[key]; ok {
		return instance, true
	}
	instance, ok := c.old[key]
	if ok {
		c.insert(key, instance)
	}
	return instance, ok
}

// put replaces what is remembered under key. Bytes is the instance's size as
// stored; a large one is not kept.
func (c *instanceCache) put(key string, instance *topology.Instance, bytes int) {
	if bytes > cachedBytes {
		delete(c.young, key)
		delete(c.old, key)
		return
	}
	c.insert(key, instance)
}

func (c *instanceCache) insert(key string, instance *topology.Instance) {
	if len(c.young) >= c.limit {
		c.young, c.old = make(map[string]*topology.Instance, c.limit), c.young
	}
	c.young[key] = instance
	delete(c.old, key)
}
