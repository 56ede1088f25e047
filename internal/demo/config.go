package demo

import (
	"fmt"
	"io"
	"math/rand/v2"
	"time"
)

// Config says what is performed.
type Config struct {
	// Orders that the shop places. Default: 2000.
	Orders int
	// Rate of orders per second. Default: such that the shop places them in 20
	// seconds, with Kill in 60.
	Rate float64
	// Nodes of the orchestrator. Default: 2.
	Nodes int
	// Kill kills nodes while the orders run.
	Kill bool
	// Seed of all chance. Default: another one each time.
	Seed uint64
	// Brokers of a Kafka cluster to use. Default: an embedded broker.
	//
	// Danger: the demo creates the topics of the checkout there and writes
	// simulated orders to them. It refuses a cluster where topics of these names
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
	placingTime       = 20 * time.Second
	placingTimeKilled = 60 * time.Second

	startPatience    = 60 * time.Second // from the first node's start until all partitions run
	takeoverPatience = 45 * time.Second
	endPatience      = 75 * time.Second // from the last order's placing to its end
	readPatience     = 30 * time.Second // until all late answers are read
	verdictPatience  = 60 * time.Second

	// sessionTimeout is the least that a Kafka broker allows by default.
	sessionTimeout = 6 * time.Second
)

// minKills is how many kills a run with Kill has at least, as long as there are
// orders to be disturbed.
const minKills = 4

// bounds of the default rate.
const (
	rateMin = 5
	rateMax = 1000
)

// maxNodes bounds the processes that a demo starts.
const maxNodes = 8

func (c Config) withDefaults() (Config, error) {
	if c.Orders == 0 {
		c.Orders = 2000
	}
	if c.Nodes == 0 {
		c.Nodes = 2
	}
	if c.Seed == 0 {
		c.Seed = rand.Uint64N(1_000_000) + 1 // short enough to be typed again
	}
	switch {
	case c.Orders < 0:
		return c, fmt.Errorf("orders is %d: give a number above 0", c.Orders)
	case c.Rate < 0:
		return c, fmt.Errorf("rate is %g: give a number of orders per second above 0", c.Rate)
	case c.Nodes < 0 || c.Nodes > maxNodes:
		return c, fmt.Errorf("nodes is %d: give 1 to %d", c.Nodes, maxNodes)
	}
	if c.Rate == 0 {
		placing := placingTime
		if c.Kill {
			placing = placingTimeKilled
		}
		c.Rate = min(max(float64(c.Orders)/placing.Seconds(), rateMin), rateMax)
	}
	return c, nil
}
