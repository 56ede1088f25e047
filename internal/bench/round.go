package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"rondo/internal/bench/load"
	"rondo/internal/bench/workload"
)

// look is what everything has used until a moment.
type look struct {
	subject      usage
	broker, load float64 // processor seconds; NaN if not known
	machine      processorTime
}

// look looks at everything while a load runs.
func (s *session) look(ctx context.Context, sub subject, loadPID int) (look, error) {
	used, err := sub.usage(ctx)
	return look{subject: used, broker: processTime(s.brokerPID), load: processTime(loadPID), machine: machineTime()}, err
}

// session is a run in progress.
type session struct {
	cfg       Config
	home      string
	id        string // begins all topics of the run
	cluster   *cluster
	brokerPID int
	tags      atomic.Int64
	loads     int
}

// nextTag is a new tag for the ids of a load's cases.
func (s *session) nextTag() string {
	const firstTag = 36 * 36 * 36 // so that all have four letters or digits
	return strconv.FormatInt(firstTag+s.tags.Add(1), 36)
}

// round puts the phases on a subject and measures each.
func (s *session) round(ctx context.Context, sub subject, w *workload.Workload, phases []load.Phase) ([]Round, error) {
	return s.roundTagged(ctx, sub, w, phases, s.nextTag())
}

// roundTagged is round with cases whose ids have a tag.
func (s *session) roundTagged(ctx context.Context, sub subject, w *workload.Workload, phases []load.Phase, tag string) ([]Round, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start a load: %w", err)
	}
	defer read.Close()
	s.loads++
	dir := filepath.Join(s.home, fmt.Sprintf("load-%d", s.loads))
	child, err := spawn(s.cfg.Executable, "the load", dir, []string{"bench", "load"}, write)
	write.Close()
	if err != nil {
		return nil, err
	}
	rounds, err := s.attend(ctx, sub, child, read, load.Spec{
		Brokers: s.cluster.brokers, Workload: w.Name, Prefix: sub.prefix(), Tag: tag, Phases: phases,
	})
	if err != nil {
		return nil, errors.Join(err, child.stop())
	}
	if err := child.process.Err(); err != nil {
		return nil, child.err()
	}
	return rounds, nil
}

// attend tells the load what to do, and listens to it until it ends.
func (s *session) attend(ctx context.Context, sub subject, child *logged, out *os.File, spec load.Spec) ([]Round, error) {
	if err := json.NewEncoder(child.process.Stdin).Encode(spec); err != nil {
		return nil, fmt.Errorf("tell the load what to do: %w", err)
	}
	over := make(chan struct{})
	defer close(over)
	var cause error
	go func() { // what ends the listening before the load ends by itself
		select {
		case <-ctx.Done():
			cause = context.Cause(ctx)
		case <-sub.ended():
			cause = sub.err()
		case <-over:
			return
		}
		out.Close()
	}()
	rounds, err := s.listen(ctx, sub, child, out)
	if err != nil {
		return nil, errors.Join(err, cause)
	}
	return rounds, nil
}

func (s *session) listen(ctx context.Context, sub subject, child *logged, out *os.File) ([]Round, error) {
	var rounds []Round
	var from, until look
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20) // a result has two histograms
	for lines.Scan() {
		var report load.Report
		if err := json.Unmarshal(lines.Bytes(), &report); err != nil {
			return nil, fmt.Errorf("the load says %q: %w", lines.Text(), err)
		}
		var err error
		switch report.Event {
		case load.Measuring:
			from, err = s.look(ctx, sub, child.pid())
		case load.Measured:
			until, err = s.look(ctx, sub, child.pid())
		case load.Finished:
			rounds = append(rounds, roundOf(*report.Result, from, until))
		}
		if err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("listen to the load: %w", err)
	}
	return rounds, nil
}

// roundOf is what was measured between two looks.
func roundOf(r load.Result, from, until look) Round {
	steps := float64(r.Steps)
	per := func(amount, of float64) Number { return Number(amount / of) }
	transactions := until.subject.transactions - from.subject.transactions
	machine := until.machine.total - from.machine.total
	ours := until.subject.cpuSeconds - from.subject.cpuSeconds + until.broker - from.broker + until.load - from.load
	idle, steal := until.machine.idle-from.machine.idle, until.machine.steal-from.machine.steal
	return Round{
		Seconds: r.Seconds, Cases: r.Cases, Steps: r.Steps,
		CasesPerSecond: float64(r.Cases) / r.Seconds, StepsPerSecond: steps / r.Seconds,
		Late: r.Late, Begun: r.Begun, Wrong: r.Wrong, Faults: r.Faults,
		Whole: r.Whole, Step: r.Step,
		CPU: CPU{
			SubjectPer1000: per(1000*(until.subject.cpuSeconds-from.subject.cpuSeconds), steps),
			BrokerPer1000:  per(1000*(until.broker-from.broker), steps),
			LoadPer1000:    per(1000*(until.load-from.load), steps),
			Machine:        1 - per(idle, machine),
			Steal:          per(steal, machine),
			Others:         per(max(machine-idle-steal-ours, 0), machine),
		},
		BytesPerStep:          per(until.subject.sentBytes-from.subject.sentBytes, steps),
		TransactionsPerSecond: per(transactions, r.Seconds),
		RecordsPerTransaction: per(until.subject.records-from.subject.records, transactions),
		RSSBytes:              Number(until.subject.rssBytes),
		HeapBytes:             Number(until.subject.heapBytes),
	}
}

// Number is a measured number; NaN is one that was not measured, which JSON
// has as null.
type Number float64

// MarshalJSON is called by encoding/json.
func (n Number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON is called by encoding/json.
func (n *Number) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	return json.Unmarshal(text, (*float64)(n))
}
