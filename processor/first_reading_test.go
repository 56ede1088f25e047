package processor_test

import (
	"strings"
	"testing"

	"rondo/internal/kafkatest"
	"rondo/processor"
)

// Who wrote records before the first node ran must not wonder where they are.
func TestRecordsThatAreOlderThanTheApplicationAreToldOf(t *testing.T) {
	for _, c := range []struct {
		name   string
		from   processor.From
		passed int // partitions of which something is passed over
	}{
		{"latest", processor.From{}, 1},
		{"earliest", processor.FromEarliest(), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newApp(t, kafkatest.Embedded(t, 1), wordy)
			a.create(nil)
			a.config.Sources[a.topic("in")] = processor.Source{From: c.from}
			for range 3 {
				a.produce("in", "k", say("small", 10)) // all in one partition
			}
			a.ready(a.node())
			lines, passed := 0, 0
			for line := range strings.Lines(a.logs.tail(1 << 20)) {
				if !strings.Contains(line, "sources are read for the first time") {
					continue
				}
				lines++
				if strings.Contains(line, "passed over") {
					passed++
					if !strings.Contains(line, "level=WARN") || !strings.Contains(line, " at 3 (from latest, after 3)") {
						t.Errorf("told: %s", line)
					}
				}
			}
			if lines != appPartitions || passed != c.passed {
				t.Errorf("%d lines, %d of them warn; want %d, %d", lines, passed, appPartitions, c.passed)
			}
		})
	}
}
