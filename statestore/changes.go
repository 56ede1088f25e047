package statestore

// changes are puts and deletions in memory, the last one of a key only, in the
// order in which their keys came first.
type changes struct {
	list  []change
	index map[string]int
	bytes int

	expected int // for how many there is room from the start
}

type change struct {
	key   []byte
	name  string // the key again, as maps want it
	entry Entry
	gone  bool // deletion; entry is zero
}

// due is when the key's timer fires after the change; 0: it has none.
func (c change) due() int64 {
	return c.entry.Due
}

func (c change) bytes() int { return len(c.key) + len(c.entry.Value) }

// put notes an entry. Key and value are kept, and must not be modified any more.
func (c *changes) put(key []byte, entry Entry) { c.set(change{key: key, entry: entry}) }

// delete notes that a key is gone. The key is kept, and must not be modified any more.
func (c *changes) delete(key []byte) { c.set(change{key: key, gone: true}) }

func (c *changes) set(now change) {
	c.bytes += now.bytes()
	if at, known := c.index[string(now.key)]; known {
		was := &c.list[at]
		c.bytes -= was.bytes()
		was.entry, was.gone = now.entry, now.gone
		return
	}
	if c.index == nil {
		c.index, c.list = make(map[string]int, c.expected), make([]change, 0, c.expected)
	}
	now.name = string(now.key)
	c.index[now.name] = len(c.list)
	c.list = append(c.list, now)
}

func (c *changes) get(key []byte) (now change, staged bool) {
	at, staged := c.index[string(key)]
	if !staged {
		return change{}, false
	}
	return c.list[at], true
}

// clear forgets everything and keeps the memory for more.
func (c *changes) clear() {
	clear(c.list)
	clear(c.index)
	c.list, c.bytes = c.list[:0], 0
}
