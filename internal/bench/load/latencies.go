package load

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latencies is a histogram of times in microseconds with three significant
// digits, up to ten minutes. Longer ones count as that.
type Latencies struct{ h *hdrhistogram.Histogram }

const (
	longestLatency    = 10 * time.Minute
	significantDigits = 3
)

// NewLatencies is an empty histogram.
func NewLatencies() *Latencies {
	return &Latencies{hdrhistogram.New(1, longestLatency.Microseconds(), significantDigits)}
}

// Record adds a latency.
func (l *Latencies) Record(d time.Duration) {
	d = min(max(d, time.Microsecond), longestLatency)
	if err := l.h.RecordValue(d.Microseconds()); err != nil {
		panic(fmt.Sprintf("latency %s is beyond the histogram: %v", d, err)) // it was bounded above
	}
}

// Count is how many there are.
func (l *Latencies) Count() int64 { return l.h.TotalCount() }

// Quantile is the latency that a share q (0 to 1) of all does not exceed; 0 if
// there are none.
func (l *Latencies) Quantile(q float64) time.Duration {
	if l.Count() == 0 {
		return 0
	}
	return time.Duration(l.h.ValueAtQuantile(q*100)) * time.Microsecond
}

// Merge adds all of another's.
func (l *Latencies) Merge(other *Latencies) { l.h.Merge(other.h) }

// MarshalJSON writes the histogram in HdrHistogram's own encoding (V2,
// compressed), as base64.
func (l *Latencies) MarshalJSON() ([]byte, error) {
	packed, err := l.h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return nil, fmt.Errorf("encode a histogram: %w", err)
	}
	return json.Marshal(string(packed))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (l *Latencies) UnmarshalJSON(text []byte) error {
	var packed string
	if err := json.Unmarshal(text, &packed); err != nil {
		return err
	}
	if _, err := base64.StdEncoding.DecodeString(packed); err != nil {
		return fmt.Errorf("decode a histogram: %w", err)
	}
	h, err := hdrhistogram.Decode([]byte(packed))
	if err != nil {
		return fmt.Errorf("decode a histogram: %w", err)
	}
	l.h = h
	return nil
}
