package processor

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
)

// metrics are what a node tells Prometheus. No label holds an instance, a key
// or anything else without bound.
type metrics struct {
	decisions     *prometheus.CounterVec // workflow, outcome
	commands      *prometheus.CounterVec // workflow, message
	incidents     *prometheus.CounterVec // workflow
	deadLetters   *prometheus.CounterVec // reason
	skipped       *prometheus.CounterVec // topic
	letters       *prometheus.CounterVec // workflow, kind
	forwarded     prometheus.Counter
	timersFired   prometheus.Counter
	timersHeld    prometheus.Counter
	timerLateness prometheus.Histogram
	commits       *prometheus.CounterVec // result
	commitSeconds prometheus.Histogram
	commitRecords prometheus.Histogram
	aborts        prometheus.Counter
	takeovers     *prometheus.CounterVec // result
	takeoverTime  prometheus.Histogram
	partitions    *prometheus.GaugeVec // phase
	restoreBehind prometheus.Gauge
	tableLag      *prometheus.GaugeVec   // topic
	tableRefused  *prometheus.CounterVec // topic
	wire          *wireBytes
}

// wireBytes counts what goes to the brokers and comes from them, as a hook of
// the node's clients: whole requests and answers, as they are on the wire.
type wireBytes struct{ sent, received prometheus.Counter }

// OnBrokerWrite is called by the clients after each request.
func (w *wireBytes) OnBrokerWrite(_ kgo.BrokerMetadata, _ int16, bytes int, _, _ time.Duration, _ error) {
	w.sent.Add(float64(bytes))
}

// OnBrokerRead is called by the clients after each answer.
func (w *wireBytes) OnBrokerRead(_ kgo.BrokerMetadata, _ int16, bytes int, _, _ time.Duration, _ error) {
	w.received.Add(float64(bytes))
}

func newMetrics(r prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "rondo", Name: name, Help: help})
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "rondo", Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "rondo", Name: name, Help: help, Buckets: buckets})
	}
	latency := prometheus.ExponentialBuckets(0.00025, 2, 16) // 0.25 ms to 8 s
	m := &metrics{
		decisions:     counters("decisions_total", "Inputs considered, by what became of them.", "workflow", "outcome"),
		commands:      counters("commands_total", "Commands sent.", "workflow", "message"),
		incidents:     counters("incidents_total", "Instances that stopped because of a fault of the definition or the data.", "workflow"),
		deadLetters:   counters("dead_letters_total", "Records that could not be used.", "reason"),
		skipped:       counters("records_skipped_total", "Records of input topics that no definition has a use for.", "topic"),
		letters:       counters("letters_total", "Letters written to instances and desks of a workflow.", "workflow", "kind"),
		forwarded:     counter("records_forwarded_total", "Records sent on through the inbox to the partition of their instance."),
		timersFired:   counter("timers_fired_total", "Timers fired."),
		timersHeld:    counter("timers_hold_exceeded_total", "Times that timers fired although records of another partition might still have been on their way."),
		timerLateness: histogram("timer_lateness_seconds", "How long after it was due a timer fired.", latency),
		commits:       counters("transactions_total", "Kafka transactions, by result.", "result"),
		commitSeconds: histogram("transaction_seconds", "From the first request of a transaction to the broker's word that it is committed.", latency),
		commitRecords: histogram("transaction_records", "Records in a transaction.", prometheus.ExponentialBuckets(1, 2, 14)),
		aborts:        counter("transaction_replays_total", "Aborted transactions whose inputs were decided again."),
		takeovers:     counters("takeovers_total", "Takeovers of a partition, by result.", "result"),
		takeoverTime:  histogram("takeover_seconds", "From the assignment of a partition to its first decision.", prometheus.ExponentialBuckets(0.005, 2, 16)),
		partitions: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "rondo", Name: "partitions", Help: "State partitions of this node, by what they are doing.",
		}, []string{"phase"}),
		restoreBehind: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "rondo", Name: "restore_remaining_records", Help: "Changelog offsets still to be restored on this node.",
		}),
		tableLag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "rondo", Name: "table_lag_records", Help: "Offsets of a table's topic that this node has not read yet.",
		}, []string{"topic"}),
		tableRefused: counters("table_records_refused_total", "Records of a table's topic that cannot be rows: not decodable, or without a key that is text.", "topic"),
	}
	wire := counters("wire_bytes_total", "Bytes of requests to the brokers (sent) and of their answers (received).", "direction")
	m.wire = &wireBytes{sent: wire.WithLabelValues("sent"), received: wire.WithLabelValues("received")}
	r.MustRegister(wire, m.decisions, m.commands, m.incidents, m.deadLetters, m.skipped, m.letters, m.forwarded, m.timersFired,
		m.timersHeld, m.timerLateness, m.commits, m.commitSeconds, m.commitRecords, m.aborts, m.takeovers,
		m.takeoverTime, m.partitions, m.restoreBehind, m.tableLag, m.tableRefused)
	return m
}

// observeCommit counts one transaction.
func (m *metrics) observeCommit(took time.Duration, records int, err error) {
	result := "committed"
	switch {
	case errors.Is(err, ErrAborted):
		result = "aborted"
	case errors.Is(err, ErrFenced):
		result = "fenced"
	case err != nil:
		result = "unknown"
	}
	m.commits.WithLabelValues(result).Inc()
	if err == nil {
		m.commitSeconds.Observe(took.Seconds())
		m.commitRecords.Observe(float64(records))
	}
}

// report adds what a batch did.
func (t tally) report(m *metrics) {
	for d, n := range t.decisions {
		m.decisions.WithLabelValues(d.workflow, d.outcome).Add(float64(n))
	}
	for c, n := range t.commands {
		m.commands.WithLabelValues(c.workflow, c.message).Add(float64(n))
	}
	for reason, n := range t.dead {
		m.deadLetters.WithLabelValues(reason).Add(float64(n))
	}
	for topic, n := range t.skipped {
		m.skipped.WithLabelValues(topic).Add(float64(n))
	}
	for workflow, n := range t.faults {
		m.incidents.WithLabelValues(workflow).Add(float64(n))
	}
	for l, n := range t.letters {
		m.letters.WithLabelValues(l.workflow, l.kind).Add(float64(n))
	}
	m.forwarded.Add(float64(t.forwarded))
	m.timersFired.Add(float64(t.fired))
	for _, late := range t.lateness {
		m.timerLateness.Observe(max(late, 0).Seconds())
	}
}
