package console

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"rondo/processor"
)

// Node is what the endpoints ask. *processor.Node is one. Status must return
// at once, whatever the node is doing.
type Node interface {
	Status() processor.Status
}

// metricsAtOnce bounds the scrapes that are answered side by side; others get
// a 503 rather than the node's time.
const metricsAtOnce = 4

// contents is what / answers to somebody who looks what is there.
const contents = `GET /metrics   Prometheus metrics
GET /livez     200 while the node's loops turn
GET /readyz    200 when the node decides on all its partitions; else 503 and why
`

// Handler answers /metrics, /livez and /readyz for a node and its metrics, and
// names them at / and, with 404, everywhere else.
func Handler(node Node, metrics prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{MaxRequestsInFlight: metricsAtOnce}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { live(w, node.Status()) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { ready(w, node.Status()) })
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, contents) })
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "there is nothing at "+r.URL.Path+"; there is\n\n"+contents, http.StatusNotFound)
	})
	return mux
}

// WithProfiles adds /debug/pprof to a handler, for this machine only: profiles
// are for who is at work on the node.
func WithProfiles(handler http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", handler)
	mux.HandleFunc("GET /debug/pprof/", local(pprof.Index))
	mux.HandleFunc("GET /debug/pprof/profile", local(pprof.Profile))
	mux.HandleFunc("GET /debug/pprof/trace", local(pprof.Trace))
	return mux
}

// local refuses requests from other machines.
func local(handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			http.Error(w, "profiles are given to this machine only", http.StatusForbidden)
			return
		}
		handle(w, r)
	}
}

// liveness is the body of /livez.
type liveness struct {
	Live   bool   `json:"live"`
	Reason string `json:"reason,omitempty"`
}

func live(w http.ResponseWriter, s processor.Status) {
	body := liveness{Live: s.Live}
	if !s.Live {
		body.Reason = s.Reason
	}
	answer(w, s.Live, body)
}

// readiness is the body of /readyz.
type readiness struct {
	Ready      bool       `json:"ready"`
	Partitions partitions `json:"partitions"`
	Reason     string     `json:"reason,omitempty"`
}

type partitions struct {
	Owned     int `json:"owned"`
	Restoring int `json:"restoring"`
	Running   int `json:"running"`
}

func ready(w http.ResponseWriter, s processor.Status) {
	answer(w, s.Ready, readiness{Ready: s.Ready, Partitions: partitions(s.Partitions), Reason: s.Reason})
}

// answer writes body with 200 where good, else 503. A reader that has gone
// away while it is written is no event.
func answer(w http.ResponseWriter, good bool, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !good {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = w.Write(append(text, '\n'))
}
