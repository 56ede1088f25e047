package loop

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Stats are what a loop has done so far. They only grow, so what happened in a
// window is the difference of two.
type Stats struct {
	Final   bool    `json:"final,omitempty"` // the last line: nothing comes after it
	Seconds float64 `json:"seconds"`         // since the loop began

	RecordsIn    int64 `json:"recordsIn"`    // read, and committed as read
	RecordsOut   int64 `json:"recordsOut"`   // committed
	Unrouted     int64 `json:"unrouted"`     // of RecordsIn, those that no route fitted
	Transactions int64 `json:"transactions"` // committed
	Aborts       int64 `json:"aborts"`

	BytesIn  int64 `json:"bytesIn"`  // of keys, values and headers of RecordsIn
	BytesOut int64 `json:"bytesOut"` // the same of RecordsOut

	BytesSent     int64 `json:"bytesSent"`     // all requests to the brokers, after compression
	BytesReceived int64 `json:"bytesReceived"` // all their answers

	CPUSeconds float64 `json:"cpuSeconds"` // user and system, of this process since it began; 0 where the system does not tell
}

// counters are the statistics while the loop runs.
type counters struct {
	began time.Time // set once, before the loop's goroutines start
	sizes prometheus.Histogram

	mu    sync.Mutex // guards what follows
	stats Stats
}

// committed counts one transaction.
func (c *counters) committed(in, out []*kgo.Record, unrouted int) {
	bytesIn, bytesOut := int64(0), int64(0)
	for _, rec := range in {
		bytesIn += payloadBytes(rec)
	}
	for _, rec := range out {
		bytesOut += payloadBytes(rec)
	}
	c.sizes.Observe(float64(len(out)))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Transactions++
	c.stats.RecordsIn += int64(len(in))
	c.stats.RecordsOut += int64(len(out))
	c.stats.Unrouted += int64(unrouted)
	c.stats.BytesIn += bytesIn
	c.stats.BytesOut += bytesOut
}

func (c *counters) aborted() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Aborts++
}

func (c *counters) now() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	stats := c.stats
	stats.Seconds = time.Since(c.began).Seconds()
	stats.CPUSeconds = cpuTime().Seconds()
	return stats
}

// OnBrokerWrite is called by the clients after each request.
func (c *counters) OnBrokerWrite(_ kgo.BrokerMetadata, _ int16, bytes int, _, _ time.Duration, _ error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.BytesSent += int64(bytes)
}

// OnBrokerRead is called by the clients after each answer.
func (c *counters) OnBrokerRead(_ kgo.BrokerMetadata, _ int16, bytes int, _, _ time.Duration, _ error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.BytesReceived += int64(bytes)
}

// write writes one line.
func (c *counters) write(to io.Writer, final bool) error {
	stats := c.now()
	stats.Final = final
	line, err := json.Marshal(stats)
	if err != nil {
		return fmt.Errorf("loop: statistics: %w", err)
	}
	if _, err := to.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("loop: write the statistics: %w", err)
	}
	return nil
}
