package bench

import (
	"context"
	"fmt"

	"rondo/internal/bench/load"
	"rondo/internal/bench/workload"
)

// What sleepers need, for the plan.
const (
	sleepersPerSecond = 8_000 // that lie down, at least
	bytesOfSleeper    = 2_500 // in all topics and in the store
	mostWoken         = 10_000
)

// sleepers starts an engine with sleepers in its store beside the one without. When
// all is measured some of them are woken.
func (s *session) sleepers(ctx context.Context, w *workload.Workload, prefix string, all *crew) error {
	e, err := s.crowdedEngine(ctx, w, prefix+"-sleepers")
	if e != nil {
		all.add(e)
	}
	if err != nil {
		return err
	}
	s.say("%s: %d sleepers lie down", w.Name, s.cfg.Sleepers)
	tag := s.nextTag()
	phase := load.Phase{Name: "lie-down", Concurrency: workload.LieDown.Closed[0], Cases: s.cfg.Sleepers}
	if err := s.sound(ctx, e, workload.LieDown, tag, phase); err != nil {
		return err
	}
	all.last = func(ctx context.Context) error {
		count := min(mostWoken, s.cfg.Sleepers)
		s.say("%s: %d sleepers are woken", w.Name, count)
		return s.sound(ctx, e, workload.GetUp, tag, load.Phase{Name: "get-up", Concurrency: workload.GetUp.Closed[0], Cases: count})
	}
	return nil
}

// crowdedEngine is an engine that runs the sleepers' definition as well.
func (s *session) crowdedEngine(ctx context.Context, w *workload.Workload, prefix string) (*engine, error) {
	files, err := w.Files(prefix)
	if err != nil {
		return nil, err
	}
	also, err := workload.LieDown.Files(prefix)
	if err != nil {
		return nil, err
	}
	files[workload.LieDown.Definition] = also[workload.LieDown.Definition]
	app := application{prefix: prefix, definitions: []string{w.Definition, workload.LieDown.Definition}, files: files}
	return s.startApplication(ctx, app, sleepersName)
}

// sound plays a phase of which nothing is measured, but which must be done right.
func (s *session) sound(ctx context.Context, sub subject, w *workload.Workload, tag string, phase load.Phase) error {
	rounds, err := s.roundTagged(ctx, sub, w, []load.Phase{phase}, tag)
	if err != nil {
		return err
	}
	return rounds[0].sound(phase.Name)
}

// sound is the error of a phase in which something was not done right.
func (r Round) sound(phase string) error {
	if r.Wrong > 0 {
		return fmt.Errorf("%s: %d records or cases are not as they must be; the first: %s", phase, r.Wrong, first(r.Faults))
	}
	return nil
}
