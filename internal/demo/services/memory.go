package services

// Memory remembers the newest entries by key, at most most of them: a service
// that has run for months need not know the commands of last year.
type Memory[V any] struct {
	most    int
	entries map[string]*V
	order   []string // keys, oldest first
}

// NewMemory returns an empty memory.
func NewMemory[V any](most int) *Memory[V] {
	return &Memory[V]{most: most, entries: map[string]*V{}}
}

// Of returns the entry of a key, a new zero one if there is none.
func (m *Memory[V]) Of(key string) *V {
	if v, ok := m.entries[key]; ok {
		return v
	}
	if len(m.order) == m.most {
		delete(m.entries, m.order[0])
		m.order = m.order[1:]
	}
	v := new(V)
	m.entries[key] = v
	m.order = append(m.order, key)
	return v
}
