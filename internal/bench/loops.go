package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"

	"rondo/internal/bench/loop"
)

// bare is a bare loop in the engine's place.
type bare struct {
	*logged
	probe
	kind loop.Kind
	app  string
}

func (b *bare) name() string   { return string(b.kind) }
func (b *bare) prefix() string { return b.app }

// laneInputs is how many inputs a lane of the engine puts into one transaction.
const laneInputs = 1000

// startLoop starts a loop that has learned what to write.
func (s *session) startLoop(ctx context.Context, kind loop.Kind, prefix string, inputs []string, learned lesson, rings int) (*bare, error) {
	listen, err := freeAddress()
	if err != nil {
		return nil, err
	}
	spec := learned.spec(prefix)
	spec.Brokers, spec.Group, spec.Kind, spec.Partitions, spec.Listen = s.cluster.brokers, prefix, kind, partitions, listen
	// The lanes of an engine commit together, each up to so many inputs: with one ring.
	spec.Rings, spec.MaxInputs = rings, partitions/rings*laneInputs
	for _, name := range inputs {
		spec.Inputs = append(spec.Inputs, prefix+"."+name)
	}
	process, err := spawn(s.cfg.Executable, "the loop "+string(kind), filepath.Join(s.home, prefix), []string{"bench", "loop"}, nil)
	if err != nil {
		return nil, err
	}
	b := &bare{logged: process, probe: probe{"http://" + listen}, kind: kind, app: prefix}
	if err := json.NewEncoder(process.process.Stdin).Encode(spec); err != nil {
		return b, fmt.Errorf("tell the loop %s what to do: %w", kind, err)
	}
	return b, started(ctx, b, b.probe)
}
