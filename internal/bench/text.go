package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// WriteText writes the result for people.
func (r *Result) WriteText(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "rondo %s on %s, %d cores, %s, %s\n", r.Version, r.Machine.CPU, r.Machine.Cores, r.Machine.OS, r.Machine.Go)
	for _, m := range r.Workloads {
		fmt.Fprintf(w, "\n%s: %s\n", m.Workload, m.Short)
		fmt.Fprintln(w, "load\tsubject\tcases/s\tsteps/s\tp50\tp99\tstep p50\tp99\tp99.9\tCPU µs/step\tbroker\tload\tbytes/step\ttxn/s\trec/txn\tRSS MB\twrong\t")
		for _, p := range m.Phases {
			for _, of := range p.Subjects {
				writeRow(w, p, of)
			}
		}
	}
	return w.Flush()
}

func writeRow(w io.Writer, p Phase, of Of) {
	s := func(number func(Round) float64) float64 { return float64(spread(of.Rounds, number).Median) }
	wrong := int64(0)
	for _, r := range of.Rounds {
		wrong += r.Wrong
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	fmt.Fprintf(w, "%s\t%s\t%.0f\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.1f\t%.1f\t%.1f\t%.0f\t%.0f\t%.1f\t%.0f\t%d\t\n",
		p.Name, of.Subject,
		s(func(r Round) float64 { return r.CasesPerSecond }),
		s(func(r Round) float64 { return r.StepsPerSecond }),
		s(func(r Round) float64 { return ms(r.Whole.Quantile(0.5)) }),
		s(func(r Round) float64 { return ms(r.Whole.Quantile(0.99)) }),
		s(func(r Round) float64 { return ms(r.Step.Quantile(0.5)) }),
		s(func(r Round) float64 { return ms(r.Step.Quantile(0.99)) }),
		s(func(r Round) float64 { return ms(r.Step.Quantile(0.999)) }),
		s(func(r Round) float64 { return 1000 * float64(r.CPU.SubjectPer1000) }),
		s(func(r Round) float64 { return 1000 * float64(r.CPU.BrokerPer1000) }),
		s(func(r Round) float64 { return 1000 * float64(r.CPU.LoadPer1000) }),
		s(func(r Round) float64 { return float64(r.BytesPerStep) }),
		s(func(r Round) float64 { return float64(r.TransactionsPerSecond) }),
		s(func(r Round) float64 { return float64(r.RecordsPerTransaction) }),
		s(func(r Round) float64 { return float64(r.RSSBytes) / (1 << 20) }),
		wrong)
}
