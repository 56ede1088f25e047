package schemas

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
	"golang.org/x/sync/singleflight"
)

// RegistryConfig says where the schema registry is and how to log in.
type RegistryConfig struct {
	// URLs of the registry, "https://registry:8081"; the next one is tried when
	// one cannot be reached. At least one.
	URLs []string
	// User and Password for basic authentication; User "" sends none.
	User, Password string
	// TLS is used for https; nil trusts what the system trusts.
	TLS *tls.Config
	// Timeout of one request, 5 s by default. A lane waits as long before it is
	// told that the registry does not answer.
	Timeout time.Duration
}

const (
	registryTimeout       = 5 * time.Second
	registryAnswerBytes   = 4 << 20          // an answer that is longer is cut, and then unreadable
	registrySchemasMax    = 4096             // held in memory; more are fetched again
	registryRefusedFor    = 10 * time.Second // a schema that the registry did not have is not asked for again
	registryReferencesMax = 100              // other schemas that one schema may need
)

// Registry reads schemas from a Confluent-compatible schema registry and keeps
// what it has read: a schema never changes under its id. It never registers
// one. It may be used by many goroutines.
type Registry struct {
	client *sr.Client
	now    func() time.Time
	flight singleflight.Group // one request for a schema that many lanes want

	mu      sync.Mutex
	schemas map[string]*registered
	refused map[string]refusal
}

// registered is what the registry has under an id.
type registered struct {
	id     int
	kind   sr.SchemaType
	schema *Schema // nil unless kind is sr.TypeAvro
}

// refusal is a schema that the registry does not have, or that cannot be used.
type refusal struct {
	since time.Time
	err   *Undecodable
}

// NewRegistry returns a registry. It does not connect: the first schema that is
// needed does.
func NewRegistry(config RegistryConfig) (*Registry, error) {
	if len(config.URLs) == 0 {
		return nil, errors.New("schema registry: no URL is given")
	}
	timeout := config.Timeout
	if timeout == 0 {
		timeout = registryTimeout
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = config.TLS
	options := []sr.ClientOpt{
		sr.URLs(slices.Clone(config.URLs)...),
		sr.UserAgent("rondo"),
		sr.HTTPClient(&http.Client{Timeout: timeout, Transport: cutAnswers{transport}}),
	}
	if config.User != "" {
		options = append(options, sr.BasicAuth(config.User, config.Password))
	}
	client, err := sr.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("schema registry: %w", err)
	}
	return &Registry{
		client: client, now: time.Now,
		schemas: map[string]*registered{}, refused: map[string]refusal{},
	}, nil
}

// cutAnswers keeps an answer without end from filling the memory.
type cutAnswers struct{ next http.RoundTripper }

func (c cutAnswers) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := c.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(response.Body, registryAnswerBytes), response.Body}
	return response, nil
}

// byID returns the schema with an id. An *Undecodable says that there is none
// or that it cannot be used; any other error wraps ErrRegistryUnavailable, or
// is that of ctx.
func (r *Registry) byID(ctx context.Context, id int) (*registered, error) {
	return r.get(ctx, fmt.Sprintf("schema id %d", id), func(ctx context.Context) (int, sr.Schema, error) {
		s, err := r.client.SchemaByID(ctx, id)
		return id, s, err
	})
}

// byGUID is byID for the 16 bytes that newer serializers put into a header.
func (r *Registry) byGUID(ctx context.Context, guid string) (*registered, error) {
	return r.get(ctx, "schema "+guid, func(ctx context.Context) (int, sr.Schema, error) {
		s, err := r.client.SchemaByGUID(ctx, guid)
		return s.ID, s.Schema, err
	})
}

// peek is byID without asking the registry.
func (r *Registry) peek(id int) *registered { return r.cached(fmt.Sprintf("schema id %d", id)) }

// latest returns the newest schema of a subject; it is asked for each time.
func (r *Registry) latest(ctx context.Context, subject string) (*registered, error) {
	s, err := r.client.SchemaByVersion(ctx, subject, -1)
	if err != nil {
		return nil, failure("subject "+subject, err)
	}
	return r.parse(ctx, s.ID, s.Schema, "subject "+subject)
}

// find returns the id under which one of the subjects has the schema text;
// ok is false if none has it.
func (r *Registry) find(ctx context.Context, text []byte, subjects ...string) (id int, ok bool, err error) {
	for _, subject := range subjects {
		s, err := r.client.LookupSchema(ctx, subject, sr.Schema{Schema: string(text), Type: sr.TypeAvro})
		if err == nil {
			return s.ID, true, nil
		}
		if err := failure("subject "+subject, err); !isUndecodable(err) {
			return 0, false, err
		}
	}
	return 0, false, nil
}

func isUndecodable(err error) bool {
	var undecodable *Undecodable
	return errors.As(err, &undecodable)
}

func (r *Registry) get(ctx context.Context, what string, ask func(context.Context) (int, sr.Schema, error)) (*registered, error) {
	if s := r.cached(what); s != nil {
		return s, nil
	}
	if err := r.wasRefused(what); err != nil {
		return nil, err
	}
	// The request belongs to all who wait for it, so none of them cancels it.
	// It ends by itself: by the timeout of the client.
	asked := r.flight.DoChan(what, func() (any, error) {
		if s := r.cached(what); s != nil { // another's request has ended since we looked
			return s, nil
		}
		return r.ask(context.WithoutCancel(ctx), what, ask)
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case answer := <-asked:
		if answer.Err != nil {
			return nil, answer.Err
		}
		return answer.Val.(*registered), nil
	}
}

func (r *Registry) ask(ctx context.Context, what string, ask func(context.Context) (int, sr.Schema, error)) (*registered, error) {
	id, text, err := ask(ctx)
	if err != nil {
		err = failure(what, err)
	}
	var s *registered
	if err == nil {
		s, err = r.parse(ctx, id, text, what)
	}
	var refused *Undecodable
	switch {
	case err == nil:
		r.keep(what, s)
	case errors.As(err, &refused):
		r.keepRefused(what, refused)
	}
	return s, err
}

// parse makes the registry's answer usable.
func (r *Registry) parse(ctx context.Context, id int, text sr.Schema, what string) (*registered, error) {
	if text.Schema == "" {
		return nil, fmt.Errorf("%w: it answered %s without a schema; is the address right?", ErrRegistryUnavailable, what)
	}
	if text.Type != sr.TypeAvro {
		return &registered{id: id, kind: text.Type}, nil
	}
	others, err := r.references(ctx, text.References)
	if err != nil {
		return nil, err
	}
	schema, err := ParseSchema([]byte(text.Schema), others...)
	if err != nil {
		return nil, undecodable("%s cannot be used: %v", what, err)
	}
	return &registered{id: id, kind: text.Type, schema: schema}, nil
}

// references fetches the schemas that a schema names, and those that they name.
func (r *Registry) references(ctx context.Context, list []sr.SchemaReference) ([]*Schema, error) {
	f := referenceFetch{registry: r, done: map[string]bool{}}
	if err := f.fetch(ctx, list); err != nil {
		return nil, err
	}
	return f.schemas, nil
}

type referenceFetch struct {
	registry *Registry
	done     map[string]bool
	schemas  []*Schema // each after those that it needs
}

func (f *referenceFetch) fetch(ctx context.Context, list []sr.SchemaReference) error {
	for _, ref := range list {
		what := fmt.Sprintf("subject %s version %d", ref.Subject, ref.Version)
		if f.done[what] {
			continue
		}
		f.done[what] = true
		if len(f.done) > registryReferencesMax {
			return undecodable("a schema that needs more than %d others", registryReferencesMax)
		}
		s, err := f.registry.client.SchemaByVersion(ctx, ref.Subject, ref.Version)
		if err != nil {
			return failure(what, err)
		}
		if err := f.fetch(ctx, s.References); err != nil {
			return err
		}
		parsed, err := ParseSchema([]byte(s.Schema.Schema), f.schemas...)
		if err != nil {
			return undecodable("%s cannot be used: %v", what, err)
		}
		f.schemas = append(f.schemas, parsed)
	}
	return nil
}

func unknownSchema(what string) *Undecodable {
	return undecodable("the schema registry has no %s", what)
}

// failure tells what the registry knows not to have from what it could not
// tell. Only the registry's own "not found" (a code from 40401 on) is an
// answer about the schema: a 404 of a proxy, or of a wrong address, is not.
func failure(what string, err error) error {
	var answer *sr.ResponseError
	if !errors.As(err, &answer) {
		return fmt.Errorf("%w: %s: %w", ErrRegistryUnavailable, what, err)
	}
	switch code := answer.StatusCode; {
	case code == http.StatusNotFound && answer.ErrorCode/100 == http.StatusNotFound:
		return unknownSchema(what)
	case code == http.StatusNotFound:
		return fmt.Errorf("%w: %s: not found, but not by a schema registry; is the address %s right, and does it know such requests?",
			ErrRegistryUnavailable, what, answer.URL)
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return fmt.Errorf("%w: %s: the login was refused (HTTP %d): check user and password", ErrRegistryUnavailable, what, code)
	default:
		return fmt.Errorf("%w: %s: HTTP %d: %s", ErrRegistryUnavailable, what, code, firstLine(answer.Error()))
	}
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return shorten(line, 200)
}

func (r *Registry) cached(what string) *registered {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.schemas[what]
}

func (r *Registry) wasRefused(what string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	refused, ok := r.refused[what]
	if !ok || r.now().Sub(refused.since) >= registryRefusedFor {
		return nil
	}
	return refused.err
}

// keep and keepRefused forget everything when there is too much: the ids come
// from records, so anybody can name any number of them.
func (r *Registry) keep(what string, s *registered) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.schemas) >= registrySchemasMax {
		clear(r.schemas)
	}
	r.schemas[what] = s
}

func (r *Registry) keepRefused(what string, err *Undecodable) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.refused) >= registrySchemasMax {
		clear(r.refused)
	}
	r.refused[what] = refusal{since: r.now(), err: err}
}
