package processor

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

var updateMetrics = flag.Bool("update-metrics", false, "rewrite the golden list of metrics")

// described keeps what is registered, to ask for its descriptions.
type described struct{ collectors []prometheus.Collector }

func (d *described) Register(c prometheus.Collector) error {
	d.collectors = append(d.collectors, c)
	return nil
}
func (d *described) MustRegister(cs ...prometheus.Collector) {
	d.collectors = append(d.collectors, cs...)
}
func (d *described) Unregister(prometheus.Collector) bool { return false }

// Dashboards and alarms hang on these names and labels.
func TestNamesOfMetrics(t *testing.T) {
	registry := &described{}
	newMetrics(registry)
	form := regexp.MustCompile(`fqName: "([^"]*)".*variableLabels: \{([^}]*)\}`)
	var names []string
	for _, c := range registry.collectors {
		descriptions := make(chan *prometheus.Desc, 10)
		c.Describe(descriptions)
		close(descriptions)
		for d := range descriptions {
			m := form.FindStringSubmatch(d.String())
			if m == nil {
				t.Fatalf("a description that cannot be read: %s", d)
			}
			names = append(names, strings.TrimSpace(m[1]+" "+m[2]))
		}
	}
	slices.Sort(names)
	got := strings.Join(names, "\n") + "\n"
	path := filepath.Join("testdata", "metrics.txt")
	if *updateMetrics {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the metrics are\n%s\nwant (go test ./processor -run NamesOfMetrics -update-metrics writes it anew)\n%s", got, want)
	}
}
