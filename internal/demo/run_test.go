package demo

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"rondo/internal/demo/checkout"
	"rondo/internal/demo/execution"
	"rondo/internal/demo/nodes"
	"rondo/internal/demo/overheat"
	"rondo/internal/demo/personalise"
	"rondo/internal/demo/story"
	"rondo/internal/demo/verdict"
	"rondo/internal/kafkatest"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }

// buildRondo builds the program whose nodes the demo runs.
func buildRondo(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "rondo")
	if text, err := exec.Command("go", "build", "-o", out, "rondo/cmd/rondo").CombinedOutput(); err != nil {
		t.Fatalf("build rondo: %v\n%s", err, text)
	}
	return out
}

// lines collects what is shown, for the case that something goes wrong.
type lines struct{ t *testing.T }

func (l lines) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimRight(string(p), "\n"))
	return len(p), nil
}

// performClean runs a demo and demands a clean verdict.
func performClean(t *testing.T, cfg Config) *verdict.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if cfg.Story == nil {
		cfg.Story = checkout.Story
	}
	cfg.NodeArgs, cfg.Progress = []string{"demo", "node"}, lines{t}
	outcome, err := Run(ctx, cfg)
	if err != nil {
		t.Fatalf("%v (kept in %s)", err, outcome.Home)
	}
	r := outcome.Report
	for _, v := range r.Violations {
		t.Error(v)
	}
	if r.Cases != cfg.Count*cfg.Story.Load.CasesEach || r.Completed+r.Failed != r.Cases {
		t.Errorf("%d cases, %d completed, %d failed of a load of %d", r.Cases, r.Completed, r.Failed, cfg.Count)
	}
	if outcome.Home != "" && !t.Failed() {
		t.Errorf("the folder %s was kept after a clean run", outcome.Home)
	}
	return r
}

func TestCheckoutRunsExactlyOnce(t *testing.T) {
	if testing.Short() {
		kafkatest.LeaveOut(t, "it takes half a minute, and -short was given")
	}
	r := performClean(t, Config{Count: 300, Rate: 60, Seed: 11, Executable: buildRondo(t)})
	if r.Completed == 0 || r.Noted == 0 || r.Retries == 0 || r.P50 == nil {
		t.Errorf("a run in which something did not happen: %+v", r)
	}
}

// Each story in small.
func TestEveryStoryRunsExactlyOnce(t *testing.T) {
	if testing.Short() {
		kafkatest.LeaveOut(t, "it takes a minute, and -short was given")
	}
	rondo := buildRondo(t)
	for _, load := range []struct {
		story *story.Story
		count int
		rate  float64
		full  func(*verdict.Report) bool // everything that is counted happened
	}{
		{overheat.Story, 20, 40, func(r *verdict.Report) bool { return r.Failed > 0 && r.Retries > 0 }},
		{execution.Story, 120, 30, func(r *verdict.Report) bool { return r.Failed > 0 && r.Noted > 0 }},
		{personalise.Story, 600, 120, func(r *verdict.Report) bool { return r.Retries == 0 }},
	} {
		t.Run(load.story.Name(), func(t *testing.T) {
			r := performClean(t, Config{Story: load.story, Count: load.count, Rate: load.rate, Seed: 11, Executable: rondo})
			if r.Completed == 0 || r.P50 == nil || !load.full(r) {
				t.Errorf("a run in which something did not happen: %+v", r)
			}
		})
	}
}

func TestTwoRunsOnOneRealClusterAreBothClean(t *testing.T) {
	if testing.Short() {
		kafkatest.LeaveOut(t, "it takes two minutes, and -short was given")
	}
	cluster := kafkatest.Shared(t, 1)
	cfg := Config{Count: 150, Rate: 30, Seed: 12, Executable: buildRondo(t), Brokers: cluster.Addrs}
	performClean(t, cfg)
	cfg.Kill, cfg.Rate = true, 8
	if r := performClean(t, cfg); r.Kills == 0 || r.P99WithoutTakeovers == nil {
		t.Errorf("nobody was killed: %+v", r)
	}
}

func TestTopicsThatAreNotTheDemosAreRefused(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	broker := kafkatest.Embedded(t, 1)
	admin := kadm.NewClient(broker.Client(t))
	if _, err := admin.CreateTopic(ctx, 3, 1, nil, "shop.orders"); err != nil {
		t.Fatal(err)
	}
	c, err := openCluster(ctx, checkout.Story, broker.Addrs, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	err = c.prepare(ctx)
	if err == nil || !strings.Contains(err.Error(), "shop.orders") {
		t.Errorf("error %v, want one that names shop.orders", err)
	}
	there, err := admin.ListTopics(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if names := there.Names(); !slices.Equal(names, []string{"shop.orders"}) {
		t.Errorf("topics %v were created", names)
	}
}

func TestAClusterIsPreparedOnceAndFoundPreparedThen(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	broker := kafkatest.Embedded(t, 1)
	for range 2 {
		c, err := openCluster(ctx, checkout.Story, broker.Addrs, "")
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		if err := c.prepare(ctx); err != nil {
			t.Fatal(err)
		}
		start, err := verdict.Mark(ctx, c.admin, topicsOf(checkout.Story))
		if err != nil {
			t.Fatal(err)
		}
		for _, topic := range topicsOf(checkout.Story).All() {
			if n := len(start[topic]); n != partitions {
				t.Errorf("topic %s has %d partitions, want %d", topic, n, partitions)
			}
		}
	}
}

func TestDefaultRateFitsTheTime(t *testing.T) {
	for _, tc := range []struct {
		cfg  Config
		want float64
	}{
		{Config{}, 100}, {Config{Kill: true}, 2000. / 60}, {Config{Count: 10}, checkout.Story.Load.RateMin}, {Config{Count: 1_000_000}, checkout.Story.Load.RateMax},
		{Config{Count: 10, Rate: 0.5}, 0.5},
	} {
		got, err := tc.cfg.WithDefaults()
		if err != nil {
			t.Fatal(err)
		}
		if got.Rate != tc.want {
			t.Errorf("%+v places %g orders/s, want %g", tc.cfg, got.Rate, tc.want)
		}
	}
}

func TestImpossibleConfigurationsAreRefused(t *testing.T) {
	for _, cfg := range []Config{{Count: -1}, {Rate: -1}, {Nodes: -1}, {Nodes: maxNodes + 1}} {
		if _, err := cfg.WithDefaults(); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
}

func TestRatesAreOverTheLastSeconds(t *testing.T) {
	var r rates
	at := time.Unix(1700000000, 0)
	var decisions, commits float64
	for i := range 20 {
		decisions, commits = r.note(at.Add(time.Duration(i)*time.Second), nodes.Counts{Decisions: float64(100 * i), Commits: float64(i * i)})
	}
	if decisions != 100 {
		t.Errorf("%g decisions/s, want 100", decisions)
	}
	if want := float64(19*19-16*16) / 3; commits != want {
		t.Errorf("%g commits/s, want %g: those of the last three seconds", commits, want)
	}
	if len(r.looks) > 5 {
		t.Errorf("%d looks are kept", len(r.looks))
	}
}
