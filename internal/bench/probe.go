package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// probe looks at a subject over HTTP. Engine and loops have the same metrics.
type probe struct{ url string } // http://host:port

// await waits until the subject works on all partitions.
func (p probe) await(ctx context.Context, ended <-chan struct{}) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := p.get(ctx, "/readyz", ready)
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ended:
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", err, context.Cause(ctx))
		}
	}
}

// ready reads what /readyz says of a subject that is ready. An engine is also
// while it owns nothing yet.
func ready(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil || string(text) == "ok\n" {
		return err
	}
	var body struct {
		Partitions struct{ Running int }
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return fmt.Errorf("/readyz says %q: %w", text, err)
	}
	if body.Partitions.Running < partitions {
		return fmt.Errorf("%d of %d partitions run", body.Partitions.Running, partitions)
	}
	return nil
}

// usage reads the subject's metrics.
func (p probe) usage(ctx context.Context) (usage, error) {
	var u usage
	err := p.get(ctx, "/metrics", func(r io.Reader) (err error) {
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(r)
		if err != nil {
			return err
		}
		u = usageOf(families)
		return nil
	})
	if err != nil {
		return u, fmt.Errorf("read %s/metrics: %w", p.url, err)
	}
	return u, nil
}

func usageOf(families map[string]*dto.MetricFamily) usage {
	return usage{
		cpuSeconds:   sum(families["process_cpu_seconds_total"]),
		transactions: sum(families["rondo_transactions_total"], "result", "committed"),
		records:      sum(families["rondo_transaction_records"]),
		sentBytes:    sentBytes(families),
		rssBytes:     sum(families["process_resident_memory_bytes"]),
		heapBytes:    sum(families["go_memstats_heap_inuse_bytes"]),
	}
}

// sentBytes is what was sent to the brokers.
func sentBytes(families map[string]*dto.MetricFamily) float64 {
	if of := families["rondo_loop_bytes_sent_total"]; of != nil {
		return sum(of)
	}
	return sum(families["rondo_wire_bytes_total"], "direction", "sent")
}

// sum adds up a family's metrics that have a label of this value; NaN if the
// family is not there. Of a histogram it is the sum of what was observed.
func sum(family *dto.MetricFamily, label ...string) float64 {
	if family == nil {
		return math.NaN()
	}
	total := 0.0
	for _, m := range family.GetMetric() {
		if len(label) == 0 || has(m, label[0], label[1]) {
			total += m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetHistogram().GetSampleSum()
		}
	}
	return total
}

func has(m *dto.Metric, name, value string) bool {
	for _, l := range m.GetLabel() {
		if l.GetName() == name && l.GetValue() == value {
			return true
		}
	}
	return false
}

// scrapePatience bounds one look.
const scrapePatience = 5 * time.Second

func (p probe) get(ctx context.Context, path string, read func(io.Reader) error) error {
	return p.getWithin(ctx, scrapePatience, path, read)
}

// getWithin reads a page that may take so long.
func (p probe) getWithin(ctx context.Context, patience time.Duration, path string, read func(io.Reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	return read(resp.Body)
}
