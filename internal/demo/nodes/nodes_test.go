package nodes

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary play a node: as "node MANNER --config FILE".
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "node" {
		os.Exit(playNode(os.Args[2], os.Args[4]))
	}
	os.Exit(m.Run())
}

// playNode is ready at once with all partitions, and ends with its stdin.
func playNode(manner, config string) int {
	if manner == "dies" {
		fmt.Fprintln(os.Stderr, "cannot reach the brokers")
		return 3
	}
	text, err := os.ReadFile(config)
	if err != nil {
		return 1
	}
	_, listen, _ := strings.Cut(string(text), "listen: ")
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"ready":true,"partitions":{"owned":4,"restoring":0,"running":4}}`)
	})
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "# TYPE rondo_decisions_total counter\nrondo_decisions_total{workflow=\"a\",outcome=\"taken\"} 3\n"+
			"rondo_decisions_total{workflow=\"a\",outcome=\"late\"} 2\n"+
			"# TYPE rondo_transactions_total counter\nrondo_transactions_total{result=\"committed\"} 7\nrondo_transactions_total{result=\"aborted\"} 1\n")
	})
	go func() {
		if err := http.ListenAndServe(strings.Fields(listen)[0], mux); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}()
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return 1
	}
	return 0
}

func newTestFleet(t *testing.T, manner string) *Fleet {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := NewFleet(self, []string{"node", manner}, t.TempDir(), 2, Settings{
		App: "checkout", Brokers: []string{"127.0.0.1:1"}, Partitions: 8, Replication: 1,
		SessionTimeout: 6 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, n := range f.nodes {
			if p := n.release(); p != nil {
				if err := p.Kill(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	return f
}

func TestConfigurationHoldsWhatANodeNeeds(t *testing.T) {
	f := newTestFleet(t, "well")
	text, err := os.ReadFile(f.nodes[1].config)
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Dir(f.nodes[1].config)
	for _, want := range []string{
		"app: checkout", "127.0.0.1:1", "partitions: 8", "replication: 1", "session-timeout: 6s",
		"data-dir: " + filepath.Join(home, "data"), "listen: 127.0.0.1:",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("configuration lacks %q:\n%s", want, text)
		}
	}
}

func TestCountersGoOnOverALifesEnd(t *testing.T) {
	f := newTestFleet(t, "well")
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	if err := f.AwaitRunning(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := f.Counts(t.Context()); got != (Counts{Decisions: 10, Commits: 14}) {
		t.Fatalf("two nodes counted %+v", got)
	}
	if err := f.Kill(0); err != nil {
		t.Fatal(err)
	}
	if got := f.Counts(t.Context()); got != (Counts{Decisions: 10, Commits: 14}) {
		t.Errorf("with one killed they counted %+v", got)
	}
	if err := f.start(0); err != nil {
		t.Fatal(err)
	}
	if err := f.AwaitRunning(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := f.Counts(t.Context()); got != (Counts{Decisions: 15, Commits: 21}) {
		t.Errorf("after its second birth they counted %+v", got)
	}
}

func TestChaosKillsAndWaitsForTheTakeover(t *testing.T) {
	f := newTestFleet(t, "well")
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	if err := f.AwaitRunning(t.Context()); err != nil {
		t.Fatal(err)
	}
	var kills int
	var taken []Takeover
	c := Chaos{
		Fleet: f, Seed: 1, PauseMin: time.Millisecond, PauseMax: 2 * time.Millisecond, Patience: 10 * time.Second,
		Killed: func(int, time.Time) { kills++ },
		Taken:  func(t Takeover) { taken = append(taken, t) },
	}
	if err := c.Run(t.Context(), func() bool { return kills == 3 }); err != nil {
		t.Fatal(err)
	}
	if kills != 3 || len(taken) != 3 {
		t.Fatalf("%d kills, %d takeovers, want 3 and 3", kills, len(taken))
	}
	for _, tk := range taken {
		if !tk.Running.After(tk.Killed) {
			t.Errorf("takeover %+v", tk)
		}
	}
	select {
	case err := <-f.Failed():
		t.Errorf("a kill was taken for a failure: %v", err)
	default:
	}
}

func TestANodeThatEndsByItselfIsReportedWithItsLastWords(t *testing.T) {
	f := newTestFleet(t, "dies")
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	err := f.AwaitRunning(t.Context())
	if err == nil || !strings.Contains(err.Error(), "cannot reach the brokers") {
		t.Errorf("error %v", err)
	}
}

func TestANodeEndsWhenItsStandardInputCloses(t *testing.T) {
	f := newTestFleet(t, "well")
	if err := f.start(0); err != nil {
		t.Fatal(err)
	}
	p := f.nodes[0].release()
	if err := p.Stdin.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Ended():
	case <-time.After(10 * time.Second):
		t.Fatal("the node lives on")
	}
}
