package statestore

import "bytes"

// changes are puts and deletions in memory, the last one of a key only, in the
// order in which their keys came first.
type changes struct {
	list  []change
	index map[string]int
	bytes int
}

type change struct {
	key   []byte
	name  string // the key again, as maps want it
	entry *Entry // nil: deletion
}

// due is when the key's timer fires after the change; 0: it has none.
func (c change) due() int64 {
	if c.entry == nil {
		return 0
	}
	return c.entry.Due
}

func (c change) bytes() int {
	if c.entry == nil {
		return len(c.key)
	}
	return len(c.key) + len(c.entry.Value)
}

func (c *changes) set(key []byte, entry *Entry) {
	if at, known := c.index[string(key)]; known {
		c.bytes -= c.list[at].bytes()
		c.list[at].entry = entry
		c.bytes += c.list[at].bytes()
		return
	}
	if c.index == nil {
		c.index = make(map[string]int)
	}
	added := change{bytes.Clone(key), string(key), entry}
	c.index[added.name] = len(c.list)
	c.list = append(c.list, added)
	c.bytes += added.bytes()
}

func (c *changes) get(key []byte) (entry *Entry, staged bool) {
	at, staged := c.index[string(key)]
	if !staged {
		return nil, false
	}
	return c.list[at].entry, true
}

// clear forgets everything and keeps the memory for more.
func (c *changes) clear() {
	clear(c.list)
	clear(c.index)
	c.list, c.bytes = c.list[:0], 0
}
