package services

// memory remembers the newest entries by key, at most most of them: a service
// that has run for months need not know the commands of last year.
type memory[V any] struct {
	most    int
	entries map[string]*V
	order   []string // keys, oldest first
}

func newMemory[V any](most int) *memory[V] {
	return &memory[V]{most: most, entries: map[string]*V{}}
}

// of returns the entry of a key, a new zero one if there is none.
func (m *memory[V]) of(key string) *V {
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
