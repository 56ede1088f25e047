package console

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rondo/processor"
)

type fixed processor.Status

func (f fixed) Status() processor.Status { return processor.Status(f) }

func get(t *testing.T, node Node, path string) (int, string) {
	t.Helper()
	registry := prometheus.NewRegistry()
	turns := prometheus.NewCounter(prometheus.CounterOpts{Name: "rondo_turns_total", Help: "Turns."})
	turns.Add(3)
	registry.MustRegister(turns)
	w := httptest.NewRecorder()
	Handler(node, registry).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestEndpointsSayHowTheNodeIs(t *testing.T) {
	restoring := fixed{Live: true, Reason: "restoring 2 of 8 partitions", Partitions: processor.PartitionCounts{Owned: 8, Restoring: 2, Running: 6}}
	running := fixed{Live: true, Ready: true, Partitions: processor.PartitionCounts{Owned: 8, Running: 8}}
	stuck := fixed{Reason: "partition 3 has not turned for 2m"}
	for _, tc := range []struct {
		name string
		node fixed
		path string
		code int
		body string
	}{
		{"running is ready", running, "/readyz", 200, `{"ready":true,"partitions":{"owned":8,"restoring":0,"running":8}}`},
		{"restoring is not ready", restoring, "/readyz", 503, `{"ready":false,"partitions":{"owned":8,"restoring":2,"running":6},"reason":"restoring 2 of 8 partitions"}`},
		{"restoring is alive", restoring, "/livez", 200, `{"live":true}`},
		{"a loop that stands still is not alive", stuck, "/livez", 503, `{"live":false,"reason":"partition 3 has not turned for 2m"}`},
		{"metrics", running, "/metrics", 200, "# HELP rondo_turns_total Turns.\n# TYPE rondo_turns_total counter\nrondo_turns_total 3"},
		{"what is there", running, "/", 200, strings.TrimSpace(contents)},
		{"nothing else", running, "/state", 404, "there is nothing at /state; there is\n\n" + strings.TrimSpace(contents)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, body := get(t, tc.node, tc.path)
			if code != tc.code || strings.TrimSpace(body) != tc.body {
				t.Errorf("GET %s = %d %s\nwant %d %s", tc.path, code, body, tc.code, tc.body)
			}
		})
	}
}

func TestOnlyReadingIsAllowed(t *testing.T) {
	w := httptest.NewRecorder()
	Handler(fixed{}, prometheus.NewRegistry()).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/readyz", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST /readyz = %d, want %d", w.Code, http.StatusMethodNotAllowed)
	}
}

func TestProfilesAreForThisMachineOnly(t *testing.T) {
	handler := Handler(fixed{Live: true}, prometheus.NewRegistry())
	ask := func(h http.Handler, from string) int {
		r := httptest.NewRequest(http.MethodGet, "/debug/pprof/heap", nil)
		r.RemoteAddr = from
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	if code := ask(handler, "127.0.0.1:1234"); code != http.StatusNotFound {
		t.Errorf("profiles that nobody switched on: %d", code)
	}
	for from, want := range map[string]int{"127.0.0.1:1234": 200, "[::1]:1234": 200, "10.0.0.7:1234": http.StatusForbidden} {
		if code := ask(WithProfiles(handler), from); code != want {
			t.Errorf("profiles for %s: %d, want %d", from, code, want)
		}
	}
	w := httptest.NewRecorder()
	WithProfiles(handler).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/livez", nil))
	if w.Code != http.StatusOK {
		t.Errorf("beside profiles, /livez: %d", w.Code)
	}
}

func TestServerAnswersUntilItsContextEnds(t *testing.T) {
	s, err := Listen("127.0.0.1:0", Handler(fixed{Live: true}, prometheus.NewRegistry()), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()

	client := &http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get("http://" + s.Address() + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 || string(body) != "{\"live\":true}\n" {
		t.Errorf("GET /livez = %d %q, %v", resp.StatusCode, body, err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	client.CloseIdleConnections()

	stop()
	if err := <-done; err != nil {
		t.Errorf("Run after its context ended: %v", err)
	}
	if _, err := net.DialTimeout("tcp", s.Address(), time.Second); err == nil {
		t.Error("the port is still open after Run returned")
	}
}

func TestAPortInUseIsSaidPlainly(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, err = Listen(l.Addr().String(), http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "change http.listen, or stop what uses the port") {
		t.Errorf("Listen on a used port: %v", err)
	}
	var op *net.OpError
	if !errors.As(err, &op) {
		t.Errorf("the cause is lost: %v", err)
	}
}
