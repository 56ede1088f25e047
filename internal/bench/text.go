package bench

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"rondo/internal/bench/loop"
)

// WriteText writes the result for people.
func (r *Result) WriteText(to io.Writer) error {
	var b bytes.Buffer
	r.writeHead(&b)
	for _, m := range r.Workloads {
		writeMeasured(&b, m)
	}
	if r.Soak != nil {
		fmt.Fprintf(&b, "\n%s\n", r.Soak)
	} else {
		writeGoals(&b, r.Goals)
	}
	writeDoubts(&b, r.Doubts)
	_, err := to.Write(b.Bytes())
	return err
}

func (r *Result) writeHead(b *bytes.Buffer) {
	m := r.Machine
	fmt.Fprintf(b, "rondo   %s, %s\n", r.Version, r.At.Format(time.RFC3339))
	fmt.Fprintf(b, "machine %s, %d cores, %.0f GB, %s %s, %s\n", m.CPU, m.Cores, m.MemoryBytes/1e9, m.OS, m.Kernel, m.Go)
	fmt.Fprintf(b, "broker  %s\n", r.Broker)
	fmt.Fprintf(b, "rounds  %d, after a warm-up of %s; medians\n", r.Rounds, r.Warmth)
}

func writeMeasured(b *bytes.Buffer, m Measured) {
	fmt.Fprintf(b, "\n%s: %s\ncompare with %s\n", m.Workload, m.Short, m.Compares)
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, line := range [][]string{
		{"", "", "", "", "rounds", "to the", "case ms", "", "step ms", "", "", "CPU µs/step", "", "", "to Kafka", "", "", "memory MB", ""},
		{"load", "subject", "cases/s", "steps/s", "differ by", "ring", "p50", "p99", "p50", "p99", "p99.9", "subject", "broker", "load", "B/step", "txn/s", "rec/txn", "RSS", "heap"},
	} {
		fmt.Fprintln(w, "  "+strings.Join(line, "\t")+"\t")
	}
	for _, p := range m.Phases {
		for _, of := range p.Subjects {
			fmt.Fprintln(w, "  "+strings.Join(rowOf(p, of), "\t")+"\t")
		}
	}
	_ = w.Flush() // into memory: it does not fail
}

// rowOf are the figures of a subject under one kind of load.
func rowOf(p Phase, of Of) []string {
	figure := func(format string, number func(Round) float64) string {
		return decimal(format, float64(spread(of.Rounds, number).Median))
	}
	steps := spread(of.Rounds, func(r Round) float64 { return r.StepsPerSecond })
	row := []string{
		p.Name, of.Subject,
		figure("%.0f", func(r Round) float64 { return r.CasesPerSecond }),
		decimal("%.0f", float64(steps.Median)),
		decimal("%.0f %%", 100*float64((steps.Max-steps.Min)/steps.Median)),
		decimal("%.2f", float64(steps.Median/ringOf(p))),
	}
	for _, q := range []float64{0.5, 0.99} {
		row = append(row, figure("%.2f", func(r Round) float64 { return milliseconds(r.Whole, q) }))
	}
	for _, q := range []float64{0.5, 0.99, 0.999} {
		row = append(row, figure("%.2f", func(r Round) float64 { return milliseconds(r.Step, q) }))
	}
	return append(row,
		figure("%.1f", func(r Round) float64 { return 1000 * float64(r.CPU.SubjectPer1000) }),
		figure("%.1f", func(r Round) float64 { return 1000 * float64(r.CPU.BrokerPer1000) }),
		figure("%.1f", func(r Round) float64 { return 1000 * float64(r.CPU.LoadPer1000) }),
		figure("%.0f", func(r Round) float64 { return float64(r.BytesPerStep) }),
		figure("%.0f", func(r Round) float64 { return float64(r.TransactionsPerSecond) }),
		figure("%.1f", func(r Round) float64 { return float64(r.RecordsPerTransaction) }),
		figure("%.0f", func(r Round) float64 { return float64(r.RSSBytes) / (1 << 20) }),
		figure("%.0f", func(r Round) float64 { return float64(r.HeapBytes) / (1 << 20) }),
	)
}

// ringOf is the ring loop's throughput under the same load; NaN without one, and
// in an open loop, where all do the same.
func ringOf(p Phase) Number {
	for _, of := range p.Subjects {
		if of.Subject == string(loop.Ring) && p.Rate == 0 {
			return spread(of.Rounds, func(r Round) float64 { return r.StepsPerSecond }).Median
		}
	}
	return Number(math.NaN())
}

// decimal is a number, or a dash for what was not measured.
func decimal(format string, number float64) string {
	if math.IsNaN(number) || math.IsInf(number, 0) {
		return "-"
	}
	return fmt.Sprintf(format, number)
}

func writeGoals(b *bytes.Buffer, goals []Goal) {
	fmt.Fprintf(b, "\nGoals (set for real Kafka, one broker, two cores):\n")
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  goal\tmeasured\tmust\taim\t")
	for _, g := range goals {
		sign := "≥"
		if g.Most {
			sign = "≤"
		}
		verdict := string(g.State)
		if g.Doubtful {
			verdict += ", but see below"
		}
		unit := ""
		if g.Unit != "" {
			unit = " " + g.Unit
		}
		fmt.Fprintf(w, "  %s\t%s\t%s %s%s\t%s %s%s\t%s\n", g.What, decimal("%.4g", float64(g.Value)), sign, decimal("%g", g.Must), unit, sign, decimal("%g", g.Aim), unit, verdict)
	}
	_ = w.Flush() // into memory: it does not fail
}

// writeDoubts says each doubt once, and of what it is.
func writeDoubts(b *bytes.Buffer, doubts []Doubt) {
	if len(doubts) == 0 {
		return
	}
	fmt.Fprintf(b, "\nNot to be trusted, or not without a thought:\n")
	var kinds []string
	of := map[string][]string{}
	for _, d := range doubts {
		if _, ok := of[d.What]; !ok {
			kinds = append(kinds, d.What)
		}
		how := strings.TrimSpace(d.Of)
		if d.How != "" {
			how = strings.TrimSpace(how + " (" + d.How + ")")
		}
		of[d.What] = append(of[d.What], how)
	}
	for _, what := range kinds {
		fmt.Fprintf(b, "  - %s\n", what)
		if list := strings.Join(of[what], ", "); list != "" {
			fmt.Fprintf(b, "    %s\n", list)
		}
	}
}
