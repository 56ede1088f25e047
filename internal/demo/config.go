package demo

import (
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"rondo/internal/demo/checkout"
	"rondo/internal/demo/story"
)

// Config says what is performed.
type Config struct {
	// Story that is played. Default: the checkout.
	Story *story.Story
	// Count of what the story's load counts (orders, machines). Default: the
	// story's.
	Count int
	// Rate at which they are begun per second. Default: such that all are begun
	// within 20 seconds, with Kill within 60.
	Rate float64
	// Nodes of the orchestrator. Default: 2.
	Nodes int
	// Kill kills nodes while the story runs.
	Kill bool
	// Seed of all chance. Default: another one each time.
	Seed uint64
	// Brokers of a Kafka cluster to use. Default: an embedded broker.
	//
	// Danger: the demo creates the topics of the story there and writes
	// simulated events to them. It refuses a cluster where topics of these names
	// exist that it has not made.
	Brokers []string

	// Executable and NodeArgs run a node, as Executable NodeArgs… --config FILE.
	Executable string
	NodeArgs   []string

	// Progress is where the run is shown: in place if Width is set, which gives
	// the columns of the terminal, else as lines.
	Progress io.Writer
	Width    func() int
}

// Times of a run.
const (
	startPatience    = 60 * time.Second // from the first node's start until all partitions run
	takeoverPatience = 45 * time.Second
	endPatience      = 75 * time.Second // from the last case's beginning to its end
	readPatience     = 30 * time.Second // until all late answers are read
	verdictPatience  = 60 * time.Second

	// sessionTimeout is the least that a Kafka broker allows by default.
	sessionTimeout = 6 * time.Second
)

// minKills is how many kills a run with Kill has at least, as long as there is
// something to be disturbed.
const minKills = 4

// maxNodes bounds the processes that a demo starts.
const maxNodes = 8

// WithDefaults fills in what is not given. The error says what is wrong with what
// was.
func (c Config) WithDefaults() (Config, error) {
	if c.Story == nil {
		c.Story = checkout.Story
	}
	load := c.Story.Load
	if c.Count == 0 {
		c.Count = load.Default
	}
	if c.Nodes == 0 {
		c.Nodes = 2
	}
	if c.Seed == 0 {
		c.Seed = rand.Uint64N(1_000_000) + 1 // short enough to be typed again
	}
	switch {
	case c.Count < 0:
		return c, fmt.Errorf("%s is %d: give a number above 0", load.Flag, c.Count)
	case c.Rate < 0:
		return c, fmt.Errorf("rate is %g: give a number of %s per second above 0", c.Rate, load.Flag)
	case c.Nodes < 0 || c.Nodes > maxNodes:
		return c, fmt.Errorf("nodes is %d: give 1 to %d", c.Nodes, maxNodes)
	}
	if c.Rate == 0 {
		c.Rate = load.Rate(c.Count, c.Kill)
	}
	return c, nil
}

// cases is how many come of the load.
func (c Config) cases() int { return c.Count * c.Story.Load.CasesEach }
