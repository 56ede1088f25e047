package bench

import (
	"bytes"
	"flag"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rondo/internal/bench/load"
	"rondo/internal/bench/workload"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares text with a file in testdata.
func golden(t *testing.T, name string, write func(io.Writer) error) {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), want) {
		t.Errorf("%s differs (go test -update writes it anew):\n%s", name, b.String())
	}
}

// someRound does so many steps a second, each taking some milliseconds.
func someRound(stepsPerSecond, milliseconds float64) Round {
	whole, step := load.NewLatencies(), load.NewLatencies()
	for i := range 20_000 {
		d := time.Duration(milliseconds * (1 + float64(i%100)/100) * float64(time.Millisecond))
		step.Record(d)
		whole.Record(6 * d)
	}
	return Round{
		Seconds: 5, Cases: int64(stepsPerSecond), Steps: int64(5 * stepsPerSecond), Begun: 1000,
		CasesPerSecond: stepsPerSecond / 5, StepsPerSecond: stepsPerSecond, Whole: whole, Step: step,
		CPU:          CPU{SubjectPer1000: 0.025, BrokerPer1000: Number(math.NaN()), LoadPer1000: 0.01, Machine: 0.8, Others: 0.01},
		BytesPerStep: 700, TransactionsPerSecond: 500, RecordsPerTransaction: 40, RSSBytes: 80 << 20, HeapBytes: 30 << 20,
	}
}

func rounds(stepsPerSecond, milliseconds float64) []Round {
	return []Round{someRound(stepsPerSecond, milliseconds), someRound(stepsPerSecond*1.1, milliseconds), someRound(stepsPerSecond*0.9, milliseconds)}
}

func someResult() *Result {
	r := &Result{
		Format: Format, At: time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC), Version: "v0.1.0", Rounds: 3,
		Warmth:  Warmth{Seconds: 30, Figure: "the broker's processor time per transaction", Unit: "µs", Windows: []Number{3000, 1500, 1040, 1000, 980}, Steady: true},
		Machine: Machine{CPU: "A processor", Cores: 2, MemoryBytes: 8e9, Kernel: "6.1", OS: "linux/amd64", Go: "go1.26"},
		Broker:  Broker{Version: "v4.0", Nodes: 1, Replication: 1, Acks: "all", Settings: map[string]string{"min.insync.replicas": "1"}},
		Workloads: []Measured{{Workload: "call5", Short: "five calls", Compares: "others", Phases: []Phase{
			{Name: "c1", Concurrency: 1, Subjects: []Of{{"engine", rounds(500, 1.5)}, {"ring", rounds(600, 1)}}},
			{Name: "c512", Concurrency: 512, Subjects: []Of{{"engine", rounds(18_000, 30)}, {"ring", rounds(40_000, 12)}, {"session", rounds(30_000, 20)}}},
			{Name: "1000/s", Rate: 200, Subjects: []Of{{"engine", rounds(1000, 2)}, {"ring", rounds(1000, 1)}}},
		}}},
	}
	r.Workloads[0].Phases[0].Subjects[0].Rounds[1].CPU.Machine = 1
	r.Doubts = doubtsOf(r)
	r.Goals = goalsOf(r)
	return r
}

func TestReport(t *testing.T) {
	r := someResult()
	golden(t, "report.txt", r.WriteText)
	golden(t, "throughput.svg", r.WriteThroughput)
	golden(t, "latency.svg", r.Workloads[0].WriteLatencies)
}

func TestFilesOfAResult(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	if err := someResult().WriteFiles(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"result.json", "throughput.svg", "latency-call5.svg"} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || len(text) < 500 {
			t.Errorf("%s: %d bytes, %v", name, len(text), err)
		}
	}
}

func TestGoalsAreReachedFromTheirSide(t *testing.T) {
	for _, tc := range []struct {
		goal Goal
		want State
	}{
		{Goal{Must: 0.35, Aim: 0.6, Value: 0.34}, Missed},
		{Goal{Must: 0.35, Aim: 0.6, Value: 0.35}, Reached},
		{Goal{Must: 0.35, Aim: 0.6, Value: 0.7}, Aimed},
		{Goal{Must: 18, Aim: 10, Most: true, Value: 19}, Missed},
		{Goal{Must: 18, Aim: 10, Most: true, Value: 18}, Reached},
		{Goal{Must: 18, Aim: 10, Most: true, Value: 3}, Aimed},
		{Goal{Must: 18, Aim: 10, Most: true, Value: Number(math.NaN())}, NotMeasured},
	} {
		if got := tc.goal.state(); got != tc.want {
			t.Errorf("%+v: %s, want %s", tc.goal, got, tc.want)
		}
	}
}

func TestWhatIsNotToBeTrustedIsSaid(t *testing.T) {
	open := Phase{Name: "1000/s", Rate: 200}
	closed := Phase{Name: "c512", Concurrency: 512}
	if list := doubts(open, Of{"engine", []Round{someRound(1000, 1)}}); len(list) != 0 {
		t.Fatalf("doubts about nothing: %v", list)
	}
	for want, change := range map[string]func(*Round){
		"the processors were full: latencies are those of waiting for them 97 %":                          func(r *Round) { r.CPU.Machine = 0.97 },
		"others were at work on the machine: they took of its processors 30 %":                            func(r *Round) { r.CPU.Others = 0.3 },
		"the machine's host took of its processors (steal) 2 %":                                           func(r *Round) { r.CPU.Steal = 0.02 },
		"the load itself was late: it began cases after their time, from which their latencies count 5 %": func(r *Round) { r.Late = 50 },
		"WRONG: records or cases are not as they must be 2; the first: not told":                          func(r *Round) { r.Wrong = 2 },
		"p99 and p99.9 are of too few samples 1":                                                          func(r *Round) { r.Step = load.NewLatencies(); r.Step.Record(time.Second) },
	} {
		r := someRound(1000, 1)
		change(&r)
		if list := doubts(open, Of{"engine", []Round{r}}); len(list) != 1 || list[0].What+" "+list[0].How != want {
			t.Errorf("want %q, got %v", want, list)
		}
	}
	full := someRound(1000, 1)
	full.CPU.Machine = 1
	if list := doubts(closed, Of{"engine", []Round{full}}); len(list) != 0 {
		t.Errorf("at its limit a workload may fill the processors: %v", list)
	}
	if list := doubts(closed, Of{"engine", []Round{someRound(1000, 1), someRound(2000, 1)}}); len(list) != 1 || list[0].How != "1000 to 2000 steps/s" {
		t.Errorf("rounds that differ: %v", list)
	}
}

// `rondo bench` alone takes at most ten minutes.
func TestThePlanKeepsToItsTime(t *testing.T) {
	c := Config{Rounds: 3, Loops: true, Scale: 1, WarmUp: 90 * time.Second}
	for _, name := range []string{"call5", "passthrough", "counter"} {
		c.Workloads = append(c.Workloads, workload.Named(name))
	}
	total := time.Duration(0)
	for _, w := range c.Workloads {
		total += c.timeOf(w)
	}
	if total > 10*time.Minute {
		t.Errorf("it takes %s", total)
	}
	golden(t, "plan.txt", c.WritePlan)
}

func TestMemoryThatGrowsIsTold(t *testing.T) {
	flat, rising := &Soak{Seconds: 600}, &Soak{Seconds: 600}
	for i := range 120 {
		noise := float64(i%7) * (1 << 20)
		at := float64(5 * i)
		flat.Samples = append(flat.Samples, MemorySample{at, 100<<20 + noise, 40<<20 + noise})
		rising.Samples = append(rising.Samples, MemorySample{at, 100<<20 + noise + at*40_000, 40<<20 + noise})
	}
	flat.judge()
	rising.judge()
	if list := flat.doubts(); len(list) != 0 {
		t.Errorf("doubts about nothing: %v", list)
	}
	if list := (&Soak{Seconds: 60, Wrong: 2}).doubts(); len(list) != 2 {
		t.Errorf("a short one with faults: %v", list)
	}
	if flat.Grows {
		t.Errorf("flat: %s", flat)
	}
	if !rising.Grows || math.Abs(rising.RSS.BytesPerMinute-60*40_000) > 200_000 {
		t.Errorf("rising: %s", rising)
	}
}

func TestTheProcessOfABrokerIsFoundByItsAddress(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	want := os.Getpid()
	if _, err := os.Stat("/proc/net/tcp"); err != nil {
		want = 0 // the system does not tell
	}
	if pid := listenerOf(l.Addr().String()); pid != want {
		t.Errorf("process %d listens on %s, want %d", pid, l.Addr(), want)
	}
	for _, address := range []string{"kafka-1:9092", "10.0.0.1:9092", "nothing"} {
		if pid := listenerOf(address); pid != 0 {
			t.Errorf("process %d listens on %s", pid, address)
		}
	}
}

func TestABrokerIsWarmWhenThreeWindowsDifferLittle(t *testing.T) {
	nan := Number(math.NaN())
	for _, c := range []struct {
		windows []Number
		want    bool
	}{
		{nil, false},
		{[]Number{1000, 1000}, false},
		{[]Number{1000, 900, 800}, false},
		{[]Number{3000, 1000, 950, 960}, true},
		{[]Number{1000, 950, 960, 1300}, false},
		{[]Number{1000, nan, 1000}, false},
	} {
		if got := steady(c.windows); got != c.want {
			t.Errorf("%v: steady %t", c.windows, got)
		}
	}
}

// Where the processor time of the broker is not known the latency tells.
func TestWarmingLooksAtTheBroker(t *testing.T) {
	round := someRound(1000, 2)
	if figure, what, _ := warmingFigure(round); what != "p50 of a step" || math.Abs(figure-3000) > 100 {
		t.Errorf("%g (%s)", figure, what)
	}
	round.CPU.BrokerPer1000 = 0.5 // seconds per 1,000 steps: 2.5 s for 2,500 transactions
	if figure, what, _ := warmingFigure(round); what == "p50 of a step" || math.Abs(figure-1000) > 1 {
		t.Errorf("%g (%s)", figure, what)
	}
}

func TestFiguresOfAColdBrokerAreNotTrusted(t *testing.T) {
	r := someResult()
	r.Warmth.Steady = false
	r.Doubts = doubtsOf(r)
	for _, g := range goalsOf(r) {
		if g.State != NotMeasured && !g.Doubtful {
			t.Errorf("%s is not doubtful", g.What)
		}
	}
	if len(r.Doubts) == 0 || r.Doubts[0].Of != "" {
		t.Errorf("doubts: %+v", r.Doubts)
	}
}
