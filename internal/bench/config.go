package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"rondo/internal/bench/workload"
)

// Config says what is measured, and how.
type Config struct {
	// Executable is this program; its children are "bench engine" and so on.
	Executable string

	// Brokers are those of a cluster that is there. Default: an embedded broker.
	Brokers []string

	// Workloads are run one after the other.
	Workloads []*workload.Workload

	// Rounds is how often everything is measured; what is said is the median.
	Rounds int

	// WarmUp is for how long the broker is warmed up at most before anything is
	// measured. It ends when what a transaction costs is steady; a JVM needs a
	// minute or two.
	WarmUp time.Duration

	// Scale multiplies the times of all phases. Default: 1.
	Scale float64

	// Inspect, if given, is called for each subject when all was measured and its
	// topics are still there: for tests.
	Inspect func(ctx context.Context, w *workload.Workload, subject, prefix string, brokers []string) error

	// Cases, if given, makes each phase end after so many cases, whatever time
	// they take: for tests.
	Cases int64

	// Sleepers is how many instances wait in the store for the workload of that
	// name.
	Sleepers int64

	// Soak, if given, is how long a steady load is put on the first workload's
	// engine to see whether its memory grows; nothing else is measured then.
	Soak time.Duration

	// Loops says whether bare loops run beside the engine.
	Loops bool

	// BrokerPID is the process of a broker on this machine whose processor time
	// is measured. 0: that of the embedded broker, or the one that listens on the
	// only address of Brokers if that is loopback.
	BrokerPID int

	// Profiles is a folder for profiles of the engine. "": none are taken.
	Profiles string

	// Keep leaves the topics and the folder of the run.
	Keep bool

	// Version is the program's version.
	Version string

	// Progress is told what is being done, line by line.
	Progress io.Writer
}

const partitions = 8 // of the application and of all topics: the set-up of record

func (c Config) withDefaults() (Config, error) {
	if c.Executable == "" {
		self, err := os.Executable()
		if err != nil {
			return c, fmt.Errorf("find this program: %w", err)
		}
		c.Executable = self
	}
	if c.Scale == 0 {
		c.Scale = 1
	}
	if c.Progress == nil {
		c.Progress = io.Discard
	}
	switch {
	case len(c.Workloads) == 0:
		return c, errors.New("bench: workloads: name at least one")
	case c.Rounds < 1:
		return c, fmt.Errorf("bench: rounds: %d is too few", c.Rounds)
	case c.Sleepers < 1:
		return c, fmt.Errorf("bench: sleepers: %d is too few", c.Sleepers)
	case c.Scale < 0:
		return c, fmt.Errorf("bench: scale: %g is below 0", c.Scale)
	}
	return c, nil
}
