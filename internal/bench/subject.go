package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"rondo/internal/child"
)

// usage is what a subject has used since it began, but for sizes, which are
// those of the moment. NaN is what is not known.
type usage struct {
	cpuSeconds   float64
	transactions float64 // committed
	records      float64 // in these transactions
	sentBytes    float64 // requests to the brokers, on the wire
	rssBytes     float64
	heapBytes    float64 // Go heap in use
}

// subject is what is measured: the engine, or a bare loop in its place.
type subject interface {
	name() string
	prefix() string
	// usage looks at the subject now.
	usage(ctx context.Context) (usage, error)
	pid() int
	// failed is closed when the subject has ended by itself; err says how.
	ended() <-chan struct{}
	err() error
	stop() error
}

// errEnded is that of a subject that has ended while it was waited for.
var errEnded = errors.New("it has ended")

// started waits until a subject that was started works.
func started(ctx context.Context, sub subject, p probe) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	err := p.await(ctx, sub.ended())
	if errors.Is(err, errEnded) {
		return sub.err()
	}
	if err != nil {
		return fmt.Errorf("start %s: %w", sub.name(), err)
	}
	return nil
}

// startPatience is how long a subject may take until it works.
const startPatience = time.Minute

// stopPatience is how long a child may take to end in order.
const stopPatience = 20 * time.Second

// logged is a child with a log.
type logged struct {
	what    string // "the engine"
	process *child.Process
	log     string
	stopped bool
}

// spawn starts a child of this program whose standard error goes to a log in dir.
func spawn(executable, what, dir string, args []string, stdout *os.File) (*logged, error) {
	l := &logged{what: what, log: filepath.Join(dir, "log.txt")}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of %s: %w", what, err)
	}
	log, err := os.OpenFile(l.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", what, err)
	}
	defer log.Close()
	if stdout == nil {
		stdout = log
	}
	if l.process, err = child.Start(executable, args, stdout, log); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return l, nil
}

func (l *logged) pid() int               { return l.process.Pid() }
func (l *logged) ended() <-chan struct{} { return l.process.Ended() }

// err says how a child ended that nobody had asked to, with its last words.
func (l *logged) err() error {
	return fmt.Errorf("%s ended by itself (%v); the end of its log:\n%s", l.what, l.process.Err(), child.Tail(l.log, 12))
}

func (l *logged) stop() error {
	if l.stopped {
		return nil
	}
	l.stopped = true
	if err := l.process.Stop(stopPatience); err != nil {
		return fmt.Errorf("stop %s: %w; the end of its log:\n%s", l.what, err, child.Tail(l.log, 12))
	}
	return nil
}
