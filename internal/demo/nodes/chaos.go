package nodes

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Takeover is a kill and what came of it.
type Takeover struct {
	Node    int       // from 1
	Killed  time.Time // when the node was killed
	Running time.Time // when all nodes were ready and all partitions ran again
}

// Chaos kills nodes one after another, each started again at once, as a
// supervisor would, and the next one killed only when all partitions run again.
type Chaos struct {
	Fleet *Fleet
	Seed  uint64
	// Pause between all partitions running again and the next kill.
	PauseMin, PauseMax time.Duration
	// Patience is how long a takeover may take; longer is an error.
	Patience time.Duration
	// Killed is told of each kill, Taken of each takeover, at once.
	Killed func(node int, at time.Time)
	Taken  func(Takeover)
}

// Run kills nodes until enough says so, which it is asked before each kill, or
// ctx ends. It never returns between a kill and the end of its takeover, unless
// ctx ends.
func (c *Chaos) Run(ctx context.Context, enough func() bool) error {
	rng := rand.New(rand.NewPCG(c.Seed, 0))
	for {
		pause := c.PauseMin + time.Duration(rng.Int64N(int64(c.PauseMax-c.PauseMin)+1))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
		if enough() {
			return nil
		}
		if err := c.strike(ctx, rng.IntN(len(c.Fleet.nodes))); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// strike kills one node, starts it again, and waits for the takeover.
func (c *Chaos) strike(ctx context.Context, i int) error {
	t := Takeover{Node: i + 1, Killed: time.Now()}
	if err := c.Fleet.Kill(i); err != nil {
		return err
	}
	c.Killed(t.Node, t.Killed)
	if err := c.Fleet.start(i); err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, c.Patience)
	defer cancel()
	if err := c.Fleet.AwaitRunning(waiting); err != nil {
		return fmt.Errorf("takeover after the kill of node %d: %w", t.Node, err)
	}
	t.Running = time.Now()
	c.Taken(t)
	return nil
}
