package statestore

// Metrics are a store's sizes and counts, for a collector to publish.
type Metrics struct {
	DiskBytes           uint64 // tables and manifest
	MemTableBytes       uint64 // not on disk yet
	CacheBytes          int64
	CacheHits           int64 // since the store was opened
	CacheMisses         int64
	CompactionDebtBytes uint64 // to be compacted until the tables are in shape
	ReadAmplification   int    // tables that a read may have to look into
	FlushesTotal        int64
	CompactionsTotal    int64
	Writable            bool // false: the disk is full or broken, changes are refused
}

// Metrics returns the store's present sizes. It may be called from anywhere.
// While the disk is full they are the last ones, for Pebble holds its locks then.
func (s *Store) Metrics() Metrics {
	if !s.disk.full.Load() {
		s.last.Store(s.measure())
	}
	m := Metrics{}
	if last := s.last.Load(); last != nil {
		m = *last
	}
	m.Writable = s.writable() == nil
	return m
}

func (s *Store) measure() *Metrics {
	m := s.db.Metrics()
	return &Metrics{
		DiskBytes:           m.DiskSpaceUsage(),
		MemTableBytes:       m.MemTable.Size,
		CacheBytes:          m.BlockCache.Size,
		CacheHits:           m.BlockCache.Hits,
		CacheMisses:         m.BlockCache.Misses,
		CompactionDebtBytes: m.Compact.EstimatedDebt,
		ReadAmplification:   m.ReadAmp(),
		FlushesTotal:        m.Flush.Count,
		CompactionsTotal:    m.Compact.Count,
	}
}
