package processor

import (
	"context"
	"fmt"
)

// firstReading is where an input begins that was never read.
type firstReading struct {
	in     input
	from   From
	begins int64 // the offset of the first record to read
	passed int64 // offsets before it that still hold records
}

func (f firstReading) String() string {
	if f.passed == 0 {
		return fmt.Sprintf("%s at %d", f.in, f.begins)
	}
	return fmt.Sprintf("%s at %d (from %s, after %d)", f.in, f.begins, f.from, f.passed)
}

// firstReading finds where an input begins: the inbox, and a partition added to a
// source, at its start, a source where the configuration says.
func (l *lane) firstReading(ctx context.Context, in input, added bool) (firstReading, error) {
	first := firstReading{in: in, from: l.shared.config.Sources[in.topic].From}
	if added || in.topic == l.shared.topics.Inbox {
		first.from = FromEarliest()
	}
	starts, err := l.shared.cluster.starts(ctx, []input{in})
	if err != nil {
		return first, err
	}
	offsets := starts
	if at, ok := first.from.Time(); ok {
		offsets, err = l.shared.cluster.after(ctx, []input{in}, at)
	} else if !first.from.Earliest() {
		offsets, err = l.shared.cluster.highWatermarks(ctx, []input{in})
	}
	first.begins = offsets[in]
	first.passed = max(0, first.begins-starts[in]) // its records may be removed meanwhile
	return first, err
}

// tellFirstReadings logs, once in an application's life, where a lane's inputs
// begin. That records are passed over may surprise whoever wrote them before the
// first node ran.
func (l *lane) tellFirstReadings(readings []firstReading) {
	if len(readings) == 0 {
		return
	}
	begin := make([]string, len(readings))
	passed := false
	for i, f := range readings {
		begin[i] = f.String()
		passed = passed || f.passed > 0
	}
	if !passed {
		l.log.Info("sources are read for the first time", "inputs", begin)
		return
	}
	l.log.Warn("sources are read for the first time, and what they held before is passed over: sources.<topic>.from says otherwise for a new application", "inputs", begin)
}
