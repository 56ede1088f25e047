package nodes

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"rondo/topology/diag"
)

// probePatience bounds one look at a node.
const probePatience = 2 * time.Second

// Readiness is what /readyz of all nodes says together.
type Readiness struct {
	Ready   int // nodes
	Owned   int // partitions
	Running int // partitions
	Reason  string
}

// String is for a person who waits.
func (r Readiness) String() string {
	s := fmt.Sprintf("%s ready, %s owned, %d running", diag.Count(r.Ready, "node"), diag.Count(r.Owned, "partition"), r.Running)
	if r.Reason != "" {
		s += "; " + r.Reason
	}
	return s
}

// readyz is the body of /readyz.
type readyz struct {
	Ready      bool   `json:"ready"`
	Reason     string `json:"reason"`
	Partitions struct {
		Owned     int `json:"owned"`
		Restoring int `json:"restoring"`
		Running   int `json:"running"`
	} `json:"partitions"`
}

// Readiness asks every node; one that does not answer counts for nothing.
func (f *Fleet) Readiness(ctx context.Context) Readiness {
	var sum Readiness
	for _, n := range f.nodes {
		var body readyz
		if err := get(ctx, n.url+"/readyz", func(r io.Reader) error { return json.NewDecoder(r).Decode(&body) }); err != nil {
			sum.Reason = fmt.Sprintf("node %d: %v", n.number, err)
			continue
		}
		if body.Ready {
			sum.Ready++
		} else if body.Reason != "" {
			sum.Reason = fmt.Sprintf("node %d: %s", n.number, body.Reason)
		}
		sum.Owned += body.Partitions.Owned
		sum.Running += body.Partitions.Running
	}
	return sum
}

// get reads a page of a node, whatever its status.
func get(ctx context.Context, url string, read func(io.Reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return read(resp.Body)
}

// Counts are counters of the nodes' /metrics, added up over nodes and lives.
// What a killed node counted after the last look is not in them.
type Counts struct {
	Decisions float64 // rondo_decisions_total
	Commits   float64 // rondo_transactions_total{result="committed"}
}

// counts adds up a node's counters over its lives: each begins at zero.
type counts struct{ before, now Counts }

func (c *counts) reborn() {
	c.before.Decisions += c.now.Decisions
	c.before.Commits += c.now.Commits
	c.now = Counts{}
}

// Counts looks at /metrics of every node; one that does not answer keeps what
// it last said.
func (f *Fleet) Counts(ctx context.Context) Counts {
	var sum Counts
	for _, n := range f.nodes {
		n.mu.Lock()
		p := n.process
		n.mu.Unlock()
		var now Counts
		err := get(ctx, n.url+"/metrics", func(r io.Reader) (err error) {
			now, err = readCounts(r)
			return err
		})
		n.mu.Lock()
		if err == nil && n.process == p { // not of a life that has ended meanwhile
			n.counts.now = now
		}
		sum.Decisions += n.counts.before.Decisions + n.counts.now.Decisions
		sum.Commits += n.counts.before.Commits + n.counts.now.Commits
		n.mu.Unlock()
	}
	return sum
}

func readCounts(r io.Reader) (Counts, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(r)
	if err != nil {
		return Counts{}, fmt.Errorf("read metrics: %w", err)
	}
	var c Counts
	for _, m := range families["rondo_decisions_total"].GetMetric() {
		c.Decisions += m.GetCounter().GetValue()
	}
	for _, m := range families["rondo_transactions_total"].GetMetric() {
		for _, label := range m.GetLabel() {
			if label.GetName() == "result" && label.GetValue() == "committed" {
				c.Commits += m.GetCounter().GetValue()
			}
		}
	}
	return c, nil
}
