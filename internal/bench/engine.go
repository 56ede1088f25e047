package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v4"

	"rondo/topology"
)

// engine is a node of the product.
type engine struct {
	*logged
	called string
	app    string
	url    string // http://host:port
}

func (e *engine) name() string   { return e.called }
func (e *engine) prefix() string { return e.app }

// settingsFile is the part of rondo.yaml that is not the default.
type settingsFile struct {
	App         string                       `yaml:"app"`
	Brokers     []string                     `yaml:"brokers"`
	Partitions  int                          `yaml:"partitions"`
	Replication int                          `yaml:"replication"`
	DataDir     string                       `yaml:"data-dir"`
	Definitions []string                     `yaml:"definitions"`
	Sources     map[string]map[string]string `yaml:"sources"`
	HTTP        map[string]string            `yaml:"http"`
}

// application is what an engine runs.
type application struct {
	prefix      string
	definitions []string          // names of files
	files       map[string][]byte // definitions and schemas
}

// parse reads the definitions as the engine will.
func (a application) parse() ([]*topology.Definition, error) {
	var all []*topology.Definition
	for _, name := range a.definitions {
		d, list := topology.Parse(name, a.files[name], func(file string) ([]byte, error) {
			text, ok := a.files[file]
			if !ok {
				return nil, os.ErrNotExist
			}
			return text, nil
		})
		if list.HasErrors() {
			return nil, fmt.Errorf("workload: definition %s: %v", name, list)
		}
		all = append(all, d)
	}
	return all, nil
}

// startEngine writes the folder of an application and starts a node on it.
func startEngine(cfg Config, c *cluster, called, home string, app application) (*engine, error) {
	for name, text := range app.files {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, fmt.Errorf("make the engine's folder: %w", err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return nil, fmt.Errorf("write the engine's folder: %w", err)
		}
	}
	listen, err := freeAddress()
	if err != nil {
		return nil, err
	}
	file := settingsFile{
		App: app.prefix, Brokers: c.brokers, Partitions: partitions, Replication: c.replication,
		DataDir: filepath.Join(home, "data"), Definitions: app.definitions,
		Sources: map[string]map[string]string{}, HTTP: map[string]string{"listen": listen},
	}
	definitions, err := app.parse()
	if err != nil {
		return nil, err
	}
	for _, d := range definitions {
		for _, m := range d.Messages {
			file.Sources[m.Topic] = map[string]string{"from": "earliest"}
		}
	}
	if cfg.Profiles != "" {
		file.HTTP["profiles"] = "on"
	}
	text, err := yaml.Marshal(file)
	if err != nil {
		return nil, fmt.Errorf("write the engine's configuration: %w", err)
	}
	path := filepath.Join(home, "rondo.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, fmt.Errorf("write the engine's configuration: %w", err)
	}
	process, err := spawn(cfg.Executable, "the engine", home, []string{"bench", "engine", "--config", path}, nil)
	if err != nil {
		return nil, err
	}
	return &engine{logged: process, called: called, app: app.prefix, url: "http://" + listen}, nil
}

// freeAddress finds a port on loopback that nobody uses.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// await waits until the node decides on all partitions.
func (e *engine) await(ctx context.Context) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		var body struct {
			Ready      bool   `json:"ready"`
			Reason     string `json:"reason"`
			Partitions struct{ Running int }
		}
		err := e.get(ctx, "/readyz", func(r io.Reader) error { return json.NewDecoder(r).Decode(&body) })
		if err == nil && body.Ready && body.Partitions.Running == partitions {
			return nil
		}
		select {
		case <-ticker.C:
		case <-e.ended():
			return e.err()
		case <-ctx.Done():
			return fmt.Errorf("wait for the engine (%s): %w", body.Reason, context.Cause(ctx))
		}
	}
}

// usage reads the node's metrics.
func (e *engine) usage(ctx context.Context) (usage, error) {
	var u usage
	err := e.get(ctx, "/metrics", func(r io.Reader) (err error) {
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(r)
		if err != nil {
			return err
		}
		u = usageOf(families)
		return nil
	})
	if err != nil {
		return u, fmt.Errorf("read the engine's metrics: %w", err)
	}
	return u, nil
}

func usageOf(families map[string]*dto.MetricFamily) usage {
	return usage{
		cpuSeconds:   sum(families["process_cpu_seconds_total"]),
		transactions: sum(families["rondo_transactions_total"], "result", "committed"),
		records:      sum(families["rondo_transaction_records"]),
		sentBytes:    sum(families["rondo_wire_bytes_total"], "direction", "sent"),
		rssBytes:     sum(families["process_resident_memory_bytes"]),
		heapBytes:    sum(families["go_memstats_heap_inuse_bytes"]),
	}
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

// scrapePatience bounds one look at the node.
const scrapePatience = 5 * time.Second

func (e *engine) get(ctx context.Context, path string, read func(io.Reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, scrapePatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK && !strings.HasPrefix(path, "/readyz") {
		return fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	return read(resp.Body)
}
