package processor

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Committer is the committer of a node, for tests that hand shares in by
// themselves.
type Committer = committer

// NewCommitter makes one that takes nothing before Run, while as many shares as
// fit may wait.
func NewCommitter(config RingConfig, fit int, r prometheus.Registerer) *Committer {
	if err := config.complete(); err != nil {
		panic(err)
	}
	c := newCommitter(config, newMetrics(r))
	c.shares = make(chan *share, fit)
	return c
}

// Run commits until ctx ends.
func (c *committer) Run(ctx context.Context) { c.run(ctx) }

// Share is what HandIn has handed in.
type Share = share

// Answer is where the answer to the share comes.
func (s *share) Answer() <-chan error { return s.answer }

// HandIn has a share wait that was decided upon another one, if after is not nil.
func (c *committer) HandIn(records []*kgo.Record, offsets Offsets, member Member, after *Share) *Share {
	s := newShare(0, records, offsets, member)
	if after != nil {
		s.after = after.fate
	}
	c.shares <- s
	return s
}
