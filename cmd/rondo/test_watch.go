package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"rondo/internal/suite"

	"rondo/topology/diag"
)

// testLookEvery is how often `rondo test --watch` looks for changed files.
const testLookEvery = 300 * time.Millisecond

// again runs the tests, and runs them again whenever a file on which they depend
// has changed, until ctx ends.
func (t *tests) again(ctx context.Context) error {
	ticker := time.NewTicker(testLookEvery)
	defer ticker.Stop()
	var seen stamps
	for {
		if now := t.look(seen); !now.same(seen) {
			reads, err := t.once(ctx)
			if stopped := t.tellFailure(ctx, err); stopped != nil {
				return stopped
			}
			// What was read is looked at as it was before the run: a file that is
			// saved meanwhile is a change.
			seen = t.stampsOf(now, reads)
			fmt.Fprintf(t.stderr, "\nwatching %s; Ctrl-C stops\n\n", diag.Count(len(seen), "file"))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// tellFailure says what kept the tests from running, unless the report has said
// it: a file that is half saved is looked at again. It returns what ends the
// watching.
func (t *tests) tellFailure(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	if f := new(failure); !errors.As(err, &f) || f.err != nil {
		_, err = fmt.Fprintf(t.stderr, "rondo: %v\n", err)
		return err
	}
	return nil
}

// stamps are the files that are watched, and by what a change shows.
type stamps map[string]stamp

type stamp struct {
	changed time.Time
	size    int64
}

func (s stamps) same(other stamps) bool {
	if len(s) != len(other) || other == nil {
		return false
	}
	for name, was := range other {
		if is, ok := s[name]; !ok || is != was {
			return false
		}
	}
	return true
}

// look takes the stamps of the files that were watched, and of the files of
// tests that there are now.
func (t *tests) look(seen stamps) stamps {
	now := stamps{}
	for name := range seen {
		now[name] = stampOf(name)
	}
	files, err := suite.Find(t.paths)
	if err != nil {
		return now // the run will say so
	}
	for _, name := range files {
		now[name] = stampOf(name)
	}
	return now
}

// stampsOf are those of the files that were read; of such as were known before
// the run, as they were then.
func (t *tests) stampsOf(before stamps, reads []string) stamps {
	out := stamps{}
	for _, name := range reads {
		was, ok := before[name]
		if !ok {
			was = stampOf(name)
		}
		out[name] = was
	}
	if len(reads) == 0 { // the run has broken off: whatever was known still counts
		return before
	}
	return out
}

// stampOf is the zero stamp for a file that is not there.
func stampOf(name string) stamp {
	info, err := os.Stat(name)
	if err != nil {
		return stamp{}
	}
	return stamp{info.ModTime(), info.Size()}
}
