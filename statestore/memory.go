package statestore

import (
	"sync"
	"sync/atomic"
	"time"
)

// memory bounds what has changed and is not on disk yet. Pebble would hold up
// writers by itself; but not so that they hear of a disk that is full meanwhile,
// and then whoever waits could not be stopped before there is space.
type memory struct {
	max     uint64        // bytes that may be there
	measure func() uint64 // what is there; it may wait for a full disk
	bound   func() error  // why nothing is written, or nil

	known   atomic.Uint64 // when it was last measured
	since   atomic.Uint64 // bytes of changes since that measurement began
	looking atomic.Bool
	looks   sync.WaitGroup
}

// memTablesMax is the bound, in memory tables.
const memTablesMax = 4

// memoryTurn is how often a change that has to wait looks whether it may go on.
const memoryTurn = 2 * time.Millisecond

// take makes room for a change, or says why nothing is written.
func (m *memory) take(bytes int) error {
	m.since.Add(uint64(bytes))
	if err := m.bound(); err != nil {
		return err
	}
	if m.since.Load() < m.max/16 && m.known.Load() < m.max {
		return nil
	}
	m.look()
	if !m.crowded() {
		return nil
	}
	ticker := time.NewTicker(memoryTurn)
	defer ticker.Stop()
	for m.crowded() {
		if err := m.bound(); err != nil {
			return err
		}
		m.look()
		<-ticker.C
	}
	return nil
}

func (m *memory) crowded() bool {
	known, since := m.known.Load(), m.since.Load()
	return known >= m.max || since >= m.max
}

// look measures, beside whoever asks for it.
func (m *memory) look() {
	if !m.looking.CompareAndSwap(false, true) {
		return
	}
	seen := m.since.Load()
	m.looks.Go(func() {
		m.known.Store(m.measure())
		m.since.Add(-seen)
		m.looking.Store(false)
	})
}

// close waits for measurements. Nobody takes any more.
func (m *memory) close() { m.looks.Wait() }
