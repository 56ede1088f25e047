package loop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// serve serves /metrics and /readyz until ctx ends.
func (l *loop) serve(ctx context.Context) error {
	listener, err := net.Listen("tcp", l.spec.Listen)
	if err != nil {
		return fmt.Errorf("loop: listen: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(l.registry(), promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /readyz", l.readyz)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("loop: serve the metrics: %w", err)
	}
	return nil
}

func (l *loop) readyz(w http.ResponseWriter, _ *http.Request) {
	select {
	case <-l.ready:
		fmt.Fprintln(w, "ok")
	default:
		http.Error(w, "the partitions are not assigned yet", http.StatusServiceUnavailable)
	}
}

// registry has what an engine's metrics have of the same meaning, under the same
// names, and what it reads and writes.
func (l *loop) registry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), l.counters.sizes)
	add := func(name, help, result string, value func(Stats) int64) {
		opts := prometheus.CounterOpts{Namespace: "rondo", Name: name, Help: help}
		if result != "" {
			opts.ConstLabels = prometheus.Labels{"result": result}
		}
		r.MustRegister(prometheus.NewCounterFunc(opts, func() float64 { return float64(value(l.counters.now())) }))
	}
	const transactions = "Kafka transactions, by result."
	add("transactions_total", transactions, "committed", func(s Stats) int64 { return s.Transactions })
	add("transactions_total", transactions, "aborted", func(s Stats) int64 { return s.Aborts })
	add("loop_records_read_total", "Records read and answered.", "", func(s Stats) int64 { return s.RecordsIn })
	add("loop_records_written_total", "Records written.", "", func(s Stats) int64 { return s.RecordsOut })
	add("loop_records_unrouted_total", "Records read that no route answers.", "", func(s Stats) int64 { return s.Unrouted })
	add("loop_bytes_read_total", "Bytes of keys, values and headers of the records read.", "", func(s Stats) int64 { return s.BytesIn })
	add("loop_bytes_written_total", "Bytes of keys, values and headers of the records written.", "", func(s Stats) int64 { return s.BytesOut })
	add("loop_bytes_sent_total", "Bytes sent to the brokers.", "", func(s Stats) int64 { return s.BytesSent })
	add("loop_bytes_received_total", "Bytes received from the brokers.", "", func(s Stats) int64 { return s.BytesReceived })
	return r
}

func newSizes() prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: "rondo", Name: "transaction_records", Help: "Records in a transaction.", Buckets: prometheus.ExponentialBuckets(1, 2, 14),
	})
}
