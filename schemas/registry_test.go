package schemas

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

// fakeRegistry answers what a test tells it to, and counts the requests.
type fakeRegistry struct {
	*httptest.Server
	requests atomic.Int64
}

func newFakeRegistry(t *testing.T, answer http.HandlerFunc) *fakeRegistry {
	t.Helper()
	f := &fakeRegistry{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		f.requests.Add(1)
		answer(w, request)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeRegistry) registry(t *testing.T) *Registry {
	t.Helper()
	r, err := NewRegistry(RegistryConfig{URLs: []string{f.URL}, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func answerSchema(w http.ResponseWriter, schema string) {
	_ = json.NewEncoder(w).Encode(map[string]any{"schema": schema})
}

func answerError(w http.ResponseWriter, status, code int) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error_code": code, "message": "told by the test"})
}

func TestRegistryKeepsWhatItHasRead(t *testing.T) {
	f := newFakeRegistry(t, func(w http.ResponseWriter, request *http.Request) {
		if request.URL.Path != "/schemas/ids/7" {
			answerError(w, 404, 40403)
			return
		}
		answerSchema(w, orderSchema)
	})
	r := f.registry(t)
	for range 3 {
		s, err := r.byID(context.Background(), 7)
		if err != nil || s.schema.Name() != "com.acme.shop.OrderPlaced" {
			t.Fatalf("got %v (%v)", s, err)
		}
	}
	if n := f.requests.Load(); n != 1 {
		t.Errorf("%d requests for one schema", n)
	}
}

func TestManyLanesAskForASchemaOnce(t *testing.T) {
	asked, release := make(chan struct{}, 20), make(chan struct{})
	f := newFakeRegistry(t, func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		<-release
		answerSchema(w, `"int"`)
	})
	r := f.registry(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := r.byID(context.Background(), 7); err != nil {
				t.Error(err)
			}
		})
	}
	<-asked
	close(release)
	wg.Wait() // lanes that came after the answer found it in memory
	if n := f.requests.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestUnknownSchemaIsNotAskedForAgainAtOnce(t *testing.T) {
	f := newFakeRegistry(t, func(w http.ResponseWriter, _ *http.Request) { answerError(w, 404, 40403) })
	r := f.registry(t)
	now := time.Unix(1_000_000, 0)
	r.now = func() time.Time { return now }
	ask := func() {
		t.Helper()
		_, err := r.byID(context.Background(), 7)
		var bad *Undecodable
		if !errors.As(err, &bad) || bad.Text != "the schema registry has no schema id 7" || errors.Is(err, ErrRegistryUnavailable) {
			t.Fatalf("got %v", err)
		}
	}
	ask()
	ask()
	if n := f.requests.Load(); n != 1 {
		t.Errorf("%d requests within the pause", n)
	}
	now = now.Add(registryRefusedFor)
	ask()
	if n := f.requests.Load(); n != 2 {
		t.Errorf("%d requests after the pause", n)
	}
}

func TestOnlyTheRegistrysOwnAnswerCounts(t *testing.T) {
	endless := func(w http.ResponseWriter, _ *http.Request) {
		for range 100 {
			if _, err := w.Write([]byte(strings.Repeat(`{"schema":"`, 10_000))); err != nil {
				return
			}
		}
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"500": {func(w http.ResponseWriter, _ *http.Request) { answerError(w, 500, 50001) }, "HTTP 500: told by the test"},
		"503 of a proxy": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>\nno", http.StatusServiceUnavailable)
		}, "HTTP 503: <html>"},
		"429":              {func(w http.ResponseWriter, _ *http.Request) { answerError(w, 429, 42901) }, "HTTP 429"},
		"401":              {func(w http.ResponseWriter, _ *http.Request) { answerError(w, 401, 40101) }, "the login was refused (HTTP 401)"},
		"404 of a proxy":   {http.NotFound, "not found, but not by a schema registry"},
		"404 of the path":  {func(w http.ResponseWriter, _ *http.Request) { answerError(w, 404, 404) }, "not found, but not by a schema registry"},
		"a web page":       {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>hello</html>") }, "unable to decode"},
		"an empty object":  {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }, "without a schema"},
		"without end":      {endless, "unable to decode"},
		"connection ended": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newFakeRegistry(t, c.answer).registry(t).byID(context.Background(), 7)
			var bad *Undecodable
			if !errors.Is(err, ErrRegistryUnavailable) || errors.As(err, &bad) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestRegistryThatComesBackIsAskedAgain(t *testing.T) {
	var down atomic.Bool
	f := newFakeRegistry(t, func(w http.ResponseWriter, _ *http.Request) {
		if down.Load() {
			answerError(w, 500, 50001)
			return
		}
		answerSchema(w, `"int"`)
	})
	down.Store(true)
	r := f.registry(t)
	if _, err := r.byID(context.Background(), 7); !errors.Is(err, ErrRegistryUnavailable) {
		t.Fatalf("got %v", err)
	}
	down.Store(false)
	if _, err := r.byID(context.Background(), 7); err != nil {
		t.Errorf("after it came back: %v", err)
	}
}

func TestRegistryThatIsSlowIsUnavailable(t *testing.T) {
	done := make(chan struct{})
	f := newFakeRegistry(t, func(http.ResponseWriter, *http.Request) { <-done })
	defer close(done)
	r, err := NewRegistry(RegistryConfig{URLs: []string{f.URL}, Timeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.byID(context.Background(), 7); !errors.Is(err, ErrRegistryUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestWaitingForTheRegistryEndsWithTheContext(t *testing.T) {
	done := make(chan struct{})
	f := newFakeRegistry(t, func(http.ResponseWriter, *http.Request) { <-done })
	defer close(done)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := f.registry(t).byID(ctx, 7); !errors.Is(err, context.Canceled) || errors.Is(err, ErrRegistryUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestNextURLIsTriedWhenOneIsDown(t *testing.T) {
	f := newFakeRegistry(t, func(w http.ResponseWriter, _ *http.Request) { answerSchema(w, `"int"`) })
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	r, err := NewRegistry(RegistryConfig{URLs: []string{gone.URL, f.URL}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.byID(context.Background(), 7); err != nil {
		t.Error(err)
	}
}

func TestRegistryLogsInAndChecksTheCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if user, password, _ := request.BasicAuth(); user != "ada" || password != "secret" {
			answerError(w, 401, 40101)
			return
		}
		answerSchema(w, `"int"`)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshake is wanted
	server.StartTLS()
	defer server.Close()
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	ask := func(config RegistryConfig) error {
		config.URLs = []string{server.URL}
		r, err := NewRegistry(config)
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.byID(context.Background(), 7)
		return err
	}
	trust := &tls.Config{RootCAs: pool}
	if err := ask(RegistryConfig{User: "ada", Password: "secret", TLS: trust}); err != nil {
		t.Errorf("with login and certificate: %v", err)
	}
	if err := ask(RegistryConfig{TLS: trust}); !errors.Is(err, ErrRegistryUnavailable) || !strings.Contains(err.Error(), "login") {
		t.Errorf("without login: %v", err)
	}
	if err := ask(RegistryConfig{User: "ada", Password: "secret"}); !errors.Is(err, ErrRegistryUnavailable) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without trust: %v", err)
	}
}

func TestRegistryNeedsAnAddress(t *testing.T) {
	if _, err := NewRegistry(RegistryConfig{}); err == nil {
		t.Error("a registry without URL was made")
	}
}

// referring answers schema 7, which needs acme.Address of the subject "address".
func referring(w http.ResponseWriter, request *http.Request) {
	schema := func(text string, references ...sr.SchemaReference) {
		_ = json.NewEncoder(w).Encode(map[string]any{"schema": text, "references": references})
	}
	switch request.URL.Path {
	case "/schemas/ids/7":
		schema(`{"type":"record","name":"Order","fields":[{"name":"to","type":"acme.Address"},{"name":"in","type":"acme.Country"}]}`,
			sr.SchemaReference{Name: "acme.Address", Subject: "address", Version: 2},
			sr.SchemaReference{Name: "acme.Country", Subject: "country", Version: 1})
	case "/subjects/address/versions/2":
		schema(`{"type":"record","name":"Address","namespace":"acme","fields":[{"name":"country","type":"Country"}]}`,
			sr.SchemaReference{Name: "acme.Country", Subject: "country", Version: 1})
	case "/subjects/country/versions/1":
		schema(`{"type":"enum","name":"Country","namespace":"acme","symbols":["DE"]}`)
	case "/schemas/ids/8":
		schema(`"nowhere"`, sr.SchemaReference{Name: "nowhere", Subject: "nowhere", Version: 1})
	case "/schemas/ids/9":
		schema(`"round"`, sr.SchemaReference{Name: "round", Subject: "round", Version: 1})
	case "/subjects/round/versions/1":
		schema(`"round"`, sr.SchemaReference{Name: "round", Subject: "round", Version: 1})
	default:
		answerError(w, 404, 40402)
	}
}

func TestSchemaThatNeedsOthersIsPutTogether(t *testing.T) {
	r := newFakeRegistry(t, referring).registry(t)
	s, err := r.byID(context.Background(), 7)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"name":"Order","type":"record","fields":[{"name":"to","type":{"name":"acme.Address","type":"record",` +
		`"fields":[{"name":"country","type":{"name":"acme.Country","type":"enum","symbols":["DE"]}}]}},{"name":"in","type":"acme.Country"}]}`
	if s.schema.Canonical() != want {
		t.Errorf("got %s", s.schema.Canonical())
	}
	for id, want := range map[int]string{8: "the schema registry has no subject nowhere version 1", 9: `unknown type "round"`} {
		_, err := r.byID(context.Background(), id)
		var bad *Undecodable
		if !errors.As(err, &bad) || !strings.Contains(bad.Text, want) {
			t.Errorf("schema %d: got %v", id, err)
		}
	}
}

func TestRegistryMemoryIsBounded(t *testing.T) {
	f := newFakeRegistry(t, func(w http.ResponseWriter, request *http.Request) {
		if strings.HasSuffix(request.URL.Path, "0") {
			answerSchema(w, `"int"`)
			return
		}
		answerError(w, 404, 40403)
	})
	r := f.registry(t)
	for id := range 3 * registrySchemasMax {
		r.keep(fmt.Sprint("schema id ", id), &registered{})
		r.keepRefused(fmt.Sprint("schema id ", id), unknownSchema("x"))
	}
	if len(r.schemas) > registrySchemasMax || len(r.refused) > registrySchemasMax {
		t.Errorf("%d schemas and %d refusals in memory", len(r.schemas), len(r.refused))
	}
	if _, err := r.byID(context.Background(), 10); err != nil {
		t.Error(err)
	}
}

func guidHandler(t *testing.T) http.HandlerFunc {
	return func(w http.ResponseWriter, request *http.Request) {
		if request.URL.Path != "/schemas/guids/30313233-3435-3637-3839-616263646566" {
			t.Errorf("asked for %s", request.URL.Path)
		}
		answerSchema(w, orderSchema)
	}
}
