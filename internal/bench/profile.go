package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"rondo/internal/bench/load"
	"rondo/internal/bench/workload"
)

// profileTime is how long the processor's profile is taken.
const profileTime = 15 * time.Second

// profilePatience is how long it takes beyond that.
const profilePatience = 20 * time.Second

// profile puts the heaviest load on the engine once more, of which nothing is
// measured, and takes profiles meanwhile: DIR/WORKLOAD.cpu.pprof and so on.
func (s *session) profile(ctx context.Context, e *engine, w *workload.Workload) error {
	if s.cfg.Profiles == "" {
		return nil
	}
	s.say("%s: profiles", w.Name)
	if err := os.MkdirAll(s.cfg.Profiles, 0o755); err != nil {
		return fmt.Errorf("make the folder for the profiles: %w", err)
	}
	took := time.Duration(float64(profileTime) * s.cfg.Scale)
	taken := make(chan error, 1)
	go func() {
		pages := map[string]string{"cpu": fmt.Sprintf("profile?seconds=%d", max(1, int(took.Seconds())))}
		err := s.fetchProfiles(ctx, e, w.Name, pages)
		pages = map[string]string{"heap": "heap", "allocs": "allocs", "block": "block", "mutex": "mutex", "goroutine": "goroutine"}
		taken <- errors.Join(err, s.fetchProfiles(ctx, e, w.Name, pages))
	}()
	concurrency := w.Closed[len(w.Closed)-1]
	_, err := s.round(ctx, e, w, []load.Phase{{Name: "profile", Concurrency: concurrency, Measure: took + time.Second}})
	return errors.Join(err, <-taken)
}

func (s *session) fetchProfiles(ctx context.Context, e *engine, name string, pages map[string]string) error {
	for kind, page := range pages {
		path := filepath.Join(s.cfg.Profiles, name+"."+kind+".pprof")
		err := e.getWithin(ctx, profileTime+profilePatience, "/debug/pprof/"+page, func(r io.Reader) error {
			return writeFile(path, func(w io.Writer) error {
				_, err := io.Copy(w, r)
				return err
			})
		})
		if err != nil {
			return fmt.Errorf("take the profile %s of the engine: %w", kind, err)
		}
	}
	return nil
}
