// Package story says what a story is: a workflow of examples/, with the world in
// which it is played and judged. The stories themselves are packages beside this
// one; the demo knows them by this only.
package story

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"rondo/internal/demo/observer"
	"rondo/internal/demo/services"
	"rondo/internal/demo/verdict"
)

// Story is one workflow with its world.
type Story struct {
	Words verdict.Words // its name among them
	Short string        // for the list of commands
	Long  string        // for its own help

	Files      fs.FS  // of the example
	Definition string // its name in Files
	// Hastened are texts of the definition that the demo plays otherwise, pairs
	// of the text and what stands for it: a cooling of minutes would outlast it.
	Hastened [][2]string

	Inputs, Commands, Tables []string // topics; see verdict.Topics
	Stateless                bool     // it must not store anything

	Load   Load
	Open   func(services.Config) (*Cast, error)
	Legend func() observer.Legend // a new one for each run
	Judge  func(*verdict.Books) *verdict.Report
}

// Load is how much of a story is played.
type Load struct {
	Flag      string // "orders": what is counted on the command line
	Usage     string // "orders to be placed"
	Default   int
	CasesEach int    // cases that come of each
	Scene     string // "orders are placed"
	RateMin   float64
	RateMax   float64
}

// Name is what the story is called on the command line.
func (s *Story) Name() string { return s.Words.Story }

// Source is the definition as the demo plays it.
func (s *Story) Source() ([]byte, error) {
	src, err := fs.ReadFile(s.Files, s.Definition)
	if err != nil {
		return nil, fmt.Errorf("read the definition of %s: %w", s.Name(), err)
	}
	for _, pair := range s.Hastened {
		if n := bytes.Count(src, []byte(pair[0])); n != 1 {
			return nil, fmt.Errorf("the definition of %s has %q %d times instead of once: it cannot be hastened", s.Name(), pair[0], n)
		}
		src = bytes.Replace(src, []byte(pair[0]), []byte(pair[1]), 1)
	}
	return src, nil
}

// Schemas are the Avro schemas of the example.
func (s *Story) Schemas() (fs.FS, error) {
	schemas, err := fs.Sub(s.Files, "schemas")
	if err != nil {
		return nil, fmt.Errorf("find the schemas of %s: %w", s.Name(), err)
	}
	return schemas, nil
}

// Cast is the world of a run: its services, and what puts the load on.
type Cast struct {
	Posts []*services.Post
	// Prepare writes what must be there before the load; nil: nothing.
	Prepare func(ctx context.Context, run string) error
	// Play puts the load on, once Prepare has returned: n of them at a rate per second, with keys that
	// begin with run, and returns when the last one was begun. Run must run.
	Play func(ctx context.Context, run string, n int, rate float64) error
}

// Run runs the posts until ctx ends, or until one of them fails, which ends the
// others. It returns when all have ended.
func (c *Cast) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	errs := make([]error, len(c.Posts))
	var running sync.WaitGroup
	for i, post := range c.Posts {
		running.Go(func() {
			if errs[i] = post.Run(ctx); errs[i] != nil {
				stop()
			}
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

// Hurry has every post send now what it had meant to send later.
func (c *Cast) Hurry() {
	for _, post := range c.Posts {
		post.Hurry()
	}
}

// Close closes a cast that was never run.
func (c *Cast) Close() {
	for _, post := range c.Posts {
		post.Close()
	}
}

// Readings are what the posts are to read.
func (c *Cast) Readings() []observer.Reading {
	var out []observer.Reading
	for _, post := range c.Posts {
		if r, ok := post.Reading(); ok {
			out = append(out, r)
		}
	}
	return out
}

// placing is in which time all of a load is put on if nobody says at which rate.
func placing(kill bool) time.Duration {
	if kill {
		return 60 * time.Second
	}
	return 20 * time.Second
}

// Rate is how many of n per second are begun if nobody says it.
func (l Load) Rate(n int, kill bool) float64 {
	return min(max(float64(n)/placing(kill).Seconds(), l.RateMin), l.RateMax)
}
