package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"rondo/internal/audit"
	"rondo/internal/bench"
	"rondo/internal/bench/load"
	"rondo/internal/bench/workload"
	"rondo/processor"
)

// buildRondo builds the program whose children the benchmark runs.
func buildRondo(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "rondo")
	if text, err := exec.Command("go", "build", "-o", out, "rondo/cmd/rondo").CombinedOutput(); err != nil {
		t.Fatalf("build rondo: %v\n%s", err, text)
	}
	return out
}

// Few cases of each workload, on the engine and on both loops: none may be lost,
// done twice or done wrongly, and what the load has seen must be in the topics.
func TestEveryWorkloadIsDoneExactlyOnce(t *testing.T) {
	rondo := buildRondo(t)
	for _, w := range workload.All() {
		t.Run(w.Name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			cases := int64(60)
			if w.Steps > 100 {
				cases = 1
			}
			var progress bytes.Buffer
			totals := map[string]int64{} // additions that the counters tell of, by subject
			result, err := bench.Run(ctx, bench.Config{
				Executable: rondo, Workloads: []*workload.Workload{w}, Rounds: 1, Cases: cases, Loops: true, Sleepers: 300, Progress: &progress,
				Inspect: func(ctx context.Context, w *workload.Workload, subject, prefix string, brokers []string) (err error) {
					totals[subject], err = counted(ctx, w, prefix, brokers)
					return err
				},
			})
			if err != nil {
				t.Fatalf("%v\n%s", err, &progress)
			}
			m := result.Workloads[0]
			if len(m.Phases) != len(w.Closed)+len(w.Open) {
				t.Errorf("%d kinds of load were measured", len(m.Phases))
			}
			begun := int64(0)
			for _, p := range m.Phases {
				subjects := 1
				switch {
				case w.Loops:
					subjects = 3
				case w.Sleepers:
					subjects = 2
				}
				if len(p.Subjects) != subjects {
					t.Errorf("%s: %d subjects", p.Name, len(p.Subjects))
				}
				for _, of := range p.Subjects {
					checkRound(t, w, p.Name+" "+of.Subject, of.Rounds[0], cases)
				}
				begun += p.Subjects[0].Rounds[0].Begun
			}
			if w.Definition == "counter.yaml" {
				// Besides what was measured: learning and warm-up.
				if want := begun + cases + 100; totals["engine"] != want {
					t.Errorf("the counters have come to %d, want %d", totals["engine"], want)
				}
			}
		})
	}
}

func checkRound(t *testing.T, w *workload.Workload, what string, r bench.Round, cases int64) {
	t.Helper()
	if r.Wrong != 0 || r.Begun != cases || r.Cases != cases || r.Steps != cases*int64(w.Steps) {
		t.Errorf("%s: begun %d, ended %d, steps %d, wrong %d %q; want %d cases", what, r.Begun, r.Cases, r.Steps, r.Wrong, r.Faults, cases)
	}
	if r.Whole.Count() != cases {
		t.Errorf("%s: %d latencies of cases", what, r.Whole.Count())
	}
	if w.Sequential && r.Step.Count() != cases*int64(w.Records) {
		t.Errorf("%s: %d latencies of steps", what, r.Step.Count())
	}
	for name, figure := range map[string]bench.Number{
		"CPU": r.CPU.SubjectPer1000, "broker's CPU": r.CPU.BrokerPer1000, "bytes": r.BytesPerStep, "RSS": r.RSSBytes, "heap": r.HeapBytes,
		"transactions": r.TransactionsPerSecond,
	} {
		if !(figure >= 0) {
			t.Errorf("%s: %s: %v", what, name, figure)
		}
	}
}

// counted adds up the last answer of each counter.
func counted(ctx context.Context, w *workload.Workload, prefix string, brokers []string) (int64, error) {
	if w.Definition != "counter.yaml" || !strings.HasSuffix(prefix, "-engine") {
		return 0, nil // what loops write has the size of an answer only
	}
	last := map[string]int64{}
	cfg := processor.Config{App: prefix, Brokers: brokers}.WithDefaults()
	err := audit.Scan(ctx, cfg, workload.Topic(prefix, w.Outputs[0]), func(r *kgo.Record) error {
		total, err := workload.Total(r.Value)
		if err == nil && total != last[string(r.Key)]+1 {
			err = fmt.Errorf("the counter %s says %d after %d", r.Key, total, last[string(r.Key)])
		}
		last[string(r.Key)] = total
		return err
	})
	sum := int64(0)
	for _, n := range last {
		sum += n
	}
	return sum, err
}

// What one has measured another must be able to read.
func TestResultsAreJSON(t *testing.T) {
	l := load.NewLatencies()
	l.Record(1500 * time.Microsecond)
	result := bench.Result{Format: bench.Format, Workloads: []bench.Measured{{Workload: "call5", Phases: []bench.Phase{{Name: "c1", Subjects: []bench.Of{
		{Subject: "engine", Rounds: []bench.Round{{Cases: 1, Whole: l, Step: load.NewLatencies()}}},
	}}}}}}
	text, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	var back bench.Result
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	round := back.Workloads[0].Phases[0].Subjects[0].Rounds[0]
	if round.Cases != 1 || round.Whole.Count() != 1 || round.Whole.Quantile(0.5).Round(10*time.Microsecond) != 1500*time.Microsecond {
		t.Errorf("read back %+v", round)
	}
	if strings.Contains(string(text), "NaN") {
		t.Error(string(text))
	}
}
